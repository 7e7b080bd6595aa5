from __future__ import annotations

from typing import Any

from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from alpi.mcp.traffic import MOST_A_SECOND, Traffic
from tests.support.fakes import FakeClock


def message(**body: Any) -> SessionMessage:
    return SessionMessage(jsonrpc_message_adapter.validate_python({"jsonrpc": "2.0", **body}))


def test_answers_always_pass_and_lose_the_schemas_that_would_be_tried_on_results() -> None:
    traffic = Traffic(FakeClock().monotonic)
    tools = [{"name": "a", "inputSchema": {}, "outputSchema": {"pattern": "^(a+)+$"}}]
    answer = message(id=1, result={"tools": tools})
    assert traffic.admit(answer)
    assert tools[0].keys() >= {"name"} and "outputSchema" not in answer.message.result["tools"][0]  # type: ignore[union-attr]
    for odd in ({"tools": None}, {"tools": ["a"]}, {}):
        assert traffic.admit(message(id=1, result=odd))
    assert traffic.admit(message(id=1, error={"code": 1, "message": "no"}))


def test_what_nobody_reads_is_dropped() -> None:
    traffic = Traffic(FakeClock().monotonic)
    for method in ("notifications/message", "notifications/resources/updated", "notifications/made_up"):
        assert not traffic.admit(message(method=method, params={}))
    assert not traffic.changed
    assert traffic.admit(message(method="notifications/tools/list_changed"))
    assert traffic.changed


def test_more_than_anybody_could_read_is_dropped_until_the_next_second() -> None:
    clock = FakeClock()
    traffic = Traffic(clock.monotonic)
    progress = message(method="notifications/progress", params={"progressToken": 1, "progress": 1})
    assert sum(traffic.admit(progress) for _ in range(500)) == MOST_A_SECOND
    assert not traffic.admit(message(id="s1", method="ping"))
    clock.go_on(1)
    assert traffic.admit(progress)
    assert traffic.admit(message(id=1, result={}))
