"""A model server that plays a script: real HTTP/1.1 on loopback, speaking chat completions and messages.

In process::

    async with ModelServer(["hello", Reply(status=429, headers={"Retry-After": "2"})]) as server:
        ...                       # server.url is http://127.0.0.1:PORT/v1; server.requests holds what came in
    with running([...]) as server:   # the same from synchronous code; the server runs in a thread
        ...

As a program::

    python -m tests.support.model_server --script FILE.json [--port 0] [--record FILE.jsonl]

The first line on stdout is the base URL (ending in ``/v1``). ``--record`` appends one JSON object per request, written
before the reply starts. The script file is a list of replies, or an object
``{"replies": [...], "models": ["name", ...], "key": "required-key"}``. A reply is a string (the text) or an object with
the fields of ``tests.support.scripted.Reply``, for example::

    [
      {"reasoning": "look first", "tool_calls": [{"name": "read_file", "arguments": {"path": "a.txt"}}]},
      {"status": 429, "headers": {"Retry-After": "1"}, "body": {"error": {"message": "slow down"}}},
      {"text": ["Hel", "lo"], "chunk_delay": 0.1, "usage": {"input": 900, "cached": 800, "output": 3}},
      {"text": "half an ans", "cut_after": 300},
      {"match": "weather", "text": "rain"},
      {"text": "and so on", "repeat": true}
    ]

Each model call takes the first reply not yet used whose ``match`` fits. When none is left the answer is status 500 with
``script_exhausted``, so that a test which calls more often than it planned fails and says so.

Routes: ``POST /v1/chat/completions``, ``POST /v1/messages``, ``GET /v1/models`` (the header ``anthropic-version`` chooses the
form). All others: 404.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .scripted import Recorded, Reply, ReplyLike, as_reply, chunks_of, whole_of

__all__ = ["ModelServer", "Recorded", "Reply", "ReplyLike", "running"]


class ClientGone(Exception):
    """The other side closed its connection while a reply was being played."""


class ModelServer:
    """The scripted server.

    Args:
        replies: what to play, in order.
        models: the names that ``/v1/models`` lists.
        key: when given, requests without it (``Authorization: Bearer`` or ``x-api-key``) get 401.
        tls: when given, the server speaks https.
        record: a file to which each request is appended as a line of JSON.

    Attributes:
        requests: every request so far. ``Recorded.disconnected`` is the monotonic time at which the client closed the
            connection while its reply was still being played.
        connections: how many TCP connections were opened.
    """

    def __init__(
        self,
        replies: Sequence[ReplyLike] = (),
        *,
        models: Sequence[str] = ("scripted",),
        key: str = "",
        record: Path | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.replies: list[ReplyLike] = list(replies)
        self.models = list(models)
        self.requests: list[Recorded] = []
        self.connections = 0
        self._key = key
        self._record = record
        self._used: set[int] = set()
        self._calls = 0
        self._port = port
        self._host = host
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None, "the server is not running"
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The base URL of the chat completions wire, for example ``http://127.0.0.1:4321/v1``."""
        return f"http{'s' if self._tls else ''}://{self._host}:{self.port}/v1"

    @property
    def model_calls(self) -> list[Recorded]:
        """The requests that asked a model, without the listings."""
        return [r for r in self.requests if r.method == "POST"]

    def add(self, *replies: ReplyLike) -> None:
        """Put more replies at the end of the script."""
        self.replies.extend(replies)

    async def __aenter__(self) -> ModelServer:
        self._server = await asyncio.start_server(self._accept, self._host, self._port, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- one connection ----------------------------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (request := await self._read(reader)) is not None:
                self.requests.append(request)
                self._write_record(request)
                try:
                    keep = await self._answer(request, reader, writer)
                except (ClientGone, ConnectionError):
                    request.disconnected = time.monotonic()
                    break
                if not keep:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()

    def _write_record(self, request: Recorded) -> None:
        if self._record is not None:
            with self._record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(request.to_json(), ensure_ascii=False) + "\n")

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> Recorded | None:
        line = (await reader.readline()).decode("latin-1").strip()
        if not line:
            return None
        method, target, _ = line.split(" ", 2)
        headers: dict[str, str] = {}
        while header := (await reader.readline()).decode("latin-1").strip():
            name, _, value = header.partition(":")
            headers[name.strip().lower()] = value.strip()
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        path = target.partition("?")[0]
        wire = "anthropic" if path.endswith("/messages") or "anthropic-version" in headers else "openai"
        return Recorded(method, path, headers, raw, body, wire, time.monotonic())  # type: ignore[arg-type]

    async def _answer(self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Play the reply to one request; false when the connection is to be closed."""
        if not self._allowed(request):
            await _send_json(writer, 401, _error(request, "authentication_error", "the key is not right"))
            return True
        route = (request.method, request.path)
        if route == ("GET", "/v1/models"):
            await _send_json(writer, 200, {"object": "list", "data": self._model_list(request), "has_more": False})
            return True
        if route not in {("POST", "/v1/chat/completions"), ("POST", "/v1/messages")}:
            await _send_json(writer, 404, _error(request, "not_found_error", f"no route {request.path}"))
            return True
        number = self._calls
        self._calls += 1
        reply = self._next(request)
        if reply is None:
            await _send_json(writer, 500, _error(request, "script_exhausted", "the script has no reply for this call"))
            return True
        return await _play(reply, request, number, reader, writer)

    def _allowed(self, request: Recorded) -> bool:
        given = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        return not self._key or given == self._key

    def _model_list(self, request: Recorded) -> list[dict[str, Any]]:
        if request.wire == "anthropic":
            return [{"type": "model", "id": name, "display_name": name} for name in self.models]
        return [{"id": name, "object": "model", "created": 1, "owned_by": "script"} for name in self.models]

    def _next(self, request: Recorded) -> Reply | None:
        for place, value in enumerate(self.replies):
            if place in self._used:
                continue
            reply = as_reply(value, request)
            if reply.fits(request):
                if not reply.repeat:
                    self._used.add(place)
                return reply
        return None


# -- playing one reply -----------------------------------------------------------------------------------------------


async def _play(
    reply: Reply, request: Recorded, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    if reply.hang:
        await _wait(reader, None)
    if reply.delay:
        await _wait(reader, reply.delay)
    streaming = bool((request.body or {}).get("stream"))
    if reply.status != 200 or reply.body is not None:
        await _send_fault(reply, request, writer)
        return True
    if (not streaming or reply.ignore_stream) and reply.raw is None and not reply.raw_base64:
        await _send_json(writer, 200, whole_of(reply, request, number), reply.headers)
        return True
    kind = reply.content_type or "text/event-stream; charset=utf-8"
    headers = {"Content-Type": kind, "Transfer-Encoding": "chunked", **reply.headers}
    writer.write(_head(200, headers))
    await writer.drain()
    if reply.body_delay:
        await _wait(reader, reply.body_delay)
    sent = 0
    for place, chunk in enumerate(chunks_of(reply, request, number)):
        if place == reply.silence_after:
            await _wait(reader, None)
        if place and reply.chunk_delay:
            await _wait(reader, reply.chunk_delay)
        if 0 <= reply.cut_after <= sent + len(chunk):
            chunk = chunk[: reply.cut_after - sent]
            if chunk:
                await _write_chunk(writer, chunk, reader)
            # Closed without the last chunk of the transfer encoding: the client sees that bytes are missing.
            return False
        await _write_chunk(writer, chunk, reader)
        sent += len(chunk)
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def _write_chunk(writer: asyncio.StreamWriter, chunk: bytes, reader: asyncio.StreamReader) -> None:
    if reader.at_eof():
        raise ClientGone
    writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
    await writer.drain()
    await asyncio.sleep(0)


async def _wait(reader: asyncio.StreamReader, seconds: float | None) -> None:
    """Sleep, but notice at once when the client goes. ``None`` sleeps until it does."""
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(1):
                pass
    except TimeoutError:
        return
    raise ClientGone


async def _send_fault(reply: Reply, request: Recorded, writer: asyncio.StreamWriter) -> None:
    body = reply.body if reply.body is not None else _error(request, "scripted", f"scripted status {reply.status}")
    raw = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = reply.content_type or ("text/plain" if isinstance(body, str | bytes) else "application/json")
    headers = {"Content-Type": kind, "Content-Length": str(len(raw)), **reply.headers}
    writer.write(_head(reply.status, headers) + raw)
    await writer.drain()


async def _send_json(
    writer: asyncio.StreamWriter, status: int, value: Any, headers: dict[str, str] | None = None
) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode()
    fixed = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
    writer.write(_head(status, {**fixed, **(headers or {})}) + raw)
    await writer.drain()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _error(request: Recorded, kind: str, message: str) -> dict[str, Any]:
    if request.wire == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": message}}
    return {"error": {"message": message, "type": kind, "code": kind}}


# -- from synchronous code, and as a program ----------------------------------------------------------------------------


@contextlib.contextmanager
def running(replies: Sequence[ReplyLike] = (), **options: Any) -> Iterator[ModelServer]:
    """The server in a thread of its own, for synchronous tests and for programs under test."""
    ready = threading.Event()
    made: list[Any] = []

    async def main() -> None:
        stop = asyncio.Event()
        async with ModelServer(replies, **options) as server:
            made.extend([server, asyncio.get_running_loop(), stop])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),), name="model-server", daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the scripted model server did not start")
    server, loop, stop = made
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


async def _serve(arguments: argparse.Namespace) -> None:
    script: Any = json.loads(Path(arguments.script).read_text(encoding="utf-8"))
    if isinstance(script, list):
        script = {"replies": script}
    for reply in script["replies"]:
        as_reply(reply)  # a wrong field is said at the start, not in the middle of a test
    record = Path(arguments.record) if arguments.record else None
    options = {name: script[name] for name in ("models", "key") if name in script}
    async with ModelServer(script["replies"], record=record, port=arguments.port, **options) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of ``python -m tests.support.model_server``."""
    parser = argparse.ArgumentParser(prog="model_server", description="Plays a script as a model server.")
    parser.add_argument("--script", required=True, help="a JSON file; see the module's docstring")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--record", default="", help="append each request to this file, one JSON object a line")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args(argv)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
