"""A running Chromium: started at first use, its own profile folder, every connection through the vetting proxy."""

from __future__ import annotations

import asyncio
import builtins
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...agent.tool import ToolError
from ...base.files import private_dir
from ...base.locks import FileLock, Locked
from ...base.scratch import scratch_folder
from ...base.text import one_line
from ...safety.network.proxy import VettingProxy
from ..web.client import checked_url
from .outline import Outline, outline

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Download, Page, Playwright

    from ...safety.network.guard import NetworkGuard

# How long after a click a new page still counts as opened by it.
OPENS_SECONDS = 3.0
MILLISECONDS = 20_000.0
START_SECONDS = 30.0
SETTLE_SECONDS = 3.0
DOWNLOAD_SECONDS = 60.0
LARGEST_DOWNLOAD = 50_000_000
MOST_PAGES = 6
MOST_REFUSALS = 5
# Nothing of the browser speaks past the proxy: no names resolved, no QUIC, no WebRTC over UDP, no calls home; loopback is proxied, too.
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--disable-domain-reliability", "--no-pings", "--dns-prefetch-disable",
    "--proxy-bypass-list=<-loopback>", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-features=DnsOverHttps,AsyncDns,MediaRouter,OptimizationHints",
)  # fmt: skip
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "FONTCONFIG_PATH", "FONTCONFIG_FILE")


class Chromium:
    """One browser for one conversation.

    Args:
        program: the executable.
        folder: where its profile lies (cookies, logins); while another conversation uses that, a fresh one is used.
        guard: makes the judge of its connections.
    """

    def __init__(self, program: str, folder: Path, guard: Callable[[], NetworkGuard]) -> None:
        self._program = program
        self._folder = folder
        self._make_guard = guard
        self._guard: NetworkGuard | None = None
        self._stack: AsyncExitStack | None = None
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self._downloads: list[Download] = []
        self._refused: list[str] = []
        self._expected_until = 0.0
        self.outline = Outline("", {})
        self.url = ""

    @property
    def host(self) -> str:
        """Whose page was read last."""
        return urlsplit(self.url).hostname or "this page"

    @property
    def downloads(self) -> list[str]:
        """The names of files that pages have offered and nobody has saved."""
        return [one_line(download.suggested_filename, 100) for download in self._downloads]

    async def open(self, url: str) -> None:
        """Go to an address.

        Raises:
            Refused: it must not be spoken to; ToolError, WebError: it cannot be opened.
        """
        url = checked_url(url)
        page = await self._started()
        assert self._guard is not None
        parts = urlsplit(url)
        await self._guard.vet(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        try:
            await page.goto(url, wait_until="domcontentloaded", timeout=MILLISECONDS)
        except self._errors() as error:
            if "Download is starting" in str(error):  # not a page but a file
                return
            raise ToolError(f"{url} cannot be opened: {self._words(error)}", "Try again, or another address") from error

    async def read(self) -> Outline:
        """The page as it is now.

        Raises:
            ToolError: there is none, or it cannot be read.
        """
        page = self._current()
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await page.wait_for_load_state("load")
        except self._errors():
            pass  # some pages never end to load; what is there is read
        try:
            snapshot = await page.aria_snapshot(mode="ai", timeout=MILLISECONDS)
        except self._errors() as error:
            raise ToolError(f"the page cannot be read: {self._words(error)}", "Open it again") from error
        self.outline, self.url = outline(snapshot), page.url
        return self.outline

    async def title(self) -> str:
        """The page's title."""
        try:
            return one_line(await self._current().title(), 200)
        except self._errors():
            return ""

    async def click(self, name: str) -> None:
        """Press an element. Raises ToolError."""
        await self._unchanged(name)
        await self._do(lambda page: page.get_by_ref(name).click(timeout=MILLISECONDS))

    async def type(self, name: str, text: str) -> None:
        """Fill a field, or choose from a list. Raises ToolError."""
        await self._unchanged(name)
        if self.outline.elements[name].role in ("combobox", "listbox"):
            await self._do(lambda page: _fill_or_choose(page, name, text))
        else:
            await self._do(lambda page: page.get_by_ref(name).fill(text, timeout=MILLISECONDS))

    async def press(self, key: str) -> None:
        """Press a key where the cursor is. Raises ToolError."""
        await self._unchanged("")
        await self._do(lambda page: page.keyboard.press(key))

    async def back(self) -> None:
        """To the page before. Raises ToolError."""
        await self._do(lambda page: page.go_back(wait_until="domcontentloaded", timeout=MILLISECONDS))

    async def screenshot(self) -> bytes:
        """What is to be seen, as PNG. Raises ToolError."""
        return bytes(await self._do(lambda page: page.screenshot(timeout=MILLISECONDS)))

    async def download(self) -> tuple[str, bytes]:
        """The newest file that a page has offered: its name, and its bytes.

        Raises:
            ToolError: there is none, or it is too large, or does not arrive.
        """
        if not self._downloads:
            raise ToolError("no page has offered a file", "Click what downloads it first")
        download = self._downloads[-1]
        try:
            async with asyncio.timeout(DOWNLOAD_SECONDS):
                path = Path(await download.path())
        except self._errors() as error:
            raise ToolError(f"{download.suggested_filename} did not arrive: {self._words(error)}") from error
        data = await asyncio.to_thread(_bounded, path)
        if len(data) > LARGEST_DOWNLOAD:
            raise ToolError(f"{download.suggested_filename} is larger than {LARGEST_DOWNLOAD // 1_000_000} MB")
        self._downloads.remove(download)
        await download.delete()
        return download.suggested_filename, data

    def refusals(self) -> list[str]:
        """What its pages asked for and did not get, since this was last called."""
        refused, self._refused = self._refused, []
        return refused

    async def aclose(self) -> None:
        """End it."""
        stack, self._stack = self._stack, None
        self._context = self._page = None
        self._downloads.clear()
        self.outline, self.url = Outline("", {}), ""
        if stack is not None:
            await stack.aclose()

    async def _started(self) -> Page:
        if self._page is not None and not self._page.is_closed():
            return self._page
        if self._stack is not None:
            await self.aclose()
        from playwright.async_api import Error, async_playwright

        stack = AsyncExitStack()
        try:
            self._guard = self._make_guard()
            proxy = await stack.enter_async_context(VettingProxy(self._guard, self._note_refusal))
            scratch = stack.enter_context(scratch_folder(self._folder, "scratch"))
            playwright = await stack.enter_async_context(async_playwright())
            profile = self._profile(stack, scratch)
            context = await self._launch(playwright, profile, scratch, proxy)
            stack.push_async_callback(context.close)
        except BaseException as error:
            await stack.aclose()
            if isinstance(error, Error):
                raise ToolError(f"the browser does not start: {self._words(error)}", "alpi doctor web") from error
            raise
        context.on("page", self._take)
        context.set_default_timeout(MILLISECONDS)
        self._stack, self._context = stack, context
        for page in context.pages or [await context.new_page()]:
            self._take(page)
        assert self._page is not None
        return self._page

    async def _launch(
        self, playwright: Playwright, profile: Path, scratch: Path, proxy: VettingProxy
    ) -> BrowserContext:
        environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        return await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=self._program,
            headless=True,
            chromium_sandbox=os.geteuid() != 0,  # Chromium's own sandbox does not work for root
            args=list(FLAGS),
            env={**environment, "HOME": str(scratch)},
            proxy={"server": f"http://{proxy.address}", "username": proxy.user, "password": proxy.password},
            service_workers="block",
            accept_downloads=True,
            downloads_path=scratch,
            timeout=START_SECONDS * 1000,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )

    def _profile(self, stack: AsyncExitStack, scratch: Path) -> Path:
        try:
            stack.enter_context(FileLock(self._folder / "profile.lock", wait=0))
        except Locked:
            return private_dir(scratch / "profile")
        return private_dir(self._folder / "profile")

    def _take(self, page: Page) -> None:
        """A page that a click has opened is the one that is looked at; one that a page opens by itself stays in the background."""
        if self._page is None or self._page.is_closed() or monotonic() < self._expected_until:
            self._page = page
        page.on("download", self._offered)
        page.on("close", self._forget)
        pages = self._context.pages if self._context is not None else []
        for old in pages[:-MOST_PAGES]:
            task = asyncio.ensure_future(old.close())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _offered(self, download: Download) -> None:
        self._downloads.append(download)

    def _forget(self, page: Page) -> None:
        if page is self._page and self._context is not None:
            self._page = next((other for other in reversed(self._context.pages) if not other.is_closed()), None)

    def _note_refusal(self, host: str, why: str) -> None:
        if len(self._refused) < MOST_REFUSALS and why not in self._refused:
            self._refused.append(why)

    def _current(self) -> Page:
        if self._page is None or self._page.is_closed():
            raise ToolError("no page is open", "Begin with action open")
        return self._page

    async def _unchanged(self, name: str) -> None:
        """See that what the person was asked about is still what the page shows."""
        shown, host = self.outline, self.host
        if name and name not in shown.elements:
            raise ToolError(f"the page has no element {name!r}", "Take one of the last outline, such as e12")
        now = await self.read()
        if self.host != host or (name and now.elements.get(name) != shown.elements[name]):
            raise ToolError("the page has changed meanwhile; nothing was done", "Read it again")

    async def _do(self, work: Callable[[Page], Any]) -> Any:
        self._expected_until = monotonic() + MILLISECONDS / 1000
        try:
            return await work(self._current())
        except self._errors() as error:
            raise ToolError(f"that does not work: {self._words(error)}", "Read the page again") from error
        finally:
            self._expected_until = monotonic() + OPENS_SECONDS

    def _errors(self) -> tuple[builtins.type[Exception], ...]:
        from playwright.async_api import Error

        return (Error, TimeoutError)

    def _words(self, error: BaseException) -> str:
        refused = "; ".join(self.refusals())
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return refused or one_line(lines[0], 300)


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_DOWNLOAD + 1)


async def _fill_or_choose(page: Page, name: str, text: str) -> None:
    field = page.get_by_ref(name)
    if await field.evaluate("element => element.tagName") == "SELECT":
        await field.select_option(label=text, timeout=MILLISECONDS)
    else:
        await field.fill(text, timeout=MILLISECONDS)
