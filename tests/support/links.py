"""What tests of links share: identities and peers that are the same in every run, envelopes made to order, two connections that talk."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from alpi.alp.core.connection import Connection, EnvelopeArrived, Event
from alpi.alp.core.envelope import Seal
from alpi.alp.core.gate import Gatekeeper, Judged
from alpi.alp.core.identity import Identity, encode_base64
from alpi.alp.core.methods import METHODS, AskParams, OverCap
from alpi.alp.core.peers import Peer, PeerBook
from alpi.alp.core.replay import ReplayWindow

NOW = 1_790_000_000.0
"""The tests' present, in seconds since 1970."""


def identity(number: int) -> Identity:
    """The same identity for the same number."""
    return Identity(number.to_bytes(32, "big"))


def peer(of: Identity, id: str = "peer", **changes: Any) -> Peer:
    """An entry for an identity that may do everything."""
    made = Peer(id=id, public=of.public, noise_public=of.noise_public, allow=METHODS, per_minute=1_000_000)
    return replace(made, **changes)


def seeded(seed: int = 1) -> Callable[[int], bytes]:
    """Random bytes that are the same in every run."""
    return random.Random(seed).randbytes


def seals(now: float = NOW, seed: int = 1) -> Callable[[], Seal]:
    """Seals at one moment, each with a nonce of its own."""
    numbers = itertools.count(seed << 64)
    return lambda: Seal(now, next(numbers).to_bytes(16, "big"))


def plain(envelope: bytes) -> dict[str, Any]:
    """An envelope's object."""
    made = json.loads(envelope)
    assert isinstance(made, dict)
    return made


def compact(body: object) -> bytes:
    """JSON as another implementation would write it: Python's own encoder, sorted, without spaces."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed_anew(body: dict[str, Any], by: Identity) -> bytes:
    """An object with a fresh, right signature, whatever else is wrong with it. Written apart from the code under test."""
    mark = {key: value for key, value in body["alp"].items() if key != "sig"}
    whole = {**body, "alp": mark}
    return compact({**whole, "alp": {**mark, "sig": encode_base64(by.sign(compact(whole)))}})


def gatekeeper(
    of: Identity, over_cap: OverCap | None = None, busy: Callable[[Peer], bool] = lambda peer: False
) -> Gatekeeper:
    """A node's gates with nothing seen yet."""

    def cap(asking: Peer, params: AskParams) -> OverCap | None:
        return over_cap

    return Gatekeeper(of.name, ReplayWindow(), cap, busy)


class Node:
    """The gates of one identity, with its book: what a node would do with an envelope, without the network."""

    def __init__(self, me: Identity, *peers: Peer, over_cap: OverCap | None = None) -> None:
        self.me = me
        self.book = PeerBook(peers)
        self.busy = False
        self.gates = gatekeeper(me, over_cap, lambda peer: self.busy)
        self.now = NOW

    def judge(self, data: bytes, proven: bytes | None = None) -> Judged:
        return self.gates.judge(data, self.book, self.now, self.now - NOW, proven)


def connected(
    client: Identity, server: Identity, admits: Callable[[bytes], bool] | None = None, seed: int = 1
) -> tuple[Connection, Connection]:
    """Two connections whose handshake is done."""
    rng = seeded(seed)
    one = Connection(client, rng(32), server.noise_public)
    other = Connection(server, rng(32), None, admits or (lambda key: True))
    for _ in range(2):
        pump(one, other)
        pump(other, one)
    assert one.is_open and other.is_open
    return one, other


def pump(sender: Connection, receiver: Connection) -> list[Event]:
    """Carry what waits from one end to the other."""
    return receiver.receive(sender.data_to_send())


def envelopes(events: list[Event]) -> list[bytes]:
    """The envelopes among events."""
    return [event.data for event in events if isinstance(event, EnvelopeArrived)]
