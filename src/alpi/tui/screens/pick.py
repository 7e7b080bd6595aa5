"""A list to choose from: type to filter, arrows, Enter, Esc."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.strip import Strip

from ...base.text import one_line
from ..blocks import Block
from ..look import Look
from ..widgets.bars import Bar
from ..widgets.pieces import SetText, fitted, line

if TYPE_CHECKING:
    from ..conversation import Choice


def matching(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """The choices that hold every word that was typed; those whose label begins with it come first."""
    words = typed.lower().split()
    found = [choice for choice in choices if all(word in f"{choice.label} {choice.detail}".lower() for word in words)]
    begin = typed.lower().strip()
    return sorted(found, key=lambda choice: not choice.label.lower().startswith(begin)) if begin else found


class PickList(Bar):
    """The title, what was typed, and the choices."""

    DEFAULT_CSS = "PickList { padding: 0 2; }"

    def __init__(self, title: str, choices: Sequence[Choice], look: Look) -> None:
        super().__init__(look)
        self._title = title
        self._all = tuple(choices)
        self._room = 12
        self.typed = ""
        self.found: list[Choice] = list(choices)
        self.marked = next((place for place, choice in enumerate(choices) if choice.current), 0)
        self._first = 0

    @property
    def chosen(self) -> Choice | None:
        return self.found[self.marked] if self.found else None

    def give_room(self, rows: int) -> None:
        """How many choices may be seen at once."""
        self._room = max(3, rows)
        self.move(0)

    def filter(self, typed: str) -> None:
        """Show the choices that match."""
        self.typed, self.found, self.marked, self._first = typed, matching(self._all, typed), 0, 0
        self.refresh(layout=True)

    def move(self, step: int) -> None:
        """Mark another choice."""
        self.marked = max(0, min(self.marked + step, len(self.found) - 1))
        self._first = max(min(self._first, self.marked), self.marked - self._room + 1)
        self.refresh(layout=True)

    def at(self, row: int) -> Choice | None:
        """The choice in a row of this widget."""
        place = row - len(self._heading(self.size.width)) - 2 + self._first
        return self.found[place] if 0 <= place - self._first < self._room and 0 <= place < len(self.found) else None

    def _heading(self, width: int) -> list[Strip]:
        """The title, which is Markdown."""
        return SetText(Block(self._title)).lines(width, self.look) if self._title else []

    def rows(self, width: int) -> list[Strip]:
        look = self.look
        rows = self._heading(width)
        typed = fitted(self.typed, max(4, width - 4)) if self.typed else ""
        hint = ("type to filter, Enter takes, Esc leaves", look.faint)
        rows.append(line(("› ", look.mark), (typed, look.text), ("▏", look.accent) if typed else hint))
        rows.append(Strip([]))
        shown = self.found[self._first : self._first + self._room]
        room = min(max((cell_len(choice.label) for choice in shown), default=0) + 4, max(14, width * 3 // 5))
        for number, choice in enumerate(shown, self._first):
            label = fitted(one_line(choice.label, 300), room - 4)
            label += " " * (room - 4 - cell_len(label))
            dot = "● " if choice.current else "  "
            detail = fitted(one_line(choice.detail, 300), max(0, width - room - 5)) if width - room > 14 else ""
            if number == self.marked:
                row = line((" › ", look.chosen + look.mark), (dot + label, look.chosen), (f"  {detail}", look.chosen))
                rows.append(row.extend_cell_length(width, look.chosen))
            else:
                rows.append(line((f"   {dot}", look.accent), (label, look.text), (f"  {detail}", look.faint)))
        if not shown:
            rows.append(line(("   nothing matches", look.faint)))
        elif len(self.found) > self._room:
            rows.append(line((f"   {self.marked + 1} of {len(self.found)}", look.faint)))
        return rows


class PickScreen(ModalScreen["Choice | None"]):
    """Lets the person choose one; gives it, or ``None``."""

    DEFAULT_CSS = """
    PickScreen { align: center bottom; background: $background 55%; }
    PickScreen:nocolor { background: $background; }
    PickScreen #sheet { width: 1fr; height: auto; max-height: 90%; background: $surface; padding: 1 0; border-left: outer $accent; }
    PickScreen:nocolor #sheet { border-top: solid $foreground; border-left: none; }
    """

    def __init__(self, title: str, choices: Sequence[Choice], look: Look) -> None:
        super().__init__()
        self._list = PickList(title, choices, look)

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield self._list

    def on_resize(self, event: events.Resize) -> None:
        self._list.give_room(min(14, event.size.height - 8))

    def on_key(self, event: events.Key) -> None:
        """Every key ends here."""
        event.stop()
        event.prevent_default()
        steps = {"up": -1, "down": 1, "pageup": -8, "pagedown": 8, "home": -9999, "end": 9999}
        if event.key in ("escape", "ctrl+c", "ctrl+d"):
            self.dismiss(None)
        elif event.key in ("enter", "tab"):
            if self._list.chosen is not None:
                self.dismiss(self._list.chosen)
        elif event.key in steps:
            self._list.move(steps[event.key])
        elif event.key == "backspace":
            self._list.filter(self._list.typed[:-1])
        elif event.key == "ctrl+u":
            self._list.filter("")
        elif event.is_printable and event.character:
            self._list.filter(self._list.typed + event.character)

    def on_paste(self, event: events.Paste) -> None:
        self._list.filter(self._list.typed + one_line(event.text, 100))

    def on_click(self, event: events.Click) -> None:
        if event.widget is self._list:
            choice = self._list.at(event.y)
            if choice is not None:
                self.dismiss(choice)
