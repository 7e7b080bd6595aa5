"""The web tools: a page fetched and made text, beside a bare GET and the library; the judgement of an address, beside Python's own."""

from __future__ import annotations

import asyncio
import ipaddress
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from alpi.safety.network.guard import NetworkGuard, Opening
from alpi.safety.private import nothing_private
from alpi.tools.web.client import WebClient
from alpi.tools.web_fetch import WebFetch
from tests.support.site import serving
from tests.support.workbench import context_of

from .measure import Row, Runs, ratio

ROUNDS = 5
AIM_FETCH = 1.5
ADDRESSES = (
    "93.184.216.34",
    "2606:4700:4700::1111",
    "10.0.0.1",
    "169.254.169.254",
    "::ffff:127.0.0.1",
    "64:ff9b::808:808",
)
JUDGED = 2000
MENU = "<nav><ul>" + "".join(f'<li><a href="/{n}">entry {n}</a></li>' for n in range(40)) + "</ul></nav>"
SECTION = """<h2>Part {n}</h2><p>A paragraph with <a href="/to/{n}">a link</a>, <b>bold words</b> and a sentence or two that say little.</p>
<ul><li>one</li><li>two</li></ul><pre>code {n}</pre><table><tr><th>a</th><th>b</th></tr><tr><td>{n}</td><td>x</td></tr></table>"""


def page(size: int, main: bool) -> str:
    """A page of that many letters, which says where its main part is or does not."""
    sections = "".join(SECTION.format(n=n) for n in range(size // len(SECTION)))
    body = f"<main>{sections}</main>" if main else f"<div>{sections}</div>"
    return f"<html><head><title>T</title></head><body>{MENU}{body}<footer>x</footer></body></html>"


def run() -> list[Row]:
    """Ours and the floor in turn, over one server on loopback."""
    return [*asyncio.run(_pages()), asyncio.run(_judging())]


async def _pages() -> list[Row]:
    rows = []
    with serving() as site, tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        guard = NetworkGuard(_nowhere, lambda host, address: "", [Opening("127.0.0.1", site.port)])
        tool = WebFetch(lambda: WebClient(guard), nothing_private)
        context = context_of(Path(name))
        url = f"http://127.0.0.1:{site.port}/"
        arguments = WebFetch.Arguments(url)

        async def ours() -> object:
            return await tool.run(arguments, context)

        async def floor() -> object:
            return await asyncio.to_thread(_bare, url)

        for size, main, what in (
            (1_000_000, True, "1 MB page that names its main part"),
            (1_000_000, False, "1 MB page that does not"),
            (100_000, False, "100 kB page that does not"),
        ):
            site.pages["/"] = page(size, main)
            fetched, bare = await _in_turn([ours, floor], ROUNDS)
            rows.append(_row(f"web_fetch of a {what}, to GET + trafilatura", fetched, bare, AIM_FETCH))
        await tool.aclose()
    return rows


def _bare(url: str) -> object:
    import httpx2
    import trafilatura

    with httpx2.Client() as client:
        text = client.get(url).text
    return trafilatura.extract(
        text, output_format="markdown", include_links=True, include_tables=True, favor_recall=True
    )


async def _judging() -> Row:
    guard = NetworkGuard(_nowhere, lambda host, address: "", [Opening("0.0.0.0/0"), Opening("::/0")])
    refused = {"169.254.169.254"}

    async def ours() -> None:
        for number in range(JUDGED):
            address = ADDRESSES[number % len(ADDRESSES)]
            if address not in refused:  # what is refused costs an error besides
                await guard.vet(address, 443)

    async def floor() -> None:
        for number in range(JUDGED):
            address = ADDRESSES[number % len(ADDRESSES)]
            if address not in refused:
                assert ipaddress.ip_address(address).is_global in (True, False)

    judged, bare = await _in_turn([ours, floor], ROUNDS)
    count = JUDGED * (len(ADDRESSES) - 1) // len(ADDRESSES)
    shown = f"{judged.median / count * 1e6:.1f} µs"
    beside = f"{bare.median / count * 1e6:.1f} µs"
    return Row(
        "the network guard on an address, to ipaddress.is_global",
        shown,
        beside,
        ratio(judged, bare),
        unit="x",
        note=_noise(bare),
    )


async def _in_turn(works: Sequence[Callable[[], Awaitable[object]]], rounds: int) -> list[Runs]:
    """Each in turn, round after round; the first round only warms up."""
    runs = [Runs() for _ in works]
    for number in range(rounds + 1):
        for one, work in zip(runs, works, strict=True):
            begin = time.perf_counter()
            await work()
            if number:
                one.seconds.append(time.perf_counter() - begin)
    return runs


def _row(what: str, runs: Runs, floor: Runs, aim: float) -> Row:
    return Row(
        what,
        runs.shown(),
        floor.shown(),
        ratio(runs, floor),
        aim,
        "x",
        f"best to best {runs.best / floor.best:.2f}; {_noise(floor)}",
    )


def _noise(floor: Runs) -> str:
    return f"noise {floor.noise:.0%}, {len(floor.seconds)} runs"


async def _nowhere(host: str, port: int) -> list[str]:
    return []
