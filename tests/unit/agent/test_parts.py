"""The parts of a turn on their own: the prompt, long outputs, one reply, the arguments of a call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from alpi.agent import events
from alpi.agent.dispatch import parse_arguments
from alpi.agent.outputs import OutputStore
from alpi.agent.prompt import COMPACT, FULL, PromptBuilder, estimate_tokens, schema_text, turn_context
from alpi.agent.reply import Reply
from alpi.agent.surface import Interrupt, Unattended
from alpi.agent.tool import Result, ToolContext, ToolError, spec_of
from alpi.base.errors import AlpiError
from alpi.base.message import AssistantMessage, Reasoning, ToolCall, UserMessage
from alpi.cli.building import build_agent
from alpi.cli.runtime import Runtime
from alpi.mcp.tools import ManyTools
from alpi.providers.textcalls import TextCalls
from alpi.providers.types import (
    CallDone,
    Failure,
    Finished,
    ModelSettings,
    Preparing,
    ReasoningDelta,
    ReasoningDone,
    Retrying,
    TextDelta,
    ToolSpec,
)
from alpi.safety.actions import Answer, Question
from tests.support.fakes import FakeTool
from tests.support.links import identity
from tests.support.program import Home
from tests.support.stage import FILE_TOOLS, in_loop

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
READ = ToolSpec("read_file", "Read.", {"type": "object", "properties": {"path": {"type": "string"}}})


# -- prompt ------------------------------------------------------------------------------------------------------------


def test_a_model_is_offered_what_its_settings_say_in_their_order() -> None:
    builder = PromptBuilder(tuple(spec_of(tool) for tool in FILE_TOOLS))
    everything = builder.request("m", ModelSettings(), [])
    assert [tool.name for tool in everything.tools] == ["read_file", "write_file", "edit_file", "search_files"]
    few = builder.request("m", ModelSettings(tools=("search_files", "no_such_tool", "read_file")), [])
    assert [tool.name for tool in few.tools] == ["search_files", "read_file"]
    assert builder.request("m", ModelSettings(tools=()), []).tools == ()


def test_a_model_that_chooses_among_few_tools_is_told_of_skills_where_there_are_any() -> None:
    skill = ToolSpec("skill", "Skills.", {"type": "object", "properties": {}})
    few = ModelSettings(tools=("read_file", "skill"))
    example = UserMessage("e", NOW, "an example")
    without = PromptBuilder((READ, skill)).request("m", few, [])
    assert [tool.name for tool in without.tools] == ["read_file"]
    builder = PromptBuilder((READ, skill), skills="- data/tidy: Tidies.")
    told = builder.request("m", few, [], [example])
    assert [tool.name for tool in told.tools] == ["read_file", "skill"]
    assert "data/tidy" in told.messages[1].text and "data/tidy" not in told.system
    assert [tool.name for tool in PromptBuilder((READ, skill)).request("m", ModelSettings(), []).tools][-1] == "skill"
    blind = ModelSettings(tools=("read_file",))
    assert "data/tidy" in builder.system(ModelSettings()) and "data/tidy" not in builder.system(blind)
    assert list(builder.request("m", blind, [], [example]).messages) == [example]


def test_instructions_and_language() -> None:
    plain, spanish = PromptBuilder(()), PromptBuilder((), "Spanish")
    assert plain.system(ModelSettings()) == FULL
    assert plain.system(ModelSettings(instructions="compact")) == COMPACT
    assert spanish.system(ModelSettings()).endswith("- Answer in Spanish.\n")


def test_memory_ends_the_system_text() -> None:
    builder = PromptBuilder((), "Spanish", memory="- likes bees\n")
    assert builder.system(ModelSettings()).endswith("- Answer in Spanish.\n\n- likes bees\n")
    assert builder.request("m", ModelSettings(), []).system == builder.system(ModelSettings())
    assert "bees" not in builder.system(ModelSettings(), with_memory=False)


def test_instructions_and_tools_take_few_tokens(home: Home) -> None:
    """What every request costs before anybody has said anything: a ceiling, because overhead only ever grows."""
    home.configure("http://127.0.0.1:9/v1")
    runtime = Runtime(None, home.environ)
    chain = runtime.chain()
    sizes = dict(build_agent(runtime, chain, runtime.sessions.create("test"), home.workspace).prompt_sizes())
    assert len(sizes) >= 7, sizes
    assert sizes["instructions"] < 400
    assert sum(sizes.values()) <= 2200, sizes


def test_with_every_tool_that_there_is_they_still_take_few(home: Home) -> None:
    """The same where nothing is missing: a browser, a peer, skills, and servers with more tools than are offered one by one."""
    home.configure("http://127.0.0.1:9/v1")
    programs = home.folder / "programs"
    programs.mkdir()
    (programs / "chromium").touch(0o755)
    nas = identity(9)
    assert home.call("peers", "add", f"alp1 {nas.name} - nas", "--yes").code == 0
    runtime = Runtime(None, {**home.environ, "PATH": f"{programs}:{home.environ['PATH']}"})
    agent = build_agent(runtime, runtime.chain(), runtime.sessions.create("test"), home.workspace)
    sizes = dict(agent.prompt_sizes())
    sizes["mcp"] = estimate_tokens(schema_text(spec_of(ManyTools((), lambda: None, agent.aclose))))  # type: ignore[arg-type]
    every = [
        "read_file",
        "write_file",
        "edit_file",
        "search_files",
        "terminal",
        "memory",
        "todo",
        "session_search",
        "link",
        "skill",
    ]
    every += ["web_search", "web_fetch", "research", "browser", "mcp"]
    assert set(sizes) == {"instructions", *every}, "count a new tool here, too"
    assert sum(sizes.values()) <= 4000, sizes


def test_examples_stand_before_the_conversation_and_are_counted() -> None:
    example, asked = UserMessage("e", NOW, "example"), UserMessage("u", NOW, "question")
    request = PromptBuilder(()).request("m", ModelSettings(), [asked], [example])
    assert list(request.messages) == [example, asked]
    assert request.prefix == 1
    assert request.calls_allowed
    last = PromptBuilder(()).request("m", ModelSettings(), [asked], (), last_step=True)
    assert not last.calls_allowed
    assert "Call no more tools" in last.closing


def test_the_context_names_time_zone_and_workspace() -> None:
    assert turn_context(NOW, Path("/w"), first=False) == "[Now: Monday, 2026-11-23 09:30 UTC]"
    assert turn_context(NOW, Path("/w"), first=True) == "[Now: Monday, 2026-11-23 09:30 UTC. Workspace: /w]"
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert turn_context(east, Path("/w"), first=False) == "[Now: Monday, 2026-11-23 15:00 UTC+05:30]"


def test_tokens_are_estimated_by_characters() -> None:
    assert [estimate_tokens("x" * n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_a_schema_says_what_is_needed_and_no_more() -> None:
    for tool in FILE_TOOLS:
        spec = spec_of(tool)
        assert spec.parameters["type"] == "object"
        assert set(spec.parameters) == {"type", "properties", "required"}
        assert set(spec.parameters["required"]) <= set(spec.parameters["properties"])
        assert '"default":' not in json.dumps(spec.parameters)
        assert "$ref" not in json.dumps(spec.parameters)
        assert estimate_tokens(schema_text(spec)) < 150, f"{spec.name} is long-winded"


# -- outputs -----------------------------------------------------------------------------------------------------------


def store(tmp_path: Path, limit: int = 1000) -> OutputStore:
    return OutputStore(tmp_path / "s.files", str, limit)


def test_a_short_output_is_left_as_it_is_and_nothing_is_written(tmp_path: Path) -> None:
    assert store(tmp_path).fit("c", "t", "hello\n") == "hello\n"
    assert store(tmp_path).fit("c", "t", "x" * 1000) == "x" * 1000
    assert not (tmp_path / "s.files").exists()


def test_codes_for_terminals_are_taken_out(tmp_path: Path) -> None:
    text = "\x1b[31mred\x1b[0m\r\n\x1b]0;title\x07a\rb\x00\x08c\td\x7f"
    assert store(tmp_path).fit("c", "t", text) == "red\nabc\td"


def test_a_long_one_shows_its_head_and_tail_by_whole_lines(tmp_path: Path) -> None:
    whole = "".join(f"line {n}\n" for n in range(1, 501))
    text = store(tmp_path).fit("call-1", "terminal", whole)
    head, note, tail = (
        text.partition("\n[")[0],
        text[text.index("\n[") + 1 : text.index("]\n") + 1],
        text[text.index("]\n") + 2 :],
    )
    path = tmp_path / "s.files" / "terminal-call-1.txt"
    assert str(path) in note
    assert path.read_text() == whole
    assert whole.startswith(head + "\n")
    assert whole.endswith("\n" + tail)
    next_line = int(note.rsplit("from line ", 1)[1].rstrip("]"))
    assert whole.split("\n")[next_line - 1] not in head.split("\n")
    assert head.endswith(f"line {next_line - 1}")
    left_out = int(note.split(" ", 1)[0].lstrip("[").replace(",", ""))
    assert left_out == len(whole) - len(head) - 1 - len(tail)


def test_one_that_is_a_single_line_is_cut_anywhere(tmp_path: Path) -> None:
    text = store(tmp_path).fit("c", "t", "x" * 5000)
    assert len(text) < 1300
    assert text.startswith("x" * 700)


def test_two_outputs_never_share_a_file_whatever_a_server_calls_them(tmp_path: Path) -> None:
    kept = store(tmp_path)
    texts = [f"{n}\n" * 1000 for n in range(3)]
    shown = [kept.fit("../../same id/", "t", text) for text in texts]
    files = sorted((tmp_path / "s.files").iterdir())
    assert sorted(file.read_text() for file in files) == texts
    for text in shown:
        assert sum(str(file) in text for file in files) == 1
    assert {file.parent for file in files} == {tmp_path / "s.files"}


# -- replies -----------------------------------------------------------------------------------------------------------


def reply(
    *given: object, tools: tuple[ToolSpec, ...] = (READ,), settle: bool = True
) -> tuple[Reply, list[events.Event]]:
    seen: list[events.Event] = []
    made = Reply(seen.append)
    made.begin("home/m", TextCalls(tools) if tools else None)
    for event in given:
        made.take(event)  # type: ignore[arg-type]
    if settle:
        made.settle()
    return made, seen


CALL = ToolCall("c", "read_file", "{}")
AS_TEXT = '<tool_call>{"name": "read_file", "arguments": {"path": "a"}}</tool_call>'


def test_a_reply_keeps_text_calls_thinking_and_why_it_ended() -> None:
    made, seen = reply(
        ReasoningDelta("hm"), ReasoningDone(Reasoning("hm", "sig")), TextDelta("so"), CallDone(CALL), Finished("tools")
    )
    assert made.message("id", NOW) == AssistantMessage(
        "id", NOW, "so", (CALL,), (Reasoning("hm", "sig"),), "home/m", None, "tools"
    )
    assert seen == [events.Thinking("hm"), events.Text("so")]
    assert not made.empty


def test_one_that_was_cut_off_keeps_its_text_alone() -> None:
    made, _ = reply(ReasoningDone(Reasoning("hm", "sig")), TextDelta("so"), CallDone(CALL), settle=False)
    made.settle(broken=True)
    assert made.message("id", NOW, "interrupted") == AssistantMessage(
        "id", NOW, "so", (), (), "home/m", None, "interrupted"
    )


def test_a_call_in_text_counts_only_where_the_answer_is_whole() -> None:
    whole, seen = reply(TextDelta(AS_TEXT), Finished("end"))
    assert [call.name for call in whole.calls] == ["read_file"]
    assert whole.message("id", NOW).stop == "tools"
    assert seen == []
    half, seen = reply(TextDelta(AS_TEXT[:-15]), settle=False)
    half.settle(broken=True)
    assert half.calls == ()
    assert half.text == AS_TEXT[:-15]
    assert seen == [events.Text(AS_TEXT[:-15])]


def test_a_failure_makes_held_back_text_plain() -> None:
    failure = Failure("home", "m", "broken_stream", "it broke", "try again")
    made, _ = reply(TextDelta(AS_TEXT[:-15]), failure)
    assert made.failure == failure
    assert made.text == AS_TEXT[:-15]


def test_a_structured_call_goes_before_one_in_text() -> None:
    made, _ = reply(TextDelta(AS_TEXT), CallDone(CALL), Finished("tools"))
    assert made.calls == (CALL,)


def test_nothing_that_is_worth_keeping() -> None:
    made, _ = reply(Finished("end"))
    assert made.empty
    assert made.message("id", NOW).stop == "end"


def test_what_the_person_should_know_is_passed_on() -> None:
    failure = Failure("home", "m", "server", "home is down", "")
    _, seen = reply(Preparing("loading", 0.5), Retrying(failure, 2, 1.5, "spare/m"))
    assert seen == [events.Preparing("loading", 0.5), events.Retrying("home is down", 1.5, "spare/m")]


# -- arguments ---------------------------------------------------------------------------------------------------------


class Wanted(Struct, frozen=True):
    path: str
    count: Annotated[int, Meta(ge=1)] = 1
    share: float = 0.5
    all: bool = False


class WantingTool(FakeTool):
    Arguments = Wanted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"path": "a"}', Wanted("a")),
        ('{"path": "a", "count": "3", "share": "0.25", "all": "true"}', Wanted("a", 3, 0.25, True)),
        ('{"path": "a", "count": 3.0, "all": 1}', Wanted("a", 3, 0.5, True)),
        ('{"path": "a", "count": null, "all": null}', Wanted("a")),
        ('  {"path": "\\ud83d\\ude00\\n"}  ', Wanted("😀\n")),
    ],
)
def test_arguments_are_read_with_some_goodwill(text: str, expected: Wanted) -> None:
    assert parse_arguments(WantingTool("t"), ToolCall("c", "t", text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "3",
        "{}",
        '{"path": 1}',
        '{"path": "a", "count": 0}',
        '{"path": "a", "x": 1}',
        '{"path": "\\ud800"}',
        "{" * 50_000,
        "\ud800",
    ],
)
def test_wrong_arguments_are_answered_with_what_is_wanted(text: str) -> None:
    with pytest.raises(AlpiError) as caught:
        parse_arguments(WantingTool("t"), ToolCall("c", "t", text))
    assert caught.value.hint == "It takes: path, count (optional), share (optional), all (optional)"
    assert len(str(caught.value)) < 600


def test_no_arguments_at_all_are_an_empty_object() -> None:
    assert parse_arguments(FakeTool("t"), ToolCall("c", "t", "")) == FakeTool("t").Arguments()


# -- surfaces ----------------------------------------------------------------------------------------------------------


@in_loop
async def test_where_nobody_is_watching_the_answer_is_no() -> None:
    surface = Unattended("cron")
    assert (surface.name, surface.attended) == ("cron", False)
    assert await surface.ask(Question("do it", "why", "/")) is Answer.NO


@in_loop
async def test_an_interrupt_stays_set() -> None:
    interrupt = Interrupt()
    assert not interrupt.is_set()
    interrupt.set()
    interrupt.set()
    assert interrupt.is_set()
    await interrupt.wait()


def test_paths_of_a_call_are_read_from_the_workspace(tmp_path: Path) -> None:
    context = ToolContext(tmp_path, None, None, lambda text: None, 1000, False)  # type: ignore[arg-type]
    assert context.path("a/b") == tmp_path / "a/b"
    assert context.path("/etc/hosts") == Path("/etc/hosts")
    assert context.path("~/x") == Path.home() / "x"
    assert context.shown(tmp_path / "a") == "a"
    assert context.shown(Path("/etc/hosts")) == "/etc/hosts"
    for wrong in ("", "  ", "a\0b", "~no-such-user-here/x"):
        with pytest.raises(ToolError):
            context.path(wrong)
    assert Result("x").summary == ""
