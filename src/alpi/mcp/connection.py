"""One server: connected in the background, tried again when it fails, called with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError, Refused
from ..base.text import escaped, one_line
from .offers import HINTS, Offer
from .problems import LoginNeeded, ServerError, quiet
from .stdio import Wire, stdio
from .traffic import Traffic

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams
    from mcp.client.client import Client
    from mcp_types import CallToolResult, ToolAnnotations

MOST_TOOLS = 500
MOST_PAGES = 50
PAUSES = (1.0, 4.0, 15.0, 60.0)
"""Seconds before a server that failed is tried again by itself; after the last it is left alone until something calls it."""
LETTING_GO = 0.5
"""Seconds that a cancelled call has to take its leave of the server; then the connection is dropped with it."""
INSTALL = "Install alpi with the extra: alpi[mcp]"
DURING = "It ended during the call, which may have been done in part"
SOON = 0.5
"""A server that failed less than this many seconds ago is not started anew for a call."""


Open = Callable[[Wire, Traffic], AbstractAsyncContextManager["TransportStreams"]]
"""Opens a transport."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: ``call`` for one call, ``connect`` until a server has said what it offers."""

    call: float = 60.0
    connect: float = 30.0


class Connection:
    """A connection to one server, and the task that keeps it. Used from one event loop.

    Args:
        name: the server's, for messages.
        open: opens a transport to it; called anew for each attempt.
        limits: how long it may take.
        now: a clock in seconds.
        listed: told what the server offers, each time when that was asked.
        failed: told in words why it cannot be used now, once for each outage.
    """

    def __init__(
        self,
        name: str,
        open: Open,
        limits: Limits,
        now: Callable[[], float],
        listed: Callable[[Sequence[Offer]], None] = lambda offers: None,
        failed: Callable[[str], None] = lambda why: None,
    ) -> None:
        self.name = name
        self.about = ""
        """What the server calls itself, and the version of the protocol."""
        self._open = open
        self._limits = limits
        self._now = now
        self._listed = listed
        self._failed = failed
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._drop = asyncio.Event()
        self._client: Client | None = None
        self._wire = Wire()
        self._traffic = Traffic(now)
        self._problem: ServerError | None = None
        self._failed_at = float("-inf")
        self._closed = False

    def begin(self) -> None:
        """Connect in the background, if that has not begun. Needs a running event loop."""
        if self._task is None and not self._closed and find_spec("mcp") is not None:
            self._task = asyncio.create_task(self._keep())

    async def ready(self) -> Client:
        """The connected client.

        Raises:
            ServerError: it cannot be reached, or not within the limit.
        """
        self.begin()
        if self._task is None:
            raise ServerError(f"the MCP server {self.name} cannot be used: the MCP SDK is not installed", INSTALL)
        if self._client is not None and not self._wire.ended.is_set() and not self._drop.is_set():
            if self._traffic.changed:
                await self._list_again(self._client)
            return self._client
        if self._problem is not None and self._now() - self._failed_at >= SOON:
            self._problem = None
            self._settled.clear()
        self._wake.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.connect + LETTING_GO):
                await self._settled.wait()
        if self._client is None:
            raise self._problem or ServerError(f"the MCP server {self.name} was not ready in time")
        return self._client

    async def call(
        self, tool: str, arguments: dict[str, Any], progress: Callable[[str], None] = lambda text: None
    ) -> CallToolResult:
        """Call a tool. Cancelling this tells the server, and takes at most ``LETTING_GO`` seconds.

        Raises:
            ServerError: it cannot be reached, does not answer in time, or answers with an error or nonsense.
        """
        client = await self.ready()
        work = asyncio.create_task(_call(client, tool, arguments, progress))
        dead = asyncio.create_task(self._wire.ended.wait())
        try:
            await asyncio.wait({work, dead}, timeout=self._limits.call, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and dead.done():
                await asyncio.wait({work}, timeout=LETTING_GO)  # its last words may be the answer
            if work.done():
                return self._answer(work)
            if dead.done():
                raise ServerError(f"the MCP server {self.name} has ended{self._reason()}", DURING)
            raise ServerError(
                f"the MCP server {self.name} did not answer within {self._limits.call:g} s",
                f"mcp.servers.{self.name}.seconds in config.yaml is the limit",
            )
        finally:
            dead.cancel()
            if not work.done():
                await self._let_go(work)

    async def offers(self) -> list[Offer]:
        """What the server offers now.

        Raises:
            ServerError: it cannot be reached, or offers nonsense.
        """
        client = await self.ready()
        with self._translated():
            async with asyncio.timeout(self._limits.connect):
                return await _list(client)

    async def aclose(self) -> None:
        """End the connection, and the server where alpi has started it."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    def _answer(self, work: asyncio.Task[CallToolResult]) -> CallToolResult:
        try:
            with self._translated():
                return work.result()
        except ServerError as error:
            error.hint = error.hint or (DURING if self._drop.is_set() else "")
            raise

    async def _let_go(self, work: asyncio.Task[CallToolResult]) -> None:
        work.cancel()
        await asyncio.wait({work}, timeout=LETTING_GO)
        if not work.done():
            self._drop.set()

    async def _list_again(self, client: Client) -> None:
        self._traffic.changed = False
        with self._translated():
            async with asyncio.timeout(self._limits.connect):
                self._listed(await _list(client))

    async def _keep(self) -> None:
        """Connect, wait for the end, and try again."""
        attempt = 0
        while not self._closed:
            self._wake.clear()
            started = self._now()
            await self._once()
            if self._now() - started > PAUSES[-1]:
                attempt = 0
            pause = PAUSES[attempt] if attempt < len(PAUSES) else None
            attempt += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _once(self) -> None:
        """One connection from its beginning to its end."""
        self._wire, self._traffic = Wire(), Traffic(self._now)
        self._drop.clear()
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._limits.connect):
                    client = await stack.enter_async_context(_client(self._open(self._wire, self._traffic)))
                    offers = await _list(client)
                self.about = _about(client)
                self._listed(offers)
                self._client, self._problem = client, None
                self._settled.set()
                await self._over()
                self._client = None
                self._settled.clear()  # whoever calls it now waits for the next attempt
            self._tell(f"the MCP server {self.name} has ended{self._reason()}")
        except TimeoutError:
            self._note(self._too_slow())
        except _expected() as error:
            self._note(self._translation(error))
        finally:
            self._client = None

    async def _over(self) -> None:
        ends = [asyncio.create_task(event.wait()) for event in (self._wire.ended, self._drop)]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    def _note(self, problem: ServerError) -> None:
        self._problem, self._failed_at = problem, self._now()
        self._settled.set()
        self._tell(problem.whole)

    def _tell(self, text: str) -> None:
        tail = one_line(escaped(self._wire.tail[-300:]), 300)
        self._failed(text + (f"; it wrote: {tail}" if tail else ""))

    def _reason(self) -> str:
        junk = f"it wrote {self._wire.junk} lines that are no messages" if self._wire.junk else ""
        why = self._wire.why or junk
        return f": {why}" if why else ""

    def _too_slow(self) -> ServerError:
        return ServerError(
            f"the MCP server {self.name} was not ready within {self._limits.connect:g} s{self._reason()}"
        )

    def _translation(self, error: BaseException) -> ServerError:
        """One of the errors that a server may cause, as ours."""
        error = _alone(error)
        if isinstance(error, TimeoutError):
            return self._too_slow()
        if _is_closed(error):
            self._drop.set()
            return ServerError(f"the MCP server {self.name} has ended{self._reason()}")
        if self._wire.wants:
            return self._wanting()
        return _translation(self.name, error)

    def _wanting(self) -> ServerError:
        words, challenge = f"the MCP server {self.name} {self._wire.wants}", self._wire.challenge
        return LoginNeeded(words, challenge) if challenge is not None else ServerError(words)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """The SDK's errors as ours."""
        try:
            yield
        except _expected() as error:
            raise self._translation(error) from error


@asynccontextmanager
async def _client(transport: AbstractAsyncContextManager[TransportStreams]) -> AsyncIterator[Client]:
    """The SDK's client over a transport. It declares no sampling, no elicitation and no roots: alpi offers servers none of them."""
    from mcp.client.client import Client
    from mcp_types import Implementation

    from .. import __version__

    quiet()
    async with Client(transport, client_info=Implementation(name="alpi", version=__version__), cache=None) as client:
        yield client


async def _list(client: Client) -> list[Offer]:
    """All pages of what a server offers."""
    found: list[Offer] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += [
            Offer(
                tool.name, tool.description or "", tool.title or "", dict(tool.input_schema), _hints(tool.annotations)
            )
            for tool in page.tools
        ]
        cursor = page.next_cursor
        if len(found) > MOST_TOOLS:
            break
        if not cursor:
            names = [offer.name for offer in found]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ServerError("it offers a tool twice", said=twice[0])
            return found
    raise ServerError(f"it offers more than {MOST_TOOLS} tools, or pages without end")


def _hints(annotations: ToolAnnotations | None) -> dict[str, bool]:
    """What a server claims of a tool, by the protocol's names."""
    said = annotations.model_dump(by_alias=True) if annotations is not None else {}
    return {name: said[name] for name in HINTS if isinstance(said.get(name), bool)}


async def _call(client: Client, tool: str, arguments: dict[str, Any], tell: Callable[[str], None]) -> CallToolResult:
    async def heard(progress: float, total: float | None, message: str | None) -> None:
        share = f"{progress:g}/{total:g}" if total else f"{progress:g}"
        tell(f"{share} {one_line(message or '', 200)}".strip() + "\n")

    return await client.call_tool(tool, arguments, progress_callback=heard)


def _about(client: Client) -> str:
    info = client.server_info
    named = f"{info.name} {info.version}" if info is not None else "a server without a name"
    return f"{one_line(escaped(named), 100)}, protocol {client.protocol_version}"


def _alone(error: BaseException) -> BaseException:
    """What stands in groups of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _is_closed(error: BaseException) -> bool:
    """Whether an error says that the connection is over: the SDK's word for all calls that were under way then."""
    from mcp.shared.exceptions import MCPError
    from mcp_types import CONNECTION_CLOSED, INVALID_REQUEST

    closed = ((CONNECTION_CLOSED, "Connection closed"), (INVALID_REQUEST, "Session terminated"))
    return isinstance(error, MCPError) and (error.code, error.message) in closed


def _expected() -> tuple[type[Exception], ...]:
    """What the SDK and our transports raise when a server is at fault. Anything else is a bug."""
    import httpx2
    from mcp.shared.exceptions import MCPError

    return (AlpiError, MCPError, httpx2.HTTPError, OSError, RuntimeError, ValueError, ExceptionGroup)


def _translation(name: str, error: BaseException) -> ServerError:
    """What the SDK raises, and what our transports do, as ours. Words that may be the server's are kept apart."""
    import httpx2
    from mcp.shared.exceptions import MCPError

    if isinstance(error, BaseExceptionGroup):
        return _translation(name, _alone(error.exceptions[0]))
    if isinstance(error, ServerError):
        return ServerError(f"the MCP server {name}: {error.message}", error.hint, error.said)
    if isinstance(error, AlpiError):
        kind = "must not be spoken to" if isinstance(error, Refused) else "cannot be used"
        return ServerError(f"the MCP server {name} {kind}: {error.message}", error.hint)
    if isinstance(error, MCPError):
        return ServerError(f"the MCP server {name} answered with an error ({error.code})", said=error.message)
    if isinstance(error, ValueError):  # also what the SDK says of answers that do not fit the protocol
        return ServerError(f"the MCP server {name} answered with what is no MCP")
    verb = "cannot be reached" if isinstance(error, httpx2.HTTPError) else "cannot be used"
    return ServerError(f"the MCP server {name} {verb}", said=str(error).strip() or type(error).__name__)


__all__ = ["Connection", "Limits", "LoginNeeded", "Open", "ServerError", "stdio"]
