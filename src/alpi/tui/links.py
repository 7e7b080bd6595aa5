"""Opening links: only when a person chose to, and only web addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .addresses import links_in

if TYPE_CHECKING:
    from textual.app import App

    from .conversation import Choice

Pick = Callable[[str, "Sequence[Choice]", "Callable[[Choice | None], None]"], None]


class Links:
    """Asks what to do with an address.

    Args:
        app: opens addresses and copies them.
        pick: lets the person choose one of several.
        say: says a word at the bottom.
    """

    def __init__(self, app: App[Any], pick: Pick, say: Callable[[str], None]) -> None:
        self._app = app
        self._pick = pick
        self._say = say

    def choose(self, text: str) -> None:
        """Let the person choose one of the addresses in a text."""
        from .conversation import Choice

        found = dict.fromkeys(address for _, _, address in links_in(text))
        if not found:
            self._say("there is no link in the last reply")
            return
        self._pick("Open a link of the last reply", [Choice(address, address) for address in found], self._open)

    def pressed(self, address: str) -> None:
        """An address was clicked."""
        from .conversation import Choice

        choices = [Choice("Open in the browser", address), Choice("Copy the address", "")]

        def chosen(choice: Choice | None) -> None:
            if choice is not None and not choice.line:
                self._app.copy_to_clipboard(address)
                self._say("copied")
            else:
                self._open(choice)

        self._pick(address, choices, chosen)

    def _open(self, choice: Choice | None) -> None:
        if choice is not None and choice.line.startswith(("https://", "http://")):
            self._app.open_url(choice.line)
