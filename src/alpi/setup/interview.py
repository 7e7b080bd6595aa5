"""How setup talks with a person, whatever that looks like: the questions that a section may ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

T = TypeVar("T")
Kind = Literal["text", "good", "done", "warning", "bad", "quiet"]
"""How something is meant. ``done``: a section has written what it was asked to."""
Check = Callable[[str], str]
"""Looks at what was typed: ``""`` where it will do, else why not, as one sentence."""


class Left(Exception):
    """The person left the question (Esc, Ctrl-D, or nothing where there is no default). The section ends and has written nothing."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice. ``label``: what it is called; ``note``: one line about it; ``refused``: why it is not on offer, or ``""``."""

    value: str
    label: str
    note: str = ""
    refused: str = ""


class Interview(Protocol):
    """A person who is asked things, one after the other.

    Every question raises ``Left`` when the person leaves it. Texts are plain; those that come from servers or files have been made
    printable by whoever shows them.
    """

    def say(self, text: str, kind: Kind = "text") -> None:
        """Tell something; it stands above the next question."""
        ...

    async def choose(self, title: str, options: Sequence[Option], *, current: str = "", free: str = "") -> str:
        """One of the options, by its value. ``current`` is taken by Enter alone. ``free``: what may be typed instead of choosing, such
        as "a model's name"; then the answer may be no option's value."""
        ...

    async def text(self, question: str, *, default: str = "", check: Check | None = None) -> str:
        """A line of text without blanks at its ends; asked again while ``check`` objects."""
        ...

    async def secret(self, question: str) -> str:
        """A line that is never shown, kept in a history or repeated."""
        ...

    async def confirm(self, question: str, default: bool) -> bool:
        """Yes or no."""
        ...

    async def busy(self, what: str, work: Awaitable[T]) -> T:
        """Wait for something, showing that it goes on. Esc or Ctrl-C cancels it, and then this raises ``Left``."""
        ...

    def progress(self, text: str) -> None:
        """How far the work of ``busy`` is, as one short line that replaces the one before."""
        ...
