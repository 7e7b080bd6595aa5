"""Turns as a session's file holds them: a question, the answers to it, and what tools were given and gave. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import TypeGuard

import msgspec
from msgspec import Struct, field

from .words import line_of

VERSION = 1
# A tool's arguments and result are searched by their beginnings only: they are mostly whole files and pages, two thirds of all bytes,
# which can be read again, and what was said would drown in them.
SEEN_CHARS = 300
TITLE_CHARS = 120
# A message of alpi's own to the model about its reply (agent/turn.py): it belongs to the turn.
CHECK = "check"
ROLES = frozenset({"user", "assistant", "tool"})


class _Call(Struct):
    name: str = ""
    arguments: str = ""


class _Line(Struct):
    record: str = ""
    version: int = 0
    surface: str = ""
    role: str = ""
    id: str = ""
    time: datetime | None = None
    text: str = ""
    name: str = ""
    ok: bool = True
    calls: tuple[_Call, ...] = ()
    not_done: tuple[str, ...] = ()


DECODER = msgspec.json.Decoder(_Line)


class Turn(Struct):
    """One turn. ``begin`` and ``end`` are bytes of the file, ``id`` its first message's, ``time`` when that was written. ``asked`` is false
    where the file has lost the question. ``calls``: name, arguments; ``results``: name, text. ``messages``: the ids of all its messages.
    ``not_done``: the words of the last answer that claim what no tool call did."""

    begin: int
    end: int
    id: str
    time: datetime
    asked: bool = False
    question: str = ""
    answers: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    not_done: tuple[str, ...] = ()

    def line(self) -> bytes:
        """The turn as the index holds it."""
        return line_of([self.question, *self.answers], self.seen())

    def seen(self) -> list[str]:
        """What tools were given and gave, as far as it is searched."""
        return [f"{name} {text[:SEEN_CHARS]}" for name, text in self.calls] + [
            text[:SEEN_CHARS] for _, text in self.results
        ]


class Talk(Struct):
    """A session's file, or its end, as read. ``surface`` and ``readable`` (it is of this version) come from the first line."""

    surface: str = ""
    readable: bool = True
    turns: list[Turn] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The first words of what was asked first."""
        return " ".join(self.turns[0].question.split())[:TITLE_CHARS] if self.turns else ""


def read_talk(data: bytes, base: int = 0) -> Talk:
    """Read a session's bytes. Lines that are torn or broken are left out, as everywhere; summaries are no turns.

    Args:
        data: the file from byte ``base`` on; that is 0, or where a turn begins.
    """
    talk = Talk()
    for line, begin, end in _lines(data):
        if line.record == "session" and not base and not talk.turns:
            talk.surface = line.surface
            talk.readable = line.version == VERSION
        elif line.record == "message" and line.role in ROLES and _usable(line.time) and line.id:
            asks = line.role == "user" and line.surface != CHECK
            if asks or not talk.turns:
                if talk.turns:
                    talk.turns[-1].end = base + begin
                talk.turns.append(Turn(base + begin, base + end, line.id, line.time))
            turn = talk.turns[-1]
            turn.messages.append(line.id)
            if asks:
                turn.asked, turn.question = True, line.text
            elif line.role == "assistant":
                if line.text:
                    turn.answers.append(line.text)
                turn.not_done = line.not_done
                turn.calls += [(call.name, call.arguments) for call in line.calls]
            elif line.role == "tool":
                turn.results.append((line.name, line.text))
    if talk.turns:
        talk.turns[-1].end = base + len(data)
    if not talk.readable:
        talk.turns = []
    return talk


def _usable(time: datetime | None) -> TypeGuard[datetime]:
    """Whether a time can be counted in seconds, in any zone."""
    return time is not None and 1970 < time.year < 9999


def _lines(data: bytes) -> Iterator[tuple[_Line, int, int]]:
    begin = 0
    while begin < len(data):
        end = data.find(b"\n", begin)
        end = len(data) if end < 0 else end + 1
        with contextlib.suppress(msgspec.DecodeError, ValueError, RecursionError):  # told when the session is opened
            yield DECODER.decode(data[begin:end]), begin, end
        begin = end
