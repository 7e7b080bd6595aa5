from __future__ import annotations

from typing import Any

import pytest

from alpi.alp.core.envelope import Seal, seal_error, seal_request, seal_result
from alpi.alp.core.errors import (
    BadAnswer,
    CapabilityDenied,
    LinkError,
    NotUnderstood,
    PeerBusy,
    PeerFailed,
    PeerOverBudget,
    RateLimited,
    WrongKey,
)
from alpi.alp.core.exchange import Chunk, Done, Exchange
from alpi.alp.core.gate import Admitted
from alpi.alp.core.methods import AskParams, AskResult, PingParams, read_ask_result
from alpi.alp.core.replay import ReplayWindow
from tests.support.links import NOW, Node, identity, peer, plain, seals, signed_anew

ME, NAS, OTHER = identity(1), identity(2), identity(3)
next_seal = seals()


def exchange(method: str = "link.ask", window: ReplayWindow | None = None) -> Exchange:
    params = AskParams("hello", stream=True) if method == "link.ask" else PingParams("n")
    return Exchange(ME, peer(NAS, "nas"), method, params, "id-1", next_seal(), window or ReplayWindow())


def result(body: Any = None, stream: Any = "", **changes: Any) -> bytes:
    given: dict[str, Any] = {"by": NAS, "to": ME.name, "id": "id-1", "seal": next_seal()} | changes
    return seal_result(
        given["by"], given["to"], given["id"], body or {"text": "x", "session_id": "s"}, given["seal"], stream
    )


def test_the_request_is_one_that_a_node_admits() -> None:
    judged = Node(NAS, peer(ME)).judge(exchange().request)
    assert isinstance(judged, Admitted) and judged.params == AskParams("hello", stream=True)


def test_one_answer() -> None:
    asked = exchange()
    assert asked.receive(result(), NOW) == Done({"text": "x", "session_id": "s"})
    assert asked.is_done
    with pytest.raises(BadAnswer, match="after the final"):
        asked.receive(result(), NOW)


def test_a_stream() -> None:
    asked = exchange()
    assert asked.receive(result({"text": "", "session_id": "s"}, "chunk"), NOW) == Chunk("", "s")
    assert asked.receive(result({"text": "he"}, "chunk"), NOW) == Chunk("he")
    assert not asked.is_done
    assert isinstance(asked.receive(result(None, "final"), NOW), Done)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        result(id="id-2"),
        result(to=OTHER.name),
        result(seal=Seal(NOW - 121, b"x" * 16)),
        result(seal=Seal(NOW + 121, b"x" * 16)),
        seal_request(NAS, ME.name, "id-1", "link.ping", {}, next_seal()),
        result({"text": 1}, "chunk"),
        result({"texts": "x"}, "chunk"),
        signed_anew({**plain(result()), "alp": {**plain(result())["alp"], "v": 2}}, NAS),
        signed_anew(plain(result()), OTHER),
    ],
)
def test_an_answer_that_breaks_the_protocol_is_thrown_away(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        exchange().receive(data, NOW)


def test_somebody_elses_answer() -> None:
    with pytest.raises(WrongKey):
        exchange().receive(result(by=OTHER), NOW)


def test_an_answer_counts_once() -> None:
    asked, data = exchange(), result({"text": "x"}, "chunk")
    asked.receive(data, NOW)
    with pytest.raises(BadAnswer, match="seen before"):
        asked.receive(data, NOW)


def test_a_ping_has_no_stream() -> None:
    with pytest.raises(BadAnswer):
        exchange("link.ping").receive(result(None, "chunk"), NOW)


FAULTS: list[tuple[dict[str, Any], type[LinkError]]] = [
    ({"code": -32001, "message": "capability-denied"}, CapabilityDenied),
    ({"code": -32005, "message": "rate-limited", "data": {"window_seconds": 60}}, RateLimited),
    ({"code": -32005, "message": "rate-limited", "data": {"window_seconds": "x"}}, RateLimited),
    ({"code": -32005, "message": "?", "data": None}, RateLimited),
    ({"code": -32005, "message": "budget-exceeded", "data": {"cap_kind": "usd", "scope": "peer"}}, PeerOverBudget),
    ({"code": -32007, "message": "target-busy"}, PeerBusy),
    ({"code": -32601, "message": "x"}, NotUnderstood),
    ({"code": -32602, "message": "x"}, NotUnderstood),
    ({"code": -32603, "message": "x"}, PeerFailed),
    ({"code": 7, "message": "\x1b[31m"}, PeerFailed),
]


@pytest.mark.parametrize(("error", "kind"), FAULTS)
def test_a_code_becomes_an_error_with_a_name(error: dict[str, Any], kind: type[LinkError]) -> None:
    asked = exchange()
    with pytest.raises(LinkError) as caught:
        asked.receive(seal_error(NAS, ME.name, "id-1", error, next_seal()), NOW)
    assert type(caught.value) is kind
    assert "nas" in caught.value.message and caught.value.hint
    assert "\x1b" not in str(caught.value)
    assert asked.is_done


@pytest.mark.parametrize(
    ("scope", "said"), [("profile", "its own"), ("peer", "grants"), ("request", "request"), ("moon", "a budget")]
)
@pytest.mark.parametrize("kind", ["usd", "tokens", "\x1b"])
def test_which_budget_is_used_up_is_said(scope: str, said: str, kind: str) -> None:
    error = {"code": -32005, "message": "budget-exceeded", "data": {"cap_kind": kind, "scope": scope}}
    with pytest.raises(PeerOverBudget) as caught:
        exchange().receive(seal_error(NAS, ME.name, "id-1", error, next_seal(), "final"), NOW)
    assert said in caught.value.message and "\x1b" not in str(caught.value)
    assert (caught.value.kind, caught.value.scope, caught.value.exit_code) == (kind, scope, 4)


def test_results_of_an_ask() -> None:
    whole = {"text": "t", "session_id": "s", "tokens_in": 1, "tokens_out": 2, "cost": 0.5, "interrupted": True}
    made = AskResult("t", "s", 1, 2, 0.5, True)
    assert read_ask_result(whole) == made and made.body() == whole
    assert read_ask_result({**whole, "cost": None}).cost is None
    assert read_ask_result({"text": "t"}) == AskResult("t", "")


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"text": 1},
        {"session_id": 1},
        {"tokens_in": -1},
        {"tokens_out": 1.5},
        {"cost": "1"},
        {"cost": -1},
        {"interrupted": 1},
    ],
)
def test_results_that_are_none(change: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        read_ask_result({"text": "t", "session_id": "s"} | change)
    with pytest.raises(BadAnswer):
        read_ask_result([change])
