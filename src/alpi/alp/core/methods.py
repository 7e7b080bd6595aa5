"""The three methods: what they take, what they give, and the codes of the answers that say no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .errors import BadAnswer

PING = "link.ping"
ASK = "link.ask"
CANCEL = "link.cancel"
METHODS = (PING, ASK, CANCEL)
PROTOCOL_VERSION = 1
LONGEST_TEXT = 256
"""Characters of a ping's nonce and of a session's id."""

CapKind = Literal["usd", "tokens"]
Scope = Literal["profile", "peer", "request"]


@dataclass(frozen=True, slots=True)
class OverCap:
    """Which cap is used up."""

    kind: CapKind
    scope: Scope


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that says no, as JSON-RPC has it."""

    code: int
    message: str
    data: Mapping[str, Any] | None = None

    def body(self) -> dict[str, Any]:
        """The ``error`` member."""
        made: dict[str, Any] = {"code": self.code, "message": self.message}
        return made if self.data is None else made | {"data": dict(self.data)}


CAPABILITY_DENIED = Fault(-32001, "capability-denied")
METHOD_NOT_FOUND = Fault(-32601, "method-not-found")
INVALID_PARAMS = Fault(-32602, "invalid-params")
INTERNAL_ERROR = Fault(-32603, "internal-error")
TARGET_BUSY = Fault(-32007, "target-busy")
OVER_LIMIT = -32005


def rate_limited(window_seconds: int) -> Fault:
    """More requests than the rate allows."""
    return Fault(OVER_LIMIT, "rate-limited", {"window_seconds": window_seconds})


def budget_exceeded(cap: OverCap) -> Fault:
    """A cap is used up."""
    return Fault(OVER_LIMIT, "budget-exceeded", {"cap_kind": cap.kind, "scope": cap.scope})


@dataclass(frozen=True, slots=True)
class PingParams:
    """Parameters of ``link.ping``."""

    nonce: str


@dataclass(frozen=True, slots=True)
class AskParams:
    """Parameters of ``link.ask``. The caps are the caller's own for this one request; ``None``: none."""

    prompt: str
    stream: bool = False
    tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class CancelParams:
    """Parameters of ``link.cancel``. Without a session's id: whichever turn of the caller is running."""

    session_id: str | None = None


Params = PingParams | AskParams | CancelParams


@dataclass(frozen=True, slots=True)
class AskResult:
    """What a turn came to. ``cost`` is in USD; ``None`` where nobody knows the price."""

    text: str
    session_id: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None
    interrupted: bool = False

    def body(self) -> dict[str, Any]:
        """The ``result`` member."""
        return {
            "text": self.text,
            "session_id": self.session_id,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost": self.cost,
            "interrupted": self.interrupted,
        }


def read_params(method: str, params: object) -> Params | None:
    """The parameters of a known method, or ``None`` where they do not fit. Members that are not known are left alone."""
    given = params if isinstance(params, dict) else None
    if given is None:
        return None
    if method == PING:
        nonce = given.get("nonce")
        return PingParams(nonce) if isinstance(nonce, str) and _is_text(nonce) else None
    if method == ASK:
        return _ask_params(given)
    session = given.get("session_id")
    return CancelParams(session) if session is None or _is_text(session) else None


def write_params(params: Params) -> dict[str, Any]:
    """The ``params`` member; what is not set is left out."""
    if isinstance(params, PingParams):
        return {"nonce": params.nonce}
    if isinstance(params, CancelParams):
        return {} if params.session_id is None else {"session_id": params.session_id}
    caps = {name: value for name, value in (("tokens", params.tokens), ("usd", params.usd)) if value is not None}
    made: dict[str, Any] = {"prompt": params.prompt, "stream": params.stream}
    return made | ({"budget": caps} if caps else {})


def read_ask_result(result: object) -> AskResult:
    """A peer's result of ``link.ask``.

    Raises:
        BadAnswer: no text, or a member of another kind. What is missing of the rest counts as nothing.
    """
    if not isinstance(result, dict):
        raise BadAnswer("the peer's answer to link.ask is no object")
    text, session, cost = result.get("text"), result.get("session_id", ""), result.get("cost")
    tokens_in, tokens_out = result.get("tokens_in", 0), result.get("tokens_out", 0)
    interrupted = result.get("interrupted", False)
    if not isinstance(text, str) or not isinstance(session, str) or not isinstance(interrupted, bool):
        raise BadAnswer("the peer's answer to link.ask has no text, or one that is none")
    if not _is_count(tokens_in) or not _is_count(tokens_out) or not (cost is None or _is_amount(cost)):
        raise BadAnswer("the peer's answer to link.ask counts with something that is no number")
    return AskResult(text, session, tokens_in, tokens_out, None if cost is None else float(cost), interrupted)


def _ask_params(given: dict[str, Any]) -> AskParams | None:
    prompt, stream, budget = given.get("prompt"), given.get("stream", False), given.get("budget")
    if not isinstance(prompt, str) or not prompt.strip() or not isinstance(stream, bool):
        return None
    if budget is None:
        return AskParams(prompt, stream)
    # A cap that is not known here would be one that is not kept.
    if not isinstance(budget, dict) or set(budget) - {"tokens", "usd"}:
        return None
    tokens, usd = budget.get("tokens"), budget.get("usd")
    if (tokens is not None and not _is_count(tokens)) or (usd is not None and not _is_amount(usd)):
        return None
    return AskParams(prompt, stream, tokens, None if usd is None else float(usd))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
