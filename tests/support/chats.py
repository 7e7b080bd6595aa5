"""The chat's screen in a test: over a made-up conversation, at a fixed size, without anything that moves by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from textual.events import Key, Paste, Resize
from textual.geometry import Size
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.strip import Strip

from alpi.tui.chat import ChatApp, End
from alpi.tui.conversation import Conversation
from alpi.tui.look import PALETTES, Look
from alpi.tui.widgets.bars import Foot, Head, Suggestions, Waiting
from alpi.tui.widgets.prompt import Prompt
from alpi.tui.widgets.transcript import Transcript

from .made_up import HEADER

PATIENCE = 8.0


class Chat:
    """The open chat, as a person sees and uses it."""

    def __init__(self, app: ChatApp, pilot: Pilot[End]) -> None:
        self.app = app
        self.pilot = pilot
        self.copied: list[str] = []
        app.copy_to_clipboard = self.copied.append  # type: ignore[method-assign]

    @property
    def prompt(self) -> Prompt:
        return self.app.screen_stack[0].query_one(Prompt)

    @property
    def sheet(self) -> Transcript:
        return self.app.screen_stack[0].query_one("#transcript", Transcript)

    def text(self) -> str:
        """What is on the screen, line by line."""
        return "\n".join(grid(self.app))

    def bars(self) -> dict[str, str]:
        """The quiet lines, by name."""
        base = self.app.screen_stack[0]
        kinds = {"head": Head, "waiting": Waiting, "list": Suggestions, "foot": Foot}
        return {
            name: "\n".join(strip.text.rstrip() for strip in base.query_one(kind).rows(self.app.size.width - 4))
            for name, kind in kinds.items()
        }

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        names = {" ": "space", "\n": "ctrl+j"}
        await self.press(*(names.get(character, character) for character in text))

    async def press(self, *keys: str) -> None:
        """Press keys one after the other, as fast as a terminal hands them over."""
        driver = self.app._driver
        assert driver is not None
        for key in keys:
            plain = len(key) == 1 and not key.isalnum()
            character = key if len(key) == 1 else {"space": " ", "enter": "\r", "tab": "\t"}.get(key)
            event = Key(_character_to_key(key) if plain else key, character)
            event.set_sender(self.app)
            driver.send_message(event)
            await asyncio.sleep(0.001)
        await self.settled()

    async def settled(self) -> None:
        """Wait until every widget has seen what was sent to it."""
        for _ in range(3):
            await self.pilot._wait_for_screen()
            await asyncio.sleep(0.005)

    async def still(self) -> None:
        """Wait until the screen, and what stands dimmed behind it, does not change any more: the scroll bar, too, which moves
        when what is out of sight gets its height."""
        await self.until(lambda: self.sheet.is_laid, "every height")
        before: list[str] = []
        same = 0
        while same < 3:
            self.app.screen.refresh()
            await self.settled()
            await asyncio.sleep(0.02)
            now = grid(self.app)
            same = same + 1 if now == before else 0
            before = now

    async def send(self, text: str) -> None:
        """Type a line and press Enter."""
        await self.type(text)
        if self.prompt.listing:
            await self.press("escape")
        await self.press("enter")

    async def resize(self, width: int, height: int) -> None:
        """Change the terminal's size."""
        size = Size(width, height)
        self.app._driver._size = size  # type: ignore[union-attr]
        self.app.post_message(Resize(size, size))
        await self.until(lambda: all(screen.size == size for screen in self.app.screen_stack), "the new size")
        await self.still()

    async def paste(self, text: str) -> None:
        """Paste as a terminal does."""
        self.app.post_message(Paste(text))
        await self.settled()

    async def until(self, ready: Callable[[], Any], what: str = "it") -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE
        while not ready():
            assert time.monotonic() < end, f"waited for {what}; the screen is:\n{self.text()}"
            await asyncio.sleep(0.01)
        await self.settled()

    async def until_seen(self, text: str) -> None:
        await self.until(lambda: text in self.text(), repr(text))

    async def until_idle(self) -> None:
        """Wait until nothing runs and nothing waits."""
        await self.until(lambda: self.app.is_at_rest, "the end of the turn")


def strips(app: ChatApp) -> Sequence[Strip]:
    """The screen's rows, with their styles."""
    return app.screen._compositor.render_strips()


def grid(app: ChatApp) -> list[str]:
    """The characters on the screen."""
    return [strip.text.rstrip() for strip in strips(app)]


@asynccontextmanager
async def chatting(
    talk: Conversation | Callable[[], Conversation],
    size: tuple[int, int] = (80, 24),
    theme: str = "dark",
    colour: bool = True,
    **more: Any,
) -> AsyncIterator[Chat]:
    """Open a chat, and wait until its conversation is there."""
    make = talk if callable(talk) else lambda: talk
    app = ChatApp(make, look=Look(PALETTES[theme], colour), first=HEADER, animate=False, reading_seconds=0.0, **more)
    try:
        # What is out of sight gets its height at once: a test has no quiet moments.
        with patch("alpi.tui.widgets.transcript.QUIET_SECONDS", 0.01):
            async with app.run_test(size=size) as pilot:
                chat = Chat(app, pilot)
                chat.prompt.cursor_blink = False
                await chat.until_idle()
                yield chat
    finally:
        app.close_bridge()


def run(scene: Callable[[], Any]) -> None:
    """Run an asynchronous test."""
    asyncio.run(scene())
