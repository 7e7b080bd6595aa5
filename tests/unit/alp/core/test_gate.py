from __future__ import annotations

from typing import Any

import pytest

from alpi.alp.core.envelope import Seal, seal_request, seal_result, write_time
from alpi.alp.core.gate import Admitted, Dropped, Reason, Refused
from alpi.alp.core.methods import AskParams, CancelParams, OverCap, PingParams
from tests.support.links import NOW, Node, identity, peer, plain, seals, signed_anew

ME, CALLER, OTHER = identity(1), identity(2), identity(3)
next_seal = seals()


def request(
    method: str = "link.ping", params: Any = None, by: Any = CALLER, to: Any = ME, seal: Seal | None = None
) -> bytes:
    return seal_request(by, to.name, "id-1", method, {"nonce": "n"} if params is None else params, seal or next_seal())


def node(**changes: Any) -> Node:
    over_cap = changes.pop("over_cap", None)
    return Node(ME, peer(CALLER, "caller", **changes), peer(OTHER, "other"), over_cap=over_cap)


def reason(judged: object) -> Reason:
    assert isinstance(judged, Dropped)
    return judged.reason


def fault(judged: object) -> dict[str, Any]:
    assert isinstance(judged, Refused)
    return judged.fault.body()


def test_a_good_request_is_admitted() -> None:
    judged = node().judge(request())
    assert isinstance(judged, Admitted)
    assert (judged.peer.id, judged.id, judged.method, judged.params) == ("caller", "id-1", "link.ping", PingParams("n"))


@pytest.mark.parametrize(
    ("method", "params", "read"),
    [
        ("link.ask", {"prompt": "x"}, AskParams("x")),
        ("link.ask", {"prompt": "x", "stream": True, "budget": {"tokens": 5}}, AskParams("x", True, 5)),
        ("link.ask", {"prompt": "x", "budget": {"usd": 1, "tokens": 0}}, AskParams("x", False, 0, 1.0)),
        ("link.ask", {"prompt": "x", "later": 1}, AskParams("x")),
        ("link.cancel", {}, CancelParams()),
        ("link.cancel", {"session_id": "s"}, CancelParams("s")),
    ],
)
def test_the_parameters_of_each_method(method: str, params: Any, read: object) -> None:
    judged = node().judge(request(method, params))
    assert isinstance(judged, Admitted) and judged.params == read


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("link.ping", {}),
        ("link.ping", {"nonce": 1}),
        ("link.ping", {"nonce": ""}),
        ("link.ping", {"nonce": "x" * 257}),
        ("link.ping", []),
        ("link.ask", {}),
        ("link.ask", {"prompt": " \n"}),
        ("link.ask", {"prompt": ["x"]}),
        ("link.ask", {"prompt": "x", "stream": 1}),
        ("link.ask", {"prompt": "x", "budget": 5}),
        ("link.ask", {"prompt": "x", "budget": {"eur": 5}}),
        ("link.ask", {"prompt": "x", "budget": {"tokens": -1}}),
        ("link.ask", {"prompt": "x", "budget": {"tokens": 1.5}}),
        ("link.ask", {"prompt": "x", "budget": {"usd": True}}),
        ("link.ask", {"prompt": "x", "budget": {"usd": "1"}}),
        ("link.cancel", {"session_id": 1}),
        ("link.cancel", "x"),
    ],
)
def test_parameters_that_do_not_fit(method: str, params: Any) -> None:
    body = plain(request(method, {}))
    body["params"] = params
    assert fault(node().judge(signed_anew(body, CALLER))) == {"code": -32602, "message": "invalid-params"}


def test_parameters_that_are_left_out_are_none() -> None:
    for method, admitted in (("link.cancel", True), ("link.ping", False), ("link.ask", False)):
        body = plain(request(method, {}))
        del body["params"]
        assert isinstance(node().judge(signed_anew(body, CALLER)), Admitted) is admitted


def test_what_is_dropped_in_silence() -> None:
    me = node()
    assert reason(me.judge(b"{}")) is Reason.BAD_SHAPE
    assert reason(me.judge(request(by=identity(9)))) is Reason.NOT_PINNED
    assert reason(me.judge(request(), proven=OTHER.noise_public)) is Reason.NOT_PROVEN
    body = plain(request())
    for version in (2, 0, "1", 1.0, True, None):
        body["alp"]["v"] = version
        assert reason(me.judge(signed_anew(body, CALLER))) is Reason.VERSION
    body = plain(request())
    body["params"] = {"nonce": "other"}
    assert reason(me.judge(signed_anew(body, OTHER))) is Reason.SIGNATURE
    assert reason(me.judge(request(to=OTHER))) is Reason.RECIPIENT
    answer = seal_result(CALLER, ME.name, "id-1", {}, next_seal())
    assert reason(me.judge(answer)) is Reason.NOT_A_REQUEST
    data = request()
    assert isinstance(me.judge(data, proven=CALLER.noise_public), Admitted)
    assert reason(me.judge(data)) is Reason.REPLAY


@pytest.mark.parametrize(
    ("off", "dropped"),
    [(-120.0, False), (120.0, False), (-120.001, True), (120.001, True), (180.0, True), (-1e9, True)],
)
def test_two_minutes_either_way(off: float, dropped: bool) -> None:
    judged = node().judge(request(seal=Seal(NOW + off, b"n" * 16)))
    assert isinstance(judged, Dropped) is dropped
    if dropped:
        assert reason(judged) is Reason.CLOCK


def test_a_nonce_counts_once_whatever_else_is_new() -> None:
    me = node()
    assert isinstance(me.judge(request(seal=Seal(NOW, b"n" * 16))), Admitted)
    assert reason(me.judge(request("link.cancel", {}, seal=Seal(NOW + 1, b"n" * 16)))) is Reason.REPLAY
    assert isinstance(me.judge(request(by=OTHER, seal=Seal(NOW, b"n" * 16))), Admitted)


def test_the_nonce_of_what_was_dropped_is_not_remembered() -> None:
    me = node()
    body = plain(request(seal=Seal(NOW, b"n" * 16)))
    assert reason(me.judge(signed_anew(body, OTHER))) is Reason.SIGNATURE
    assert reason(me.judge(request(to=OTHER, seal=Seal(NOW, b"n" * 16)))) is Reason.RECIPIENT
    assert len(me.gates.window) == 0
    assert isinstance(me.judge(request(seal=Seal(NOW, b"n" * 16))), Admitted)


def test_a_refused_request_cannot_be_played_again_once_it_would_be_allowed() -> None:
    me = node(allow=())
    data = request()
    assert fault(me.judge(data))["code"] == -32001
    me.book = node().book
    assert reason(me.judge(data)) is Reason.REPLAY


def test_no_list_means_nothing_is_allowed() -> None:
    for method in ("link.ping", "link.ask", "link.cancel", "link.other", "rpc.discover"):
        assert fault(node(allow=()).judge(request(method))) == {"code": -32001, "message": "capability-denied"}


def test_the_rate_counts_what_was_let_in() -> None:
    me = node(per_minute=3, allow=("link.ping",))
    for _ in range(5):
        assert fault(me.judge(request("link.ask")))["code"] == -32001
    for _ in range(3):
        assert isinstance(me.judge(request()), Admitted)
    for _ in range(5):
        assert fault(me.judge(request())) == {"code": -32005, "message": "rate-limited", "data": {"window_seconds": 60}}
    assert isinstance(me.judge(request(by=OTHER)), Admitted)
    me.now += 60
    seal = Seal(me.now, b"later-later-late")
    assert isinstance(me.judge(request(seal=seal)), Admitted)


def test_a_method_that_is_granted_and_not_known() -> None:
    me = node(allow=("room.post",), per_minute=2)
    assert fault(me.judge(request("room.post"))) == {"code": -32601, "message": "method-not-found"}


@pytest.mark.parametrize("scope", ["profile", "peer", "request"])
@pytest.mark.parametrize("kind", ["usd", "tokens"])
def test_a_cap_is_asked_from_outside(kind: Any, scope: Any) -> None:
    me = node(over_cap=OverCap(kind, scope))
    refused = {"code": -32005, "message": "budget-exceeded", "data": {"cap_kind": kind, "scope": scope}}
    assert fault(me.judge(request("link.ask", {"prompt": "x"}))) == refused
    assert isinstance(me.judge(request()), Admitted)


def test_a_session_that_runs_a_turn_is_busy() -> None:
    me = node()
    me.busy = True
    assert fault(me.judge(request("link.ask", {"prompt": "x"}))) == {"code": -32007, "message": "target-busy"}
    assert isinstance(me.judge(request("link.cancel", {})), Admitted)
    assert isinstance(me.judge(request()), Admitted)


def test_the_order_of_the_gates() -> None:
    """A request that is wrong in every way meets the gates one by one, as each wrong is mended."""
    bad: dict[str, Any] = {"prompt": ""}
    full = OverCap("usd", "peer")

    def met(method: str, params: Any, busy: bool, **changes: Any) -> Any:
        me = node(**changes)
        me.busy = busy
        judged = me.judge(request(method, params))
        return judged.fault.message if isinstance(judged, Refused) else type(judged).__name__

    odd = "link.odd"
    assert met(odd, bad, True, allow=(), per_minute=0, over_cap=full) == "capability-denied"
    assert met(odd, bad, True, allow=(odd,), per_minute=0, over_cap=full) == "rate-limited"
    assert met(odd, bad, True, allow=(odd,), over_cap=full) == "method-not-found"
    assert met("link.ask", bad, True, over_cap=full) == "invalid-params"
    assert met("link.ask", {"prompt": "x"}, True, over_cap=full) == "budget-exceeded"
    assert met("link.ask", {"prompt": "x"}, True) == "target-busy"
    assert met("link.ask", {"prompt": "x"}, False) == "Admitted"


def test_the_order_of_what_is_dropped() -> None:
    """Not pinned comes before everything but shape; what is cheap comes before the signature."""
    old = write_time(NOW - 500)
    body = plain(request(to=OTHER))
    body["alp"] |= {"v": 2, "ts": old}
    stranger = {**body, "alp": {**body["alp"], "from": identity(9).name}}
    assert reason(node().judge(signed_anew(stranger, CALLER))) is Reason.NOT_PINNED
    assert reason(node().judge(signed_anew(body, OTHER), proven=OTHER.noise_public)) is Reason.NOT_PROVEN
    assert reason(node().judge(signed_anew(body, OTHER))) is Reason.VERSION
    body["alp"]["v"] = 1
    assert reason(node().judge(signed_anew(body, OTHER))) is Reason.CLOCK
    body["alp"]["ts"] = write_time(NOW)
    assert reason(node().judge(signed_anew(body, OTHER))) is Reason.SIGNATURE
    assert reason(node().judge(signed_anew(body, CALLER))) is Reason.RECIPIENT


def test_an_empty_book_admits_nobody() -> None:
    me = Node(ME)
    assert reason(me.judge(request())) is Reason.NOT_PINNED
