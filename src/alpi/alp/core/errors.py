"""What goes wrong with links, under names that a person understands.

LinkError                     exit 1
├── PeerOffline                        nothing answers at the peer's address
├── WrongKey                           something answers there, but it does not hold the peer's key
├── TimedOut                           the peer took longer than the caller wanted to wait
├── SilentlyDropped                    the peer's node took the request and gave no answer
├── ConnectionLost                     the connection broke before the answer was whole
├── BadAnswer                          the answer breaks the protocol
├── PeerBusy                  -32007   the peer is running a turn for this caller already
├── RateLimited               -32005   more requests in a minute than the peer grants
├── PeerOverBudget   exit 4   -32005   a cap on the peer's side, or the request's own, is used up
├── CapabilityDenied exit 3   -32001   the peer's list does not let this caller use that method
├── NotUnderstood             -32601, -32602
├── PeerFailed                -32603   something went wrong inside the peer, or an unknown code
└── ProtocolError                      bytes that break the protocol; the connection ends, nothing is answered
    ├── BadShape                       not a message of this protocol
    ├── HandshakeFailed
    ├── DecryptFailed
    ├── FrameTooLarge
    └── NoncesExhausted
"""

from __future__ import annotations

from ...base.errors import AlpiError


class LinkError(AlpiError):
    """A link to a peer failed."""


class PeerOffline(LinkError):
    """Nothing answers at the peer's address, or its profile's service does not run."""


class WrongKey(LinkError):
    """Something answers at the peer's address, but it does not hold the peer's key."""


class TimedOut(LinkError):
    """The peer took longer than the caller wanted to wait."""


class SilentlyDropped(LinkError):
    """The peer's node took the request and gave no answer. That is how a node treats whoever it does not know."""


class ConnectionLost(LinkError):
    """The connection broke before the answer was whole. Whether the request was done is not known; it was not sent again."""


class BadAnswer(LinkError):
    """The answer breaks the protocol; it was thrown away."""


class PeerBusy(LinkError):
    """The peer is running a turn for this caller already."""


class RateLimited(LinkError):
    """More requests in a minute than the peer grants."""


class PeerOverBudget(LinkError):
    """A cap is used up: the peer's own, the one it grants this caller, or the request's.

    Args:
        kind: ``usd`` or ``tokens``.
        scope: ``profile``, ``peer`` or ``request``.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str = "", kind: str = "", scope: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind
        self.scope = scope


class CapabilityDenied(LinkError):
    """The peer's list does not let this caller use that method."""

    exit_code = 3


class NotUnderstood(LinkError):
    """The peer does not know the method, or not these parameters."""


class PeerFailed(LinkError):
    """Something went wrong inside the peer; it does not say what."""


class ProtocolError(LinkError):
    """Bytes that break the protocol. The connection that brought them ends, and nothing is answered."""


class BadShape(ProtocolError):
    """Not a message of this protocol."""


class HandshakeFailed(ProtocolError):
    """The handshake did not come about: a wrong key, a changed byte, or a stranger."""


class DecryptFailed(ProtocolError):
    """A frame was changed on its way, or is not the next one. The session cannot go on."""


class FrameTooLarge(ProtocolError):
    """A frame longer than the protocol allows was announced or was to be sent."""


class NoncesExhausted(ProtocolError):
    """A cipher has been used 2**64 - 1 times; it must not be used again."""
