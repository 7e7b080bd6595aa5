"""Asking OSV whether the exact versions that a skill or a server needs are known to be malicious or vulnerable (https://google.github.io/osv.dev/api)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..base.errors import AlpiError

if TYPE_CHECKING:
    import httpx2

MOST_IN_A_BATCH = 500
MOST_PAGES = 20
AT_ONCE = 8


class OsvUnreachable(AlpiError):
    """OSV could not be asked, so nothing can be said of the packages."""


@dataclass(frozen=True, slots=True)
class Package:
    """An exact version. ``ecosystem`` as OSV calls it: ``PyPI``, ``npm``."""

    ecosystem: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Advisory:
    """What OSV knows of a package. ``malicious``: it is no mistake but an attack."""

    package: Package
    id: str
    summary: str
    malicious: bool

    def __str__(self) -> str:
        kind = "malicious" if self.malicious else "vulnerable"
        return f"{self.package} is {kind} ({self.id}{f': {self.summary}' if self.summary else ''})"


class Osv:
    """Asks an OSV server.

    Args:
        client: opens an HTTP client; every address goes through the network guard there.
        url: the server, without a path.
        seconds: how long one question may take.
    """

    def __init__(self, client: httpx2.AsyncClient, url: str, seconds: float = 15.0) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._seconds = seconds

    async def check(self, packages: Sequence[Package]) -> list[Advisory]:
        """All that is known of these packages and was not withdrawn.

        Raises:
            OsvUnreachable: it did not answer, or with something that is no answer.
        """
        pairs: list[tuple[Package, str]] = []
        for start in range(0, len(packages), MOST_IN_A_BATCH):
            batch = packages[start : start + MOST_IN_A_BATCH]
            for package, ids in zip(batch, await self._batch(batch), strict=True):
                pairs += [(package, id) for id in dict.fromkeys(ids)]
        found: list[Advisory | None] = []
        for start in range(0, len(pairs), AT_ONCE):
            asked = pairs[start : start + AT_ONCE]
            found += await asyncio.gather(*(self._advisory(package, id) for package, id in asked))
        return [advisory for advisory in found if advisory is not None]

    async def _batch(self, packages: Sequence[Package]) -> list[list[str]]:
        """The ids for each package, all pages of them."""
        ids: list[list[str]] = [[] for _ in packages]
        left: list[tuple[int, str]] = [(place, "") for place in range(len(packages))]
        for _ in range(MOST_PAGES):
            queries = [_query(packages[place], token) for place, token in left]
            answer = await self._ask("POST", "/v1/querybatch", {"queries": queries})
            results = answer.get("results")
            if not isinstance(results, list) or len(results) != len(left):
                raise self._nonsense("results are missing")
            more = []
            for (place, _), result in zip(left, results, strict=True):
                vulns = result.get("vulns", []) if isinstance(result, dict) else None
                if not isinstance(vulns, list) or not all(
                    isinstance(v, dict) and isinstance(v.get("id"), str) for v in vulns
                ):
                    raise self._nonsense("a result has another form")
                ids[place] += [one["id"] for one in vulns]
                if result.get("next_page_token"):
                    more.append((place, str(result["next_page_token"])))
            if not more:
                return ids
            left = more
        raise self._nonsense("it has too many pages")

    async def _advisory(self, package: Package, id: str) -> Advisory | None:
        """What an id stands for; ``None`` where it was withdrawn."""
        answer = await self._ask("GET", f"/v1/vulns/{quote(id, safe='')}", None)
        if answer.get("withdrawn"):
            return None
        aliases = answer.get("aliases")
        names = [id, *(str(one) for one in aliases)] if isinstance(aliases, list) else [id]
        return Advisory(
            package,
            id,
            " ".join(str(answer.get("summary") or "").split())[:200],
            any(n.startswith("MAL-") for n in names),
        )

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        import httpx2
        import msgspec

        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.request(method, f"{self._url}{path}", json=body)
            if answer.status_code != 200:
                raise self._nonsense(f"status {answer.status_code}")
            data = msgspec.json.decode(answer.content)
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, AlpiError) as error:
            if isinstance(error, OsvUnreachable):
                raise
            raise OsvUnreachable(
                f"{self._url} could not be asked whether the packages are known to be bad: {error or type(error).__name__}",
                "Nothing is installed without that answer; try again when it can be reached (skills.osv_url says where it is)",
            ) from error
        except msgspec.DecodeError as error:
            raise self._nonsense("it is not JSON") from error
        if not isinstance(data, dict):
            raise self._nonsense("it is not an object")
        return data

    def _nonsense(self, why: str) -> OsvUnreachable:
        return OsvUnreachable(f"{self._url} did not answer as OSV does: {why}", "Check skills.osv_url")


def _query(package: Package, token: str) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "package": {"ecosystem": package.ecosystem, "name": package.name},
        "version": package.version,
    }
    return {**asked, "page_token": token} if token else asked
