"""What the word that is being typed may become: a slash command, or a file after ``@``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

    from .bridge import Bridge
    from .conversation import Choice
    from .widgets.bars import Suggestions
    from .widgets.prompt import Prompt


class Completion:
    """Fills the list of suggestions, and puts what is taken into the prompt.

    Args:
        app: looks up files on a thread.
        prompt: where it is typed.
        shown: the list.
    """

    def __init__(self, app: App[Any], prompt: Prompt, shown: Suggestions) -> None:
        self._app = app
        self._prompt = prompt
        self._list = shown
        self._looked_up = ""
        self._names: frozenset[str] = frozenset()
        prompt.press_list = self.press

    def look_up(self, bridge: Bridge | None) -> None:
        """The text or the cursor changed: show what fits now."""
        text = self._prompt.before_cursor()
        if text == self._looked_up or bridge is None or bridge.conversation is None:
            return
        self._looked_up = text
        self._names = frozenset(command.name for command in bridge.conversation.commands)
        if text.startswith("/") and "\n" not in text and not text.startswith("//") and text == self._prompt.text:
            self._show([choice for choice in bridge.complete(text) if choice.line.strip() != text.strip()])
        elif (begun := self._prompt.mention()) is not None:
            self._look_up_files(bridge, begun)
        else:
            self.hide()

    def press(self, key: str) -> None:
        """A key that belongs to the list."""
        if key == "close":
            self.hide()
        elif key in ("take", "run") and self._list.choices:
            choice = self._list.choices[self._list.marked]
            self.take(choice)
            if key == "run" and choice.line.startswith("/"):  # a file is part of a message; a command is whole
                self._prompt.send()
        else:
            self._list.move(-1 if key == "up" else 1)
            self._prompt.chosen = True

    def take(self, choice: Choice) -> None:
        """Put a suggestion into the prompt."""
        if choice.line.startswith("/") and self._prompt.text.startswith("/"):
            self._prompt.put(choice.line)
        else:
            self._prompt.complete_mention(choice.line)
        self.hide()

    def hide(self) -> None:
        """Show nothing."""
        self._show(())

    def _look_up_files(self, bridge: Bridge, begun: str) -> None:
        def look() -> None:
            found = bridge.files(begun)
            self._app.call_from_thread(self._show_files, begun, found)

        self._app.run_worker(look, thread=True, exclusive=True, group="files", exit_on_error=False)

    def _show_files(self, begun: str, found: Sequence[str]) -> None:
        from .conversation import Choice

        if self._prompt.mention() == begun:
            self._show([Choice(path, path) for path in found if path != begun])

    def _show(self, choices: Sequence[Choice]) -> None:
        self._list.show(choices)
        self._prompt.listing = bool(choices)
        self._prompt.chosen = bool(choices) and self._enter_takes()

    def _enter_takes(self) -> bool:
        """Whether Enter completes what was typed instead of sending it: a name that is no command yet, a path that was begun."""
        text = self._prompt.before_cursor()
        if text.startswith("/"):
            return " " not in text and text not in self._names
        begun = self._prompt.mention()
        return bool(begun) and self._list.choices[0].label.lower().startswith(str(begun).lower())
