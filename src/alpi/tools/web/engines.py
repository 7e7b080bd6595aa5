"""Search engines: a query in, titles, addresses and snippets out. Each speaks only through the network guard."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import msgspec

from ...base.text import one_line, printable
from .client import WebClient, WebError

if TYPE_CHECKING:
    from ...safety.network.guard import NetworkGuard

BRAVE = "https://api.search.brave.com/res/v1/web/search"


@dataclass(frozen=True, slots=True)
class Hit:
    """One result."""

    title: str
    url: str
    snippet: str


class Engine(Protocol):
    """Answers queries."""

    name: str

    async def search(self, query: str, count: int) -> list[Hit]:
        """At most ``count`` results, the best first.

        Raises:
            WebError, Refused: it could not be asked; says who and why.
        """
        ...


class DuckDuckGo:
    """By way of the ddgs library, whose own networking goes through a proxy that vets each address.

    Args:
        backend: which of the library's engines; one whose operator is named, so that a query does not go to all of them.
    """

    name = "duckduckgo"

    def __init__(
        self, guard: NetworkGuard, seconds: float, backend: str = "duckduckgo", verify: bool | str = True
    ) -> None:
        self._guard = guard
        self._seconds = seconds
        self._backend = backend
        self._verify = verify

    async def search(self, query: str, count: int) -> list[Hit]:
        """See ``Engine``."""
        from ...safety.network.proxy import VettingProxy

        async with VettingProxy(self._guard) as proxy:
            found = await asyncio.to_thread(self._ask, proxy.url, query, count)
        return [_hit(entry, "title", "href", "body") for entry in found]

    def _ask(self, proxy: str, query: str, count: int) -> list[dict[str, Any]]:
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException

        try:
            engine = DDGS(proxy=proxy, timeout=int(self._seconds), verify=self._verify)
            return list(engine.text(query, max_results=count, backend=self._backend))
        except DDGSException as error:
            if "no results" in str(error).lower():
                return []
            raise WebError(
                f"DuckDuckGo could not be asked: {one_line(str(error), 200)}",
                "Try again later, or set web.search to searxng or brave (docs/WEB.md)",
            ) from error


class SearXNG:
    """An instance of SearXNG (its JSON output must be switched on there)."""

    name = "searxng"

    def __init__(self, client: WebClient, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    async def search(self, query: str, count: int) -> list[Hit]:
        """See ``Engine``."""
        answer = await _json(
            self._client, f"{self._url}/search?{urlencode({'q': query, 'format': 'json'})}", {}, "SearXNG"
        )
        return [_hit(entry, "title", "url", "content") for entry in _list(answer, "results")][:count]


class Brave:
    """Brave's search API, with the person's own key."""

    name = "brave"

    def __init__(self, client: WebClient, key: str, url: str = BRAVE) -> None:
        self._client = client
        self._key = key
        self._url = url

    async def search(self, query: str, count: int) -> list[Hit]:
        """See ``Engine``."""
        where = f"{self._url}?{urlencode({'q': query, 'count': min(count, 20)})}"
        headers = {"X-Subscription-Token": self._key, "Accept": "application/json"}
        answer = await _json(self._client, where, headers, "Brave")
        web = answer.get("web")
        return [
            _hit(entry, "title", "url", "description")
            for entry in _list(web if isinstance(web, dict) else {}, "results")
        ][:count]


async def _json(client: WebClient, url: str, headers: Mapping[str, str], who: str) -> dict[str, Any]:
    fetched = await client.get(url, headers)
    if fetched.status != 200:
        hints = {
            401: "Its key is wrong",
            403: "It does not allow this (SearXNG: is its JSON format switched on?)",
            429: "Too many queries; wait",
        }
        raise WebError(f"{who} answered with status {fetched.status}", hints.get(fetched.status, "Try again later"))
    try:
        answer = msgspec.json.decode(fetched.body)
    except msgspec.DecodeError as error:
        raise WebError(
            f"{who} did not answer with JSON", "Check the address of the instance (web.searxng_url)"
        ) from error
    return answer if isinstance(answer, dict) else {}


def _list(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = answer.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _hit(entry: dict[str, Any], title: str, url: str, snippet: str) -> Hit:
    def text(key: str) -> str:
        return one_line(html.unescape(re.sub(r"<[^>]{0,100}>", "", printable(str(entry.get(key) or "")))), 400)

    return Hit(text(title), text(url), text(snippet))
