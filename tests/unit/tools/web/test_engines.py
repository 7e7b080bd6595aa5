"""Search engines against stubs of what they answer; ddgs with its own networking, over TLS, through the vetting proxy."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from alpi.safety.network.guard import NetworkGuard
from alpi.tools.web.client import WebClient, WebError
from alpi.tools.web.engines import Brave, DuckDuckGo, SearXNG
from tests.support.site import Answer, Site
from tests.support.stage import in_loop

JSON = {"Content-Type": "application/json"}
PAGE = """<html><body><div class="results">
<div class="result results_links results_links_deep web-result"><div class="links_main links_deep result__body">
<h2 class="result__title"><a rel="nofollow" class="result__a" href="https://bridge.example/a">The <b>bridge</b></a></h2>
<a class="result__snippet" href="https://bridge.example/a">It is <b>open</b> &amp; free.</a></div></div>
</div></body></html>"""


@in_loop
async def test_searxng() -> None:
    answer = {
        "results": [
            {"title": "A <b>b</b>", "url": "https://a.example/", "content": "x\x1b[0m &amp; y"},
            {"url": "https://b.example/"},
            7,
        ]
    }
    async with Site({"/search": Answer(json.dumps(answer), 200, JSON)}) as site:
        hits = await SearXNG(WebClient(site.guard()), site.url()).search("two words", 5)
        assert [(hit.title, hit.url, hit.snippet) for hit in hits] == [
            ("A b", "https://a.example/", "x & y"), ("", "https://b.example/", ""),
        ]  # fmt: skip
        assert site.paths == ["/search?q=two+words&format=json"]


@in_loop
async def test_brave_is_given_its_key_in_a_header() -> None:
    answer = {"web": {"results": [{"title": "A", "url": "https://a.example/", "description": "d"}] * 9}}
    async with Site({"/s": Answer(json.dumps(answer), 200, JSON)}) as site:
        assert len(await Brave(WebClient(site.guard()), "key-1", site.url("/s")).search("q", 3)) == 3
        _, path, headers = site.seen[0]
        assert headers["x-subscription-token"] == "key-1" and "key-1" not in path


@pytest.mark.parametrize(
    ("answer", "words"),
    [(Answer("", 401), "key"), (Answer("", 403), "JSON format"), (Answer("", 429), "Too many"), (Answer("", 500), "later"),
     (Answer("<html>"), "JSON"), (Answer("{", 200, JSON), "JSON")],
)  # fmt: skip
@in_loop
async def test_what_goes_wrong_is_said(answer: Answer, words: str) -> None:
    async with Site({"/search": answer}) as site:
        with pytest.raises(WebError) as caught:
            await SearXNG(WebClient(site.guard()), site.url()).search("q", 3)
        assert words in str(caught.value)


@pytest.mark.parametrize("body", ["[]", "{}", '{"results": 3}', '{"results": [[]]}'])
@in_loop
async def test_odd_answers_are_no_results(body: str) -> None:
    async with Site({"/search": Answer(body, 200, JSON)}) as site:
        assert await SearXNG(WebClient(site.guard()), site.url()).search("q", 3) == []


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A fresh authority that nobody else trusts, and a server's context with a certificate of it for DuckDuckGo's name."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    authority = ["-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test"]
    leaf = ["-x509", *curve, "-keyout", "key.pem", "-out", "leaf.pem", "-subj", "/CN=html.duckduckgo.com",
            "-CA", "ca.pem", "-CAkey", "ca.key",
            "-addext", "subjectAltName=DNS:html.duckduckgo.com", "-addext", "basicConstraints=critical,CA:FALSE"]  # fmt: skip
    for request in (authority, leaf):
        subprocess.run(["openssl", "req", *request], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "key.pem")
    return folder / "ca.pem", context


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


@in_loop
async def test_ddgs_asks_through_the_proxy_and_checks_certificates(tmp_path: Path) -> None:
    from ddgs.engines.duckduckgo import Duckduckgo

    pem, tls = certificate(tmp_path)
    usual = Duckduckgo.search_url
    async with Site({"/html/": PAGE}, tls) as site:
        Duckduckgo.search_url = site.url("/html/", "html.duckduckgo.com")  # the port of the stub
        try:
            guard = site.guard("html.duckduckgo.com")
            hits = await DuckDuckGo(guard, 10, verify=str(pem)).search("old bridge", 3)
            assert [(hit.title, hit.url) for hit in hits] == [("The bridge", "https://bridge.example/a")]
            assert "open" in hits[0].snippet and b"old+bridge" in site.bodies[0]
            with pytest.raises(WebError, match="DuckDuckGo"):  # nobody vouches for it
                await DuckDuckGo(guard, 10).search("old bridge", 3)
            closed = NetworkGuard(guard._resolve, lambda host, address: "")
            before = len(site.seen)
            with pytest.raises(WebError, match="DuckDuckGo"):  # its name leads inside, and that is closed
                await DuckDuckGo(closed, 10, verify=str(pem)).search("old bridge", 3)
            assert len(site.seen) == before
            site.pages["/html/"] = "<html><body>nothing</body></html>"
            assert await DuckDuckGo(guard, 10, verify=str(pem)).search("old bridge", 3) == []
            site.pages["/html/"] = Answer(raw=silent)
            before = len(site.seen)
            search = asyncio.ensure_future(DuckDuckGo(guard, 60, verify=str(pem)).search("old bridge", 3))
            while len(site.seen) == before:
                await asyncio.sleep(0.01)
            search.cancel()
            with pytest.raises(asyncio.CancelledError):
                await search
            began = time.monotonic()
            await asyncio.get_running_loop().shutdown_default_executor()
            assert time.monotonic() - began < 5, "with the proxy its connections end, and so does the library's thread"
        finally:
            Duckduckgo.search_url = usual
