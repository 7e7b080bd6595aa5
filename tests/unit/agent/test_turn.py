"""A turn over both wires: text, tool calls and their order, limits, and how each kind of end is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from alpi.agent import events
from alpi.agent.prompt import LAST_STEP
from alpi.agent.surface import Unattended
from alpi.agent.turn import Draft
from alpi.base.message import AssistantMessage, ToolMessage, UserMessage
from alpi.providers.types import ModelSettings
from alpi.safety.actions import ReadPath
from tests.support.fakes import FakeTool, Person
from tests.support.model_server import ModelServer, Reply
from tests.support.stage import FILE_TOOLS, Stage, ended, in_loop, of, said


def call(name: str, id: str = "", **arguments: object) -> dict[str, object]:
    return {"name": name, "arguments": arguments, **({"id": id} if id else {})}


@in_loop
async def test_a_plain_answer(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["Hello there."]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await stage.turn("hi")
        assert said(seen) == "Hello there."
        end = ended(seen)
        assert (end.session, end.stop, end.text, end.steps, end.refused) == (
            stage.session.id,
            "end",
            "Hello there.",
            1,
            0,
        )
        assert end.usage.input > 0
        assert end.usage.output > 0
        assert of(events.TurnStarted, seen)[0] == events.TurnStarted(stage.session.id, "home/scripted")
        asked, answered = stage.on_disk()
        assert isinstance(asked, UserMessage)
        assert isinstance(answered, AssistantMessage)
        assert (asked.text, asked.surface) == ("hi", "test")
        assert (answered.text, answered.model, answered.stop) == ("Hello there.", "home/scripted", "end")
        assert [(event.id, event.role) for event in of(events.Saved, seen)] == [
            (asked.id, "user"),
            (answered.id, "assistant"),
        ]


@in_loop
async def test_a_tool_call_is_carried_out_and_its_result_goes_back(kind: str, tmp_path: Path) -> None:
    script = [Reply(text="I look.", tool_calls=[call("read_file", "c1", path="a.txt")]), "It says hello."]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        stage.write("a.txt", "hello\n")
        seen = await stage.turn("what does a.txt say?")
        assert said(seen) == "I look.It says hello."
        assert ended(seen).text == "It says hello."
        assert ended(seen).steps == 2
        assert of(events.ToolStarted, seen) == [events.ToolStarted("c1", "read_file", "a.txt")]
        (done,) = of(events.ToolFinished, seen)
        assert (done.call, done.ok, done.summary, done.output) == ("c1", True, "1 line", "hello\n")
        assert [event.role for event in of(events.Saved, seen)] == ["user", "assistant", "tool", "assistant"]
        sent = json.dumps(server.model_calls[1].body)
        assert "hello\\\\n" in sent or "hello\\n" in sent
        (result,) = [message for message in stage.on_disk() if isinstance(message, ToolMessage)]
        assert (result.call_id, result.name, result.text, result.ok) == ("c1", "read_file", "hello\n", True)


@in_loop
async def test_every_message_is_on_the_disk_before_the_next_step(kind: str, tmp_path: Path) -> None:
    """When the model is asked again, and when its tool runs, what came before stands in the file already."""
    on_disk: list[list[str]] = []

    def note() -> None:
        on_disk.append([type(message).__name__ for message in stage.on_disk()])

    def work(value: str) -> str:
        note()
        return "worked"

    def second(request: object) -> Reply:
        note()
        return Reply(text="done")

    script = [Reply(tool_calls=[call("work", value="x")]), second]
    async with (
        ModelServer(script) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("work", work)]) as stage,
    ):
        await stage.turn("go")
        assert on_disk == [["UserMessage", "AssistantMessage"], ["UserMessage", "AssistantMessage", "ToolMessage"]]


@in_loop
async def test_calls_that_only_read_run_side_by_side(kind: str, tmp_path: Path) -> None:
    """Each waits until all three have begun: one after the other they would wait for ever."""
    begun = asyncio.Barrier(3)

    async def work(value: str) -> str:
        async with asyncio.timeout(20):
            await begun.wait()
        return f"read {value}"

    calls = [call("look", f"c{n}", value=str(n)) for n in range(3)]
    async with (
        ModelServer([Reply(tool_calls=calls), "done"]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look", work, parallel=True)]) as stage,
    ):
        seen = await stage.turn("go")
        kinds = [type(event).__name__ for event in seen if type(event).__name__.startswith("Tool")]
        assert kinds == ["ToolStarted"] * 3 + ["ToolFinished"] * 3
        results = [message for message in stage.on_disk() if isinstance(message, ToolMessage)]
        assert [(m.call_id, m.text) for m in results] == [("c0", "read 0"), ("c1", "read 1"), ("c2", "read 2")]


@in_loop
async def test_results_stand_in_the_order_of_the_calls_whichever_is_ready_first(kind: str, tmp_path: Path) -> None:
    second_done = asyncio.Event()

    async def work(value: str) -> str:
        if value == "first":
            await second_done.wait()
        else:
            second_done.set()
        return value

    calls = [call("look", "c1", value="first"), call("look", "c2", value="second")]
    async with (
        ModelServer([Reply(tool_calls=calls), "done"]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look", work, parallel=True)]) as stage,
    ):
        seen = await stage.turn("go")
        assert [event.call for event in of(events.ToolFinished, seen)] == ["c2", "c1"]
        assert [m.text for m in stage.on_disk() if isinstance(m, ToolMessage)] == ["first", "second"]


@in_loop
async def test_other_calls_run_one_after_the_other_in_the_models_order(kind: str, tmp_path: Path) -> None:
    log: list[str] = []

    async def work(value: str) -> str:
        log.append(f"begin {value}")
        for _ in range(5):
            await asyncio.sleep(0)
        log.append(f"end {value}")
        return value

    tools = [FakeTool("change", work), FakeTool("look", work, parallel=True)]
    calls = [
        call("look", value="1"), call("look", value="2"), call("change", value="3"), call("change", value="4"),
        call("look", value="5"),
    ]  # fmt: skip
    async with (
        ModelServer([Reply(tool_calls=calls), "done"]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=tools) as stage,
    ):
        await stage.turn("go")
        assert log[:4] == ["begin 1", "begin 2", "end 1", "end 2"]
        assert log[4:] == ["begin 3", "end 3", "begin 4", "end 4", "begin 5", "end 5"]
        assert [m.text for m in stage.on_disk() if isinstance(m, ToolMessage)] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"name": "read_file", "arguments": '{"path": '}, "the arguments of read_file are not valid JSON"),
        ({"name": "read_file", "arguments": "[" * 60_000}, "the arguments of read_file are not valid JSON"),
        ({"name": "read_file", "arguments": "[1]"}, "the arguments of read_file must be a JSON object"),
        ({"name": "read_file", "arguments": '"a.txt"'}, "the arguments of read_file must be a JSON object"),
        ({"name": "read_file", "arguments": {}}, "missing required field `path`"),
        ({"name": "read_file", "arguments": {"path": 5}}, "the arguments of read_file are wrong"),
        ({"name": "read_file", "arguments": {"path": "a", "start_line": 0}}, "the arguments of read_file are wrong"),
        ({"name": "read_file", "arguments": {"file": "a"}}, "read_file has no argument file"),
        ({"name": "read_file", "arguments": {"path": ""}}, "'' is not a path"),
        ({"name": "read_file", "arguments": {"path": "a\0b"}}, "is not a path"),
        ({"name": "read_file", "arguments": {"path": "~nobody-here/x"}}, "there is no such home folder"),
        ({"name": "read_file", "arguments": {"path": "x" * 5000}}, "File name too long"),
        ({"name": "raed_file", "arguments": {"path": "a"}}, "There is no tool 'raed_file'. Did you mean read_file? The tools are: "),
        ({"name": "terminal", "arguments": {"command": "id"}}, "There is no tool 'terminal'. The tools are: break, edit_file, lost,"),
        ({"name": "break", "arguments": {"value": "x"}}, "the tool break itself failed: ZeroDivisionError"),
        ({"name": "lost", "arguments": {"value": "x"}}, "Error: No such file or directory /nowhere"),
    ],
    ids=[
        "half", "deep", "list", "string", "missing", "type", "range", "unknown", "empty", "nul", "home", "long", "typo",
        "no tool", "bug", "os",
    ],
)  # fmt: skip
@in_loop
async def test_a_call_that_cannot_be_is_answered_so_that_the_model_can_do_better(
    made: dict[str, object], expected: str, kind: str, tmp_path: Path
) -> None:
    def lost(value: str) -> str:
        raise FileNotFoundError(2, "No such file or directory", "/nowhere")

    tools = [*FILE_TOOLS, FakeTool("break", lambda value: 1 // 0), FakeTool("lost", lost)]
    async with (
        ModelServer([Reply(tool_calls=[made], chunk_size=0), "I see."]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=tools) as stage,
    ):
        seen = await stage.turn("go")
        assert ended(seen).stop == "end"
        assert ended(seen).text == "I see."
        (done,) = of(events.ToolFinished, seen)
        assert not done.ok
        assert expected in done.output
        assert len(done.output) < 1500
        assert ended(seen).refused == 0


@in_loop
async def test_arguments_written_as_text_and_null_are_understood(kind: str, tmp_path: Path) -> None:
    script = [Reply(tool_calls=[call("read_file", path="a", start_line="2", lines=None)]), "done"]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        stage.write("a", "one\ntwo\n")
        (done,) = of(events.ToolFinished, await stage.turn("go"))
        assert done.ok
        assert done.output.startswith("two\n")


@in_loop
async def test_a_tool_that_this_model_is_not_offered_is_not_run(kind: str, tmp_path: Path) -> None:
    settings = ModelSettings(tools=("read_file",))
    script = [Reply(tool_calls=[call("write_file", path="a", content="x")]), "done"]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path, settings=settings) as stage:
        (done,) = of(events.ToolFinished, await stage.turn("go"))
        assert not done.ok
        assert done.output == "There is no tool 'write_file'. Did you mean read_file? The tools are: read_file."
        assert not (stage.workspace / "a").exists()
        offered = json.dumps(server.model_calls[0].body["tools"])
        assert "read_file" in offered
        assert "write_file" not in offered


@in_loop
async def test_the_steps_of_a_turn_are_limited_and_end_with_an_answer(kind: str, tmp_path: Path) -> None:
    script = [Reply(tool_calls=[call("look", value=str(n))]) for n in range(3)] + [Reply(text="So far: little.")]
    async with (
        ModelServer(script) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look")], steps=3) as stage,
    ):
        seen = await stage.turn("go")
        end = ended(seen)
        assert (end.stop, end.steps, end.text) == ("limit", 4, "So far: little.")
        first, *_, last = server.model_calls
        assert LAST_STEP not in json.dumps(first.body)
        assert LAST_STEP in json.dumps(last.body)
        assert last.body["tools"] == first.body["tools"], "the prefix must stay the same"
        choice = last.body["tool_choice"]
        assert choice == "none" or choice == {"type": "none"}
        assert LAST_STEP not in stage.session.path.read_text()


@in_loop
async def test_a_model_that_goes_on_calling_at_the_limit_is_not_obeyed(kind: str, tmp_path: Path) -> None:
    ran: list[str] = []
    script = [Reply(tool_calls=[call("look", value=str(n))]) for n in range(2)]
    async with (
        ModelServer(script) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look", ran.append)], steps=1) as stage,
    ):
        seen = await stage.turn("go")
        assert ended(seen).stop == "limit"
        assert ran == ["0"]
        last = stage.on_disk()[-1]
        assert isinstance(last, ToolMessage)
        assert (last.ok, last.text) == (False, "Not run: the turn's steps are used up.")


@in_loop
async def test_going_in_circles_ends_the_turn(kind: str, tmp_path: Path) -> None:
    script = [Reply(tool_calls=[call("look", value="same")]) for _ in range(3)] + [Reply(text="I am stuck.")]
    async with (
        ModelServer(script) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look")]) as stage,
    ):
        end = ended(await stage.turn("go"))
        assert (end.stop, end.steps, end.text) == ("limit", 4, "I am stuck.")


@in_loop
async def test_the_same_call_with_others_in_between_is_no_circle(kind: str, tmp_path: Path) -> None:
    values = ["a", "a", "b", "a", "a", "b"]
    script = [Reply(tool_calls=[call("look", value=value)]) for value in values] + [Reply(text="found")]
    async with (
        ModelServer(script) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look")]) as stage,
    ):
        end = ended(await stage.turn("go"))
        assert (end.stop, end.steps, end.text) == ("end", 7, "found")


@pytest.mark.parametrize(("stop", "text"), [("length", "and so it"), ("refusal", "")])
@in_loop
async def test_an_answer_that_ends_early_is_told(stop: str, text: str, kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([Reply(text=text, stop=stop), "next"]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):
        end = ended(await stage.turn("go"))
        assert (end.stop, end.text) == (stop, text)
        message = stage.on_disk()[-1]
        assert isinstance(message, AssistantMessage)
        assert message.stop == stop
        assert ended(await stage.turn("and now?")).text == "next"


@in_loop
async def test_a_call_printed_as_text_is_read_as_a_call(kind: str, tmp_path: Path) -> None:
    shown = '{"name": "read_file", "arguments": {"path": "a.txt"}}'
    script = [Reply(text=f"<tool_call>\n{shown}\n</tool_call>"), Reply(text=f"```json\n{shown}\n```"), "It says hello."]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        stage.write("a.txt", "hello\n")
        seen = await stage.turn("read a.txt")
        assert [event.output for event in of(events.ToolFinished, seen)] == ["hello\n", "hello\n"]
        assert said(seen).strip() == "It says hello."
        ids = [m.call_id for m in stage.on_disk() if isinstance(m, ToolMessage)]
        assert len(set(ids)) == 2, "two calls of one session share an id"


@in_loop
async def test_results_of_repeated_ids_are_sent_back_each_to_its_own_call(kind: str, tmp_path: Path) -> None:
    script = [Reply(tool_calls=[call("look", "same-id", value=value)]) for value in ("one", "two")] + [
        Reply(text="done")
    ]
    async with (
        ModelServer(script) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look")]) as stage,
    ):
        await stage.turn("go")
        sent = server.model_calls[-1].raw.decode()
        assert sent.count("did one") == 1
        assert sent.count("did two") == 1
        assert sent.index("did one") < sent.index("did two")


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "delete_all", "arguments": {}}\n</tool_call>',
        '{"name": "terminal", "arguments": {"command": "id"}}',
    ],
)
@in_loop
async def test_a_call_printed_as_text_is_never_read_where_its_tool_was_not_offered(
    text: str, kind: str, tmp_path: Path
) -> None:
    async with ModelServer([text]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await stage.turn("go")
        assert of(events.ToolStarted, seen) == []
        assert said(seen) == text
        assert ended(seen).stop == "end"


@in_loop
async def test_text_is_not_read_as_a_call_where_the_model_is_set_so_nor_at_the_limit(kind: str, tmp_path: Path) -> None:
    text = '{"name": "read_file", "arguments": {"path": "a.txt"}}'
    settings = ModelSettings(text_calls=False)
    async with (
        ModelServer([text]) as server,
        Stage(server, kind=kind, folder=tmp_path / "1", settings=settings) as stage,
    ):
        assert said(await stage.turn("go")) == text
    async with (
        ModelServer([Reply(tool_calls=[call("read_file", path="a")]), text]) as server,
        Stage(server, kind=kind, folder=tmp_path / "2", steps=1) as stage,
    ):
        seen = await stage.turn("go")
        assert said(seen) == text
        assert len(of(events.ToolStarted, seen)) == 1


@in_loop
async def test_thinking_is_shown_and_no_part_of_the_answer(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([Reply(reasoning="let me think", text="Yes.")]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):
        seen = await stage.turn("go")
        assert "".join(event.text for event in of(events.Thinking, seen)) == "let me think"
        assert said(seen) == ended(seen).text == "Yes."


@in_loop
async def test_what_is_refused_is_counted_and_the_turn_goes_on(kind: str, tmp_path: Path) -> None:
    script = [
        Reply(
            tool_calls=[call("write_file", path="../outside.txt", content="x"), call("read_file", path="~/.ssh/id_rsa")]
        ),
        "I may not.",
    ]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await stage.turn("go")
        assert ended(seen).refused == 2
        assert ended(seen).stop == "end"
        assert all(event.refused and not event.ok for event in of(events.ToolFinished, seen))
        assert not (tmp_path / "outside.txt").exists()


@in_loop
async def test_a_message_sent_while_a_turn_runs_waits_for_it(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([Reply(text=["fir", "st"], chunk_delay=0.1), "second"]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):
        one = asyncio.create_task(stage.turn("one"))
        while not server.model_calls:
            await asyncio.sleep(0.005)
        two = await stage.turn("two")
        assert one.done(), "the second turn ended before the first"
        assert of(events.Queued, two) == [events.Queued()]
        assert of(events.Queued, one.result()) == []
        assert [m.text for m in stage.on_disk()] == ["one", "first", "two", "second"]
        assert ended(two).text == "second"


@in_loop
async def test_a_session_that_another_process_holds_fails_the_turn_and_changes_nothing(
    kind: str, tmp_path: Path
) -> None:
    async with ModelServer(["one", "two"]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        await stage.turn("one")
        other = stage.store.open(stage.session.id)
        other.begin_turn()
        seen = await stage.turn("two")
        (failed,) = of(events.Failed, seen)
        assert "is in use by process" in failed.message
        assert failed.hint
        assert failed.exit_code == 1
        assert ended(seen).stop == "failed"
        assert len(server.model_calls) == 1
        other.end_turn()
        assert ended(await stage.turn("two")).stop == "end"


@in_loop
async def test_what_was_wrong_with_the_file_is_said_once(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["one", "two", "three"]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        await stage.turn("one")
        with stage.session.path.open("a") as file:
            file.write('{"torn')
        (notice,) = of(events.Notice, await stage.turn("two"))
        assert "the last line was cut off" in notice.text
        assert of(events.Notice, await stage.turn("three")) == []


@in_loop
async def test_the_first_message_names_the_workspace_and_each_the_time(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["a", "b"]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        await stage.turn("one")
        stage.clock.go_on(3600)
        await stage.turn("two")
        one, _, two, _ = stage.on_disk()
        assert isinstance(one, UserMessage)
        assert isinstance(two, UserMessage)
        assert one.context == f"[Now: Monday, 2026-11-23 09:30 UTC. Workspace: {stage.workspace}]"
        assert two.context == "[Now: Monday, 2026-11-23 10:30 UTC]"


@in_loop
async def test_a_long_output_is_cut_for_the_model_and_kept_whole_in_a_file_that_it_can_read_on(
    kind: str, tmp_path: Path
) -> None:
    whole = "".join(f"line {number}\n" for number in range(1, 2001))
    replies: list[object] = [Reply(tool_calls=[call("look", "c1")])]

    def read_on(request: object) -> Reply:
        (path,) = stage.session.files.iterdir()
        return Reply(tool_calls=[call("read_file", "c2", path=str(path), start_line=1000, lines=2)])

    tools = [*FILE_TOOLS, FakeTool("look", lambda value: whole)]
    async with (
        ModelServer([*replies, read_on, "done"]) as server,  # type: ignore[list-item]
        Stage(server, kind=kind, folder=tmp_path, tools=tools, output_chars=2000) as stage,
    ):
        first, second = of(events.ToolFinished, await stage.turn("go"))
        assert len(first.output) < 2300
        assert "characters left out here; the whole is in" in first.output
        assert first.output.startswith("line 1\n")
        assert first.output.endswith("line 2000\n")
        (path,) = stage.session.files.iterdir()
        assert path.read_text() == whole
        assert path.stat().st_mode & 0o777 == 0o600
        assert second.ok
        assert second.output.startswith("line 1000\nline 1001\n")


@in_loop
async def test_a_picture_goes_to_a_model_that_sees(kind: str, tmp_path: Path) -> None:
    script = [Reply(tool_calls=[call("read_file", path="a.png")]), "A dot."]
    settings = ModelSettings(vision=True)
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path, settings=settings) as stage:
        (stage.workspace / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
        seen = await stage.turn("what is on a.png?")
        assert ended(seen).text == "A dot."
        assert "iVBORw0KGgo" in server.model_calls[1].raw.decode()


@in_loop
async def test_a_question_is_put_to_whoever_watches(kind: str, tmp_path: Path) -> None:
    from alpi.safety.actions import Answer

    script = [Reply(tool_calls=[call("write_file", path="../outside.txt", content="x\n")]), "Written."]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        person = Person(Answer.ONCE)
        seen = await stage.turn("go", person)
        assert ended(seen).refused == 0
        assert (tmp_path / "outside.txt").read_text() == "x\n"
        (question,) = person.questions
        assert question.what.startswith("Write ")
        assert "+x" in question.preview


@in_loop
async def test_closing_the_iterator_interrupts_the_turn(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([Reply(text=["a "] * 1000, chunk_delay=0.02), "next"]) as server,
        Stage(server, kind=kind, folder=tmp_path) as stage,
    ):
        surface = Unattended("test")
        turn = stage.agent.turn(stage.session, Draft("go"), surface)
        async for event in turn:
            if isinstance(event, events.Text):
                break
        await turn.aclose()  # type: ignore[attr-defined]
        assert surface.interrupt.is_set()
        assert ended(await stage.turn("again")).text == "next"


@in_loop
async def test_an_agent_knows_what_every_request_begins_with(tmp_path: Path) -> None:
    async with ModelServer([]) as server, Stage(server, kind="openai", folder=tmp_path) as stage:
        sizes = dict(stage.agent.prompt_sizes())
        assert set(sizes) == {"instructions", "read_file", "write_file", "edit_file", "search_files"}
        assert all(size > 10 for size in sizes.values())
        assert server.model_calls == []


def test_a_tool_says_to_the_gate_what_it_will_do() -> None:
    tool = FakeTool("look", needs=lambda value: [ReadPath(Path(value))])
    assert tool.actions(tool.Arguments("/x"), None) == [ReadPath(Path("/x"))]  # type: ignore[arg-type]
