"""The network guard: which addresses are judged inside, and that only what was judged is ever connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpi.base.errors import Refused
from alpi.safety.network.addresses import address_problem, is_metadata
from alpi.safety.network.guard import NetworkGuard, Opening, Unresolvable, parse_opening, system_resolver
from alpi.safety.network.transport import VettedTransport
from tests.support.stage import in_loop

OUTSIDE = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
INSIDE = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1", "::127.0.0.1", "::10.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808",
    "2002:7f00:1::", "2002:c0a8:101::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2606::5efe:7f00:1", "2606::200:5efe:a00:1",
]  # fmt: skip
METADATA = ["169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
            "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"]  # fmt: skip


def nothing_refused(host: str, address: str) -> str:
    return ""


def answering(*addresses: str) -> NetworkGuard:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return NetworkGuard(resolve, nothing_refused)


@pytest.mark.parametrize("text", OUTSIDE)
def test_the_open_internet_is_open(text: str) -> None:
    assert address_problem(ipaddress.ip_address(text)) == ""


@pytest.mark.parametrize("text", [*INSIDE, *METADATA])
def test_what_lies_inside_is_closed(text: str) -> None:
    assert address_problem(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", METADATA)
def test_metadata_is_known_in_every_spelling(text: str) -> None:
    assert is_metadata(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_every_way_to_wrap_an_inside_address_is_closed(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    wrapped = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1),
        ipaddress.IPv6Address(number) if number > 1 else ipaddress.IPv6Address("::1"),
    ]
    if address_problem(inner):
        assert all(address_problem(address) for address in wrapped)
    else:
        assert not address_problem(wrapped[0])


# In words, an all-numeric host is an address to the C library whatever its spelling; these are what browsers and resolvers accept.
@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0177.0.0.1",
        "0x7f000001",
        "127.1",
        "0",
        "127.0.0.1.",
        "[::ffff:169.254.169.254]",
        "[::1]",
        "localhost",
    ],
)
@in_loop
async def test_odd_spellings_come_out_as_what_they_mean(host: str) -> None:
    with pytest.raises(Refused):
        await NetworkGuard(system_resolver, nothing_refused).vet(host, 80)


@pytest.mark.parametrize("host", ["①②⑦.⓪.⓪.①", "127。0。0。1", "ⅼocalhost"])
@in_loop
async def test_a_url_in_foreign_digits_reaches_nothing_inside(host: str) -> None:
    guard = NetworkGuard(system_resolver, nothing_refused)
    async with httpx2.AsyncClient(transport=VettedTransport(guard)) as client:
        with pytest.raises((Refused, Unresolvable, httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
            await client.get(f"http://{host}/")


@in_loop
async def test_another_spelling_of_an_address_is_named_as_what_it_is() -> None:
    with pytest.raises(Refused, match=r"is a private address \(another way to write 10\.0\.0\.1\)") as caught:
        await answering().vet("[::ffff:10.0.0.1]", 80)
    assert caught.value.hint.endswith("'[\"[::ffff:10.0.0.1]:80\"]'")
    opening = parse_opening("[::ffff:10.0.0.1]:80")
    assert await NetworkGuard(system_resolver, nothing_refused, [opening]).vet("[::ffff:10.0.0.1]", 80)


@in_loop
async def test_one_bad_answer_spoils_the_name() -> None:
    with pytest.raises(Refused, match="private address"):
        await answering("8.8.8.8", "10.0.0.1").vet("mixed.example", 443)
    assert await answering("8.8.8.8", "1.1.1.1").vet("good.example", 443) == ["8.8.8.8", "1.1.1.1"]
    with pytest.raises(Unresolvable):
        await answering().vet("nowhere.example", 443)


@in_loop
async def test_an_opening_opens_that_place_and_never_metadata() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return {"nas.lan": ["192.168.1.9"], "evil.lan": ["169.254.169.254"]}[host]

    guard = NetworkGuard(
        resolve, nothing_refused, [Opening("nas.lan", 5000), Opening("evil.lan"), Opening("0.0.0.0/0")]
    )
    assert await guard.vet("NAS.lan.", 5000) == ["192.168.1.9"]
    with pytest.raises(Refused) as caught:
        await guard.vet("evil.lan", 80)
    assert not caught.value.hint
    closed = NetworkGuard(resolve, nothing_refused, [Opening("nas.lan", 5000)])
    with pytest.raises(Refused, match=r"nas\.lan") as caught:
        await closed.vet("nas.lan", 22)
    assert caught.value.hint.endswith("alpi config set network.allow '[\"nas.lan:22\"]'")


@in_loop
async def test_the_machines_policy_comes_first() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8"]

    guard = NetworkGuard(resolve, lambda host, address: f"{host} is denied" if address == "8.8.8.8" else "")
    with pytest.raises(Refused, match="is denied"):
        await guard.vet("dns.example", 443)


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("nas.lan", Opening("nas.lan")),
        ("LOCALHOST:3000", Opening("localhost", 3000)),
        ("192.168.1.0/24", Opening("192.168.1.0/24")),
        ("[fd00::1]:80", Opening("fd00::1", 80)),
        ("fd00::/8", Opening("fd00::/8")),
    ],
)
def test_openings_are_read(text: str, opening: Opening) -> None:
    assert parse_opening(text) == opening


@pytest.mark.parametrize("text", ["", "a b", "nas:0", "nas:99999", "nas:x", "[fd00::1"])
def test_wrong_openings_are_told(text: str) -> None:
    with pytest.raises(ValueError):
        parse_opening(text)


class Page(BaseHTTPRequestHandler):
    """Says which server it is; ``/away`` leads to wherever the server was told."""

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Site)
        server.asked.append(self.path)
        self.send_response(302 if self.path == "/away" else 200)
        if self.path == "/away":
            self.send_header("Location", server.away)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        return


class Site(HTTPServer):
    away = ""

    def __init__(self, address: str) -> None:
        super().__init__((address, 0), Page)
        self.asked: list[str] = []


@contextmanager
def site(address: str = "127.0.0.1") -> Iterator[Site]:
    server = Site(address)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@in_loop
async def test_a_resolver_that_changes_its_mind_is_asked_once() -> None:
    """The first answer is judged and connected to; the second, which would lead inside, is never asked for."""
    with site("127.0.0.2") as vetted, site("127.0.0.1") as inside:
        answers = ["127.0.0.2", "127.0.0.1", "127.0.0.1"]
        asked = []

        async def resolve(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return [answers[len(asked) - 1]]

        guard = NetworkGuard(resolve, nothing_refused, [Opening("127.0.0.2")])
        async with httpx2.AsyncClient(transport=VettedTransport(guard)) as client:
            answer = await client.get(f"http://rebinding.example:{vetted.server_port}/page")
        assert answer.text == "ok"
        assert asked == ["rebinding.example"]
        assert vetted.asked == ["/page"] and inside.asked == []


@in_loop
async def test_a_redirect_is_judged_again() -> None:
    with site("127.0.0.2") as outside, site("127.0.0.1") as inside:
        outside.away = f"http://127.0.0.1:{inside.server_port}/secret"

        async def resolve(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.2"]

        guard = NetworkGuard(resolve, nothing_refused, [Opening("127.0.0.2")])
        async with httpx2.AsyncClient(transport=VettedTransport(guard), follow_redirects=True) as client:
            with pytest.raises(Refused):
                await client.get(f"http://open.example:{outside.server_port}/away")
        assert inside.asked == []


@in_loop
async def test_the_next_address_is_tried_when_one_is_dead() -> None:
    with site("127.0.0.3") as alive:

        async def resolve(host: str, port: int) -> Sequence[str]:
            return ["127.0.0.2", "127.0.0.3"]

        guard = NetworkGuard(resolve, nothing_refused, [Opening("127.0.0.0/8")])
        async with httpx2.AsyncClient(transport=VettedTransport(guard)) as client:
            assert (await client.get(f"http://two.example:{alive.server_port}/")).text == "ok"
            with pytest.raises(httpx2.ConnectError):
                await client.get("http://two.example:1/")


def test_the_system_says_nothing_of_a_name_that_is_none() -> None:
    assert asyncio.run(system_resolver("no-such-name.invalid", 80)) == []
