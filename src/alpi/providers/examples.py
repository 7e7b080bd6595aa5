"""Example exchanges, placed before the conversation for models that must see once how a call, its result and an answer follow
each other.

What is here was found by measuring: with no example the built-in model makes up what files contain. Examples of one call each work
best: after examples with several calls in a row it called where it should have answered. Plain answers stand between them, and one that
changes a file stands last. Without the greeting a mere "hola" was noted in memory as a fact.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from ..base.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # fixed: the bytes of a prompt's prefix must not change


def examples(name: str) -> tuple[Message, ...]:
    """The exchanges of a set, the same bytes each time; ``()`` for ``""``.

    Raises:
        KeyError: no set has that name.
    """
    return _SETS[name]() if name else ()


def example_names() -> tuple[str, ...]:
    """The sets that there are."""
    return tuple(_SETS)


def _files() -> tuple[Message, ...]:
    """Greet; read and say what matters; note what is told; answer plainly; search and name the file; change a file and say so."""
    script = _Script("files")
    script.ask("hello")
    script.answer("Hello! What can I do for you?")
    script.ask("Summarise trip/plan.txt.")
    script.call("read_file", {"path": "trip/plan.txt"}, "Trip to Graz\ntrain 8:15, platform 4\nhotel: Linde")
    script.answer("It plans a trip to Graz: the train leaves at 8:15 from platform 4, and the hotel is the Linde.")
    script.ask("I'm a vegetarian.")
    script.call("memory", {"action": "add", "file": "user", "text": "Vegetarian."}, "Added to USER.md.")
    script.answer("Noted: you are a vegetarian.")
    script.ask("Write two lines about snow.")
    script.answer("White and slow it falls at night,\nmorning finds the village white.")
    script.ask("Which file mentions the dentist?")
    script.call("search_files", {"query": "dentist"}, "diary/march.md:7: dentist on Friday")
    script.answer("diary/march.md mentions the dentist, in line 7.")
    script.ask("our wedding is on june 5th in Oslo")
    script.call(
        "memory", {"action": "add", "file": "memory", "text": "Wedding: June 5th in Oslo."}, "Added to MEMORY.md."
    )
    script.answer("Noted: your wedding is on June 5th in Oslo.")
    script.ask("What is the capital of Italy?")
    script.answer("Rome.")
    script.ask("In trip/plan.txt the hotel is now Adler.")
    edit = {"path": "trip/plan.txt", "old": "hotel: Linde", "new": "hotel: Adler"}
    script.call("edit_file", edit, "Edited trip/plan.txt: 1 replacement, at line 3.")
    script.answer("Done: the hotel in trip/plan.txt is now Adler.")
    return tuple(script.messages)


_SETS: Mapping[str, Callable[[], tuple[Message, ...]]] = MappingProxyType({"files": _files})


class _Script:
    """Writes exchanges down, with ids that are always the same."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.messages: list[Message] = []

    def ask(self, text: str) -> None:
        self.messages.append(UserMessage(self._id(), _TIME, text))

    def answer(self, text: str) -> None:
        self.messages.append(AssistantMessage(self._id(), _TIME, text))

    def call(self, tool: str, arguments: Mapping[str, object], result: str) -> None:
        # The spelling (a blank behind each colon) is how the model writes it, so that it sees one form only.
        call = ToolCall(f"example{len(self.messages)}", tool, json.dumps(dict(arguments), ensure_ascii=False))
        self.messages.append(AssistantMessage(self._id(), _TIME, "", (call,), stop="tools"))
        self.messages.append(ToolMessage(self._id(), _TIME, call.id, tool, result))

    def _id(self) -> str:
        return f"example-{self._name}-{len(self.messages)}"
