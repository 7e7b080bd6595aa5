"""Failures of providers in plain words: what happened, where, and what to do next."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from .types import Failure, FailureKind
from .wire import Place, clean, dict_of, loads, text_of

_DETAIL_LENGTH = 400

_TOO_LONG = re.compile(
    r"context.?(length|window|size)|maximum context|prompt is too long|input is too long|too many (input )?tokens"
    r"|exceed\w* the (available|maximum) (context|input|number of tokens)|reduce the length|request_too_large",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(r"(invalid|incorrect|wrong) api.?key|api.?key (is )?(not valid|invalid|expired)", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model.?not.?found|not a valid model|unknown model|(no such|invalid) model|model .{0,80}does not exist",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(
    r"insufficient.?(quota|balance|credit|funds)|exceeded your current quota|credit balance|billing_", re.IGNORECASE
)

# Error types that arrive inside a stream, where there is no status any more.
# Anthropic: docs "Errors"; chat completions servers use these, the status as a number, or words of their own.
_STATUS_OF_TYPE = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "invalid_api_key": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "rate_limit_exceeded": 429,
        "insufficient_quota": 429,
        "api_error": 500,
        "server_error": 500,
        "internal_server_error": 500,
        "timeout_error": 504,
        "service_unavailable": 503,
        "overloaded_error": 529,
        "overloaded": 529,
    }
)


def from_status(
    place: Place, status: int, headers: Mapping[str, str], body: bytes, now: datetime, *, midway: bool = False
) -> Failure:
    """The failure that an HTTP status stands for.

    Args:
        headers: lower-case names.
        body: the answer's body, or its beginning.
        now: aware time, against which a ``Retry-After`` date is read.
        midway: the status came inside a stream.
    """
    error = _error_of(body)
    words = _words(error)
    wish = retry_after(headers, error, now)
    kind, message, hint, retryable = _judge(place, status, words, body, wish)
    if headers.get("x-should-retry") == "false":  # OpenAI and Anthropic say so where they know better
        retryable = False
    if 300 <= status < 400:
        message = f"{place.label} redirects to {_host(headers.get('location', ''))} ({status})"
    return Failure(
        provider=place.provider,
        model=place.model,
        kind=kind,
        message=f"{message} in the middle of its answer" if midway else message,
        hint=hint,
        status=status,
        retry_after=wish if retryable else None,
        retryable=retryable,
        detail=detail_of(place, text_of(error.get("message")) or _plain(body)),
    )


def from_error(place: Place, error: Any, *, midway: bool = True) -> Failure:
    """The failure that an error object with status 200 stands for: in the middle of a stream, or instead of an answer."""
    if not isinstance(error, dict):
        error = {"message": text_of(error)}
    status = next((s for s in (_as_status(error.get(name)) for name in ("code", "status", "type")) if s), 500)
    body = _encode({"error": error})
    return from_status(place, status, {}, body, datetime.now().astimezone(), midway=midway)


def _judge(
    place: Place, status: int, words: str, body: bytes, wish: float | None
) -> tuple[FailureKind, str, str, bool]:
    """(kind, message, hint, whether trying again may help) of a status and the provider's own words."""
    who, code = place.label, f"({status})"
    if (status in {400, 413, 422, 500} and _TOO_LONG.search(words)) or status == 413:
        return (
            "too_long",
            f"the conversation is too long for {place.model} {code}",
            "start a new one, or compact this one",
            False,
        )
    if status == 401 or (status in {400, 403} and _BAD_KEY.search(words)):
        return "auth", f"{who} refused the key {code}", _key_hint(place), False
    # Gemini speaks of a used-up quota also where it only wants a minute's rest; then it says how long.
    if status == 402 or (status in {400, 403, 429} and wish is None and _NO_CREDIT.search(words)):
        return (
            "auth",
            f"{who} says that the account has no credit left {code}",
            f"add credit at {who}, or choose another model",
            False,
        )
    if status == 403:
        return (
            "auth",
            f"{who} does not allow this with your key {code}",
            f"check what the key in {place.key_name or 'use'} may do",
            False,
        )
    if status == 404 or (status in {400, 422} and _NO_MODEL.search(words)):
        if _is_html(body):
            return "not_found", f"{who} has nothing at {place.base_url} {code}", "check base_url in config.yaml", False
        return (
            "not_found",
            f"{who} does not know the model {place.model} {code}",
            "see what it offers: alpi models",
            False,
        )
    if status == 429:
        return (
            "rate_limit",
            f"{who} takes no more requests for now {code}",
            "wait a little, or choose another model",
            True,
        )
    if status == 503 and re.search(r"loading model", words, re.IGNORECASE):
        return "overloaded", f"{who} is still loading the model {code}", "try again in a moment", True
    if status in {503, 529}:
        return "overloaded", f"{who} is overloaded {code}", "try again later, or choose another model", True
    if status in {408, 504}:
        return "timeout", f"{who} gave up waiting for the model {code}", "try again", True
    if status >= 500 or status == 409:
        return "server", f"{who} failed {code}", "try again; if it stays, see the provider's status page", True
    if 300 <= status < 400:
        return "bad_answer", f"{who} redirects to another address {code}", "put the new address into base_url", False
    return (
        "bad_request",
        f"{who} did not accept the request {code}",
        "the detail says why; another model may take it",
        False,
    )


def no_key(place: Place) -> Failure:
    """No key is there to ask with."""
    name = place.key_name or "the key"
    where = f" in {place.env_path}" if place.env_path else ""
    return Failure(
        place.provider,
        place.model,
        "no_key",
        f"{place.label} needs a key, and {name} is not set{where}",
        _key_hint(place),
    )


def unusable_key(place: Place) -> Failure:
    """The key has characters that cannot be sent; the text never shows which."""
    message = (
        f"the key for {place.label} holds characters that no key has, such as a line break or a quote from a web page"
    )
    return Failure(place.provider, place.model, "auth", message, _key_hint(place))


def unreachable(place: Place, why: str, hint: str, *, retryable: bool = True, detail: str = "") -> Failure:
    """No connection came about."""
    message = f"{place.label} cannot be reached at {place.base_url}: {why}"
    return Failure(
        place.provider, place.model, "unreachable", message, hint, retryable=retryable, detail=detail_of(place, detail)
    )


def too_slow(place: Place, which: str, seconds: float) -> Failure:
    """A time limit ran out: ``first_byte``, ``silence`` or ``whole``."""
    amount = f"{seconds:g} s"
    message = {
        "first_byte": f"{place.label} did not begin to answer within {amount}",
        "silence": f"{place.label} fell silent in the middle of its answer for {amount}",
        "whole": f"{place.label} was still answering after {amount}",
    }[which]
    hint = (
        "try again, or choose a faster model" if which != "whole" else "ask for less at once, or choose a faster model"
    )
    return Failure(place.provider, place.model, "timeout", message, hint, retryable=which != "whole")


def broken_stream(place: Place, detail: str = "") -> Failure:
    """The answer stopped before its end."""
    return Failure(
        place.provider,
        place.model,
        "broken_stream",
        f"the connection to {place.label} broke in the middle of its answer",
        "try again",
        retryable=True,
        detail=detail_of(place, detail),
    )


def bad_answer(
    place: Place, what: str, detail: str | bytes = "", *, status: int = 0, retryable: bool = True
) -> Failure:
    """An answer came, and it is not what the protocol says."""
    return Failure(
        place.provider,
        place.model,
        "bad_answer",
        f"{place.label} sent {what}",
        f"check that {place.base_url or 'its base_url'} is a model server's address",
        status=status,
        retryable=retryable,
        detail=detail_of(place, detail if isinstance(detail, str) else _plain(detail)),
    )


def detail_of(place: Place, text: str) -> str:
    """The provider's words: one line, secrets out, cut."""
    line = " ".join(place.redact(clean(text)).split())
    return line if len(line) <= _DETAIL_LENGTH else f"{line[:_DETAIL_LENGTH]}…"


def _key_hint(place: Place) -> str:
    if not place.key_name:
        return f"name the variable of its key in config.yaml: api_key_env under providers.{place.provider}"
    return f"put a valid key in {place.key_name}: alpi config key {place.key_name}"


# -- reading a provider's error ----------------------------------------------------------------------------------------


def _error_of(body: bytes) -> dict[str, Any]:
    """The error object in a body, whichever of the usual shapes it has; ``{}`` for none."""
    try:
        value = loads(body)
    except ValueError:
        return {}
    if isinstance(value, list) and value:
        value = value[0]  # Gemini puts its error into an array
    value = dict_of(value)
    for name in ("error", "detail", "message"):
        inner = value.get(name)
        if isinstance(inner, dict):
            return inner
        if isinstance(inner, str) and inner:
            return {**value, "message": inner}
    return value


def _words(error: dict[str, Any]) -> str:
    return " ".join(str(error.get(name, "")) for name in ("type", "code", "status", "message"))


def _as_status(value: Any) -> int:
    if isinstance(value, str):
        if value in _STATUS_OF_TYPE:
            return _STATUS_OF_TYPE[value]
        value = int(value) if len(value) == 3 and value.isdecimal() else 0
    return value if isinstance(value, int) and 400 <= value <= 599 else 0


def _host(address: str) -> str:
    """The host of an address; the rest of it may hold what is not to be shown."""
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2] or "another address"


def _is_html(body: bytes) -> bool:
    return body[:400].lstrip().lower().startswith((b"<!doctype", b"<html"))


def _plain(body: bytes) -> str:
    text = body[:4000].decode("utf-8", "replace")
    if _is_html(body):
        text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    return text


def _encode(value: Any) -> bytes:
    import json

    return json.dumps(clean(value), default=str).encode()


# -- when to come back -------------------------------------------------------------------------------------------------


def retry_after(headers: Mapping[str, str], error: Mapping[str, Any], now: datetime) -> float | None:
    """How many seconds the provider wants to be left alone, or ``None``.

    Read in this order: ``retry-after-ms`` and ``retry-after`` (seconds or an HTTP date, RFC 9110 10.2.3), Google's
    ``retryDelay`` in the body, then the ``x-ratelimit-reset-*`` of the limit that is used up (OpenAI, Groq).
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if value:
        seconds = _number(value)
        return seconds if seconds is not None else _until(value, now)
    details = error.get("details")
    for item in details if isinstance(details, list) else []:
        seconds = _duration(text_of(dict_of(item).get("retryDelay")))
        if seconds is not None:
            return seconds
    resets = [
        _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return max(0.0, value) if math.isfinite(value) else None


def _until(text: str, now: datetime) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - now).total_seconds())


def _duration(text: str) -> float | None:
    """Seconds of ``6m0s``, ``1.5s``, ``20ms``, ``1h2m``."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    scale = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * scale[unit] for number, unit in parts)
