"""The conversation as one long sheet of lines. Only what is in sight is set, so its length costs nothing.

Pieces out of sight have a guessed height until there is time to set them, from the newest backwards; what is in sight never jumps when
a guess is corrected. Lines that have long been out of sight are forgotten and set again when they are needed.
"""

from __future__ import annotations

import time
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer

from ..addresses import links_in
from ..look import Look
from .pieces import Piece, marked
from .stack import Slot, Stack

MARGIN = 2
# How long one stretch of setting pieces out of sight may take, so that keys are never kept waiting.
IDLE_SECONDS = 0.008
IDLE_PAUSE = 0.02
# Nothing out of sight is set until nothing has changed for this long.
QUIET_SECONDS = 0.2
# Only so many of the newest pieces can move.
NEWEST = 12
FRAME_SECONDS = 0.12


class Transcript(ScrollView, can_focus=True):
    """Shows pieces from top to bottom and stays at the end while it is there."""

    DEFAULT_CSS = """
    Transcript { width: 100%; height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "card(-1)", show=False),
        Binding("down,j", "card(1)", show=False),
        Binding("enter,space,right,left", "fold", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "to_begin", show=False),
        Binding("end,G", "to_end", show=False),
    ]

    class LinkPressed(Message):
        """An address was clicked."""

        def __init__(self, address: str) -> None:
            super().__init__()
            self.address = address

    class Left(Message):
        """The end came into sight, or went out of it; see ``following``."""

    def __init__(self, look: Look, *, animate: bool = True, follow: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._follows = follow
        self._look = look
        self._moves = animate
        self._stack = Stack()
        self._laid_width = 0
        self._following = follow
        self._cursor: Piece | None = None
        self._unsettled_below = 0
        self._idle: Timer | None = None
        self._moving: Timer | None = None
        self._behind: set[Piece] = set()
        self._touched: int | None = None
        self._planned = False
        self._quiet_from = 0.0

    # -- what is shown -----------------------------------------------------------------------------------------------

    def set_look(self, look: Look) -> None:
        """Use other colours."""
        self._look = look
        for slot in self._stack.slots:
            slot.forget()
        self.refresh()

    def clear(self) -> None:
        """Show nothing."""
        self._stack, self._cursor, self._following = Stack(), None, self._follows
        self._behind.clear()
        self._touched = None
        self._resize_sheet()

    def add(self, *pieces: Piece) -> None:
        """Show pieces below all others."""
        first = len(self._stack.slots)
        for piece in pieces:
            self._stack.add(piece, self.text_width)
        self._touch(first)

    def drop(self, piece: Piece) -> None:
        """Take the newest piece, or one near it, away again."""
        self._touch(self._stack.drop(piece))

    def changed(self, piece: Piece) -> None:
        """A piece looks different now."""
        place = self._stack.place(piece)
        if place is not None:
            self._stack.slots[place].forget()
            self._behind.add(piece)
            self._touch(None)

    @property
    def text_width(self) -> int:
        """How wide a line of text may be."""
        return max(16, self.scrollable_content_region.width - 2 * MARGIN + 1) if self.size.width else 76

    @property
    def following(self) -> bool:
        """Whether the end is in sight and stays there."""
        return self._following

    @property
    def is_laid(self) -> bool:
        """Whether every height is known: no guess is left that moves lines or the scroll bar later."""
        return self._idle is None and not self._planned and all(slot.settled for slot in self._stack.slots)

    def to_end(self) -> None:
        """Go to the end and stay there."""
        self._following = True
        self.scroll_end(animate=False, immediate=True)

    action_to_end = to_end

    def show_from(self, piece: Piece) -> None:
        """Show what follows a piece from its beginning, when that is more than there is room for."""
        self.settle()
        place = self._stack.place(piece)
        if place is not None and self._stack.height - self._stack.tops[place] > self.size.height:
            self._go_to(self._stack.tops[place] + piece.gap)

    def action_to_begin(self) -> None:
        self._go_to(0)

    def action_page(self, step: int) -> None:
        """Go up or down by a page, less two lines."""
        self.scroll_relative(y=step * max(1, self.size.height - 2), animate=False, immediate=True)

    # -- heights -----------------------------------------------------------------------------------------------------

    def _touch(self, first: int | None) -> None:
        """Slots changed from ``first`` on (``None``: only what is in ``_behind``): lay them out soon, all changes at once."""
        if first is not None:
            self._touched = first if self._touched is None else min(first, self._touched)
        if not self._planned:
            self._planned = True
            self.call_later(self.settle)

    def settle(self) -> None:
        """Lay out what changed. What is in sight is set, all else has time."""
        self._planned = False
        first, self._touched = self._touched, None
        behind, self._behind = self._behind, set()
        for piece in behind:
            place = self._stack.place(piece)
            if place is None:
                continue
            if self._set(self._stack.slots[place]):
                first = place if first is None else min(first, place)
            elif first is None or place < first:
                self._refresh_slot(place)
        if first is not None:
            self._settle_end(first)
            self._stack.lay(first)
            self._resize_sheet()
        self._plan()

    def _settle_end(self, first: int) -> None:
        """Set the last slots as far as they are in sight when the end is."""
        room = self.size.height
        for slot in reversed(self._stack.slots[first:]):
            if room <= 0 and not slot.piece.moving:
                break
            self._set(slot)
            room -= slot.height

    def _set(self, slot: Slot) -> bool:
        return slot.set(self.text_width, self._look)

    def _resize_sheet(self) -> None:
        size = Size(self.scrollable_content_region.width, self._stack.height)
        if size != self.virtual_size:
            self.virtual_size = size
        if self._following:
            self.scroll_end(animate=False, immediate=True)
        self.refresh()

    def _refresh_slot(self, place: int) -> None:
        top = self._stack.tops[place] - self.scroll_offset.y
        height = self._stack.slots[place].height
        if top + height > 0 and top < self.size.height:
            self.refresh(Region(0, max(0, top), self.size.width, min(height, self.size.height - max(0, top))))

    def on_resize(self, event: events.Resize) -> None:
        stack = self._stack
        if self.text_width != self._laid_width:
            self._laid_width = self.text_width
            place, top = stack.at(self.scroll_offset.y), self.scroll_offset.y
            within = top - stack.tops[place] if stack.slots else 0
            stack.rewrap(self.text_width)
            self._settle_end(0)
            stack.lay()
            self._resize_sheet()
            if not self._following and stack.slots:
                self._go_to(stack.tops[place] + min(within, stack.slots[place].height))
        elif self._following:
            self.scroll_end(animate=False, immediate=True)
        self._plan()

    def _go_to(self, y: int) -> None:
        self.scroll_to(y=y, animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        before, self._following = self._following, self._follows and new_value >= self.max_scroll_y
        if before != self._following:
            self.post_message(self.Left())
        if not self._following:
            self._settle_in_sight(going_up=new_value < old_value)

    def _settle_in_sight(self, going_up: bool) -> None:
        """Set what came into sight. When guesses were wrong, what was in sight before stays where it is."""
        stack, y = self._stack, self.scroll_offset.y
        if not stack.slots:
            return
        first, last = stack.at(y), stack.at(y + self.size.height - 1)
        anchor = last if going_up else first
        before = stack.tops[anchor]
        changed = [place for place in range(first, last + 1) if self._set(stack.slots[place])]
        if changed:
            stack.lay(changed[0])
            self._resize_sheet()
            if y > 0 and stack.tops[anchor] != before:
                self._go_to(y + stack.tops[anchor] - before)

    def _plan(self) -> None:
        """See to it that what is out of sight gets set in quiet moments, and that moving pieces move."""
        self._unsettled_below = len(self._stack.slots)
        self._quiet_from = time.monotonic() + QUIET_SECONDS
        if self._idle is None:
            self._idle = self.set_timer(QUIET_SECONDS, self._settle_some)
        if self._moving is None and self._moves and self._moving_pieces():
            self._moving = self.set_interval(FRAME_SECONDS, self._move)

    def _settle_some(self) -> None:
        """Set some of what is out of sight, the newest first."""
        self._idle = None
        if (left := self._quiet_from - time.monotonic()) > 0:
            self._idle = self.set_timer(left, self._settle_some)
            return
        stack, until = self._stack, time.perf_counter() + IDLE_SECONDS
        place, lowest, above, top = self._unsettled_below - 1, None, 0, self.scroll_offset.y
        while place >= 0:
            slot = stack.slots[place]
            before = slot.height
            if not slot.settled and self._set(slot):
                lowest = place
                if stack.tops[place + 1] <= top:
                    above += slot.height - before
            if time.perf_counter() > until:
                break
            place -= 1
        self._unsettled_below = max(0, place)
        if lowest is not None:
            stack.lay(lowest)
            self._resize_sheet()
            if above and not self._following:
                self._go_to(top + above)
        stack.forget_far(self.scroll_offset.y)
        if place > 0:
            self._idle = self.set_timer(IDLE_PAUSE, self._settle_some)

    def _moving_pieces(self) -> list[Piece]:
        return [slot.piece for slot in self._stack.slots[-NEWEST:] if slot.piece.moving]

    def _move(self) -> None:
        """One frame of whatever moves."""
        moving, now = self._moving_pieces(), time.monotonic()
        for piece in moving:
            piece.tick(now)
            self.changed(piece)
        if not moving and self._moving is not None:
            self._moving.stop()
            self._moving = None

    # -- lines -------------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """The same line is the same object as long as nothing about it changes: that is what makes drawing it again cheap."""
        width, base, stack = self.size.width, self.rich_style, self._stack
        y += self.scroll_offset.y
        if y >= stack.height:
            return Strip.blank(width, base)
        place = stack.at(y)
        slot, top = stack.slots[place], stack.tops[place]
        if self._set(slot):
            self._touch(place)
        made_for = (top, width, base, slot.piece is self._cursor and self.has_focus)
        if slot.shown_for != made_for:
            slot.shown.clear()
            slot.shown_for = made_for
        selection = self.text_selection
        span = selection.get_span(y) if selection is not None else None
        if span is None and (strip := slot.shown.get(y - top)) is not None:
            return strip
        strip = self._margined(slot, y - top, base)
        if span is not None:
            return marked(strip, *span, self._selection_style()).crop_extend(0, width, base).apply_offsets(0, y)
        strip = slot.shown[y - top] = strip.crop_extend(0, width, base).apply_offsets(0, y)
        return strip

    def _margined(self, slot: Slot, row: int, base: Style) -> Strip:
        """A row of a slot with its margin, and the mark of the card that the keys are at."""
        row -= slot.piece.gap
        strips = slot.strips or ()
        if not 0 <= row < len(strips):
            return Strip([])
        marked = slot.piece is self._cursor and row == 0 and self.has_focus
        margin = Segment("▎ ", self._look.mark) if marked else Segment(" " * MARGIN)
        return Strip([margin, *strips[row]]).apply_style(base)

    def _selection_style(self) -> Style:
        return self.screen.get_component_rich_style("screen--selection") if self._look.colour else Style(reverse=True)

    def _plain_line(self, y: int) -> str:
        if y >= self._stack.height:
            return ""
        place = self._stack.at(y)
        slot = self._stack.slots[place]
        self._set(slot)
        return self._margined(slot, y - self._stack.tops[place], self.rich_style).text

    # -- selecting and opening ---------------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, without the margin."""
        first = selection.start.y if selection.start is not None else 0
        last = selection.end.y if selection.end is not None else self._stack.height - 1
        lines = []
        for y in range(max(0, first), min(last, self._stack.height - 1) + 1):
            span = selection.get_span(y)
            if span is None:
                continue
            text = self._plain_line(y)
            end = len(text) if span[1] < 0 else span[1]
            lines.append(text[max(MARGIN, span[0]) : end].rstrip())
        return ("\n".join(lines), "\n") if lines else None

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        if self.screen.get_selected_text():
            return
        y = event.y + self.scroll_offset.y
        for start, end, address in links_in(self._joined(y)):
            if start <= event.x < end:
                self.post_message(self.LinkPressed(address))
                return
        if y < self._stack.height:
            place = self._stack.at(y)
            piece = self._stack.slots[place].piece
            if piece.foldable and y - self._stack.tops[place] == piece.gap:
                self.toggle(piece)

    def _joined(self, y: int) -> str:
        """A line with those that follow, for an address that was folded."""
        text = self._plain_line(y)
        while len(text.rstrip()) >= self.text_width + MARGIN and y + 1 < self._stack.height:
            y += 1
            text = text.rstrip() + self._plain_line(y).strip()
        return text

    def toggle(self, piece: Piece) -> None:
        """Open or close a piece. What is above it stays where it is."""
        following, self._following = self._following, False
        piece.is_open = not piece.is_open
        self.changed(piece)
        self.settle()
        self._following = following and self.scroll_offset.y >= self.max_scroll_y
        if piece.is_open:
            self._show_piece(piece)

    def toggle_last(self) -> None:
        """Open or close the newest piece that can be."""
        for slot in reversed(self._stack.slots):
            if slot.piece.foldable:
                self.toggle(slot.piece)
                return

    def _show_piece(self, piece: Piece) -> None:
        """Scroll as little as is needed to see it, from its beginning."""
        place = self._stack.place(piece)
        if place is None:
            return
        top, height = self._stack.tops[place], self._stack.slots[place].height
        if top < self.scroll_offset.y or height > self.size.height:
            self._go_to(top)
        elif top + height > self.scroll_offset.y + self.size.height:
            self._go_to(top + height - self.size.height)

    def action_fold(self) -> None:
        if self._cursor is not None and self._stack.place(self._cursor) is not None:
            self.toggle(self._cursor)

    def action_card(self, step: int) -> None:
        """Go to the next piece that can be opened; without one, scroll."""
        cards = [slot.piece for slot in self._stack.slots if slot.piece.foldable]
        if not cards:
            self.scroll_relative(y=step, animate=False)
            return
        if self._cursor in cards:
            place = cards.index(self._cursor) + step
            if not 0 <= place < len(cards):
                self.scroll_relative(y=step * 3, animate=False)
                return
        else:
            place = -1 if step < 0 else 0
        self._cursor = cards[place]
        self._show_piece(self._cursor)
        self.refresh()

    def on_focus(self) -> None:
        """The keys begin at the last card that is in sight. Nothing scrolls: it may have been a click."""
        bottom = self.scroll_offset.y + self.size.height
        cards = [(slot.piece, top) for slot, top in zip(self._stack.slots, self._stack.tops, strict=False)]
        cards = [(piece, top) for piece, top in cards if piece.foldable and top < bottom]
        self._cursor = cards[-1][0] if cards else None
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
