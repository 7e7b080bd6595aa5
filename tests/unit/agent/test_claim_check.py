"""A reply that claims what no tool has done: the model is asked once more, then the reply is marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alpi.agent import events
from alpi.agent.claims import DoneCall
from alpi.base.message import AssistantMessage, UserMessage
from alpi.providers.types import ModelSettings
from alpi.state.search import SessionIndex
from alpi.state.sessions import to_markdown
from alpi.tools.session_search import hit_text
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
        reply = stage.on_disk()[-1]
        assert isinstance(reply, AssistantMessage)
        assert (reply.text, reply.not_done) == ("It is saved, really.", ("saved",))
        assert reply.shown == ended(seen).text


@in_loop
async def test_the_mark_is_kept_with_the_session(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer(["I saved it.", "It is saved, really."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage,
    ):
        await stage.turn("save the pear")
        kept = stage.store.open(stage.session.id)
        assert to_markdown(kept).rstrip().endswith("It is saved, really.\n\nnot done: saved")
        [hit] = SessionIndex(stage.store.folder, tmp_path / "index").search("pear")
        assert hit.not_done == ("saved",)
        assert "   not done: saved" in hit_text(1, hit, None)


@in_loop
async def test_the_model_is_told_with_the_next_message_and_once(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["I saved it.", "It is saved, really.", "Hello.", "Bye."]) as server:
        async with Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage:
            await stage.turn("save x")
        # As another process that goes on with the session would.
        async with Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not, session=stage.session.id) as later:
            await later.turn("hi")
            await later.turn("bye")
        told = 'your last reply says "saved", but no tool call did that; it is not done'
        asked = [message.context for message in later.on_disk() if isinstance(message, UserMessage)]
        assert [told in context for context in asked] == [False, False, True, False]
        third, fourth = (call.raw.decode() for call in server.model_calls[2:])
        assert told in third.replace('\\"', '"') and fourth.replace('\\"', '"').count(told) == 1
        # The reply itself is sent as the model wrote it.
        assert "It is saved, really." in third and "not done: saved" not in third


@in_loop
async def test_what_was_made_good_is_not_held_against_the_model(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer(["I saved it.", WRITE, "Now it is saved.", "Hello."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage,
    ):
        await stage.turn("save the pear")
        await stage.turn("hi")
        assert "alpi's check: your" not in server.model_calls[3].raw.decode()
        [hit] = SessionIndex(stage.store.folder, tmp_path / "index").search("pear")
        assert hit.not_done == ()
        assert hit.answer == "I saved it. Now it is saved."


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


@in_loop
async def test_a_question_about_what_was_done_is_answered_from_earlier_turns(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([WRITE, "Done.", "Yes, I saved it.", "I saved that as well.", "No: it is not saved."]) as server,
        Stage(server, kind=kind, folder=tmp_path, unbacked=saved_or_not) as stage,
    ):
        await stage.turn("save x")
        assert not of(events.NotDone, await stage.turn("did you save it?"))
        assert len(server.model_calls) == 3
        assert ended(await stage.turn("save y, too")).text == "No: it is not saved."
