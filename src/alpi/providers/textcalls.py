"""Tool calls that a model prints as text, read as calls. Pure: text in; text and calls out.

Small models, and servers that do not know a model's own form, answer with one of these instead of a structured call::

    {"name": "read_file", "arguments": {"path": "a.txt"}}        bare; also several, or a list of them
    ```json ... ```                                              the same in a fence of any language
    <tool_call> ... </tool_call>                                 Hermes, Qwen; also <tools>, <function_call>, <TOOLCALL>
    <function=read_file>{"path": "a.txt"}</function>             Llama, Functionary; also with <parameter=path> tags (Qwen3)
    [TOOL_CALLS] [...]  or  [TOOL_CALLS]read_file{...}           Mistral
    <|python_tag|>{"name": ..., "parameters": {...}}             Llama 3.1

A call is read only where its tool was offered, and where nothing else can be meant: it stands in call tags, or the calls are
the whole answer, or the answer is a short lead-in and one fence at its end which holds exactly a name and arguments. JSON
that is shown in an explanation stays text. In doubt it is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from ..base.message import ToolCall
from .textforms import FENCE, LONGEST_OPENER, Found, Incomplete, NoCall, begins_tag, opener_of, read_tagged, read_whole
from .types import CallDone, Failure, Finished, ProviderEvent, TextDelta, ToolSpec

_LONGEST_LEAD = 300
"""Characters of prose before a fence that may still be a lead-in to a call ("I will read the file:")."""


class TextCalls:
    """Reads calls out of one answer while it streams, holding back only what may become one.

    What goes in comes out: the pieces passed on, the rest and the calls account for all of the text, except white space
    around calls.

    Args:
        tools: those that were offered.
        new_id: names a call; without it they are ``text-1``, ``text-2``, …
    """

    def __init__(self, tools: Sequence[ToolSpec], new_id: Callable[[], str] | None = None) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._new_id = new_id
        self._calls: list[ToolCall] = []
        self._held = ""
        self._line = ""  # what was passed of the current line
        self._lead = ""  # the prose so far, as far as it matters
        self._fence = ""  # the marks of the code block that we are in
        self._only_tags = not tools  # neither a bare call nor a fence can come any more

    def feed(self, text: str) -> list[str]:
        """Take the next piece; give what can be shown already."""
        if not self._tools:
            return [text] if text else []
        self._held += text
        return self._advance(final=False)

    def finish(self) -> tuple[str, list[ToolCall]]:
        """The answer is over: the text still held back that is no call, and all calls."""
        rest = "".join(self._advance(final=True))
        return rest, self._calls

    def abandon(self) -> str:
        """The answer broke off: all that is held back, as text."""
        rest, self._held = self._held, ""
        return rest

    def _advance(self, final: bool) -> list[str]:
        out: list[str] = []
        while self._held:
            try:
                piece = self._code(final) if self._fence else self._prose(final)
            except Incomplete:
                if not final:
                    break
                piece = self._pass(len(self._held))  # it began like a call and never became one
            if piece:
                out.append(piece)
        return out

    # -- each of these takes something off the held text and gives what of it is passed on -----------------------------

    def _pass(self, count: int) -> str:
        piece, self._held = self._held[:count], self._held[count:]
        self._line = (self._line + piece).rpartition("\n")[2]
        if len(self._lead) <= _LONGEST_LEAD:
            self._lead += piece
        return piece

    def _code(self, final: bool) -> str:
        """A line inside a code block that is known to be none of ours."""
        end = self._held.find("\n") + 1
        if not self._line:
            # Only a line of fence marks closes; wait for the whole line where it begins like one.
            head = self._held.lstrip(" ")
            if not end and not final and (not head or head[0] == self._fence[0]):
                raise Incomplete
            line = (self._held[:end] if end else self._held).strip()
            if line.startswith(self._fence) and not line.strip(self._fence[0]):
                self._fence = ""
        return self._pass(end or len(self._held))

    def _prose(self, final: bool) -> str:
        blank = len(self._held) - len(self._held.lstrip())
        if blank and not self._line.strip():
            return self._pass(blank)
        if not self._line.strip():  # at the start of a line
            if self._held[0] in "`~":
                return self._fenced(final)
            if self._held[0] in "{[" and self._is_fresh() and not begins_tag(self._held):
                return self._whole(final, lead=False)
        return self._tagged(final)

    def _is_fresh(self) -> bool:
        """Whether nothing but white space has come so far."""
        return not self._only_tags and not self._lead.strip() and not self._calls

    def _fenced(self, final: bool) -> str:
        """A line that begins with a fence mark: the beginning of calls, or of a code block."""
        opening = FENCE.match(self._held)
        if opening is None:
            if "\n" not in self._held and re.fullmatch(
                r"(`{1,2}|~{1,2}|(`{3,}|~{3,})[ \t]*[\w+.-]*[ \t]*)", self._held
            ):
                raise Incomplete
            self._only_tags = self._only_tags or self._held.startswith(("```", "~~~"))
            return self._tagged(final)
        lead = self._lead.strip()
        short = len(lead) <= _LONGEST_LEAD and "\n\n" not in lead
        if not self._only_tags and short and not self._calls:
            return self._whole(final, lead=bool(lead))
        self._fence = opening[1]
        return self._pass(opening.end())

    def _whole(self, final: bool, lead: bool) -> str:
        """Calls that must be all there is up to the end of the answer."""
        try:
            found = read_whole(self._held, self._tools, final)
        except NoCall:
            found = []
        if not found or (lead and not (len(found) == 1 and found[0].exact)):
            self._only_tags = True  # the same text again, now as prose or a code block
            return ""
        if not final:
            raise Incomplete  # more text would make it an explanation
        self._held = ""
        self._add(found)
        return ""

    def _tagged(self, final: bool) -> str:
        """Prose to the end of its line, or to a call tag in it and that call."""
        end = self._held.find("\n") + 1 or len(self._held)
        for match in re.finditer(r"[<\[]", self._held[:end]):
            start = match.start()
            opener = opener_of(self._held[start : start + LONGEST_OPENER], final)
            if opener is None or (self._line + self._held[:start]).count("`") % 2:
                continue  # no tag, or one in inline code: somebody speaks about tags
            if start:
                return self._pass(start)
            if opener == "":
                raise Incomplete
            try:
                found, used = read_tagged(self._held, opener, self._tools, final)
            except NoCall:
                return self._pass(len(opener))
            self._held = self._held[used:]
            self._add(found)
            return ""
        return self._pass(end)

    def _add(self, found: Sequence[Found]) -> None:
        for one in found:
            call_id = self._new_id() if self._new_id else f"text-{len(self._calls) + 1}"
            self._calls.append(ToolCall(call_id, one.name, json.dumps(one.arguments, ensure_ascii=False)))


def read_calls(text: str, tools: Sequence[ToolSpec]) -> tuple[str, list[ToolCall]]:
    """(text without its calls, calls) of a whole answer."""
    reader = TextCalls(tools)
    passed = "".join(reader.feed(text))
    rest, calls = reader.finish()
    return passed + rest, calls


class CallEvents:
    """``TextCalls`` over a provider's events. Once a structured call comes, the provider reads them itself and text is text."""

    def __init__(self, tools: Sequence[ToolSpec], new_id: Callable[[], str] | None = None) -> None:
        self._reader: TextCalls | None = TextCalls(tools, new_id) if tools else None

    def feed(self, event: ProviderEvent) -> Iterator[ProviderEvent]:
        """The events that stand for this one."""
        if self._reader is None:
            yield event
        elif isinstance(event, TextDelta):
            for piece in self._reader.feed(event.text):
                yield TextDelta(piece)
        elif isinstance(event, CallDone | Failure):
            rest, self._reader = self._reader.abandon(), None
            if rest:
                yield TextDelta(rest)
            yield event
        elif isinstance(event, Finished):
            rest, calls = self._reader.finish()
            self._reader = None
            if rest:
                yield TextDelta(rest)
            for call in calls:
                yield CallDone(call)
            yield Finished("tools") if calls else event
        else:
            yield event
