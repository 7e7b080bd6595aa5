"""session_search: what was said in earlier conversations; and a window around one place of them."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..base.clock import Clock
from ..base.message import not_done_mark
from ..base.text import one_line, printable
from ..safety.actions import Action
from .text import plural

if TYPE_CHECKING:
    from ..state.search import Hit, SessionIndex, Turn, Window

MOST_HITS = 6
MOST_AROUND = 10
# What a window shows of one message.
MESSAGE_CHARS = 2000
SEEN_CHARS = 120
# Below so many new sessions reading them is too quick to be worth a word.
WORTH_SAYING = 100


class SessionSearch:
    """Searches the sessions of the profile, but for the one that is going on.

    Args:
        index: gives the index of the sessions; asked when it is first needed.
        current: the id of the session that is going on.
        clock: for words like "yesterday", and the zone in which times are shown.
    """

    class Arguments(Struct, frozen=True):
        query: Annotated[str, Meta(description='rare words, "exact phrases"; empty: the newest')] = ""
        since: Annotated[str, Meta(description="2026-10, 2026-10-14, yesterday, last month")] = ""
        until: Annotated[str, Meta(description="the same, inclusive")] = ""
        session: Annotated[str, Meta(description="read on in this one instead")] = ""
        around: Annotated[str, Meta(description="hit number or message id")] = ""
        size: Annotated[int, Meta(description="turns before and after")] = 2

    name: ClassVar[str] = "session_search"
    description: ClassVar[str] = "Find what was said in earlier conversations; then read around a hit."
    parallel: ClassVar[bool] = True

    def __init__(self, index: Callable[[], SessionIndex], current: str, clock: Clock) -> None:
        self._make = index
        self._current = current
        self._clock = clock
        self._hits: tuple[Hit, ...] = ()

    @functools.cached_property
    def _index(self) -> SessionIndex:
        return self._make()

    def hint(self, args: Arguments) -> str:
        dates = " ".join(f"{name} {value}" for name, value in (("since", args.since), ("until", args.until)) if value)
        return (
            f"around {args.around or args.session}" if args.around or args.session else f"{args.query} {dates}".strip()
        )

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        return ()

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        if args.around or args.session:
            return await asyncio.to_thread(self._window, args)
        stop, loop = threading.Event(), asyncio.get_running_loop()

        def progress(done: int, of: int) -> None:
            if of >= WORTH_SAYING and not done % WORTH_SAYING:
                loop.call_soon_threadsafe(context.progress, f"indexing sessions: {done:,} of {of:,}\n")

        try:
            return await asyncio.to_thread(self._search, args, progress, stop.is_set)
        except asyncio.CancelledError:
            stop.set()  # a thread cannot be cancelled; it looks at this between two sessions
            raise

    def _search(self, args: Arguments, progress: Callable[[int, int], None], stopped: Callable[[], bool]) -> Result:
        from ..state.search import period

        now = self._clock.now()
        # Small models fill in both with the moment that the conversation names; they mean no time at all.
        moment = args.since == args.until and ":" in args.since
        since = period(args.since, now)[0] if args.since and not moment else None
        until = period(args.until, now)[1] if args.until and not moment else None
        found = self._index.search(args.query, MOST_HITS + 1, self._current, since, until, progress, stopped)
        self._hits = tuple(found[:MOST_HITS])
        if not found:
            dates = " in that time" if since or until else ""
            what = f"{args.query!r}" if args.query else "nothing was said"
            return Result(
                f"Nothing found for {what}{dates}. Try fewer or other words." if args.query else f"No sessions{dates}.",
                "nothing found",
            )
        shown = [hit_text(number, hit, now.tzinfo) for number, hit in enumerate(self._hits, 1)]
        if len(found) > MOST_HITS:
            shown.append("[more fit; add a word, or narrow it with since and until]")
        return Result("\n\n".join(shown), plural(len(self._hits), "hit"))

    def _window(self, args: Arguments) -> Result:
        session, message = args.session, args.around
        if message.isdecimal() and len(message) < 4:
            number = int(message)
            if not 0 < number <= len(self._hits):
                raise ToolError(
                    f"there is no hit {number}", "Search first, or give session and the message id that the hit showed"
                )
            hit = self._hits[number - 1]
            session, message = hit.session, hit.message
        if not session:
            raise ToolError("around needs the session too", "Give session, or the number of a hit")
        window = self._index.window(session, message, max(0, min(args.size, MOST_AROUND)))
        return Result(window_text(window, self._clock.now().tzinfo), plural(len(window.turns), "turn"))


def hit_text(number: int, hit: Hit, zone: tzinfo | None) -> str:
    """A hit for the model."""
    lines = [
        f"{number}. {_when(hit.time, zone)} session {hit.session} message {hit.message} ({one_line(hit.title, 60)})",
        f"   user: {printable(hit.question)}",
        f"   you: {printable(hit.answer)}" if hit.answer else "",
        f"   {not_done_mark(hit.not_done)}" if hit.not_done else "",
        f"   tools: {printable(hit.seen)}" if hit.seen else "",
    ]
    return "\n".join(filter(None, lines))


def window_text(window: Window, zone: tzinfo | None) -> str:
    """A stretch of a session for the model: questions and answers, tools in one line each."""
    lines = [f"Session {window.session} ({one_line(window.title, 60)})"]
    lines += [f"[{plural(window.before, 'turn')} before]"] if window.before else []
    for turn in window.turns:
        lines += ["", *_turn_lines(turn, zone)]
    lines += ["", f"[{plural(window.after, 'turn')} after]"] if window.after else []
    return "\n".join(lines)


def _turn_lines(turn: Turn, zone: tzinfo | None) -> list[str]:
    lines = [f"{_when(turn.time, zone)} message {turn.id}", f"user: {_cut(turn.question)}"]
    lines += [f"[called {name} {one_line(arguments, SEEN_CHARS)}]" for name, arguments in turn.calls]
    lines += [f"you: {_cut(answer)}" for answer in turn.answers]
    return lines + ([f"[{not_done_mark(turn.not_done)}]"] if turn.not_done else [])


def _when(time: datetime, zone: tzinfo | None) -> str:
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M}"


def _cut(text: str) -> str:
    text = printable(text)
    return (
        text
        if len(text) <= MESSAGE_CHARS
        else f"{text[:MESSAGE_CHARS]}… [{len(text) - MESSAGE_CHARS:,} more characters]"
    )
