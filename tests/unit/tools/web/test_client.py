"""Fetching from real servers on loopback: whom it refuses at each hop, and that size and time are bounded."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib

import pytest

from alpi.base.errors import AlpiError, Refused
from alpi.safety.network.guard import NetworkGuard
from alpi.tools.web.client import WebClient, WebError, checked_url
from tests.support.site import Answer, Site, redirect
from tests.support.stage import in_loop

SPELLINGS = ["http://2130706433/", "http://0177.0.0.1/", "http://127.1/", "http://0/", "http://[::ffff:169.254.169.254]/",
             "http://①②⑦.⓪.⓪.①/", "http://0x7f000001/", "http://[::]/", "http://169.254.169.254./"]  # fmt: skip


def packed(data: bytes, kind: str) -> Answer:
    body = {"gzip": gzip.compress(data), "deflate": zlib.compress(data), "raw": zlib.compress(data)[2:-4]}[kind]
    return Answer(body, 200, {"Content-Type": "text/plain", "Content-Encoding": kind.replace("raw", "deflate")})


@in_loop
async def test_pages_come_whole_whatever_they_are_packed_in() -> None:
    text = b"words and more words " * 30_000
    async with Site({f"/{kind}": packed(text, kind) for kind in ("gzip", "deflate", "raw")}) as site:
        for kind in ("gzip", "deflate", "raw"):
            got = await WebClient(site.guard()).get(site.url(f"/{kind}"))
            assert got.body == text and got.status == 200, kind


@in_loop
async def test_redirects_are_followed_and_each_hop_is_judged() -> None:
    async with (
        Site({"/inside": "secret"}) as inside,
        Site({"/end": "the end", "/1": redirect("/2"), "/2": redirect("/end")}) as site,
    ):
        got = await WebClient(site.guard()).get(site.url("/1"))
        assert got.body == b"the end" and got.url == site.url("/end") and len(got.hops) == 2
        for number, status in enumerate((301, 302, 303, 307, 308)):
            for where in (f"http://127.0.0.1:{inside.port}/inside", f"//localhost:{inside.port}/inside",
                          "http://169.254.169.254/latest/", f"http://name.test:{inside.port}/inside"):  # fmt: skip
                site.pages[f"/{number}bad"] = redirect(where, status)
                guard = site.guard(resolve=lambda host: ["127.0.0.1"])
                with pytest.raises(Refused, match="a redirect leads where") as caught:
                    await WebClient(guard).get(site.url(f"/{number}bad"))
                assert not caught.value.hint, "nobody is to open a place because a page leads there"
        site.pages["/file"] = redirect("file:///etc/passwd")
        with pytest.raises(WebError):
            await WebClient(site.guard()).get(site.url("/file"))
        assert inside.paths == []


@pytest.mark.parametrize("url", SPELLINGS)
@in_loop
async def test_every_spelling_of_inside_is_refused(url: str) -> None:
    from alpi.safety.network.guard import system_resolver

    connected: list[str] = []

    def judged(host: str, address: str) -> str:
        connected.append(address)
        return ""

    with pytest.raises(AlpiError) as caught:
        await WebClient(NetworkGuard(system_resolver, judged), 5).get(url)
    if isinstance(caught.value, WebError):  # not even an address
        assert "no web address" in caught.value.message and connected == [], caught.value
    else:
        assert isinstance(caught.value, Refused), caught.value


@in_loop
async def test_a_name_that_changes_its_mind_is_only_asked_once() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.3"]])
    asked: list[str] = []

    def resolve(host: str) -> list[str]:
        asked.append(host)
        return next(answers)

    async with Site({"/": "first"}) as site:
        got = await WebClient(site.guard(resolve=resolve)).get(site.url())
        assert got.body == b"first" and asked == ["site.test"]


@in_loop
async def test_encrypted_never_leads_to_open() -> None:

    async with Site({"/x": "open"}) as site:
        client = WebClient(site.guard())

        async def follow(url: str) -> None:
            import httpx2

            answers = {"https://site.test/": httpx2.Response(302, headers={"location": site.url("/x")})}
            transport = httpx2.MockTransport(lambda request: answers[str(request.url)])
            async with httpx2.AsyncClient(transport=transport) as http:
                await client._follow(http, url)

        with pytest.raises(Refused, match="not"):
            await follow("https://site.test/")
        assert site.paths == []


@in_loop
async def test_redirects_end() -> None:
    async with Site({"/": redirect("/")}) as site:
        with pytest.raises(WebError, match="on and on"):
            await WebClient(site.guard()).get(site.url())
        assert len(site.paths) <= 10


@in_loop
async def test_a_bomb_is_noticed_while_it_is_small() -> None:
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"\0" * (1 << 20)
    head = squeezed.compress(block) + squeezed.flush(zlib.Z_FULL_FLUSH)
    again = squeezed.compress(block) + squeezed.flush(zlib.Z_FULL_FLUSH)  # stands for itself after a full flush

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n" + head)
        for _ in range(10_000):  # ten gigabytes, if anybody took them
            writer.write(again)
            await writer.drain()

    twice = Answer(gzip.compress(gzip.compress(block)), 200, {"Content-Encoding": "gzip, gzip"})
    async with Site({"/bomb": Answer(raw=endless), "/twice": twice}) as site:
        client = WebClient(site.guard(), largest=5_000_000)
        started = time.monotonic()
        with pytest.raises(WebError, match="larger than 5 MB"):
            await client.get(site.url("/bomb"))
        assert time.monotonic() - started < 3
        with pytest.raises(WebError, match="nobody asked"):
            await client.get(site.url("/twice"))


@in_loop
async def test_a_slow_server_is_left_in_time() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def slow_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with Site({"/drip": Answer(raw=drip), "/head": Answer(raw=slow_head)}) as site:
        for path in ("/drip", "/head"):
            started = time.monotonic()
            with pytest.raises(WebError, match=r"within 0\.5 s"):
                await WebClient(site.guard(), seconds=0.5).get(site.url(path))
            assert time.monotonic() - started < 2


@in_loop
async def test_broken_and_cut_bodies_are_named() -> None:
    data = gzip.compress(bytes(range(256)) * 100)
    pages = {
        "/cut": Answer(data[:-20], 200, {"Content-Encoding": "gzip"}),
        "/broken": Answer(b"no gzip at all", 200, {"Content-Encoding": "gzip"}),
        "/empty": Answer(b"", 200, {"Content-Encoding": "gzip"}),
    }
    async with Site(dict(pages)) as site:
        client = WebClient(site.guard())
        with pytest.raises(WebError, match="middle"):
            await client.get(site.url("/cut"))
        with pytest.raises(WebError, match="broken"):
            await client.get(site.url("/broken"))
        assert (await client.get(site.url("/empty"))).body == b""


@in_loop
async def test_nothing_is_kept_between_two_fetches() -> None:
    page = Answer("hello", 200, {"Set-Cookie": "id=1", "Content-Type": "text/plain"})
    async with Site({"/": page}) as site:
        client = WebClient(site.guard())
        await client.get(site.url())
        await client.get(site.url())
        assert not any("cookie" in headers or "referer" in headers for _, _, headers in site.seen)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("example.com", "https://example.com/"),
        ("HTTP://Example.com/a#b", "http://Example.com/a"),
        ("https://example.com?q=1", "https://example.com/?q=1"),
    ],
)
def test_addresses_are_made_whole(text: str, url: str) -> None:
    assert checked_url(text) == url


@pytest.mark.parametrize(
    "text",
    ["", "file:///etc/passwd", "ftp://a.b/", "javascript:alert(1)", "https://u:p@example.com/", "https://", "https://a b.com/",
     "https://example.com:99999/", "https://[::1", "https://example.com/" + "a" * 5000, "data:text/html,x", "gopher://x.y/"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(text: str) -> None:
    with pytest.raises(WebError):
        checked_url(text)
