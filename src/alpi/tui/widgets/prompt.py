"""Where a message is written: several lines, a history, long pastes as a token, pasted picture paths as attachments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from ...base.text import printable

# A paste longer than this is shown as a token and sent whole.
LONG_PASTE_LINES = 30
LONG_PASTE_CHARACTERS = 4_000
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
# What was begun after ``@``; a name with spaces stands in quotes.
MENTION = re.compile(r"(?:^|\s)@(\"[^\"\n]*|[^\s@\"]*)$")


class Prompt(TextArea):
    """The prompt. It says what happens as messages and leaves all decisions to the app."""

    DEFAULT_CSS = """
    Prompt, Prompt:focus {
        height: auto; max-height: 12; border: none; padding: 0; background: $surface; color: $foreground;
        scrollbar-size-vertical: 1; scrollbar-background: $surface;
    }
    Prompt .text-area--cursor-line { background: $surface; }
    Prompt .text-area--placeholder { color: $faint; }
    Prompt:nocolor .text-area--cursor { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+u", "delete_to_start_of_line", show=False),
        Binding("ctrl+w,alt+backspace", "delete_word_left", show=False),
        Binding("alt+left,alt+b", "cursor_word_left", show=False),
        Binding("alt+right,alt+f", "cursor_word_right", show=False),
    ]

    class Sent(Message):
        """Enter was pressed: ``text`` as it is to be sent, with pastes in full."""

        def __init__(self, text: str, typed: str, attachments: tuple[Path, ...]) -> None:
            super().__init__()
            self.text = text
            self.typed = typed
            self.attachments = attachments

    class Typing(Message):
        """The text or the cursor changed."""

    class AttachmentsChanged(Message):
        """A picture was pasted, or one was taken away."""

    class Recall(Message):
        """Up was pressed in an empty prompt while messages wait: the newest is to come back."""

    def __init__(self, history: Sequence[str] = (), *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(
            id=id, placeholder=placeholder, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False
        )
        self._past = list(history)
        self._at = len(self._past)
        self._draft = ""
        self._pastes: dict[str, str] = {}
        self.attachments: list[Path] = []
        self.press_list: Callable[[str], None] = lambda key: None
        """Takes a key that belongs to the list of suggestions: ``up``, ``down``, ``take``, ``close``."""
        self.listing = False
        """Whether suggestions are shown: then some keys are theirs."""
        self.chosen = False
        """Whether Enter takes the suggestion that is marked."""
        self.waiting = 0
        """How many messages wait for their turn."""

    # -- text --------------------------------------------------------------------------------------------------------

    def set_history(self, past: Sequence[str]) -> None:
        """What was sent before, oldest first."""
        sent = self._past
        self._past = [*past, *sent]
        self._at = len(self._past)

    def put(self, text: str) -> None:
        """Replace the text; the cursor goes to its end."""
        self.text = text
        self.move_cursor(self.document.end)

    def before_cursor(self) -> str:
        """The text from its beginning to the cursor."""
        return self.get_text_range((0, 0), self.cursor_location)

    def mention(self) -> str | None:
        """What was typed after ``@`` right before the cursor, or ``None``."""
        begun = self._mention()
        return None if begun is None else begun.lstrip('"')

    def _mention(self) -> str | None:
        row, column = self.cursor_location
        found = MENTION.search(self.document.get_line(row)[:column])
        return found[1] if found else None

    def complete_mention(self, path: str) -> None:
        """Put a path in the place of what was typed after ``@``. After a folder, typing goes on."""
        begun = self._mention()
        if begun is not None:
            row, column = self.cursor_location
            quote = '"' if " " in path else ""
            written = f"{quote}{path}" if path.endswith("/") else f"{quote}{path}{quote} "
            self.replace(written, (row, column - len(begun)), (row, column))

    def take_back(self, text: str, attachments: Sequence[Path] = ()) -> None:
        """Put a message that was not sent before what is typed now."""
        self.put("\n".join(part for part in (text, self.text) if part))
        if attachments:
            self.attachments = [*attachments, *self.attachments]
            self.post_message(self.AttachmentsChanged())

    def full_text(self) -> str:
        """The text with each paste's token replaced by the paste."""
        text = self.text
        for token, pasted in self._pastes.items():
            text = text.replace(token, pasted)
        return text

    def send(self) -> None:
        """Send what is typed, as Enter does."""
        text, typed = self.full_text().strip(), self.text.strip()
        if not text and not self.attachments:
            return
        if text and (not self._past or self._past[-1] != text):
            self._past.append(text)
        self._at, self._draft = len(self._past), ""
        attachments, self.attachments = tuple(self.attachments), []
        self._pastes.clear()
        self.text = ""
        if attachments:
            self.post_message(self.AttachmentsChanged())
        self.post_message(self.Sent(text, typed, attachments))

    # -- keys --------------------------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        handler = {
            "enter": self._enter,
            "shift+enter": self._newline,
            "alt+enter": self._newline,
            "ctrl+j": self._newline,
            "up": self._up,
            "down": self._down,
            "tab": self._tab,
            "backspace": self._backspace,
        }.get(event.key)
        if event.key == "escape" and self.listing:
            handler = self._close_list
        if handler is not None and handler():
            event.stop()
            event.prevent_default()
            return
        await super()._on_key(event)

    def _close_list(self) -> bool:
        self.press_list("close")
        return True

    def _enter(self) -> bool:
        if self.listing and self.chosen:
            self.press_list("run")
            return True
        row, column = self.cursor_location
        line = self.document.get_line(row)
        if line[:column].endswith("\\") and column == len(line):
            self.replace("\n", (row, column - 1), (row, column))
        else:
            self.send()
        return True

    def _newline(self) -> bool:
        self.insert("\n")
        return True

    def _tab(self) -> bool:
        if self.listing:
            self.press_list("take")
            return True
        return False

    def _up(self) -> bool:
        if self.listing:
            self.press_list("up")
            return True
        if not self.text and self.waiting:
            self.post_message(self.Recall())
            return True
        if not self.cursor_at_first_line or (self.cursor_location[1] and self.text != self._recalled()):
            return False
        if self._at > 0:
            if self._at == len(self._past):
                self._draft = self.text
            self._at -= 1
            self.put(self._past[self._at])
            return True
        return False

    def _down(self) -> bool:
        if self.listing:
            self.press_list("down")
            return True
        if not self.cursor_at_last_line or self._at >= len(self._past):
            return False
        self._at += 1
        self.put(self._recalled() or self._draft)
        return True

    def _recalled(self) -> str:
        return self._past[self._at] if self._at < len(self._past) else ""

    def _backspace(self) -> bool:
        row, column = self.cursor_location
        if self.selection.start != self.selection.end:
            return False
        if (row, column) == (0, 0) and self.attachments:
            self.attachments.pop()
            self.post_message(self.AttachmentsChanged())
            return True
        before = self.document.get_line(row)[:column]
        for token in self._pastes:
            if before.endswith(token):
                self.delete((row, column - len(token)), (row, column))
                del self._pastes[token]
                return True
        return False

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        pictures = picture_paths(event.text)
        if pictures:
            self.attachments += [path for path in pictures if path not in self.attachments]
            self.post_message(self.AttachmentsChanged())
            return
        text = printable(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        lines = text.count("\n") + 1
        if lines > LONG_PASTE_LINES or len(text) > LONG_PASTE_CHARACTERS:
            size = f"{lines} lines" if lines > LONG_PASTE_LINES else f"{len(text):,} characters"
            token = f"[pasted {size}]"
            number = 2
            while token in self._pastes:
                token = f"[pasted {size}, {number}]"
                number += 1
            self._pastes[token] = text
            text = token
        self.replace(text, *sorted(self.selection))

    def on_text_area_changed(self) -> None:
        self.post_message(self.Typing())

    def on_text_area_selection_changed(self) -> None:
        self.post_message(self.Typing())


def picture_paths(pasted: str) -> list[Path]:
    """The pictures that a paste names, when it is nothing but paths of pictures that exist (terminals paste a dropped file's path)."""
    import shlex
    from urllib.parse import unquote, urlsplit

    text = pasted.strip()
    if not text or len(text) > 4_000:
        return []
    candidates = [text]
    try:
        candidates = shlex.split(text) if not Path(text).is_file() else [text]
    except (ValueError, OSError):
        pass  # an odd quote: it is text, or one path as it stands
    found = []
    for name in candidates:
        if name.startswith("file://"):
            name = unquote(urlsplit(name).path)
        try:
            path = Path(name).expanduser()
            if path.suffix.lower() not in PICTURES or not path.is_file():
                return []
        except (OSError, ValueError, RuntimeError):
            return []  # no path at all
        found.append(path.absolute())
    return found
