"""Pinned peers: who they are, what each may do, and the book that finds them by key or label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ...base.errors import UsageError
from .address import Address
from .identity import encode_key
from .lookalike import look_alike
from .words import fingerprint

PEER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
METHOD = re.compile(r"[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31}){1,3}")
PER_MINUTE = 60
"""Requests a minute where a peer's entry says nothing."""


@dataclass(frozen=True, slots=True)
class DayBudget:
    """The most that a peer's requests may use in a day; ``None``: only the profile's own budget counts."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """One pinned peer.

    Args:
        id: the local handle.
        public: its Ed25519 key, 32 bytes.
        noise_public: the same key for Noise (X25519).
        address: where it listens; ``None`` for a profile of this machine.
        alias: a label for people, or ``""``.
        allow: the methods that it may invoke here; without any it may do nothing.
        per_minute: requests that it may make in any 60 seconds.
    """

    id: str
    public: bytes = field(repr=False)
    noise_public: bytes = field(repr=False)
    address: Address | None = None
    alias: str = ""
    allow: tuple[str, ...] = ()
    budget: DayBudget = DayBudget()
    per_minute: int = PER_MINUTE
    pubkey: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pubkey", encode_key(self.public))

    @property
    def words(self) -> str:
        """The key's fingerprint in words."""
        return fingerprint(self.public)

    @property
    def label(self) -> str:
        """What people are shown."""
        return f"{self.id} ({self.alias})" if self.alias else self.id


class PeerBook:
    """The pinned peers, in the order of the file. Never changes.

    Args:
        peers: ids and keys are each there once.
        problem: why the file cannot be relied on, or ``""``; then there are no peers, and nobody is admitted.
    """

    def __init__(self, peers: Sequence[Peer] = (), problem: str = "") -> None:
        self.peers = tuple(peers)
        self.problem = problem
        self._by_key = MappingProxyType({peer.pubkey: peer for peer in self.peers})
        self._by_noise = MappingProxyType({peer.noise_public: peer for peer in self.peers})

    def __iter__(self) -> Iterator[Peer]:
        return iter(self.peers)

    def __len__(self) -> int:
        return len(self.peers)

    def by_key(self, pubkey: str) -> Peer | None:
        """The peer with this key (base64)."""
        return self._by_key.get(pubkey)

    def by_noise_key(self, public: bytes) -> Peer | None:
        """The peer whose key a handshake has proved (X25519)."""
        return self._by_noise.get(public)

    def find(self, name: str) -> Peer | None:
        """The peer with this id, or else the only one with this alias; case does not count for an alias."""
        for peer in self.peers:
            if peer.id == name:
                return peer
        fits = [peer for peer in self.peers if peer.alias and peer.alias.casefold() == name.casefold()]
        return fits[0] if len(fits) == 1 else None

    def check_new(self, peer: Peer) -> None:
        """Whether a peer can be added.

        Raises:
            UsageError: its key is pinned already, or one of its labels could be taken for another peer's.
        """
        for known in self.peers:
            if known.noise_public == peer.noise_public:
                raise UsageError(
                    f"this key is pinned already, as {known.label}", f"Look at it with: alpi peers show {known.id}"
                )
            for mine in filter(None, (peer.id, peer.alias)):
                for theirs in filter(None, (known.id, known.alias)):
                    if look_alike(mine, theirs):
                        raise UsageError(
                            f"{mine!r} looks like {theirs!r}, a label of {known.label}",
                            "Choose another, so that nobody mistakes one for the other",
                        )
