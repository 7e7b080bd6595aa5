"""One open chat over a profile: turns, the numbers of the head line, and what slash commands change. Both chats draw it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import AlpiError
from ..tui.conversation import Choice, Command, Header, Outcome
from .building import build_agent
from .links import turn
from .slash import COMMANDS, Handler, handlers

if TYPE_CHECKING:
    from ..agent.engine import Agent
    from ..agent.events import Event
    from ..agent.surface import Surface
    from ..agent.turn import Draft
    from ..base.message import Message
    from ..state.sessions import Session
    from .runtime import Runtime


class ProfileConversation:
    """A chat of one profile. Implements ``tui.conversation.Conversation``.

    Args:
        runtime: the profile.
        model: use this one instead of the configured one.
        resume, session: which conversation to go on with, see ``Runtime.session``.

    Raises:
        AlpiError: no model is set, the workspace is missing, the session does not exist, ...
    """

    commands: Sequence[Command] = COMMANDS

    def __init__(self, runtime: Runtime, model: str | None, resume: bool, session: str | None) -> None:
        from ..tui.mentions import FileFinder

        self.runtime = runtime
        self.workspace, warning = runtime.workspace()
        self.chain = runtime.chain(model)
        self.session: Session = runtime.session(resume, session, "chat")
        self.agent: Agent = build_agent(runtime, self.chain, self.session, self.workspace)
        self.guard = runtime.guard(self.workspace)
        self._finder = FileFinder(self.guard, self.workspace)
        self._handlers: dict[str, Handler] = handlers()
        self._warnings = [*runtime.warnings, *filter(None, [warning])]
        self._context = (0, self._window())

    # --- what is shown

    def header(self) -> Header:
        """See ``Conversation``."""
        tokens, window = self._context
        spent = self.runtime.accounts.today()
        return Header(
            self.runtime.paths.name,
            self.chain.entries[0].full_name,
            self.workspace,
            self.session.id,
            tokens,
            window,
            spent.usd,
            spent.left,
        )

    def warnings(self) -> Sequence[str]:
        """See ``Conversation``."""
        told, self._warnings = self._warnings, []
        return told

    def transcript(self) -> Sequence[Message]:
        """See ``Conversation``."""
        return tuple(self.session.messages)

    # --- turns

    async def prepare(self) -> None:
        """See ``Conversation``."""
        await self.agent.prepare()

    async def turn(self, draft: Draft, surface: Surface) -> AsyncIterator[Event]:
        """See ``Conversation``."""
        async for event in turn(self.runtime.links, self.agent, self.session, draft, surface, self.workspace):
            self.note(event)
            yield event

    def note(self, event: Event) -> None:
        """Keep what the head line shows of an event."""
        from ..agent import events

        if isinstance(event, events.ContextUsed):
            self._context = (event.tokens, event.window)
        elif isinstance(event, events.Compacted):
            self._context = (event.after, self._context[1])

    def draft(self, text: str, attachments: Sequence[Path] = ()) -> Draft:
        """See ``Conversation``."""
        from ..tui.mentions import draft_of

        return draft_of(text, attachments, self.guard, self.workspace, self.chain.entries[0].settings.vision)

    def files(self, beginning: str) -> Sequence[str]:
        """See ``Conversation``."""
        return self._finder.find(beginning)

    # --- slash commands

    async def command(self, line: str, surface: Surface) -> Outcome:
        """See ``Conversation``."""
        word, _, rest = line.strip().partition(" ")
        handler = self._handlers.get(word)
        if handler is None:
            import difflib

            close = difflib.get_close_matches(word, self._handlers, 1)
            meant = f"Did you mean {close[0]}? " if close else ""
            raise AlpiError(f"there is no command {word}", f"{meant}/help lists them; //text sends text that begins so")
        return await handler(self, rest.strip(), surface)

    def complete(self, line: str) -> Sequence[Choice]:
        """See ``Conversation``."""
        from .slash import completions

        return completions(self, line)

    # --- what commands change

    async def open(self, session: Session) -> None:
        """Go on with another session: a new one, or one that is resumed."""
        await self.agent.end_session()
        self.session = session
        self.agent = build_agent(self.runtime, self.chain, session, self.workspace)
        self._context = (0, self._window())

    async def use(self, model: str) -> None:
        """Go on with another model. What the person allowed for this session stays allowed.

        Raises:
            AlpiError: it is not known or not allowed; the old one stays in use.
        """
        chain = self.runtime.chain(model)
        await self.chain.aclose()
        self.chain = chain
        self.agent = self.agent.changed(model=chain)
        self._context = (self._context[0], self._window())

    def remember(self) -> None:
        """Let the memory files count as they stand now, where the person has just changed them."""
        self.agent = self.agent.changed(memory=self.runtime.memory.snapshot().text)

    async def aclose(self) -> None:
        """See ``Conversation``."""
        await self.agent.aclose()
        await self.runtime.links.aclose()

    def _window(self) -> int:
        return self.chain.entries[0].settings.context_window or self.runtime.config.context.window
