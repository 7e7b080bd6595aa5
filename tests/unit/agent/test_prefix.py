"""Prompt caches hit by what a request begins with: each request of a session begins with exactly the bytes of the one before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from alpi.agent import events
from alpi.agent.claims import unbacked
from alpi.agent.turn import Draft
from alpi.base.message import AssistantMessage, UserMessage
from alpi.providers.types import ModelSettings
from alpi.state.memory import MemoryStore, Note
from alpi.tools.memory import Memory
from tests.support.fakes import FakeClock, Person
from tests.support.model_server import ModelServer, Recorded, Reply
from tests.support.stage import Stage, ended, in_loop

TURNS = 50
MARKER = b',"cache_control":{"type":"ephemeral"}'


def script() -> Iterator[tuple[str, list[Reply]]]:
    """Fifty messages and what the model does about each: talk, think, call tools well and badly, break off."""
    for number in range(TURNS):
        read = {"name": "read_file", "arguments": {"path": "a.txt"}}
        search = {"name": "search_files", "arguments": {"query": "é"}}
        wrong = {"name": "read_file", "arguments": '{"path": '}
        refused = {"name": "write_file", "arguments": {"path": "/etc/passwd", "content": "x"}}
        written = {"name": "write_file", "arguments": {"path": "b.txt", "content": f"{number}\n"}}
        yield (
            f"question {number} — ünïcode \u2028 \"quoted\"",
            [
                [Reply(text=f"answer {number}")],
                [Reply(text="I look.", tool_calls=[read, search]), Reply(text="Seen.")],
                [Reply(reasoning="hm, let me think", tool_calls=[read]), Reply(reasoning="so", text="Done.")],
                [Reply(tool_calls=[wrong]), Reply(tool_calls=[refused, written]), Reply(text="Well.")],
                [Reply(text=["broken ", "off ", "here"], truncate=3)],
                [Reply(text='<tool_call>{"name": "read_file", "arguments": {"path": "a.txt"}}</tool_call>'), Reply(text="So.")],
                [Reply(text=["slow "] * 500, chunk_delay=0.005)],
                [Reply(text="", stop="refusal")],
            ][number % 8],
        )  # fmt: skip


def places_of_markers(raw: bytes) -> set[int]:
    """Where the cache markers stand, counted in the bytes without them."""
    return {match.start() - index * len(MARKER) for index, match in enumerate(re.finditer(re.escape(MARKER), raw))}


@in_loop
async def test_fifty_turns_share_their_beginning(kind: str, tmp_path: Path) -> None:
    calls: list[Recorded] = []
    session = ""
    async with ModelServer() as server:
        for number, (text, replies) in enumerate(script()):
            if number in (0, 25):  # in the middle another process goes on with it
                stage = Stage(server, kind=kind, folder=tmp_path, session=session)
                stage.write("a.txt", "hello é\n")
                session = stage.session.id
            server.add(*replies)
            person = Person()
            async for event in stage.agent.turn(stage.session, Draft(text), person):
                if isinstance(event, events.Text) and event.text.startswith("slow"):
                    person.interrupt.set()
            stage.clock.go_on(977)
        calls = server.model_calls
        await stage.agent.aclose()
    assert len(calls) > TURNS
    for before, after in pairwise(calls):
        assert before.body["tools"] == after.body["tools"]
        old, new = before.raw.replace(MARKER, b""), after.raw.replace(MARKER, b"")
        assert old.endswith(b"]}")
        assert new.startswith(old[:-2] + b","), where_they_part(old, new)
        if kind == "anthropic":
            # The provider looks the cache up at the markers: where this request ended, the next one must have one too.
            assert max(places_of_markers(before.raw)) in places_of_markers(after.raw)
    assert calls[0].raw.count(MARKER) <= 4
    assert calls[-1].raw.count(MARKER) <= 4


@in_loop
async def test_memory_that_changes_in_the_conversation_does_not_change_its_beginning(kind: str, tmp_path: Path) -> None:
    """The prompt holds memory as it was when the session began; what is noted meanwhile stands in the transcript."""
    clock = FakeClock()
    limits = {"user": 20_000, "memory": 20_000, "personality": 2000}
    store = MemoryStore(tmp_path / "memory", limits, clock, str, lambda text: "")
    note = Note("s", "test")
    store.add("user", "Their dog is called Argos.", note)
    tool = Memory(store, lambda: note)

    def noting(number: int) -> Reply:
        text = f"On day {number * 37} they were in town number {number * 7919}."
        return Reply(tool_calls=[{"name": "memory", "arguments": {"action": "add", "file": "memory", "text": text}}])

    async with (
        ModelServer() as server,
        Stage(
            server,
            kind=kind,
            folder=tmp_path,
            clock=clock,
            tools=[tool],
            memory=store.snapshot().text,
            unbacked=unbacked,
        ) as stage,
    ):
        for number in range(TURNS):
            server.add(noting(number), "Good to know.")
            assert ended(await stage.turn(f"Remember town {number}.")).text == "Good to know."
            clock.go_on(977)
        calls = server.model_calls
    assert len(store.entries("memory")) > TURNS // 2, "nothing was noted"
    assert b"Argos" in calls[0].raw
    head = calls[-1].raw[: calls[-1].raw.index(b"Remember town 0.")]
    assert b"town number" not in head
    for before, after in pairwise(calls):
        old, new = before.raw.replace(MARKER, b""), after.raw.replace(MARKER, b"")
        assert new.startswith(old[:-2] + b","), where_they_part(old, new)


@in_loop
async def test_memory_stands_behind_examples_so_that_what_is_prepared_stays(kind: str, tmp_path: Path) -> None:
    examples = [UserMessage("e", FakeClock().now(), "an example"), AssistantMessage("f", FakeClock().now(), "shown")]
    settings = ModelSettings(examples="files")
    bodies = []
    for memory in ("", "- Their dog is called Argos."):
        async with (
            ModelServer(["a"]) as server,
            Stage(
                server,
                kind=kind,
                folder=tmp_path / (memory[-6:-1] or "none"),
                settings=settings,
                memory=memory,
                examples=lambda name, tools: examples,
            ) as stage,
        ):
            await stage.turn("hi")
            bodies.append(server.model_calls[0].raw.decode().replace(MARKER.decode(), ""))
            assert dict(stage.agent.prompt_sizes()).get("memory", 0) == (7 if memory else 0)
    end = bodies[0].index("shown") + len("shown")
    assert bodies[0][:end] == bodies[1][:end]
    assert "Argos" not in bodies[0]
    assert bodies[1].index("Argos") < bodies[1].index("Understood.") < bodies[1].index("hi\\n\\n[Now")


def where_they_part(old: bytes, new: bytes) -> str:
    place = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return f"the bytes part at {place}:\n{old[place - 200 : place + 100]!r}\n{new[place - 200 : place + 100]!r}"


@in_loop
async def test_what_changes_stands_in_the_newest_message(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["a", "b"]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        await stage.turn("one")
        stage.clock.go_on(86_400)
        assert ended(await stage.turn("two")).stop == "end"
        first, second = (call.raw.decode() for call in server.model_calls)
        assert "2026-11-23" in first
        assert "2026-11-24" not in first
        assert second.index("2026-11-24") > second.index("two") > second.index("2026-11-23")
        head = first[: first.index('"messages"')]
        assert "2026" not in head
