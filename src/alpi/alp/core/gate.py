"""The gates that a request passes, in their one order; what does not pass is dropped in silence or answered with a code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from . import methods
from .envelope import CLOCK_SECONDS, Envelope, is_version, read_envelope
from .errors import BadShape
from .methods import AskParams, Fault, OverCap, Params
from .peers import Peer, PeerBook
from .rate import WINDOW_SECONDS, RateLimiter
from .replay import ReplayWindow, Seen


class Reason(StrEnum):
    """Why something was dropped. For the log of the one who drops; the other end never learns it."""

    BAD_SHAPE = "not an envelope"
    NOT_PINNED = "its key is not pinned"
    NOT_PROVEN = "its key is not the one that the connection has proved"
    VERSION = "another version of the protocol"
    CLOCK = "its time is more than 2 minutes off"
    SIGNATURE = "its signature is wrong"
    REPLAY = "its nonce was seen before"
    RECIPIENT = "it is meant for another node"
    NOT_A_REQUEST = "it is an answer, and nothing was asked"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing is sent. ``sender``: the key that the envelope claims, or ``""``."""

    reason: Reason
    sender: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Answer with this code."""

    peer: Peer
    id: str
    fault: Fault
    seen: Seen


@dataclass(frozen=True, slots=True)
class Admitted:
    """Do it."""

    peer: Peer
    id: str
    method: str
    params: Params
    seen: Seen


Judged = Dropped | Refused | Admitted


class Gatekeeper:
    """The gates of one node.

    Args:
        key: the node's own key, in base64.
        window: the replay memory.
        over_cap: whether a peer's ask would go over a cap, and over which; asked from outside, where budgets are known. A ``Fault``
            says that it cannot be known.
        is_busy: whether a peer's own session runs a turn now.
    """

    def __init__(
        self,
        key: str,
        window: ReplayWindow,
        over_cap: Callable[[Peer, AskParams], OverCap | Fault | None],
        is_busy: Callable[[Peer], bool],
    ) -> None:
        self._key = key
        self.window = window
        self.rates = RateLimiter()
        self._over_cap = over_cap
        self._is_busy = is_busy

    def judge(self, data: bytes, book: PeerBook, now: float, monotonic: float, proven: bytes | None = None) -> Judged:
        """Take one envelope through all gates. What is not dropped is remembered, and must be kept (``seen``) before it is answered.

        Args:
            now: seconds since 1970, for the envelope's time.
            monotonic: seconds that never go back, for the rate.
            proven: the X25519 key that the transport has proved, or ``None`` where it proves none.
        """
        try:
            envelope = read_envelope(data)
        except BadShape as error:
            return Dropped(Reason.BAD_SHAPE, detail=error.message)
        peer = book.by_key(envelope.sender)
        if peer is None:
            return Dropped(Reason.NOT_PINNED, envelope.sender)
        wrong = self._unfit(envelope, peer, now, proven)
        if wrong is not None:
            return Dropped(wrong, envelope.sender)
        seen = Seen(envelope.sender, envelope.nonce, now, envelope.ts)
        self.window.remember(seen)
        return self._passed(envelope, peer, seen, monotonic)

    def _unfit(self, envelope: Envelope, peer: Peer, now: float, proven: bytes | None) -> Reason | None:
        if proven is not None and peer.noise_public != proven:
            return Reason.NOT_PROVEN
        if not is_version(envelope.version):
            return Reason.VERSION
        if abs(now - envelope.ts) > CLOCK_SECONDS:
            return Reason.CLOCK
        if not envelope.is_signed():
            return Reason.SIGNATURE
        if self.window.is_replay(envelope.sender, envelope.nonce, envelope.ts, now):
            return Reason.REPLAY
        if envelope.recipient != self._key:
            return Reason.RECIPIENT
        return None if envelope.is_request else Reason.NOT_A_REQUEST

    def _passed(self, envelope: Envelope, peer: Peer, seen: Seen, monotonic: float) -> Refused | Admitted:
        method = envelope.method
        if method not in peer.allow:
            return Refused(peer, envelope.id, methods.CAPABILITY_DENIED, seen)
        if not self.rates.admit(peer.pubkey, peer.per_minute, monotonic):
            return Refused(peer, envelope.id, methods.rate_limited(int(WINDOW_SECONDS)), seen)
        if method not in methods.METHODS:
            return Refused(peer, envelope.id, methods.METHOD_NOT_FOUND, seen)
        params = methods.read_params(method, envelope.params)
        if params is None:
            return Refused(peer, envelope.id, methods.INVALID_PARAMS, seen)
        if isinstance(params, AskParams):
            cap = self._over_cap(peer, params)
            if cap is not None:
                fault = cap if isinstance(cap, Fault) else methods.budget_exceeded(cap)
                return Refused(peer, envelope.id, fault, seen)
            if self._is_busy(peer):
                return Refused(peer, envelope.id, methods.TARGET_BUSY, seen)
        return Admitted(peer, envelope.id, method, params, seen)
