"""A turn over both wires: text, tool calls, their order, and how it ends."""

from __future__ import annotations

from pathlib import Path

from alpi.agent import events
from tests.support.model_server import ModelServer
from tests.support.stage import Stage, ended, in_loop, of, said


@in_loop
async def test_a_plain_answer(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["Hello there."]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await stage.turn("hi")
        assert said(seen) == "Hello there."
        end = ended(seen)
        assert (end.stop, end.text, end.steps, end.refused) == ("end", "Hello there.", 1, 0)
        assert [event.role for event in of(events.Saved, seen)] == ["user", "assistant"]
        assert [type(message).__name__ for message in stage.on_disk()] == ["UserMessage", "AssistantMessage"]
