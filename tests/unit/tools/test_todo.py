"""todo: a call replaces the list and shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.agent.prompt import schema_text
from alpi.agent.todo import TodoList
from alpi.agent.tool import spec_of
from alpi.tools.todo import Todo
from tests.support.workbench import Workbench


@pytest.fixture
def todo() -> TodoList:
    return TodoList()


@pytest.fixture
def bench(tmp_path: Path, todo: TodoList) -> Workbench:
    return Workbench(tmp_path, tools=(Todo(todo),))


def test_a_call_replaces_the_list_and_shows_it(bench: Workbench, todo: TodoList) -> None:
    done = bench.do("todo", items=[{"text": "read", "status": "doing"}, {"text": "write", "status": "open"}])
    assert (done.ok, done.text, done.summary) == (True, "[>] read\n[ ] write", "2 of 2 to do")
    assert bench.text("todo", items=[{"text": "write"}]) == "[ ] write"
    assert todo.render() == "[ ] write"


def test_done_is_empty(bench: Workbench, todo: TodoList) -> None:
    assert bench.text("todo", items=[{"text": "read", "status": "done"}]) == "All done; the list is empty now."
    assert bench.text("todo", items=[]) == "The list is empty."
    assert todo.items == ()


def test_what_is_wrong_is_told(bench: Workbench, todo: TodoList) -> None:
    bench.text("todo", items=["keep"])
    assert "more than one item is doing" in bench.error("todo", items=[{"text": t, "status": "doing"} for t in "ab"])
    assert "is not an item" in bench.error("todo", items=[{"what": "a"}])
    assert "items" in bench.error("todo", items="read the log")
    assert todo.render() == "[ ] keep"


def test_its_schema_is_small_and_whole(todo: TodoList) -> None:
    shown = schema_text(spec_of(Todo(todo)))
    assert len(shown) / 4 <= 110
    for part in ('"items"', '"text"', '"status"', '["open","doing","done"]'):
        assert part in shown
    assert "$ref" not in shown
