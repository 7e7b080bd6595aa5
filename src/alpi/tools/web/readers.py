"""Makes text of what was fetched in child processes: a page that takes for ever can be given up, because a child can be killed.

Nothing stops a thread. Whoever interrupted a page that was built to be slow, and asked for it again, left a thread behind each time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from typing import Any

from .client import Fetched, WebError
from .reader import Page, needs_library, read

COMMAND = (sys.executable, "-I", "-m", "alpi.tools.web.reading")
# How many pages are made text at the same time; others wait.
MOST = 2
SECONDS = 30.0
# How long a child that has nothing to do is kept: the next page need not wait for its libraries, and it takes some 40 MB.
IDLE_SECONDS = 60.0


class Readers:
    """A few children, started when they are first needed.

    Args:
        command: the program of a child (``reading.py``).
        seconds: how long one page may take.
        idle_seconds: how long a child waits for the next one.
    """

    def __init__(
        self, command: Sequence[str] = COMMAND, seconds: float = SECONDS, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._command = command
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._room = asyncio.Semaphore(MOST)
        self._idle: list[_Child] = []
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, fetched: Fetched) -> Page:
        """The text of what was fetched. Cancelling ends the work itself, not only the waiting.

        Raises:
            WebError: it is no text, broken, or takes too long.
        """
        if not needs_library(fetched):
            return read(fetched)
        async with self._room:
            child = self._idle.pop() if self._idle else _Child(self._command)
            whole = False
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await asyncio.to_thread(child.ask, fetched, self._seconds)
                whole = True
            except TimeoutError as error:
                raise WebError(f"{fetched.url} takes more than {self._seconds:g} s to be made text") from error
            except _Gone as error:
                raise WebError(f"{fetched.url} broke its reader", "Say so to the user, or try the browser") from error
            finally:
                if whole:
                    self._keep(child)
                else:
                    child.end()
        if "problem" in answer:
            raise WebError(answer["problem"], answer["hint"])
        return Page(answer["title"], answer["text"], answer["kind"])

    async def aclose(self) -> None:
        """End the children."""
        self._end_idle()

    def _keep(self, child: _Child) -> None:
        self._idle.append(child)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        while self._idle:
            self._idle.pop().end()


class _Gone(Exception):
    """The child has ended."""


class _Child:
    """One process, for one page at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,  # Ctrl-C is for alpi, which then ends it
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._asked = False

    def ask(self, fetched: Fetched, seconds: float) -> dict[str, Any]:
        """What it says of a body. Blocks: call it in a thread, which ends as soon as the child does.

        Raises:
            _Gone: it has ended.
        """
        # Its own limit is for when nobody is left to end it.
        wanted = {
            "url": fetched.url,
            "type": fetched.content_type,
            "size": len(fetched.body),
            "seconds": ceil(seconds) + 5,
        }
        self._asked = True
        try:
            self._in.write(json.dumps(wanted).encode() + b"\n" + fetched.body)
            self._in.flush()
            size = int(self._out.readline() or 0)
            data = self._out.read(size)
        except (OSError, ValueError) as error:
            raise _Gone from error
        finally:
            self._asked = False
            if self._process.poll() is not None:
                self._close()
        if not data or len(data) < size:
            raise _Gone
        answer: dict[str, Any] = json.loads(data)
        return answer

    def end(self) -> None:
        """Kill it. Where a thread still reads its pipes, that one closes them."""
        self._process.kill()
        self._process.wait()
        if not self._asked:
            self._close()

    def _close(self) -> None:
        for pipe in (self._in, self._out):
            with suppress(OSError, ValueError):  # what was still to be sent has no reader any more
                pipe.close()
