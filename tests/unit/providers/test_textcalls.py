"""Text-form tool calls: each form is read, and what only looks like one stays text."""

from __future__ import annotations

import json
import time

import pytest

from alpi.base.message import ToolCall
from alpi.providers.textcalls import CallEvents, TextCalls, read_calls
from alpi.providers.types import CallDone, Failure, Finished, TextDelta, ToolSpec

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}}}
TOOLS = (ToolSpec("read_file", "", SCHEMA), ToolSpec("write_file", "", SCHEMA))
A = '{"name": "read_file", "arguments": {"path": "a"}}'
B = '{"name": "read_file", "arguments": {"path": "b"}}'


def read(text: str, size: int = 0) -> tuple[str, list[tuple[str, object]]]:
    """(text, calls) when ``text`` arrives in pieces of ``size`` characters, or whole."""
    reader = TextCalls(TOOLS)
    step = size or max(1, len(text))
    shown = "".join(piece for start in range(0, len(text), step) for piece in reader.feed(text[start : start + step]))
    rest, calls = reader.finish()
    return shown + rest, [(call.name, json.loads(call.arguments)) for call in calls]


FORMS = {
    "bare": A,
    "bare, with white space": f" \n{A}\n",
    "parameters": '{"name": "read_file", "parameters": {"path": "a"}}',
    "args": '{"name": "read_file", "args": {"path": "a"}}',
    "input": '{"name": "read_file", "input": {"path": "a"}}',
    "tool": '{"tool": "read_file", "args": {"path": "a"}}',
    "with id and type": '{"id": "1", "type": "function", "name": "read_file", "arguments": {"path": "a"}}',
    "nested function": '{"type": "function", "function": {"name": "read_file", "arguments": "{\\"path\\": \\"a\\"}"}}',
    "arguments as a string": '{"name": "read_file", "arguments": "{\\"path\\": \\"a\\"}"}',
    "fence": f"```json\n{A}\n```",
    "fence of another language": f"```call\n{A}\n```",
    "fence without a language": f"```\n{A}\n```\n",
    "fence on one line": f"```json {A} ```",
    "tildes": f"~~~\n{A}\n~~~",
    "fence that never closed": f"```json\n{A}",
    "lead-in and fence": f"```json\n{A}\n```",
    "trailing commas": '{"name": "read_file", "arguments": {"path": "a",},}',
    "hermes": f"<tool_call>\n{A}\n</tool_call>",
    "hermes, unclosed": f"<tool_call>\n{A}\n",
    "hermes, half closed": f"<tool_call>\n{A}\n</tool_call>"[:-4],
    "hermes with a list": f"<tool_call>[{A}]</tool_call>",
    "tools": f"<tools>\n{A}\n</tools>",
    "capitals": f"<TOOLCALL>[{A}]</TOOLCALL>",
    "function_call": f"<function_call>{A}</function_call>",
    "granite": f"<|tool_call|>[{A}]",
    "function": '<function=read_file>{"path": "a"}</function>',
    "function with parameters": "<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>",
    "qwen3": "<tool_call>\n<function=read_file>\n<parameter=path>\na\n</parameter>\n</function>\n</tool_call>",
    "mistral": f"[TOOL_CALLS] [{A}]",
    "mistral, named": '[TOOL_CALLS]read_file{"path": "a"}',
    "mistral, named with args": '[TOOL_CALLS]read_file[ARGS]{"path": "a"}',
    "mistral, with an id": '[TOOL_CALLS]read_file[CALL_ID]x1[ARGS]{"path": "a"}',
    "llama": '<|python_tag|>{"type": "function", "name": "read_file", "parameters": {"path": "a"}}<|eom_id|>',
}


@pytest.mark.parametrize("size", [0, 1, 2, 5, 13])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_read(form: str, size: int) -> None:
    text, calls = read(FORMS[form], size)
    assert calls == [("read_file", {"path": "a"})]
    assert not text.strip()


TWO = {
    "one per line": f"{A}\n{B}",
    "list": f"[{A}, {B}]",
    "fences": f"```json\n{A}\n```\n\n```json\n{B}\n```",
    "one fence": f"```json\n{A}\n{B}\n```",
    "tags": f"<tool_call>{A}</tool_call><tool_call>{B}</tool_call>",
    "one tag": f"<tool_calls>\n{A}\n{B}\n</tool_calls>",
    "semicolon": f"<|python_tag|>{A}; {B}",
    "mistral": '[TOOL_CALLS]read_file[ARGS]{"path": "a"}[TOOL_CALLS]read_file[ARGS]{"path": "b"}',
}


@pytest.mark.parametrize("size", [0, 1, 3])
@pytest.mark.parametrize("form", TWO)
def test_several_calls_are_read(form: str, size: int) -> None:
    text, calls = read(TWO[form], size)
    assert calls == [("read_file", {"path": "a"}), ("read_file", {"path": "b"})]
    assert not text.strip()


NOT_CALLS = {
    "not offered": '{"name": "rm_all", "arguments": {"path": "a"}}',
    "not offered, in tags": '<tool_call>{"name": "rm_all", "arguments": {}}</tool_call>',
    "not offered, as a function": '<function=rm_all>{"path": "a"}</function>',
    "one of two not offered": f'[{A}, {{"name": "rm_all", "arguments": {{}}}}]',
    "data": '{"name": "Anna", "age": 3}',
    "data named like a tool": '{"name": "read_file", "arguments": {"path": "a"}, "stars": 5}',
    "arguments that are none": '{"name": "read_file", "arguments": [1]}',
    "arguments as prose": '{"name": "read_file", "arguments": "the path"}',
    "no arguments": '{"name": "read_file"}',
    "NaN": '{"name": "read_file", "arguments": {"lines": NaN}}',
    "fence, then prose": f"```json\n{A}\n```\nThat is how a call looks.",
    "bare, then prose": f"{A} is what I would print.",
    "example in an explanation": f"A call looks so:\n\n```json\n{A}\n```\n\nThen the result comes.",
    "two fences after prose": f"One:\n```json\n{A}\n```\ntwo:\n```json\n{B}\n```",
    "data first, then a call": f'See:\n```json\n{{"x": 1}}\n```\nand\n```json\n{A}\n```',
    "trailing fence with more in it": '{"id": 1}\n```json\n{"name": "read_file", "arguments": {}, "id": "1"}\n```',
    "long explanation": f"{'Calls are JSON. ' * 30}\n```json\n{A}\n```",
    "two paragraphs": f"Calls are JSON.\n\nLike this:\n```json\n{A}\n```",
    "tag in inline code": f"The model prints `<tool_call>{A}</tool_call>` then.",
    "tag in a code block": f"```xml\n<tool_call>{A}</tool_call>\n```",
    "tag around prose": "<tool_call>nothing</tool_call>",
    "python in a fence": "```python\nprint([1])\n```",
    "cut off": '{"name": "read_file", "arguments": {"path": "a',
    "html": "a < b, <b>bold</b> and <tools are nice",
    "link": "[TOOL](x) and [tool_call",
    "array": "[1, 2, 3]",
    "only marks": "```",
    "nothing": "",
    "line breaks": "\n\n \n",
}


@pytest.mark.parametrize("size", [0, 1, 2, 7])
@pytest.mark.parametrize("form", NOT_CALLS)
def test_what_is_no_call_stays_text(form: str, size: int) -> None:
    assert read(NOT_CALLS[form], size) == (NOT_CALLS[form], [])


def test_a_short_lead_in_is_kept() -> None:
    text, calls = read(f"I will read it.\n```json\n{A}\n```\n", 4)
    assert text.strip() == "I will read it."
    assert len(calls) == 1


def test_text_around_tags_is_kept() -> None:
    text, calls = read(f"Let me see. <tool_call>{A}</tool_call> One moment.", 3)
    assert text == "Let me see.  One moment."
    assert len(calls) == 1


def test_raw_line_breaks_and_fences_in_a_string() -> None:
    text, calls = read(
        '```json\n{"name": "write_file", "arguments": {"path": "a", "content": "x\n```py\ny\n```\nz"}}\n```', 6
    )
    assert calls == [("write_file", {"path": "a", "content": "x\n```py\ny\n```\nz"})]
    assert text == ""


def test_parameter_tags_follow_the_schema() -> None:
    _, calls = read("<function=read_file><parameter=path>12</parameter><parameter=lines>3</parameter></function>")
    assert calls == [("read_file", {"path": "12", "lines": 3})]


def test_prose_is_passed_on_at_once() -> None:
    reader = TextCalls(TOOLS)
    assert reader.feed("Hello") == ["Hello"]
    assert reader.feed(", you {there}") == [", you {there}"]
    assert reader.feed("\n") == ["\n"]
    assert reader.feed("Here is code:\n```python\nx = ") == ["Here is code:\n", "```python\n", "x = "]
    assert reader.feed("{}\n") == ["{}\n"]


def test_json_that_cannot_be_a_call_is_passed_on_at_once() -> None:
    reader = TextCalls(TOOLS)
    assert "".join(reader.feed('{"colour": ')) == '{"colour": '


def test_only_the_beginning_of_a_tag_is_held() -> None:
    reader = TextCalls(TOOLS)
    assert reader.feed("one <") == ["one "]
    assert "".join(reader.feed("b>two")) == "<b>two"


def test_without_tools_nothing_is_held() -> None:
    assert read_calls(A, ()) == (A, [])
    assert TextCalls(()).feed(A) == [A]


def test_ids_are_the_callers_or_numbers() -> None:
    assert [call.id for call in read_calls(f"{A}\n{B}", TOOLS)[1]] == ["text-1", "text-2"]
    reader = TextCalls(TOOLS, iter(["x", "y"]).__next__)
    reader.feed(A)
    assert reader.finish()[1][0].id == "x"


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"name":"read_file","arguments":' + "[" * 200_000, "<" * 50_000, "`" * 50_000]
)
def test_monstrous_text_is_only_text(text: str) -> None:
    begun = time.monotonic()
    assert read(text) == (text, [])
    assert time.monotonic() - begun < 5


def events(*given: object) -> list[object]:
    reader = CallEvents(TOOLS)
    return [event for one in given for event in reader.feed(one)]  # type: ignore[arg-type]


def test_events_become_calls_at_the_end() -> None:
    assert events(TextDelta(A[:9]), TextDelta(A[9:]), Finished("end")) == [
        CallDone(ToolCall("text-1", "read_file", '{"path": "a"}')),
        Finished("tools"),
    ]


def test_events_without_calls_stay() -> None:
    assert events(TextDelta("Hi"), TextDelta(" {"), Finished("length")) == [
        TextDelta("Hi"),
        TextDelta(" {"),
        Finished("length"),
    ]


def test_a_structured_call_ends_the_reading() -> None:
    call = CallDone(ToolCall("1", "read_file", "{}"))
    assert events(TextDelta(A), call, Finished("tools")) == [TextDelta(A), call, Finished("tools")]


def test_a_failure_gives_what_was_held_as_text() -> None:
    failure = Failure("p", "m", "broken_stream", "", "")
    assert events(TextDelta(A), failure) == [TextDelta(A), failure]
