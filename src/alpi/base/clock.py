"""Time as a value that is passed in, so that tests neither sleep nor patch."""

from __future__ import annotations

import time
from datetime import datetime, tzinfo
from typing import Protocol


class Clock(Protocol):
    """What the agent asks of time."""

    def now(self) -> datetime:
        """The wall time, aware of its zone."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; for measuring."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait. A fake returns at once and moves its own time on."""
        ...


class SystemClock:
    """The machine's own time, in a zone of the person's choice or else the machine's own."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def now(self) -> datetime:
        return datetime.now().astimezone(self._zone)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)
