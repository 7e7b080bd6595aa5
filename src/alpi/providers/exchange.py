"""One HTTP request and its answer under time limits, each of which is told apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, TypeVar

from .types import TimeLimits

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

MAX_BODY = 64 * 1024 * 1024
"""Bytes of one answer. The longest that a model may write today, a token an event, is a quarter of this."""
TAIL_SECONDS = 5.0
"""How long the usage and the end mark may take once the model has said why it stopped."""
DRAIN_SECONDS = 0.05
"""How long the end of the body may take after the end mark; the two come in one packet as a rule."""


class TooSlow(Exception):
    """A time limit ran out: ``which`` is a field of TimeLimits, ``seconds`` what it allowed."""

    def __init__(self, which: str, seconds: float) -> None:
        super().__init__(which)
        self.which = which
        self.seconds = seconds


class TooMuch(Exception):
    """A body is larger than MAX_BODY."""


class Exchange:
    """One request and its answer under time limits. Every wait for the other side goes through here."""

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._ends = asyncio.get_running_loop().time() + limits.whole
        self._response: httpx2.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._size = 0

    async def begin(self, transport: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        """Send, and wait for status and headers."""
        response = await self._within("first_byte", self._limits.first_byte, transport.handle_async_request(request))
        response.request = request
        self._response = response
        self._chunks = response.aiter_bytes()
        return response

    async def next(self, silence: float = 0.0) -> bytes | None:
        """The next bytes, or ``None`` at the end of the body. ``silence``: a shorter limit than usual."""
        assert self._chunks is not None
        which = "silence" if self._size else "first_byte"
        limit = self._limits.silence if self._size else self._limits.first_byte
        limit = min(silence, limit) if silence else limit
        try:
            chunk = await self._within(which, limit, anext(self._chunks))
        except StopAsyncIteration:
            return None
        self._size += len(chunk)
        if self._size > MAX_BODY:
            raise TooMuch
        return chunk

    async def drain(self) -> None:
        """Read what little may follow the end mark, so that the connection can be used again."""
        import httpx2

        try:
            while await self.next(DRAIN_SECONDS) is not None:
                pass
        except (TooSlow, TooMuch, httpx2.HTTPError):
            pass  # the answer is whole; all that is lost is the connection

    async def all(self, begun: bytes = b"") -> bytes:
        """The rest of the body after ``begun``."""
        parts = [begun]
        while (chunk := await self.next()) is not None:
            parts.append(chunk)
        return b"".join(parts)

    async def beginning(self, size: int) -> bytes:
        """At least ``size`` bytes of the body, or all of it; what cannot be had in 5 s is left."""
        body = b""
        try:
            while len(body) < size and (chunk := await self.next(TAIL_SECONDS)) is not None:
                body += chunk
        except TooSlow:
            pass  # the status says enough
        return body

    async def close(self) -> None:
        if self._response is not None:
            await self._response.aclose()

    async def _within(self, which: str, seconds: float, waited: Awaitable[T]) -> T:
        left = self._ends - asyncio.get_running_loop().time()
        if left < seconds:
            which, seconds = "whole", left
        try:
            async with asyncio.timeout(seconds):
                return await waited
        except TimeoutError:
            limit = self._limits.whole if which == "whole" else seconds
            raise TooSlow(which, limit) from None
