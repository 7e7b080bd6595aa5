"""The index of sessions against a plain search of all files, whatever happens to the files and to the index in between."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from alpi.state.search import SessionIndex
from alpi.state.search.files import IndexFiles
from alpi.state.search.turns import read_talk
from alpi.state.search.words import TOKEN, folded, line_of, parse_query
from tests.support.talks import header, plain_search, said

WORDS = (
    "birthday",
    "birthdays",
    "partner",
    "cumpleaños",
    "CUMPLEANOS",
    "the",
    "my",
    "año",
    "x1",
    "foo-bar",
    "生日快乐",
    "déjà",
    "a",
)
text = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
lines = st.one_of(
    st.tuples(st.just("user"), text),
    st.tuples(st.sampled_from(["user", "assistant", "tool"]), text),
    st.tuples(st.sampled_from(["torn", "broken", "summary", "header", "peer", "blank"]), text),
)
changes = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 3), st.lists(lines, min_size=1, max_size=4)),
    st.tuples(st.just("append"), st.integers(0, 3), st.lists(lines, min_size=1, max_size=4)),
    st.tuples(
        st.sampled_from(["truncate", "overwrite", "overwrite", "unask", "replace", "remove", "empty"]),
        st.integers(0, 3),
        st.integers(0, 1 << 20),
    ),
    st.tuples(st.sampled_from(["flip", "cut", "lose"]), st.integers(0, 3), st.integers(0, 1 << 20)),
    st.tuples(st.just("wipe"), st.just(0), st.just(0)),
)
queries = st.one_of(
    text,
    text.map(lambda words: f'"{words}"'),
    st.sampled_from(["birth*", "partner birthday", '"my partner" the', "生日", "cumpleano"]),
)


def indexed(folder: Path) -> set[bytes]:
    """Every word that is in the index."""
    files = IndexFiles(folder)
    segments = [files.open_segment(row) for row in files.read_table().segments]
    return {
        word for segment in segments if segment for line in segment.lines(0, segment.row.turns) for word in line.split()
    }


def existing(folder: Path) -> set[bytes]:
    """Every word of the sessions that may be there."""
    talks = [read_talk(path.read_bytes()) for path in folder.glob("*.jsonl")]
    return {word for talk in talks for turn in talk.turns for word in turn.line().split()}


begun = st.lists(st.lists(lines, max_size=5), max_size=4)
steps = st.lists(
    st.tuples(st.lists(changes, max_size=4), queries, st.sampled_from([1, 2, 50]), st.booleans(), st.integers(-1, 3)),
    min_size=1,
    max_size=12,
)


def written(kind: str, words: str, number: int) -> bytes:
    """One line of a session's file."""
    if kind in ("user", "assistant", "tool"):
        return said(kind, f"m{number}", words, hours=number % 4)
    line = said("user", f"m{number}", words)
    return {
        "torn": line[: len(line) // 2],
        "broken": b'{"record": "message", ' + words.encode() + b"\n",
        "summary": line.replace(b'"message"', b'"summary"'),
        "header": header("h", version=2),
        "peer": header("p", surface="peer"),
        "blank": b"\n",
    }[kind]


class Files:
    """What happens to the sessions and the index of one example."""

    def __init__(self, folder: Path) -> None:
        self.sessions, self.index = folder / "sessions", folder / "index"
        self.sessions.mkdir()
        self._numbers = itertools.count(1)

    def change(self, kind: str, which: int, what: object) -> None:
        path = self.sessions / f"s{which}.jsonl"
        if kind in ("flip", "cut", "lose"):
            parts = sorted(self.index.glob("*")) if self.index.is_dir() else []
            if not parts:
                return
            path = parts[which % len(parts)]
        if kind == "wipe":
            shutil.rmtree(self.index, ignore_errors=True)
            return
        if kind == "append":
            assert isinstance(what, list)
            old = path.read_bytes() if path.exists() else header(f"s{which}")
            path.write_bytes(old + b"".join(written(*line, next(self._numbers)) for line in what))
        elif path.exists():
            assert isinstance(what, int)
            damage(kind, path, what)
        if path.exists():  # each change shows, as it does where times are fine enough
            os.utime(path, ns=(0, 1_600_000_000_000_000_000 + next(self._numbers)))


def damage(kind: str, path: Path, at: int) -> None:
    data = path.read_bytes()
    at %= len(data) + 1
    if kind in ("truncate", "cut"):
        os.truncate(path, at)
    elif kind == "flip" and data:
        path.write_bytes(data[: at - 1] + bytes([data[at - 1] ^ 1]) + data[at:] if at else data)
    elif kind == "overwrite":
        place = data.find(b"partner") if at % 2 else data.rfind(b"partner")
        path.write_bytes(data[:place] + b"holiday" + data[place + 7 :] if place >= 0 else data)
    elif kind == "unask":
        place = data.rfind(b'"user"')
        path.write_bytes(data[:place] + b'"tool"' + data[place + 6 :] if place >= 0 else data)
    elif kind == "replace":
        other = path.with_suffix(".new")
        other.write_bytes(data[:at] + said("user", "new", "partner birthday") + data[at:])
        other.replace(path)
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()


@settings(max_examples=2 * settings().max_examples)
@given(begun=begun, steps=steps, full=st.sampled_from([1, 150, 8 << 20]))
def test_it_finds_what_a_plain_search_finds(
    begun: list[list[tuple[str, str]]],
    steps: list[tuple[list[tuple[str, int, object]], str, int, bool, int]],
    full: int,
    folder: Path,
) -> None:
    base = folder / "case"
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    files = Files(base)
    for number, content in enumerate(begun):
        files.change("append", number, content)
    one, other = (SessionIndex(files.sessions, files.index, tick=0, full=full) for _ in range(2))
    for happened, query, limit, fresh, exclude in steps:
        for change in happened:
            files.change(*change)
        index = SessionIndex(files.sessions, files.index, tick=0, full=full) if fresh else one
        found = index.search(query, limit, exclude=f"s{exclude}")
        assert [(hit.session, hit.message) for hit in found] == plain_search(
            files.sessions, query, limit, f"s{exclude}"
        )
        if not (files.sessions / f"s{exclude}.jsonl").exists():
            assert indexed(files.index) <= existing(files.sessions), "text that was removed stayed in the index"
        one, other = other, one


@given(words=st.text(), more=st.text())
def test_a_line_is_words_between_spaces(words: str, more: str) -> None:
    line = line_of([words, more], [more])
    assert line.startswith(b" ")
    assert line.endswith(b" \n")
    assert line.count(b"\n") == line.count(b"\x01") == 1
    assert b"  " not in line.replace(b" \x01 ", b"|")
    assert folded(words) == folded(words.upper()) or words.upper().lower() != words.lower()


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_short_way_for_ascii_is_the_long_one(words: str) -> None:
    assert folded(words) == " ".join(TOKEN.findall(words.casefold())).encode()


@given(words=st.lists(st.text(alphabet="abcdefé1", min_size=1, max_size=9), min_size=1, max_size=5))
def test_each_word_and_the_phrase_of_a_text_find_it(words: list[str]) -> None:
    line = line_of([" ".join(words)], [])
    for query in (*words, " ".join(words), f'"{" ".join(words)}"', f"{words[0][:2]}*"):
        assert parse_query(query).score(line, 0, len(line)) is not None
