"""web_search: what the web has on something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..safety.actions import Action, FetchUrl
from ..safety.private import Leak
from .text import plural

if TYPE_CHECKING:
    from .web.engines import Engine

MOST = 10


class WebSearch:
    """Asks a search engine.

    Args:
        engine: which one; made when it is first needed.
        private: what of the person's own a text holds.
    """

    class Arguments(Struct, frozen=True):
        query: Annotated[str, Meta(description="a few words")]
        count: Annotated[int, Meta(ge=1, le=MOST)] = 6

    name: ClassVar[str] = "web_search"
    description: ClassVar[str] = (
        "Search the web: titles, addresses, snippets. Read a page with web_fetch before you rely on it."
    )
    parallel: ClassVar[bool] = True

    def __init__(self, engine: Callable[[], Engine], private: Callable[[str], Leak]) -> None:
        self._engine = engine
        self._private = private

    def hint(self, args: Arguments) -> str:
        return args.query

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        leak = self._private(args.query)
        return [FetchUrl(f"a search for: {args.query}", leak.what, leak.secret)]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        if not args.query.strip():
            raise ToolError("query is empty", "Say what to search for")
        engine = self._engine()
        hits = await engine.search(args.query, args.count)
        if not hits:
            return Result("Nothing was found. Try other words.", "nothing found")
        lines = [f"{number}. {hit.title}\n   {hit.url}\n   {hit.snippet}" for number, hit in enumerate(hits, 1)]
        return Result("\n".join(lines), plural(len(hits), "result"), source=f"a web search ({engine.name})")
