"""The node: it listens, admits pinned peers, takes each request through the gates, and has its handler run their turns."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from ...base.clock import Clock
from ...base.errors import AlpiError, StorageError
from ...base.locks import FileLock
from ..core import methods, primitives
from ..core.address import Address
from ..core.connection import Broken
from ..core.envelope import NONCE, Seal
from ..core.gate import Admitted, Dropped, Gatekeeper, Reason, Refused
from ..core.identity import Identity
from ..core.methods import AskParams, CancelParams, Fault, OverCap, PingParams
from ..core.peers import Peer, PeerBook
from ..core.replay import ReplayWindow
from ..core.words import fingerprint
from .asks import RunningAsk
from .handler import Handler
from .keyfile import SOCKET_FILE, private_folder
from .limits import Limits
from .links import Link, TcpLink, UnixLink, owner_calls
from .network import Listen as Listen  # what a node is made with
from .network import Listener, Network, SystemNetwork
from .nodelog import NodeLog
from .peersfile import PeersSource
from .replayfile import ReplayFile, ReplayStore

SWEEP_SECONDS = 5.0


def no_log(line: str) -> None:
    """A log that nobody reads."""


class Node:
    """One profile's node.

    Args:
        identity: who it is.
        peers: whom it admits, and what each may do.
        handler: runs the turns and knows the budgets.
        folder: ``<profile>/alp``: socket, replay memory and lock live there. ``None``: no Unix socket, and a ``store`` must be given.
        listen: where to listen over TCP; ``None``: not at all.
        random: gives so many random bytes.
        log: takes lines about strangers and failures; never content.
        store: another replay memory than the folder's file.
    """

    def __init__(
        self,
        identity: Identity,
        peers: PeersSource,
        handler: Handler,
        *,
        clock: Clock,
        folder: Path | None = None,
        listen: Listen | None = None,
        random: Callable[[int], bytes] = os.urandom,
        limits: Limits | None = None,
        log: Callable[[str], None] = no_log,
        store: ReplayStore | None = None,
        network: Network | None = None,
    ) -> None:
        if store is None:
            if folder is None:
                raise ValueError("a node without a folder needs a store for its replay memory")
            store = ReplayFile(folder / "replay.log")
        self.identity = identity
        self.random = random
        self.limits = limits or Limits()
        self.socket = folder / SOCKET_FILE if folder is not None else None
        self.last_admitted: float | None = None
        """When the last request was admitted, in seconds since 1970."""
        self._peers = peers
        self._handler = handler
        self._clock = clock
        self._folder = folder
        self._listen = listen
        self._log = NodeLog(log, self.limits.log_lines_per_minute)
        self._store = store
        self._network = network or SystemNetwork()
        self._lock = (
            FileLock(folder / "node.lock", wait=0, what="the link service of this profile")
            if folder is not None
            else None
        )
        self._gates = self._make_gates(ReplayWindow())
        self._listeners: list[Listener] = []
        self._handshaking: OrderedDict[TcpLink, None] = OrderedDict()
        self._sessions: OrderedDict[TcpLink, None] = OrderedDict()
        self._local: OrderedDict[UnixLink, None] = OrderedDict()
        self._asks: dict[str, RunningAsk] = {}
        self._book: PeerBook | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._closing = False

    @property
    def addresses(self) -> Sequence[Address]:
        """Where it listens over TCP, as bound."""
        return tuple(address for listener in self._listeners for address in listener.addresses)

    @property
    def running(self) -> Sequence[Peer]:
        """The peers whose turns run now."""
        return tuple(ask.peer for ask in self._asks.values())

    async def start(self) -> None:
        """Take the lock, read the replay memory, and listen.

        Raises:
            Locked: the profile's service runs already; the message names the process.
            ConfigError: the folder is open to others, or the address may not be listened at.
            StorageError: a file cannot be read or written, or the port is taken.
        """
        if self._folder is not None and self._lock is not None:
            private_folder(self._folder)
            self._lock.acquire()
        try:
            self._gates = self._make_gates(self._store.open(self._now()))
            if self.socket is not None:
                self._listeners.append(await self._network.listen_unix(self.socket, lambda: UnixLink(self)))
            if self._listen is not None:
                self._listeners.append(await self._network.listen(self._listen, lambda: TcpLink(self)))
        except BaseException:  # a cancelled task, too
            self._let_go()
            raise
        self._sweep()

    async def close(self, drain: float = 5.0) -> None:
        """Stop listening, give running turns ``drain`` seconds to end, stop the rest, and close everything."""
        self._closing = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for seconds in (drain, self.limits.cancel_grace + 1.0):
            waiting = [asyncio.create_task(ask.done.wait()) for ask in self._asks.values()]
            if waiting:
                _, late = await asyncio.wait(waiting, timeout=seconds)
                for task in late:
                    task.cancel()
            for ask in tuple(self._asks.values()):
                ask.stop(self.limits.cancel_grace)
        for link in (*self._handshaking, *self._sessions, *self._local):
            if link.transport is not None:
                link.transport.close()
        await asyncio.sleep(0)
        for link in (*self._handshaking, *self._sessions, *self._local):
            link.abort()
        self._let_go()

    # What follows is called by the connections.

    def seal(self) -> Seal:
        """The time and a fresh nonce for an envelope."""
        return Seal(self._now(), self.random(NONCE))

    def admits(self, noise_key: bytes) -> bool:
        """Whether a handshake's key belongs to a pinned peer."""
        return not self._closing and self._current_book().by_noise_key(noise_key) is not None

    def handshaking(self, link: TcpLink) -> None:
        """A connection has been made over TCP. Of too many in flight the oldest goes: an honest one is done in a moment."""
        self._handshaking[link] = None
        same = [other for other in self._handshaking if other.address == link.address]
        if len(same) > self.limits.handshakes_per_address:
            self._end_early(same[0])
        if len(self._handshaking) > self.limits.handshakes:
            self._end_early(next(iter(self._handshaking)))

    def handshake_done(self, link: TcpLink, noise_key: bytes) -> None:
        """A peer has proved its key."""
        self._handshaking.pop(link, None)
        link.peer = self._current_book().by_noise_key(noise_key)
        self._sessions[link] = None
        same = [other for other in self._sessions if other.peer is not None and other.peer.noise_public == noise_key]
        if len(same) > self.limits.sessions_per_peer:
            idle = [other for other in same if other.asking is None and other is not link] or same
            min(idle, key=lambda other: other.last_used).abort()

    def turned_away(self, link: TcpLink, event: Broken) -> None:
        """A connection broke the protocol, or a stranger's key was shown."""
        if event.shown is None or self._current_book().by_noise_key(event.shown) is not None:
            self.note(f"{link.address}: {event.error.message}; the connection was ended")
            return
        one, other = (fingerprint(key) for key in primitives.ed25519_candidates(event.shown))
        self.note(f"{link.address}: turned away, its key is not pinned (fingerprint {one} or {other})")

    def local(self, link: UnixLink) -> None:
        """A connection has been made on the Unix socket."""
        self._local[link] = None
        if link.transport is None or not owner_calls(link.transport, os.geteuid()):
            self.note("another user of this machine has called at the socket; the connection was ended")
            link.abort()
        elif len(self._local) > self.limits.unix_connections:
            quiet = next((other for other in self._local if other.asking is None), link)
            quiet.abort()

    def lost(self, link: Link) -> None:
        """A connection is gone."""
        if isinstance(link, TcpLink):
            self._handshaking.pop(link, None)
            self._sessions.pop(link, None)
        elif isinstance(link, UnixLink):
            self._local.pop(link, None)

    def take(self, data: bytes, link: Link, proven: bytes | None) -> None:
        """One envelope has come: through the gates, and answered, begun or dropped."""
        now = self._now()
        judged = self._gates.judge(data, self._current_book(), now, self._clock.monotonic(), proven)
        if isinstance(judged, Dropped):
            self._dropped(judged, link)
            return
        try:
            self._store.keep(judged.seen, durable=isinstance(judged, Admitted) and judged.method == methods.ASK)
        except StorageError as error:
            self.note(
                f"a request of {judged.peer.label} was dropped, because it could not be remembered: {error.message}"
            )
            return
        self.last_admitted = now
        if isinstance(judged, Refused):
            self.note(f"{judged.peer.label}: refused ({judged.fault.message})")
            link.answer_fault(judged.peer, judged.id, judged.fault)
        else:
            self._admitted(judged, link)

    def note(self, line: str) -> None:
        """Write a line to the log, unless there were too many."""
        self._log.note(line, self._clock.monotonic())

    # The rest is the node's own.

    def _make_gates(self, window: ReplayWindow) -> Gatekeeper:
        return Gatekeeper(self.identity.name, window, self._over_cap, self._is_busy)

    def _over_cap(self, peer: Peer, params: AskParams) -> OverCap | Fault | None:
        try:
            return self._handler.over_cap(peer, params)
        except AlpiError as error:  # books that cannot be read allow nothing
            self.note(f"{peer.label}: its budget cannot be known: {error.message}")
            return methods.INTERNAL_ERROR

    def _admitted(self, judged: Admitted, link: Link) -> None:
        peer, params = judged.peer, judged.params
        if isinstance(params, PingParams):
            result = {
                "nonce": params.nonce,
                "version": methods.PROTOCOL_VERSION,
                "agent_name": self._handler.agent_name,
            }
            link.answer_result(peer, judged.id, result)
        elif isinstance(params, CancelParams):
            link.answer_result(peer, judged.id, {"cancelled": self._cancel(peer, params.session_id)})
        else:
            self._begin(peer, judged.id, params, link)

    def _begin(self, peer: Peer, id: str, params: AskParams, link: Link) -> None:
        ask = RunningAsk(peer, id, params, link, self._ended)
        self._asks[peer.pubkey] = ask
        link.asking = lambda: ask.stop(self.limits.cancel_grace)
        ask.start(self._handler)

    def _ended(self, ask: RunningAsk, error: BaseException | None) -> None:
        del self._asks[ask.peer.pubkey]
        if error is not None:
            self.note(f"the turn for {ask.peer.label} failed: {type(error).__name__}: {error}")

    def _cancel(self, peer: Peer, session_id: str | None) -> bool:
        ask = self._asks.get(peer.pubkey)
        if ask is None or (session_id is not None and ask.session_id != session_id):
            return False
        ask.stop(self.limits.cancel_grace)
        return True

    def _is_busy(self, peer: Peer) -> bool:
        return self._closing or peer.pubkey in self._asks or len(self._asks) >= self.limits.asks

    def _dropped(self, dropped: Dropped, link: Link) -> None:
        who = self._current_book().by_key(dropped.sender)
        label = f"{link.address} ({who.label})" if who is not None else link.address
        detail = f" ({dropped.detail})" if dropped.detail else ""
        self.note(f"{label}: an envelope was dropped: {dropped.reason}{detail}")
        if dropped.reason is Reason.NOT_PINNED and isinstance(link, TcpLink) and not self._is_pinned(link):
            link.abort()  # it was pinned when the session began

    def _is_pinned(self, link: TcpLink) -> bool:
        return link.peer is not None and self._current_book().by_noise_key(link.peer.noise_public) is not None

    def _current_book(self) -> PeerBook:
        book = self._peers.book()
        if book is not self._book:
            self._book = book
            if book.problem:
                self.note(book.problem)
        return book

    def _end_early(self, link: TcpLink) -> None:
        self._handshaking.pop(link, None)
        self.note(f"{link.address}: too many handshakes at once; the oldest was ended")
        link.abort()

    def _sweep(self) -> None:
        """Now and then: forget what is out of date, and end what belongs to peers that are pinned no more."""
        now = self._clock.monotonic()
        self._gates.window.expire(self._now())
        self._gates.rates.expire(now)
        book = self._current_book()
        for link in tuple(self._sessions):
            if not self._is_pinned(link):
                link.abort()
        for ask in tuple(self._asks.values()):
            if book.by_key(ask.peer.pubkey) is None:
                ask.stop(self.limits.cancel_grace)
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def _let_go(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self._store.close()
        if self._lock is not None:
            self._lock.release()

    def _now(self) -> float:
        return self._clock.now().timestamp()
