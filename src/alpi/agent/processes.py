"""Commands as processes: started in a group of their own, read while they run, ended with all that they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..safety.sandbox import Launch

# What is kept of a command's output; what comes beyond is read and dropped, so that the command does not block.
MOST_BYTES = 32 << 20
POLITE_SECONDS = 0.4
# After a command has ended, something that it left in the background may still hold its output open.
LINGER_SECONDS = 0.3
SHOW_EVERY = 0.25


@dataclass
class Running:
    """One started command. ``output`` is what it has written so far; ``code`` its exit status once it has ended."""

    command: str
    process: asyncio.subprocess.Process
    launch: Launch
    started: float
    output: bytearray = field(default_factory=bytearray)
    dropped: int = 0
    ended: float = 0.0
    touched: tuple[str, ...] = ()
    reader: asyncio.Task[None] | None = None

    @property
    def code(self) -> int | None:
        return self.process.returncode

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return (self.ended or time.monotonic()) - self.started

    def text(self) -> str:
        """The output as text; bytes that are no UTF-8 are shown as such."""
        text = bytes(self.output).decode("utf-8", errors="backslashreplace")
        return f"{text}\n[{self.dropped:,} more bytes of output were dropped]" if self.dropped else text


async def start(command: str, launch: Launch, progress: Callable[[str], None] | None = None) -> Running:
    """Start a command and begin to read its output.

    Raises:
        OSError: it could not be started.
    """
    with launch:
        process = await asyncio.create_subprocess_exec(
            *launch.argv,
            env=launch.env,
            cwd=launch.cwd,
            pass_fds=launch.pass_fds,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    running = Running(command, process, launch, time.monotonic())
    running.reader = asyncio.create_task(_read(running, progress))
    return running


async def finish(running: Running, seconds: float) -> bool:
    """Wait until a command has ended, at most ``seconds``; then end it. Returns whether it ended by itself.

    Cancelling this ends the command too.
    """
    assert running.reader is not None
    try:
        async with asyncio.timeout(seconds):
            await running.process.wait()
    except TimeoutError:
        await stop(running)
        return False
    except asyncio.CancelledError:
        await asyncio.shield(asyncio.ensure_future(stop(running)))
        raise
    await asyncio.wait({running.reader}, timeout=LINGER_SECONDS)
    await _settle(running)
    return True


async def stop(running: Running) -> None:
    """End a command and everything in its group: asked first, then killed."""
    if running.code is None:
        _signal(running, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLITE_SECONDS):
                await running.process.wait()
        _signal(running, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLITE_SECONDS):
                await running.process.wait()
    await _settle(running)


async def _settle(running: Running) -> None:
    """A command is over: what it left in its group is ended, and what it touched without being allowed to is put back."""
    _signal(running, signal.SIGKILL)
    if running.reader is not None and not running.reader.done():
        running.reader.cancel()
        await asyncio.wait({running.reader})
    running.ended = running.ended or time.monotonic()
    broken = running.launch.seal.broken()
    if broken:
        running.touched = tuple(map(str, broken))
        running.launch.seal.restore()


def _signal(running: Running, number: int) -> None:
    # The command leads its group, so its number stays taken until the whole group is gone.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.process.pid, number)


async def _read(running: Running, progress: Callable[[str], None] | None) -> None:
    stream = running.process.stdout
    assert stream is not None
    shown = 0.0
    while data := await stream.read(65536):
        room = MOST_BYTES - len(running.output)
        running.output += data[:room]
        running.dropped += max(0, len(data) - room)
        if progress is not None and time.monotonic() - shown > SHOW_EVERY:
            shown = time.monotonic()
            progress(data[-2000:].decode("utf-8", errors="replace"))
