"""Whether the terminal's background is light: the terminal is asked (OSC 11), and answers before anybody could type a word."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
from collections.abc import Mapping
from typing import Any

from ..base.text import printable
from .terminal import is_terminal

# Terminals answer in a millisecond or two, over a slow line in a tenth of a second.
PATIENCE_SECONDS = 0.12
# The background, and then what every terminal answers: when that comes, no other answer follows.
ASK = "\x1b]11;?\x1b\\\x1b[c"
COLOUR = re.compile(r"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)(?:/[0-9a-fA-F]+)?(?:\x07|\x1b\\)?")
LAST = re.compile(r"\x1b\[\?[0-9;]*c")


def is_light(answer: str) -> bool | None:
    """Whether an answer names a light background; ``None`` when it names none. Weights as of Rec. 601."""
    found = COLOUR.search(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / float(16 ** len(part) - 1) for part in found.groups())
    return bool(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)


def typed_in(answer: str) -> str:
    """What a person had typed before or while the terminal answered; Enter is a line end."""
    return printable(LAST.sub("", COLOUR.sub("", answer)).replace("\r", "\n"))


class Asking:
    """The question, while the answer is on its way. Made before anything that takes long, ``answer`` is called after it.

    Args:
        environ: ``TERM`` and ``COLORFGBG`` are looked at.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._modes: list[Any] | None = None
        self._asked = 0.0
        if not is_terminal(sys.stdin, sys.stdout) or environ.get("TERM", "dumb") in ("dumb", "linux"):
            return
        try:
            self._modes = list(termios.tcgetattr(sys.stdin.fileno()))
            modes = [*self._modes[:3], self._modes[3] & ~(termios.ICANON | termios.ECHO), *self._modes[4:]]
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, modes)
            os.write(sys.stdout.fileno(), ASK.encode())
        except (OSError, termios.error):
            pass  # the terminal has gone; the next to write to it says so
        self._asked = time.monotonic()

    def answer(self) -> tuple[bool, str]:
        """Whether the background is light, and what was typed meanwhile. Waits no longer than ``PATIENCE_SECONDS`` since the question.
        ``COLORFGBG`` where the terminal does not say, and dark where nothing does."""
        said = self._read() if self._modes is not None else ""
        light = is_light(said)
        if light is None:
            light = self._environ.get("COLORFGBG", "").rpartition(";")[2] in ("7", "15")
        return light, typed_in(said)

    def _read(self) -> str:
        descriptor, said = sys.stdin.fileno(), b""
        try:
            while not LAST.search(said.decode("utf-8", "replace")):
                left = self._asked + PATIENCE_SECONDS - time.monotonic()
                if not select.select([descriptor], [], [], max(0.0, left))[0]:
                    break
                if not (some := os.read(descriptor, 1024)):
                    break
                said += some
        except OSError:
            pass  # the terminal has gone
        finally:
            self.restore()
        return said.decode("utf-8", "replace")

    def restore(self) -> None:
        """Make the terminal what it was before the question."""
        modes, self._modes = self._modes, None
        if modes is not None:
            try:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, modes)
            except termios.error:
                pass  # the terminal has gone
