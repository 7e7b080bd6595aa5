"""The terminal itself: its size and abilities, writing to it, and reading a line while something else goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import termios
from collections.abc import Mapping
from typing import TextIO

from ..base.text import printable


def prepare_streams() -> None:
    """Make standard output and error survive characters that their encoding lacks: they are shown escaped."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def is_terminal(*streams: TextIO) -> bool:
    """Whether all streams are a terminal; a closed one is not."""
    return all(stream is not None and not stream.closed and stream.isatty() for stream in streams)


def can_move_cursor(environ: Mapping[str, str]) -> bool:
    """Whether what was written can be replaced on the screen."""
    return is_terminal(sys.stdout) and environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


def has_colour(environ: Mapping[str, str]) -> bool:
    """Whether colour is wanted (https://no-color.org)."""
    return can_move_cursor(environ) and not environ.get("NO_COLOR")


def columns() -> int:
    """The terminal's width."""
    return max(20, shutil.get_terminal_size((80, 24)).columns)


class Style:
    """A few styles by meaning; empty where colour is not wanted."""

    def __init__(self, colour: bool) -> None:
        self.dim, self.bold, self.red, self.yellow, self.green, self.off = (
            ("\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[0m") if colour else ("",) * 6
        )

    def paint(self, style: str, text: str) -> str:
        """Text in a style, without terminal codes of its own."""
        return f"{style}{printable(text)}{self.off}" if style else printable(text)


class LineReader:
    """Reads whole lines from the terminal while the event loop runs. Lines that come unasked are kept."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._pending = b""
        self._waiting: asyncio.Future[str] | None = None
        self._lines: list[str] = []
        self._reading = False

    def start(self) -> None:
        """Begin to listen."""
        if not self._reading:
            asyncio.get_running_loop().add_reader(self._descriptor, self._readable)
            self._reading = True

    def stop(self) -> list[str]:
        """Stop listening; gives the whole lines that nobody asked for."""
        if self._reading:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._reading = False
        lines, self._lines = self._lines, []
        return lines

    def forget_typed(self) -> None:
        """Drop what was typed so far and not ended with Enter: it was not meant for a question that comes now."""
        self._take_ready()
        self._pending = b""
        try:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
        except termios.error:
            pass  # not a terminal: nothing is typed ahead there

    async def line(self) -> str | None:
        """The next line that is typed from now on, or ``None`` at the end of input."""
        self._waiting = asyncio.get_running_loop().create_future()
        started = not self._reading
        self.start()
        try:
            text = await self._waiting
        finally:
            self._waiting = None
            if started:
                self.stop()
        return None if text == "" else text

    def _take_ready(self) -> None:
        import select

        while select.select([self._descriptor], [], [], 0)[0] and self._read():
            pass

    def _readable(self) -> None:
        self._read()

    def _read(self) -> bool:
        data = os.read(self._descriptor, 4096)
        if not data:
            if self._reading:
                asyncio.get_running_loop().remove_reader(self._descriptor)
                self._reading = False
            self._give("")
            return False
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._give(line.decode(errors="replace") + "\n")
        return True

    def _give(self, text: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(text)
        elif text.strip():
            self._lines.append(text)
