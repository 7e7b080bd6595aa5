"""One question to a model, to see whether it answers, streams, and calls a tool. Used by the doctor and by the setup."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..agent.accounts import Accounts, CallPlan
from ..base.clock import Clock
from ..base.errors import OverBudget
from ..base.message import Usage, UserMessage
from ..providers.retry import ChainEntry
from ..providers.textcalls import TextCalls
from ..providers.types import (
    CallDelta,
    CallDone,
    Failure,
    Finished,
    ProviderEvent,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolSpec,
    UsageReport,
)

SECONDS = 15.0
"""How long a model may take, in all. The whole doctor has 20."""
ESTIMATE = 200
"""Tokens that question and answer take, each; a model that thinks first takes more."""
TOOL = "report_ready"
INSTRUCTIONS = "You test a connection. Use the tool that you are offered; do not explain."
QUESTION = f'Call the tool {TOOL} with the word "ready". Do nothing else.'


@dataclass(frozen=True, slots=True)
class Probe:
    """What a model did when it was asked to call a tool.

    ``answers``: it said anything to the end. ``streams``: its answer came in more than one piece; ``None`` where it was too short to
    tell. ``calls_tools``: it called the tool that it was told to call. ``seconds``: until the end, or until it was given up.
    ``problem`` and ``hint``: what went wrong and what to do, ``""`` where it answers. ``kind``: the failure's kind as in
    ``providers.types.FailureKind``, ``"slow"`` where the time ran out,
    ``"budget"`` where it was not asked for want of money, ``""`` where it answers.
    """

    answers: bool
    streams: bool | None
    calls_tools: bool
    seconds: float
    problem: str = ""
    hint: str = ""
    kind: str = ""


async def probe(
    entry: ChainEntry, *, clock: Clock, seconds: float = SECONDS, accounts: Accounts | None = None, session: str = ""
) -> Probe:
    """Ask one model once, through its provider as every turn does; nothing is retried, nothing is stored.

    Costs about 150 tokens. Does not close the provider: whoever opened it does.

    Args:
        accounts: where it is charged; ``session`` is under which name. A question that a budget does not allow is not asked.

    Raises:
        StorageError: the ledger cannot be read or written.
    """
    if accounts is None:
        return (await _asked(entry, clock, seconds))[0]
    try:
        held = accounts.reserve(CallPlan(entry.full_name, ESTIMATE, ESTIMATE, session, "doctor", "person", "probe"))
    except OverBudget as error:
        return Probe(False, None, False, 0.0, f"not asked: {error.message}", error.hint, "budget")
    usage: Usage | None = None
    try:
        found, usage = await _asked(entry, clock, seconds)
    finally:
        accounts.settle(held, usage)
    return found


async def _asked(entry: ChainEntry, clock: Clock, seconds: float) -> tuple[Probe, Usage | None]:
    reader = _Reader(entry)
    started = clock.monotonic()
    stream = entry.provider.stream(_request(entry, clock))
    try:
        async with asyncio.timeout(seconds):
            async for event in stream:
                reader.take(event)
    except TimeoutError:
        problem = f"{entry.full_name} did not finish its answer within {seconds:.0f} s"
        hint = "Try again; if it stays so, choose a faster model: alpi config set model PROVIDER/MODEL"
        return Probe(False, None, False, clock.monotonic() - started, problem, hint, "slow"), reader.usage
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
    return reader.result(clock.monotonic() - started), reader.usage


def _request(entry: ChainEntry, clock: Clock) -> Request:
    message = UserMessage("probe", clock.now(), QUESTION)
    return Request(entry.model, INSTRUCTIONS, [message], (_tool(),), entry.settings)


def _tool() -> ToolSpec:
    properties = {"word": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": ["word"], "additionalProperties": False}
    return ToolSpec(TOOL, "Report that you are ready.", schema)


class _Reader:
    """Gathers what one answer was made of."""

    def __init__(self, entry: ChainEntry) -> None:
        self._entry = entry
        self._text: list[str] = []
        self._pieces = 0
        self._call = False
        self._failure: Failure | None = None
        self._finished = False
        self.usage: Usage | None = None

    def take(self, event: ProviderEvent) -> None:
        if isinstance(event, TextDelta | ReasoningDelta | CallDelta):
            self._pieces += 1
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, CallDone):
            self._call = self._call or event.call.name == TOOL
        elif isinstance(event, UsageReport):
            self.usage = event.usage
        elif isinstance(event, Failure):
            self._failure = event
        elif isinstance(event, Finished):
            self._finished = True

    def result(self, seconds: float) -> Probe:
        if self._failure is not None:
            failure = self._failure
            return Probe(False, None, False, seconds, failure.message, failure.hint, failure.kind)
        if not self._finished:
            problem = f"{self._entry.full_name} broke off without saying why"
            return Probe(False, None, False, seconds, problem, "Try again", "broken_stream")
        streams = True if self._pieces > 1 else None
        return Probe(True, streams, self._call or self._printed_call(), seconds)

    def _printed_call(self) -> bool:
        """Whether the call stands in the text, as small models write it."""
        if not self._entry.settings.text_calls:
            return False
        reader = TextCalls([_tool()])
        for piece in self._text:
            reader.feed(piece)
        return any(call.name == TOOL for call in reader.finish()[1])
