"""The browser tool beside bare Playwright with the same Chromium: from nothing to the first page's outline, and every further page."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from alpi.safety.network.guard import NetworkGuard, Opening
from alpi.tools.browsing.chromium import Chromium
from alpi.tools.browsing.finding import find_browser
from tests.support.site import serving

from .measure import Row, Runs, ratio

STARTS = 5
PAGES = 20
AIM_START = 1.5
AIM_PAGE = 1.5
PAGE = "<title>T</title><h1>Title</h1>" + "".join(f"<p>Words <a href='/{n}'>link {n}</a></p>" for n in range(100))


def run() -> list[Row]:
    """Ours and the bare one in turn, each with a fresh profile."""
    return asyncio.run(_run())


async def _run() -> list[Row]:
    program = find_browser(os.environ)
    if not program:
        raise SystemExit("chromium and playwright are needed: make test-e2e installs both")
    starts, pages = (Runs(), Runs()), (Runs(), Runs())
    with serving({f"/{n}": PAGE for n in range(PAGES + 1)}) as site:
        for number in range(STARTS + 1):
            for place, work in enumerate((_ours, _bare)):
                with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
                    first, further = await work(program, Path(name), site.port)
                if number:
                    starts[place].seconds.append(first)
                    pages[place].seconds += further
    note = f"with proxy, guard and own profile; noise {starts[1].noise:.0%}, {STARTS} starts"
    return [
        Row("browser: started and a page read, to bare Playwright", starts[0].shown(), starts[1].shown(),
            ratio(*starts), AIM_START, "x", note),
        Row("browser: each further page, to bare Playwright", pages[0].shown(), pages[1].shown(),
            ratio(*pages), AIM_PAGE, "x", f"noise {pages[1].noise:.0%}, {len(pages[1].seconds)} pages"),
    ]  # fmt: skip


async def _ours(program: str, folder: Path, port: int) -> tuple[float, list[float]]:
    async def nowhere(host: str, port: int) -> list[str]:
        return []

    openings = [Opening("127.0.0.1", port)]
    began = time.perf_counter()
    chromium = Chromium(program, folder / "browser", lambda: NetworkGuard(nowhere, lambda host, address: "", openings))
    times = []
    try:
        for number in range(PAGES + 1):
            await chromium.open(f"http://127.0.0.1:{port}/{number}")
            assert "link 99" in (await chromium.read()).text
            times.append(time.perf_counter())
    finally:
        await chromium.aclose()
    return times[0] - began, _gaps(times)


async def _bare(program: str, folder: Path, port: int) -> tuple[float, list[float]]:
    from playwright.async_api import async_playwright

    times = []
    began = time.perf_counter()
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder / "browser", executable_path=program, headless=True, args=["--no-sandbox"]
        )
        page = context.pages[0]
        for number in range(PAGES + 1):
            await page.goto(f"http://127.0.0.1:{port}/{number}", wait_until="load")
            assert "link 99" in await page.aria_snapshot(mode="ai")
            times.append(time.perf_counter())
        await context.close()
    return times[0] - began, _gaps(times)


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]
