"""The forms in which models print tool calls, each read from a place in a text. Pure; ``textcalls`` decides what counts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .types import ToolSpec

_NAME_KEYS = ("name", "tool", "tool_name", "function")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input")
_OTHER_KEYS = ("id", "type")
_KEYS = _NAME_KEYS + _ARGUMENT_KEYS + _OTHER_KEYS

_CLOSING = MappingProxyType(
    {
        "<tool_call>": "</tool_call>",
        "<tool_calls>": "</tool_calls>",
        "<function_call>": "</function_call>",
        "<tools>": "</tools>",
        "<toolcall>": "</toolcall>",
        "<|tool_call|>": "<|/tool_call|>",
        "<|python_tag|>": "<|eom_id|>",
        "[tool_calls]": "</s>",
    }
)
"""What ends what each tag opens, in lower case. The end of the answer ends it too: many servers swallow the closing tag."""

_FUNCTION = "<function="
_OPENERS = (*_CLOSING, _FUNCTION)
LONGEST_OPENER = max(map(len, _OPENERS))
FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w+.-]*[ \t]*(?:\n|(?=[{\[]))")
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_STRING_OR_TRAILING_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)


class NoCall(Exception):
    """The text cannot become a call, whatever follows."""


class Incomplete(Exception):
    """The text may be the beginning of a call."""


@dataclass(frozen=True, slots=True)
class Found:
    """A call before it has an id. ``exact``: its object had a name and arguments and nothing else."""

    name: str
    arguments: dict[str, Any]
    exact: bool = False


def opener_of(text: str, final: bool) -> str | None:
    """The call tag that ``text`` begins with, ``""`` if it may yet become one, else ``None``."""
    head = text[:LONGEST_OPENER].lower()
    for opener in _OPENERS:
        if head.startswith(opener):
            return text[: len(opener)]
    if not final and any(opener.startswith(head) for opener in _OPENERS):
        return ""
    return None


def begins_tag(text: str) -> bool:
    """Whether ``text`` begins with a call tag, or may (a single character says nothing yet)."""
    head = text[:LONGEST_OPENER].lower()
    return len(head) > 1 and any(opener.startswith(head) or head.startswith(opener) for opener in _OPENERS)


def read_whole(text: str, tools: dict[str, ToolSpec], final: bool) -> list[Found]:
    """Calls that fill ``text``, in the open or in fences.

    Args:
        final: nothing follows any more.

    Raises:
        NoCall: it holds something else.
        Incomplete: it breaks off; only where ``final`` is false.
    """
    found: list[Found] = []
    position = 0
    try:
        while (position := _skip(text, position, ",;")) < len(text):
            fence = FENCE.match(text, position)
            if fence:
                marks, position = fence[1], fence.end()
                while not text.startswith(marks, position := _skip(text, position, ",;")):
                    if final and found and position == len(text):
                        return found  # the fence was not closed
                    calls, position = _read_json(text, position, tools, final)
                    found += calls
                    if text[position:].strip() in {marks[:n] for n in range(len(marks))} and not final:
                        raise Incomplete
                position += len(marks)
            elif text[position] in "`~" and not final and len(text) - position < 20:
                raise Incomplete
            else:
                calls, position = _read_json(text, position, tools, final)
                found += calls
    except Incomplete:
        if final:
            raise NoCall from None
        raise
    if not found:
        raise NoCall
    return found


def read_tagged(text: str, opener: str, tools: dict[str, ToolSpec], final: bool) -> tuple[list[Found], int]:
    """The calls in the tag that ``text`` begins with, and how much of it they take."""
    if opener.lower() == _FUNCTION:
        return _read_function(text, 0, tools, final)
    closing = _CLOSING[opener.lower()]
    named = opener.lower() == "[tool_calls]"
    found: list[Found] = []
    position = len(opener)
    while True:
        position = _skip(text, position, ",;")
        rest = text[position : position + len(closing)].lower()
        if found and rest == closing:
            return found, position + len(closing)
        if position == len(text) or (rest and closing.startswith(rest) and len(text) - position < len(closing)):
            if final and found:
                return found, len(text)
            raise NoCall if final else Incomplete
        if found and begins_tag(text[position : position + LONGEST_OPENER]):
            return found, position  # the next call comes in tags of its own
        if text[position] in "{[":
            calls, position = _read_json(text, position, tools, final, lenient=True)
        elif text[position] == "<":
            calls, position = _read_function(text, position, tools, final)
        elif named:
            calls, position = _read_named(text, position, tools, final)
        elif found:
            return found, position  # the closing tag was left out
        else:
            raise NoCall
        found += calls


def _read_function(text: str, start: int, tools: dict[str, ToolSpec], final: bool) -> tuple[list[Found], int]:
    """``<function=NAME>`` with a JSON object or parameter tags behind it."""
    head = re.compile(r"<function=([\w.:-]*)(>?)", re.IGNORECASE).match(text, start)
    if head is None or not head[2]:
        partial = _FUNCTION.startswith(text[start:].lower()) or (head is not None and head.end() == len(text))
        raise Incomplete if partial and not final else NoCall
    tool = tools.get(head[1])
    if tool is None:
        raise NoCall
    position = _skip(text, head.end())
    arguments: dict[str, Any] = {}
    if text.startswith("{", position):
        value, position = _decode(text, position, final)
        if not isinstance(value, dict):
            raise NoCall
        arguments = value
    while parameter := _PARAMETER.match(text, position):
        arguments[parameter[1].strip()] = _typed(parameter[2], tool, parameter[1].strip())
        position = parameter.end()
    position = _skip(text, position)
    if text.startswith("</function>", position):
        return [Found(tool.name, arguments)], position + len("</function>")
    rest = text[position:]
    if not final and any(mark.startswith(rest[: len(mark)]) for mark in ("</function>", "<parameter=")):
        raise Incomplete
    if not final and rest.startswith("<parameter="):
        raise Incomplete
    if arguments and ((final and not rest) or rest.startswith("</tool_call>")):
        return [Found(tool.name, arguments)], position
    raise NoCall


def _read_named(text: str, start: int, tools: dict[str, ToolSpec], final: bool) -> tuple[list[Found], int]:
    """Mistral's ``NAME{...}``, ``NAME[ARGS]{...}`` and ``NAME[CALL_ID]ID[ARGS]{...}``."""
    head = re.compile(r"([\w.:-]+)\s*(?:\[CALL_ID\]\w*)?\s*(?:\[ARGS\])?\s*").match(text, start)
    if head is None:
        raise NoCall
    if not text.startswith("{", head.end()):
        raise Incomplete if not final and len(text) - head.end() < 40 else NoCall
    value, position = _decode(text, head.end(), final)
    if head[1] not in tools or not isinstance(value, dict):
        raise NoCall
    return [Found(head[1], value)], position


def _read_json(
    text: str, start: int, tools: dict[str, ToolSpec], final: bool, lenient: bool = False
) -> tuple[list[Found], int]:
    """One JSON value that is a call or a list of calls. ``lenient``: in call tags, where arguments may be left out."""
    if not _may_be_call(text[start : start + 200]):
        raise NoCall
    value, end = _decode(text, start, final)
    items = value if isinstance(value, list) else [value]
    found = [_call_of(item, tools, lenient) for item in items]
    if not found:
        raise NoCall
    return found, end


def _may_be_call(text: str) -> bool:
    """Whether JSON that begins like this can be a call: its first key is one that calls have."""
    match = re.match(r'\s*(?:\[\s*)?(?:$|\{\s*(?:$|"(\w*)("?)))', text)
    if match is None:
        return False
    key, closed = match[1], match[2]
    return key is None or (
        key in _KEYS if closed else match.end() == len(text) and any(k.startswith(key) for k in _KEYS)
    )


def _call_of(value: Any, tools: dict[str, ToolSpec], lenient: bool) -> Found:
    """The call that a JSON value describes."""
    if (
        isinstance(value, dict)
        and isinstance(value.get("function"), dict)
        and value.keys() <= {"function", *_OTHER_KEYS}
    ):
        value = value["function"]  # chat completions' own form
    if not isinstance(value, dict) or not value.keys() <= set(_KEYS):
        raise NoCall
    names = [key for key in _NAME_KEYS if key in value]
    holders = [key for key in _ARGUMENT_KEYS if key in value]
    if len(names) != 1 or len(holders) > 1 or not (holders or lenient):
        raise NoCall
    name, arguments = value[names[0]], value[holders[0]] if holders else {}
    if not isinstance(name, str) or name not in tools:
        raise NoCall
    if isinstance(arguments, str):
        arguments = _inner(arguments)
    if not isinstance(arguments, dict):
        raise NoCall
    return Found(
        name, arguments, exact=names == ["name"] and holders[:1] in (["arguments"], ["parameters"]) and len(value) == 2
    )


def _inner(text: str) -> Any:
    """Arguments that were written as a string which holds JSON."""
    try:
        value, end = _decode(text, _skip(text, 0), final=True)
    except Incomplete:
        raise NoCall from None
    if text[end:].strip():
        raise NoCall
    return value


def _typed(text: str, tool: ToolSpec, name: str) -> Any:
    """A parameter tag's text as the tool's schema wants it: verbatim for a string, else JSON where it is."""
    schema = tool.parameters.get("properties", {}).get(name, {})
    if schema.get("type", "string") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text  # dispatch tells the model what was expected


def _decode(text: str, start: int, final: bool) -> tuple[Any, int]:
    """The JSON value at ``start`` and where it ends.

    Raw line breaks in strings are taken as they are. At the end of the answer single trailing commas are, too.
    """
    decoder = json.JSONDecoder(strict=False, parse_constant=_not_json)
    try:
        return decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        if not final:
            raise Incomplete from None
    # A comma becomes a blank, so that places in the text stay the same.
    mended = _STRING_OR_TRAILING_COMMA.sub(lambda match: match[0] if match[0] != "," else " ", text[start:])
    try:
        value, end = decoder.raw_decode(mended)
    except (ValueError, RecursionError):
        raise NoCall from None
    return value, start + end


def _not_json(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _skip(text: str, position: int, also: str = "") -> int:
    """Past white space (and the separators that models put between calls)."""
    while position < len(text) and (text[position].isspace() or text[position] in also):
        position += 1
    return position
