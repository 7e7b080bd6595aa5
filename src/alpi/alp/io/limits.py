"""Every number that bounds what others can make a node or a client do. The reasons stand in docs/ALP.md."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a node. Times in seconds."""

    handshake_seconds: float = 10.0
    handshakes: int = 32
    """In flight at once; one more ends the oldest, so that half-open ones keep nobody out."""
    handshakes_per_address: int = 16
    sessions_per_peer: int = 16
    """Over TCP; one more ends the one that was idle the longest."""
    idle_seconds: float = 90.0
    request_seconds: float = 10.0
    """For a request's line on the Unix socket, and for reading an answer there."""
    unix_connections: int = 64
    asks: int = 16
    """Turns at once, of all peers together; one more is told that the target is busy."""
    cancel_grace: float = 0.8
    """From the word to stop until a turn's task is cancelled."""
    slow_reader_seconds: float = 30.0
    """How long a stream waits for a caller that does not read before the caller counts as gone."""
    log_lines_per_minute: int = 60


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Of a client, in seconds."""

    connect: float = 5.0
    handshake: float = 10.0
    short: float = 10.0
    """For the answer to a short call."""
    silence: float = 60.0
    """For the first piece of an ask's stream; a node names the session as soon as the turn begins."""
    idle: float = 60.0
    busy_tries: int = 4
    busy_pause: float = 0.5
    """Before the second try; doubled each time, and shortened by up to a half at random."""
