"""The replay window: which nonces of which peer were seen, for five minutes, bounded, and able to outlive a restart.

Each peer has its own window of so many nonces. When it is full the oldest is forgotten, and from then on nothing of that peer counts that
is not newer than what was forgotten: what is forgotten can still not be played again, and a peer that floods harms nobody but itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

KEPT_SECONDS = 300.0
PER_PEER = 16384
"""Nonces kept of one peer: 54 a second for five minutes; whoever sends faster is protected by the floor."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One nonce as it was accepted: who sent it, when it came and when it says it was sent (``ts``), in seconds since 1970."""

    sender: str
    nonce: bytes
    received: float
    ts: float


@dataclass(frozen=True, slots=True)
class Floor:
    """Nothing of a sender counts any more whose time is not after ``ts``."""

    sender: str
    ts: float


@dataclass(slots=True)
class _Window:
    nonces: OrderedDict[bytes, Seen] = field(default_factory=OrderedDict)
    floor: float = float("-inf")


class ReplayWindow:
    """Args:
    kept: what an earlier run saved, in its order.
    floor: nothing counts that is not newer than this, whoever sent it: for a run that cannot know what was seen before.
    per_peer: how many nonces of one sender are kept.
    """

    def __init__(
        self, kept: Iterable[Seen | Floor] = (), floor: float = float("-inf"), per_peer: int = PER_PEER
    ) -> None:
        self._windows: dict[str, _Window] = {}
        self._floor = floor
        self._per_peer = per_peer
        for record in kept:
            if isinstance(record, Floor):
                window = self._window(record.sender)
                window.floor = max(window.floor, record.ts)
            else:
                self.remember(record)

    def __len__(self) -> int:
        return sum(len(window.nonces) for window in self._windows.values())

    def is_replay(self, sender: str, nonce: bytes, ts: float, now: float) -> bool:
        """Whether this must not be accepted: seen in the last five minutes, or so old that it is not known any more."""
        window = self._windows.get(sender)
        if window is None:
            return ts <= self._floor
        self._expire(window, now)
        return nonce in window.nonces or ts <= max(window.floor, self._floor)

    def remember(self, seen: Seen) -> None:
        """Note a nonce that was accepted."""
        window = self._window(seen.sender)
        window.nonces[seen.nonce] = seen
        window.nonces.move_to_end(seen.nonce)
        while len(window.nonces) > self._per_peer:
            _, oldest = window.nonces.popitem(last=False)
            window.floor = max(window.floor, oldest.ts)

    def expire(self, now: float) -> None:
        """Forget what is older than five minutes, and senders of whom nothing is left."""
        for sender, window in list(self._windows.items()):
            self._expire(window, now)
            if not window.nonces and window.floor < now - KEPT_SECONDS:
                del self._windows[sender]

    def records(self) -> Iterator[Seen | Floor]:
        """What a later run needs."""
        for sender, window in self._windows.items():
            if window.floor > float("-inf"):
                yield Floor(sender, window.floor)
            yield from window.nonces.values()

    def _window(self, sender: str) -> _Window:
        return self._windows.setdefault(sender, _Window())

    def _expire(self, window: _Window, now: float) -> None:
        while window.nonces:
            nonce, oldest = next(iter(window.nonces.items()))
            if oldest.received + KEPT_SECONDS >= now:
                break
            del window.nonces[nonce]
