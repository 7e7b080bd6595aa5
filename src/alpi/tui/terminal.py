"""The terminal itself: its abilities and styles, and reading a line from it while something else goes on."""

from __future__ import annotations

import os
import re
import select
import shutil
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from ..base.text import printable

if TYPE_CHECKING:
    import asyncio

    from .keys import TypedLine


def prepare_streams() -> None:
    """Make standard output and error survive characters that their encoding lacks (they are shown escaped), and being closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for as long as the program runs
        reconfigure = getattr(getattr(sys, name), "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")

    if sys.stdin is not None and hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")


def json_line(value: object, out: TextIO) -> str:
    """A value as one line of JSON that ``out`` can write as it is, whatever its encoding."""
    import msgspec

    line = msgspec.json.encode(value).decode()
    if (out.encoding or "ascii").lower().replace("_", "-") in ("utf-8", "utf8"):
        return line
    import json

    return json.dumps(json.loads(line), separators=(",", ":"))


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


def tilde(text: str) -> str:
    """Text in which a path below the home folder begins with ``~``."""
    home = os.path.expanduser("~")
    return re.sub(rf"(?<!\S){re.escape(home)}(?=/|$)", "~", text) if len(home) > 1 else text


def hanging(head: str, margin: int, text: str, width: int) -> list[str]:
    """A text beside its head, which takes ``margin`` columns, on as many lines as it needs. Words are never broken."""
    import textwrap

    room = max(20, width - margin)
    folded = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [head + folded[0], *(" " * margin + line for line in folded[1:])]


class Style:
    """A few styles by meaning; empty where colour is not wanted."""

    def __init__(self, colour: bool) -> None:
        self.dim, self.bold, self.red, self.yellow, self.green, self.off = (
            ("\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[0m") if colour else ("",) * 6
        )

    def paint(self, style: str, text: str) -> str:
        """Text in a style, without terminal codes of its own."""
        return f"{style}{printable(text)}{self.off}" if style else printable(text)


@contextmanager
def quiet_keys(wanted: bool = True, descriptor: int = 0) -> Iterator[None]:
    """While this runs, what is typed does not appear on the screen; it is kept for whoever reads next. Ctrl-C works as ever."""
    before = _modes(descriptor) if wanted else None
    if before is not None:
        _set_local_modes(descriptor, before, termios.ECHO)
    try:
        yield
    finally:
        if before is not None:
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


@contextmanager
def long_lines(descriptor: int = 0) -> Iterator[None]:
    """While this runs, a line may be longer than the 4,095 characters that a terminal keeps of one; it cannot be edited."""
    before = _modes(descriptor)
    if before is not None:
        _set_local_modes(descriptor, before, termios.ICANON)
    try:
        yield
    finally:
        if before is not None:
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


class LineReader:
    """Reads whole lines from the terminal while the event loop runs. Lines that come unasked are kept.

    Args:
        show: when given, keys are taken one by one and not shown by the terminal: what is typed so far and the unasked lines are
            handed to this instead. Without it the terminal shows what is typed wherever its cursor stands.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self.show: Callable[[str, list[str]], None] | None = None
        self.ended = False
        """The input ended (Ctrl-D, or the terminal has gone) while nobody had asked for a line."""
        self._descriptor = descriptor
        self._pending = b""
        self._typed: TypedLine | None = None
        self._waiting: asyncio.Future[str] | None = None
        self._lines: list[str] = []
        self._reading = False
        self._modes: list[Any] | None = None

    def start(self, begun: str = "") -> None:
        """Begin to listen. ``begun``: what was typed of a line before, where ``show`` is given."""
        if self._reading:
            return
        self._modes = _modes(self._descriptor) if self.show is not None else None
        if self._modes is not None:
            from .keys import TypedLine

            self._typed = TypedLine(begun)
            _set_local_modes(self._descriptor, self._modes, termios.ECHO | termios.ICANON)
            _mark_pastes(True)
        _loop().add_reader(self._descriptor, self._read)
        self._reading = True
        if begun:
            self._tell()

    def stop(self) -> tuple[list[str], str]:
        """Stop listening; gives the whole lines that nobody asked for, and what was begun after them."""
        self._stop_listening()
        lines, self._lines = self._lines, []
        begun = self._typed.text if self._typed is not None else ""
        self._typed = None
        return lines, begun

    def forget_typed(self) -> None:
        """Drop what was typed so far and not ended with Enter: it was not meant for a question that comes now."""
        while select.select([self._descriptor], [], [], 0)[0] and self._read():
            pass
        self._pending = b""
        if self._typed is not None:
            self._typed.clear()
        try:
            termios.tcflush(self._descriptor, termios.TCIFLUSH)
        except termios.error:
            pass  # not a terminal: nothing is typed ahead there
        self._tell()

    async def line(self) -> str | None:
        """The next line that is typed from now on, or ``None`` at the end of input."""
        self._waiting = _loop().create_future()
        started = not self._reading
        self.start()
        try:
            text = await self._waiting
        finally:
            self._waiting = None
            if started:
                self._stop_listening()
        return None if text == "" else text

    def _stop_listening(self) -> None:
        if self._reading:
            _loop().remove_reader(self._descriptor)
            self._reading = False
        if self._modes is not None:
            _mark_pastes(False)
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)
            self._modes = None

    def _read(self) -> bool:
        try:
            data = os.read(self._descriptor, 4096)
        except OSError:
            data = b""  # the terminal has gone
        asked = self._waiting is not None
        if not data:
            self.ended = self.ended or not asked
            self._stop_listening()
            self._give("")
            return False
        if self._typed is not None:
            for line in self._typed.feed(data):
                self._give(line + "\n")
            self.ended = self.ended or (self._typed.ended and not asked)
            self._typed.ended = False
            self._tell()
            return True
        *whole, self._pending = (self._pending + data).split(b"\n")
        for part in whole:
            self._give(part.decode(errors="replace") + "\n")
        return True

    def _give(self, text: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(text)
        elif text.strip():
            self._lines.append(text)

    def _tell(self) -> None:
        if self.show is not None and self._typed is not None:
            self.show(self._typed.text, self._lines)


def _mark_pastes(on: bool) -> None:
    """Have the terminal say where a paste begins and ends: its line ends are none that were typed."""
    sys.stdout.write(f"\x1b[?2004{'h' if on else 'l'}")
    sys.stdout.flush()


def _loop() -> asyncio.AbstractEventLoop:
    """The running loop. Commands that have none do not load what it takes."""
    import asyncio

    return asyncio.get_running_loop()


def _modes(descriptor: int) -> list[Any] | None:
    """The terminal's modes; ``None`` where there is no terminal."""
    try:
        return list(termios.tcgetattr(descriptor))
    except termios.error:
        return None


def _set_local_modes(descriptor: int, modes: list[Any], off: int) -> None:
    termios.tcsetattr(descriptor, termios.TCSANOW, [*modes[:3], modes[3] & ~off, *modes[4:]])
