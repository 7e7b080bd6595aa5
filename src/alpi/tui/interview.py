"""Setup's questions on a plain terminal: lines of text and numbers to type. Never moves the cursor, so that it works everywhere."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from ..base.text import printable
from ..setup.interview import Check, Kind, Left, Option
from .terminal import Style, columns, hanging

T = TypeVar("T")
SHOWN = 20
"""How many options are listed at once; typing a part of a name shows those that have it."""
MARKS: Mapping[Kind, str] = MappingProxyType({"done": "ok", "good": "ok", "warning": "!", "bad": "x"})
QUIET_SECONDS = 4.0
"""Progress is told no more often: each time is a line, and a screen reader reads them all."""


class PlainInterview:
    """An ``Interview`` by lines. Ctrl-D, Esc and Enter, or an empty line where nothing is offered, leave a question; Ctrl-C ends all.

    Args:
        style: colours, if any.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._progress = ""
        self._told = 0.0

    def say(self, text: str, kind: Kind = "text") -> None:
        """See ``Interview``."""
        mark = MARKS.get(kind, "")
        style = {
            "done": self._style.green,
            "good": self._style.green,
            "warning": self._style.yellow,
            "bad": self._style.red,
            "quiet": self._style.dim,
        }.get(kind, "")
        for paragraph in printable(text).split("\n"):
            head = self._style.paint(style, mark) + " " * (3 - len(mark)) if mark else "   "
            for number, line in enumerate(hanging("", 3, paragraph, columns())):
                body = line if number else head + (self._style.paint(style, line) if kind == "quiet" else line)
                self._write(body.rstrip() + "\n")

    async def choose(self, title: str, options: Sequence[Option], *, current: str = "", free: str = "") -> str:
        """See ``Interview``."""
        offered = [option for option in options if not option.refused]
        listed = list(options)
        numbers = {option.value: str(number) for number, option in enumerate(options, 1)}
        while True:
            self._write(f"\n{self._style.paint(self._style.bold, title)}\n")
            self._list(listed, numbers, current)
            typed = self._line(self._prompt(len(options) > SHOWN, numbers.get(current, ""), free))
            if not typed:
                if not current:
                    raise Left
                return current
            found = next((o for o in options if typed in (numbers[o.value], o.value)), None)
            found = found or next((o for o in options if typed.lower() == o.label.lower()), None)
            if found is not None and found.refused:
                self.say(f"{found.label} is not on offer: {found.refused}", "bad")
                continue
            if found is not None:
                return found.value
            wanted = typed.lower()
            listed = [option for option in offered if wanted in option.label.lower() or wanted in option.value.lower()]
            if free and (typed.startswith("=") or not listed):
                name = typed.removeprefix("=").strip()
                if typed.startswith("=") or await self.confirm(
                    f"Nothing in the list is called {name}. Use it all the same?", False
                ):
                    return name
            elif not listed:
                self.say(f"Nothing in the list has {typed} in its name.", "bad")
            listed = listed or list(options)

    def _list(self, listed: Sequence[Option], numbers: Mapping[str, str], current: str) -> None:
        width = max((len(option.label) for option in listed[:SHOWN]), default=0)
        for option in listed[:SHOWN]:
            mark = "*" if option.value == current else " "
            note = f"not on offer: {option.refused}" if option.refused else option.note
            head = f" {mark}{numbers[option.value]:>3}  {printable(option.label)}"
            if note:
                head += " " * (width - len(option.label) + 2)
            lines = hanging(head, len(head), printable(note), columns()) if width < 40 else [head + printable(note)]
            self._write("\n".join(line.rstrip() for line in lines) + "\n")
        if len(listed) > SHOWN:
            self._write(f"      and {len(listed) - SHOWN} more\n")

    def _prompt(self, long: bool, number: str, free: str) -> str:
        ways = ["a number"]
        if long or free:
            ways.append("a part of a name")
        if free:
            ways.append(f"={free.upper().removeprefix('A ').replace(' ', '-')} to take it as it is")
        enter = f"Enter: {number}" if number else "Enter: back"
        return f"{', '.join(ways)} [{enter}]: "

    async def text(self, question: str, *, default: str = "", check: Check | None = None) -> str:
        """See ``Interview``."""
        while True:
            typed = self._line(f"\n{question} [{f'Enter: {default}' if default else 'Enter: back'}]: ")
            if not typed and not default:
                raise Left
            answer = typed or default
            why = check(answer) if check is not None else ""
            if not why:
                return answer
            self.say(why, "bad")

    async def secret(self, question: str) -> str:
        """See ``Interview``."""
        from getpass import getpass

        self._write("\n")
        try:
            typed = getpass(f"{question} (it is not shown) [Enter: back]: ").strip(" \t\x1b")
        except EOFError:
            typed = ""
            self._write("\n")
        except KeyboardInterrupt:
            self._write("\n")
            raise
        if not typed:
            raise Left
        return typed

    async def confirm(self, question: str, default: bool) -> bool:
        """See ``Interview``."""
        while True:
            typed = self._line(f"\n{question} {'[Y/n]' if default else '[y/N]'}: ").lower()
            if typed in ("", "y", "yes", "n", "no"):
                return default if not typed else typed.startswith("y")
            self.say("Please answer y or n.", "bad")

    async def busy(self, what: str, work: Awaitable[T]) -> T:
        """See ``Interview``."""
        self._progress, self._told = what, time.monotonic()
        self._write(f"   {what} ...\n")
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, task.cancel)
        try:
            await asyncio.wait([task])
            return task.result()
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            self._write("   stopped\n")
            raise Left from None
        finally:
            loop.remove_signal_handler(signal.SIGINT)  # Ctrl-C raises KeyboardInterrupt again
            if not task.done():
                task.cancel()

    def progress(self, text: str) -> None:
        """See ``Interview``."""
        now = time.monotonic()
        if text != self._progress and now - self._told >= QUIET_SECONDS:
            self._progress, self._told = text, now
            self._write(f"   {printable(text)}\n")

    def _line(self, prompt: str) -> str:
        """A typed line without blanks at its ends.

        Raises:
            Left: Ctrl-D, or Esc and Enter.
        """
        try:
            typed = input(prompt)
        except EOFError:
            self._write("\n")
            raise Left from None
        except KeyboardInterrupt:
            self._write("\n")
            raise
        if "\x1b" in typed:
            raise Left
        return typed.strip()

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def interruptible() -> None:
    """Have Ctrl-C end a question at once: an event loop would first only note it. Call it in the loop's thread, inside the loop."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
