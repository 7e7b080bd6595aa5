"""The todo list: what it takes, how it looks, and how it comes back with a session."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from alpi.agent.todo import MOST_ITEMS, TodoItem, TodoList, items_of
from alpi.agent.tool import ToolError
from alpi.base.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def call(arguments: str, ok: bool = True, name: str = "todo", id: str = "c1") -> list[Message]:
    """An answer that calls a tool, and the result."""
    return [
        AssistantMessage("a", NOW, "", calls=(ToolCall(id, name, arguments),)),
        ToolMessage("t", NOW, id, name, "shown", ok=ok),
    ]


def items(*texts: str) -> str:
    return json.dumps({"items": list(texts)})


def test_an_empty_list_is_no_text() -> None:
    assert TodoList().render() == ""
    assert TodoList().items == ()


def test_it_shows_each_item_with_its_state() -> None:
    todo = TodoList()
    todo.replace([TodoItem("read", "done"), TodoItem("write\nit  down", "doing"), TodoItem("test")])
    assert todo.render() == "[x] read\n[>] write it down\n[ ] test"


def test_when_all_is_done_it_is_empty_again() -> None:
    todo = TodoList([TodoItem("read")])
    todo.replace([TodoItem("read", "done"), TodoItem("write", "done")])
    assert (todo.items, todo.render()) == ((), "")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ([TodoItem("a", "doing"), TodoItem("b", "doing")], "more than one item is doing"),
        ([TodoItem(" \n")], "an item has no text"),
        ([TodoItem("a")] * (MOST_ITEMS + 1), "31 items are too many"),
    ],
)
def test_a_wrong_list_leaves_the_old_one(wrong: list[TodoItem], why: str) -> None:
    todo = TodoList([TodoItem("keep")])
    with pytest.raises(ToolError, match=why):
        todo.replace(wrong)
    assert todo.render() == "[ ] keep"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["read"], [TodoItem("read")]),
        ([{"text": "read"}], [TodoItem("read")]),
        ([{"text": "read", "status": "In_Progress"}], [TodoItem("read", "doing")]),
        ([{"text": "read", "status": "completed"}], [TodoItem("read", "done")]),
        ([{"text": "read", "status": "pending", "id": 1}], [TodoItem("read")]),
        ([], []),
    ],
)
def test_what_models_write(given: Any, meant: list[TodoItem]) -> None:
    assert list(items_of(given)) == meant


@pytest.mark.parametrize(
    "given", ["read", None, [1], [{"status": "open"}], [{"text": "a", "status": "maybe"}], [{"text": 1}]]
)
def test_what_is_no_list(given: Any) -> None:
    with pytest.raises(ToolError):
        items_of(given)


def test_it_comes_back_as_the_last_call_that_succeeded_left_it() -> None:
    messages = [
        UserMessage("u", NOW, "go"),
        *call(items("one")),
        *call(items("two", "three")),
        *call(items("four"), ok=False),
        *call(items("five"), name="other"),
        AssistantMessage("a", NOW, "", calls=(ToolCall("c1", "todo", items("six")),)),
    ]
    assert TodoList.from_messages(messages).render() == "[ ] two\n[ ] three"
    assert TodoList.from_messages(messages[:3]).render() == "[ ] one"
    assert TodoList.from_messages([]).items == ()


def test_the_last_of_two_calls_in_one_answer_counts() -> None:
    calls = (ToolCall("c1", "todo", items("one")), ToolCall("c2", "todo", items("two")))
    results = [ToolMessage("t", NOW, id, "todo", "", ok=True) for id in ("c1", "c2")]
    assert TodoList.from_messages([AssistantMessage("a", NOW, "", calls=calls), *results]).render() == "[ ] two"


@pytest.mark.parametrize("broken", ["{", "[]", '{"items": 1}', "null", '{"items": [1]}', "[" * 100_000])
def test_a_call_that_was_broken_by_hand_is_passed_over(broken: str) -> None:
    assert TodoList.from_messages([*call(items("one")), *call(broken)]).render() == "[ ] one"


def test_a_list_that_was_done_stays_empty() -> None:
    done = json.dumps({"items": [{"text": "one", "status": "done"}]})
    assert TodoList.from_messages([*call(items("one")), *call(done)]).items == ()
