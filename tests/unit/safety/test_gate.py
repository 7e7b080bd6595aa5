"""The gate: the worst part decides, a person is asked where that can help, nobody to ask means no, and no question is put twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alpi.agent.surface import Unattended
from alpi.base.errors import Refused, StorageError
from alpi.safety.actions import (
    Action,
    Answer,
    Asker,
    CallServer,
    Decision,
    ReadPath,
    RunCommand,
    Verdict,
    WritePath,
)
from alpi.safety.gate import Gate, Ruling
from alpi.safety.paths import PathGuard
from alpi.safety.tiers import Tier
from tests.support.fakes import Kept, Person, Rules, Undone
from tests.support.stage import in_loop


def judge(command: str, folder: Path) -> Verdict:
    """A judge of commands by their first letter."""
    if command.startswith("a"):
        return Verdict(Tier.SAFE, "harmless")
    if command.startswith("b"):
        return Verdict(
            Tier.CAUTION, f"{command} may matter", f"run {command.split()[0]}", f"running {command.split()[0]}"
        )
    if command.startswith("c"):
        return Verdict(Tier.CAUTION, f"{command} must be looked at each time")
    return Verdict(Tier.DANGEROUS, f"{command} is dangerous")


@dataclass
class Place:
    folder: Path
    kept: Kept = field(default_factory=Kept)
    rules: Rules = field(default_factory=Rules)
    undone: Undone = field(default_factory=Undone)

    def __post_init__(self) -> None:
        self.home, self.workspace = self.folder / "home", self.folder / "ws"
        for made in (self.home / ".alpi", self.workspace):
            made.mkdir(parents=True)
        self.guard = PathGuard(self.workspace, self.home, self.home / ".alpi", self.home / ".alpi")
        self.gate = self.new_gate()

    def new_gate(self) -> Gate:
        """A gate of another session of the same profile."""
        return Gate(self.guard, judge, self.kept, self.rules, self.undone)

    async def permit(self, asker: Asker, *actions: Action, gate: Gate | None = None, tool: str = "tool") -> Decision:
        return await (gate or self.gate).permit(tool, actions, asker, self.workspace)

    def run(self, command: str) -> RunCommand:
        return RunCommand(command, self.workspace)

    @property
    def outside(self) -> WritePath:
        return WritePath(self.home / "notes" / "a.txt", "+x")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@in_loop
async def test_what_is_safe_is_neither_asked_nor_recorded(place: Place) -> None:
    person = Person()
    decision = await place.permit(
        person, ReadPath(place.workspace / "a"), WritePath(place.workspace / "a"), place.run("a")
    )
    assert (decision.allowed, decision.tier, decision.grants) == (True, Tier.SAFE, frozenset())
    assert person.questions == []
    assert place.kept.rulings == []


@in_loop
async def test_what_is_dangerous_is_refused_without_a_question(place: Place) -> None:
    person = Person(Answer.ONCE)
    for action in (ReadPath(place.home / ".ssh/id_rsa"), WritePath(place.workspace / ".git/config"), place.run("x")):
        decision = await place.permit(person, action)
        assert (decision.allowed, decision.tier) == (False, Tier.DANGEROUS)
        assert decision.reason.startswith("refused: ")
        assert decision.reason.endswith("Nothing lifts this")
    assert person.questions == []
    assert [ruling.decision for ruling in place.kept.rulings] == ["refused"] * 3


@in_loop
async def test_nobody_watching_means_no(place: Place) -> None:
    decision = await place.permit(Unattended("cron"), place.outside)
    assert (decision.allowed, decision.answer) == (False, Answer.NO)
    assert "nobody is watching" in decision.reason
    assert place.kept.rulings == [
        Ruling(
            "cron", "tool", f"write {place.home / 'notes/a.txt'}", Tier.CAUTION, f"write {place.home}/notes/",
            "refused: nobody is watching", f"~/notes/a.txt is outside the workspace {place.workspace}",
        )
    ]  # fmt: skip


@in_loop
async def test_a_no_is_a_no_and_tells_the_model_to_leave_it(place: Place) -> None:
    person = Person(Answer.NO)
    decision = await place.permit(person, place.outside)
    assert not decision.allowed
    assert "the person said no; do not try it another way" in decision.reason
    (question,) = person.questions
    assert question.what == f"Write {place.home / 'notes/a.txt'}"
    assert question.preview == "+x"
    assert question.folder == str(place.workspace)
    assert question.scope_text == "writing files in ~/notes"


@in_loop
async def test_once_is_once(place: Place) -> None:
    person = Person(Answer.ONCE, Answer.NO)
    assert (await place.permit(person, place.outside)).allowed
    assert not (await place.permit(person, place.outside)).allowed
    assert [ruling.decision for ruling in place.kept.rulings] == ["once", "no"]


@in_loop
async def test_for_the_session_covers_its_scope_and_is_not_asked_again(place: Place) -> None:
    person = Person(Answer.SESSION)
    assert (await place.permit(person, place.run("build it"))).allowed
    for command in ("build it", "build that too"):
        decision = await place.permit(person, place.run(command))
        assert decision.allowed
    assert len(person.questions) == 1
    assert [ruling.decision for ruling in place.kept.rulings] == ["session", "covered: session", "covered: session"]
    # Nobody needs to watch any more for what was allowed; another session knows nothing of it.
    assert (await place.permit(Unattended("x"), place.run("build again"))).allowed
    assert not (await place.permit(Unattended("x"), place.run("build"), gate=place.new_gate())).allowed
    assert place.kept.approved == set()


@in_loop
async def test_another_folder_is_another_question(place: Place) -> None:
    person = Person(Answer.SESSION, Answer.NO)
    assert (await place.permit(person, place.outside)).allowed
    assert (await place.permit(person, WritePath(place.home / "notes" / "b.txt"))).allowed
    assert not (await place.permit(person, WritePath(place.home / "notes" / "deep" / "b.txt"))).allowed
    assert len(person.questions) == 2


@in_loop
async def test_always_outlives_the_session(place: Place) -> None:
    person = Person(Answer.ALWAYS)
    assert (await place.permit(person, place.run("build"))).allowed
    assert person.questions[0].always
    assert place.kept.approved == {"run build"}
    assert (await place.permit(Unattended("x"), place.run("build"), gate=place.new_gate())).allowed
    assert place.kept.rulings[-1].decision == "covered: always"


@in_loop
async def test_where_the_machine_forbids_always_it_is_not_offered_not_kept_and_not_heeded(tmp_path: Path) -> None:
    place = Place(tmp_path, rules=Rules(may_approve_always=False), kept=Kept(approved={"run build"}))
    person = Person(Answer.ALWAYS)
    assert not (await place.permit(Unattended("x"), place.run("build"))).allowed
    assert (await place.permit(person, place.run("bake"))).allowed
    assert not person.questions[0].always
    assert place.kept.approved == {"run build"}


@in_loop
async def test_what_has_no_scope_is_asked_each_time(place: Place) -> None:
    person = Person(Answer.SESSION, Answer.ALWAYS, Answer.NO)
    assert (await place.permit(person, place.run("c"))).allowed
    assert (await place.permit(person, place.run("c"))).allowed
    assert not (await place.permit(person, place.run("c"))).allowed
    assert [question.scope_text for question in person.questions] == [""] * 3
    assert not any(question.always for question in person.questions)
    assert place.kept.approved == set()


@in_loop
async def test_the_worst_part_decides_and_nobody_is_asked_about_the_rest(place: Place) -> None:
    person = Person(Answer.ONCE, Answer.ONCE)
    decision = await place.permit(person, place.outside, place.run("b"), place.run("x"))
    assert not decision.allowed
    assert person.questions == []
    person = Person(Answer.ONCE, Answer.NO)
    decision = await place.permit(person, place.run("a"), place.outside, place.run("b"))
    assert not decision.allowed
    assert len(person.questions) == 2


@in_loop
async def test_questions_are_put_one_at_a_time_and_an_answer_for_all_is_not_asked_for_again(place: Place) -> None:
    asked: list[str] = []
    answer = asyncio.Event()

    class Slow(Person):
        async def ask(self, question: object) -> Answer:  # type: ignore[override]
            asked.append("?")
            await answer.wait()
            return Answer.SESSION

    person = Slow()
    calls = [asyncio.create_task(place.permit(person, place.run(f"build {n}"))) for n in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert asked == ["?"]
    answer.set()
    assert all(decision.allowed for decision in await asyncio.gather(*calls))
    assert asked == ["?"]


@in_loop
async def test_a_cancelled_question_leaves_the_way_free(place: Place) -> None:
    waiting = Person()
    call = asyncio.create_task(place.permit(waiting, place.outside))
    await waiting.asked.wait()
    call.cancel()
    await asyncio.wait({call})
    assert (await place.permit(Person(Answer.ONCE), place.outside)).allowed


@in_loop
async def test_a_tool_that_the_machine_switches_off_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, rules=Rules(refused=frozenset({"terminal"})))
    decision = await place.permit(Person(Answer.ONCE), place.run("a"), tool="terminal")
    assert (decision.allowed, decision.tier) == (False, Tier.DANGEROUS)
    assert "switched off" in decision.reason
    assert (await place.permit(Person(), place.run("a"), tool="other")).allowed


@in_loop
async def test_what_cannot_be_written_down_is_not_permitted(tmp_path: Path) -> None:
    class Full(Kept):
        def record(self, ruling: Ruling) -> None:
            raise StorageError("the disk is full")

    place = Place(tmp_path, kept=Full())
    with pytest.raises(StorageError):
        await place.permit(Person(Answer.ONCE), place.outside)


@in_loop
async def test_a_change_that_could_not_be_taken_back_is_asked_about(tmp_path: Path) -> None:
    place = Place(tmp_path, undone=Undone(most=10))
    large = place.workspace / "large"
    large.write_bytes(b"x" * 11)
    person = Person(Answer.ONCE)
    assert (await place.permit(person, WritePath(large))).allowed
    assert "too many to be kept" in person.questions[0].why
    assert not (await place.permit(Unattended("x"), WritePath(large))).allowed


# -- the files that a permission opens -----------------------------------------------------------------------------------


@in_loop
async def test_a_permission_opens_exactly_what_was_asked_about(place: Place) -> None:
    decision = await place.permit(Person(Answer.ONCE), place.outside)
    files = place.gate.files(decision, "write_file", "turn")
    files.write(place.home / "notes" / "a.txt", b"x")
    assert (place.home / "notes" / "a.txt").read_bytes() == b"x"
    for other in ("notes/b.txt", "notes/a.txt/x", "other.txt", "notes2/a.txt"):
        with pytest.raises((Refused, StorageError)):
            files.write(place.home / other, b"x")
    with pytest.raises(Refused):
        place.gate.files(await place.permit(Person()), "t", "t").write(place.home / "notes" / "a.txt", b"y")


@in_loop
async def test_a_permission_for_the_session_opens_its_folder_to_later_calls(place: Place) -> None:
    await place.permit(Person(Answer.SESSION), place.outside)
    later = place.gate.files(Decision(True, Tier.SAFE, ""), "write_file", "turn")
    later.write(place.home / "notes" / "b.txt", b"x")
    with pytest.raises(Refused):
        later.write(place.home / "notes" / "deep" / "b.txt", b"x")
    with pytest.raises(Refused):
        place.new_gate().files(Decision(True, Tier.SAFE, ""), "t", "t").write(place.home / "notes" / "b.txt", b"x")


@in_loop
async def test_a_permission_to_write_is_none_to_read(place: Place) -> None:
    (place.workspace / ".env").write_text("KEY=1")
    decision = await place.permit(Person(Answer.ONCE), WritePath(place.workspace / ".env"))
    files = place.gate.files(decision, "write_file", "turn")
    with pytest.raises(Refused):
        files.read(place.workspace / ".env", 10)


@in_loop
async def test_a_link_swapped_after_the_yes_is_not_covered_by_it(place: Place) -> None:
    (place.home / "real").mkdir()
    (place.home / "link").symlink_to("real")
    target = WritePath(place.home / "link" / "a.txt")
    decision = await place.permit(Person(Answer.ONCE), target)
    (place.home / "link").unlink()
    (place.home / "elsewhere").mkdir()
    (place.home / "link").symlink_to("elsewhere")
    with pytest.raises(Refused):
        place.gate.files(decision, "write_file", "turn").write(target.path, b"x")
    assert list((place.home / "elsewhere").iterdir()) == []


@in_loop
async def test_what_a_call_changes_is_kept_for_an_undo(place: Place) -> None:
    path = place.workspace / "a"
    path.write_text("old")
    place.gate.files(Decision(True, Tier.SAFE, ""), "write_file", "turn").write(path, b"new")
    assert place.undone.kept == [(path, b"old")]


@in_loop
async def test_a_call_that_the_owners_word_covers_is_written_down_or_not_made(place: Place) -> None:
    call = CallServer("time", "now", '{"zone": "UTC"}', "pin", declared=True)
    assert (await place.permit(Unattended("ask"), call)).allowed
    (ruling,) = place.kept.rulings
    assert (ruling.tier, ruling.decision) == (Tier.SAFE, "covered: declared")
    assert "time" in ruling.what and "UTC" in ruling.what

    def full(ruling: Ruling) -> None:
        raise StorageError("the disk is full")

    place.kept.record = full  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        await place.permit(Person(), call)


@in_loop
async def test_no_earlier_yes_covers_what_speaks_against_the_owners_word(place: Place) -> None:
    plain = CallServer("time", "now", "{}", "pin")
    assert (await place.permit(Person(Answer.ALWAYS), plain)).allowed
    assert (await place.permit(Unattended("ask"), plain)).allowed
    for against in ({"private": "a line of MEMORY.md"}, {"doubt": "it names an address"}):
        call = CallServer("time", "now", "{}", "pin", declared=True, **against)  # type: ignore[arg-type]
        assert not (await place.permit(Unattended("ask"), call)).allowed
        person = Person(Answer.NO)
        assert not (await place.permit(person, call)).allowed
        assert next(iter(against.values())) in person.questions[0].why
    secret = CallServer("time", "now", "{}", "pin", declared=True, private="a secret", secret=True)
    decision = await place.permit(Person(), secret)
    assert not decision.allowed and decision.tier is Tier.DANGEROUS


@in_loop
async def test_a_file_that_a_call_names_is_judged_with_it(place: Place) -> None:
    (place.workspace / ".env").write_text("X=1")
    call = CallServer("files", "read", "{}", "pin", declared=True)
    assert (await place.permit(Unattended("ask"), call, ReadPath(place.workspace / "a"))).allowed
    assert not (await place.permit(Unattended("ask"), call, ReadPath(place.workspace / ".env"))).allowed
    assert not (await place.permit(Person(), call, ReadPath(place.home / ".alpi" / ".env"))).allowed
