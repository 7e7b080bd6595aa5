"""The stdio transport: a server as a process of its own group, in the sandbox, its output bounded.

The SDK has a client for this too. It starts the program by itself, which would go around the sandbox, and takes in a line of any length.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..agent.processes import Running, stop
from ..base.errors import AlpiError
from .traffic import LARGEST_MESSAGE, Traffic

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

    from ..safety.sandbox import Launch
    from .logins import Challenge

KEEPER = Path(__file__).with_name("keeper.py")
TAIL = 4000
POLITE_SECONDS = 0.3


class Wire:
    """What is known of one connection beneath its messages: ``ended`` is set when it can say nothing more, ``why`` says how that came;
    ``junk`` counts lines that were no messages. ``wants``: what an address needs of the person before it is of use, and ``challenge``
    where that is a login."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.why = ""
        self.junk = 0
        self.wants = ""
        self.challenge: Challenge | None = None
        self.complaints = bytearray()

    def end(self, why: str) -> None:
        """It is over. The first reason counts."""
        self.why = self.why or why
        self.ended.set()

    def want(self, what: str, challenge: Challenge | None) -> None:
        """The answer to the newest request says this; ``""`` when nothing is wanted."""
        self.wants, self.challenge = what, challenge

    @property
    def tail(self) -> str:
        """The end of what it wrote to its standard error."""
        return bytes(self.complaints[-TAIL:]).decode("utf-8", "replace").strip()


@asynccontextmanager
async def stdio(launch: Launch, kept: bool, wire: Wire, traffic: Traffic) -> AsyncIterator[TransportStreams]:
    """Start a server and exchange messages with it, one a line.

    Args:
        launch: what to start.
        kept: the launch ends with alpi whatever happens; where it does not, a keeper sees to that.

    Raises:
        AlpiError: it could not be started.
    """
    import anyio
    from mcp.shared.message import SessionMessage

    running = await _start(launch, kept)
    to_session, from_server = anyio.create_memory_object_stream[Any](0)
    to_server, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.create_task(_hear(running, to_session, wire, traffic)),
        asyncio.create_task(_tell(running, from_session, wire)),
        asyncio.create_task(_complaints(running, wire)),
    ]
    try:
        yield from_server, to_server
    finally:
        for stream in (to_session, from_server, to_server, from_session):
            stream.close()
        ending = asyncio.ensure_future(_end(running, tasks))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})
            raise


async def _start(launch: Launch, kept: bool) -> Running:
    if not kept:
        launch = replace(launch, argv=[sys.executable, "-I", "-S", str(KEEPER), str(os.getpid()), *launch.argv])
    try:
        with launch:
            process = await asyncio.create_subprocess_exec(
                *launch.argv,
                env=launch.env,
                cwd=launch.cwd,
                pass_fds=launch.pass_fds,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
    except OSError as error:
        raise AlpiError(f"it could not be started: {error.strerror or error}") from error
    return Running(launch.argv[0], process, launch, time.monotonic())


async def _hear(running: Running, to_session: Any, wire: Wire, traffic: Traffic) -> None:
    """Hand on what the server writes, line by line. A line that is no message is dropped: many servers print there by mistake."""
    import anyio
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    stream = running.process.stdout
    assert stream is not None
    try:
        async for line in _lines(stream.read):
            try:
                message = SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
            except ValueError:
                wire.junk += 1
                continue
            if traffic.admit(message):
                await to_session.send(message)
        wire.end("")
    except AlpiError as error:
        wire.end(error.message)
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        pass  # our side has ended it
    finally:
        to_session.close()


async def _lines(read: Callable[[int], Any]) -> AsyncIterator[bytes]:
    """The lines of a stream.

    Raises:
        AlpiError: one is too long.
    """
    begun = bytearray()
    while data := await read(1 << 16):
        *whole, rest = data.split(b"\n")
        for line in whole:
            begun += line
            if begun.strip():
                yield bytes(begun)
            begun.clear()
        begun += rest
        if len(begun) > LARGEST_MESSAGE:
            raise AlpiError(f"it sent a message of more than {LARGEST_MESSAGE >> 20} MB")


async def _tell(running: Running, from_session: Any, wire: Wire) -> None:
    stream = running.process.stdin
    assert stream is not None
    try:
        async for message in from_session:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            stream.write(text.encode("utf-8", "replace") + b"\n")
            await stream.drain()
    except (OSError, RuntimeError):
        wire.end("")  # it reads no more


async def _complaints(running: Running, wire: Wire) -> None:
    stream = running.process.stderr
    assert stream is not None
    while data := await stream.read(1 << 16):
        wire.complaints += data
        del wire.complaints[: -2 * TAIL]


async def _end(running: Running, tasks: list[asyncio.Task[None]]) -> None:
    """Close its input, which asks it to end; then end it with all that it has started."""
    stdin = running.process.stdin
    if stdin is not None:
        stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(POLITE_SECONDS):
            await running.process.wait()
    await stop(running)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    # What it has left in the pipes is read by nobody. Nothing public closes them; left open they complain when the loop has gone.
    pipes: asyncio.BaseTransport | None = getattr(running.process, "_transport", None)
    if pipes is not None:
        pipes.close()
        await asyncio.sleep(0)
