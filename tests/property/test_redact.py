"""Laws of the redactor: a secret is nowhere in what comes out, however it was written; other text comes out as it went in."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Callable

from hypothesis import assume, example, given
from hypothesis import strategies as st

from alpi.base.redact import SHORTEST, Redactor

NAME = "KEY"
MARK = f"[secret {NAME}]"
# Letters, digits, what is special somewhere, and what needs more than a byte.
alphabet = st.sampled_from("abcXYZ0189-_.~+/=?&%#@!$*()[]{}\\\"'<> :;,|^`éß€漢👍\t")
secrets = st.text(alphabet, min_size=SHORTEST, max_size=40).filter(lambda s: s == s.strip() and s not in MARK)
around = st.text(max_size=20)

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "json": lambda s: json.dumps(s)[1:-1],
    "json, utf-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "query": lambda s: urllib.parse.quote(s, safe=""),
    "path": urllib.parse.quote,
    "form": urllib.parse.quote_plus,
    "lower case": lambda s: re.sub("%..", lambda m: m[0].lower(), urllib.parse.quote(s, safe="")),
}


@given(secret=secrets, before=around, after=around)
@example(secret="message", before="", after="")
@example(secret="a\\b\"c'd", before='{"', after='"}')
def test_no_form_of_a_secret_comes_out(secret: str, before: str, after: str) -> None:
    redact = Redactor({NAME: secret})
    for name, write in FORMS.items():
        form = write(secret)
        shown = redact(f"{before}{form}{after}")
        assert MARK in shown, name
        assert form not in shown.replace(MARK, ""), name


@given(
    secret=secrets.filter(lambda s: len(s.encode()) >= 10), before=st.binary(max_size=8), after=st.binary(max_size=8)
)
def test_no_base64_of_a_secret_comes_out_at_any_offset(secret: str, before: bytes, after: bytes) -> None:
    redact = Redactor({NAME: secret})
    data = before + secret.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        shown = redact(encode(data).decode())
        assert MARK in shown
        # What is left are its neighbours, and at each end a character that it shares with them.
        assert len(shown.replace(MARK, "")) <= len(encode(before)) + len(encode(after)) + 4


@given(text=st.text(max_size=200), secret=secrets)
def test_text_without_secrets_stays_as_it_is(text: str, secret: str) -> None:
    assume(secret not in text)
    assume("secret" not in text)
    redact = Redactor({NAME: secret})
    if redact(text) != text:
        # Then it holds another form of it.
        assert any(write(secret) in text for write in FORMS.values()) or "[secret" in redact(text)


@given(values=st.lists(secrets, min_size=2, max_size=4, unique=True), text=around)
def test_of_several_secrets_none_comes_out(values: list[str], text: str) -> None:
    redact = Redactor({f"KEY{number}": value for number, value in enumerate(values)})
    shown = re.sub(r"\[secret KEY\d\]", "\0", redact(text + "\n".join(values)))
    for value in values:
        assert value not in shown


@given(secret=secrets, before=around)
def test_cleaning_twice_changes_nothing_more(secret: str, before: str) -> None:
    assume(secret not in f"[secret {NAME}]")
    redact = Redactor({NAME: secret})
    once = redact(f"{before} {secret}")
    assert redact(once) == once
