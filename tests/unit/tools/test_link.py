"""The link tool over links that are scripted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from alpi.agent.tool import ToolContext, ToolError
from alpi.base.errors import AlpiError
from alpi.safety.actions import AskPeer
from alpi.tools.link import Link, LinkedPeer, PeerReply
from tests.support.stage import in_loop
from tests.support.workbench import context_of


class Scripted:
    """Links to one peer that answers in pieces."""

    def __init__(self, reply: PeerReply | AlpiError) -> None:
        self._reply = reply
        self.asked: list[tuple[str, str]] = []

    def peers(self) -> Sequence[LinkedPeer]:
        return [LinkedPeer("nas", "home server", "nas.lan:7423")]

    async def ping(self, peer: str) -> str:
        return f"{peer} answers"

    async def ask(self, peer: str, text: str, on_text: Callable[[str], None]) -> PeerReply:
        self.asked.append((peer, text))
        if isinstance(self._reply, AlpiError):
            raise self._reply
        for piece in self._reply.text.split():
            on_text(f"{piece} ")
        return self._reply

    async def cancel(self, peer: str) -> bool:
        return peer == "nas"


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return context_of(tmp_path)


@in_loop
async def test_an_answer_is_the_peers_own_text(tmp_path: Path) -> None:
    shown: list[str] = []
    links = Scripted(PeerReply("3 auth failures", tokens=120))
    args = Link.Arguments("ask", "nas", "what is odd in the logs?")
    tool = Link(links)
    context = context_of(tmp_path, progress=shown.append)
    assert tool.actions(args, context) == [AskPeer("nas", "what is odd in the logs?")]
    result = await tool.run(args, context)
    assert result.text == "3 auth failures" and result.source == "the peer nas" and result.ok
    assert shown[-1] == "3 auth failures "
    assert links.asked == [("nas", "what is odd in the logs?")]


@in_loop
async def test_peers_ping_and_cancel_ask_nobody_for_leave(context: ToolContext) -> None:
    tool = Link(Scripted(PeerReply("")))
    for action, told in (
        ("peers", "nas (home server), on nas.lan:7423"),
        ("ping", "nas answers"),
        ("cancel", "stopped its turn"),
    ):
        args = Link.Arguments(action, "" if action == "peers" else "nas")  # type: ignore[arg-type]
        assert tool.actions(args, context) == ()
        assert told in (await tool.run(args, context)).text


@in_loop
async def test_what_is_missing_is_said(context: ToolContext) -> None:
    tool = Link(Scripted(PeerReply("")))
    with pytest.raises(ToolError, match="peer is missing"):
        await tool.run(Link.Arguments("ask", "", "x"), context)
    with pytest.raises(ToolError, match="text is missing"):
        await tool.run(Link.Arguments("ask", "nas", " "), context)


@in_loop
async def test_a_turn_that_a_peer_started_asks_nobody_further(context: ToolContext) -> None:
    links = Scripted(PeerReply("x"))
    tool = Link(links, "a peer has started this")
    for action in ("ask", "ping", "cancel"):
        with pytest.raises(ToolError, match="a peer has started this"):
            await tool.run(Link.Arguments(action, "nas", "x"), context)  # type: ignore[arg-type]
    assert links.asked == []
    assert "nas" in (await tool.run(Link.Arguments("peers"), context)).text


@in_loop
async def test_an_interrupted_answer_says_so(context: ToolContext) -> None:
    result = await Link(Scripted(PeerReply("half", interrupted=True))).run(Link.Arguments("ask", "nas", "x"), context)
    assert not result.ok and "interrupted" in result.text
