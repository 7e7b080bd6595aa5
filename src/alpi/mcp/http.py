"""The streamable HTTP transport: the SDK's own, over connections that the network guard has vetted, its answers bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..base.errors import AlpiError, UsageError
from .traffic import LARGEST_MESSAGE, Traffic

if TYPE_CHECKING:
    import ssl

    import httpx2
    from mcp.client._transport import TransportStreams

    from ..safety.network.guard import NetworkGuard


def checked_url(text: str) -> str:
    """The address of a server.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(text.strip())
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(ord(character) < 33 for character in text.strip()):
        raise UsageError(f"{text!r} is no address of a server", "It begins with https:// (or http:// inside)")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "an address with a password in it would be kept in config.yaml",
            "Use --header 'Authorization: Bearer $NAME'",
        )
    return text.strip()


def place_of(url: str) -> tuple[str, int]:
    """The host and port of an address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


@asynccontextmanager
async def streamable_http(
    url: str,
    headers: Mapping[str, str],
    guard: NetworkGuard,
    seconds: float,
    traffic: Traffic,
    auth: httpx2.Auth | None = None,
) -> AsyncIterator[TransportStreams]:
    """Exchange messages with the server at an address. ``auth`` adds what authorises to each request.

    Raises:
        Refused, Unresolvable: it must not be spoken to, or its name leads nowhere.
    """
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    await guard.vet(*place_of(url))  # so that the reason is told; each connection is vetted again
    async with (
        httpx2.AsyncClient(
            transport=bounded_transport(guard),
            auth=auth,
            headers={"User-Agent": "alpi", **headers},
            timeout=httpx2.Timeout(seconds, read=max(300.0, seconds)),
            trust_env=False,
        ) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=LARGEST_MESSAGE) as (read, write),
    ):
        yield _Admitted(read, traffic), write


def bounded_transport(
    guard: NetworkGuard, largest: int = LARGEST_MESSAGE, trusted: ssl.SSLContext | None = None
) -> Any:
    """An httpx2 transport through the guard, whose answers are not packed and have at most ``largest`` bytes; streams of events go on.
    ``trusted``: what certificates are checked against, where that is loaded already."""
    import httpx2

    from ..safety.network.transport import VettedTransport

    class Body(httpx2.AsyncByteStream):
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for part in self._inner:
                size += len(part)
                if size > largest:
                    raise httpx2.ReadError(f"it sent an answer of more than {largest >> 20} MB")
                yield part

        async def aclose(self) -> None:
            await self._inner.aclose()

    class Transport(VettedTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            request.headers["Accept-Encoding"] = "identity"  # a packed answer could be far larger than it looks
            try:
                answer = await super().handle_async_request(request)
            except AlpiError as error:
                raise httpx2.ConnectError(str(error), request=request) from error
            if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
                await answer.aclose()
                raise httpx2.DecodingError("it packed its answer, which nobody asked for", request=request)
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.stream = Body(answer.stream)
            return answer

    return Transport(guard, trusted)


class _Admitted:
    """A stream of messages without those that the SDK need not see."""

    def __init__(self, inner: Any, traffic: Traffic) -> None:
        self._inner = inner
        self._traffic = traffic

    @property
    def last_context(self) -> Any:
        """See the SDK's ReadStream."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        while True:
            item = await self._inner.receive()
            if isinstance(item, Exception) or self._traffic.admit(item):
                return item

    async def aclose(self) -> None:
        await self._inner.aclose()

    def close(self) -> None:
        self._inner.close()

    def __aiter__(self) -> _Admitted:
        return self

    async def __anext__(self) -> Any:
        import anyio

        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> _Admitted:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
