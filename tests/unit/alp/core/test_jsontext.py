from __future__ import annotations

import json

import pytest

from alpi.alp.core.errors import BadShape
from alpi.alp.core.jsontext import canonical, canonical_as_spelled, parse


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": {"d": 1, "c": 2}}, '{"a":{"c":2,"d":1},"b":1}'),
        ({"z": [1, 2.5, True, None, "x"]}, '{"z":[1,2.5,true,null,"x"]}'),
        ({"é": "ü€😀", "e": "\u2028"}, '{"e":"\u2028","é":"ü€😀"}'),
        ({"a": '"\\/\b\f\n\r\t\x00\x1f\x7f'}, '{"a":"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f"}'),
        ({"\U00010000": 1, "\uffff": 2}, '{"\uffff":2,"\U00010000":1}'),
        ({"a": 1.0, "b": 1e16, "c": 1e-7, "d": -0.0, "e": 123456789012345678901234567890}, None),
    ],
)
def test_the_canonical_form(value: object, written: str | None) -> None:
    expected = written or '{"a":1.0,"b":1e+16,"c":1e-07,"d":-0.0,"e":123456789012345678901234567890}'
    assert canonical(value) == expected.encode()


def test_keys_are_sorted_by_code_point_not_by_utf16() -> None:
    assert canonical({"\U0001f600": 1, "\ufb01": 2}) == '{"\ufb01":2,"\U0001f600":1}'.encode()


@pytest.mark.parametrize(
    "value", [{"a": float("nan")}, {"a": float("inf")}, {"a": "\ud800"}, {"a": b"x"}, {"\udfff": 1}]
)
def test_what_json_cannot_hold_has_no_canonical_form(value: object) -> None:
    with pytest.raises(BadShape):
        canonical(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b"{",
        b"{} {}",
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":1.}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"\\u0062":2}}',
        b'{"a":"\x01"}',
        b'{"a":"\\x"}',
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"{1:2}",
        b'{"a":1}//',
        b'{"a":' + b"1" * 1001 + b"}",
        b'{"a":0.' + b"1" * 1001 + b"}",
    ],
)
def test_what_is_not_strict_json_is_refused(text: bytes) -> None:
    with pytest.raises(BadShape):
        parse(text)


@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
def test_nesting_ends_at_64(opened: bytes) -> None:
    closed = b"]" if opened == b"[" else b"}"

    def nested(depth: int) -> bytes:
        return b'{"x":' + opened * (depth - 1) + b"1" + closed * (depth - 1) + b"}"

    assert parse(nested(64))
    for depth in (65, 66, 1000, 100_000):
        with pytest.raises(BadShape):
            parse(nested(depth))


def test_brackets_beside_each_other_or_in_strings_are_no_nesting() -> None:
    flat = b'{"a":[' + b"[],{}," * 5000 + b'[]],"b":"' + b"[{" * 5000 + b'\\"[","c":1}'
    assert parse(flat)[0]["b"].startswith("[{[{")


def test_one_mebibyte_is_the_most() -> None:
    def sized(size: int) -> bytes:
        return b'{"a":"' + b"x" * (size - 8) + b'"}'

    assert len(sized(1 << 20)) == 1 << 20
    assert parse(sized(1 << 20))
    with pytest.raises(BadShape):
        parse(sized((1 << 20) + 1))


def test_a_lone_surrogate_is_found_when_the_canonical_form_is_made() -> None:
    body, _ = parse(b'{"a":"\\ud83d"}')
    with pytest.raises(BadShape):
        canonical(body)
    pair, _ = parse(b'{"a":"\\ud83d\\ude00"}')
    assert canonical(pair) == '{"a":"😀"}'.encode()


@pytest.mark.parametrize("number", ["1e3", "1E3", "1.50", "1.0e0", "-0", "1e-7", "0.10", "100000000000000000000000.0"])
def test_another_spelling_of_a_number_is_kept(number: str) -> None:
    body, odd = parse(f'{{"b":[{number}],"a":{{"c":"x"}}}}'.encode())
    assert odd
    assert canonical_as_spelled(body) == f'{{"a":{{"c":"x"}},"b":[{number}]}}'.encode()
    assert canonical(body) == json.dumps({"a": {"c": "x"}, "b": [json.loads(number)]}, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "number", ["1", "-1", "1.5", "1e+16", "1e-07", "0.1", "-0.0", "123456789012345678901234567890"]
)
def test_the_shortest_spelling_is_nothing_special(number: str) -> None:
    body, odd = parse(f'{{"a":{number}}}'.encode())
    assert not odd
    assert canonical(body) == f'{{"a":{number}}}'.encode()
