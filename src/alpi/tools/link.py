"""link: the person's other agents. Each is a pinned peer that runs a turn of its own, with its own files, memory and tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Literal, Protocol

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..base.text import one_line
from ..safety.actions import Action, AskPeer


class LinkedPeer(Struct, frozen=True):
    """A pinned peer. ``where``: its address, or ``this machine``."""

    id: str
    alias: str
    where: str


class PeerReply(Struct, frozen=True):
    """What a peer answered. ``cost`` in USD, ``None`` where nobody knows."""

    text: str
    interrupted: bool = False
    tokens: int = 0
    cost: float | None = None


class Links(Protocol):
    """The profile's links (cli/links.py builds them over alp.io). Names are ids or aliases.

    Every method but ``peers`` may raise AlpiError, in words for a person: unknown peer, offline, not allowed there, busy, over budget.
    """

    def peers(self) -> Sequence[LinkedPeer]:
        """Who is pinned."""
        ...

    async def ping(self, peer: str) -> str:
        """Whether it answers: its name and how fast, in words."""
        ...

    async def ask(self, peer: str, text: str, on_text: Callable[[str], None]) -> PeerReply:
        """Have it run a turn. Cancelling stops that turn."""
        ...

    async def cancel(self, peer: str) -> bool:
        """Stop what it is doing for this profile; whether there was something."""
        ...


class Link:
    """Speaks to pinned peers.

    Args:
        links: the profile's.
        refused: why this conversation must not ask peers, or ``""``: one that a peer has started goes no further.
    """

    class Arguments(Struct, frozen=True):
        action: Literal["peers", "ping", "ask", "cancel"]
        peer: Annotated[str, Meta(description="its id")] = ""
        text: Annotated[
            str, Meta(description="ask: all that it needs to know; it sees nothing of this conversation")
        ] = ""

    name: ClassVar[str] = "link"
    description: ClassVar[str] = (
        "The user's other agents, on other machines or profiles, each with its own files and tools. ask has one do something and answer."
    )
    parallel: ClassVar[bool] = False

    def __init__(self, links: Links, refused: str = "") -> None:
        self._links = links
        self._refused = refused

    def hint(self, args: Arguments) -> str:
        return f"{args.action} {args.peer} {one_line(args.text, 60)}".strip()

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        # Where nobody may be asked, run says so; there is nothing to judge.
        return [AskPeer(args.peer, args.text)] if args.action == "ask" and not self._refused else ()

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        if args.action == "peers":
            return self._peers()
        if self._refused:
            raise ToolError(self._refused, "Answer with what you can find out yourself")
        if not args.peer:
            raise ToolError(f"peer is missing for {args.action}", f"The peers are: {self._names()}")
        if args.action == "ping":
            told = await self._links.ping(args.peer)
            return Result(told, told)
        if args.action == "cancel":
            stopped = (
                "stopped its turn" if await self._links.cancel(args.peer) else "it was not running anything for you"
            )
            return Result(f"{args.peer}: {stopped}", stopped)
        if not args.text.strip():
            raise ToolError("text is missing for ask", "Say what the peer should do, with all that it needs to know")
        return await self._ask(args, context)

    async def _ask(self, args: Arguments, context: ToolContext) -> Result:
        pieces: list[str] = []

        def show(piece: str) -> None:
            pieces.append(piece)
            context.progress("".join(pieces)[-400:])

        reply = await self._links.ask(args.peer, args.text, show)
        text = reply.text or "(it gave no answer)"
        if reply.interrupted:
            text += "\n(it was interrupted before it was done)"
        return Result(text, one_line(text, 120), ok=not reply.interrupted, source=f"the peer {args.peer}")

    def _peers(self) -> Result:
        found = self._links.peers()
        lines = [f"{peer.id}{f' ({peer.alias})' if peer.alias else ''}, on {peer.where}" for peer in found]
        return Result(
            "\n".join(lines) or "No peer is pinned. The user adds one with: alpi peers add CARD", f"{len(found)} peers"
        )

    def _names(self) -> str:
        return ", ".join(peer.id for peer in self._links.peers()) or "none is pinned"
