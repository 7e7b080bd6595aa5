"""Envelopes: what is sealed reads back, the canonical form is stable and is another encoder's, and no changed byte is accepted."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from alpi.alp.core.envelope import Seal, read_envelope, seal_request, seal_result
from alpi.alp.core.errors import BadShape
from alpi.alp.core.identity import encode_base64
from alpi.alp.core.jsontext import canonical, canonical_as_spelled, parse
from tests.support.links import NOW, compact, identity, plain

ME, PEER = identity(1), identity(2)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=5)
seals = st.builds(
    Seal, st.floats(NOW - 1e8, NOW + 1e8).map(lambda now: round(now, 3)), st.binary(min_size=16, max_size=16)
)


@given(objects)
def test_the_canonical_form_is_python_s_own_and_stable(value: dict[str, Any]) -> None:
    written = canonical(value)
    assert written == compact(value)
    again, odd = parse(written)
    assert again == value and not odd
    assert canonical(again) == canonical_as_spelled(again) == written


@given(objects, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_spaces_do_not_matter(value: dict[str, Any], rng: Any) -> None:
    def shuffled(part: Any) -> Any:
        if isinstance(part, dict):
            keys = list(part)
            rng.shuffle(keys)
            return {key: shuffled(part[key]) for key in keys}
        return [shuffled(inner) for inner in part] if isinstance(part, list) else part

    text = json.dumps(shuffled(value), indent=rng.choice([None, 1, "\t"]), ensure_ascii=rng.random() < 0.5)
    assert canonical(parse(text.encode())[0]) == canonical(value)


@given(objects, texts.filter(bool), seals)
def test_a_sealed_request_reads_back(params: dict[str, Any], method: str, seal: Seal) -> None:
    envelope = read_envelope(seal_request(ME, PEER.name, "id", method, params, seal))
    assert envelope.is_signed()
    assert (envelope.method, envelope.params, envelope.sender, envelope.recipient) == (
        method,
        params,
        ME.name,
        PEER.name,
    )
    assert envelope.nonce == seal.nonce
    assert abs(envelope.ts - seal.now) < 1e-5


@given(objects, seals, st.sampled_from(["", "chunk", "final"]))
def test_a_sealed_answer_reads_back(result: dict[str, Any], seal: Seal, stream: Any) -> None:
    envelope = read_envelope(seal_result(ME, PEER.name, "id", result, seal, stream))
    assert envelope.is_signed() and not envelope.is_request
    assert (envelope.result, envelope.error, envelope.stream) == (result, None, stream)


@given(objects, seals, st.data())
def test_no_changed_byte_is_accepted(params: dict[str, Any], seal: Seal, data: st.DataObject) -> None:
    """The one exception says the same: a number's other spelling (1e5, 1E5)."""
    whole = seal_request(ME, PEER.name, "id", "link.ask", params, seal)
    at = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda value: value != whole[at]))
    changed = whole[:at] + bytes([value]) + whole[at + 1 :]
    try:
        envelope = read_envelope(changed)
    except BadShape:
        return
    if envelope.is_signed():
        assert json.loads(changed) == json.loads(whole) and {whole[at], value} == {*b"eE"}


@given(objects, seals, st.data())
def test_no_cut_or_doubled_piece_is_accepted(params: dict[str, Any], seal: Seal, data: st.DataObject) -> None:
    whole = seal_request(ME, PEER.name, "id", "link.ask", params, seal)
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start + 1, len(whole)))
    changed = data.draw(st.sampled_from([whole[:start] + whole[end:], whole[:end] + whole[start:]]))
    assume(changed != whole)
    try:
        envelope = read_envelope(changed)
    except BadShape:
        return
    assert not envelope.is_signed()


@given(objects, objects, seals)
def test_two_requests_that_differ_have_two_signatures(one: dict[str, Any], other: dict[str, Any], seal: Seal) -> None:
    assume(compact(one) != compact(other))
    first, second = (plain(seal_request(ME, PEER.name, "id", "m", params, seal)) for params in (one, other))
    assert first["alp"]["sig"] != second["alp"]["sig"]


@given(st.binary(max_size=200))
def test_anything_else_is_a_bad_shape(data: bytes) -> None:
    try:
        read_envelope(data)
    except BadShape:
        return
    raise AssertionError("random bytes made an envelope")


@given(numbers.filter(lambda number: number == number), st.booleans())
def test_another_signer_may_spell_numbers_in_its_own_way(number: float, upper: bool) -> None:
    spelled = f"{float(number):.17E}" if upper else f"{float(number):.20e}"
    mark = {"v": 1, "from": ME.name, "to": PEER.name, "ts": "2026-09-21T14:13:20.000000Z", "nonce": "0" * 32}
    body = compact({"jsonrpc": "2.0", "id": "1", "method": "m", "params": {"n": "@"}, "alp": mark})
    body = body.replace(b'"@"', spelled.encode())
    signature = encode_base64(ME.sign(body))
    wire = body.replace(b'"to":', f'"sig":"{signature}","to":'.encode())
    envelope = read_envelope(wire)
    assert envelope.is_signed() and envelope.params == {"n": float(spelled)}
