"""A turn engine over a scripted model server: real HTTP, real files, a fake clock; what a test needs to run turns and look at them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from alpi.agent import events
from alpi.agent.dispatch import Toolbox
from alpi.agent.engine import Agent
from alpi.agent.outputs import OutputStore
from alpi.agent.prompt import PromptBuilder
from alpi.agent.surface import Surface, Unattended
from alpi.agent.tool import Tool, spec_of
from alpi.agent.turn import Draft, Parts
from alpi.base.message import Message
from alpi.providers.build import http_provider
from alpi.providers.catalog import custom
from alpi.providers.retry import ChainEntry, ModelChain, RetryRules
from alpi.providers.textcalls import TextCalls
from alpi.providers.types import ModelSettings, Provider, TimeLimits
from alpi.safety.paths import PathGuard
from alpi.state.sessions import Session, SessionStore, new_id, well_formed
from alpi.tools.edit_file import EditFile
from alpi.tools.read_file import ReadFile
from alpi.tools.search_files import SearchFiles
from alpi.tools.write_file import WriteFile

from .fakes import FakeClock, make_gate
from .model_server import ModelServer

FILE_TOOLS: tuple[Tool[Any], ...] = (ReadFile(), WriteFile(), EditFile(), SearchFiles())


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test function in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class Stage:
    """One session with its agent.

    Args:
        servers: the model servers; the first is the model in use, the others are fallbacks.
        kind: the wire, ``openai`` or ``anthropic``.
        folder: holds the workspace ``ws``, the home ``home`` and the profile below it.
        session: go on with this one, as another process would.
        provider: a model that stands in for those of the servers.
        parts: further parts of the agent, such as ``accounts`` or ``context``.
    """

    def __init__(
        self,
        *servers: ModelServer,
        kind: str,
        folder: Path,
        tools: Sequence[Tool[Any]] = FILE_TOOLS,
        settings: ModelSettings | None = None,
        steps: int = 50,
        attempts: int = 1,
        limits: TimeLimits | None = None,
        output_chars: int = 16_000,
        redact: Callable[[str], str] = str,
        clock: FakeClock | None = None,
        session: str = "",
        memory: str = "",
        provider: Provider | None = None,
        examples: Callable[[str, Sequence[str]], Sequence[Message]] = lambda name, tools: (),
        **parts: Any,
    ) -> None:
        self.workspace = folder / "ws"
        self.home = folder / "home"
        self.profile = self.home / ".alpi"
        for made in (self.workspace, self.profile):
            made.mkdir(parents=True, exist_ok=True)
        self.clock = clock or FakeClock()
        self.store = SessionStore(self.profile / "sessions", self.clock, redact)
        self.session: Session = self.store.open(session) if session else self.store.create("test")
        self.guard = PathGuard(self.workspace, self.home, self.profile, self.profile)
        self.gate = make_gate(self.guard)
        settings = settings or ModelSettings()
        entries = [
            ChainEntry(
                http_provider(
                    custom("home" if place == 0 else f"spare{place}", kind, server.url),  # type: ignore[arg-type]
                    limits=limits,
                    redact=redact,
                    clock=self.clock,
                ),
                "scripted",
                settings,
            )
            for place, server in enumerate(servers)
        ]
        if provider is not None:
            entries = [ChainEntry(provider, "scripted", settings)]
        self.chain = ModelChain(entries, clock=self.clock, random=lambda: 0.5, rules=RetryRules(attempts=attempts))
        self.toolbox = Toolbox(
            tools={tool.name: tool for tool in tools},
            gate=self.gate,
            workspace=self.workspace,
            outputs=OutputStore(self.session.files, redact, output_chars),
            clock=self.clock,
            output_chars=output_chars,
            vision=settings.vision,
        )
        self.agent = Agent(
            Parts(
                model=self.chain,
                toolbox=self.toolbox,
                prompt=PromptBuilder(tuple(spec_of(tool) for tool in tools), memory=memory),
                clock=self.clock,
                new_id=new_id,
                steps=steps,
                textcalls=lambda offered: TextCalls(offered, new_id),
                examples=examples,
                well_formed=lambda messages: well_formed(messages, self.clock.now()),
                **parts,
            )
        )

    async def __aenter__(self) -> Stage:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.agent.aclose()

    async def turn(self, text: str, surface: Surface | None = None) -> list[events.Event]:
        """One turn to its end; its events."""
        surface = surface or Unattended("test")
        return [event async for event in self.agent.turn(self.session, Draft(text), surface)]

    def on_disk(self) -> list[Message]:
        """The messages that the session's file holds, read anew."""
        return self.store.open(self.session.id).messages

    def write(self, name: str, text: str) -> Path:
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def ended(seen: Sequence[events.Event]) -> events.TurnEnded:
    """The last event, which ends every turn; there is exactly one."""
    ends = [event for event in seen if isinstance(event, events.TurnEnded)]
    assert len(ends) == 1, seen
    assert seen[-1] is ends[0], "something came after the end"
    return ends[0]


def of(kind: type[Any], seen: Sequence[events.Event]) -> list[Any]:
    """The events of one kind, in order."""
    return [event for event in seen if isinstance(event, kind)]


def said(seen: Sequence[events.Event]) -> str:
    """The text that was shown."""
    return "".join(event.text for event in of(events.Text, seen))
