"""The client: ping, ask and cancel. Sessions are kept, nothing is ever sent twice, and whatever fails has a name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.clock import Clock
from ...base.errors import UsageError
from ..core import methods
from ..core.address import Address
from ..core.envelope import NONCE, Seal
from ..core.errors import (
    BadAnswer,
    ConnectionLost,
    LinkError,
    PeerBusy,
    PeerOffline,
    SilentlyDropped,
    TimedOut,
    WrongKey,
)
from ..core.exchange import Chunk, Done, Exchange
from ..core.identity import Identity
from ..core.methods import AskParams, AskResult, CancelParams, Params, PingParams, read_ask_result
from ..core.peers import Peer
from ..core.replay import ReplayWindow
from .limits import Timeouts
from .network import Network, SystemNetwork
from .sessions import Ended, Session, TcpSession, UnixSession, fits

CAUSES = "Usual causes: this profile's key is not pinned there (or not any more), or the two clocks are more than 2 minutes apart"

CAUSES_HERE = (
    f"{CAUSES}; or that profile has a new key, and its service has not been started anew since: alpi service restart"
)
VERSIONS = "Both ends may need the same version of alpi"
Place = tuple[str, Address | None]


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer to a ping. ``seconds``: from the request to the answer, without connecting."""

    agent_name: str
    version: int
    seconds: float


class Client:
    """Links of one profile to its peers. One object may be used by many tasks at once.

    Args:
        socket_of: the socket of a peer on this machine (``keyfile.find_socket``), or ``None`` where no profile has its key.
        random: gives so many random bytes.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        clock: Clock,
        socket_of: Callable[[Peer], Path | None] = lambda peer: None,
        random: Callable[[int], bytes] = os.urandom,
        timeouts: Timeouts | None = None,
        network: Network | None = None,
    ) -> None:
        self.identity = identity
        self.timeouts = timeouts or Timeouts()
        self._clock = clock
        self._socket_of = socket_of
        self._random = random
        self._network = network or SystemNetwork()
        self._window = ReplayWindow()
        self._short: dict[Place, Session] = {}
        self._asking: dict[Place, Session] = {}
        self._locks: dict[Place, asyncio.Lock] = {}
        self._idle: dict[Session, asyncio.TimerHandle] = {}

    async def ping(self, peer: Peer) -> Pong:
        """Whether the peer is there and answers.

        Raises:
            LinkError: under the name of what went wrong.
        """
        nonce = self._random(NONCE).hex()
        started = self._clock.monotonic()
        result = await self._call(peer, methods.PING, PingParams(nonce))
        seconds = self._clock.monotonic() - started
        given = result if isinstance(result, dict) else {}
        name, version = given.get("agent_name"), given.get("version")
        if given.get("nonce") != nonce or not isinstance(name, str) or type(version) is not int:
            raise BadAnswer(f"{peer.label} answered the ping with something else", VERSIONS)
        return Pong(name, version, seconds)

    async def cancel(self, peer: Peer, session_id: str | None = None) -> bool:
        """Stop the turn that runs at the peer for this profile. Gives whether there was one.

        Raises:
            LinkError: under the name of what went wrong.
        """
        result = await self._call(peer, methods.CANCEL, CancelParams(session_id))
        cancelled = result.get("cancelled") if isinstance(result, dict) else None
        if not isinstance(cancelled, bool):
            raise BadAnswer(f"{peer.label} answered the cancel with something else", VERSIONS)
        return cancelled

    async def ask(
        self,
        peer: Peer,
        prompt: str,
        *,
        tokens: int | None = None,
        usd: float | None = None,
        on_session: Callable[[str], None] | None = None,
        on_text: Callable[[str], None] | None = None,
        seconds: float = 600.0,
    ) -> AskResult:
        """Have the peer's agent run a turn. While it is busy with an earlier one this tries a few times more.

        To stop it, cancel this call's task: the connection closes, and that stops the turn.

        Args:
            tokens, usd: caps of this request, kept by the peer.
            on_session: told the session's id as soon as the turn begins.
            on_text: told each piece of the answer.
            seconds: for everything.

        Raises:
            LinkError: under the name of what went wrong.
            UsageError: the prompt is empty, or too long to be sent.
        """
        if not prompt.strip():
            raise UsageError("there is nothing to ask")
        params = AskParams(prompt, stream=True, tokens=tokens, usd=usd)
        deadline = self._clock.monotonic() + seconds
        pause = self.timeouts.busy_pause
        for left in reversed(range(self.timeouts.busy_tries)):
            try:
                return await self._ask(peer, params, deadline, on_session, on_text)
            except PeerBusy:
                if not left or self._clock.monotonic() + pause >= deadline:
                    raise
            await self._clock.sleep(pause * (1 - self._random(1)[0] / 512))
            pause *= 2
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """End all sessions."""
        for timer in self._idle.values():
            timer.cancel()
        for session in (*self._short.values(), *self._asking.values()):
            session.close()
        for kept in (self._idle, self._short, self._asking):
            kept.clear()

    async def _call(self, peer: Peer, method: str, params: Params) -> Any:
        """A short call: on the session for them, one at a time for each peer."""
        lock = self._locks.setdefault(_place(peer), asyncio.Lock())
        async with lock:
            session = await self._take(self._short, peer)
            ok = False
            try:
                exchange = self._exchange(peer, method, params)
                self._send(session, exchange, peer)
                piece = await self._receive(session, exchange, peer, self.timeouts.short)
                if isinstance(piece, Chunk):
                    raise BadAnswer(f"{peer.label} answered {method} in pieces", VERSIONS)
                ok = True
                return piece.result
            except LinkError:
                ok = exchange.is_done
                raise
            finally:
                self._give_back(self._short, peer, session, ok)

    async def _ask(
        self,
        peer: Peer,
        params: AskParams,
        deadline: float,
        on_session: Callable[[str], None] | None,
        on_text: Callable[[str], None] | None,
    ) -> AskResult:
        session = await self._take(self._asking, peer)
        ok = False
        try:
            exchange = self._exchange(peer, methods.ASK, params)
            self._send(session, exchange, peer)
            limit = self.timeouts.silence
            while True:
                left = deadline - self._clock.monotonic()
                piece = await self._receive(session, exchange, peer, max(0.0, min(limit, left)))
                limit = float("inf")
                if isinstance(piece, Done):
                    ok = True
                    return read_ask_result(piece.result)
                if piece.session_id and on_session is not None:
                    on_session(piece.session_id)
                if piece.text and on_text is not None:
                    on_text(piece.text)
        except LinkError:
            ok = ok or exchange.is_done
            raise
        finally:
            self._give_back(self._asking, peer, session, ok)

    def _exchange(self, peer: Peer, method: str, params: Params) -> Exchange:
        seal = Seal(self._now(), self._random(NONCE))
        return Exchange(self.identity, peer, method, params, self._random(NONCE).hex(), seal, self._window)

    def _send(self, session: Session, exchange: Exchange, peer: Peer) -> None:
        if not fits(exchange.request):
            raise UsageError("the request is too long to be sent", "A request has room for about a million characters")
        try:
            session.send(exchange.request)
        except Ended as error:
            raise self._lost(session, peer) from error

    async def _receive(self, session: Session, exchange: Exchange, peer: Peer, seconds: float) -> Chunk | Done:
        fresh = not session.answered
        try:
            data = await session.next(seconds)
        except TimeoutError as error:
            if fresh:
                raise SilentlyDropped(
                    f"{peer.label} took the request and has not answered in {seconds:g} s", _causes(peer)
                ) from error
            raise TimedOut(
                f"{peer.label} has not answered in time", "It may be at work still, or the connection may be dead"
            ) from error
        except Ended as error:
            if fresh:
                raise SilentlyDropped(f"{peer.label} ended the connection without an answer", _causes(peer)) from error
            raise self._lost(session, peer) from error
        return exchange.receive(data, self._now())

    def _lost(self, session: Session, peer: Peer) -> LinkError:
        broken = session.ended.error if session.ended is not None else None
        why = f" ({broken.message})" if broken is not None else ""
        return ConnectionLost(
            f"the connection to {peer.label} broke{why}",
            "Whether the request was done is not known; it was not sent again",
        )

    async def _take(self, kept: dict[Place, Session], peer: Peer) -> Session:
        """A session that is open: the kept one, or a new one. It belongs to the caller until it is given back."""
        session = kept.pop(_place(peer), None)
        if session is not None:
            timer = self._idle.pop(session, None)
            if timer is not None:
                timer.cancel()
            if session.ended is None:
                return session
        return await self._open(peer)

    def _give_back(self, kept: dict[Place, Session], peer: Peer, session: Session, ok: bool) -> None:
        place = _place(peer)
        if not ok or not session.reusable or session.ended is not None or place in kept:
            session.close()
            return
        kept[place] = session

        def expire() -> None:
            self._idle.pop(session, None)
            if kept.get(place) is session:
                del kept[place]
            session.close()

        self._idle[session] = asyncio.get_running_loop().call_later(self.timeouts.idle, expire)

    async def _open(self, peer: Peer) -> Session:
        return await self._open_unix(peer) if peer.address is None else await self._open_tcp(peer)

    async def _open_unix(self, peer: Peer) -> Session:
        path = self._socket_of(peer)
        if path is None:
            raise PeerOffline(
                f"no profile of this machine has the key of {peer.label}",
                "If it is on another machine, give its address; if it has a new key, pin its new card: alpi id --card, there",
            )
        try:
            made = await self._network.connect_unix(path, UnixSession)
        except OSError as error:
            raise PeerOffline(
                f"{peer.label} does not run on this machine ({path})", "Start it there: alpi serve"
            ) from error
        assert isinstance(made, UnixSession)
        return made

    async def _open_tcp(self, peer: Peer) -> Session:
        address = peer.address
        assert address is not None

        def factory() -> TcpSession:
            return TcpSession(self.identity, peer.noise_public, self._random(32))

        offline = f"{peer.label} is offline: nothing answers at {address}"
        try:
            async with asyncio.timeout(self.timeouts.connect):
                session = await self._network.connect(address, factory)
        except TimeoutError as error:
            raise PeerOffline(
                f"{offline} in {self.timeouts.connect:g} s", "Is it switched on, and the network up?"
            ) from error
        except OSError as error:
            raise PeerOffline(
                f"{offline} ({error.strerror or error})", "Is its service running, and the address right?"
            ) from error
        assert isinstance(session, TcpSession)
        await self._handshake(session, peer)
        return session

    async def _handshake(self, session: TcpSession, peer: Peer) -> None:
        try:
            await session.handshake(self.timeouts.handshake)
        except TimeoutError as error:
            session.close()
            raise TimedOut(
                f"what answers at {peer.address} for {peer.label} does not complete the handshake", "It may not be alpi"
            ) from error
        except Ended as error:
            session.close()
            raise WrongKey(
                f"what answers at {peer.address} does not hold the key of {peer.label}",
                "Has the peer a new key, or the address a new owner? Compare the fingerprint's words: alpi peers show "
                + peer.id,
            ) from error
        except BaseException:  # a cancelled task, too
            session.close()
            raise

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _causes(peer: Peer) -> str:
    return CAUSES_HERE if peer.address is None else CAUSES


def _place(peer: Peer) -> Place:
    """What a session belongs to: a peer at an address."""
    return peer.pubkey, peer.address
