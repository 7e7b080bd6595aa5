"""A conversation that fills the window is summed up: what is pinned stays, the original stays on the disk, a failure changes nothing."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from alpi.agent import events
from alpi.agent.compaction import files_touched, pins, rules_in
from alpi.agent.context import ContextRules, text_tokens, window_of
from alpi.agent.surface import Unattended
from alpi.agent.turn import Draft
from alpi.base.message import AssistantMessage, ToolCall, UserMessage
from alpi.providers.types import ModelSettings
from alpi.state.sessions import to_markdown
from tests.support.fakes import FakeClock, FakeTool, Person
from tests.support.model_server import ModelServer, Recorded, Reply
from tests.support.stage import Stage, ended, in_loop, of, said

WINDOW = 6000
SMALL = ModelSettings(context_window=WINDOW, max_output_tokens=600)
LONG = "The bees flew over the meadow and came home with the evening. " * 30


def asks_for_summary(request: Recorded) -> bool:
    return "this conversation fills your window" in request.raw.decode()


def in_pieces(request: Recorded) -> bool:
    return "This is a conversation:" in request.raw.decode()


def either(request: Recorded) -> bool:
    return asks_for_summary(request) or in_pieces(request)


def summary(text: str = "Bees were counted: 412.", **fields: Any) -> Reply:
    return Reply(text=text, match=asks_for_summary, **fields)


ANSWER = Reply(text=LONG, repeat=True)


def told_to(request: Recorded) -> str:
    """All that a request holds, as text."""
    return json.dumps(request.body, ensure_ascii=False)


async def talk(stage: Stage, turns: int) -> list[events.Event]:
    """Some long turns; all their events."""
    seen: list[events.Event] = []
    for number in range(turns):
        seen += await stage.turn(f"Question {number}: how are the bees?")
    return seen


@in_loop
async def test_a_long_conversation_is_summed_up_and_goes_on(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([summary(repeat=True), ANSWER]) as server,
        Stage(server, kind=kind, folder=tmp_path, settings=SMALL) as stage,
    ):
        await stage.turn("Write a report on bees. Always answer in British English.")
        seen = await talk(stage, 9)
        compacted: list[events.Compacted] = of(events.Compacted, seen)
        assert compacted
        assert len(of(events.Compacting, seen)) == len(compacted)
        for event in compacted:
            assert event.turns >= 1
            assert event.after < event.before <= WINDOW
        assert said(seen).count("412") == 0, "the person is not shown the summary as an answer"
        last = told_to(server.model_calls[-1])
        assert "Bees were counted: 412." in last
        assert "Write a report on bees. Always answer in British English." in last
        assert "Question 8" in last
        assert "Question 1: how" not in last.replace("- Question 1: how are the bees?", ""), (
            "what is summed up is still sent"
        )
        # All of it is on the disk, and a summary is nobody's message.
        again = stage.store.open(stage.session.id)
        assert [m.text for m in again.messages if isinstance(m, UserMessage)][1:] == [
            f"Question {n}: how are the bees?" for n in range(9)
        ]
        assert again.messages == stage.session.messages
        assert again.active() == stage.session.active()
        assert again.summary == stage.session.summary
        written = to_markdown(again)
        assert written.count("summed up") == len(compacted)
        assert "412" not in written
        for call in server.model_calls:
            assert len(call.raw) // 4 < WINDOW


@in_loop
async def test_one_long_turn_is_summed_up_between_its_steps(kind: str, tmp_path: Path) -> None:
    steps = [Reply(tool_calls=[{"name": "look", "arguments": {"value": str(n)}}]) for n in range(9)]
    async with (
        ModelServer([summary(repeat=True), *steps, "All counted."]) as server,
        Stage(
            server, kind=kind, folder=tmp_path, settings=SMALL, tools=[FakeTool("look", lambda value: LONG)]
        ) as stage,
    ):
        seen = await stage.turn("Count all the bees in the meadow. Never wake them.")
        assert ended(seen).text == "All counted."
        assert of(events.Compacted, seen)
        last = told_to(server.model_calls[-1])
        assert (
            "The user's request that is being worked on:\\nCount all the bees in the meadow. Never wake them." in last
        )
        assert "Bees were counted: 412." in last
        assert len([m for m in stage.on_disk() if isinstance(m, AssistantMessage)]) == 10


@in_loop
async def test_the_summary_is_asked_for_behind_the_very_bytes_that_were_sent_before(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([summary(repeat=True), ANSWER]) as server,
        Stage(server, kind=kind, folder=tmp_path, settings=SMALL) as stage,
    ):
        await talk(stage, 11)
        place = next(i for i, call in enumerate(server.model_calls) if asks_for_summary(call))
        before, asked = server.model_calls[place - 1].body, server.model_calls[place].body
        assert asked["tools"] == before["tools"]
        assert asked.get("system") == before.get("system")
        shared = asked["messages"][:-1]
        marked = json.dumps(before["messages"][: len(shared)]).replace(', "cache_control": {"type": "ephemeral"}', "")
        assert json.dumps(shared).replace(', "cache_control": {"type": "ephemeral"}', "") == marked
        assert len(shared) > 3


@in_loop
async def test_a_summary_is_itself_summed_up_and_the_pins_stay(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([summary(repeat=True), ANSWER]) as server,
        Stage(server, kind=kind, folder=tmp_path, settings=SMALL) as stage,
    ):
        await stage.turn("Write a report on bees. Never use the word swarm.")
        seen = await talk(stage, 20)
        assert len(of(events.Compacted, seen)) >= 3
        last = told_to(server.model_calls[-1])
        assert last.count("Never use the word swarm") == 1
        assert last.count("This stands for the earlier part") == 1


FAILED_SUMMARIES = {
    "it fails": summary(status=500),
    "it is empty": summary(""),
    "it breaks off": summary(cut_after=300),
}


@in_loop
async def test_a_summary_that_fails_changes_nothing_and_the_request_still_fits(kind: str, tmp_path: Path) -> None:
    for name, reply in FAILED_SUMMARIES.items():
        reply.repeat, reply.match = True, either
        async with (
            ModelServer([reply, ANSWER]) as server,
            Stage(server, kind=kind, folder=tmp_path / name, settings=SMALL) as stage,
        ):
            seen = await talk(stage, 16)
            assert ended(seen[-1:]).stop == "end", name
            assert not of(events.Compacted, seen)
            notices = [event.text for event in of(events.Notice, seen)]
            assert any("could not be summed up, so nothing has changed" in text for text in notices), name
            assert any("does not fit the model's window" in text for text in notices), name
            assert '"record":"summary"' not in stage.session.path.read_text()
            assert stage.session.active() == stage.session.messages
            for call in server.model_calls:
                assert len(call.raw) // 4 < WINDOW
            last = told_to(server.model_calls[-1])
            assert "earlier messages left out here; the whole is in" in last
            (kept, *_) = [path for path in stage.session.files.iterdir() if path.name.startswith("earlier")]
            assert "Question 0: how are the bees?" in kept.read_text()


TOO_LONG = {"error": {"message": "This model's maximum context length is 8192 tokens"}}


@in_loop
async def test_a_provider_that_finds_it_too_long_gets_a_shorter_request_once(kind: str, tmp_path: Path) -> None:
    wide = ModelSettings(context_window=100_000)
    async with (
        ModelServer([ANSWER]) as server,
        Stage(server, kind=kind, folder=tmp_path, settings=wide) as stage,
    ):
        await talk(stage, 8)
        full = len(server.model_calls[-1].raw)
        server.replies.insert(0, Reply(status=400, body=TOO_LONG, match=lambda r: len(r.raw) > 0.8 * full, repeat=True))
        server.replies.insert(0, Reply(text="Bees were counted: 412.", match=either, repeat=True))
        seen = await stage.turn("and now?")
        assert ended(seen).stop == "end"
        assert of(events.Compacted, seen)
        assert "Bees were counted" in told_to(server.model_calls[-1])


@in_loop
async def test_what_stays_too_long_is_told(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([Reply(status=400, body=TOO_LONG, repeat=True)]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):
        (failed,) = of(events.Failed, await stage.turn("hi"))
        assert "too long" in failed.message
        assert len(server.model_calls) == 2, "asked again more than once"


@in_loop
async def test_a_conversation_too_long_to_be_summed_up_at_once_is_summed_up_in_pieces(
    kind: str, tmp_path: Path
) -> None:
    pieces = Reply(text="Bees were counted: 412.", match=in_pieces, repeat=True)
    async with ModelServer([ANSWER]) as server:
        async with Stage(server, kind=kind, folder=tmp_path, settings=ModelSettings(context_window=100_000)) as stage:
            await talk(stage, 20)
        server.replies.insert(0, pieces)
        async with Stage(server, kind=kind, folder=tmp_path, settings=SMALL, session=stage.session.id) as smaller:
            seen = await smaller.turn("and now?")
        assert ended(seen).stop == "end"
        assert of(events.Compacted, seen)
        asked = [call for call in server.model_calls if in_pieces(call)]
        assert len(asked) >= 2
        assert "Summary of what came before:" in told_to(asked[1])
        assert all(len(call.raw) // 4 < WINDOW for call in asked)
        assert not any(call.body.get("tools") for call in asked)


@in_loop
async def test_compacting_by_hand(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([summary(), ANSWER]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):

        async def by_hand() -> list[events.Event]:
            return [event async for event in stage.agent.compact(stage.session, Unattended("test"))]

        (nothing,) = await by_hand()
        assert isinstance(nothing, events.Notice)
        assert "nothing to compact" in nothing.text
        await talk(stage, 6)
        seen = await by_hand()
        assert [type(event) for event in seen] == [events.Compacting, events.Compacted]
        assert seen[-1].turns == 3  # type: ignore[union-attr]
        assert ended(await stage.turn("go on")).stop == "end"
        assert "Bees were counted" in told_to(server.model_calls[-1])
        assert "Question 3" in told_to(server.model_calls[-1])


@in_loop
async def test_a_summary_that_would_gain_nothing_is_not_kept(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([summary(LONG), Reply(text="yes", repeat=True)]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):
        await talk(stage, 5)
        seen = [event async for event in stage.agent.compact(stage.session, Unattended("test"))]
        assert "as long as what it stands for" in of(events.Notice, seen)[0].text
        assert stage.session.summary is None


@in_loop
async def test_stopping_a_compaction_changes_nothing(kind: str, tmp_path: Path) -> None:
    slow = Reply(text=["bees "] * 500, chunk_delay=0.01, match=asks_for_summary)
    async with (
        ModelServer([slow, ANSWER]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):
        await talk(stage, 6)
        person = Person()
        seen = []
        async for event in stage.agent.compact(stage.session, person):
            seen.append(event)
            person.interrupt.set()
        assert [type(event) for event in seen] == [events.Compacting, events.Notice]
        assert stage.store.open(stage.session.id).summaries == []
        assert ended(await stage.turn("go on")).stop == "end", "the session is still in use"


@in_loop
async def test_the_todo_list_is_pinned(kind: str, tmp_path: Path) -> None:
    class Todo:
        def render(self) -> str:
            return "[>] count the hives"

    async with (
        ModelServer([summary(repeat=True), ANSWER]) as server,
        Stage(server, kind=kind, folder=tmp_path, settings=SMALL, todo=Todo()) as stage,
    ):
        await talk(stage, 9)
        assert "Todo list:\\n[>] count the hives" in told_to(server.model_calls[-1])


@in_loop
async def test_examples_and_memory_are_no_part_of_what_is_summed_up(kind: str, tmp_path: Path) -> None:
    small = ModelSettings(context_window=WINDOW, max_output_tokens=600, examples="files")
    example = [UserMessage("e", FakeClock().now(), "example"), AssistantMessage("f", FakeClock().now(), "shown")]
    async with (
        ModelServer([Reply(text="Bees were counted: 412.", match=in_pieces), ANSWER]) as server,
        Stage(
            server,
            kind=kind,
            folder=tmp_path,
            settings=small,
            memory="- likes bees",
            examples=lambda name, tools: example,
        ) as stage,
    ):
        assert of(events.Compacted, await talk(stage, 11))
        (asked,) = (told_to(call) for call in server.model_calls if either(call))
        assert "Question 0" in asked and "example" not in asked and "likes bees" not in asked


# -- the prefix --------------------------------------------------------------------------------------------------------


@in_loop
async def test_after_a_summary_a_new_beginning_stands_and_stays(kind: str, tmp_path: Path) -> None:
    """Between two compactions each request begins with the bytes of the one before, also where another process goes on."""
    from tests.unit.agent.test_prefix import MARKER, where_they_part

    breaks, compacted, session = 0, 0, ""
    async with ModelServer([summary(repeat=True), ANSWER]) as server:
        for number in range(50):
            if number in (0, 25):
                stage = Stage(
                    server, kind=kind, folder=tmp_path, settings=SMALL, session=session, memory="- likes bees"
                )
                session = stage.session.id
            seen = await stage.turn(f"Question {number}: how are the bees?")
            compacted += len(of(events.Compacted, seen))
            stage.clock.go_on(977)
        await stage.agent.aclose()
        calls = [call for call in server.model_calls if not asks_for_summary(call)]
    for before, after in pairwise(calls):
        assert before.body["tools"] == after.body["tools"]
        assert before.body.get("system") == after.body.get("system")
        old, new = before.raw.replace(MARKER, b""), after.raw.replace(MARKER, b"")
        if not new.startswith(old[:-2] + b","):
            breaks += 1
            assert b"This stands for the earlier part" in new, where_they_part(old, new)
    assert compacted > 3
    assert breaks == compacted


# -- what else fills a window ------------------------------------------------------------------------------------------


@in_loop
async def test_how_full_the_window_is_is_said_after_each_call(kind: str, tmp_path: Path) -> None:
    counted = Reply(text="a", usage={"input": 1200, "output": 40})
    async with (
        ModelServer([counted, Reply(text="b", usage=False)]) as server,
        Stage(server, kind=kind, folder=tmp_path, settings=SMALL) as stage,
    ):
        (first,) = of(events.ContextUsed, await stage.turn("one"))
        assert first == events.ContextUsed(1240, WINDOW)
        (second,) = of(events.ContextUsed, await stage.turn("two"))
        assert second.window == WINDOW
        if second.estimated:
            # The provider's count of the request before, and an estimate of what came after it.
            assert 1240 < second.tokens < 1340


@in_loop
async def test_a_message_that_is_too_long_is_kept_whole_and_cut_with_a_pointer(kind: str, tmp_path: Path) -> None:
    text = "\n".join(f"bee {number} flew" for number in range(4000))
    async with ModelServer() as server, Stage(server, kind=kind, folder=tmp_path, settings=SMALL) as stage:
        path = None

        def read(request: Recorded) -> Reply:
            nonlocal path
            (path,) = stage.session.files.iterdir()
            return Reply(
                tool_calls=[{"name": "read_file", "arguments": {"path": str(path), "start_line": 2000, "lines": 3}}]
            )

        server.add(read, "Read.")
        seen = await stage.turn(text)
        assert ended(seen).text == "Read."
        assert "too long for the model's window" in of(events.Notice, seen)[0].text
        (result,) = of(events.ToolFinished, seen)
        assert result.ok
        assert "bee 1999 flew" in result.output
        assert path is not None
        assert path.read_text() == text
        asked = stage.session.messages[0]
        assert "characters left out here; the whole is in" in asked.text
        assert text_tokens(asked.text) < WINDOW // 2


@in_loop
async def test_tool_outputs_of_one_step_leave_half_of_a_small_window(kind: str, tmp_path: Path) -> None:
    look = FakeTool("look", lambda value: LONG * 20, parallel=True)
    calls = [{"name": "look", "arguments": {"value": str(number)}} for number in range(4)]
    async with (
        ModelServer([Reply(tool_calls=calls), "Seen."]) as server,
        Stage(server, kind=kind, folder=tmp_path, settings=SMALL, tools=[look]) as stage,
    ):
        seen = await stage.turn("look")
        outputs = [event.output for event in of(events.ToolFinished, seen)]
        assert sum(map(text_tokens, outputs)) <= window_of(SMALL, ContextRules()).limit // 2 + 4 * 60
        assert all("characters left out here" in output for output in outputs)
        assert ended(seen).text == "Seen."


@in_loop
async def test_a_fallback_with_a_smaller_window_gets_what_fits(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([ANSWER]) as first,
        ModelServer([ANSWER]) as spare,
        Stage(first, spare, kind=kind, folder=tmp_path, settings=ModelSettings(context_window=100_000)) as stage,
    ):
        await talk(stage, 12)
        small = stage.chain.entries[1].__class__(stage.chain.entries[1].provider, "tiny", SMALL)
        stage.chain.entries = (stage.chain.entries[0], small)
        first.replies.insert(0, Reply(status=401, repeat=True))
        seen = await stage.turn("and now?")
        assert ended(seen).stop == "end"
        (call,) = spare.model_calls
        assert len(call.raw) // 4 < WINDOW
        assert "earlier messages left out here" in told_to(call)


@in_loop
async def test_instructions_that_fill_the_window_are_named(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["x"]) as server:
        tiny = ModelSettings(context_window=1024, max_output_tokens=500)
        async with Stage(server, kind=kind, folder=tmp_path, settings=tiny) as stage:
            (failed,) = of(events.Failed, await stage.turn("hi"))
            assert "leaves no room for a conversation" in failed.message
            assert "context_window" in failed.hint
            assert server.model_calls == []
            assert stage.on_disk()[0].text == "hi"


# -- small parts -------------------------------------------------------------------------------------------------------


def test_rules_are_found_in_what_people_say() -> None:
    assert rules_in("Hello. " * 40 + "Never delete anything! Thanks.") == ["Never delete anything!"]
    assert rules_in("Siempre responde en español.") == ["Siempre responde en español."]
    assert rules_in("What is the weather?") == []


def test_files_are_named_by_their_last_use() -> None:
    def step(*paths: str) -> AssistantMessage:
        calls = tuple(ToolCall("c", "read_file", json.dumps({"path": path})) for path in paths)
        return AssistantMessage(
            "a", FakeClock().now(), "", (*calls, ToolCall("d", "x", "{broken"), ToolCall("e", "x", "[1]"))
        )

    assert files_touched([step("a", "b"), step("a"), step("c")]) == ["b", "a", "c"]


def test_a_window_leaves_room_for_the_answer() -> None:
    rules = ContextRules(window=20_000)
    assert window_of(ModelSettings(), rules).limit == 20_000 - 4096
    assert window_of(ModelSettings(context_window=8192, max_output_tokens=1024), rules).limit == 7168
    assert window_of(ModelSettings(context_window=8192, max_output_tokens=32_000), rules).limit == 4096
    assert Draft("x").images == ()


def test_a_first_request_is_whole_beside_a_long_path_where_there_is_little_room() -> None:
    goal = (
        "We plan the birthday of my daughter Nora: a dinosaur party on June 14. Always write prices in euros. Say OK."
    )
    first = UserMessage("1", FakeClock().now(), goal, f"[Workspace: /tmp/{'long/' * 60}]")
    assert goal in pins([first], None, "", 120)
