"""The approval question. The default is no: only a letter that is typed after the question could be read is a yes."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from ...base.text import escaped
from ...safety.actions import Answer, Question
from ..asking import READING_SECONDS, read_answer, yeses
from ..diffs import is_diff
from ..look import Look
from ..terminal import tilde
from ..widgets.bars import Bar
from ..widgets.pieces import TAB, Piece, diff_strips, folded, line
from ..widgets.transcript import Transcript

NO_KEYS = frozenset({"n", "escape", "enter"})
# Empty lines around and between, and what says that the preview scrolls.
SPACES, TIGHT_SPACES = 7, 2
LEAST_PREVIEW = 2
LOW = 20
SCROLLING = frozenset({"up", "down", "pageup", "pagedown", "home", "end"})


class Preview(Piece):
    """The change or the command itself, in full, with hidden characters shown for what they are."""

    gap = 0

    def __init__(self, text: str) -> None:
        self._text = text.rstrip("\n")

    def lines(self, width: int, look: Look) -> list[Strip]:
        if is_diff(self._text):
            return diff_strips(self._text, width, look, 0)
        shown = []
        for text in escaped(self._text.replace("\t", TAB)).split("\n"):
            shown += [line((part, look.text)) for part in folded(text, width)]
        return shown


class Why(Bar):
    """What is asked, why, and where."""

    DEFAULT_CSS = "Why { padding: 0 2; }"

    def __init__(self, question: Question, look: Look) -> None:
        super().__init__(look)
        self._question = question

    def rows(self, width: int) -> list[Strip]:
        look, question = self.look, self._question
        rows = [
            line(("? " if number == 0 else "  ", look.warn), (part, look.bold))
            for number, part in enumerate(folded(escaped(tilde(question.what)), width - 2))
        ]
        for name, text in (("why", question.why), ("in", tilde(question.folder))):
            for number, part in enumerate(folded(escaped(text), max(8, width - 7))):
                rows.append(line((f"  {name if number == 0 else '':5}", look.faint), (part, look.muted)))
        return rows


class Choices(Bar):
    """The keys and what each means."""

    DEFAULT_CSS = "Choices { padding: 0 2; margin-top: 1; }"

    def __init__(self, question: Question, look: Look) -> None:
        super().__init__(look)
        self._choices = [*yeses(question), ("n", "no  (also Esc and Enter)")]
        self._scrolls = False

    def say_that_it_scrolls(self) -> None:
        """The preview is longer than its place."""
        self._scrolls = True
        self.refresh(layout=True)

    def rows(self, width: int) -> list[Strip]:
        rows = [line(("  ↑↓  scroll to see all of it", self.look.faint)), Strip([])] if self._scrolls else []
        for key, meaning in self._choices:
            for number, part in enumerate(folded(escaped(meaning), max(8, width - 6))):
                style = self.look.text if key != "n" else self.look.bold
                rows.append(line((f"  {key if number == 0 else ' '}   ", self.look.mark), (part, style)))
        return rows


class QuestionScreen(ModalScreen[Answer]):
    """Asks one question; gives the answer."""

    DEFAULT_CSS = """
    QuestionScreen { align: center bottom; background: $background 55%; }
    QuestionScreen:nocolor { background: $background; }
    QuestionScreen #sheet {
        width: 1fr; height: auto; max-height: 100%; overflow-y: auto; background: $surface; padding: 1 0;
        border-left: outer $warning;
    }
    QuestionScreen Transcript { height: auto; margin: 1 2 0 2; background: $surface; scrollbar-background: $surface; }
    QuestionScreen.-tight #sheet { padding: 0; }
    QuestionScreen.-tight Transcript { margin: 0 2; }
    QuestionScreen.-tight Choices { margin-top: 0; }
    QuestionScreen:nocolor #sheet { border-top: solid $foreground; border-left: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, question: Question, look: Look, reading_seconds: float = READING_SECONDS) -> None:
        super().__init__()
        self._question = question
        self._look = look
        self._reading = reading_seconds
        self._from: float | None = None
        self._choices = Choices(question, look)
        self._why = Why(question, look)
        self._preview = Transcript(look, animate=False, id="preview", follow=False)

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield self._why
            if self._question.preview:
                yield self._preview
            yield self._choices

    def on_resize(self, event: events.Resize) -> None:
        """The preview gets the lines that are left: the question and the keys are always in sight."""
        width = event.size.width - 5
        tight = event.size.height < LOW
        self.set_class(tight, "-tight")
        others = len(self._why.rows(width)) + len(self._choices.rows(width)) + (TIGHT_SPACES if tight else SPACES)
        self._preview.styles.max_height = max(LEAST_PREVIEW, event.size.height - others)

    def on_mount(self) -> None:
        if self._question.preview:
            self._preview.add(Preview(self._question.preview))
        self.call_after_refresh(self._shown)

    def _shown(self) -> None:
        """It is on the screen now: from here on it can be read."""
        import time

        self._from = time.monotonic() + self._reading
        if self._question.preview and self._preview.max_scroll_y > 0:
            self._choices.say_that_it_scrolls()

    def on_key(self, event: events.Key) -> None:
        """Every key ends here. One that was on its way before the question could be read does nothing, and neither does one that
        follows it as fast: somebody is typing a message and has not looked up."""
        event.stop()
        event.prevent_default()
        if event.key == "ctrl+c":
            self.app.interrupt_turn()  # type: ignore[attr-defined]
            self.dismiss(Answer.NO)
            return
        if event.key in SCROLLING:
            self._scroll(event.key)
            return
        if self._from is None or event.time < self._from:
            if self._from is not None:
                self._from = max(self._from, event.time + self._reading)
            return
        if event.key in NO_KEYS:
            self.dismiss(Answer.NO)
            return
        answer = read_answer(event.character, self._question) if event.key in ("y", "s", "a") else Answer.NO
        if answer is not Answer.NO:
            self.dismiss(answer)

    def _scroll(self, key: str) -> None:
        sheet = self._preview
        if not self._question.preview:
            return
        move = {
            "up": sheet.scroll_up,
            "down": sheet.scroll_down,
            "pageup": sheet.scroll_page_up,
            "pagedown": sheet.scroll_page_down,
            "home": sheet.scroll_home,
            "end": sheet.scroll_end,
        }[key]
        move(animate=False)
