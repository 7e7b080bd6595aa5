"""Asking OSV: every page is read, what was withdrawn does not count, and what is no clean answer is none at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx2
import pytest

from alpi.safety.osv import Advisory, Osv, OsvUnreachable, Package
from tests.support.osv import OsvServer, osv_server

REQUESTS = Package("PyPI", "requests", "2.0.0")
RICH = Package("PyPI", "rich", "13.0.0")


def check(url: str, packages: Sequence[Package], seconds: float = 5.0) -> list[Advisory]:
    async def main() -> list[Advisory]:
        async with httpx2.AsyncClient() as client:
            return await Osv(client, url, seconds).check(packages)

    return asyncio.run(main())


def test_nothing_known_is_nothing_found() -> None:
    with osv_server() as stub:
        assert check(stub.url, [REQUESTS, RICH]) == []
        assert [query["package"] for query in stub.asked] == [
            {"ecosystem": "PyPI", "name": "requests"},
            {"ecosystem": "PyPI", "name": "rich"},
        ]
        assert {query["version"] for query in stub.asked} == {"2.0.0", "13.0.0"}


def test_no_packages_are_no_question() -> None:
    assert check("http://127.0.0.1:9", []) == []


def test_malicious_and_vulnerable_are_told_apart() -> None:
    known = {"requests": ["MAL-2026-1", "GHSA-x"], "rich": ["PYSEC-9"]}
    with osv_server(known=known, advisories={"PYSEC-9": {"aliases": ["MAL-2026-7"]}}) as stub:
        found = check(stub.url, [REQUESTS, RICH])
    assert [(one.package.name, one.id, one.malicious) for one in found] == [
        ("requests", "MAL-2026-1", True),
        ("requests", "GHSA-x", False),
        ("rich", "PYSEC-9", True),
    ]
    assert str(found[0]) == "requests 2.0.0 is malicious (MAL-2026-1: About MAL-2026-1)"
    assert str(found[1]) == "requests 2.0.0 is vulnerable (GHSA-x: About GHSA-x)"


def test_only_the_exact_version_counts() -> None:
    with osv_server(known={"requests==1.0.0": ["GHSA-old"]}) as stub:
        assert check(stub.url, [REQUESTS]) == []


def test_what_was_withdrawn_does_not_count() -> None:
    gone = {"GHSA-x": {"withdrawn": "2026-02-01T00:00:00Z"}}
    with osv_server(known={"requests": ["GHSA-x", "GHSA-y"]}, advisories=gone) as stub:
        assert [one.id for one in check(stub.url, [REQUESTS])] == ["GHSA-y"]


def test_every_page_is_read() -> None:
    ids = [f"GHSA-{number}" for number in range(11)]
    with osv_server(known={"requests": ids, "rich": ["MAL-1"]}, page=3) as stub:
        found = check(stub.url, [REQUESTS, RICH])
    assert [one.id for one in found] == [*ids, "MAL-1"]


@pytest.mark.parametrize("fault", ["status", "json", "form", "count", "pages"])
def test_an_odd_answer_is_no_answer(fault: str) -> None:
    with osv_server(known={"requests": ["GHSA-x"]}, fault=fault) as stub, pytest.raises(OsvUnreachable) as caught:
        check(stub.url, [REQUESTS])
    assert stub.url in caught.value.message


def test_silence_is_no_answer() -> None:
    with osv_server(fault="slow") as stub, pytest.raises(OsvUnreachable, match="could not be asked"):
        check(stub.url, [REQUESTS], seconds=0.2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://[", "nonsense"])
def test_nobody_there_is_no_answer(url: str) -> None:
    with pytest.raises(OsvUnreachable):
        check(url, [REQUESTS])


def test_an_id_cannot_lead_elsewhere() -> None:
    with osv_server(known={"requests": ["../../admin?x=1"]}) as stub:
        [found] = check(stub.url, [REQUESTS])
    assert isinstance(stub, OsvServer)
    assert stub.looked_up == ["..%2F..%2Fadmin%3Fx%3D1"]
    assert found.id == "../../admin?x=1"
