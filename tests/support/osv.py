"""A server that answers as OSV does (POST /v1/querybatch, GET /v1/vulns/ID), with what a test says it knows."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class OsvServer:
    """What the stub knows and was asked.

    ``known``: the ids for each package, by ``name`` or ``name==version``. ``advisories``: what stands behind an id; one that is missing is
    an ordinary vulnerability. ``page``: ids on one page. ``fault``: what goes wrong: ``status`` 500, ``json``, ``form``, ``count``,
    ``pages`` without end, or ``slow``.
    """

    known: dict[str, Sequence[str]] = field(default_factory=dict)
    advisories: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    page: int = 1000
    fault: str = ""
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    def batch(self, body: dict[str, Any]) -> Any:
        results: list[Any] = []
        for query in body["queries"]:
            self.asked.append(query)
            name, version = query["package"]["name"], query["version"]
            ids = [*self.known.get(name, ()), *self.known.get(f"{name}=={version}", ())]
            start = int(query.get("page_token") or 0)
            part = ids[start : start + self.page]
            result: dict[str, Any] = (
                {"vulns": [{"id": id, "modified": "2026-01-01T00:00:00Z"} for id in part]} if part else {}
            )
            if start + self.page < len(ids) or self.fault == "pages":
                result["next_page_token"] = str(start + self.page)
            results.append(result)
        return {"form": {"results": ["x"] * len(results)}, "count": {"results": results[1:]}}.get(
            self.fault, {"results": results}
        )

    def advisory(self, id: str) -> Mapping[str, Any]:
        self.looked_up.append(id)
        return {"id": id, "summary": f"About {id}", "modified": "2026-01-01T00:00:00Z", **self.advisories.get(id, {})}


@contextmanager
def osv_server(**what: Any) -> Iterator[OsvServer]:
    """The stub, listening on 127.0.0.1."""
    stub = OsvServer(**what)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.answer(stub.batch(body) if self.path == "/v1/querybatch" else None)

        def do_GET(self) -> None:
            place, _, id = self.path.rpartition("/")
            self.answer(stub.advisory(id) if place == "/v1/vulns" else None)

        def answer(self, value: Any) -> None:
            if stub.fault == "slow":
                closed.wait(5)
            data = b"<html>busy</html>" if stub.fault == "json" else json.dumps(value).encode()
            self.send_response(500 if stub.fault == "status" else 404 if value is None else 200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    closed = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        closed.set()
        server.shutdown()
        server.server_close()
