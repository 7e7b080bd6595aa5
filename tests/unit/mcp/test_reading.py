"""What in the arguments of a call may be more than reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alpi.mcp.reading import MOST_PATHS, Reach, actions_of
from alpi.safety.actions import CallServer, ReadPath
from alpi.safety.private import Leak

WORKSPACE = Path("/ws")


class Ear:
    """Notes what it was asked about, and finds the word ``mine``."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, text: str) -> Leak:
        self.heard.append(text)
        return Leak("your word") if "mine" in text else Leak()


def judged(arguments: dict[str, Any], ear: Ear | None = None, **reach: bool) -> tuple[CallServer, list[Path]]:
    """The call as the gate is given it, and the files that it names."""
    call = CallServer("one", "look", "{}", "pin")
    first, *others = actions_of(call, arguments, Reach(private=ear or Ear(), **reach), WORKSPACE)
    assert isinstance(first, CallServer) and first.declared
    assert (first.server, first.tool, first.arguments, first.pin) == ("one", "look", "{}", "pin")
    return first, [other.path for other in others if isinstance(other, ReadPath)]


def test_all_words_are_looked_through_wherever_they_stand() -> None:
    ear = Ear()
    judged({"q": "one", "more": [{"deep": ["two", 3, 4.5]}, True, None]}, ear)
    (heard,) = ear.heard
    assert heard.split("\n") == ["- ", "one", "two", "3", "4.5", "q", "more", "deep"]
    assert judged({"q": {"mine": 1}})[0].private == "your word"


def test_what_is_nested_beyond_measure_is_looked_through_as_it_is_printed() -> None:
    value: Any = "mine"
    for _ in range(100):
        value = [value]
    assert judged({"q": value})[0].private == "your word"


def test_where_nothing_leaves_words_and_addresses_do_not_matter() -> None:
    ear = Ear()
    first, _ = judged({"q": "mine", "url": "http://127.0.0.1/", "long": "x" * 30_000}, ear, leaves=False)
    assert (first.private, first.doubt, ear.heard) == ("", "", [])


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("http://example.com", True),
        ("see HTTPS://example.com", True),
        ("ftp://x and file:///y", True),
        ("http:\\\\127.0.0.1", True),
        ("file:///ws/a.txt", False),
        ("a: b // c", False),
        ("14:30", False),
    ],
)
def test_an_address_is_a_doubt_for_what_stands_inside(value: str, named: bool) -> None:
    assert bool(judged({"q": value})[0].doubt) == named
    assert not judged({"q": value}, near=False)[0].doubt


def test_what_is_too_long_to_be_looked_through_is_a_doubt() -> None:
    assert not judged({"q": "x " * 9_000})[0].doubt
    assert "more than are looked through" in judged({"q": "x " * 11_000})[0].doubt


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (".env", "/ws/.env"),
        (" ./keys/a.pem ", "/ws/keys/a.pem"),
        ("/etc/shadow", "/etc/shadow"),
        ("~nobody-of-this-name/x", "/ws/~nobody-of-this-name/x"),
        ("file:///etc/sh%61dow", "/etc/shadow"),
        ("FILE:///etc/shadow", "/etc/shadow"),
    ],
)
def test_a_value_that_may_be_a_file_is_judged_as_reading_it(value: str, path: str) -> None:
    assert judged({"a": [{"b": value}]})[1] == [Path(path)]
    assert judged({"a": [{"b": value}]}, leaves=False)[1] == [Path(path)]
    assert judged({"a": value}, near=False)[1] == []


@pytest.mark.parametrize("value", ["", "a\nb", "a\0b", "x" * 5000, "https://example.com/a", True, None])
def test_what_can_be_no_file(value: Any) -> None:
    assert judged({"a": value})[1] == []


def test_more_files_than_are_judged_are_a_doubt() -> None:
    first, paths = judged({"a": [f"f{n}" for n in range(MOST_PATHS)]})
    assert len(paths) == MOST_PATHS and not first.doubt
    first, paths = judged({"a": [f"f{n}" for n in range(MOST_PATHS + 1)]})
    assert len(paths) == MOST_PATHS and "65 files" in first.doubt


def kept(arguments: dict[str, Any], *said: str) -> str:
    """What is still found in the arguments of a call to a server that has said this; every longer word of them is somebody's own."""

    def found(text: str) -> Leak:
        return Leak(" ".join(word for word in text.split() if len(word) > 5))

    call = CallServer("one", "look", "{}", "pin")
    reach = Reach(False, True, found, lambda server: said if server == "one" else ())
    first, *_ = actions_of(call, arguments, reach, WORKSPACE)
    assert isinstance(first, CallServer)
    return first.private


EVENT = "5k2v9q3tq8l0c7d1rj4n6b2u8o_20261126T090000Z"


def test_a_key_that_the_server_gave_itself_is_no_news_to_it() -> None:
    assert kept({"id": EVENT}, f"id: {EVENT}, Dentist") == ""
    assert kept({"id": EVENT}, "Dentist") == EVENT, "it did not give that one"
    assert kept({"id": EVENT}, f"x{EVENT}") == EVENT, "nor that, as a whole"
    assert kept({"id": EVENT, "note": "Dentist"}, f"{EVENT} Dentist") == "Dentist", "words are no keys"


@pytest.mark.parametrize(
    "value",
    ["tomorrow", "4929123456789012", "ana85@home.example", "word1234 word5678", "https://x.example/a1", "a1" * 101],
)
def test_what_is_no_key_is_somebodys_own_whoever_said_it(value: str) -> None:
    assert kept({"id": value}, f"abc {value}") == value


def test_a_text_does_not_leave_as_many_keys() -> None:
    keys = [f"key{n}abcdefgh" for n in range(10)]
    assert kept({"ids": keys}, " ".join(keys)) == " ".join(keys[4:])


def test_a_secret_is_one_whoever_gave_it() -> None:
    def private(text: str) -> Leak:
        return Leak("a secret", True) if "s3cret-token" in text else Leak()

    reach = Reach(False, True, private, lambda server: ["s3cret-token"])
    first, *_ = actions_of(CallServer("one", "look", "{}", "pin"), {"id": "s3cret-token"}, reach, WORKSPACE)
    assert isinstance(first, CallServer) and first.secret
