"""Between the screen's thread and the agent's: orders go one way, events the other. No agent, no provider is loaded here."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError
from .background import BackgroundLoop

if TYPE_CHECKING:
    from ..agent.surface import Interrupt
    from ..base.message import Message
    from ..safety.actions import Answer, Question
    from .conversation import Choice, Command, Conversation, Header, Outcome


@dataclass(frozen=True, slots=True)
class Opened:
    """The conversation is there. Also given when another one was opened in its place."""

    header: Header
    messages: Sequence[Message]
    warnings: Sequence[str]
    commands: Sequence[Command]


@dataclass(frozen=True, slots=True)
class NewHeader:
    """The head line's numbers changed."""

    header: Header


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A person's yes is needed. ``answer`` may be called from any thread, once; later calls change nothing."""

    question: Question
    answer: Callable[[Answer], None]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A question needs no answer any more."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A slash command is carried out."""

    line: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something could not be done; the chat goes on. ``fatal``: it cannot even begin."""

    error: BaseException
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Idle:
    """A turn or a command is over: the next one may begin."""


# After these events the head line may show other numbers.
HEADER_EVENTS = frozenset({"TurnStarted", "ContextUsed", "Compacted", "TurnEnded"})


def joined(items: Sequence[Any]) -> list[Any]:
    """The same items, with pieces of text that follow each other as one."""
    from ..agent.events import Text

    found: list[Any] = []
    text: list[str] = []
    for item in items:
        if isinstance(item, Text):
            text.append(item.text)
            continue
        if text:
            found.append(Text("".join(text)))
            text.clear()
        found.append(item)
    return [*found, Text("".join(text))] if text else found


class AppSurface:
    """The person in front of the chat's screen. Lives on the agent's loop.

    Args:
        put: hands something to the screen; callable from any thread.
    """

    name = "chat"
    asker = "person"
    attended = True

    def __init__(self, put: Callable[[Any], None]) -> None:
        from ..agent.surface import Interrupt

        self.interrupt: Interrupt = Interrupt()
        self._put = put

    async def ask(self, question: Question) -> Answer:
        """Show the question on the screen and wait for its answer. When the turn is stopped the question goes away, and that is a no."""
        from ..safety.actions import Answer

        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()

        def settle(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        asked = Asked(question, lambda answer: _call(loop, settle, answer))
        self._put(asked)
        stopped = asyncio.ensure_future(self.interrupt.wait())
        try:
            await asyncio.wait((answered, stopped), return_when=asyncio.FIRST_COMPLETED)
            return answered.result() if answered.done() else Answer.NO
        finally:
            stopped.cancel()
            self._put(Withdrawn(asked))


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    """Call something on a loop of another thread; nothing happens when that loop has ended."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        pass  # the loop is closed: the chat is being left


class Bridge:
    """Runs a conversation on a thread of its own.

    Args:
        make: makes the conversation; called on that thread.
        wake: called, on that thread, when there is something to ``drain`` again.
    """

    def __init__(self, make: Callable[[], Conversation], wake: Callable[[], None]) -> None:
        self._make = make
        self._wake = wake
        self._background = BackgroundLoop()
        self._items: deque[Any] = deque()
        self._told = False
        self._conversation: Conversation | None = None
        self._surface: AppSurface | None = None
        self._stopped_early = False
        self._preparing: asyncio.Task[None] | None = None
        self._running: Future[None] | None = None

    @property
    def conversation(self) -> Conversation | None:
        """The conversation, as soon as it is there."""
        return self._conversation

    def open(self) -> None:
        """Begin: the conversation is made, and its model made ready."""
        self._background.__enter__()
        self._start(self._open(), fatal=True)

    def drain(self) -> list[Any]:
        """All that has happened since the last time, oldest first."""
        self._told = False
        items = []
        while self._items:
            items.append(self._items.popleft())
        return items

    def send(self, text: str, attachments: Sequence[Path] = ()) -> None:
        """Begin a turn. ``Idle`` comes when it is over, whatever happened."""
        self._stopped_early = False
        self._start(self._turn(text, attachments))

    def command(self, line: str) -> None:
        """Carry out a slash command. ``Idle`` comes when it is over."""
        self._stopped_early = False
        self._start(self._command(line))

    def stop(self) -> None:
        """Interrupt what is running."""
        self._background.start(self._stop())

    def complete(self, line: str) -> Sequence[Choice]:
        """What a slash command may become; nothing before the conversation is there."""
        return self._conversation.complete(line) if self._conversation else ()

    def files(self, beginning: str) -> Sequence[str]:
        """Files of the workspace for what was typed after ``@``."""
        return self._conversation.files(beginning) if self._conversation else ()

    def close(self, seconds: float = 3.0) -> None:
        """End what runs, close the conversation, and end the thread."""
        ending = self._background.start(self._close())
        try:
            ending.result(timeout=seconds)
        except TimeoutError:
            pass  # it does not let go: what it had to keep is on the disk already
        finally:
            self._background.__exit__(None, None, None)

    # -- on the agent's thread ---------------------------------------------------------------------------------------

    def _put(self, item: Any) -> None:
        self._items.append(item)
        if not self._told:
            self._told = True
            self._wake()

    def _start(self, work: Coroutine[Any, Any, None], fatal: bool = False) -> None:
        def ended(future: Future[None]) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                self._put(Trouble(error, fatal))

        self._running = self._background.start(work)
        self._running.add_done_callback(ended)

    async def _open(self) -> None:
        conversation = self._make()
        self._conversation = conversation
        self._tell_opened()
        self._preparing = asyncio.create_task(conversation.prepare())
        self._preparing.add_done_callback(_forget)

    def _tell_opened(self) -> None:
        conversation = self._conversation
        assert conversation is not None
        messages = tuple(conversation.transcript())
        self._put(Opened(conversation.header(), messages, tuple(conversation.warnings()), tuple(conversation.commands)))

    async def _turn(self, text: str, attachments: Sequence[Path]) -> None:
        conversation = self._conversation
        assert conversation is not None
        surface = self._new_surface()
        try:
            draft = conversation.draft(text, attachments)
            async for event in conversation.turn(draft, surface):
                self._put(event)
                if type(event).__name__ in HEADER_EVENTS:
                    self._put(NewHeader(conversation.header()))
        except AlpiError as error:
            self._put(Trouble(error))
        finally:
            self._surface = None
            self._put(Idle())

    async def _command(self, line: str) -> None:
        conversation = self._conversation
        assert conversation is not None
        surface = self._new_surface()
        try:
            running = asyncio.ensure_future(conversation.command(line, surface))
            stopped = asyncio.ensure_future(surface.interrupt.wait())
            try:
                await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
            if not running.done():
                # It heeds the signal by itself, or is cut off.
                await asyncio.wait((running,), timeout=0.5)
                running.cancel()
            outcome = await running
            if outcome.follow in ("fresh", "redraw"):
                self._tell_opened()
            else:
                self._put(NewHeader(conversation.header()))
            self._put(CommandDone(line, outcome))
        except asyncio.CancelledError:
            self._put(Trouble(AlpiError(f"{line.split()[0]} was stopped")))
        except AlpiError as error:
            self._put(Trouble(error))
        finally:
            self._surface = None
            self._put(Idle())

    def _new_surface(self) -> AppSurface:
        surface = AppSurface(self._put)
        self._surface = surface
        if self._stopped_early:
            surface.interrupt.set()
        return surface

    async def _stop(self) -> None:
        if self._surface is not None:
            self._surface.interrupt.set()
        else:
            self._stopped_early = True

    async def _close(self) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
        if self._surface is not None:
            self._surface.interrupt.set()
            for _ in range(40):  # a turn that was stopped writes down what it had said
                if self._surface is None:
                    break
                await asyncio.sleep(0.025)
            if self._surface is not None and self._running is not None:
                self._running.cancel()
                await asyncio.sleep(0.05)
        if self._conversation is not None:
            await self._conversation.aclose()


def _forget(task: asyncio.Task[None]) -> None:
    """Making the model ready failed or not: the turn that needs it will say so."""
    if not task.cancelled():
        task.exception()
