"""todo: the model's list for the work at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from ..agent.todo import TOOL, TodoList, items_of
from ..agent.tool import Result, ToolContext
from ..safety.actions import Action
from .text import plural

ITEM = (
    ("type", "object"),
    ("properties", {"text": {"type": "string"}, "status": {"enum": ["open", "doing", "done"]}}),
)


class Todo:
    """Replaces the list of a session.

    Args:
        todo: the list.
    """

    class Arguments(Struct, frozen=True):
        # Not a list of Structs: what models write instead of one is told to them in words of use, and a bare text is understood.
        items: Annotated[list[Any], Meta(description="the whole list", extra_json_schema={"items": dict(ITEM)})]

    name: ClassVar[str] = TOOL
    description: ClassVar[str] = (
        "Plan work of several steps: replaces your list. Mark one item doing, and done as soon as it is. Not for reminders."
    )
    parallel: ClassVar[bool] = False

    def __init__(self, todo: TodoList) -> None:
        self._todo = todo

    def hint(self, args: Arguments) -> str:
        return plural(len(args.items), "item")

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        return ()

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        items = items_of(args.items)
        self._todo.replace(items)
        shown = self._todo.render()
        if not shown:
            return Result("All done; the list is empty now." if items else "The list is empty.", "empty")
        left = sum(item.status != "done" for item in self._todo.items)
        return Result(shown, f"{left} of {len(items)} to do")
