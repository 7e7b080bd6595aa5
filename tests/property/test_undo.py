"""The undo store against a naive model: whatever turns did to the files, going back gives each byte back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpi.state.kept import content_hash
from alpi.state.undo import Kept, Limits, State, Turn, UndoStore
from tests.support.fakes import FakeClock

FAST = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
Files = dict[str, bytes]
DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where flushing costs nothing; that it is flushed is proved in tests/crash."""

names = st.sampled_from(["a", "b", "c"])
contents = st.one_of(st.none(), st.binary(max_size=40))
turns = st.lists(st.lists(st.tuples(names, contents), min_size=1, max_size=4), min_size=1, max_size=4)


class Desk:
    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.clock = FakeClock()
        self.store = UndoStore(folder / "undo", self.clock, limits)

    def put(self, path: Path, data: bytes | None, mode: int = 0o644) -> None:
        if data is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(data)

    def turn(self, id: str, changes: list[tuple[str, bytes | None]]) -> bool:
        """One turn of tools. False: not everything could be kept."""
        whole = True
        for name, data in changes:
            path = self.work / name
            before = path.read_bytes() if path.exists() else None
            kept = self.store.keep(id, "s1", path, before, 0o644, "t")
            self.put(path, data)
            if isinstance(kept, Kept):
                self.store.done(kept, content_hash(data))
            else:
                whole = False
        self.clock.go_on(60)
        return whole

    def back(self, turn: Turn) -> str:
        done = self.store.restore(turn, self.put)
        assert done.left == ()
        self.clock.go_on(60)
        return done.turn

    def files(self) -> Files:
        return {path.name: path.read_bytes() for path in self.work.iterdir()}


@FAST
@given(turns)
def test_going_back_turn_by_turn_and_forth_again(history: list[list[tuple[str, bytes | None]]]) -> None:
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        desk = Desk(Path(folder).resolve())
        model: list[Files] = [desk.files()]
        for number, changes in enumerate(history):
            assert desk.turn(f"t{number}", changes)
            model.append(desk.files())
        undos = []
        for expected in reversed(model[:-1]):
            turn = desk.store.turn(f"t{len(model) - 2 - len(undos)}")
            undos.append(desk.back(turn))
            assert desk.files() == expected
        for number, undo in enumerate(reversed(undos)):
            if undo:  # a turn that changed nothing in the end made no undo
                desk.back(desk.store.turn(undo))
            assert desk.files() == model[number + 1]


@FAST
@given(turns, st.dictionaries(names, contents))
def test_somebody_elses_work_is_never_overwritten(
    history: list[list[tuple[str, bytes | None]]], others: dict[str, bytes | None]
) -> None:
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        desk = Desk(Path(folder).resolve())
        for number, changes in enumerate(history):
            desk.turn(f"t{number}", changes)
        for name, data in others.items():
            desk.put(desk.work / name, data)
        now = desk.files()
        turn = desk.store.turns()[0]
        left = {change.path.name: change.mine for change in turn.changes}
        plans = {plan.path.name: plan.state for plan in desk.store.plan(turn)}
        desk.store.restore(turn, desk.put)
        after = desk.files()
        for name in ("a", "b", "c"):
            if name not in left or content_hash(now.get(name)) not in left[name]:
                assert after.get(name) == now.get(name)
                assert plans.get(name) in (None, State.CHANGED, State.SAME)


@FAST
@given(st.lists(st.tuples(names, st.binary(min_size=10, max_size=60)), min_size=5, max_size=25))
def test_it_never_holds_more_than_it_may_and_what_it_lists_comes_back(changes: list[tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        desk = Desk(Path(folder).resolve(), Limits(total=150, file=50))
        states: dict[str, Files] = {}
        kept: dict[str, bool] = {}
        for number, (name, data) in enumerate(changes):
            states[f"t{number}"] = desk.files()
            kept[f"t{number}"] = desk.turn(f"t{number}", [(name, data)])
            objects = (desk.store.folder / "objects").glob("*")
            assert sum(path.stat().st_size for path in objects) <= 150
        listed = desk.store.turns()
        for turn in listed:
            if not kept[turn.id] or listed[0].id != f"t{len(changes) - 1}":
                break
            if any(plan.state is not State.RESTORABLE for plan in desk.store.plan(turn)):
                break
            [change] = turn.changes
            content = states[turn.id].get(change.path.name)
            assert content_hash(content) == change.before
            assert content is None or (desk.store.folder / "objects" / change.before).read_bytes() == content
