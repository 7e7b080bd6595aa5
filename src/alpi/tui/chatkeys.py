"""The chat's own keys, and what the line at the bottom says about them. docs/CHAT.md has the whole list."""

from __future__ import annotations

from textual.binding import Binding

BINDINGS = (
    Binding("ctrl+c", "press_ctrl_c", show=False, priority=True),
    Binding("ctrl+d", "leave_if_empty", show=False, priority=True),
    Binding("ctrl+q", "leave", show=False, priority=True),
    Binding("escape", "escape", show=False),
    Binding("ctrl+y", "copy_reply", show=False, priority=True),
    Binding("ctrl+o", "open_last", show=False, priority=True),
    Binding("ctrl+g", "links", show=False, priority=True),
    Binding("ctrl+l", "redraw", show=False, priority=True),
)
ACTIONS = frozenset(binding.action for binding in BINDINGS)

HINTS = ("enter sends", "/ commands", "@ files", "tab cards", "ctrl+d leaves")
CARD_HINTS = ("↑↓ cards", "enter opens", "pgup pgdn scroll", "esc back")
