"""web_fetch: a web page or PDF as Markdown, page by page, or the answer to one question about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..safety.actions import Action, FetchUrl
from ..safety.private import Leak
from .web.client import WebClient, WebError, checked_url
from .web.reader import Page
from .web.readers import Readers

# The fence and the head line need room as well.
MARGIN = 600


class WebFetch:
    """Reads pages.

    Args:
        client: fetches through the network guard; made when it is first needed.
        private: what of the person's own an address holds.
        answer: has a cheap model answer a question about a text, or ``None`` where that is not possible.
    """

    class Arguments(Struct, frozen=True):
        url: str
        question: Annotated[str, Meta(description="get only the answer to this, from a long page")] = ""
        page: Annotated[int, Meta(ge=1, description="which part of a long page")] = 1

    name: ClassVar[str] = "web_fetch"
    description: ClassVar[str] = "Read a web page or PDF as Markdown."
    parallel: ClassVar[bool] = True

    def __init__(
        self,
        client: Callable[[], WebClient],
        private: Callable[[str], Leak],
        answer: Callable[[str, str], Awaitable[str]] | None = None,
    ) -> None:
        self._client = client
        self._private = private
        self._answer = answer
        self._readers = Readers()
        self._last: tuple[str, str, Page] | None = None

    def hint(self, args: Arguments) -> str:
        return args.url

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        leak = self._private(args.url)
        return [FetchUrl(args.url, leak.what, leak.secret)]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        url = checked_url(args.url)
        try:
            where, page = await self._page(url, again=args.page > 1)
        except WebError as error:
            # The address stands beside it on the screen and in the call; said again it would hide the reason.
            said = (
                f"the page{error.message.removeprefix(url)}" if error.message.startswith(f"{url} ") else error.message
            )
            raise WebError(said, error.hint) from error
        source = f"the web page {where}"
        if args.question and self._answer is not None:
            context.progress(f"reading {len(page.text):,} characters")
            told = await self._answer(f"{page.title}\n\n{page.text}", args.question)
            return Result(told, f"answered from {_host(where)}", source=source)
        size = max(2000, context.output_chars - MARGIN)
        parts = parts_of(page.text, size)
        if args.page > len(parts):
            raise ToolError(f"{url} has {len(parts)} parts, no part {args.page}", "Ask for an earlier one")
        head = [f"# {page.title}" if page.title else "", f"({where})" if where != url else ""]
        if len(parts) > 1:
            following = "the last one" if args.page == len(parts) else f"the next one with page={args.page + 1}"
            head.append(f"(part {args.page} of {len(parts)}; {following})")
        text = "\n".join([*filter(None, head), "", parts[args.page - 1]])
        return Result(text, f"{len(page.text):,} characters from {_host(where)}", source=source)

    async def aclose(self) -> None:
        """See ``Toolbox.aclose``."""
        await self._readers.aclose()

    async def _page(self, url: str, again: bool) -> tuple[str, Page]:
        """The page, and where it was found. A later part comes from what was fetched for the first one."""
        if again and self._last is not None and self._last[0] == url:
            return self._last[1], self._last[2]
        fetched = await self._client().get(url)
        page = await self._readers.read(fetched)
        if fetched.status >= 400:
            text = f"The server answered with status {fetched.status}.\n\n{page.text[:4000]}"
            return fetched.url, Page(page.title, text, page.kind)
        if not page.text:
            raise ToolError(f"{fetched.url} has no text that can be read", "It may need a browser")
        self._last = (url, fetched.url, page)
        return fetched.url, page


def parts_of(text: str, size: int) -> list[str]:
    """A text in parts of at most ``size`` characters, cut between paragraphs or lines where there are some. Joined they are the text."""
    parts, start = [], 0
    while len(text) - start > size:
        cut = max(text.rfind("\n\n", start, start + size), 0) or max(text.rfind("\n", start, start + size), 0)
        end = cut + 1 if cut > start + size // 2 else start + size
        parts.append(text[start:end])
        start = end
    return [*parts, text[start:]]


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
