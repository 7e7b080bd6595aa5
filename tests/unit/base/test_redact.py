"""Secrets are taken out in every form in which they usually travel; all other text stays as it is."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest

from alpi.base.redact import Redactor

SECRET = "p@ss/w+rd~ö=99?&"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        urllib.parse.quote(SECRET, safe="").lower(),
        urllib.parse.urlencode({"k": SECRET}),
    ],
    ids=["raw", "json", "json-utf8", "path", "query", "form", "lower", "pair"],
)
def test_forms(form: str) -> None:
    shown = Redactor({"KEY": SECRET})(f"before {form} after")
    assert "[secret KEY]" in shown
    assert "w+rd" not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


@pytest.mark.parametrize("offset", range(6))
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_at_any_offset(offset: int, encode: object) -> None:
    assert callable(encode)
    for secret in ("a-secret-of-16-b", "a-secret-of-17-by", "a-secret-of-18-byt", "ÿþÿ?>ÿ~secret-ÿÿÿ"):
        text = encode(b"u" * offset + secret.encode() + b":tail").decode()
        shown = Redactor({"KEY": secret})(text)
        assert "[secret KEY]" in shown, (secret, offset)


TOKENS = {
    "OpenAI": "sk-proj-" + "aB3" * 12,
    "Anthropic": "sk-ant-api03-" + "x_Y-9" * 8,
    "GitHub": "ghp_" + "a1B2" * 9,
    "GitHub, fine": "github_pat_" + "11AA_b2" * 8,
    "GitLab": "glpat-" + "abc-DEF_123" * 2,
    "Slack": "xoxb-1234567890-abcdef",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Google": "AIza" + "Sy0aB_-" * 5,
    "Groq": "gsk_" + "aB12" * 10,
    "Hugging Face": "hf_" + "aB12" * 8,
    "Telegram": "1234567890:AA" + "Bcd_-12" * 5,
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl_-x",
    "age": "AGE-SECRET-KEY-1" + "QPZRY9X8GF2T" * 5,
    "PEM": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\nZXktdjE\n-----END OPENSSH PRIVATE KEY-----",
    "PEM, torn": "-----BEGIN PRIVATE KEY-----\nb3BlbnNzaC1r",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS.keys())
def test_tokens_are_known_by_their_shape(token: str) -> None:
    assert Redactor({})(f"x={token}") == "x=[secret]"
    assert Redactor({})(token) == "[secret]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sk-short",
        "the risk-assessment-of-the-whole-programme",
        "task-force-abcdefghijklmnopqrstuvwxyz",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "eyJ is how base64 of { begins",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "1234567890:30 is no token",
        "naïve ünïcode \u202e and \x1b[31m codes",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert Redactor({"KEY": "unrelated-value"})(text) == text


def test_short_values_are_not_searched_for() -> None:
    assert Redactor({"PIN": "12345", "BLANK": "      "})("12345      12345") == "12345      12345"


def test_blanks_around_a_value_do_not_hide_it() -> None:
    assert Redactor({"KEY": "  secret-value\n"})("x secret-value y") == "x [secret KEY] y"


def test_the_longer_of_two_that_overlap_is_taken_out_whole() -> None:
    redact = Redactor({"SHORT": "abcdefgh", "LONG": "abcdefghijkl"})
    assert redact("abcdefghijkl abcdefgh") == "[secret LONG] [secret SHORT]"


def test_of_two_names_for_one_value_the_first_is_shown() -> None:
    assert Redactor({"A": "same-value", "B": "same-value"})("same-value") == "[secret A]"


def test_what_is_special_in_patterns_is_not_special_here() -> None:
    assert Redactor({"KEY": "a.*(b)|[c]$"})("a.*(b)|[c]$ and axxb") == "[secret KEY] and axxb"
