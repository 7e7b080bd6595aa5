"""The client that the MCP conformance suite drives: alpi's own connection and login, over the vetted transport.

    python -m tests.support.mcp_conformance URL

What to do is in ``MCP_CONFORMANCE_SCENARIO``: connect, list, and call every tool with arguments that fit. Where the server wants a login,
one is made as ``alpi mcp login`` makes it; the person of this program says yes to every place, and follows the redirect by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from alpi.mcp.connection import Connection, Limits, LoginNeeded
from alpi.mcp.courier import Courier
from alpi.mcp.http import place_of, streamable_http
from alpi.mcp.logins import Login, LoginStore
from alpi.mcp.oauth import Identity, KeptLogin, log_in
from alpi.mcp.redirects import Redirected, read_redirect
from alpi.safety.network.guard import NetworkGuard, Opening, system_resolver

MOST_LOGINS = 2
SCENARIO = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
T = TypeVar("T")


def fitting(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments that a schema takes."""
    values = {"string": "text", "number": 2, "integer": 2, "boolean": True, "array": [], "object": {}}
    return {name: values.get(about.get("type"), "text") for name, about in schema.get("properties", {}).items()}


def guard_for(place: tuple[str, int] | None) -> NetworkGuard:
    return NetworkGuard(system_resolver, lambda name, address: "", [Opening(*place)] if place is not None else [])


class Headless:
    """A person who is logged in everywhere, and whose browser does nothing but follow."""

    redirect_uri = "http://127.0.0.1:9/callback"

    async def authorise(self, address: str, state: str) -> Redirected:
        async with httpx2.AsyncClient() as browser:
            answer = await browser.get(address, follow_redirects=False)
        return read_redirect(answer.headers["Location"], self.redirect_uri, state)


class Client:
    """alpi as it is used against one server."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.store = LoginStore(folder / "logins", folder, lambda values: None)
        context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
        document = "https://conformance-test.local/client-metadata.json" if SCENARIO == "auth/basic-cimd" else ""
        self.identity = Identity(context.get("client_id", ""), context.get("client_secret", ""), document)
        self.connection = Connection(
            "suite", self._open, Limits(20, 20), time.monotonic, failed=lambda why: print(why, file=sys.stderr)
        )

    def _open(self, wire: Any, traffic: Any) -> Any:
        auth = KeptLogin("suite", self.url, self.store, self._courier, self.identity, wire.want)
        return streamable_http(self.url, {}, guard_for(place_of(self.url)), 10, traffic, auth)

    def _courier(self, login: Login) -> Courier:
        return Courier(self.url, True, guard_for, login.places)

    async def work(self) -> None:
        offers = await self.logged_in(self.connection.offers)
        print(f"{SCENARIO}: {self.connection.about}, {[offer.name for offer in offers]}")
        for offer in offers:
            arguments = fitting(offer.schema)
            answer = await self.logged_in(lambda offer=offer, given=arguments: self.connection.call(offer.name, given))
            print(offer.name, answer.content)

    async def logged_in(self, doing: Callable[[], Awaitable[T]]) -> T:
        for _ in range(MOST_LOGINS):
            try:
                return await doing()
            except LoginNeeded as error:
                known = self.store.load("suite", self.url) or Login("suite", self.url)
                courier = Courier(self.url, True, guard_for, agree=agree)
                await log_in(known, error.challenge, self.identity, Headless(), courier, self.store)
                await asyncio.sleep(0.6)  # a server that has just failed is left alone for half a second
        return await doing()


async def agree(origin: str) -> bool:
    print(f"the login goes to {origin}")
    return True


async def main(url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        client = Client(url, Path(folder))
        try:
            await client.work()
        finally:
            await client.connection.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
