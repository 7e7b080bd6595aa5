"""browser: pages that need one: read as an outline, followed, filled in. Typing and pressing are asked about."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from urllib.parse import urljoin

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..base.message import Image
from ..base.text import one_line
from ..safety.actions import Action, ActOnPage, FetchUrl, WritePath
from ..safety.private import Leak

if TYPE_CHECKING:
    from ..safety.network.guard import NetworkGuard
    from .browsing.chromium import Chromium
    from .browsing.outline import Element

MARGIN = 800


class Browser:
    """Drives Chromium, from its first use to the end of the conversation.

    Args:
        program: Chromium's executable.
        folder: where its profile lies.
        guard: makes the judge of its connections.
        private: what of the person's own a text holds.
    """

    class Arguments(Struct, frozen=True):
        action: Literal["open", "read", "click", "type", "press", "back", "screenshot", "save", "close"]
        target: Annotated[
            str, Meta(description="open: address; click, type: element, as e12; press: key; screenshot, save: file")
        ] = ""
        text: Annotated[str, Meta(description="what to type")] = ""

    name: ClassVar[str] = "browser"
    description: ClassVar[str] = (
        "A browser, for pages that web_fetch cannot read or that must be operated. Each action gives the page's outline."
    )
    parallel: ClassVar[bool] = False

    def __init__(
        self, program: str, folder: Path, guard: Callable[[], NetworkGuard], private: Callable[[str], Leak]
    ) -> None:
        self._parts = (program, folder, guard)
        self._private = private

    @cached_property
    def _chromium(self) -> Chromium:
        """Made, and its modules loaded, at first use."""
        from .browsing.chromium import Chromium

        return Chromium(*self._parts)

    def hint(self, args: Arguments) -> str:
        element = self._chromium.outline.elements.get(args.target)
        return one_line(f"{args.action} {element or args.target}".strip(), 100)

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        if args.action == "open":
            return [self._fetching(args.target)]
        if args.action in ("click", "type", "press"):
            element = self._chromium.outline.elements.get(args.target)
            if element is None and args.action != "press":  # nobody is to be asked about what is not there
                raise ToolError(f"there is no element {args.target!r}", "Take one of the page's outline, such as e12")
            link = self._address(element)
            if args.action == "click" and link:
                return [self._fetching(link)]
            leak = self._private(args.text) if args.action == "type" else Leak()
            what = f"{args.action} {element or args.target}"
            what += f":\n{args.text}" if args.action == "type" else ""
            return [ActOnPage(self._chromium.host, what, leak.what, leak.secret)]
        if args.action == "save" or (args.action == "screenshot" and not _shown(args, context)):
            return [WritePath(context.path(args.target or self._name(args)))]
        return ()

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        chromium = self._chromium
        if args.action == "close":
            await chromium.aclose()
            return Result("The browser is closed.", "closed")
        if args.action == "screenshot":
            return await self._screenshot(args, context)
        if args.action == "save":
            name, data = await chromium.download()
            path = context.files.write(context.path(args.target or self._name(args, name)), data)
            return Result(f"Saved {context.shown(path)} ({len(data):,} bytes).", f"saved {context.shown(path)}")
        if args.action == "open":
            await chromium.open(args.target)
        elif args.action == "click":
            link = self._address(chromium.outline.elements.get(args.target))
            await (chromium.open(link) if link else chromium.click(args.target))
        elif args.action == "type":
            await chromium.type(args.target, args.text)
        elif args.action == "press":
            await chromium.press(args.target)
        elif args.action == "back":
            await chromium.back()
        return await self._page(context)

    async def aclose(self) -> None:
        """See ``Toolbox.aclose``."""
        if "_chromium" in self.__dict__:
            await self._chromium.aclose()

    def _fetching(self, url: str) -> FetchUrl:
        leak = self._private(url)
        return FetchUrl(url, leak.what, leak.secret)

    def _address(self, element: Element | None) -> str:
        """Where a link leads that is followed by opening its address, whatever the page's scripts would do on a click; else ``""``."""
        if element is None or element.role != "link" or not element.url or element.url.startswith("#"):
            return ""
        url = urljoin(self._chromium.url, element.url)
        return url if url.startswith(("http://", "https://")) else ""

    async def _page(self, context: ToolContext) -> Result:
        chromium = self._chromium
        page = await chromium.read()
        head = [f"# {await chromium.title()}", chromium.url]
        head += [f"(refused on this page: {why})" for why in chromium.refusals()]
        if chromium.downloads:
            head.append(f"(files offered, to be kept with action save: {', '.join(chromium.downloads)})")
        text = "\n".join([*head, "", page.text])
        return Result(text, f"{chromium.host}, {len(page.elements)} elements", source=self._source())

    def _source(self) -> str:
        return f"the page {one_line(self._chromium.url, 200)} in the browser"

    async def _screenshot(self, args: Arguments, context: ToolContext) -> Result:
        data = await self._chromium.screenshot()
        if _shown(args, context):
            image = Image("image/png", base64.b64encode(data).decode(), "screenshot")
            return Result("[screenshot of the page]", "a picture", images=(image,), source=self._source())
        path = context.files.write(context.path(args.target or self._name(args)), data)
        return Result(f"Saved {context.shown(path)} ({len(data):,} bytes).", f"saved {context.shown(path)}")

    def _name(self, args: Arguments, name: str = "") -> str:
        if args.action == "screenshot":
            return "screenshot.png"
        names = [name] if name else self._chromium.downloads[-1:]
        if not names:
            raise ToolError("no page has offered a file", "Click what downloads it first")
        return Path(one_line(names[0], 100).replace("/", "_").lstrip(".")).name or "download"


def _shown(args: Browser.Arguments, context: ToolContext) -> bool:
    """Whether the model sees the picture itself; else it becomes a file."""
    return context.vision and not args.target
