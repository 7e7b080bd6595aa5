from __future__ import annotations

import copy
from typing import Any

import pytest

from alpi.alp.core.envelope import (
    read_envelope,
    read_time,
    seal_error,
    seal_request,
    seal_result,
    write_time,
)
from alpi.alp.core.errors import BadShape
from alpi.alp.core.identity import encode_base64
from tests.support.links import NOW, compact, identity, plain, seals, signed_anew

ME, PEER = identity(1), identity(2)


def a_request(params: dict[str, Any] | None = None) -> bytes:
    return seal_request(ME, PEER.name, "id-1", "link.ping", params or {"nonce": "x"}, seals()())


def test_a_request_has_exactly_these_members() -> None:
    body = plain(a_request())
    mark = body.pop("alp")
    assert body == {"jsonrpc": "2.0", "id": "id-1", "method": "link.ping", "params": {"nonce": "x"}}
    assert set(mark) == {"v", "from", "to", "ts", "nonce", "sig"}
    assert (mark["v"], mark["from"], mark["to"]) == (1, ME.name, PEER.name)
    assert mark["ts"] == "2026-09-21T14:13:20.000000Z"
    assert len(mark["nonce"]) == 32 and mark["nonce"] == mark["nonce"].lower()


def test_the_signature_is_over_the_object_without_it() -> None:
    data = a_request({"nonce": "ü", "z": [1, 2.5, {"b": 1, "a": None}]})
    assert signed_anew(plain(data), ME) == data


def test_reading_gives_what_was_sealed() -> None:
    envelope = read_envelope(a_request())
    assert envelope.is_request and envelope.is_signed()
    assert (envelope.id, envelope.method, envelope.params) == ("id-1", "link.ping", {"nonce": "x"})
    assert (envelope.sender, envelope.recipient, envelope.version, envelope.ts) == (ME.name, PEER.name, 1, NOW)


def test_answers_carry_result_or_error() -> None:
    result = read_envelope(seal_result(PEER, ME.name, "id-1", {"text": "x"}, seals()(), "chunk"))
    assert not result.is_request and result.is_signed()
    assert (result.result, result.error, result.stream) == ({"text": "x"}, None, "chunk")
    error = read_envelope(seal_error(PEER, ME.name, "id-1", {"code": -32007, "message": "target-busy"}, seals()()))
    assert (error.result, error.error, error.stream) == (None, {"code": -32007, "message": "target-busy"}, "")
    assert "stream" not in plain(seal_result(PEER, ME.name, "id-1", {}, seals()()))


def test_spaces_and_order_on_the_wire_do_not_matter() -> None:
    import json

    body = plain(a_request({"nonce": "ü"}))
    turned = {key: body[key] for key in reversed(body)}
    for text in (json.dumps(body, indent=2), json.dumps(turned), json.dumps(turned, ensure_ascii=True)):
        assert read_envelope(text.encode()).is_signed()


def changed(path: str, value: object) -> bytes:
    body = plain(a_request())
    place: Any = body
    *folders, name = path.split(".")
    for folder in folders:
        place = place[folder]
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return signed_anew(body, ME)


SHAPES: dict[str, list[object]] = {
    "jsonrpc": ["1.0", 2.0, ...],
    "id": ["", 1, None, ..., "x" * 257],
    "method": ["", 1, None, ...],
    "result": [{}],
    "error": [{"code": 1, "message": "x"}],
    "stream": ["chunk"],
    "alp.from": [..., "x", 1, ME.name[:-1]],
    "alp.to": [..., "", PEER.name + "="],
    "alp.ts": [
        ...,
        1,
        "now",
        "2026-09-21T14:13:20+00:00",
        "2026-09-21 14:13:20Z",
        "2026-13-21T14:13:20Z",
        "2026-09-21T25:13:20Z",
        "0000-01-01T00:00:00Z",
    ],
    "alp.nonce": [..., "0" * 31, "0" * 33, "g" * 32, 1],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in SHAPES.items() for value in values])
def test_another_shape_is_refused(path: str, value: object) -> None:
    with pytest.raises(BadShape):
        read_envelope(changed(path, value))


@pytest.mark.parametrize("alp", [None, [], "x", 1])
def test_an_envelope_without_its_mark_is_none(alp: object) -> None:
    with pytest.raises(BadShape):
        read_envelope(compact({**plain(a_request()), "alp": alp}))


@pytest.mark.parametrize("sig", [None, "", "x", 1, "A" * 86 + "==", "A" * 87 + "="])
def test_a_signature_must_be_64_bytes_that_fit(sig: object) -> None:
    body = plain(a_request())
    body["alp"]["sig"] = sig
    try:
        assert not read_envelope(compact(body)).is_signed()
    except BadShape:
        assert sig != "A" * 86 + "=="


@pytest.mark.parametrize(
    "extra",
    [
        {"result": 1},
        {"stream": "x"},
        {"stream": None},
        {"params": {}},
        {"error": None},
        {"error": {"code": "1", "message": ""}},
    ],
)
def test_other_shapes_of_an_answer_are_refused(extra: dict[str, Any]) -> None:
    body = plain(seal_error(PEER, ME.name, "id-1", {"code": 1, "message": "x"}, seals()()))
    with pytest.raises(BadShape):
        read_envelope(signed_anew({**body, **extra}, PEER))


def test_members_that_are_not_known_are_signed_and_left_alone() -> None:
    body = {**plain(a_request()), "later": [1]}
    assert read_envelope(signed_anew(body, ME)).is_signed()
    assert not read_envelope(compact(body)).is_signed()


def test_any_member_that_changes_breaks_the_signature() -> None:
    body = plain(a_request({"nonce": "x", "number": 1}))
    for path, value in [("id", "id-2"), ("method", "link.ask"), ("params", {}), ("alp.v", 2), ("alp.to", ME.name), ("alp.nonce", "1" * 32),
                        ("alp.ts", "2026-09-21T14:13:20.000001Z"), ("alp.from", PEER.name), ("params.number", 1.0),
                        ("params.number", True)]:  # fmt: skip
        other = copy.deepcopy(body)
        place: Any = other
        *folders, name = path.split(".")
        for folder in folders:
            place = place[folder]
        place[name] = value
        assert not read_envelope(compact(other)).is_signed(), path


@pytest.mark.parametrize("number", ["1e3", "1.50", "-0", "1E+2", "1e-7"])
def test_a_number_counts_as_it_was_signed(number: str) -> None:
    """Signed over the wire's own spelling, or over the shortest one: both are accepted, another value is not."""
    for spelled in (True, False):
        text = f'{{"n":{number}}}' if spelled else compact({"n": float(number) if number != "-0" else 0}).decode()
        mark = f'{{"from":"{ME.name}","nonce":"{"0" * 32}","to":"{PEER.name}","ts":"2026-09-21T14:13:20Z","v":1}}'
        whole = f'{{"alp":{mark},"id":"1","jsonrpc":"2.0","method":"m","params":{text}}}'
        signature = encode_base64(ME.sign(whole.encode()))
        wire = whole.replace(text, f'{{"n":{number}}}').replace('"to":', f'"sig":"{signature}","to":')
        assert read_envelope(wire.encode()).is_signed()
        assert not read_envelope(wire.replace(f'"n":{number}', '"n":7').encode()).is_signed()


def test_another_key_cannot_sign() -> None:
    assert not read_envelope(signed_anew(plain(a_request()), identity(3))).is_signed()


def test_a_key_that_is_no_point_signs_nothing() -> None:
    body = plain(a_request())
    body["alp"]["from"] = "A" * 43 + "="
    assert not read_envelope(compact(body)).is_signed()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-09-21T14:13:20Z", NOW),
        ("2026-09-21T14:13:20.5Z", NOW + 0.5),
        ("2026-09-21T14:13:20.123456Z", NOW + 0.123456),
        ("2026-09-21T14:13:20.123456789Z", NOW + 0.123456789),
        ("2026-09-21T14:13:20.1234567890Z", None),
        ("2026-09-21T14:13:60Z", None),
        ("2026-9-21T14:13:20Z", None),
        ("2026-09-21T14:13:20", None),
        ("2026-09-21T14:13:20z", None),
        ("٢026-09-21T14:13:20Z", None),
        ("2026-09-21T14:13:20Z\n", None),
    ],
)
def test_times(text: str, seconds: float | None) -> None:
    read = read_time(text)
    assert read is None if seconds is None else read == pytest.approx(seconds, abs=1e-6)


def test_a_written_time_reads_back() -> None:
    assert write_time(NOW + 0.25) == "2026-09-21T14:13:20.250000Z"
    assert read_time(write_time(NOW + 0.25)) == NOW + 0.25


def test_a_nonce_has_16_bytes() -> None:
    from alpi.alp.core.envelope import Seal

    with pytest.raises(ValueError):
        seal_request(ME, PEER.name, "1", "link.ping", {}, Seal(NOW, b"short"))
