"""A small web on loopback: pages by path, under any host name, with a resolver of its own that says where names lead."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from alpi.safety.network.guard import NetworkGuard, Opening

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Answer:
    """What a path gives. ``raw``: it writes the whole answer itself."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})
    raw: Raw | None = None


def redirect(where: str, status: int = 302) -> Answer:
    return Answer(status=status, headers={"Location": where})


class Site:
    """The server. ``pages`` may be changed at any time; ``seen`` are the requests: (host, path with query, headers)."""

    def __init__(self, pages: dict[str, Answer | str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Answer | str] = pages or {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.seen]

    def url(self, path: str = "/", host: str = "site.test") -> str:
        return f"http{'s' if self._tls else ''}://{host}:{self.port}{path}"

    def guard(self, *hosts: str, resolve: Callable[[str], Sequence[str]] | None = None) -> NetworkGuard:
        """A guard under which these names (``site.test`` where none is given) lead to this server, and are open."""
        names = hosts or ("site.test",)

        async def answer(host: str, port: int) -> Sequence[str]:
            if resolve is not None:
                return resolve(host)
            return ["127.0.0.1"] if host in names else []

        return NetworkGuard(answer, lambda host, address: "", [Opening(name, self.port) for name in names])

    async def __aenter__(self) -> Site:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        _, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        self.bodies.append(await reader.readexactly(int(headers.get("content-length", 0))))
        self.seen.append((headers.get("host", ""), path, headers))
        found = self.pages.get(path, self.pages.get(path.partition("?")[0], Answer("not here", 404)))
        answer = Answer(found) if isinstance(found, str) else found
        if answer.raw is not None:
            await answer.raw(reader, writer)
            return
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in answer.headers.items())]
        lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode("latin-1") + body)
        await writer.drain()


@contextlib.contextmanager
def serving(pages: dict[str, Answer | str] | None = None) -> Iterator[Site]:
    """A site in a thread of its own, for programs under test."""
    site, started, stop = Site(pages), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with site:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="site", daemon=True)
    thread.start()
    if not started.wait(10):
        raise RuntimeError("the site did not start")
    try:
        yield site
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
