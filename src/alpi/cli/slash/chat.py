"""What slash commands need of the chat that they are typed into."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ...tui.conversation import Header, Outcome

if TYPE_CHECKING:
    from ...agent.engine import Agent
    from ...agent.events import Event
    from ...agent.surface import Surface
    from ...providers.retry import ModelChain
    from ...safety.paths import PathGuard
    from ...state.sessions import Session
    from ..runtime import Runtime


class Chat(Protocol):
    """One open conversation of a profile (cli/conversation.py)."""

    runtime: Runtime
    workspace: Path
    chain: ModelChain
    session: Session
    agent: Agent
    guard: PathGuard

    def header(self) -> Header: ...

    def note(self, event: Event) -> None: ...

    def remember(self) -> None: ...

    async def open(self, session: Session) -> None: ...

    async def use(self, model: str) -> None: ...


Handler = Callable[[Chat, str, "Surface"], Awaitable[Outcome]]
