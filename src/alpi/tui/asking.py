"""The approval question on a plain terminal. The default is no: only a typed letter is a yes, and only one typed after the question."""

from __future__ import annotations

import sys

from ..agent.surface import Interrupt
from ..base.text import escaped
from ..safety.actions import Answer, Question
from .terminal import LineReader, Style

PREVIEW_LINES = 40


class TerminalSurface:
    """A person at a plain terminal."""

    attended = True

    def __init__(self, name: str, reader: LineReader, style: Style) -> None:
        self.name = name
        self.interrupt = Interrupt()
        self._reader = reader
        self._style = style

    async def ask(self, question: Question) -> Answer:
        """Show the question and wait for a line that is typed after it appeared."""
        self._reader.forget_typed()
        sys.stdout.flush()
        sys.stderr.write("\n".join(question_lines(question, self._style)) + " ")
        sys.stderr.flush()
        line = await self._reader.line()
        answer = read_answer(line, bool(question.scope_text))
        said = {Answer.NO: "no", Answer.ONCE: "yes, this once", Answer.SESSION: "yes, for this session"}[answer]
        sys.stderr.write(f"{self._style.paint(self._style.dim, f'  -> {said}')}\n")
        sys.stderr.flush()
        return answer


def read_answer(line: str | None, has_scope: bool) -> Answer:
    """What a typed line means. An empty one, the end of input and whatever is not understood mean no."""
    word = (line or "").strip().lower()
    if word in ("y", "yes"):
        return Answer.ONCE
    if word in ("s", "session") and has_scope:
        return Answer.SESSION
    return Answer.NO


def question_lines(question: Question, style: Style) -> list[str]:
    """The question as lines of text; what was written by a model is shown with its hidden characters visible."""
    lines = [
        "",
        f"{style.yellow}{style.bold}? {escaped(question.what)}{style.off}",
        f"  why: {escaped(question.why)}",
        f"  in:  {question.folder}",
    ]
    if question.preview:
        preview = [escaped(line) for line in question.preview.split("\n")]
        lines += [f"  {style.dim}| {line[:160]}{style.off}" for line in preview[:PREVIEW_LINES]]
        if len(preview) > PREVIEW_LINES:
            lines.append(f"  {style.dim}| … {len(preview) - PREVIEW_LINES} more lines{style.off}")
    choices = "  y = yes, this once"
    if question.scope_text:
        choices += f"   s = yes, this session ({escaped(question.scope_text)})"
    return [*lines, f"{choices}   Enter = no", "  [no]"]
