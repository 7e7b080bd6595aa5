"""A little HTTP server that answers with JSON by path: what model servers of one's own say about themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any


class OwnServer:
    """Serves ``answers`` (path to JSON value, or bytes sent as they are); ``refused`` is 401, all else 404.

    ``requests``: (method, path, headers, body).
    """

    def __init__(self, answers: Mapping[str, Any], delay: float = 0.0, refused: str = "") -> None:
        self.refused = refused
        self.answers = dict(answers)
        self.delay = delay
        self.requests: list[tuple[str, str, str, str]] = []

    async def __aenter__(self) -> OwnServer:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        length = next(
            (int(line.split(":")[1]) for line in head.lower().splitlines() if line.startswith("content-length")), 0
        )
        body = (await reader.readexactly(length)).decode()
        self.requests.append((method, path, head, body))
        await asyncio.sleep(self.delay)
        value = self.answers.get(path)
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        status = "200 OK" if path in self.answers else "401 No" if path == self.refused else "404 Not Found"
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n".encode() + data)
        await writer.drain()
        writer.close()
