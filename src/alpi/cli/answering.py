"""Answering linked agents: a peer's ask is a turn of this profile's agent, on a surface where nobody is watching."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..base.errors import AlpiError, SessionError
from ..state.budget import Cap
from .building import build_agent
from .capped import CappedAccounts
from .runtime import Runtime

if TYPE_CHECKING:
    from ..agent.events import Event
    from ..alp.core.methods import AskParams, AskResult, OverCap
    from ..alp.core.peers import Peer
    from ..alp.io.handler import AskStream
    from ..providers.retry import ModelChain
    from ..state.sessions import Session

SURFACE = "link"
# How long models stay connected (a local one: in memory) after the last peer's turn.
IDLE_SECONDS = 600.0
# How long a changed name may be told late: pings come often, and each would look at the settings.
NAME_SECONDS = 1.0


def asker_of(peer: Peer) -> str:
    """A peer in the ledger."""
    return f"peer:{peer.id}"


def caps_of(peer: Peer) -> tuple[Cap, ...]:
    """The budgets that a peer's entry gives it, for a day."""
    hint = f"To change it: alpi peers allow {peer.id} --tokens-per-day N"
    return tuple(
        Cap("peer", usd, tokens, asker_of(peer), hint=hint)
        for usd, tokens in ((peer.budget.usd, None), (None, peer.budget.tokens))
        if usd is not None or tokens is not None
    )


class _Models:
    """The profile as it is configured now, and its models, connected for as long as somebody asks now and then."""

    def __init__(
        self, profile: str, environ: Mapping[str, str], tell: Callable[[str], None], idle_seconds: float
    ) -> None:
        self._profile = profile
        self._environ = environ
        self._tell = tell
        self._idle_seconds = idle_seconds
        self._problem = ""
        self._read: tuple[int, ...] = ()
        self._looked = float("-inf")
        self._settings = _settings_of(profile, environ)
        self._runtime: Runtime | None = None
        self._chain: ModelChain | None = None
        self._in_use = 0
        self._closing: asyncio.TimerHandle | None = None

    def runtime(self, looked_within: float = 0.0) -> Runtime:
        """The profile; read anew when its settings or keys have changed and nobody is using it.

        Args:
            looked_within: seconds for which an earlier look at the files counts.
        """
        now = asyncio.get_running_loop().time()
        if self._runtime is not None and now - self._looked < looked_within:
            return self._runtime
        self._looked = now
        state = self._state()
        if self._runtime is None or (not self._in_use and self._read != state):
            runtime = self._load()
            if self._chain is not None:
                self._drop()
            self._runtime, self._read = runtime, state
            for warning in runtime.warnings:
                self._tell(f"alp: {warning}")
        return self._runtime

    def _load(self) -> Runtime:
        try:
            runtime = Runtime(self._profile, self._environ)
        except AlpiError as error:
            if error.message != self._problem:  # each peer's next call runs into it
                self._tell(f"alp: nobody's ask is answered until this is mended: {error.message}")
            self._problem = error.message
            raise
        self._problem = ""
        return runtime

    def redact(self, text: str) -> str:
        """Take out the secrets of the profile, those included that were read for a turn."""
        return self._runtime.redact_late(text) if self._runtime is not None else text

    def take(self) -> tuple[Runtime, ModelChain]:
        """The profile and its models, until ``give_back``."""
        runtime = self.runtime()
        if self._chain is None:
            self._chain = runtime.chain()
        self._in_use += 1
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        return runtime, self._chain

    def give_back(self) -> None:
        """Done; the last one to leave lets the models go after a while."""
        self._in_use -= 1
        if not self._in_use:
            self._closing = asyncio.get_running_loop().call_later(self._idle_seconds, self._drop)

    async def aclose(self) -> None:
        """Let the models go now."""
        if self._closing is not None:
            self._closing.cancel()
        if self._chain is not None:
            chain, self._chain = self._chain, None
            await chain.aclose()

    def _drop(self) -> None:
        if self._chain is not None:
            chain, self._chain = self._chain, None
            task = asyncio.ensure_future(chain.aclose())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _state(self) -> tuple[int, ...]:
        """What the settings and keys looked like when they were read."""
        return tuple(map(_stamp, self._settings))


def _settings_of(profile: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The files that the profile's settings and keys are in."""
    from ..base.paths import profile_paths

    paths = profile_paths(profile, environ)
    return str(paths.config), str(paths.env)


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


class PeerAnswering:
    """Runs peers' turns. Implements ``alp.io.handler.Handler``.

    Args:
        profile: the profile's name.
        tell: takes a line for the service's log; never content.
        idle_seconds: how long models stay connected after the last turn.
    """

    def __init__(
        self,
        profile: str,
        environ: Mapping[str, str],
        tell: Callable[[str], None],
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._models = _Models(profile, environ, tell, idle_seconds)
        self._name = profile
        self._tell = tell

    @property
    def agent_name(self) -> str:
        """See ``Handler``."""
        with contextlib.suppress(AlpiError):  # broken settings: asks are refused for that, and the name stays
            runtime = self._models.runtime(NAME_SECONDS)
            self._name = runtime.config.alp.name or runtime.paths.name
        return self._name

    def redact(self, text: str) -> str:
        """A line for the log without the secrets that turns have used."""
        return self._models.redact(text)

    def over_cap(self, peer: Peer, params: AskParams) -> OverCap | None:
        """See ``Handler``: whether something is used up already. The turn itself is held to the rest, call by call."""
        from ..alp.core.methods import OverCap
        from ..state.budget import NANO

        if params.tokens == 0 or params.usd == 0:
            return OverCap("tokens" if params.tokens == 0 else "usd", "request")
        accounts = self._models.runtime().accounts
        for cap in (*caps_of(peer), *accounts.caps):
            used = accounts.ledger.used(cap)
            if cap.tokens is not None and used.tokens >= cap.tokens:
                return OverCap("tokens", cap.scope)
            if cap.usd is not None and used.nano >= cap.usd * NANO:
                return OverCap("usd", cap.scope)
        return None

    async def ask(self, peer: Peer, params: AskParams, stream: AskStream) -> AskResult:
        """See ``Handler``."""
        from ..alp.io.handler import AskRefused

        runtime, chain = self._models.take()
        accounts = CappedAccounts(runtime.accounts, caps_of(peer), params.tokens, params.usd)
        try:
            session = self.thread(runtime, peer)
            self._tell(f"alp: {peer.id} asks (session {session.id})")
            return await self._turn(runtime, chain, accounts, session, peer, params, stream)
        except SessionError as error:
            raise AskRefused(error.message) from error
        finally:
            self._models.give_back()

    @staticmethod
    def thread(runtime: Runtime, peer: Peer) -> Session:
        """The peer's own conversation: apart from the person's, found by its key whatever it is called here."""
        from ..state.sessions import SessionStore

        folder = runtime.paths.alp / "threads" / hashlib.sha256(peer.public).hexdigest()[:16]
        store = SessionStore(folder, runtime.clock, runtime.redact_late)
        return store.newest() or store.create(SURFACE)

    async def _turn(
        self,
        runtime: Runtime,
        chain: ModelChain,
        accounts: CappedAccounts,
        session: Session,
        peer: Peer,
        params: AskParams,
        stream: AskStream,
    ) -> AskResult:
        from ..agent import events
        from ..agent.parts import Draft
        from ..agent.surface import Unattended
        from ..alp.core.methods import AskResult, OverCap
        from ..alp.io.handler import AskRefused, CapReached

        surface = Unattended(SURFACE, asker_of(peer))
        agent = build_agent(runtime, chain, session, runtime.workspace()[0], accounts=accounts, peer=peer.id)
        await stream.begin(session.id)
        watch = asyncio.create_task(_interrupt_when(stream.cancelled, surface.interrupt.set))
        begun = False
        failure: Event | None = None
        ended: events.TurnEnded | None = None
        try:
            async for event in agent.turn(session, Draft(params.prompt), surface):
                if isinstance(event, events.Text):
                    await stream.text(event.text)
                elif isinstance(event, events.TurnStarted):
                    begun = True
                elif isinstance(event, events.Failed):
                    failure = event
                elif isinstance(event, events.TurnEnded):
                    ended = event
        finally:
            watch.cancel()
            await agent.end_session()
        if accounts.over is not None and failure is not None:
            raise CapReached(OverCap(accounts.over.cap_kind, accounts.over.scope))
        if isinstance(failure, events.Failed) and not begun:  # the thread is in use by another process
            self._tell(f"alp: {peer.id} cannot be answered now: {failure.message}")
            raise AskRefused(failure.message)
        if ended is None or isinstance(failure, events.Failed):
            raise AlpiError(failure.message if isinstance(failure, events.Failed) else "the turn did not end")
        self._tell(f"alp: {peer.id} was answered ({ended.stop}, {ended.seconds:.1f} s, {ended.refused} calls refused)")
        text = ended.text
        if ended.refused:
            calls = "one tool call was" if ended.refused == 1 else f"{ended.refused} tool calls were"
            note = f"\n\n[{calls} refused here: it would have needed a yes, and nobody is watching]"
            text += note
            await stream.text(note)
        usage = ended.usage
        interrupted = ended.stop == "interrupted"
        return AskResult(text, session.id, usage.input, usage.output, ended.cost_usd, interrupted)

    async def aclose(self) -> None:
        """Let go of the models."""
        await self._models.aclose()


async def _interrupt_when(cancelled: asyncio.Event, stop: Callable[[], None]) -> None:
    await cancelled.wait()
    stop()
