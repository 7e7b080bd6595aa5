"""Fakes that implement the same protocols as the real things: time, people, tools, what the gate keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct

from alpi.agent.surface import Interrupt
from alpi.agent.tool import Result, ToolContext
from alpi.base.clock import SystemClock
from alpi.safety.actions import Action, Answer, Question, Verdict
from alpi.safety.gate import Gate, Ruling
from alpi.safety.paths import PathGuard
from alpi.safety.tiers import Tier


class OffClock(SystemClock):
    """A clock that is wrong by so many seconds."""

    def __init__(self, off: float) -> None:
        super().__init__()
        self.off = off

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.off)


class FakeClock:
    """A clock that stands still until somebody sleeps or asks it to go on."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)) -> None:
        self._now = start
        self._seconds = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.go_on(seconds)
        await asyncio.sleep(0)

    def go_on(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._seconds += seconds


class Person:
    """A surface with somebody watching. ``answers`` are given in order; when they run out the person does not answer at all."""

    attended = True

    def __init__(self, *answers: Answer) -> None:
        self.name = "test"
        self.asker = "person"
        self.interrupt = Interrupt()
        self.questions: list[Question] = []
        self.asked = asyncio.Event()
        self._answers = list(answers)

    async def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        self.asked.set()
        if not self._answers:
            await asyncio.Event().wait()
        return self._answers.pop(0)


@dataclass
class Kept:
    """What a gate keeps, in memory."""

    approved: set[str] = field(default_factory=set)
    rulings: list[Ruling] = field(default_factory=list)

    def is_approved(self, scope: str) -> bool:
        return scope in self.approved

    def approve(self, scope: str, text: str, tool: str, surface: str) -> None:
        self.approved.add(scope)

    def record(self, ruling: Ruling) -> None:
        self.rulings.append(ruling)


@dataclass
class Rules:
    """A machine's policy: these tools are not to be used."""

    refused: frozenset[str] = frozenset()
    may_approve_always: bool = True

    def tool_refused(self, name: str) -> str:
        return f"{name} is switched off on this machine" if name in self.refused else ""


def no_commands(command: str, folder: Path) -> Verdict:
    """A judge of commands where there is no shell."""
    return Verdict(Tier.DANGEROUS, f"there is no shell for {command} in {folder}")


@dataclass
class Undone:
    """What would be needed for an undo, in memory: path and old content, in the order of the changes."""

    most: int = 20 << 20
    kept: list[tuple[Path, bytes | None]] = field(default_factory=list)

    def too_large(self, size: int) -> str:
        return f"{size} bytes are too many to be kept" if size > self.most else ""

    def keep(
        self, turn: str, tool: str, path: Path, before: bytes | None, mode: int, after: bytes
    ) -> Callable[[], None]:
        self.kept.append((path, before))
        return lambda: None


def make_gate(
    guard: PathGuard, records: Kept | None = None, policy: Rules | None = None, undo: Undone | None = None
) -> Gate:
    return Gate(guard, no_commands, records or Kept(), policy or Rules(), undo or Undone())


class Anything(Struct, frozen=True):
    """Arguments of a fake tool."""

    value: str = ""


class FakeTool:
    """A tool that does what a function says.

    Args:
        work: given the value, gives the text; awaited when it is a coroutine.
        parallel: whether it only reads.
        needs: what it says it will do, for the gate.
    """

    Arguments: ClassVar[type[Struct]] = Anything

    def __init__(
        self,
        name: str,
        work: Callable[[str], Any] = lambda value: f"did {value}",
        parallel: bool = False,
        needs: Callable[[str], Sequence[Action]] = lambda value: (),
    ) -> None:
        self.name = name  # type: ignore[misc]
        self.description = f"The tool {name}."  # type: ignore[misc]
        self.parallel = parallel  # type: ignore[misc]
        self._work = work
        self._needs = needs

    name: ClassVar[str]
    description: ClassVar[str]
    parallel: ClassVar[bool]

    def hint(self, args: Anything) -> str:
        return args.value

    def actions(self, args: Anything, context: ToolContext) -> Sequence[Action]:
        return self._needs(args.value)

    async def run(self, args: Anything, context: ToolContext) -> Result:
        given = self._work(args.value)
        text = await given if asyncio.iscoroutine(given) else given
        return Result(str(text), "done")
