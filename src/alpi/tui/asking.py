"""The approval question on a terminal. The default is no: only a typed letter is a yes, and only one typed after the question."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from ..agent.surface import Interrupt
from ..base.text import escaped
from ..safety.actions import Answer, Question
from .diffs import diff_lines, is_diff
from .terminal import LineReader, Style, columns, hanging, tilde

MOST_DIFF_LINES = 40
# Keys within this time after the question appeared were on their way before anybody could have read it.
READING_SECONDS = 0.4
PROMPT = "  [no] "


class Pausable(Protocol):
    """What else writes to the terminal (the printer), and must not while a question stands there."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class TerminalSurface:
    """A person at a terminal.

    Args:
        name: which surface this is.
        reader: reads what the person types.
        style: how the question looks.
        output: is paused while a question stands there.
        live: the cursor can be moved, so that what is typed is shown by this class and not by the terminal.
    """

    attended = True

    def __init__(
        self, name: str, reader: LineReader, style: Style, output: Pausable | None = None, live: bool = False
    ) -> None:
        self.name = name
        self.asker = "person"
        self.interrupt = Interrupt()
        self._reader = reader
        self._style = style
        self._output = output
        self._live = live

    async def ask(self, question: Question) -> Answer:
        """Show the question and wait for a line that is typed after it appeared."""
        await asyncio.sleep(0)  # what the model said before is on its way to the printer
        if self._output is not None:
            self._output.pause()
        show, self._reader.show = self._reader.show, None
        answer = Answer.NO
        said = "stopped"
        try:
            sys.stdout.flush()
            self._write("\n".join(question_lines(question, self._style, columns())) + "\n")
            await asyncio.sleep(READING_SECONDS)
            self._reader.forget_typed()
            self._write(self._prompt())
            self._reader.show = self._show if self._live else None
            answer = read_answer(await self._reader.line(), question)
            said = SAID[answer]
        finally:
            start = "\r\x1b[K" if self._live else "\n" if said == "stopped" else ""
            self._write(f"{start}{self._style.paint(self._style.dim, f'  -> {said}')}\n")
            self._reader.show = show
            if self._output is not None:
                self._output.resume()
        return answer

    def _prompt(self) -> str:
        return f"{self._style.bold}{PROMPT}{self._style.off}"

    def _show(self, typed: str, _: list[str]) -> None:
        self._write(f"\r\x1b[K{self._prompt()}{escaped(typed[-20:])}")

    @staticmethod
    def _write(text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


SAID: Mapping[Answer, str] = MappingProxyType(
    {
        Answer.NO: "no",
        Answer.ONCE: "yes, this once",
        Answer.SESSION: "yes, for this session",
        Answer.ALWAYS: "yes, always",
    }
)


def read_answer(line: str | None, question: Question) -> Answer:
    """What a typed line means. An empty one, the end of input and whatever is not understood or not on offer mean no."""
    word = (line or "").strip().lower()
    if word in ("y", "yes"):
        return Answer.ONCE
    if word in ("s", "session") and question.scope_text:
        return Answer.SESSION
    if word in ("a", "always") and question.scope_text and question.always:
        return Answer.ALWAYS
    return Answer.NO


def question_lines(question: Question, style: Style, width: int = 80) -> list[str]:
    """The question as lines of text; what was written by a model is shown with its hidden characters visible."""
    lines = [
        f"{style.yellow}{style.bold}? {escaped(tilde(question.what))}{style.off}",
        *hanging(f"  {style.dim}why{style.off}  ", 7, escaped(question.why), width),
        *hanging(f"  {style.dim}in{style.off}   ", 7, escaped(tilde(question.folder)), width),
    ]
    if question.preview:
        if is_diff(question.preview):
            preview = diff_lines(question.preview, style, MOST_DIFF_LINES)
        else:
            preview = [escaped(line) for line in question.preview.split("\n")]  # a command is shown whole
        lines += ["", *(f"    {line}" for line in preview)]
    lines.append("")
    for key, meaning in [*yeses(question), ("Enter", "no")]:
        lines += hanging(f"  {style.bold}{key}{style.off}{' ' * (7 - len(key))}", 9, escaped(meaning), width)
    return lines


def yeses(question: Question) -> list[tuple[str, str]]:
    """Each way to say yes that is on offer, as (key, what it covers)."""
    choices = [("y", "yes, this once")]
    if question.scope_text:
        choices.append(("s", f"yes, for this session: {question.scope_text}"))
        if question.always:
            choices.append(("a", f"yes, always: {question.scope_text}"))
    return choices
