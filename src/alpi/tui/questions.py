"""The questions that wait for a person: one at a time, each on a screen of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

    from ..safety.actions import Answer
    from .bridge import Asked, Withdrawn
    from .look import Look


class Questions:
    """Shows what is asked, in the order in which it was.

    Args:
        app: where the question's screen is opened.
        look: how it looks.
        reading_seconds: how long keys do not count yet; ``None`` for the usual time.
    """

    def __init__(self, app: App[Any], look: Look, reading_seconds: float | None = None) -> None:
        self._app = app
        self._look = look
        self._reading = reading_seconds
        self._waiting: list[Asked] = []
        self._shown: Asked | None = None

    def ask(self, asked: Asked) -> None:
        """A new question."""
        self._waiting.append(asked)
        self._show_next()

    def withdraw(self, withdrawn: Withdrawn) -> None:
        """A question is settled: answered here, or the turn that asked was stopped."""
        if withdrawn.asked in self._waiting:
            self._waiting.remove(withdrawn.asked)
        elif withdrawn.asked is self._shown:
            self._shown = None
            self._app.pop_screen()
            self._show_next()

    def _show_next(self) -> None:
        if self._shown is not None or not self._waiting:
            return
        from .asking import READING_SECONDS
        from .screens.question import QuestionScreen

        self._shown = self._waiting.pop(0)
        reading = READING_SECONDS if self._reading is None else self._reading
        self._app.bell()
        self._app.push_screen(
            QuestionScreen(self._shown.question, self._look, reading), partial(self._answered, self._shown)
        )

    def _answered(self, asked: Asked, answer: Answer | None) -> None:
        from ..safety.actions import Answer

        self._shown = None
        asked.answer(answer or Answer.NO)
        self._show_next()
