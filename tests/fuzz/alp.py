"""Mutated frames, handshakes and envelopes for the link protocol. Each round is made from a seed alone, so that a finding can be repeated:

    python -m tests.fuzz.alp 1000000

Only the documented outcomes may come out: a verdict of the gates, or an event of the connection. Whatever else is raised is a finding.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from alpi.alp.core.connection import Broken, Connection, EnvelopeArrived, HandshakeDone
from alpi.alp.core.envelope import Seal, seal_request, seal_result
from alpi.alp.core.gate import Admitted, Dropped, Reason, Refused
from alpi.alp.core.noise.cipherstate import CipherState
from alpi.alp.core.peers import PeerBook
from tests.support.links import NOW, connected, gatekeeper, identity, peer, plain, seeded, signed_anew

ME, CALLER, STRANGER = identity(1), identity(2), identity(3)
BOOK = PeerBook([peer(CALLER, "caller", per_minute=1_000_000)])
WORDS = rb"""
{ } [ ] " , : \ \u0000 \ud800 null true NaN -Infinity 1e999 -0 1e3 1.0 "alp": "v":1, "method": "result":{}, "stream":"chunk",
"sig":"", "__proto__":{}, 2026-09-21T14:13:20Z
"""
RAW = (
    b"0" * 50,
    b"9" * 400,
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\0",
    b"\n",
    b" ",
    b"[" * 70,
    b'{"a":' * 70,
    b"\xe2\x80\xae",
)
TOKENS = (*WORDS.split(), *RAW)
SHARES = (("bodies", 0.55), ("objects", 0.1), ("frames", 0.3), ("handshakes", 0.05))


def mutate(rng: random.Random, data: bytes) -> bytes:
    """A few random changes."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(made) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at : at + rng.choice((1, 2, 8, 64))] = b""
        elif kind == 2:
            made[at:at] = rng.randbytes(rng.choice((1, 2, 8)))
        elif kind == 3:
            made[at : at + rng.choice((0, 1, 4))] = rng.choice(TOKENS)
        elif kind == 4:
            other = rng.randrange(len(made) + 1)
            made[at:at] = made[other : other + rng.choice((1, 4, 32))]
        else:
            del made[at:]
    return bytes(made)


def a_value(rng: random.Random, depth: int = 0) -> Any:
    """A random JSON value."""
    kind = rng.randrange(9 if depth < 4 else 7)
    if kind == 7:
        return [a_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 8:
        return {
            rng.choice(("prompt", "nonce", "budget", "usd", "alp", "x")): a_value(rng, depth + 1)
            for _ in range(rng.randrange(4))
        }
    return (
        None,
        True,
        rng.randrange(-(10**20), 10**20),
        rng.random() * 10 ** rng.randrange(-300, 300),
        "",
        "text",
        "\u202e\x00é" * 3,
    )[kind]


def seeds_of_bodies() -> list[bytes]:
    """Good envelopes to begin with."""
    number = iter(range(10**6, 10**6 + 100))

    def seal() -> Seal:
        return Seal(NOW, next(number).to_bytes(16, "big"))

    made = [
        seal_request(CALLER, ME.name, "1", "link.ping", {"nonce": "n"}, seal()),
        seal_request(
            CALLER, ME.name, "1", "link.ask", {"prompt": "é\n" * 20, "stream": True, "budget": {"usd": 0.5}}, seal()
        ),
        seal_request(CALLER, ME.name, "1", "link.cancel", {"session_id": "s"}, seal()),
        seal_result(CALLER, ME.name, "1", {"text": "x" * 500, "cost": 1e-7}, seal(), "final"),
        seal_request(STRANGER, ME.name, "1", "link.ping", {"nonce": "n"}, seal()),
    ]
    return [*made, json.dumps(plain(made[1]), indent=1).encode(), b"{}", b"[]", b""]


class Fuzzer:
    """All rounds of one seed. ``found`` counts the outcomes."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.found: Counter[str] = Counter()
        self.gates = gatekeeper(ME)
        self.corpus = seeds_of_bodies()
        one, other = connected(CALLER, ME)
        assert one._send is not None and one._send._key is not None
        self.key, self.shell = one._send._key, other
        self.serial = seed << 40

    def bodies(self) -> None:
        """An envelope with changes to its bytes."""
        data = mutate(self.rng, self.rng.choice(self.corpus))
        self._judged(data, unpinned=False)

    def objects(self) -> None:
        """An envelope with changes to its object and a right signature, by the peer or by a stranger."""
        by = self.rng.choice((CALLER, CALLER, STRANGER))
        self.serial += 1
        method = self.rng.choice(("link.ping", "link.ask", "link.cancel", "link.x"))
        body = plain(seal_request(by, ME.name, "1", method, {}, Seal(NOW, self.serial.to_bytes(16, "big"))))
        body["params"] = a_value(self.rng)
        if self.rng.random() < 0.5:
            place = body["alp"] if self.rng.random() < 0.5 else body
            place[self.rng.choice(("v", "ts", "id", "method", "to", "stream", "result", "x"))] = a_value(self.rng)
        self._judged(signed_anew(body, by), unpinned=by is STRANGER)

    def frames(self) -> None:
        """Sealed frames with changes, cut into pieces."""
        send, receiver = CipherState(self.key), Connection(ME, bytes(32), None, lambda key: True)
        receiver._handshake, receiver._send, receiver._receive = None, CipherState(bytes(32)), CipherState(self.key)
        whole = b""
        for _ in range(self.rng.randrange(1, 4)):
            sealed = send.encrypt(self.rng.choice(self.corpus))
            whole += len(sealed).to_bytes(4, "big") + sealed
        changed = mutate(self.rng, whole)
        arrived = 0
        while changed:
            cut = self.rng.choice((1, 5, 100, 10_000))
            for event in receiver.receive(changed[:cut]):
                self.found[type(event).__name__] += 1
                assert isinstance(event, EnvelopeArrived | Broken)
                if isinstance(event, EnvelopeArrived):
                    arrived += 1
                    assert event.data in self.corpus
            changed = changed[cut:]
        assert receiver.data_to_send() == b""
        assert receiver.waiting <= (1 << 20) + 4
        assert arrived <= 3

    def handshakes(self) -> None:
        """Handshake messages with changes, for either end."""
        draw = seeded(self.rng.randrange(1 << 30))
        by = self.rng.choice((CALLER, STRANGER))
        one = Connection(by, draw(32), ME.noise_public)
        other = Connection(ME, draw(32), None, lambda key: key == CALLER.noise_public)
        good = self.rng.randrange(3)
        for number in range(3):
            writer, reader = (one, other) if number % 2 == 0 else (other, one)
            data = writer.data_to_send()
            events = reader.receive(data if number < good else mutate(self.rng, data))
            for event in events:
                self.found[type(event).__name__] += 1
                assert isinstance(event, HandshakeDone | Broken)
                if isinstance(event, Broken):
                    assert reader.data_to_send() == b""
                    return
        assert not (by is STRANGER and other.is_open)

    def _judged(self, data: bytes, unpinned: bool) -> None:
        judged = self.gates.judge(data, BOOK, NOW, 0.0, CALLER.noise_public)
        self.found[judged.reason.name if isinstance(judged, Dropped) else type(judged).__name__] += 1
        assert isinstance(judged, Dropped | Refused | Admitted)
        if unpinned:
            assert isinstance(judged, Dropped) and judged.reason in (Reason.NOT_PINNED, Reason.BAD_SHAPE)


def run(count: int, seed: int) -> Counter[str]:
    """So many rounds in all; gives the counted outcomes.

    Raises:
        AssertionError: with the seed and the number of the round.
    """
    fuzzer = Fuzzer(seed)
    rounds: dict[str, Callable[[], None]] = {name: getattr(fuzzer, name) for name, _ in SHARES}
    for name, share in SHARES:
        for number in range(round(count * share)):
            try:
                rounds[name]()
            except Exception as error:
                raise AssertionError(f"seed {seed}, {name} number {number}: {type(error).__name__}: {error}") from error
    return fuzzer.found


def peak_mib() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)


if __name__ == "__main__":
    print(dict(run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)), f"{peak_mib():.0f} MiB")
