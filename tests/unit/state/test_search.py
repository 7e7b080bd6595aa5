"""The index of sessions: what it reads, what it keeps, what it gives back, and that nothing makes it wrong."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from alpi.base.errors import SessionError, StorageError
from alpi.state.search import SessionIndex
from alpi.state.search.files import IndexFiles
from tests.support.talks import BEGIN, header, plain_search, put, said


class Place:
    """A folder of sessions and its index."""

    def __init__(self, folder: Path) -> None:
        self.sessions, self.folder = folder / "sessions", folder / "index"
        self.index = SessionIndex(self.sessions, self.folder, tick=0)
        self.read: list[int] = []

    def put(self, id: str, *turns: tuple[str, str], hours: float = 0, surface: str = "chat") -> Path:
        return put(self.sessions, id, *turns, hours=hours, surface=surface)

    def find(self, query: str, limit: int = 10, exclude: str = "") -> list[str]:
        """The messages that are found. ``read`` then holds how many sessions were read for it."""
        self.read = [0]
        hits = self.index.search(query, limit, exclude, progress=lambda done, of: self.read.append(of))
        found = [hit.message for hit in hits]
        assert found == [message for _, message in plain_search(self.sessions, query, limit, exclude)]
        return found

    def text(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.folder.iterdir()))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_best_come_first(place: Place) -> None:
    place.put("s1", ("birthday cake", "yes"), ("cakes", "for birthdays"), ("only cake", "no"), hours=1)
    place.put("s2", ("birthday", "and a cake"), ("my dog", "is fine"), hours=9)
    assert place.find("birthday cake") == ["s2-0q", "s1-0q", "s1-1q", "s1-2q"]
    assert place.find("birthday cake", limit=1) == ["s2-0q"]
    assert place.find('"birthday cake"') == ["s1-0q"]
    assert place.find("") == ["s2-1q", "s2-0q", "s1-2q", "s1-1q", "s1-0q"]
    assert place.find("nothing") == []


def test_a_hit_shows_where_it_is(place: Place) -> None:
    place.put("s1", ("how\nare you?", "fine"), ("bake a cake", "with pleasure " * 100), surface="telegram")
    [hit] = place.index.search("cake")
    assert (hit.session, hit.title, hit.surface, hit.message) == ("s1", "how are you?", "telegram", "s1-1q")
    assert hit.time.timestamp() == BEGIN.timestamp() + 3600
    assert hit.question == "bake a cake"
    assert hit.answer.startswith("with pleasure")
    assert len(hit.answer) <= 302
    assert hit.seen == ""


def test_only_what_is_new_is_read(place: Place) -> None:
    paths = [place.put(f"s{n}", ("cake", "one"), ("pie", "two")) for n in range(5)]
    assert len(place.find("cake")) == 5
    assert place.read[-1] == 5
    place.find("cake")
    assert place.read == [0]
    with paths[2].open("ab") as file:
        file.write(said("user", "more", "cake and tea", 9))
    assert place.find("tea") == ["more"]
    assert place.read[-1] == 1
    table = IndexFiles(place.folder).read_table()
    [row] = [row for row in table.rows if row.name == "s2"]
    assert [run.count for run in row.runs] == [1, 2], "the turns before the last were read again"
    os.utime(paths[0])
    place.find("cake")
    assert place.read[-1] == 1
    fresh = SessionIndex(place.sessions, place.folder, tick=0)
    told: list[int] = []
    fresh.search("cake", progress=lambda done, of: told.append(of))
    assert told == []


def test_the_session_that_is_going_on_is_neither_found_nor_read(place: Place) -> None:
    place.put("s1", ("cake", "one"))
    place.put("s2", ("cake", "two"))
    assert place.find("cake", exclude="s2") == ["s1-0q"]
    assert place.read[-1] == 1
    assert place.find("cake") == ["s2-0q", "s1-0q"]


def test_sessions_of_peers_are_not_found(tmp_path: Path) -> None:
    for number, surface in enumerate(("chat", "peer", "alp", "peer:nas", "peers")):
        put(tmp_path / "sessions", f"s{number}", ("cake", surface), surface=surface)
    index = SessionIndex(tmp_path / "sessions", tmp_path / "index")
    assert {hit.surface for hit in index.search("cake")} == {"chat", "peers"}
    with pytest.raises(SessionError, match="there is no session 's1'"):
        index.window("s1")
    other = SessionIndex(tmp_path / "sessions", tmp_path / "index", hidden=lambda surface: surface != "peer")
    assert {hit.surface for hit in other.search("cake")} == {"peer"}


def test_what_is_removed_leaves_the_index(place: Place) -> None:
    for n in range(3):
        place.put(f"s{n}", (f"cake first{n}", "one"), (f"pie last{n}", "two"))
    place.find("cake")
    assert all(f"{word}{n}".encode() in place.text() for word in ("first", "last") for n in range(3))
    (place.sessions / "s0.jsonl").unlink()
    place.find("cake")
    assert b"first0" not in place.text()
    assert b"last0" not in place.text()
    for number, word in ((1, b"first1"), (2, b"last2")):
        path = place.sessions / f"s{number}.jsonl"
        path.write_bytes(path.read_bytes().replace(word, b"gone"))
        place.find("cake")
        assert word not in place.text()
    assert b"last1" in place.text()
    assert b"first2" in place.text()


def test_a_hit_that_is_gone_before_it_is_shown(place: Place) -> None:
    place.put("s1", ("cake", "one"))
    place.put("s2", ("cake", "two"))
    place.find("cake")

    def search(change: Callable[[], object]) -> list[str]:
        changes = [change]

        def stopped() -> bool:  # asked after the index was brought up to date
            if changes:
                changes.pop()()
            return False

        return [hit.message for hit in place.index.search("cake", stopped=stopped)]

    assert search((place.sessions / "s1.jsonl").unlink) == ["s2-0q"]
    assert search(lambda: place.put("s2", ("pie", "two"), ("cake", "three"))) == ["s2-1q"]
    assert search(lambda: place.put("s2", ("pie", "two"))) == []


def test_what_fits_better_comes_before_what_is_newer(place: Place) -> None:
    place.put("s1", ("cake", "one"))
    place.put("s2", ("cakes", "two"), ("pie", "x"), hours=5)
    place.put("s3", ("pie", "cake"), ("pie", "y"), hours=9)
    assert place.find("cake", limit=2) == ["s3-0q", "s1-0q"]
    assert place.find("cakes", limit=1) == ["s2-0q"]
    assert place.find("the cake pie", limit=1) == ["s3-0q"]
    place.put("t1", ("same", "time"))
    place.put("t2", ("same", "time"))
    for _ in range(2):
        assert place.find("same", limit=1) == ["t2-0q"]
        (place.sessions / "t1.jsonl").touch()


def test_a_session_that_only_goes_on_costs_no_rewriting(place: Place) -> None:
    one, two = place.put("s1", ("cake", "one")), place.put("s2", ("cake", "one"), ("pie", "two"))
    place.find("cake")
    files = IndexFiles(place.folder)
    [first] = files.read_table().segments
    for path in (one, two):
        with path.open("ab") as file:
            file.write(said("user", f"{path.stem}-more", "tea", 9))
    assert place.find("tea") == ["s2-more", "s1-more"]
    assert first in files.read_table().segments
    one.write_bytes(one.read_bytes().replace(b"cake", b"soup"))
    assert place.find("soup") == ["s1-0q"]
    assert first not in files.read_table().segments


def test_its_files_are_for_the_owner_alone_and_few(place: Place) -> None:
    for n in range(40):
        place.put(f"s{n}", ("cake", "one"))
        place.find("cake", limit=50)
    files = list(place.folder.iterdir())
    assert place.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert len(files) <= 12


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone", "longer"])
def test_a_damaged_file_of_the_index_is_made_anew(place: Place, damage: str, fresh: bool) -> None:
    for n in range(3):
        place.put(f"s{n}", (f"cake {n}", "one"))
        place.find("cake")
    for path in sorted(place.folder.iterdir()):
        data = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            at = len(data) // 2
            damaged = {
                "flip": data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :] if data else b"",
                "cut": data[:at],
                "empty": b"",
                "longer": data + b"x",
            }
            path.write_bytes(damaged[damage])
        if fresh:
            place.index = SessionIndex(place.sessions, place.folder, tick=0)
        assert place.find("cake") == ["s2-0q", "s1-0q", "s0-0q"]


def test_no_damaged_byte_goes_unseen(place: Place) -> None:
    place.put("s1", ("cake", "pie"), ("tea", "milk"))
    place.find("cake")
    whole = {path: path.read_bytes() for path in place.folder.iterdir() if path.name != "lock"}
    for damaged, data in whole.items():
        for at in range(0, len(data), 3):
            for path in list(place.folder.iterdir()):
                path.unlink()
            for path, content in whole.items():
                path.write_bytes(content)
            damaged.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            fresh = SessionIndex(place.sessions, place.folder)
            assert [[hit.message for hit in fresh.search(word)] for word in ("cake", "milk")] == [["s1-0q"], ["s1-1q"]]


def test_a_session_that_was_edited_and_went_on(place: Place) -> None:
    path = place.put("s1", ("cake", "one"), ("pie", "two"), ("tea", "three"))
    assert place.find("cake") == ["s1-0q"]
    path.write_bytes(path.read_bytes().replace(b"cake", b"soup") + said("user", "more", "milk", 9))
    assert (place.find("soup"), place.find("cake"), place.find("milk")) == (["s1-0q"], [], ["more"])


def test_a_question_that_was_taken_out_by_hand(place: Place) -> None:
    path = place.put("s1", ("cake", "one"), ("pie", "two"), ("tea", "three"))
    assert place.find("tea") == ["s1-2q"]
    head, _, tail = path.read_bytes().rpartition(b'"role": "user"')
    path.write_bytes(head + b'"role": "tool"' + tail)
    assert place.find("tea") == ["s1-1q"]


def test_odd_files_break_nothing(place: Place) -> None:
    place.put("good", ("cake", "yes"))
    (place.sessions / "empty.jsonl").touch()
    (place.sessions / "binary.jsonl").write_bytes(b"\xff\x00" * 100)
    (place.sessions / "deep.jsonl").write_bytes(b"[" * 100_000)
    (place.sessions / "old.jsonl").write_bytes(header("old", version=2) + said("user", "o", "cake"))
    (place.sessions / "halves.jsonl").write_bytes(
        header("h")
        + b'{"record":"message","role":"user","id":"h","time":"2026-10-01T12:00:00Z","text":"cake \\ud800"}\n'
    )
    (place.sessions / "early.jsonl").write_bytes(
        header("e")
        + said("user", "e", "cake").replace(b"2026-", b"0001-")
        + said("user", "e", "cake").replace(b"+00:00", b"")
    )
    (place.sessions / "folder.jsonl").mkdir()
    (place.sessions / "link.jsonl").symlink_to("nowhere")
    os.mkfifo(place.sessions / "pipe.jsonl")
    (place.sessions / os.fsdecode(b"\xff.jsonl")).write_bytes(header("f") + said("user", "f", "cake"))
    found = {hit.message for hit in place.index.search("cake")}
    assert {"good-0q", "e"} <= found <= {"good-0q", "e", "h"}
    assert {hit.message for hit in SessionIndex(place.sessions, place.folder).search("cake")} == found


def test_a_window_over_what_is_left_of_a_session(place: Place) -> None:
    path = place.put("s1", ("one", "a"), ("two", "b"), ("three", "c"))
    window = place.index.window("s1", "s1-1a", around=1)
    assert [turn.question for turn in window.turns] == ["one", "two", "three"]
    assert (window.middle, window.before, window.after, window.title) == (1, 0, 0, "one")
    window = place.index.window("s1", around=0)
    assert ([turn.question for turn in window.turns], window.before, window.after) == (["three"], 2, 0)
    path.write_bytes(header("s1"))
    with pytest.raises(SessionError, match="session s1 is empty"):
        place.index.window("s1")
    place.put("s2", ("one", "a"))
    with pytest.raises(SessionError, match="2 sessions begin with 's'"):
        place.index.window("s")


def test_stopping_keeps_what_was_read(place: Place) -> None:
    for n in range(20):
        place.put(f"s{n:02}", ("cake", "one"))
    asked = iter([False] * 10 + [True] * 20)
    with pytest.raises(SessionError, match="stopped"):
        place.index.search("cake", stopped=lambda: next(asked))
    assert len(place.find("cake", limit=30)) == 20
    assert place.read[-1] == 10


def test_a_folder_that_cannot_be_written_is_said(place: Place) -> None:
    place.put("s1", ("cake", "one"))
    place.folder.write_text("in the way")
    with pytest.raises(StorageError):
        place.index.search("cake")


def test_two_threads_and_two_indexes_at_once(place: Place) -> None:
    for n in range(60):
        place.put(f"s{n}", ("cake", "one"), hours=n)
    found: list[list[str]] = []

    def search() -> None:
        index = SessionIndex(place.sessions, place.folder, full=200)
        for _ in range(3):
            found.append([hit.message for hit in index.search("cake", limit=3)])
            os.utime(place.sessions / "s5.jsonl")

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["s59-0q", "s58-0q", "s57-0q"]] * 9


def test_dates_are_those_of_the_question(place: Place) -> None:
    place.put("s1", ("cake", "one"), ("cake", "two"), ("cake", "three"))
    since, until = (datetime.fromtimestamp(BEGIN.timestamp() + 3600 * hours).astimezone() for hours in (1, 2))
    assert [hit.message for hit in place.index.search("cake", since=since, until=until)] == ["s1-1q"]
    assert [hit.message for hit in place.index.search("", since=until)] == ["s1-2q"]
