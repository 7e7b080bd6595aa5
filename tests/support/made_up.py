"""A conversation over nothing: what a chat's screen shows, without a profile, an agent or a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alpi.agent import events
from alpi.agent.surface import Surface
from alpi.agent.turn import Draft
from alpi.base.errors import AlpiError, UsageError
from alpi.base.message import Message, Usage
from alpi.tui.conversation import Choice, Command, Header, Outcome

Step = events.Event | Callable[[Surface], Awaitable[object]]
HEADER = Header("default", "anthropic/claude-sonnet-4-6", Path("/home/ada/travel"), "s-0923", 24_300, 200_000, 0.42)
COMMANDS = (
    Command("/help", "what can be typed here"),
    Command("/new", "begin a new conversation"),
    Command("/model", "use another model", "[NAME]"),
    Command("/memory", "what alpi remembers"),
    Command("/status", "what is in use, and what it costs"),
    Command("/copy", "copy the last reply"),
    Command("/plain", "go on in the plain interface"),
    Command("/exit", "leave"),
)
FILES = ("notes.md", "lisbon.md", "budget.csv", "photos/", "photos/castle.png")


def pause(seconds: float) -> Callable[[Surface], Awaitable[object]]:
    """A step that takes its time, and ends at once when the turn is stopped."""

    async def step(surface: Surface) -> None:
        try:
            await asyncio.wait_for(surface.interrupt.wait(), seconds)
        except TimeoutError:
            pass  # nobody stopped it

    return step


def ended(text: str = "", stop: str = "end", seconds: float = 2.4) -> events.TurnEnded:
    return events.TurnEnded("s-0923", stop, text, Usage(8_000, 6_640, 0, 204), 2, seconds, 0, 0.0031)


def said(text: str, size: int = 0) -> list[Step]:
    """An answer, in pieces of ``size`` characters."""
    pieces = [text[place : place + size] for place in range(0, len(text), size)] if size else [text]
    return [events.TurnStarted("s-0923", HEADER.model), *(events.Text(piece) for piece in pieces), ended(text)]


@dataclass
class Talk:
    """A scripted conversation. Each turn plays the next of ``turns``; a step that is a function is awaited with the surface."""

    turns: list[Sequence[Step]] = field(default_factory=list)
    messages: Sequence[Message] = ()
    outcomes: dict[str, Outcome | AlpiError] = field(default_factory=dict)
    head: Header = HEADER
    notes: Sequence[str] = ()
    sees: bool = True
    commands: Sequence[Command] = COMMANDS
    paths: Sequence[str] = FILES
    drafts: list[tuple[str, tuple[Path, ...]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)
    prepared: bool = False
    closed: bool = False

    def header(self) -> Header:
        return self.head

    def warnings(self) -> Sequence[str]:
        return self.notes

    def transcript(self) -> Sequence[Message]:
        return self.messages

    async def prepare(self) -> None:
        self.prepared = True

    async def turn(self, draft: Draft, surface: Surface) -> AsyncIterator[events.Event]:
        steps = self.turns.pop(0) if self.turns else said("That is all that I know.")
        text = ""
        for step in steps:
            if surface.interrupt.is_set():
                yield ended(text, "interrupted")
                return
            if callable(step):
                self.answers.append(await step(surface))
                continue
            if isinstance(step, events.Text):
                text += step.text
            yield step
            await asyncio.sleep(0)

    async def command(self, line: str, surface: Surface) -> Outcome:
        self.lines.append(line)
        name = line.split()[0]
        found = self.outcomes.get(line) or self.outcomes.get(name)
        if found is None:
            raise UsageError(f"There is no {name}", "/help lists the commands")
        if isinstance(found, AlpiError):
            raise found
        if found.follow == "fresh":
            self.messages = ()
            self.head = replace(self.head, context=0)
        return found

    def complete(self, line: str) -> Sequence[Choice]:
        if " " in line:
            return ()
        return [
            Choice(
                f"{command.name} {command.takes}".strip(),
                f"{command.name}{' ' if command.takes else ''}",
                command.summary,
            )
            for command in self.commands
            if command.name.startswith(line)
        ]

    def files(self, beginning: str) -> Sequence[str]:
        return [path for path in self.paths if beginning.lower() in path]

    def draft(self, text: str, attachments: Sequence[Path] = ()) -> Draft:
        if attachments and not self.sees:
            raise UsageError(
                f"{attachments[0].name} is a picture and this model cannot see", "Choose a model that sees"
            )
        self.drafts.append((text, tuple(attachments)))
        return Draft(text)

    async def aclose(self) -> None:
        self.closed = True
