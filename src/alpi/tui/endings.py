"""Being ended from outside: the terminal closes, or somebody kills alpi. The screen is left as after a word of goodbye."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable


def when_ended(leave: Callable[[], object]) -> None:
    """Call ``leave`` on SIGTERM and SIGHUP, as long as the running loop lives. Only the main thread may heed signals."""
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, leave)
