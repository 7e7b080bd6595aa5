"""The pinned tools as tools of a conversation; and ``mcp``, the one tool that stands for them where there are many."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..base.errors import AlpiError
from ..base.text import one_line
from ..providers.types import ToolSpec
from ..safety.actions import Action, CallServer
from .connection import Connection, ServerError
from .offers import Offer, argument_problem
from .reading import Reach, actions_of
from .results import result_of, source_of

MOST_FOUND = 10


class Given(Struct, frozen=True):
    """The arguments of a call as the model gave them."""

    arguments: dict[str, Any]


@dataclass(frozen=True)
class Callee:
    """One pinned tool of a server. ``called``: what models call it; ``pin``: stands for the tool as it was approved; ``usable``: why it
    must not be called now, or ``""``; ``redact`` takes secrets out of what the server is told; ``reads``: where it only reads, by the
    owner's word as it stands now, how its calls are judged then."""

    server: str
    called: str
    offer: Offer
    pin: str
    connection: Connection
    usable: Callable[[], str]
    redact: Callable[[str], str]
    reads: Callable[[], Reach | None] = lambda: None

    def hint(self, arguments: Mapping[str, Any]) -> str:
        """What a call is about, in a few words."""
        said = ", ".join(f"{key}: {one_line(_text(value), 60)}" for key, value in arguments.items())
        return one_line(f"{self.server}: {self.offer.name} {said}", 160)

    def actions(self, arguments: Mapping[str, Any], context: ToolContext) -> Sequence[Action]:
        """The call, for the gate."""
        call = CallServer(self.server, self.offer.name, _text(arguments), self.pin)
        reach = self.reads()
        return [call] if reach is None else actions_of(call, arguments, reach, context.workspace)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Result:
        """Call it. What the server says, errors too, is untrusted text.

        Raises:
            ToolError: it cannot be called, in alpi's own words.
        """
        sent = msgspec.json.decode(self.redact(_text(arguments)))
        wrong = argument_problem(self.offer.schema, sent)
        if wrong:
            raise ToolError(f"{self.called}: {wrong}")
        try:
            await self.connection.ready()
            why = self.usable()
            if why:
                raise ToolError(why, "Tell the user; only they can approve it")
            answer = await self.connection.call(self.offer.name, sent, lambda text: context.progress(self.redact(text)))
        except ServerError as error:
            if error.said:
                return Result(f"{error.message}: {error.said}", error.message, ok=False, source=source_of(self.server))
            raise ToolError(error.message, "Go on without it, and tell the user that it does not work") from error
        return result_of(answer, self.server, context.vision, self.redact)


UNASKED = "only reads, as you said; not asked about"
"""How a tool is listed whose calls the owner's word covers."""


class ServerTool:
    """A server's tool, offered to the model by itself."""

    parallel: ClassVar[bool] = False
    Arguments: ClassVar[type[Struct]] = Given

    def __init__(self, callee: Callee, begin: Callable[[], None], close: Callable[[], Awaitable[None]]) -> None:
        self.name = callee.called
        self.description = callee.offer.description or callee.offer.title
        self.spec = ToolSpec(self.name, self.description, callee.offer.parameters())
        self._callee = callee
        self.prepare = begin
        self.aclose = close

    @property
    def unasked(self) -> str:
        """Whether the owner's word covers its calls, in words, or ``""``."""
        return UNASKED if self._callee.reads() is not None else ""

    def parse(self, text: str) -> Given:
        """The arguments of a call.

        Raises:
            AlpiError: they are no JSON object.
        """
        try:
            return Given(msgspec.json.decode(text or "{}", type=dict[str, Any]))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise AlpiError(f"the arguments of {self.name} are not a JSON object: {error}") from error

    def hint(self, args: Given) -> str:
        return self._callee.hint(args.arguments)

    def actions(self, args: Given, context: ToolContext) -> Sequence[Action]:
        return self._callee.actions(args.arguments, context)

    async def run(self, args: Given, context: ToolContext) -> Result:
        return await self._callee.call(args.arguments, context)


class ManyTools:
    """Stands for the tools of all servers: the model searches among them, and reads only what it needs."""

    class Arguments(Struct, frozen=True):
        action: Literal["search", "describe", "call"]
        query: Annotated[str, Meta(description="search: words; empty lists all")] = ""
        tool: Annotated[str, Meta(description="describe, call: the tool's name as search gives it")] = ""
        arguments: Annotated[dict[str, Any], Meta(description="call: as describe says")] = {}

    name: ClassVar[str] = "mcp"
    parallel: ClassVar[bool] = False

    def __init__(
        self, callees: Sequence[Callee], begin: Callable[[], None], close: Callable[[], Awaitable[None]]
    ) -> None:
        servers = ", ".join(sorted({callee.server for callee in callees}))
        self.description = f"{len(callees)} further tools, of the MCP servers {servers}. Search, describe, then call."
        self._callees = {callee.called: callee for callee in callees}
        self.prepare = begin
        self.aclose = close

    @property
    def unasked(self) -> str:
        """Which of them the owner's word covers, in words, or ``""``."""
        reading = [callee.called for callee in self._callees.values() if callee.reads() is not None]
        return f"{', '.join(reading)}: {UNASKED}" if reading else ""

    def hint(self, args: Arguments) -> str:
        callee = self._callees.get(args.tool)
        if args.action == "call" and callee is not None:
            return callee.hint(args.arguments)
        return one_line(f"{args.action} {args.tool or args.query}", 120)

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        return self._find(args.tool).actions(args.arguments, context) if args.action == "call" else []

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        if args.action == "search":
            return self._search(args.query)
        callee = self._find(args.tool)
        if args.action == "describe":
            schema = msgspec.json.encode(callee.offer.parameters()).decode()
            return Result(f"{callee.called}: {callee.offer.description}\narguments: {schema}", callee.called)
        return await callee.call(args.arguments, context)

    def _search(self, query: str) -> Result:
        words = set(re.findall(r"\w+", query.casefold()))
        ranked = sorted(self._callees.values(), key=lambda callee: (-_fit(callee, words), callee.called))
        fitting = [callee for callee in ranked if _fit(callee, words) or not words]
        if not fitting:
            return Result(f"Nothing fits. All: {', '.join(sorted(self._callees))}", "nothing fits")
        if not words:
            return Result("\n".join(sorted(self._callees)), f"{len(fitting)} tools")
        lines = [f"{callee.called}: {one_line(callee.offer.description, 120)}" for callee in fitting[:MOST_FOUND]]
        more = len(fitting) - MOST_FOUND
        return Result("\n".join([*lines, *([f"({more} more)"] if more > 0 else [])]), f"{len(fitting)} fit")

    def _find(self, name: str) -> Callee:
        callee = self._callees.get(name)
        if callee is None:
            raise ToolError(f"there is no tool {name!r} of a server", "Search for one first, with action search")
        return callee


def _fit(callee: Callee, words: set[str]) -> int:
    """How well a tool fits: words of its name count three times."""
    name, text = callee.called.casefold(), callee.offer.description.casefold()
    return sum(3 * (word in name) + (word in text) for word in words)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
