from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from alpi.base.errors import Refused, StorageError, UsageError
from alpi.state.kept import ABSENT, content_hash
from alpi.state.undo import Kept, Limits, State, Turn, UndoStore
from tests.support.fakes import FakeClock

DAY = 86400.0


class Desk:
    """A workspace, a store, and tools that keep before they write."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.workspace = folder / "work"
        self.workspace.mkdir(exist_ok=True)
        self.clock = FakeClock()
        self.store = UndoStore(folder / "undo", self.clock, limits)

    def change(
        self, turn: str, name: str, data: bytes | None, planned: bool = False, session: str = "s1"
    ) -> Kept | str:
        path = self.workspace / name
        before = path.read_bytes() if path.exists() else None
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        plan = content_hash(data) if planned else ""
        kept = self.store.keep(turn, session, path, before, mode, "write_file", plan)
        put(path, data, mode)
        if isinstance(kept, Kept):
            self.store.done(kept, content_hash(data))
        return kept

    def states(self, turn: Turn) -> dict[str, State]:
        return {plan.path.name: plan.state for plan in self.store.plan(turn)}

    def holds(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.workspace.iterdir()}


def put(path: Path, data: bytes | None, mode: int) -> None:
    if data is None:
        path.unlink()
        return
    fresh = not path.exists()
    path.write_bytes(data)
    if fresh:
        path.chmod(mode)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_turn_comes_back_byte_for_byte(desk: Desk) -> None:
    before = {"a": b"old\r\n\xff\x00", "gone": b"deleted"}
    for name, data in before.items():
        (desk.workspace / name).write_bytes(data)
    (desk.workspace / "gone").chmod(0o750)
    desk.change("t1", "a", b"new")
    desk.change("t1", "new", b"made")
    desk.change("t1", "gone", None)
    turn = desk.store.newest()
    assert turn is not None
    assert desk.states(turn) == dict.fromkeys(("a", "new", "gone"), State.RESTORABLE)
    result = desk.store.restore(turn, put)
    assert (len(result.files), result.left) == (3, ())
    assert desk.holds() == before
    assert stat.S_IMODE((desk.workspace / "gone").stat().st_mode) == 0o750
    assert desk.states(turn) == dict.fromkeys(("a", "new", "gone"), State.SAME)


def test_several_changes_of_a_file_in_a_turn_are_one(desk: Desk) -> None:
    (desk.workspace / "a").write_bytes(b"1")
    for data in (b"2", b"3", None, b"4"):
        desk.change("t1", "a", data)
    [turn] = desk.store.turns()
    desk.store.restore(turn, put)
    assert desk.holds() == {"a": b"1"}


def test_undo_goes_back_turn_by_turn_and_can_be_undone(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.change(f"t{number}", "a", b"%d" % number)
        desk.clock.go_on(60)
    ids = []
    for left in (b"2", b"1", None):
        turn = desk.store.newest()
        assert turn is not None
        ids.append(desk.store.restore(turn, put).turn)
        desk.clock.go_on(60)
        assert desk.holds() == ({"a": left} if left else {})
    assert desk.store.newest() is None
    assert [turn.undone for turn in desk.store.turns()] == [False, False, False, True, True, True]
    desk.store.restore(desk.store.turn(ids[-1]), put)
    assert desk.holds() == {"a": b"1"}
    newest = desk.store.newest()
    assert newest is not None
    assert newest.id == "t1"


def test_a_file_that_changed_since_is_only_restored_when_named(desk: Desk) -> None:
    for name in ("a", "b"):
        (desk.workspace / name).write_bytes(b"old")
        desk.change("t1", name, b"alpi's")
    (desk.workspace / "a").write_bytes(b"mine")
    [turn] = desk.store.turns()
    assert desk.states(turn) == {"a": State.CHANGED, "b": State.RESTORABLE}
    result = desk.store.restore(turn, put)
    assert desk.holds() == {"a": b"mine", "b": b"old"}
    assert [path.name for path, _ in result.left] == ["a"]
    assert not desk.store.turn("t1").undone
    forced = desk.store.restore(turn, put, [desk.workspace / "a"])
    assert desk.holds() == {"a": b"old", "b": b"old"}
    desk.store.restore(desk.store.turn(forced.turn), put)
    assert desk.holds()["a"] == b"mine"


def test_work_of_somebody_else_in_the_middle_of_a_turn_is_what_comes_back(desk: Desk) -> None:
    desk.change("t1", "a", b"alpi 1")
    (desk.workspace / "a").write_bytes(b"mine")
    desk.change("t1", "a", b"alpi 2")
    [turn] = desk.store.turns()
    desk.store.restore(turn, put)
    assert desk.holds() == {"a": b"mine"}


def test_stopped_between_keep_and_write_nothing_has_happened(desk: Desk) -> None:
    path = desk.workspace / "a"
    path.write_bytes(b"old")
    desk.store.keep("t1", "s1", path, b"old", 0o644, "write_file")
    [turn] = desk.store.turns()
    assert desk.states(turn) == {"a": State.SAME}
    path.write_bytes(b"somebody's")
    assert desk.states(turn) == {"a": State.CHANGED}


def test_stopped_between_write_and_done_the_plan_tells_whose_it_is(desk: Desk) -> None:
    path = desk.workspace / "a"
    path.write_bytes(b"old")
    desk.store.keep("t1", "s1", path, b"old", 0o644, "write_file", content_hash(b"new"))
    path.write_bytes(b"new")
    [turn] = desk.store.turns()
    assert desk.states(turn) == {"a": State.RESTORABLE}
    desk.store.restore(turn, put)
    assert path.read_bytes() == b"old"


def test_a_torn_journal_keeps_what_was_acknowledged(desk: Desk) -> None:
    desk.change("t1", "a", b"1")
    journal = desk.store.folder / "turns" / "t1.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"record":"kee')
    assert desk.store.turn("t1").changes[0].path == desk.workspace / "a"
    desk.change("t1", "b", b"2")
    assert len(desk.store.turn("t1").changes) == 2
    journal.write_bytes(b"\n".join(journal.read_bytes().split(b"\n")[1:]))
    assert desk.store.turns() == []


def test_a_content_that_is_gone_or_spoiled_is_not_restored(desk: Desk) -> None:
    (desk.workspace / "a").write_bytes(b"old")
    desk.change("t1", "a", b"new")
    [turn] = desk.store.turns()
    object_path = desk.store.folder / "objects" / content_hash(b"old")
    object_path.write_bytes(b"bad")
    assert desk.states(turn) == {"a": State.GONE}
    object_path.unlink()
    assert desk.states(turn) == {"a": State.GONE}
    result = desk.store.restore(turn, put, [desk.workspace / "a"])
    assert (result.turn, result.files) == ("", ())
    assert desk.holds() == {"a": b"new"}


def test_links_are_never_followed(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"secret")
    (desk.workspace / "sub").mkdir()
    for name in ("a", "sub/a"):
        (desk.workspace / name).write_bytes(b"old")
        desk.change("t1", name, b"new")
    (desk.workspace / "a").unlink()
    (desk.workspace / "a").symlink_to(outside / "a")
    (desk.workspace / "sub").rename(desk.workspace / "moved")
    (desk.workspace / "sub").symlink_to(outside)
    [turn] = desk.store.turns()
    plans = desk.store.plan(turn)
    assert [plan.state for plan in plans] == [State.CHANGED, State.CHANGED]
    assert ["link" in plan.detail for plan in plans] == [True, True]
    assert not any("secret" in plan.diff for plan in plans)
    result = desk.store.restore(turn, put, [change.path for change in turn.changes])
    assert (result.files, len(result.left)) == ((), 2)
    assert (outside / "a").read_bytes() == b"secret"


def test_one_file_that_cannot_be_written_does_not_hold_up_the_others(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        (desk.workspace / name).write_bytes(b"old")
        desk.change("t1", name, b"new")

    def guarded(path: Path, data: bytes | None, mode: int) -> None:
        if path.name == "b":
            raise Refused("b may not be written")
        if path.name == "c":
            raise PermissionError(13, "Permission denied")
        put(path, data, mode)

    [turn] = desk.store.turns()
    result = desk.store.restore(turn, guarded)
    assert desk.holds() == {"a": b"old", "b": b"new", "c": b"new"}
    assert [(path.name, why.partition(" ")[0]) for path, why in result.left] == [("b", "b"), ("c", "[Errno")]
    assert desk.store.restore(turn, put).left == ()


def test_a_file_too_large_is_not_kept_and_the_reason_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(total=1000, file=100))
    assert "too large" in desk.store.too_large(101)
    assert desk.store.too_large(100) == ""
    (desk.workspace / "a").write_bytes(b"x" * 101)
    assert "too large to be kept" in str(desk.change("t1", "a", b"y"))
    assert desk.store.turns() == []


def test_one_turn_cannot_fill_more_than_there_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(total=250, file=100))
    for number in range(4):
        (desk.workspace / str(number)).write_bytes(b"%d" % number * 100)
    kept = [desk.change("t1", str(number), b"") for number in range(4)]
    assert [isinstance(one, Kept) for one in kept] == [True, True, False, False]
    assert "more than is kept" in str(kept[3])
    assert len(desk.store.turn("t1").changes) == 2


def test_a_restore_of_what_is_now_too_large_leaves_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(total=1000, file=100))
    path = desk.workspace / "a"
    path.write_bytes(b"old")
    desk.change("t1", "a", b"x" * 500)
    [turn] = desk.store.turns()
    assert desk.states(turn) == {"a": State.RESTORABLE}
    assert "too large" in desk.store.restore(turn, put).left[0][1]
    assert len(path.read_bytes()) == 500


def test_the_oldest_turns_go_whole_when_it_is_full(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(total=500, file=200))
    for number in range(8):
        (desk.workspace / "a").write_bytes(b"%d" % number * 100)
        desk.change(f"t{number}", "a", b"x")
        desk.clock.go_on(1)
    assert [turn.id for turn in desk.store.turns()] == ["t7", "t6", "t5", "t4", "t3"]
    objects = list((desk.store.folder / "objects").iterdir())
    assert sum(path.stat().st_size for path in objects) <= 500


def test_what_is_old_goes_and_what_two_turns_share_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for turn in ("t1", "t2"):
        (desk.workspace / turn).write_bytes(b"shared")
        desk.change(turn, turn, b"new")
        desk.clock.go_on(20 * DAY)
    leftover = desk.store.folder / "objects" / ".x.tmp"
    leftover.write_bytes(b"an interrupted write")
    assert desk.store.prune() == 1
    assert desk.store.prune() == 0
    assert [turn.id for turn in desk.store.turns()] == ["t2"]
    assert not leftover.exists()
    desk.store.restore(desk.store.turn("t2"), put)
    assert desk.holds()["t2"] == b"shared"


def test_everything_is_private_and_stored_once(desk: Desk) -> None:
    for name in ("a", "b"):
        (desk.workspace / name).write_bytes(b"same")
        desk.change("t1", name, b"new")
    files = [path for path in desk.store.folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in [desk.store.folder, *desk.store.folder.glob("*/")]} == {0o700}
    assert len(list((desk.store.folder / "objects").iterdir())) == 1


def test_names_that_are_no_text_and_diffs(desk: Desk) -> None:
    name = os.fsdecode(b"odd\xff\n.txt")
    (desk.workspace / name).write_bytes(b"one\ntwo\n")
    (desk.workspace / "bin").write_bytes(b"\x00\x01")
    desk.change("t1", name, b"one\n2")
    desk.change("t1", "bin", b"text")
    desk.change("t1", "new", b"made\n")
    [turn] = desk.store.turns()
    odd, binary, new = desk.store.plan(turn)
    assert odd.path == desk.workspace / name
    assert odd.diff.endswith(" one\n-2\n\\ No newline at end of file\n+two\n")
    assert binary.diff == f"{desk.workspace / 'bin'}: 4 bytes -> 2 bytes\n"
    assert new.diff.splitlines()[1:] == ["+++ /dev/null", "@@ -1 +0,0 @@", "-made"]
    desk.store.restore(turn, put)
    assert desk.holds() == {name: b"one\ntwo\n", "bin": b"\x00\x01"}


def test_turns_are_found_by_session_and_by_the_beginning_of_their_name(desk: Desk) -> None:
    desk.change("20261123-aa", "a", b"1", session="s1")
    desk.change("20261123-ab", "b", b"1", session="s2")
    assert [turn.id for turn in desk.store.turns("s2")] == ["20261123-ab"]
    newest = desk.store.newest("s1")
    assert newest is not None
    assert newest.id == "20261123-aa"
    assert desk.store.turn("20261123-ab").session == "s2"
    for wrong in ("", "20261123", "x", "../x"):
        with pytest.raises(UsageError):
            desk.store.turn(wrong)


def test_wrong_names_do_not_reach_the_disk(desk: Desk) -> None:
    for turn in ("../x", "", "a/b", ".x", "x" * 81):
        with pytest.raises(UsageError):
            desk.store.keep(turn, "s1", desk.workspace / "a", None, 0o644, "t")
    with pytest.raises(UsageError):
        desk.store.keep("t1", "s1", Path("a"), None, 0o644, "t")


def test_a_full_disk_raises_before_anything_is_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        desk.store.keep("t1", "s1", desk.workspace / "a", b"old", 0o644, "t")
    monkeypatch.undo()
    assert desk.store.turns() == []
    assert content_hash(None) == ABSENT
