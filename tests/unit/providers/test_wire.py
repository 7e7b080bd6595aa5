"""What the wires share."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime

import pytest

from alpi.base.message import AssistantMessage
from alpi.providers.types import Request
from alpi.providers.wire import CallIds, Mender, as_object, clean, count_of, dumps, fitting_id, loads, same_model


def test_json_that_the_strict_reader_refuses_is_read() -> None:
    assert loads('{"a": "\\ud83d"}') == {"a": "\ud83d"}
    assert str(loads('{"a": NaN}')["a"]) == "nan"
    for wrong in ("[" * 100_000, b"\xff{", "{"):
        with pytest.raises(ValueError):
            loads(wrong)


def test_halves_of_a_character_are_joined_or_replaced() -> None:
    mender = Mender()
    assert [mender.push("a\ud83d"), mender.push("\ude00b"), mender.rest()] == ["a", "😀b", ""]
    assert [mender.push("x\ud83d"), mender.push("y"), mender.push("\udc00"), mender.rest()] == ["x", "�y", "�", ""]
    assert [mender.push("\ud83d"), mender.push(""), mender.rest(), mender.rest()] == ["", "", "\ufffd", ""]


def test_what_is_sent_is_always_utf_8() -> None:
    assert dumps({"a": ["x\ud800", {"b\udfff": 1}]}).decode() == '{"a":["x\ufffd",{"b\ufffd":1}]}'
    assert clean(("a", 1)) == ["a", 1]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('{"path": "a"}', '{"path": "a"}'),
        ('  {"n": 1e3}\n', '{"n": 1e3}'),
        ("", "{}"),
        ("{", '{"invalid_json":"{"}'),
        ('"text"', '{"invalid_json":"\\"text\\""}'),
        ("[1]", '{"invalid_json":"[1]"}'),
        ('{"a": NaN}', '{"invalid_json":"{\\"a\\": NaN}"}'),
    ],
)
def test_arguments_go_back_as_an_object_always(written: str, sent: str) -> None:
    assert as_object(written) == sent
    assert isinstance(json.loads(as_object(written)), dict)


def test_counts_are_counts() -> None:
    assert [count_of(v) for v in (3, 3.0, -1, None, "3", True, float("nan"), float("inf"), 10**400)] == [3, 3] + [0] * 7


def test_ids_are_kept_where_they_fit_and_replaced_always_alike() -> None:
    pattern = re.compile("[a-z]{3}")
    assert fitting_id("abc", pattern, 3) == "abc"
    assert fitting_id("toolu_1", pattern, 9) == fitting_id("toolu_1", pattern, 9) != fitting_id("toolu_2", pattern, 9)
    assert len(fitting_id("toolu_1", pattern, 9)) == 9


def test_no_two_calls_of_an_answer_share_an_id() -> None:
    ids = CallIds(map("made{}".format, itertools.count()).__next__)
    assert [ids.settle(given) for given in ("a", "a", "", "made0", "b")] == ["a", "made0", "made1", "made2", "b"]


def test_whose_words_a_message_holds() -> None:
    def asked(model: str, said: str) -> bool:
        message = AssistantMessage("1", datetime(2026, 1, 1, tzinfo=UTC), "x", model=said)
        return same_model(message, Request(model, "", []))

    assert asked("m", "")
    assert asked("m", "m")
    assert asked("m", "p/m")
    assert asked("maker/m", "openrouter/maker/m")
    assert not asked("m", "p/other-m")
