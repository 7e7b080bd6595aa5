"""The list of what is still to be done in a piece of work: the model's own, kept through compaction and when a session is resumed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from ..base.message import AssistantMessage, Message, ToolMessage
from ..base.text import one_line
from .tool import ToolError

TOOL = "todo"
MOST_ITEMS = 30
MOST_CHARS = 200
Status = Literal["open", "doing", "done"]
MARKS = MappingProxyType({"open": "[ ]", "doing": "[>]", "done": "[x]"})
# Words that models know from other lists.
SAME = MappingProxyType(
    {"pending": "open", "todo": "open", "in_progress": "doing", "in progress": "doing", "completed": "done"}
)


class TodoItem(msgspec.Struct, frozen=True):
    """One thing to do, in one line."""

    text: str
    status: Status = "open"


class TodoList:
    """The items in their order. At most one is ``doing``; a list on which everything is done is empty again."""

    def __init__(self, items: Sequence[TodoItem] = ()) -> None:
        self.items: tuple[TodoItem, ...] = tuple(items)

    def replace(self, items: Sequence[TodoItem]) -> None:
        """Take another list in place of this one.

        Raises:
            ToolError: too many items, one without text, or more than one ``doing``; the old list stands.
        """
        if len(items) > MOST_ITEMS:
            raise ToolError(f"{len(items)} items are too many", f"Put it into at most {MOST_ITEMS}")
        clean = [TodoItem(one_line(item.text, MOST_CHARS), item.status) for item in items]
        if not all(item.text for item in clean):
            raise ToolError("an item has no text", "Say in its text what is to be done")
        if sum(item.status == "doing" for item in clean) > 1:
            raise ToolError("more than one item is doing", "Mark one as doing, the others as open or done")
        self.items = () if all(item.status == "done" for item in clean) else tuple(clean)

    def render(self) -> str:
        """One line an item; ``""`` when there is nothing to do."""
        return "\n".join(f"{MARKS[item.status]} {item.text}" for item in self.items)

    @classmethod
    def from_messages(cls, messages: Sequence[Message]) -> TodoList:
        """The list as a transcript leaves it: that of the last ``todo`` call which succeeded."""
        for place in range(len(messages) - 1, -1, -1):
            message = messages[place]
            if not isinstance(message, AssistantMessage):
                continue
            results = takewhile(lambda other: isinstance(other, ToolMessage), messages[place + 1 :])
            done = {result.call_id for result in results if isinstance(result, ToolMessage) and result.ok}
            for call in reversed(message.calls):
                if call.name == TOOL and call.id in done:
                    restored = cls()
                    try:
                        restored.replace(items_of(msgspec.json.decode(call.arguments)["items"]))
                    except (ToolError, msgspec.DecodeError, ValueError, KeyError, TypeError, RecursionError):
                        continue  # a transcript that was changed by hand: the list before it counts
                    return restored
        return cls()


def items_of(given: Any) -> tuple[TodoItem, ...]:
    """Items as a model writes them: objects, or bare texts, which are open.

    Raises:
        ToolError: something else.
    """
    if not isinstance(given, list):
        raise ToolError("items must be a list", 'For example [{"text": "read the log", "status": "doing"}]')
    items = []
    for item in given:
        if isinstance(item, str):
            item = {"text": item}
        if isinstance(item, dict) and isinstance(item.get("status"), str):
            status = item["status"].strip().lower()
            item = {**item, "status": SAME.get(status, status)}
        try:
            items.append(msgspec.convert(item, TodoItem))
        except msgspec.ValidationError as error:
            raise ToolError(
                f"{one_line(str(item), 80)} is not an item: {error}",
                "Each has a text and a status: open, doing or done",
            ) from error
    return tuple(items)
