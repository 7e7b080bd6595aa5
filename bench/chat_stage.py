"""The chat's screen over a conversation that is made up: what ``bench/tui.py`` starts in a terminal of its own.

python -m bench.chat_stage prompt             nothing behind it
python -m bench.chat_stage stream RATE        every message is answered with RATE tokens a second, without end
python -m bench.chat_stage long LINES         goes on with a session of that many lines
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alpi.agent import events
    from alpi.agent.surface import Surface
    from alpi.agent.turn import Draft
    from alpi.base.message import Message
    from alpi.tui.conversation import Choice, Command, Header, Outcome

WORDS = (*re.findall(r"\S+", "the quick **brown** fox `jumps` over a lazy dog and then some more of it"), "\n\n")
CODE = ["```python\n", *["for item in range(10):  # a comment\n", "    print(item, 'of', total)\n"] * 6, "```\n\n"]


class Stage:
    """A conversation as the bench needs it."""

    def __init__(self, rate: int = 0, lines: int = 0) -> None:
        self._rate = rate
        self._lines = lines
        self.commands: Sequence[Command] = ()

    def header(self) -> Header:
        from alpi.tui.conversation import Header

        return Header("default", "bench/stream", Path("/tmp"), "bench")

    def warnings(self) -> Sequence[str]:
        return ()

    def transcript(self) -> Sequence[Message]:
        if not self._lines:
            return ()
        from datetime import UTC, datetime

        from alpi.base.message import AssistantMessage, UserMessage

        when, lines = datetime(2026, 11, 23, tzinfo=UTC), 0
        messages: list[Message] = []
        while lines < self._lines:
            number = str(len(messages))
            messages.append(UserMessage(f"u{number}", when, f"Question {number}?"))
            text = "".join(f"{' '.join(WORDS[:-1])} line {row}.\n\n" for row in range(8)) + "".join(CODE)
            messages.append(AssistantMessage(f"a{number}", when, text))
            lines += 32
        return messages

    async def prepare(self) -> None:
        """There is nothing to make ready."""

    async def turn(self, draft: Draft, surface: Surface) -> AsyncIterator[events.Event]:
        from alpi.agent import events
        from alpi.base.message import Usage

        yield events.TurnStarted("bench", "bench/stream")
        began, sent = time.perf_counter(), 0
        tokens = [f"{word} " for word in WORDS] * 8 + CODE
        while not surface.interrupt.is_set():
            due = int((time.perf_counter() - began) * self._rate)
            while sent < due:
                yield events.Text(tokens[sent % len(tokens)])
                sent += 1
            await asyncio.sleep(0.004)
        yield events.TurnEnded("bench", "interrupted", "", Usage(0, 0, 0, sent), 1, time.perf_counter() - began)

    async def command(self, line: str, surface: Surface) -> Outcome:
        from alpi.tui.conversation import Outcome

        return Outcome(line)

    def complete(self, line: str) -> Sequence[Choice]:
        return ()

    def files(self, beginning: str) -> Sequence[str]:
        return ()

    def draft(self, text: str, attachments: Sequence[Path] = ()) -> Draft:
        from alpi.agent.turn import Draft

        return Draft(text)

    async def aclose(self) -> None:
        """There is nothing to end."""


def main() -> int:
    """Open the chat."""
    from alpi.tui.app import run_app

    what, *rest = sys.argv[1:]
    number = int(rest[0]) if rest else 0
    stage = {"prompt": Stage(), "stream": Stage(rate=number), "long": Stage(lines=number)}[what]
    run_app(lambda: stage, theme="dark", environ=os.environ)
    return 0


if __name__ == "__main__":
    sys.exit(main())
