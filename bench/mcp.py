"""MCP: connecting to a server, a call, and what the schemas take of a request, beside the SDK's own client in the same run."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from alpi.agent.prompt import estimate_tokens, schema_text
from alpi.agent.tool import spec_of
from alpi.mcp.connection import Connection, Limits, stdio
from alpi.mcp.stdio import Wire
from alpi.mcp.tools import ManyTools
from alpi.mcp.traffic import Traffic
from alpi.safety.sandbox import Launch

from .measure import Row

COMMAND = [str(Path(sys.executable).parent / "mcp-server-time"), "--local-timezone", "UTC"]
CALLS = 200
ROUNDS = 5
ARGUMENTS = {"timezone": "UTC"}
AIM_CONNECT = 1.3
AIM_CALL = 1.3
AIM_TOKENS = 200.0


def run() -> list[Row]:
    """Connect and call, ours and the SDK's in turn."""
    return asyncio.run(_run())


async def _run() -> list[Row]:
    await _ours(1), await _sdk(1)  # imports
    ours = [await _ours(CALLS) for _ in range(ROUNDS)]
    sdk = [await _sdk(CALLS) for _ in range(ROUNDS)]
    (connect, call), (floor, floor_call) = (
        [statistics.median(part) for part in zip(*runs, strict=True)] for runs in (ours, sdk)
    )
    many = estimate_tokens(schema_text(spec_of(ManyTools((), lambda: None, _nothing))))  # type: ignore[arg-type]
    return [
        Row(
            "mcp: connect",
            f"{connect * 1000:.0f} ms",
            f"the SDK alone {floor * 1000:.0f} ms",
            connect / floor,
            AIM_CONNECT,
            "x",
        ),
        Row(
            "mcp: one call",
            f"{call * 1000:.2f} ms",
            f"the SDK alone {floor_call * 1000:.2f} ms",
            call / floor_call,
            AIM_CALL,
            "x",
        ),
        Row("mcp: what stands for many tools", f"{many} tokens", value=float(many), aim=AIM_TOKENS, unit=" tokens"),
    ]


async def _nothing() -> None:
    pass


async def _ours(calls: int) -> tuple[float, float]:
    def open(wire: Wire, traffic: Traffic) -> object:
        return stdio(Launch(COMMAND, dict(os.environ), "/"), False, wire, traffic)

    started = time.perf_counter()
    connection = Connection("time", open, Limits(), time.monotonic)  # type: ignore[arg-type]
    try:
        await connection.ready()
        connected = time.perf_counter() - started
        return connected, await _timed(calls, lambda: connection.call("get_current_time", ARGUMENTS))
    finally:
        await connection.aclose()


async def _sdk(calls: int) -> tuple[float, float]:
    from mcp.client.client import Client
    from mcp.client.stdio import StdioServerParameters

    started = time.perf_counter()
    async with Client(StdioServerParameters(command=COMMAND[0], args=COMMAND[1:])) as client:
        await client.list_tools()
        connected = time.perf_counter() - started
        return connected, await _timed(calls, lambda: client.call_tool("get_current_time", ARGUMENTS))


async def _timed(calls: int, call: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        await call()
    return (time.perf_counter() - started) / calls
