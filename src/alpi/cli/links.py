"""The profile's links, put together: its identity and peers, asking them, and the surface on which their asks are answered here."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import NotConfigured, UsageError
from ..base.paths import DEFAULT, profile_names

if TYPE_CHECKING:
    from ..agent.engine import Agent
    from ..agent.events import Event
    from ..agent.parts import Draft
    from ..agent.surface import Surface
    from ..alp.core.identity import Identity
    from ..alp.core.peers import Peer, PeerBook
    from ..alp.io.client import Client
    from ..alp.io.keyfile import IdentityFiles
    from ..base.clock import Clock
    from ..base.paths import ProfilePaths
    from ..state.sessions import Session
    from ..tools.link import LinkedPeer, PeerReply


class ProfileLinks:
    """The links of a profile. Implements ``tools.link.Links``. Nothing is read or made before it is needed."""

    def __init__(self, paths: ProfilePaths, clock: Clock) -> None:
        self._paths = paths
        self.clock = clock
        self._client: Client | None = None

    # --- who

    @property
    def files(self) -> IdentityFiles:
        """The identity's files."""
        from ..alp.io.keyfile import IdentityFiles

        return IdentityFiles(self._paths.alp)

    def identity(self) -> Identity:
        """The profile's identity, made on first need."""
        return self.files.load_or_make(os.urandom)

    def book(self) -> PeerBook:
        """The pinned peers as the file has them now."""
        from ..alp.io.peersfile import PeersFile

        return PeersFile(self._paths.peers).book()

    def find(self, name: str) -> Peer:
        """A peer by its id or alias.

        Raises:
            NotConfigured: peers.yaml is broken.
            UsageError: there is none of that name.
        """
        book = self.book()
        if book.problem:
            raise NotConfigured(book.problem, "Mend the file; until then nobody is admitted and nobody is asked")
        found = book.find(name)
        if found is None:
            known = ", ".join(peer.id for peer in book) or "none yet"
            raise UsageError(f"there is no peer {name!r}", f"Pinned: {known}. Add one: alpi peers add CARD")
        return found

    def peers(self) -> Sequence[LinkedPeer]:
        """See ``Links``."""
        from ..tools.link import LinkedPeer

        if not self._paths.peers.exists():
            return ()
        return [LinkedPeer(peer.id, peer.alias, str(peer.address or "this machine")) for peer in self.book()]

    # --- speaking to them

    @property
    def client(self) -> Client:
        """What speaks to peers; keeps its connections for a while."""
        from ..alp.io.client import Client

        if self._client is None:
            self._client = Client(self.identity(), socket_of=self._socket_of, clock=self.clock)
        return self._client

    async def ping(self, peer: str) -> str:
        """See ``Links``."""
        pong = await self.client.ping(self.find(peer))
        return f"{peer} answers as {pong.agent_name!r} in {pong.seconds * 1000:.0f} ms"

    async def ask(self, peer: str, text: str, on_text: Callable[[str], None]) -> PeerReply:
        """See ``Links``."""
        from ..tools.link import PeerReply

        result = await self.client.ask(self.find(peer), text, on_text=on_text)
        return PeerReply(result.text, result.interrupted, result.tokens_in + result.tokens_out, result.cost)

    async def cancel(self, peer: str) -> bool:
        """See ``Links``."""
        return await self.client.cancel(self.find(peer))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _socket_of(self, peer: Peer) -> Path | None:
        """The socket of a profile on this machine, by its key."""
        from ..alp.io.keyfile import find_socket

        root = self._paths.root
        homes = [root if name == DEFAULT else root / "profiles" / name for name in profile_names(root)]
        return find_socket(peer.pubkey, homes)


def addressed_peer(text: str, links: ProfileLinks) -> tuple[str, str] | None:
    """``@nas text`` as (``nas``, ``text``) where nas is a pinned peer; else ``None``."""
    if not text.startswith("@"):
        return None
    name, _, rest = text[1:].partition(" ")
    name = name.rstrip(":,")
    if not rest.strip() or not any(peer.id == name for peer in links.peers()):
        return None
    return name, rest.strip()


def turn(
    links: ProfileLinks, agent: Agent, session: Session, draft: Draft, surface: Surface, workspace: Path
) -> AsyncIterator[Event]:
    """A turn of the agent's, or of the peer's that the message is addressed to (``@nas …``)."""
    addressed = addressed_peer(draft.text, links) if draft.text.startswith("@") else None
    if addressed is None:
        return agent.turn(session, draft, surface)
    import secrets

    from ..agent.prompt import left_undone, turn_context
    from ..agent.relay import Relay
    from ..safety.untrusted import fence
    from ..state.sessions import new_id

    peer, text = addressed
    relay = Relay(
        peer=peer,
        ask=lambda asked, on_text: links.ask(peer, asked, on_text),
        fence=lambda said: fence(said, f"the peer {peer}", lambda: secrets.token_hex(6)),
        context=turn_context(links.clock.now(), workspace, not session.messages, left_undone(session.messages)),
        clock=links.clock,
        new_id=new_id,
    )
    agent.toolbox.marks.add(f"the peer {peer}")
    return relay.turn(session, text, surface)
