"""Example exchanges, placed before the conversation for models that must see once how a call, its result and an answer follow
each other.

What is here was found by measuring: with no example the built-in model makes up what files contain. Plain answers stand between the
calls, and an exchange that changes a file stands last. Without the greeting a mere "hola" was noted in memory as a fact. The exchange with
a skill is the only one of two calls: without it the model looked at a skill and made up what its script would print. Messages carry the
time as real ones do: without that it copied it into files and memory. One search finds nothing: without it each error was answered with
"Noted". A question answered from what was said before must not be here: the model gave that answer in later conversations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from ..base.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

Exchange = list[Message]
FIRST = "[Now: Monday, 2026-06-01 09:12 UTC. Workspace: /home/ana/notes]"
LATER = "[Now: Monday, 2026-06-01 09:14 UTC]"
_TIME = datetime(2026, 6, 1, tzinfo=UTC)  # fixed: the bytes of a prompt's prefix must not change


def examples(name: str, tools: Collection[str]) -> tuple[Message, ...]:
    """The exchanges of a set that need no other tools than these, the same bytes each time; ``()`` for ``""``.

    Raises:
        KeyError: no set has that name.
    """
    if not name:
        return ()
    exchanges = [one for one in _SETS[name]() if all(call.name in tools for call in _calls(one))]
    return tuple(message for one in exchanges for message in one)


def example_names() -> tuple[str, ...]:
    """The sets that there are."""
    return tuple(_SETS)


def _calls(exchange: Exchange) -> list[ToolCall]:
    return [call for message in exchange if isinstance(message, AssistantMessage) for call in message.calls]


def _files() -> list[Exchange]:
    """Greet; read and say what matters; note what is told, and answer from it; answer plainly; search, find and not find; use a skill;
    change a file and say so."""
    script = _Script("files")
    script.ask("hello", FIRST)
    script.answer("Hello! What can I do for you?")
    script.ask("Summarise trip/plan.txt.")
    script.call("read_file", {"path": "trip/plan.txt"}, "Trip to Graz\ntrain 8:15, platform 4\nhotel: Linde")
    script.answer("It plans a trip to Graz: the train leaves at 8:15 from platform 4, and the hotel is the Linde.")
    script.ask("Write two lines about snow.")
    script.answer("White and slow it falls at night,\nmorning finds the village white.")
    script.ask("what day is it?")
    script.answer("Monday, June 1st.")
    script.ask("how long is songs/rain.mp3?")
    page = (
        "# media/tracks (version 1)\nSays how long songs are.\nFiles: scripts/length.py\n\n"
        "Run `length.py FILE`. It prints minutes and seconds.\n\n    length.py a.mp3"
    )
    script.call("skill", {"action": "view", "name": "media/tracks"}, page)
    run = {"action": "run", "name": "media/tracks", "file": "length.py", "arguments": "songs/rain.mp3"}
    script.call("skill", run, "3:42\n[exit 0]")
    script.answer("songs/rain.mp3 is 3 minutes and 42 seconds long.")
    script.ask("I'm tired today.")
    script.answer("Then take it slowly. What can I take off your hands?")
    script.ask("Which file mentions the dentist?")
    script.call("search_files", {"query": "dentist"}, "diary/march.md:7: dentist on Friday")
    script.answer("diary/march.md mentions the dentist, in line 7.")
    script.ask("Who painted the Mona Lisa?")
    script.answer("Leonardo da Vinci.")
    script.ask("we decided to get married on june 5th in Oslo")
    script.call(
        "memory", {"action": "add", "file": "memory", "text": "Wedding: June 5th in Oslo."}, "Added to MEMORY.md."
    )
    script.answer("I'll remember that your wedding is on June 5th in Oslo.")
    script.ask("how much is 12 plus 30?")
    script.answer("42.")
    script.ask("How do I keep basil fresh?")
    script.answer("Put it into a glass of water like flowers, and not into the fridge.")
    script.ask("Find the invoice.")
    script.call("search_files", {"glob": "*invoice*"}, "Nothing found for files named *invoice*.")
    script.answer("None of your files is named invoice.")
    script.ask("What is the capital of Italy?")
    script.answer("Rome.")
    script.ask("In trip/plan.txt the hotel is now Adler.")
    edit = {"path": "trip/plan.txt", "old": "hotel: Linde", "new": "hotel: Adler"}
    script.call("edit_file", edit, "Edited trip/plan.txt: 1 replacement, at line 3.")
    script.answer("Done: the hotel in trip/plan.txt is now Adler.")
    return script.exchanges


_SETS: Mapping[str, Callable[[], list[Exchange]]] = MappingProxyType({"files": _files})


class _Script:
    """Writes exchanges down, with ids that are always the same."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self.exchanges: list[Exchange] = []

    def ask(self, text: str, context: str = LATER) -> None:
        self.exchanges.append([UserMessage(self._id(), _TIME, text, context)])

    def answer(self, text: str) -> None:
        self.exchanges[-1].append(AssistantMessage(self._id(), _TIME, text))

    def call(self, tool: str, arguments: Mapping[str, object], result: str) -> None:
        # The spelling (a blank behind each colon) is how the model writes it, so that it sees one form only.
        call = ToolCall(f"example{self._count}", tool, json.dumps(dict(arguments), ensure_ascii=False))
        answer = AssistantMessage(self._id(), _TIME, "", (call,), stop="tools")
        self.exchanges[-1] += [answer, ToolMessage(self._id(), _TIME, call.id, tool, result)]

    def _id(self) -> str:
        self._count += 1
        return f"example-{self._name}-{self._count - 1}"
