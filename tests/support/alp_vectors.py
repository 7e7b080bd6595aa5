"""Makes ``tests/vectors/alp/links.json``: what another implementation of the link protocol can test itself against.

python -m tests.support.alp_vectors > tests/vectors/alp/links.json
"""

from __future__ import annotations

import json
from typing import Any

from alpi.alp.core.address import Address
from alpi.alp.core.card import Card
from alpi.alp.core.connection import Connection
from alpi.alp.core.envelope import Seal, read_envelope, seal_error, seal_request, seal_result
from alpi.alp.core.identity import Identity
from tests.support.links import NOW, compact, identity, plain, signed_anew

ME, CALLER, STRANGER = identity(1), identity(2), identity(3)


def seal(number: int, now: float = NOW) -> Seal:
    return Seal(now + number, number.to_bytes(16, "big"))


def keys(of: Identity) -> dict[str, str]:
    return {
        "seed": of.seed.hex(),
        "ed25519_public": of.public.hex(),
        "pubkey": of.name,
        "x25519_secret": of.noise_secret.hex(),
        "x25519_public": of.noise_public.hex(),
        "fingerprint": of.words,
        "card": str(Card(of.public, Address("nas.lan"), "home server")),
    }


def good() -> dict[str, bytes]:
    ask = {
        "prompt": 'what\'s "odd"?\n\t— ünïcode 日本 😀 \u2028 \x7f',
        "stream": True,
        "budget": {"tokens": 5000, "usd": 0.25},
    }
    result = {
        "text": "3 failures",
        "session_id": "s-1",
        "tokens_in": 812,
        "tokens_out": 40,
        "cost": 1e-07,
        "interrupted": False,
    }
    exceeded = {"code": -32005, "message": "budget-exceeded", "data": {"cap_kind": "usd", "scope": "peer"}}
    return {
        "ping": seal_request(CALLER, ME.name, "c-1", "link.ping", {"nonce": "abc"}, seal(1)),
        "pong": seal_result(ME, CALLER.name, "c-1", {"nonce": "abc", "version": 1, "agent_name": "nas"}, seal(2)),
        "ask": seal_request(CALLER, ME.name, "c-2", "link.ask", ask, seal(3)),
        "first chunk": seal_result(ME, CALLER.name, "c-2", {"text": "", "session_id": "s-1"}, seal(4), "chunk"),
        "chunk": seal_result(ME, CALLER.name, "c-2", {"text": "3 fail"}, seal(5), "chunk"),
        "final": seal_result(ME, CALLER.name, "c-2", result, seal(6), "final"),
        "cancel": seal_request(CALLER, ME.name, "c-3", "link.cancel", {"session_id": "s-1"}, seal(7)),
        "denied": seal_error(ME, CALLER.name, "c-4", {"code": -32001, "message": "capability-denied"}, seal(8)),
        "over budget": seal_error(ME, CALLER.name, "c-5", exceeded, seal(9)),
        "keys by code point": seal_request(
            CALLER,
            ME.name,
            "c-6",
            "link.ping",
            {"nonce": "x", "\ufb01": 1, "\U0001f600": 2, "é": 3, "Z": 4, "": 5},
            seal(10),
        ),
        "numbers": seal_request(
            CALLER,
            ME.name,
            "c-7",
            "link.ping",
            {"nonce": "x", "n": [0, -1, 1.0, 0.1, 1e16, 1e-07, -0.0, 2**64, 123456789.123]},
            seal(11),
        ),
    }


def bad() -> list[dict[str, Any]]:
    """Each must be dropped in silence by ``ME``, which pins ``CALLER`` alone and has seen nothing before, at the time ``now``."""
    base = plain(seal_request(CALLER, ME.name, "b-1", "link.ping", {"nonce": "abc"}, seal(20)))
    mark = base["alp"]
    text = compact(base).decode()

    def remarked(**changes: Any) -> str:
        return signed_anew({**base, "alp": {**mark, **changes}}, CALLER).decode()

    made = {
        "another byte in the signature": compact({**base, "alp": {**mark, "sig": "A" + mark["sig"][1:]}}).decode(),
        "params changed after signing": text.replace('"abc"', '"abd"'),
        "signed by another key": signed_anew(base, STRANGER).decode(),
        "from a key that is not pinned": signed_anew(
            {**base, "alp": {**mark, "from": STRANGER.name}}, STRANGER
        ).decode(),
        "to another node": remarked(to=STRANGER.name),
        "version 2": remarked(v=2),
        "version as text": remarked(v="1"),
        "time 121 seconds in the past": remarked(ts="2026-09-21T14:11:19.000000Z"),
        "time 121 seconds in the future": remarked(ts="2026-09-21T14:15:21.000000Z"),
        "time without a zone": remarked(ts="2026-09-21T14:13:20.000000"),
        "nonce of 30 digits": remarked(nonce="0" * 30),
        "key twice": text.replace('"id":', '"id":"b-1","id":'),
        "key twice, once escaped": text.replace('"id":', '"\\u0069d":"b-1","id":'),
        "NaN": text.replace('"abc"', "NaN"),
        "nested 65 deep": text.replace('"abc"', "[" * 63 + "]" * 63),
        "lone surrogate": text.replace('"abc"', '"\\ud800"'),
        "method and result": signed_anew({**base, "result": {}}, CALLER).decode(),
        "an answer nobody asked for": seal_result(CALLER, ME.name, "b-1", {}, seal(21)).decode(),
        "an array": f"[{text}]",
        "cut off": text[:-1],
    }
    return [{"what": what, "envelope": envelope} for what, envelope in made.items()]


def handshake() -> dict[str, Any]:
    one = Connection(CALLER, bytes(range(32)), ME.noise_public)
    other = Connection(ME, bytes(range(32, 64)), None, lambda key: key == CALLER.noise_public)
    messages = []
    for writer, reader in ((one, other), (other, one), (one, other)):
        data = writer.data_to_send()
        reader.receive(data)
        messages.append(data.hex())
    frames = []
    for writer, text in ((one, b"first"), (other, b"answer"), (other, b""), (one, b"second")):
        writer.send(text)
        frames.append(
            {
                "by": "initiator" if writer is one else "responder",
                "plaintext": text.hex(),
                "bytes": writer.data_to_send().hex(),
            }
        )
    return {
        "initiator": "caller",
        "responder": "me",
        "initiator_ephemeral_secret": bytes(range(32)).hex(),
        "responder_ephemeral_secret": bytes(range(32, 64)).hex(),
        "messages": messages,
        "frames": frames,
    }


def vectors() -> dict[str, Any]:
    """The whole file."""
    envelopes = []
    for what, data in good().items():
        envelope = read_envelope(data)
        envelopes.append(
            {
                "what": what,
                "signed_bytes": envelope.signed[0].decode(),
                "signature": envelope.signature.hex(),
                "envelope": data.decode(),
            }
        )
    return {
        "about": "ALP v1; docs/ALP.md. Times are seconds since 1970, byte strings hexadecimal. License: Apache-2.0",
        "now": NOW,
        "keys": {"me": keys(ME), "caller": keys(CALLER), "stranger": keys(STRANGER)},
        "envelopes": envelopes,
        "dropped": bad(),
        "connection": handshake(),
    }


def text() -> str:
    """The file's text."""
    return json.dumps(vectors(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    print(text(), end="")
