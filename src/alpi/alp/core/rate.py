"""The rate of requests: at most so many of one peer in any 60 seconds. Exact, with one number kept for each request of the last minute."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 60.0


class RateLimiter:
    """Counts what was admitted. What was refused does not count: waiting a minute always helps."""

    def __init__(self) -> None:
        self._admitted: dict[str, deque[float]] = {}

    def admit(self, sender: str, per_minute: int, now: float) -> bool:
        """Whether one more is within the rate; then it counts.

        Args:
            now: seconds that never go back.
        """
        times = self._admitted.setdefault(sender, deque())
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if len(times) >= per_minute:
            return False
        times.append(now)
        return True

    def expire(self, now: float) -> None:
        """Forget peers that have asked nothing in the last minute."""
        for sender, times in list(self._admitted.items()):
            if not times or times[-1] <= now - WINDOW_SECONDS:
                del self._admitted[sender]
