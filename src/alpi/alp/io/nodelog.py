"""What a node notes: one line each, never content, and only so many a minute, because strangers cause most of them."""

from __future__ import annotations

from collections.abc import Callable

from ..core.rate import WINDOW_SECONDS


class NodeLog:
    """Args:
    write: takes a line; it goes wherever the service's log is.
    most: lines in a minute; how many were left out is told with the next one.
    """

    def __init__(self, write: Callable[[str], None], most: int) -> None:
        self._write = write
        self._most = most
        self._begun = float("-inf")
        self._count = 0

    def note(self, line: str, monotonic: float) -> None:
        """Note a line, unless there were too many."""
        if monotonic - self._begun >= WINDOW_SECONDS:
            left_out = self._count - self._most
            self._begun, self._count = monotonic, 0
            if left_out > 0:
                self._write(f"{left_out} more lines of this kind were left out")
        self._count += 1
        if self._count <= self._most:
            self._write(line)
