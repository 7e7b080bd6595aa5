"""A child as ``alpi.providers.local.child`` is one, without a model: same pipes, and as much of llama.cpp's HTTP as is used.

How it behaves is told by the name of the "model" file: ``dies``, ``missing``, ``broken``; else it serves. A question ``die``
kills it in the middle of its answer. It notes what was asked in ``<states>/asked``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

config = json.loads(sys.stdin.readline())
states = Path(config["states"])
model = Path(config["model"]).stem


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] != f"Bearer {config['key']}":
            self._send(401, b"{}")
        elif self.path.startswith("/slots/0"):
            self._slot(self.path.partition("action=")[2], states / body["filename"])
        elif self.path == "/completion":
            self._note("other")
            self._send(200, b"{}")
        else:
            self._chat(body)

    def _chat(self, body: dict[str, Any]) -> None:
        self._note("prefix" if body.get("return_progress") else "chat")
        if body["messages"][-1]["content"] == "die":
            self._begin(200)
            self.wfile.write(b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n')
            self.wfile.flush()
            os.kill(os.getpid(), 9)
        events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": "hi"}}]}]
        if body.get("return_progress"):
            events.insert(
                0, {"choices": [], "prompt_progress": {"total": 10, "cache": 0, "processed": 5, "time_ms": 1}}
            )
        events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self._send(200, data.encode(), "text/event-stream")

    def _slot(self, action: str, path: Path) -> None:
        self._note(action)
        if action == "save":
            path.write_bytes(b"state " * 1000)
        refused = action == "restore" and (not path.exists() or "refuse" in model)
        self._send(400 if refused else 200, b'{"error": {"message": "no"}}' if refused else b"{}")

    def _note(self, what: str) -> None:
        with (states / "asked").open("a") as file:
            file.write(f"{what}\n")

    def _begin(self, status: int, kind: str = "text/event-stream") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.end_headers()

    def _send(self, status: int, data: bytes, kind: str = "application/json") -> None:
        self._begin(status, kind)
        self.wfile.write(data)


def report(**fields: str) -> None:
    print(json.dumps(fields), flush=True)


if "dies" in model:
    os.kill(os.getpid(), 4)
elif "missing" in model:
    report(error="missing", message="No module named 'xllamacpp'")
elif "broken" in model:
    report(error="load", message="RuntimeError: bad file")
else:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    report(address=f"http://127.0.0.1:{server.server_port}")
    sys.stdin.read()
