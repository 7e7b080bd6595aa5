"""What a model can do, found out by three tiny requests: answer (and stream), call a tool, see a picture."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from ..agent.accounts import CallPlan
from ..base.clock import Clock
from ..base.errors import AlpiError
from ..base.message import Image, ToolCall, Usage, UserMessage
from ..providers.textcalls import TextCalls
from ..providers.types import (
    CallDelta,
    CallDone,
    Failure,
    Finished,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolSpec,
    UsageReport,
)

if TYPE_CHECKING:
    from ..agent.accounts import Accounts
    from ..providers.retry import ChainEntry

Name = Literal["answers", "streams", "calls tools", "sees pictures"]
State = Literal["yes", "no", "unclear"]
MOST_OUTPUT = 2048
"""Tokens that one answer may have: enough for a model that thinks first, little enough to cost next to nothing."""
ESTIMATE = 300
"""Tokens that the largest of the requests takes, the picture's among them."""
WORD = "kestrel"
ANSWER = "Answer in plain words."
COUNT = "Count from one to ten in words, separated by commas. Nothing else."
CALL = f"Call the tool `note` with the word {WORD}. Do not explain, do not answer in text: call the tool."
SEE = "What colour is this picture? Answer with one word."


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that was tried. ``note``: what was seen, in one sentence, or ``""``. ``failure``: the provider's, where it failed."""

    name: Name
    state: State
    note: str = ""
    failure: Failure | None = None


@dataclass
class _Answer:
    """What came back from one request."""

    text: list[str] = field(default_factory=list)
    pieces: int = 0
    calls: list[ToolCall] = field(default_factory=list)
    usage: Usage | None = None
    stop: str = ""
    failure: Failure | None = None

    @property
    def whole(self) -> str:
        return "".join(self.text).strip()


class Trial:
    """One model that is being tried, through its provider as every turn does.

    Args:
        entry: the provider, its model, and how it wants to be asked.
        clock: dates the messages.
        accounts: where the requests are charged; ``None`` where no ledger is kept.
    """

    def __init__(self, entry: ChainEntry, clock: Clock, accounts: Accounts | None = None) -> None:
        self._entry = entry
        self._clock = clock
        self._accounts = accounts
        self.usage = Usage()
        """What the requests used so far, as the provider counted it."""

    async def run(self) -> AsyncIterator[Ability]:
        """Try one ability after the other. Ends early when the model does not answer at all.

        Raises:
            OverBudget: a budget does not allow it.
            StorageError: the ledger cannot be written.
        """
        answer = await self._ask(COUNT)
        yield _answers(answer)
        if answer.failure is not None or not answer.whole:
            return
        yield _streams(answer)
        tools = (_tool(),)
        yield _calls(await self._ask(CALL, tools=tools), tools, self._entry.settings.text_calls)
        yield _sees(await self._ask(SEE, images=(red_square(),)))

    async def _ask(self, text: str, tools: tuple[ToolSpec, ...] = (), images: tuple[Image, ...] = ()) -> _Answer:
        entry = self._entry
        settings = replace(entry.settings, vision=True, max_output_tokens=MOST_OUTPUT, thinking_tokens=0)
        message = UserMessage("probe", self._clock.now(), text, images=images)
        request = Request(entry.model, ANSWER, [message], tools, settings)
        held = ""
        if self._accounts is not None:
            plan = CallPlan(entry.full_name, ESTIMATE, MOST_OUTPUT, "", "setup", "person", "probe")
            held = self._accounts.reserve(plan)
        answer = _Answer()
        try:
            await self._read(request, answer)
        except AlpiError as error:  # what the local model needs may be missing
            answer.failure = Failure(entry.provider.name, entry.model, "unreachable", error.message, error.hint)
        finally:
            if self._accounts is not None:
                self._accounts.settle(held, answer.usage)
        self.usage += answer.usage or Usage()
        return answer

    async def _read(self, request: Request, answer: _Answer) -> None:
        from collections.abc import AsyncGenerator
        from typing import cast

        stream = cast("AsyncGenerator[object, None]", self._entry.provider.stream(request))
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    answer.text.append(event.text)
                if isinstance(event, TextDelta | ReasoningDelta | CallDelta):
                    answer.pieces += 1
                elif isinstance(event, CallDone):
                    answer.calls.append(event.call)
                elif isinstance(event, UsageReport):
                    answer.usage = event.usage
                elif isinstance(event, Finished):
                    answer.stop = event.stop
                elif isinstance(event, Failure):
                    answer.failure = event


def _answers(answer: _Answer) -> Ability:
    if answer.failure is not None:
        return Ability("answers", "no", answer.failure.message, answer.failure)
    if answer.whole:
        return Ability("answers", "yes")
    if answer.stop == "length":
        return Ability("answers", "unclear", f"it thought for {MOST_OUTPUT} tokens and had said nothing by then")
    return Ability("answers", "no", "its answer was empty")


def _streams(answer: _Answer) -> Ability:
    if answer.pieces > 1:
        return Ability("streams", "yes")
    return Ability("streams", "no", "its answer comes in one piece, at the end")


def _calls(answer: _Answer, tools: Sequence[ToolSpec], text_calls: bool) -> Ability:
    if answer.failure is not None:
        return Ability("calls tools", "no", answer.failure.detail or answer.failure.message, answer.failure)
    if any(_right(call) for call in answer.calls):
        return Ability("calls tools", "yes")
    if answer.calls:
        return Ability("calls tools", "unclear", "it called a tool, with other arguments than it was asked for")
    reader = TextCalls(tools)
    reader.feed("".join(answer.text))
    printed = [call for call in reader.finish()[1] if _right(call)]
    if printed and text_calls:
        return Ability("calls tools", "yes", "it prints its calls as text; alpi reads them")
    if printed:
        return Ability("calls tools", "no", "it prints its calls as text, and text_calls is off for it")
    return Ability("calls tools", "no", "it answered in words: it can talk, and will not read files or run commands")


def _sees(answer: _Answer) -> Ability:
    if answer.failure is not None:
        return Ability("sees pictures", "no")
    if "red" in answer.whole.lower().replace(".", " ").replace("*", " ").split():
        return Ability("sees pictures", "yes")
    return Ability("sees pictures", "no")


def _right(call: ToolCall) -> bool:
    return call.name == "note" and WORD in call.arguments.lower()


def _tool() -> ToolSpec:
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    return ToolSpec("note", "Keep one word.", schema)


def red_square(side: int = 64) -> Image:
    """A red PNG; the size is above what some providers take for the least."""
    rows = (b"\0" + b"\xe0\x10\x10" * side) * side

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return Image("image/png", base64.b64encode(png).decode(), "probe.png")


def sentence(ability: Ability) -> str:
    """An ability as a line for a person."""
    words = {"yes": "yes", "no": "no", "unclear": "not clear"}[ability.state]
    return f"{ability.name:14} {words}{f': {ability.note}' if ability.note else ''}"
