"""When the screen shows what has happened: soon, never too often, and less often while somebody types."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App

# What has happened is drawn at most this often.
FRAME_SECONDS = 0.03
# While somebody types, drawing makes longer pauses.
TYPING_PAUSE = 0.12
# Drawing may take this share of the time, so that keys never wait long.
SHARE = 1 / 3
LONGEST_PAUSE = 0.2


class Frames:
    """Runs ``show`` on the app's thread, a while after ``wake`` was called on any.

    Args:
        app: whose thread it is; made on that thread.
        show: shows what has happened.
        is_typing: whether somebody is typing.
    """

    def __init__(self, app: App[Any], show: Callable[[], None], is_typing: Callable[[], bool]) -> None:
        self._app = app
        self._show = show
        self._is_typing = is_typing
        self._loop = asyncio.get_running_loop()
        self._cost = 0.0

    def wake(self) -> None:
        """Something has happened. Nothing comes of it when the app has gone."""
        try:
            self._loop.call_soon_threadsafe(self._plan)
        except RuntimeError:
            pass  # the loop is closed

    def _plan(self) -> None:
        pause = max(FRAME_SECONDS, self._cost * (1 / SHARE - 1), TYPING_PAUSE if self._is_typing() else 0)
        self._app.set_timer(min(pause, LONGEST_PAUSE), self._frame)

    def _frame(self) -> None:
        began = time.perf_counter()
        self._show()
        self._app.call_after_refresh(self._shown, began)

    def _shown(self, began: float) -> None:
        self._cost = time.perf_counter() - began
