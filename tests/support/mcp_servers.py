"""MCP servers for tests: the misbehaving one of this folder, and the real ones that are installed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alpi.mcp.connection import Connection, Limits, Open, stdio
from alpi.mcp.stdio import Wire
from alpi.mcp.traffic import Traffic
from alpi.safety.sandbox import Launch

PROGRAM = Path(__file__).with_name("mcp_server.py")
NODE = Path(__file__).resolve().parents[1] / "node" / "node_modules"
EVERYTHING = NODE / "@modelcontextprotocol" / "server-everything" / "dist" / "index.js"
FILESYSTEM = NODE / "@modelcontextprotocol" / "server-filesystem" / "dist" / "index.js"
BIN = Path(sys.executable).parent


def command(mode: str, file: Path | None = None) -> list[str]:
    """The command of the misbehaving server."""
    return [sys.executable, "-I", "-S", str(PROGRAM), mode, *([str(file)] if file is not None else [])]


def opened(words: list[str], environ: Mapping[str, str] | None = None, cwd: str = "/") -> Open:
    """What opens a transport to a program, without a sandbox."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environ or {})}

    def open(wire: Wire, traffic: Traffic) -> Any:
        return stdio(Launch(words, env, cwd), False, wire, traffic)

    return open


def connection(mode: str, file: Path | None = None, call: float = 5.0, connect: float = 5.0, **more: Any) -> Connection:
    """A connection to the misbehaving server."""
    return Connection("test", opened(command(mode, file)), Limits(call, connect), time.monotonic, **more)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be taken notice of does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def gone(pids: list[int], seconds: float = 5.0) -> bool:
    """Whether all of these processes end within some time."""
    end = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(alive, pids))
