"""Carries the requests that a login makes: each to a place that is approved, through the network guard, over https or on loopback."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..base.errors import AlpiError, Refused
from ..base.text import escaped, one_line
from .http import bounded_transport, place_of

if TYPE_CHECKING:
    import ssl

    import httpx2

    from ..safety.network.guard import NetworkGuard

SECONDS = 20.0
"""How long one request may take."""
LARGEST_ANSWER = 1 << 20

Agree = Callable[[str], Awaitable[bool]]
"""Asks the person whether a login may speak to an origin."""
GuardFor = Callable[[tuple[str, int] | None], "NetworkGuard"]
"""A judge of addresses that opens one place inside, or none."""


def origin_of(url: str) -> str:
    """The scheme, host and port of an address, as ``https://auth.example.com`` or with a port that is not the usual one.

    Raises:
        Refused: it is no web address, or holds a name and password.
    """
    try:
        parts = urlsplit(url)
        host, port = place_of(url)
    except ValueError as error:
        raise Refused("a login would have to go to what is no address") from error
    # A person reads it: no name and password, and no other scripts' letters, which can look like these.
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or not url.isascii():
        raise Refused("a login would have to go to what is no web address")
    name = f"[{host}]" if ":" in host else host
    usual = port == (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{name}{'' if usual else f':{port}'}"


class Courier:
    """Sends a login's requests.

    Args:
        url: the MCP server's address; its origin is approved.
        inside: the server lies on this machine or in a private network, and the person has approved that. Only then may a login lead
            to such a place.
        guard_for: makes the judge of addresses for one connection.
        places: further origins that the person has approved.
        agree: asks about another origin; left out, there is nobody to ask, and the answer is no.
    """

    def __init__(
        self, url: str, inside: bool, guard_for: GuardFor, places: Iterable[str] = (), agree: Agree | None = None
    ) -> None:
        self._own = origin_of(url)
        self._inside = inside
        self._guard_for = guard_for
        self._places = list(places)
        self._agree = agree
        self._trusted: ssl.SSLContext | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """The origins that are approved besides the server's own."""
        return tuple(self._places)

    async def check(self, url: str) -> None:
        """See that an address may be used in this login; the person is asked about a new origin, after the network guard.

        Raises:
            Refused: it may not. Unresolvable: its name leads nowhere.
        """
        origin = origin_of(url)
        addresses = await self._guard(url).vet(*place_of(url))
        loopback = all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses)
        if not origin.startswith("https:") and not loopback:
            raise Refused(f"{origin} is not https: others could read along", "A login needs https")
        if origin == self._own or origin in self._places:
            return
        if self._agree is None or not await self._agree(origin):
            raise Refused(f"nobody has agreed that a login speaks to {origin}")
        self._places.append(origin)

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and read its answer. No redirect is followed.

        Raises:
            Refused, Unresolvable: it must not go there. AlpiError: it got no answer.
        """
        import httpx2

        url = str(request.url)
        await self.check(url)
        request.headers.setdefault("User-Agent", "alpi")
        request.extensions["timeout"] = httpx2.Timeout(SECONDS).as_dict()
        transport = bounded_transport(self._guard(url), LARGEST_ANSWER, self._certificates(request.url.scheme))
        try:
            async with (
                asyncio.timeout(SECONDS),
                httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False) as client,
            ):
                return await client.send(request)
        except (httpx2.HTTPError, TimeoutError) as error:
            # The reason may hold what the other side has sent: it is for a person, and the message may go to a model.
            reason = one_line(escaped(str(error).strip()), 200) or "it did not answer in time"
            raise AlpiError(f"{origin_of(url)} cannot be reached for the login", reason) from error

    def _certificates(self, scheme: str) -> ssl.SSLContext:
        """What certificates are checked against: loaded once, and not for loopback, where nothing is encrypted."""
        import ssl

        import httpx2

        if scheme != "https":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._trusted = self._trusted or httpx2.create_ssl_context()
        return self._trusted

    def _guard(self, url: str) -> NetworkGuard:
        return self._guard_for(place_of(url) if self._inside else None)
