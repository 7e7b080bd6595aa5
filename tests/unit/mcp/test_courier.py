"""Where the requests of a login may go, with real connections."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from alpi.base.errors import AlpiError, Refused
from alpi.mcp.courier import LARGEST_ANSWER, Courier, origin_of
from alpi.safety.network.guard import NetworkGuard, Opening
from tests.support.site import Answer, Site
from tests.support.stage import in_loop

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "tls"
NAMES = {"site.test": "127.0.0.1", "nas.test": "192.168.7.7", "public.test": "93.184.215.14"}


def guard_for(place: tuple[str, int] | None) -> NetworkGuard:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return [NAMES[host]] if host in NAMES else []

    return NetworkGuard(resolve, lambda name, address: "", [Opening(*place)] if place is not None else [])


async def yes(origin: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://auth.example.com/a/b?c#d", "https://auth.example.com"),
        ("https://AUTH.example.com:443", "https://auth.example.com"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
        ("https://[::1]:8443/x", "https://[::1]:8443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["", "auth.example.com", "file:///x", "https://u:p@x/", "https://x:999999/", "https://аuth.x/"]
)
def test_what_a_person_could_not_judge_has_none(url: str) -> None:
    with pytest.raises(Refused):
        origin_of(url)


@in_loop
async def test_plain_http_is_for_this_machine_alone() -> None:
    inside = Courier("http://site.test:1/mcp", True, guard_for, agree=yes)
    await inside.check("http://site.test:1/token")
    for url in ("http://nas.test/token", "http://public.test/token"):
        with pytest.raises(Refused, match="not https"):
            await inside.check(url)
    await inside.check("https://nas.test/token")  # a server inside, which the person has approved, may have it inside
    outside = Courier("https://public.test/mcp", False, guard_for, agree=yes)
    await outside.check("https://public.test/token")
    for url in ("https://nas.test/token", "https://site.test/token", "http://public.test/token"):
        with pytest.raises(Refused):
            await outside.check(url)


@in_loop
async def test_a_server_without_a_certificate_that_holds_gets_nothing() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(VECTORS / "self-signed.pem")
    async with Site({"/token": "x"}, tls) as site:
        url = site.url("/token")
        with pytest.raises(AlpiError, match="cannot be reached for the login") as caught:
            await Courier(url, True, guard_for).send(httpx2.Request("POST", url, data={"refresh_token": "canary"}))
        assert "certificate" in caught.value.hint.lower() and not site.seen


@in_loop
async def test_answers_are_bounded_and_no_redirect_is_followed() -> None:
    async with Site(
        {"/large": Answer("x" * (LARGEST_ANSWER + 1)), "/r": Answer(status=302, headers={"Location": "/t"})}
    ) as site:
        courier = Courier(site.url(), True, guard_for)
        with pytest.raises(AlpiError, match="cannot be reached") as caught:
            await courier.send(httpx2.Request("GET", site.url("/large")))
        assert "more than 1 MB" in caught.value.hint
        assert (await courier.send(httpx2.Request("GET", site.url("/r")))).status_code == 302
        assert site.paths == ["/large", "/r"]
