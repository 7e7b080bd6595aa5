"""A turn that a peer answers: streamed, written down as a call with its result, stopped at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from alpi.agent import events
from alpi.agent.relay import Relay
from alpi.agent.surface import Unattended
from alpi.base.errors import AlpiError
from alpi.base.message import AssistantMessage, ToolMessage, UserMessage
from alpi.state.sessions import Session, SessionStore, new_id, well_formed
from tests.support.fakes import FakeClock
from tests.support.stage import ended, in_loop, of, said


@dataclass
class Reply:
    text: str
    interrupted: bool = False


Ask = Callable[[str, Callable[[str], None]], Awaitable[Reply]]


def setting(folder: Path, ask: Ask) -> tuple[Relay, Session]:
    clock = FakeClock()
    session = SessionStore(folder / "sessions", clock, str).create("chat")
    return Relay("nas", ask, lambda text: f"<{text}>", "[Now]", clock, new_id), session


async def all_of(events_: AsyncIterator[events.Event]) -> list[events.Event]:
    return [event async for event in events_]


@in_loop
async def test_the_answer_streams_and_is_written_down_as_the_peers(tmp_path: Path) -> None:
    async def ask(text: str, on_text: Callable[[str], None]) -> Reply:
        on_text("3 auth ")
        await asyncio.sleep(0)
        on_text("failures")
        return Reply("3 auth failures")

    relay, session = setting(tmp_path, ask)
    seen = await all_of(relay.turn(session, "what is odd?", Unattended("chat")))
    assert said(seen) == "3 auth failures"
    assert ended(seen).stop == "end" and ended(seen).text == "3 auth failures"
    user, call, result, end = session.messages
    assert isinstance(user, UserMessage) and user.text == "@nas what is odd?" and user.context == "[Now]"
    assert isinstance(call, AssistantMessage) and call.calls[0].name == "link" and '"nas"' in call.calls[0].arguments
    assert isinstance(result, ToolMessage) and result.text == "<3 auth failures>" and result.ok
    assert isinstance(end, AssistantMessage) and "nas" in end.text and "failures" not in end.text
    assert well_formed(session.messages, FakeClock().now()) == session.messages


@in_loop
async def test_what_was_not_streamed_is_shown_at_the_end(tmp_path: Path) -> None:
    async def ask(text: str, on_text: Callable[[str], None]) -> Reply:
        return Reply("all at once")

    relay, session = setting(tmp_path, ask)
    assert said(await all_of(relay.turn(session, "x", Unattended("chat")))) == "all at once"


@in_loop
async def test_stopping_keeps_what_had_come(tmp_path: Path) -> None:
    surface = Unattended("chat")
    stopped = asyncio.Event()

    async def ask(text: str, on_text: Callable[[str], None]) -> Reply:
        on_text("half")
        surface.interrupt.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    relay, session = setting(tmp_path, ask)
    seen = await all_of(relay.turn(session, "x", surface))
    assert ended(seen).stop == "interrupted"
    assert stopped.is_set()
    result = session.messages[2]
    assert isinstance(result, ToolMessage) and not result.ok and "<half>" in result.text
    assert well_formed(session.messages, FakeClock().now()) == session.messages


@in_loop
async def test_a_peer_that_fails_is_said_and_leaves_a_whole_transcript(tmp_path: Path) -> None:
    async def ask(text: str, on_text: Callable[[str], None]) -> Reply:
        raise AlpiError("nas is offline", "Is it switched on?")

    relay, session = setting(tmp_path, ask)
    seen = await all_of(relay.turn(session, "x", Unattended("chat")))
    failed = of(events.Failed, seen)[0]
    assert failed.message == "nas is offline" and failed.hint == "Is it switched on?"
    assert ended(seen).stop == "failed"
    assert well_formed(session.messages, FakeClock().now()) == session.messages
    # The session is free again.
    session.begin_turn()
    session.end_turn()
