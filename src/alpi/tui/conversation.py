"""What a chat needs of the program behind it, whatever draws it: turns, slash commands, completions, the header's numbers.

``cli/conversation.py`` implements it over a profile; tests implement it over nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ..agent.events import Event
from ..agent.surface import Surface
from ..agent.turn import Draft
from ..base.message import Message


@dataclass(frozen=True, slots=True)
class Header:
    """What the chat's head line shows. ``context`` is how many tokens of ``window`` are in use (0: not known yet); ``cost_today`` in
    USD, ``None`` where a price is unknown; ``budget`` what is left of it in words, or ``""``."""

    profile: str
    model: str
    workspace: Path
    session: str
    context: int = 0
    window: int = 0
    cost_today: float | None = 0.0
    budget: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command. ``takes`` names its argument for help (``"[NAME]"``), or is ``""``."""

    name: str
    summary: str
    takes: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a list to choose from. Choosing it runs ``line`` as if it had been typed."""

    label: str
    line: str
    detail: str = ""
    current: bool = False


Follow = Literal["", "leave", "plain", "fresh", "redraw"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a slash command did. ``text`` is Markdown to show (``""``: nothing). ``follow``: what the chat does next: ``leave`` it, go
    on in the ``plain`` interface, show a ``fresh`` empty conversation, or ``redraw`` the one that is open now (another session).
    ``copy``: text for the clipboard. ``choices``: a list to choose from, with ``text`` above it."""

    text: str = ""
    follow: Follow = ""
    copy: str = ""
    choices: tuple[Choice, ...] = ()


class Conversation(Protocol):
    """One open chat. All coroutines run on the same event loop; the other methods are quick and may be called from any thread."""

    commands: Sequence[Command]

    def header(self) -> Header:
        """The head line as it is now."""
        ...

    def warnings(self) -> Sequence[str]:
        """What the person should know before they begin; each is given once."""
        ...

    def transcript(self) -> Sequence[Message]:
        """The open session's messages, oldest first."""
        ...

    async def prepare(self) -> None:
        """Make the model ready, so that the first answer comes soon. May be cancelled."""
        ...

    def turn(self, draft: Draft, surface: Surface) -> AsyncIterator[Event]:
        """Answer a message; see ``agent.engine.Agent.turn``."""
        ...

    async def command(self, line: str, surface: Surface) -> Outcome:
        """Carry out a slash command. ``surface`` is asked where one needs a person's yes.

        Raises:
            AlpiError: it could not be done; the message is for the person.
        """
        ...

    def complete(self, line: str) -> Sequence[Choice]:
        """What the slash command that is being typed may become: names, then arguments. Each ``line`` replaces the whole input."""
        ...

    def files(self, beginning: str) -> Sequence[str]:
        """Workspace paths for what was typed after ``@``, the best first; folders end in ``/``."""
        ...

    def draft(self, text: str, attachments: Sequence[Path] = ()) -> Draft:
        """The message to send: ``text`` with ``@file`` references and pictures resolved through the path guard.

        Raises:
            AlpiError: a file cannot be attached; the message says which and why.
        """
        ...

    async def aclose(self) -> None:
        """End what is still running."""
        ...
