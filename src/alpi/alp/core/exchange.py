"""One request and what comes back, from the caller's side: the answer is checked, and a code becomes an error with a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .envelope import CLOCK_SECONDS, Envelope, Seal, is_version, read_envelope, seal_request
from .errors import (
    BadAnswer,
    BadShape,
    CapabilityDenied,
    LinkError,
    NotUnderstood,
    PeerBusy,
    PeerFailed,
    PeerOverBudget,
    RateLimited,
    WrongKey,
)
from .identity import Identity
from .methods import ASK, OVER_LIMIT, Params, write_params
from .peers import Peer
from .replay import ReplayWindow, Seen


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer; the first one has no text and names the session."""

    text: str
    session_id: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The result; nothing follows."""

    result: Any


class Exchange:
    """One request to one peer. ``request`` is what to send, once.

    Args:
        id: unique among the caller's requests.
        window: the replay memory of the caller, for answers.
    """

    def __init__(
        self, identity: Identity, peer: Peer, method: str, params: Params, id: str, seal: Seal, window: ReplayWindow
    ) -> None:
        self.request = seal_request(identity, peer.pubkey, id, method, write_params(params), seal)
        self.is_done = False
        self._me = identity.name
        self._peer = peer
        self._method = method
        self._id = id
        self._window = window

    def receive(self, data: bytes, now: float) -> Chunk | Done:
        """Take the next envelope that came back.

        Raises:
            WrongKey: it is signed with another key than the peer's.
            BadAnswer: it breaks the protocol, or answers something else.
            CapabilityDenied, RateLimited, PeerOverBudget, PeerBusy, NotUnderstood, PeerFailed: the peer said no.
        """
        if self.is_done:
            raise self._bad("came after the final one")
        try:
            envelope = read_envelope(data)
        except BadShape as error:
            raise self._bad(f"is no envelope ({error.message})") from error
        self._check(envelope, now)
        if envelope.error is not None:
            self.is_done = True
            raise fault_error(self._peer, self._method, envelope.error)
        if envelope.stream == "chunk":
            return self._chunk(envelope.result)
        self.is_done = True
        return Done(envelope.result)

    def _check(self, envelope: Envelope, now: float) -> None:
        if envelope.sender != self._peer.pubkey:
            raise WrongKey(
                f"what answers for {self._peer.label} has another key than the one that is pinned",
                "If the peer has a new key, have its card sent anew; otherwise somebody else sits at its address",
            )
        if not is_version(envelope.version):
            raise self._bad("speaks another version of the protocol")
        if not envelope.is_signed():
            raise self._bad("has a wrong signature")
        if abs(now - envelope.ts) > CLOCK_SECONDS:
            raise BadAnswer(
                f"the clock of {self._peer.label} is more than 2 minutes off",
                "Set both machines' clocks; its answer was thrown away",
            )
        if self._window.is_replay(envelope.sender, envelope.nonce, envelope.ts, now):
            raise self._bad("was seen before")
        if envelope.recipient != self._me:
            raise self._bad("is meant for another node")
        if envelope.is_request or envelope.id != self._id:
            raise self._bad("answers another question")
        self._window.remember(Seen(envelope.sender, envelope.nonce, now, envelope.ts))

    def _chunk(self, result: Any) -> Chunk:
        given = result if isinstance(result, dict) else {}
        text, session = given.get("text"), given.get("session_id", "")
        if self._method != ASK or not isinstance(text, str) or not isinstance(session, str):
            raise self._bad("has a piece that is none")
        return Chunk(text, session)

    def _bad(self, what: str) -> BadAnswer:
        return BadAnswer(f"what {self._peer.label} sent back {what}", "Both ends may need the same version of alpi")


def fault_error(peer: Peer, method: str, error: dict[str, Any]) -> LinkError:
    """The error with a name for an answer that says no."""
    code, message = error["code"], error["message"]
    given = error.get("data")
    data: dict[str, Any] = given if isinstance(given, dict) else {}
    who = peer.label
    if code == -32001:
        return CapabilityDenied(
            f"{who} does not let this profile use {method}",
            f"Its owner can grant it there: alpi peers allow NAME {method}",
        )
    if code == OVER_LIMIT and "cap_kind" in data:
        return _over_budget(who, str(data["cap_kind"]), str(data.get("scope", "")))
    if code == OVER_LIMIT:
        seconds = data.get("window_seconds")
        window = seconds if isinstance(seconds, int) else 60
        return RateLimited(f"{who} takes no more requests from this profile for now", f"Wait up to {window} seconds")
    if code == -32007:
        return PeerBusy(
            f"{who} is still busy with an earlier request of this profile",
            f"Wait, or stop that one: alpi link cancel {peer.id}",
        )
    if code == -32601:
        return NotUnderstood(f"{who} does not know {method}", "It may run an older version")
    if code == -32602:
        return NotUnderstood(f"{who} does not accept these parameters of {method}", "It may run another version")
    if code == -32603:
        return PeerFailed(f"something went wrong inside {who}", "Its own log says what")
    return PeerFailed(f"{who} answered with the unknown code {code} ({message[:80]!r})", "It may run a newer version")


def _over_budget(who: str, kind: str, scope: str) -> PeerOverBudget:
    unit = {"usd": "money", "tokens": "tokens"}.get(kind, "budget")
    whose = {
        "profile": f"{who} has used up its own {unit} for today",
        "peer": f"this profile has used up the {unit} that {who} grants it for today",
        "request": f"the request would need more {unit} than it may use at {who}",
    }
    hint = "Ask with a larger budget" if scope == "request" else "Try again tomorrow, or have the cap raised there"
    return PeerOverBudget(whose.get(scope, f"a budget at {who} is used up"), hint, kind, scope)
