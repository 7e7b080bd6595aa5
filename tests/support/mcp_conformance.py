"""The client that the MCP conformance suite drives: alpi's own connection, over the vetted transport.

    python -m tests.support.mcp_conformance URL

What to do is in ``MCP_CONFORMANCE_SCENARIO``: connect, list, and call every tool with arguments that fit.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

from alpi.mcp.connection import Connection, Limits
from alpi.mcp.http import place_of, streamable_http
from alpi.safety.network.guard import NetworkGuard, Opening, system_resolver


def fitting(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments that a schema takes."""
    values = {"string": "text", "number": 2, "integer": 2, "boolean": True, "array": [], "object": {}}
    return {name: values.get(about.get("type"), "text") for name, about in schema.get("properties", {}).items()}


async def main(url: str) -> None:
    host, port = place_of(url)
    guard = NetworkGuard(system_resolver, lambda name, address: "", [Opening(host, port)])
    connection = Connection(
        "suite",
        lambda wire, traffic: streamable_http(url, {}, guard, 10, traffic),
        Limits(20, 20),
        time.monotonic,
        failed=lambda why: print(why, file=sys.stderr),
    )
    try:
        offers = await connection.offers()
        print(f"{os.environ.get('MCP_CONFORMANCE_SCENARIO')}: {connection.about}, {[offer.name for offer in offers]}")
        for offer in offers:
            answer = await connection.call(offer.name, fitting(offer.schema))
            print(offer.name, answer.content)
    finally:
        await connection.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
