"""What a shell command is made of: words, assignments, redirections, and the simple commands that hold them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["command", "assign", "declare", "test", "redirect", "loop"]


class TooComplex(Exception):
    """The text is beyond what is read in bounded time. The judge refuses it."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word as written, and the steps which its substitutions would run."""

    text: str
    inner: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Assign:
    """``name=value`` before a command, alone, or in a declaration. An array gives one value a word."""

    name: str
    values: tuple[Word, ...]
    simple: bool = True
    """False for ``+=`` and for a subscript: the variable then holds more than these values."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """``[fd]op target``; a here-document or here-string has its text in ``body``."""

    op: str
    fd: str
    target: Word
    body: str | None = None
    quoted: bool = False


@dataclass(slots=True, eq=False)
class Step:
    """One simple command with all that the shell does to start it."""

    text: str
    kind: Kind
    words: tuple[Word, ...] = ()
    assigns: tuple[Assign, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    upstream: tuple[Step, ...] = ()
    """What writes into its standard input: the earlier stages of the pipelines around it."""
    frame: tuple[int, ...] = ()
    """The subshells around it; ``cd`` and variables end with their frame."""
    chained: bool = False
    """Joined with ``&&`` to what stands before it."""


@dataclass(slots=True)
class Script:
    """The outcome of parsing."""

    steps: list[Step] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    broken: bool = False
    bomb: bool = False
    """A function starts itself more than once."""
    repeats: bool = False
    """There is a loop or a function: a later step may run before an earlier one."""
    hidden_code: bool = False
    """A test or an arithmetic expression holds quoted text with a substitution, which the shell may still run."""
