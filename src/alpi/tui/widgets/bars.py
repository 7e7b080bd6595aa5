"""The quiet lines around the conversation: the head line, what waits, suggestions, and the line at the bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from ...base.text import one_line
from ..look import Look
from .pieces import SPINNER, fitted, line, spell_seconds

if TYPE_CHECKING:
    from ..conversation import Choice, Header

MOST_SUGGESTIONS = 8
TICK_SECONDS = 0.12
# A word at the bottom stays this long.
WORD_SECONDS = 4.0


class Bar(Widget):
    """Lines that are drawn from data, without any widget inside."""

    DEFAULT_CSS = "Bar { height: auto; width: 1fr; }"

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.look = look

    def rows(self, width: int) -> list[Strip]:
        """The lines as they are now."""
        raise NotImplementedError

    def set_look(self, look: Look) -> None:
        self.look = look
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.rows(width))

    def render_line(self, y: int) -> Strip:
        rows = self.rows(self.size.width)
        base = self.rich_style
        strip = rows[y] if y < len(rows) else Strip([])
        return strip.apply_style(base).crop_extend(0, self.size.width, base)


def spread(left: Strip, right: Strip, width: int) -> Strip:
    """Two parts at the two ends of a line; the right one is left out where there is no room for both."""
    gap = width - left.cell_length - right.cell_length
    if gap < 1:
        return left.crop(0, width)
    return Strip([*left, Segment(" " * gap), *right])


class Head(Bar):
    """Profile, model, workspace, how full the window is, what today cost."""

    DEFAULT_CSS = "Head { height: 1; padding: 0 2; background: $background; }"

    header: Header | None = None

    def show(self, header: Header) -> None:
        """Use these numbers."""
        self.header = header
        self.refresh()

    def rows(self, width: int) -> list[Strip]:
        look, header = self.look, self.header
        if header is None:
            return [line(("alpi", look.mark))]
        name = "" if header.profile == "default" else one_line(header.profile, 30)
        numbers = []
        if header.window and header.context:
            numbers.append(f"{min(1.0, header.context / header.window):.0%}")
        elif header.context:
            numbers.append(f"{header.context / 1000:.1f}k tokens")
        if header.cost_today is None:
            numbers.append("price unknown")
        elif header.cost_today > 0:
            numbers.append(spell_money(header.cost_today))
        if header.budget:
            numbers.append(one_line(header.budget, 40))
        model, folder = one_line(header.model, 80), short_path(str(header.workspace))
        while len(numbers) > 1 and cell_len(" · ".join(numbers)) > width // 2:
            numbers.pop()
        right = line((" · ".join(numbers), look.faint))
        room = width - right.cell_length - 2
        parts = [("alpi", look.mark)]
        if name:
            parts.append((f" {name}", look.bold))
        used = sum(cell_len(text) for text, _ in parts)
        for text, style in ((model, look.muted), (folder, look.faint)):
            if used + cell_len(text) + 3 > room and style is look.muted:
                text = text.rpartition("/")[2]
            left = room - used - 3
            if left >= 6 and text:
                text = fitted(text, left)
                parts.append((" · ", look.faint))
                parts.append((text, style))
                used += cell_len(text) + 3
        return [spread(line(*parts), right, width)]


def short_path(path: str) -> str:
    """A path with ``~`` for the home folder."""
    from ..terminal import tilde

    return one_line(tilde(path), 200)


def spell_money(usd: float) -> str:
    """An amount as the head shows it."""
    if usd < 0.01:
        return "<$0.01"
    return f"${usd:,.2f}"


class Waiting(Bar):
    """Messages that wait for the turn that is running, and pictures that go with the next one."""

    DEFAULT_CSS = "Waiting { padding: 0 2; background: $background; }"

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self._messages: tuple[str, ...] = ()
        self._pictures: tuple[str, ...] = ()

    def show(self, messages: Sequence[str], pictures: Sequence[str]) -> None:
        """Show these."""
        self._messages, self._pictures = tuple(messages), tuple(pictures)
        self.display = bool(messages or pictures)
        self.refresh(layout=True)

    def rows(self, width: int) -> list[Strip]:
        look = self.look
        rows = []
        for number, text in enumerate(self._messages[:3]):
            mark = "waits  " if number == 0 else "       "
            rows.append(line((mark, look.faint), (fitted(one_line(text, 300), max(8, width - 7)), look.muted)))
        if len(self._messages) > 3:
            rows.append(line((f"       and {len(self._messages) - 3} more", look.faint)))
        if self._pictures:
            names = "  ".join(f"▣ {one_line(name, 40)}" for name in self._pictures)
            rows.append(line((fitted(names, width), look.second)))
        return rows


class Suggestions(Bar):
    """What the word that is being typed may become. It never has the focus: the prompt hands it keys."""

    DEFAULT_CSS = "Suggestions { padding: 0 2; background: $background; display: none; }"

    class Clicked(Message):
        """One was clicked."""

        def __init__(self, choice: Choice) -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, look: Look, *, id: str | None = None) -> None:
        super().__init__(look, id=id)
        self.choices: tuple[Choice, ...] = ()
        self.marked = 0
        self._first = 0

    def show(self, choices: Sequence[Choice]) -> None:
        """Show these; the first is marked."""
        if tuple(choices) != self.choices:
            self.choices, self.marked, self._first = tuple(choices), 0, 0
        self.display = bool(choices)
        self.refresh(layout=True)

    def move(self, step: int) -> None:
        """Mark the next one."""
        self.marked = (self.marked + step) % max(1, len(self.choices))
        self._first = max(min(self._first, self.marked), self.marked - MOST_SUGGESTIONS + 1)
        self.refresh()

    def rows(self, width: int) -> list[Strip]:
        look = self.look
        shown = self.choices[self._first : self._first + MOST_SUGGESTIONS]
        if not shown:
            return []
        room = min(max(cell_len(choice.label) for choice in shown) + 2, max(12, width * 2 // 3))
        rows = []
        for number, choice in enumerate(shown, self._first):
            label = fitted(one_line(choice.label, 200), room - 2)
            label += " " * (room - cell_len(label))
            detail = fitted(one_line(choice.detail, 200), max(0, width - room - 4)) if width - room > 12 else ""
            if number == self.marked:
                row = line((" › ", look.chosen + look.mark), (label, look.chosen), (detail, look.chosen))
                rows.append(row.extend_cell_length(width, look.chosen))
            else:
                rows.append(line(("   ", look.text), (label, look.text), (detail, look.faint)))
        if len(self.choices) > MOST_SUGGESTIONS:
            rows.append(line((f"   {self.marked + 1} of {len(self.choices)}", look.faint)))
        return rows

    def on_click(self, event: events.Click) -> None:
        place = self._first + event.y
        if event.y < MOST_SUGGESTIONS and place < len(self.choices):
            self.post_message(self.Clicked(self.choices[place]))


class Foot(Bar):
    """What alpi is doing, or a word about what has just happened, or which keys there are."""

    DEFAULT_CSS = "Foot { height: 1; padding: 0 2; background: $background; }"

    def __init__(
        self, look: Look, now: Callable[[], float] = time.monotonic, *, animate: bool = True, id: str | None = None
    ) -> None:
        super().__init__(look, id=id)
        self._now = now
        self._moves = animate
        self._doing = ""
        self._since: float | None = None
        self._said = ""
        self._below = False
        self._hints: Sequence[str] = ()
        self._frame = 0
        self._ticker: Timer | None = None
        self._word: Timer | None = None

    def show(self, doing: str, since: float | None = None, *, below: bool = False, hints: Sequence[str] = ()) -> None:
        """What is going on (``""``: nothing) and since when, whether there is more to see below, and which keys there are."""
        self._doing, self._since, self._below, self._hints = doing, since, below, hints
        if doing and self._moves and self._ticker is None:
            self._ticker = self.set_interval(TICK_SECONDS, self._tick)
        elif not doing and self._ticker is not None:
            self._ticker.stop()
            self._ticker = None
        self.refresh()

    def say(self, word: str) -> None:
        """Say something for a moment."""
        self._said = word
        if self._word is not None:
            self._word.stop()
        self._word = self.set_timer(WORD_SECONDS, self.unsay)
        self.refresh()

    def unsay(self) -> None:
        """That is over."""
        if self._said:
            self._said = ""
            self.refresh()

    def _tick(self) -> None:
        self._frame += 1
        self.refresh()

    def rows(self, width: int) -> list[Strip]:
        look = self.look
        right = line(("↓ more below", look.accent)) if self._below else Strip([])
        if self._said:
            return [spread(line((fitted(self._said, width), look.warn)), right, width)]
        if self._doing:
            seconds = self._now() - self._since if self._since is not None else 0.0
            left = line(
                (f"{SPINNER[self._frame % len(SPINNER)]} ", look.accent),
                (fitted(one_line(self._doing, 100), max(8, width - 24)), look.muted),
                (f" {spell_seconds(seconds)}" if seconds >= 1 else "", look.faint),
            )
            stop = line(("esc stops", look.faint)) if self._since is not None else Strip([])
            return [spread(left, right if self._below else stop, width)]
        hints = list(self._hints)
        while len(hints) > 1 and cell_len(" · ".join(hints)) > width - (right.cell_length + 1 if self._below else 0):
            hints.pop()
        return [spread(line((" · ".join(hints), look.faint)), right, width)]
