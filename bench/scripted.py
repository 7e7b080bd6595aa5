"""The model server of the tests as the other end, and the two commands that are compared on it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.model_server import ModelServer, Recorded, Reply, running

from .measure import ALPI, PYTHON, ROOT, Command, interleaved, profile

ANSWER = "Pong. " * 40


@dataclass(frozen=True)
class Pair:
    """alpi and the bare script, about to send the same request; and that request."""

    alpi: Command
    floor: Command
    body: dict[str, Any]
    server: ModelServer


def pong(request: Recorded) -> Reply:
    """Always the same text."""
    return Reply(text=ANSWER, repeat=True)


def read_then_pong(request: Recorded) -> Reply:
    """First a call of ``read_file``, then the text."""
    if request.body["messages"][-1]["role"] == "tool":
        return pong(request)
    return Reply(tool_calls=[{"name": "read_file", "arguments": {"path": "notes.md"}}], repeat=True)


@contextlib.contextmanager
def pair(tool_call: bool = False) -> Iterator[Pair]:
    """Both commands, ready to be run as often as wanted. The floor sends the very body that alpi sends first."""
    with running([read_then_pong if tool_call else pong]) as server:
        config = {"model": "here/scripted", "providers": {"here": {"kind": "openai", "base_url": server.url}}}
        with profile(config) as (environ, workspace):
            alpi = Command([ALPI, "ask", "ping"], environ, workspace)
            interleaved({"alpi": alpi}, 0)
            body = server.model_calls[0].body
            path = Path(environ["HOME"]) / "body.json"
            path.write_text(json.dumps(body), encoding="utf-8")
            floor = Command([PYTHON, str(ROOT / "bench" / "floor.py"), server.url, str(path)], environ, workspace)
            yield Pair(alpi, floor, body, server)
