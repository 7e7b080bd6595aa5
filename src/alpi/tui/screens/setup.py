"""Setup's questions as a Textual form: one question on the screen at a time, with what was told before it above."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key, Resize
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option as Row

from ...base.text import printable
from ...setup.interview import Check, Interview, Kind, Left, Option
from ..look import DARK, LIGHT, Look, Palette, textual_theme

T = TypeVar("T")
Flow = Callable[[Interview], Awaitable[bool]]
FILTERED = 12
"""From this many options on there is a line to filter them by."""
MARKS: Mapping[Kind, str] = MappingProxyType({"done": "✓", "good": "✓", "warning": "!", "bad": "✗"})
FREE = "+typed"
TICK = 0.1
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
MARGIN = 8
"""Columns that a row of the list loses to margins and the scrollbar."""


class SecretInput(Input):
    """A line that is shown as dots and cannot be copied out."""

    def action_copy(self) -> None:
        """Nothing leaves it."""

    def action_cut(self) -> None:
        """Nothing leaves it."""


class Filter(Input):
    """The line above a list: letters go here, the arrow keys to the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "list('cursor_down')", show=False),
        Binding("up", "list('cursor_up')", show=False),
        Binding("pagedown", "list('page_down')", show=False),
        Binding("pageup", "list('page_up')", show=False),
    ]

    async def action_list(self, action: str) -> None:
        """Move in the list below."""
        await self.screen.query_one(OptionList).run_action(action)


class SetupForm(App[None]):
    """The form. Implements ``Interview``; ``flow`` asks its questions through it, and the app ends when it does.

    Args:
        flow: is handed the interview; gives whether it came to its end.
        profile: its name, for the head line.
        palette: the colours.
        colour: whether colour is wanted at all.
    """

    TITLE = "alpi setup"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; }
    #head { height: 1; padding: 0 2; }
    #page { padding: 1 2 0 2; height: 1fr; max-width: 110; }
    #told { height: auto; max-height: 60%; }
    #said, #question, #problem { height: auto; }
    #question { margin-top: 1; margin-bottom: 1; }
    #problem { margin-bottom: 1; }
    #answer { height: 1fr; }
    #keys { height: 1; padding: 0 2; }
    OptionList { height: 1fr; border: none; padding: 0; background: $background; }
    OptionList:focus { border: none; background-tint: $background 0%; }
    OptionList > .option-list--option-highlighted, OptionList:focus > .option-list--option-highlighted {
        background: $panel; color: $foreground; text-style: bold;
    }
    OptionList > .option-list--option-hover { background: $surface; }
    Input { border: round $panel; background: $background; height: 3; }
    Input > .input--placeholder { color: $foreground 75%; }
    Input:focus { border: round $primary; background-tint: $background 0%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", priority=True, show=False),
        Binding("ctrl+d", "leave", priority=True, show=False),
        Binding("ctrl+c", "abandon", priority=True, show=False),
        Binding("ctrl+q", "abandon", priority=True, show=False),
        Binding("pageup", "read(-1)", priority=True, show=False),
        Binding("pagedown", "read(1)", priority=True, show=False),
    ]

    def __init__(self, flow: Flow, profile: str, palette: Palette = DARK, colour: bool = True) -> None:
        super().__init__()
        self._flow = flow
        self._profile = profile
        self._palette = palette
        self._look = Look(palette, colour)
        self._said: list[tuple[str, Kind]] = []
        self._answer: asyncio.Future[str] | None = None
        self._options: Sequence[Option] = ()
        self._current = ""
        self._free = ""
        self._check: Check | None = None
        self._work: asyncio.Future[Any] | None = None
        self._progress = ""
        self._clear_next = False
        self.told: list[str] = []
        """What was achieved, for the terminal after the form is gone."""
        self.flowing: asyncio.Task[bool] | None = None

    # --- Textual's side

    def compose(self) -> ComposeResult:
        """The page; the answer's widgets come and go with each question."""
        yield Static(id="head")
        with Vertical(id="page"):
            with VerticalScroll(id="told", can_focus=False):
                yield Static(id="said")
            yield Static(id="question")
            yield Static(id="problem")
            yield Vertical(id="answer")
        yield Static(id="keys")

    def on_mount(self) -> None:
        """Begin."""
        self.register_theme(textual_theme(self._palette))
        self.theme = self._palette.name
        name = "" if self._profile == "default" else f" · profile {self._profile}"
        self._static("head", Text.assemble(("alpi setup", self._look.bold), (name, self._look.muted)))
        self.flowing = asyncio.create_task(self._run())

    async def _run(self) -> bool:
        try:
            return await self._flow(self)
        finally:
            self.exit()

    def _static(self, id: str, text: Text | str) -> None:
        place = self.query_one(f"#{id}", Static)
        place.update(text)
        place.display = bool(text) or id != "problem"

    def action_leave(self) -> None:
        """Esc: leave this question, or stop what is going on."""
        if self._work is not None:
            self._work.cancel()
        elif self._answer is not None and not self._answer.done():
            self._answer.set_exception(Left())

    def action_abandon(self) -> None:
        """Ctrl-C: end it all. What is not written yet never is."""
        if self.flowing is not None:
            self.flowing.cancel()

    async def action_read(self, pages: int) -> None:
        """Page through what was told, where it is longer than its place; else through the list."""
        told = self.query_one("#told", VerticalScroll)
        if told.max_scroll_y > 0:
            told.scroll_relative(y=pages * max(1, told.size.height - 1), animate=False)
        elif self.query("#rows"):
            await self.query_one("#rows", OptionList).run_action("page_down" if pages > 0 else "page_up")

    def _show_keys(self, keys: str) -> None:
        """The keys of a question; with those for reading, where what was told does not fit."""
        if self._answer is None:
            return  # answered already
        told = self.query_one("#told", VerticalScroll)
        keys = f"PgUp PgDn read on · {keys}" if told.max_scroll_y > 0 else keys
        self._static("keys", Text(keys, self._look.muted, no_wrap=True, overflow="ellipsis"))

    # --- the interview

    def say(self, text: str, kind: Kind = "text") -> None:
        """See ``Interview``."""
        if self._clear_next:
            self._said, self._clear_next = [], False
        self._said.append((printable(text), kind))
        if kind == "done":
            self.told.append(printable(text))
        self._show_said()

    def _show_said(self) -> None:
        styles = {
            "done": self._look.good,
            "good": self._look.good,
            "warning": self._look.warn,
            "bad": self._look.bad,
            "quiet": self._look.muted,
        }
        lines = Text()
        width = max(20, min(self.size.width, 110) - 6)
        for number, (text, kind) in enumerate(self._said):
            lines.append("\n" if number else "")
            mark = MARKS.get(kind, "")
            for place, line in enumerate(_wrapped(text, width - (2 if mark else 0))):
                head = (mark if not place else " ") + " " if mark else ""
                lines.append("\n" if place else "")
                lines.append(head, styles.get(kind, self._look.text))
                lines.append(line, styles["quiet"] if kind == "quiet" else self._look.text)
        self._static("said", lines)

    async def choose(self, title: str, options: Sequence[Option], *, current: str = "", free: str = "") -> str:
        """See ``Interview``."""
        self._options, self._current, self._free = options, current, free
        rows = OptionList(id="rows", markup=False)
        widgets: list[Widget] = [rows]
        keys = "↑↓ choose · Enter takes it · Esc leaves"
        if len(options) >= FILTERED or free:
            hint = f"type to filter{f', or {free}' if free else ''}"
            widgets.insert(0, Filter(placeholder=hint, id="filter"))
            keys = f"type to filter · {keys}"
        return await self._asked(title, widgets, keys, lambda: self._fill(""))

    async def text(self, question: str, *, default: str = "", check: Check | None = None) -> str:
        """See ``Interview``."""
        self._check = check
        return await self._asked(question, [Input(value=default, id="line")], "Enter takes it · Esc leaves")

    async def secret(self, question: str) -> str:
        """See ``Interview``."""
        self._check = None
        line = SecretInput(password=True, id="line", placeholder="paste it here; it is not shown")
        return await self._asked(question, [line], "Enter takes it · Esc leaves")

    async def confirm(self, question: str, default: bool) -> bool:
        """See ``Interview``."""
        options = [Option("yes", "Yes"), Option("no", "No")]
        self._options, self._current, self._free = options, "yes" if default else "no", ""
        rows = OptionList(id="rows", markup=False)
        keys = "y or n · Enter takes what is marked · Esc leaves"
        return await self._asked(question, [rows], keys, lambda: self._fill("")) == "yes"

    async def busy(self, what: str, work: Awaitable[T]) -> T:
        """See ``Interview``."""
        self._progress = what
        task = asyncio.ensure_future(work)
        self._work = task
        self._static("keys", Text("Esc stops it", self._look.muted))
        tick = 0
        try:
            while not task.done():
                line = Text(f"{SPINNER[tick % len(SPINNER)]} ", self._look.accent)
                line.append(self._progress, self._look.text)
                self._static("question", line)
                await asyncio.wait([task], timeout=TICK)
                tick += 1
            return task.result()
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise Left from None
        finally:
            self._work = None
            if not task.done():
                task.cancel()
            if self.is_running:
                self._static("question", "")
                self._static("keys", "")

    def progress(self, text: str) -> None:
        """See ``Interview``."""
        self._progress = printable(text)

    # --- one question

    async def _asked(
        self, title: str, widgets: Sequence[Widget], keys: str, ready: Callable[[], None] | None = None
    ) -> str:
        """Put a question on the screen and wait for its answer."""
        self._clear_next = False
        place = self.query_one("#answer", Vertical)
        await place.mount(*widgets)
        self._answer = asyncio.get_running_loop().create_future()
        if ready is not None:
            ready()
        # At once, and before the question is seen: what is typed from then on belongs to it.
        self.screen.set_focus(widgets[0])
        self._static("question", Text(title, self._look.bold))
        self._static("problem", "")
        self._show_keys(keys)
        self.call_after_refresh(self._show_keys, keys)  # only then it is known what fits
        try:
            return await self._answer
        finally:
            self._answer = None
            self._clear_next = True
            if self.is_running:
                await place.remove_children()
                self._static("question", "")
                self._static("problem", "")
                self._said = []
                self._show_said()

    def _give(self, answer: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _object(self, why: str) -> None:
        self._static("problem", Text(f"✗ {why}", self._look.bad))

    def _fill(self, wanted: str) -> None:
        """The list's rows: the options that have the typed letters in their name."""
        rows = self.query_one("#rows", OptionList)
        low = wanted.strip().lower()
        found = [o for o in self._options if low in o.label.lower() or low in o.value.lower()]
        width = max(20, min(self.size.width, 110) - MARGIN)
        column = max((len(option.label) for option in found), default=0)
        rows.clear_options()
        rows.add_options(
            [Row(self._row(option, column, width), id=option.value, disabled=bool(option.refused)) for option in found]
        )
        if self._free and low and not any(option.value.lower() == low for option in found):
            row = Text(f"Use {wanted.strip()} as it is typed", self._look.muted)
            rows.add_option(Row(row, id=FREE))
        usable = [number for number, option in enumerate(found) if not option.refused]
        marked = next((n for n in usable if found[n].value == self._current), usable[0] if usable else None)
        rows.highlighted = len(found) if marked is None and rows.option_count > len(found) else marked

    def _row(self, option: Option, column: int, width: int) -> RenderableType:
        """One option: its name, and beside it, or below where there is no room, the word about it."""
        name = Text(printable(option.label), self._look.faint if option.refused else self._look.text)
        note = option.refused or printable(option.note)
        if not note:
            return name
        style = self._look.warn if note.startswith("! ") and not option.refused else self._look.muted
        row = Table.grid(padding=(0, 2, 0, 0))
        beside = column <= 40 and width - column >= 32
        row.add_column(width=column if beside else 0)
        row.add_column(ratio=1)
        if beside:
            row.add_row(name, Text(note, style))
            return row
        row.add_row("", Text(note, style))
        return Group(name, row)

    # --- what the person does

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click on a row."""
        self._take(event.option.id or "")

    def _take(self, value: str) -> None:
        if value == FREE:
            value = self.query_one("#filter", Input).value.strip()
        self._give(value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Letters in the filter."""
        if event.input.id == "filter":
            self._fill(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a line."""
        if event.input.id == "filter":
            rows = self.query_one("#rows", OptionList)
            if rows.highlighted is not None:
                self._take(rows.get_option_at_index(rows.highlighted).id or "")
            else:
                self._object(f"Nothing in the list has {event.value.strip()} in its name.")
            return
        text = event.value.strip()
        if not text:
            self.action_leave()
            return
        why = self._check(text) if self._check is not None else ""
        if why:
            self._object(why)
        else:
            self._give(text)

    def on_key(self, event: Key) -> None:
        """Y and N answer a question of yes or no."""
        values = [option.value for option in self._options]
        if values == ["yes", "no"] and event.key in ("y", "n") and isinstance(self.focused, OptionList):
            self._give("yes" if event.key == "y" else "no")

    def on_resize(self, event: Resize) -> None:
        """Lines are wrapped anew."""
        self._show_said()
        if self._answer is not None and self.query("#rows"):
            rows = self.query_one("#rows", OptionList)
            if rows.highlighted is not None:
                self._current = rows.get_option_at_index(rows.highlighted).id or ""
            filters = self.query(Filter)
            self._fill(filters.first().value if filters else "")


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += textwrap.wrap(paragraph, max(10, width), break_on_hyphens=False) or [""]
    return lines


def run_form(flow: Flow, profile: str, *, light: bool = False, colour: bool = True) -> tuple[bool, Sequence[str]]:
    """Open the form and let ``flow`` ask. Gives what it gave, and what was achieved, a line each.

    Raises:
        KeyboardInterrupt: the person pressed Ctrl-C.
        AlpiError: as ``flow``.
    """
    form = SetupForm(flow, profile, LIGHT if light else DARK, colour)
    form.run()
    if form.flowing is None or form.flowing.cancelled():
        raise KeyboardInterrupt
    return form.flowing.result(), form.told
