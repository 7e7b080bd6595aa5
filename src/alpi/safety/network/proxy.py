"""A forward proxy on loopback that connects only to vetted addresses: for programs that do their own networking, such as a browser.

It speaks ``CONNECT`` and absolute-form requests (RFC 9110, 9112), one tunnel or one request a connection, and wants a password that only
the program that it was made for knows.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from ...base.errors import AlpiError, Refused
from .guard import NetworkGuard

MOST_HEAD = 64 << 10
HEAD_SECONDS = 15.0
CONNECT_SECONDS = 20.0
MOST_CONNECTIONS = 256
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "upgrade"}
)


class VettingProxy:
    """An async context manager. ``url`` and ``user``/``password`` are for the program; ``refused`` holds what was refused, newest last.

    Args:
        guard: judges every host.
        tell: is told of each refusal, as (host, why).
    """

    user = "alpi"

    def __init__(self, guard: NetworkGuard, tell: Callable[[str, str], None] = lambda host, why: None) -> None:
        self._guard = guard
        self._tell = tell
        self.password = secrets.token_urlsafe(24)
        self._server: asyncio.Server | None = None
        self._open = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """``127.0.0.1:port``"""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    @property
    def url(self) -> str:
        """The proxy's address with its password."""
        return f"http://{self.user}:{self.password}@{self.address}"

    async def __aenter__(self) -> VettingProxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MOST_HEAD)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open += 1
        try:
            if self._open > MOST_CONNECTIONS:
                await _answer(writer, "503 Service Unavailable")
            else:
                await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the one side or the other has gone; the program sees its connection end
        finally:
            self._open -= 1
            self._tasks.discard(task)
            await _close(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            await _answer(writer, "400 Bad Request")
            return
        if not self._is_known(lines[1:]):
            await _answer(writer, "407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="alpi"\r\n')
            return
        method, target = words[0], words[1]
        place = _place(method, target)
        if place is None:
            await _answer(writer, "400 Bad Request")
            return
        host, port, path = place
        try:
            there_reader, there_writer = await self._connect(host, port)
        except Refused as error:
            self._tell(host, error.message)
            await _answer(writer, "403 Forbidden", body=error.message)
            return
        except (AlpiError, OSError, TimeoutError) as error:
            await _answer(writer, "502 Bad Gateway", body=str(error))
            return
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                there_writer.write(_request(method, path, words[2], lines[1:]))
            await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))
        finally:
            await _close(there_writer)

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        last: OSError | None = None
        for address in await self._guard.vet(host, port):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port)
            except OSError as error:
                last = error
        raise last or OSError(f"no address of {host} answers")

    def _is_known(self, headers: list[str]) -> bool:
        wanted = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        given = next(
            (line.partition(":")[2].strip() for line in headers if line.lower().startswith("proxy-authorization:")), ""
        )
        return hmac.compare_digest(given.encode("latin-1"), wanted.encode())


def _place(method: str, target: str) -> tuple[str, int, str] | None:
    """Host, port and path of a request; ``None`` where it is not one for a proxy."""
    try:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username is not None:
        return None
    if method == "CONNECT":
        return (host, port, "") if port else None
    if parts.scheme != "http":  # encrypted requests come as tunnels
        return None
    return host, port or 80, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _request(method: str, path: str, version: str, headers: list[str]) -> bytes:
    """The request as the server gets it. One a connection: the next one may be for another host, and that has to be judged."""
    kept = [line for line in headers if line and line.partition(":")[0].strip().lower() not in HOP_BY_HOP]
    return "\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""]).encode("latin-1")


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(64 << 10):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()


async def _answer(writer: asyncio.StreamWriter, status: str, more: str = "", body: str = "") -> None:
    data = body.encode()
    head = f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(data)}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    writer.write(head.encode("latin-1") + data)
    await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
