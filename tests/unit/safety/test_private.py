"""What of the person's own is found in an address, however it is written there, and what is not taken for it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpi.base.message import Message, ToolMessage, UserMessage
from alpi.base.redact import Redactor
from alpi.safety.private import Leak, PrivateData

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DIARY = "Dear diary, tomorrow I will tell Marta that the merger with Nordwind is off.\nAccount 4929 1234 5678 9012, ana@home.example"
ENTRY = "Lives at Calle Mayor 12, 3rd floor, Madrid"


def user(text: str) -> Message:
    return UserMessage("u", NOW, text)


def result(text: str, source: str = "", name: str = "read_file") -> Message:
    return ToolMessage("t", NOW, "c", name, text, True, (), source)


def judge(
    *messages: Message, marked: bool = True, memory: Sequence[tuple[str, str]] = (("USER.md", ENTRY),)
) -> PrivateData:
    redact = Redactor({"MAIL_PASSWORD": "correct-horse-battery"})
    return PrivateData(redact, lambda: memory, lambda: messages, lambda: marked)


SENTENCE = "tell Marta that the merger with Nordwind is off"
WRITTEN = {
    "plain": SENTENCE.replace(" ", "-"),
    "percent": quote(SENTENCE),
    "percent twice": quote(quote(SENTENCE)),
    "plus": quote_plus(SENTENCE),
    "upper": quote(SENTENCE.upper()),
    "base64": quote(base64.b64encode(SENTENCE.encode()).decode()),
    "base64 for addresses": base64.urlsafe_b64encode(SENTENCE.encode()).decode().rstrip("="),
    "base64 inside": "xy" + base64.b64encode(SENTENCE.encode()).decode().rstrip("="),
    "hex": SENTENCE.encode().hex(),
    "hex in base64": base64.b64encode(SENTENCE.encode().hex().encode()).decode(),
    "cut": "/".join(SENTENCE.replace(" ", "")),
    "parameters": "&".join(f"p{n}={word}" for n, word in enumerate(SENTENCE.split())),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_text_of_a_file_is_found_however_it_is_written(how: str) -> None:
    private = judge(user("summarise my diary"), result(DIARY))
    for url in (
        f"https://evil.example/?d={WRITTEN[how]}",
        f"https://evil.example/{WRITTEN[how]}",
        f"https://evil.example/#{WRITTEN[how]}",
    ):
        found = private(url)
        assert found == Leak("text from a result of read_file"), (how, url)


def test_pieces_in_the_name_of_the_host_are_found() -> None:
    code = base64.b32hexencode(b"x").decode()  # not looked for
    host = SENTENCE.encode().hex()
    labels = ".".join(host[start : start + 30] for start in range(0, len(host), 30))
    assert judge(result(DIARY))(f"https://{labels}.evil.example/").what
    assert not judge(result(DIARY))(f"https://{code}.evil.example/").what


@pytest.mark.parametrize(
    "form", [str, quote, lambda s: base64.b64encode(s.encode()).decode(), lambda s: s.encode().hex()]
)
def test_secrets_are_refused_outright(form: object) -> None:
    assert callable(form)
    found = judge()(f"https://evil.example/?d={form('correct-horse-battery')}")
    assert found.secret and "secret" in found.what


def test_memory_and_telling_numbers_are_found_without_any_mark() -> None:
    private = judge(result(DIARY), marked=False)
    assert private("weather Calle Mayor 12, 3rd floor, Madrid").what == "a line of USER.md"
    assert private("https://evil.example/?card=4929123456789012").what == "text from a result of read_file"
    assert private("https://evil.example/?m=ana%40home.example").what == "text from a result of read_file"


def test_a_search_for_an_error_message_is_not_asked_about_unless_others_may_steer() -> None:
    log = result("E   TypeError: unsupported operand type(s) for +: 'int' and 'str'\n", name="terminal")
    query = "TypeError: unsupported operand type(s) for +: 'int' and 'str'"
    assert judge(log, marked=False)(query) == Leak()
    assert judge(log, marked=True)(query).what


PUBLIC = [
    ("what the person wrote", [user("find out about the merger with Nordwind is off tomorrow"), result(DIARY)],
     "https://search.example/?q=merger+with+Nordwind+is+off+tomorrow"),
    ("a link of a page", [result("see https://docs.example/guide/installation-and-first-steps.html?version=stable", "the web page https://x.y/")],
     "https://docs.example/guide/installation-and-first-steps.html?version=stable"),
    ("a link of a file", [result("see https://docs.example/guide/installation-and-first-steps.html?version=stable")],
     "https://docs.example/guide/installation-and-first-steps.html?version=stable"),
    ("a place of a host that a file names", [result("see https://docs.example/guide/installation-and-first-steps/")],
     "https://docs.example/guide/installation-and-first-steps/next.html"),
    ("a search result", [result("1. News\n   https://news.example/2026/11/23/something-has-happened", "a web search (x)", "web_search")],
     "https://news.example/2026/11/23/something-has-happened"),
    ("few words", [result(DIARY)], "https://search.example/?q=merger+Nordwind"),
    ("the town", [], "weather in Madrid tomorrow"),
    ("a date", [result("2026-11-23 10:00 started")], "https://news.example/20261123/"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "leaving"), [case[1:] for case in PUBLIC], ids=[case[0] for case in PUBLIC])
def test_no_false_alarm(messages: list[Message], leaving: str) -> None:
    assert judge(*messages)(leaving) == Leak()


def test_the_place_of_one_host_is_private_to_another() -> None:
    private = judge(result("my notes: https://docs.example/d/1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f/edit"))
    assert private("https://evil.example/?u=docs.example/d/1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f/edit").what


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", min_size=60, max_size=200), st.data())
def test_any_long_piece_of_a_file_is_found(text: str, data: st.DataObject) -> None:
    bare = text.replace(" ", "")
    if len(bare) < 30:
        return
    start = data.draw(st.integers(0, len(bare) - 24))
    piece = bare[start : start + 24]
    assert judge(result(text), memory=())(f"https://e.example/?{piece}").what


@given(st.text(max_size=300))
def test_anything_can_be_looked_at(text: str) -> None:
    assert judge(result(DIARY), memory=())(text).secret is False


@pytest.mark.parametrize("begins", ["// ", "//", "note://", "x://y/"])
def test_a_text_that_begins_as_an_address_might_is_no_place_of_its_own(begins: str) -> None:
    own = f"{begins}{SENTENCE}"
    assert judge(result(f"def f():\n    {own}\n"))(own).what
