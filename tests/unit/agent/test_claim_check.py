"""A reply that claims what no tool has done: the model is asked once more, then the reply is marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alpi.agent import events
from alpi.agent.claims import DoneCall
from alpi.base.message import UserMessage
from alpi.providers.types import ModelSettings
from alpi.state.sessions import to_markdown
from tests.support.model_server import ModelServer, Reply
from tests.support.stage import Stage, ended, in_loop, of


def saved_or_not(text: str, calls: Sequence[DoneCall]) -> tuple[str, ...]:
    """Claims of saving, backed by a write that succeeded."""
    if "saved" not in text or "not saved" in text:
        return ()
    return () if any(call.name == "write_file" and call.ok for call in calls) else ("saved",)


WRITE = Reply(tool_calls=[{"name": "write_file", "arguments": {"path": "a.txt", "content": "x\n"}}])


@in_loop
async def test_a_backed_claim_is_left_alone(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([WRITE, "I saved it."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage,
    ):
        seen = await stage.turn("save x")
        assert (ended(seen).text, ended(seen).stop, len(server.model_calls)) == ("I saved it.", "end", 2)
        assert not of(events.NotDone, seen)


@in_loop
async def test_the_model_does_what_it_claimed_when_asked_again(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer(["I saved it.", WRITE, "Now it is saved."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage,
    ):
        seen = await stage.turn("save x")
        assert ended(seen).text == "Now it is saved."
        assert not of(events.NotDone, seen)
        assert (stage.workspace / "a.txt").read_text() == "x\n"
        check = stage.on_disk()[2]
        assert isinstance(check, UserMessage)
        assert check.surface == "check"
        assert '"saved"' in check.text
        assert check.text in server.model_calls[1].raw.decode().replace('\\"', '"')
        assert "## alpi's check," in to_markdown(stage.store.open(stage.session.id))
        assert to_markdown(stage.session).count("## You,") == 1


@in_loop
async def test_the_model_takes_it_back(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer(["I saved it.", "Sorry: it is not saved."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage,
    ):
        seen = await stage.turn("save x")
        assert ended(seen).text == "Sorry: it is not saved."
        assert not of(events.NotDone, seen)


@in_loop
async def test_a_claim_that_stays_is_marked_and_asked_about_once_only(kind: str, tmp_path: Path) -> None:
    compact = ModelSettings(instructions="compact")
    async with (
        ModelServer(["I saved it.", "It is saved, really."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not, settings=compact) as stage,
    ):
        seen = await stage.turn("save x")
        assert of(events.NotDone, seen) == [events.NotDone(("saved",))]
        assert ended(seen).text == "It is saved, really.\n\nnot done: saved"
        assert len(server.model_calls) == 2
        assert stage.on_disk()[-1].text == "It is saved, really."


@in_loop
async def test_a_claim_is_marked_also_when_asking_again_fails(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer(["I saved it.", Reply(status=401)]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage,
    ):
        seen = await stage.turn("save x")
        assert ended(seen).stop == "failed"
        assert of(events.NotDone, seen)
        assert ended(seen).text == "I saved it.\n\nnot done: saved"


@in_loop
async def test_no_question_is_left_open_where_the_steps_are_used_up(kind: str, tmp_path: Path) -> None:
    look = Reply(tool_calls=[{"name": "read_file", "arguments": {"path": "nothing"}}])
    async with (
        ModelServer([look, "I saved it."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not, steps=1) as stage,
    ):
        seen = await stage.turn("save x")
        assert ended(seen).stop == "limit"
        assert of(events.NotDone, seen)
        assert len(server.model_calls) == 2
