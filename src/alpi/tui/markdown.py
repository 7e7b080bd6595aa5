"""Streaming Markdown: text appears as it arrives, and each block is set properly as soon as it is whole.

Only the block that is still arriving is ever replaced on the screen, and only while it fits there; so nothing that has scrolled
away is drawn again, and a resize redraws nothing.
"""

from __future__ import annotations

import threading
from importlib import import_module

from ..base.text import printable
from .blocks import Block, BlockSplitter
from .screen import Screen

TAB = "    "


class MarkdownStream:
    """Writes streaming Markdown to a screen."""

    def __init__(self, screen: Screen, colour: bool) -> None:
        self._screen = screen
        self._colour = colour
        self._splitter = BlockSplitter()
        self._shown = ""
        self._shown_at = (0, 0)
        self._begun = False
        self._warmed = False

    def feed(self, text: str) -> None:
        """Show the next piece."""
        if not self._warmed:  # what sets blocks takes long to load; the first block is still arriving
            self._warmed = True
            threading.Thread(target=import_module, args=("alpi.tui.setting",), daemon=True).start()
        for block in self._splitter.feed(printable(text).replace("\t", TAB)):
            self._settle(block)
        if self._crowded() and (part := self._splitter.cut()):
            self._settle(part)
        # What is on the screen is always a beginning of the open block.
        text = self._splitter.open_text
        if text and not self._shown:
            self._set_apart(self._splitter.spaced)
            self._shown_at = self._screen.size
        self._screen.write(text[len(self._shown) :])
        self._shown = text

    def finish(self) -> None:
        """The answer is whole: set its last block."""
        block = self._splitter.finish()
        if block is not None:
            self._settle(block)
        elif self._shown and self._replaceable():  # nothing but spaces
            self._screen.erase(self._shown)
        self._shown, self._begun = "", False

    def _settle(self, block: Block) -> None:
        """Put a whole block in the place of what is on the screen of it."""
        from .setting import set_block

        if self._shown and not self._replaceable():
            # It stays as it was written, and is only ended.
            self._screen.write(block.written[len(self._shown) :].rstrip("\n") + "\n")
        else:
            if self._shown:
                self._screen.erase(self._shown)
            else:
                self._set_apart(block.spaced)
            for line in set_block(block, self._screen.size[0], self._colour):
                self._screen.write(f"{line}\n")
        self._shown = ""

    def _set_apart(self, spaced: bool) -> None:
        if self._begun and spaced:
            self._screen.write("\n")
        self._begun = True

    def _replaceable(self) -> bool:
        """Whether what is shown of the open block can be taken back: it is where it was put, and none of it has scrolled away."""
        return self._screen.steady(self._shown_at) and self._screen.fits(self._shown)

    def _crowded(self) -> bool:
        """Whether code is about to outgrow the screen: then it is set in parts."""
        return (not self._shown or self._replaceable()) and (
            self._screen.rows(self._splitter.open_text) * 3 > self._screen.size[1] * 2
        )
