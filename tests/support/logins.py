"""What tests of logins need: a profile's store and connection, and a person whose browser follows redirects."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alpi.mcp.connection import Connection, Limits
from alpi.mcp.courier import Agree, Courier
from alpi.mcp.http import place_of, streamable_http
from alpi.mcp.logins import Challenge, Login, LoginStore
from alpi.mcp.oauth import Identity, KeptLogin, log_in
from alpi.mcp.redirects import Redirected, read_redirect
from alpi.safety.network.guard import NetworkGuard, Opening, system_resolver
from tests.support.oauth_server import OAuthServers

NAME = "tracker"


def guard_for(place: tuple[str, int] | None) -> NetworkGuard:
    return NetworkGuard(system_resolver, lambda name, address: "", [Opening(*place)] if place is not None else [])


async def yes(origin: str) -> bool:
    return True


class Browser:
    """A person who is known at the authorization server. ``then`` may change the address that they come back to."""

    redirect_uri = "http://127.0.0.1:9/callback"

    def __init__(self, there: OAuthServers, then: Callable[[str], str] = lambda address: address) -> None:
        self.opened: list[str] = []
        self._there = there
        self._then = then

    async def authorise(self, address: str, state: str) -> Redirected:
        self.opened.append(address)
        return read_redirect(self._then(self._there.approve(address)), self.redirect_uri, state)


class Visitor:
    """A profile's login at the test's server, and its connections."""

    def __init__(self, there: OAuthServers, folder: Path, identity: Identity | None = None) -> None:
        self.there = there
        self.learnt: dict[str, str] = {}
        self.store = LoginStore(folder / "mcp" / "logins", folder / "run", self.learnt.update)
        self.identity = identity or Identity()
        self.browser = Browser(there)

    @property
    def login(self) -> Login | None:
        return self.store.load(NAME, self.there.url)

    def courier(self, login: Login | None = None, agree: Agree | None = None) -> Courier:
        return Courier(self.there.url, True, guard_for, login.places if login is not None else (), agree)

    async def log_in(self, challenge: Challenge | None = None, agree: Agree | None = yes) -> Login:
        known = self.login or Login(NAME, self.there.url)
        return await log_in(
            known, challenge or Challenge(401), self.identity, self.browser, self.courier(agree=agree), self.store
        )

    def connection(self, url: str = "") -> Connection:
        def open(wire: Any, traffic: Any) -> Any:
            address = url or self.there.url
            auth = KeptLogin(NAME, address, self.store, self.courier, self.identity, wire.want)
            return streamable_http(address, {}, guard_for(place_of(address)), 5, traffic, auth)

        return Connection(NAME, open, Limits(5, 5), time.monotonic)
