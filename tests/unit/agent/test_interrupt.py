"""Stop means stop: at any point the turn ends, the transcript is whole, and the next message is answered.

The other side of each test never ends by itself: a turn that did not stop would not come back at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from alpi.agent import events
from alpi.agent.calls import GRACE_SECONDS
from alpi.agent.step import STOPPED
from alpi.agent.turn import Draft
from alpi.base.message import AssistantMessage, ToolMessage, UserMessage
from alpi.safety.actions import Answer
from tests.support.fakes import FakeClock, FakeTool, Person
from tests.support.model_server import ModelServer, Reply
from tests.support.stage import Stage, ended, in_loop, of, said
from tests.support.transcripts import is_well_formed


async def until_stopped(stage: Stage, person: Person, when: Callable[[events.Event], bool]) -> list[events.Event]:
    """A turn in which the person presses stop as soon as an event fits."""
    seen = []
    async with asyncio.timeout(30):
        async for event in stage.agent.turn(stage.session, Draft("go"), person):
            seen.append(event)
            if when(event):
                person.interrupt.set()
    return seen


async def goes_on(stage: Stage, server: ModelServer) -> None:
    """The transcript is whole and the next turn is like any other."""
    assert is_well_formed(stage.on_disk())
    server.add("fine")
    assert ended(await stage.turn("still there?")).text == "fine"
    assert is_well_formed(stage.on_disk())


def test_nothing_is_waited_for_longer_than_a_second() -> None:
    assert GRACE_SECONDS < 1


@in_loop
async def test_while_the_answer_streams(kind: str, tmp_path: Path) -> None:
    script = [Reply(text=["word "] * 2000, chunk_delay=0.01)]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await until_stopped(stage, Person(), lambda event: isinstance(event, events.Text))
        assert ended(seen).stop == "interrupted"
        kept = stage.on_disk()[-1]
        assert isinstance(kept, AssistantMessage)
        assert kept.text == said(seen)
        assert kept.text.startswith("word ")
        assert kept.stop == "interrupted"
        await goes_on(stage, server)
        assert server.model_calls[0].disconnected is not None, "the model went on talking"


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(text="x", body_delay=3600)], ids=["status", "body"])
@in_loop
async def test_while_nothing_has_come_yet(reply: Reply, kind: str, tmp_path: Path) -> None:
    async with ModelServer([reply]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        person = Person()
        turn = asyncio.create_task(until_stopped(stage, person, lambda event: False))
        while not server.model_calls:
            await asyncio.sleep(0.005)
        person.interrupt.set()
        assert ended(await turn).stop == "interrupted"
        assert [type(message) for message in stage.on_disk()] == [UserMessage]
        await goes_on(stage, server)


@in_loop
async def test_while_a_call_is_being_written_it_is_not_made(kind: str, tmp_path: Path) -> None:
    """A call that had arrived whole is dropped with the answer it stood in: there may have been more to it."""
    made = [{"name": "write_file", "arguments": {"path": "a", "content": "x" * 2000}}]
    script = [Reply(text="I write.", tool_calls=made, chunk_delay=0.02, chunk_size=8)]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await until_stopped(stage, Person(), lambda event: isinstance(event, events.Text))
        assert ended(seen).stop == "interrupted"
        assert of(events.ToolStarted, seen) == []
        kept = stage.on_disk()[-1]
        assert isinstance(kept, AssistantMessage)
        assert kept.calls == ()
        assert not (stage.workspace / "a").exists()
        await goes_on(stage, server)


@in_loop
async def test_what_was_held_back_because_it_might_become_a_call_is_kept_as_text(kind: str, tmp_path: Path) -> None:
    text = 'Well. <tool_call>{"name": "read_file", "arguments": {"path": "a'
    script = [Reply(text=["Well. ", text.removeprefix("Well. "), *(["b"] * 2000)], chunk_delay=0.01)]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await until_stopped(stage, Person(), lambda event: isinstance(event, events.Text))
        kept = stage.on_disk()[-1]
        assert isinstance(kept, AssistantMessage)
        assert kept.text == said(seen)
        assert text.startswith(kept.text) or kept.text.startswith(text)
        await goes_on(stage, server)


@pytest.mark.parametrize(
    ("parallel", "obeys"),
    [(True, True), (False, True), (True, False)],
    ids=["side by side", "in turn", "does not let go"],
)
@in_loop
async def test_while_a_tool_runs(parallel: bool, obeys: bool, kind: str, tmp_path: Path) -> None:
    let_go = asyncio.Event()
    stopped: list[str] = []

    async def work(value: str) -> str:
        try:
            await let_go.wait()
        except asyncio.CancelledError:
            stopped.append(value)
            if obeys:
                raise
            await let_go.wait()
        return "too late"

    calls = [{"name": "work", "id": f"c{n}", "arguments": {"value": f"{n}"}} for n in range(3)]
    async with (
        ModelServer([Reply(tool_calls=calls)]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("work", work, parallel=parallel)]) as stage,
    ):
        last = "c2" if parallel else "c0"
        seen = await until_stopped(
            stage, Person(), lambda event: isinstance(event, events.ToolStarted) and event.call == last
        )
        assert ended(seen).stop == "interrupted"
        assert stopped == (["0", "1", "2"] if parallel else ["0"]), "a tool was not told to stop"
        results = [message for message in stage.on_disk() if isinstance(message, ToolMessage)]
        assert [(m.call_id, m.text, m.ok) for m in results] == [(f"c{n}", STOPPED, False) for n in range(3)]
        let_go.set()
        await goes_on(stage, server)


@in_loop
async def test_between_a_tool_and_the_next_step(kind: str, tmp_path: Path) -> None:
    person = Person()

    def work(value: str) -> str:
        person.interrupt.set()
        return "done"

    calls = [{"name": "work", "arguments": {}}]
    async with (
        ModelServer([Reply(tool_calls=calls)]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("work", work)]) as stage,
    ):
        assert ended(await until_stopped(stage, person, lambda event: False)).stop == "interrupted"
        assert len(server.model_calls) == 1
        await goes_on(stage, server)


@in_loop
async def test_while_a_question_waits_for_its_answer(kind: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    calls = [{"name": "write_file", "arguments": {"path": str(outside), "content": "x"}}]
    async with ModelServer([Reply(tool_calls=calls)]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        person = Person()
        turn = asyncio.create_task(until_stopped(stage, person, lambda event: False))
        await asyncio.wait_for(person.asked.wait(), 30)
        person.interrupt.set()
        assert ended(await turn).stop == "interrupted"
        assert not outside.exists()
        await goes_on(stage, server)
        # The gate can ask again: the question that was left open does not stand in the way.
        server.add(Reply(tool_calls=calls), "written")
        again = Person(Answer.ONCE)
        assert ended(await stage.turn("do", again)).text == "written"
        assert outside.read_text() == "x"


@in_loop
async def test_while_a_failed_call_waits_to_be_tried_again(kind: str, tmp_path: Path) -> None:
    class Waiting(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.Event().wait()

    async with (
        ModelServer([Reply(status=503)]) as server,
        Stage(server, kind=kind, folder=tmp_path, attempts=3, clock=Waiting()) as stage,
    ):
        seen = await until_stopped(stage, Person(), lambda event: isinstance(event, events.Retrying))
        assert ended(seen).stop == "interrupted"
        await goes_on(stage, server)


@in_loop
async def test_before_it_has_begun(kind: str, tmp_path: Path) -> None:
    async with ModelServer([]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        person = Person()
        person.interrupt.set()
        seen = await stage.turn("go", person)
        assert ended(seen).stop == "interrupted"
        assert server.model_calls == []
        assert [type(message) for message in stage.on_disk()] == [UserMessage]
        await goes_on(stage, server)


@in_loop
async def test_pressing_it_many_times_is_like_pressing_it_once(kind: str, tmp_path: Path) -> None:
    async with ModelServer([Reply(hang=True)]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        person = Person()
        turn = asyncio.create_task(until_stopped(stage, person, lambda event: False))
        while not server.model_calls:
            await asyncio.sleep(0.005)
        for _ in range(5):
            person.interrupt.set()
            await asyncio.sleep(0)
        assert ended(await turn).stop == "interrupted"
        await goes_on(stage, server)
