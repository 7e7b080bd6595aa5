"""The words that failures are told with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from alpi.providers import failures
from alpi.providers.types import Failure
from alpi.providers.wire import Place

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLACE = Place(
    "openrouter",
    "maker/m",
    "OpenRouter",
    "https://openrouter.ai/api/v1",
    "OPENROUTER_API_KEY",
    "/home/a/.alpi/.env",
    lambda text: text.replace("sk-secret", "[key]"),
)


def told(status: int, error: Any = "", headers: dict[str, str] | None = None) -> Failure:
    body = error if isinstance(error, bytes) else json.dumps({"error": {"message": error}}).encode()
    return failures.from_status(PLACE, status, headers or {}, body, NOW)


@pytest.mark.parametrize(
    ("status", "words", "kind", "retryable", "message"),
    [
        (400, "bad field", "bad_request", False, "OpenRouter did not accept the request (400)"),
        (400, "This model's maximum context length is 8192 tokens", "too_long", False, "too long for maker/m"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "too_long", False, "too long"),
        (400, "the request exceeds the available context size", "too_long", False, "too long"),
        (400, "API key not valid. Please pass a valid API key.", "auth", False, "refused the key"),
        (400, "maker/m is not a valid model ID", "not_found", False, "does not know the model maker/m"),
        (401, "No auth", "auth", False, "OpenRouter refused the key (401)"),
        (402, "Insufficient credits", "auth", False, "no credit left"),
        (403, "not in your region", "auth", False, "does not allow this"),
        (404, "No endpoints", "not_found", False, "does not know the model maker/m (404)"),
        (408, "", "timeout", True, "gave up waiting"),
        (413, "", "too_long", False, "too long"),
        (429, "slow down", "rate_limit", True, "takes no more requests for now (429)"),
        (429, "You exceeded your current quota", "auth", False, "no credit left"),
        (429, "Limit reached. See the account/billing page to raise it.", "rate_limit", True, "no more requests"),
        (500, "oops", "server", True, "OpenRouter failed (500)"),
        (502, "bad gateway", "server", True, "failed (502)"),
        (503, "busy", "overloaded", True, "overloaded (503)"),
        (503, "Loading model", "overloaded", True, "still loading the model"),
        (529, "Overloaded", "overloaded", True, "overloaded (529)"),
        (302, "", "bad_answer", False, "redirects to another address"),
    ],
)
def test_each_status(status: int, words: str, kind: str, retryable: bool, message: str) -> None:
    failure = told(status, words)
    assert (failure.kind, failure.retryable, failure.status) == (kind, retryable, status)
    assert message in failure.message
    assert failure.hint
    assert failure.detail == words or not words
    assert not failure.message.endswith(".")


def test_a_provider_that_says_not_to_try_again_is_heard() -> None:
    assert not told(503, "busy", {"x-should-retry": "false", "retry-after": "3"}).retryable


def test_a_refused_key_says_how_to_set_another() -> None:
    assert told(401).hint == "put a valid key in OPENROUTER_API_KEY: alpi config key OPENROUTER_API_KEY"
    nameless = failures.from_status(Place("home", "m", "home"), 401, {}, b"", NOW)
    assert "api_key_env under providers.home" in nameless.hint


def test_a_missing_key_names_the_variable_and_the_file() -> None:
    failure = failures.no_key(PLACE)
    assert failure.kind == "no_key"
    assert failure.message == "OpenRouter needs a key, and OPENROUTER_API_KEY is not set in /home/a/.alpi/.env"
    assert "alpi config key OPENROUTER_API_KEY" in failure.hint


def test_the_providers_words_are_redacted_and_cut_and_on_one_line() -> None:
    failure = told(401, "bad key sk-secret\n\n" + "x" * 5000)
    assert "sk-secret" not in repr(failure)
    assert failure.detail.startswith("bad key [key] xxx")
    assert len(failure.detail) < 450


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "why"}}',
        b'{"error": "why"}',
        b'{"detail": "why"}',
        b'{"message": "why"}',
        b'[{"error": {"message": "why", "code": 400}}]',
        b'{"type": "error", "error": {"type": "x", "message": "why"}}',
        b"why",
        b"<!DOCTYPE html><html><head><style>a {}</style></head><body><h1>why</h1></body></html>",
    ],
)
def test_the_detail_is_found_in_every_shape(body: bytes) -> None:
    assert told(400, body).detail == "why"


def test_a_page_instead_of_an_error_points_at_the_address() -> None:
    failure = told(404, b"<html><body>404 Not Found</body></html>")
    assert "nothing at https://openrouter.ai/api/v1" in failure.message
    assert "base_url" in failure.hint


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "20s"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert told(429, "slow", headers).retry_after == pytest.approx(seconds)


def test_when_to_come_back_in_the_body() -> None:
    # These are the words of a used-up account, too: that it may come back tells the two apart.
    words = "You exceeded your current quota, please check your plan"
    details = [{"@type": "x"}, {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]
    body = json.dumps([{"error": {"code": 429, "message": words, "details": details}}]).encode()
    assert (told(429, body).kind, told(429, body).retry_after) == ("rate_limit", 34.5)
    assert told(400, body).retry_after is None


def test_a_redirect_names_the_host_alone() -> None:
    failure = told(301, b"", {"location": "https://a:b@other.example/v1?token=x"})
    assert failure.message == "OpenRouter redirects to other.example (301)"
    assert "token" not in repr(failure)


def test_time_limits_are_told_apart() -> None:
    said = {which: failures.too_slow(PLACE, which, 90) for which in ("first_byte", "silence", "whole")}
    assert said["first_byte"].message == "OpenRouter did not begin to answer within 90 s"
    assert "fell silent" in said["silence"].message
    assert "still answering after 90 s" in said["whole"].message
    assert [failure.retryable for failure in said.values()] == [True, True, False]
