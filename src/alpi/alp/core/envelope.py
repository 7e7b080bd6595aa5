"""Envelopes: one signed JSON object each. Sealing one, and reading one whose signature is still to be checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from . import primitives
from .errors import BadShape
from .identity import Identity, decode_base64, decode_key, encode_base64
from .jsontext import canonical, canonical_as_spelled, parse

VERSION = 1
CLOCK_SECONDS = 120
"""How far an envelope's time may be off, either way."""
NONCE = 16
"""Bytes of a nonce; it is written as 32 hexadecimal digits."""
LONGEST_ID = 256

Stream = Literal["", "chunk", "final"]
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z")
_NONCE = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Seal:
    """What makes an envelope one of its own: the time (seconds since 1970, UTC) and 16 random bytes. Never use one twice."""

    now: float
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope as read. Nothing in it is to be believed before ``is_signed`` says so.

    ``method`` is ``""`` for a response. ``params`` is whatever stands there (``{}`` where nothing does): whether it fits is checked later.
    ``ts`` is in seconds since 1970.
    """

    id: str
    sender: str
    public: bytes
    """The sender's key, as its 32 bytes."""
    recipient: str
    version: object
    ts: float
    nonce: bytes
    signature: bytes = field(repr=False)
    signed: tuple[bytes, ...] = field(repr=False)
    method: str = ""
    params: object = None
    result: object = None
    error: dict[str, Any] | None = None
    stream: Stream = ""

    @property
    def is_request(self) -> bool:
        """Whether it asks for something; otherwise it answers."""
        return self.method != ""

    def is_signed(self) -> bool:
        """Whether the signature is the sender's."""
        return any(primitives.verifies(self.signature, data, self.public) for data in self.signed)


def seal_request(identity: Identity, to: str, id: str, method: str, params: dict[str, Any], seal: Seal) -> bytes:
    """A request's bytes. ``to``: the recipient's key in base64.

    Raises:
        BadShape: the parameters hold what JSON cannot.
    """
    return _sealed(identity, to, {"jsonrpc": "2.0", "id": id, "method": method, "params": params}, seal)


def seal_result(identity: Identity, to: str, id: str, result: dict[str, Any], seal: Seal, stream: Stream = "") -> bytes:
    """An answer's bytes. ``id``: the request's."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "result": result}
    return _sealed(identity, to, body | ({"stream": stream} if stream else {}), seal)


def seal_error(identity: Identity, to: str, id: str, error: dict[str, Any], seal: Seal, stream: Stream = "") -> bytes:
    """The bytes of an answer that says no. ``error``: ``code``, ``message`` and perhaps ``data``."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "error": error}
    return _sealed(identity, to, body | ({"stream": stream} if stream else {}), seal)


def write_time(now: float) -> str:
    """A time as envelopes write it: UTC with microseconds and a Z."""
    return f"{datetime.fromtimestamp(now, UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def read_time(text: str) -> float | None:
    """Seconds since 1970 of a time in UTC with a Z and at most nine digits of fraction, or ``None``."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        whole = datetime.fromisoformat(f"{match[1]}+00:00").timestamp()
    except (ValueError, OverflowError):
        return None
    return whole + float(match[2] or 0)


def read_envelope(data: bytes) -> Envelope:
    """An envelope from its bytes. The signature is not checked yet.

    Raises:
        BadShape: not an envelope; members that this version does not know are left alone, but are signed like all others.
    """
    body, odd = parse(data)
    mark = body.get("alp")
    if body.get("jsonrpc") != "2.0" or not isinstance(mark, dict):
        raise BadShape("not an envelope")
    signature = mark.pop("sig", None)
    signature = decode_base64(signature, primitives.SIGNATURE) if isinstance(signature, str) else None
    if signature is None:
        raise BadShape("sig must be 64 bytes in base64")
    (sender, public), (recipient, _) = _key(mark, "from"), _key(mark, "to")
    id = body.get("id")
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
        raise BadShape("id must be a text of 1 to 256 characters")
    nonce, time = mark.get("nonce"), mark.get("ts")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise BadShape("nonce must be 32 hexadecimal digits")
    ts = read_time(time) if isinstance(time, str) else None
    if ts is None:
        raise BadShape("ts must be a time in UTC, such as 2026-04-23T12:00:00.123456Z")
    method, result, error, stream = _kind(body)
    plain = canonical(body)
    return Envelope(
        id=id,
        sender=sender,
        public=public,
        recipient=recipient,
        version=mark.get("v"),
        ts=ts,
        nonce=bytes.fromhex(nonce),
        signature=signature,
        signed=(canonical_as_spelled(body), plain) if odd else (plain,),
        method=method,
        params=body.get("params", {}),
        result=result,
        error=error,
        stream=stream,
    )


def is_version(value: object) -> bool:
    """Whether ``v`` is the one that is spoken here: the number 1, not ``true`` and not ``1.0``."""
    return type(value) is int and value == VERSION


def _kind(body: dict[str, Any]) -> tuple[str, object, dict[str, Any] | None, Stream]:
    answers = [name for name in ("result", "error") if name in body]
    stream = body.get("stream", "")
    if "method" in body:
        method = body["method"]
        if answers or not isinstance(method, str) or not method or "stream" in body:
            raise BadShape("a request has a method, and neither result nor error")
        return method, None, None, ""
    if len(answers) != 1 or "params" in body:
        raise BadShape("a response has exactly one of result and error")
    if "stream" in body and stream not in ("chunk", "final"):
        raise BadShape("stream must be chunk or final")
    error = body.get("error")
    if "error" in body and not _is_error(error):
        raise BadShape("error must have a code and a message")
    return "", body.get("result"), error, stream


def _is_error(error: object) -> bool:
    return isinstance(error, dict) and type(error.get("code")) is int and isinstance(error.get("message"), str)


def _key(mark: dict[str, Any], name: str) -> tuple[str, bytes]:
    """A key as it is written, and its bytes."""
    text = mark.get(name)
    if not isinstance(text, str) or (public := decode_key(text)) is None:
        raise BadShape(f"{name} must be 32 bytes in base64")
    return text, public


def _sealed(identity: Identity, to: str, body: dict[str, Any], seal: Seal) -> bytes:
    if len(seal.nonce) != NONCE:
        raise ValueError("a nonce has 16 bytes")
    # ``alp`` sorts before all other members, ``sig`` between ``nonce`` and ``to``, and nothing in ``alp`` has to be escaped: the rest is
    # written once, for the signature and for the wire.
    before = f'{{"alp":{{"from":"{identity.name}","nonce":"{seal.nonce.hex()}",'.encode()
    after = f'"to":"{to}","ts":"{write_time(seal.now)}","v":{VERSION}}},'.encode() + canonical(body)[1:]
    signature = encode_base64(identity.sign(before + after))
    return before + f'"sig":"{signature}",'.encode() + after
