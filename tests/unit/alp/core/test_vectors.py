"""The published vectors are what this code makes, and hold when they are checked without it: json, PyNaCl, an independent Noise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nacl.signing
import pytest
from noise.connection import Keypair, NoiseConnection

from alpi.alp.core.gate import Admitted, Dropped, Refused
from tests.support import alp_vectors
from tests.support.links import NOW, Node, compact, identity, peer

FILE = Path(__file__).parents[3] / "vectors" / "alp" / "links.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_text())


def test_the_file_is_current() -> None:
    assert FILE.read_text() == alp_vectors.text(), (
        "run: python -m tests.support.alp_vectors > tests/vectors/alp/links.json"
    )


@pytest.mark.parametrize("vector", VECTORS["envelopes"], ids=lambda vector: str(vector["what"]))
def test_envelopes_hold_without_this_code(vector: dict[str, Any]) -> None:
    body = json.loads(vector["envelope"])
    sender = next(key for key in VECTORS["keys"].values() if key["pubkey"] == body["alp"]["from"])
    body["alp"].pop("sig")
    assert compact(body).decode() == vector["signed_bytes"]
    verify = nacl.signing.VerifyKey(bytes.fromhex(sender["ed25519_public"]))
    verify.verify(vector["signed_bytes"].encode(), bytes.fromhex(vector["signature"]))


@pytest.mark.parametrize("vector", VECTORS["envelopes"], ids=lambda vector: str(vector["what"]))
def test_good_requests_are_taken(vector: dict[str, Any]) -> None:
    if "method" in json.loads(vector["envelope"]):
        judged = Node(identity(1), peer(identity(2))).judge(vector["envelope"].encode())
        assert isinstance(judged, Admitted | Refused)


@pytest.mark.parametrize("vector", VECTORS["dropped"], ids=lambda vector: str(vector["what"]))
def test_bad_ones_are_dropped(vector: dict[str, Any]) -> None:
    node = Node(identity(1), peer(identity(2)))
    assert VECTORS["now"] == NOW
    assert isinstance(node.judge(vector["envelope"].encode()), Dropped)


@pytest.mark.filterwarnings("ignore:One of ephemeral keypairs is already set")
def test_the_connection_holds_with_an_independent_noise() -> None:
    given = VECTORS["connection"]
    for initiator in (True, False):
        mine, theirs = ("caller", "me") if initiator else ("me", "caller")
        noise = NoiseConnection.from_name(b"Noise_XK_25519_ChaChaPoly_SHA256")
        noise.set_as_initiator() if initiator else noise.set_as_responder()
        noise.set_keypair_from_private_bytes(Keypair.STATIC, bytes.fromhex(VECTORS["keys"][mine]["x25519_secret"]))
        if initiator:
            noise.set_keypair_from_public_bytes(
                Keypair.REMOTE_STATIC, bytes.fromhex(VECTORS["keys"][theirs]["x25519_public"])
            )
        role = "initiator" if initiator else "responder"
        noise.set_keypair_from_private_bytes(Keypair.EPHEMERAL, bytes.fromhex(given[f"{role}_ephemeral_secret"]))
        noise.start_handshake()
        for number, message in enumerate(given["messages"]):
            data = bytes.fromhex(message)
            assert int.from_bytes(data[:2], "big") == len(data) - 2
            if (number % 2 == 0) == initiator:
                assert bytes(noise.write_message()) == data[2:]
            else:
                noise.read_message(data[2:])
        assert noise.handshake_finished
        for frame in given["frames"]:
            data = bytes.fromhex(frame["bytes"])
            assert int.from_bytes(data[:4], "big") == len(data) - 4
            if frame["by"] == role:
                assert bytes(noise.encrypt(bytes.fromhex(frame["plaintext"]))) == data[4:]
            else:
                assert bytes(noise.decrypt(data[4:])) == bytes.fromhex(frame["plaintext"])
