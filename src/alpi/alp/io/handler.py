"""What a node needs from whoever uses it: somebody who runs a peer's turns and knows the budgets."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ..core.methods import AskParams, AskResult, OverCap
from ..core.peers import Peer


class AskStream(Protocol):
    """The way back to the caller while its turn runs. Where the caller wants no stream, pieces go nowhere and cost nothing."""

    @property
    def cancelled(self) -> asyncio.Event:
        """Set when the turn is to stop at once: the caller has cancelled it, or is gone."""
        ...

    async def begin(self, session_id: str) -> None:
        """Name the session; before the first ``text``, once. A cancel that names another session does not stop this turn."""
        ...

    async def text(self, delta: str) -> None:
        """Send a piece of the answer. Waits while the caller reads slowly."""
        ...


class Handler(Protocol):
    """Runs turns for peers. A node calls ``ask`` at most once at a time for each peer."""

    @property
    def agent_name(self) -> str:
        """What ``link.ping`` tells."""
        ...

    def over_cap(self, peer: Peer, params: AskParams) -> OverCap | None:
        """Whether this ask would go over a cap before it begins: the profile's, the peer's or its own. Must not wait.

        Raises:
            AlpiError: it cannot be known; the caller is told of an internal error, and nothing runs.
        """
        ...

    async def ask(self, peer: Peer, params: AskParams, stream: AskStream) -> AskResult:
        """Run one turn.

        Once ``stream.cancelled`` is set it has 0.8 s (``Limits.cancel_grace``) to return a result with ``interrupted=True``; then its task
        is cancelled, and the caller gets what was streamed so far. Whatever it raises besides the two below is told to the caller as an
        internal error without a word, and goes to the node's log.

        Raises:
            CapReached: a cap is used up in the middle of the turn.
            AskRefused: the agent does not run it now because its session is in use otherwise.
        """
        ...


class CapReached(Exception):
    """A cap is used up in the middle of a turn; the caller gets ``budget-exceeded``."""

    def __init__(self, cap: OverCap) -> None:
        super().__init__(f"{cap.kind} of {cap.scope}")
        self.cap = cap


class AskRefused(Exception):
    """The turn cannot run now; the caller gets ``target-busy``."""
