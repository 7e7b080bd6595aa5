"""Who is asking: a surface names itself, says whether a person is watching, asks them, and can interrupt."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..safety.actions import Answer, Question


class Interrupt:
    """A stop signal for one turn. ``set`` may be called any number of times, from the event loop's thread."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()


class Surface(Protocol):
    """Where a message comes from. It is also the gate's ``Asker``. ``asker`` is who asks, for the ledger: ``"person"``, a peer's id, a
    chat's address."""

    name: str
    asker: str
    attended: bool
    interrupt: Interrupt

    async def ask(self, question: Question) -> Answer:
        """Put a question to the person."""
        ...


class Unattended:
    """A surface where nobody is watching: every question is answered with no."""

    attended = False

    def __init__(self, name: str, asker: str = "person") -> None:
        self.name = name
        self.asker = asker
        self.interrupt = Interrupt()

    async def ask(self, question: Question) -> Answer:
        return Answer.NO
