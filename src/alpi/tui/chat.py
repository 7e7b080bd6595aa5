"""The chat's screen: a head line, the conversation, a prompt. Everything that takes long to load stays behind ``bridge``.

The screen is painted before the agent is loaded, and typing is possible at once; what is sent before it is ready waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType

from ..base.errors import AlpiError
from .chatkeys import ACTIONS, BINDINGS, CARD_HINTS, HINTS
from .completion import Completion
from .endings import when_ended
from .frames import Frames
from .links import Links
from .look import Look, textual_theme
from .questions import Questions
from .widgets.bars import Foot, Head, Suggestions, Waiting
from .widgets.prompt import Prompt
from .widgets.transcript import Transcript

if TYPE_CHECKING:
    from .bridge import Bridge, CommandDone, Opened, Trouble
    from .conversation import Choice, Conversation, Header
    from .story import Story
    from .widgets.pieces import Piece

End = Literal["leave", "plain"]


LATE_SECONDS = 0.06
# So long after a resize the chat behind a question has its new size, too.
BEHIND_SECONDS = 0.1
# Who pressed a key this long ago is typing.
TYPING_SECONDS = 0.5
# Ctrl-C twice within this time leaves.
TWICE_SECONDS = 2.0


class ChatApp(App[End]):
    """The chat as a Textual app. See ``app.run_app`` for the arguments. ``typed`` are the keys that came before the screen was there;
    ``reading_seconds`` is how long a question may be read before a key counts."""

    TITLE = "alpi"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head, #transcript { margin-bottom: 1; }
    .-low #head, .-low #transcript { margin-bottom: 0; }
    #prompt { margin: 0 2; padding: 1 1; border-left: outer $accent; }
    #prompt:blur { border-left: outer $panel; }
    .-narrow #prompt { margin: 0 1; }
    .-low #prompt { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = list(BINDINGS)

    def __init__(
        self,
        make_conversation: Callable[[], Conversation],
        *,
        look: Look,
        first: Header | None = None,
        initial: str = "",
        typed: str = "",
        history: Callable[[], Sequence[str]] | Sequence[str] = (),
        on_submit: Callable[[str], None] | None = None,
        animate: bool = True,
        reading_seconds: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ansi_color=None if look.colour else True)
        if not look.colour and not self.no_color:
            from textual.filter import NoColor

            self.no_color = True
            self._filters.append(NoColor())
        self.look = look
        self.register_theme(textual_theme(look.palette))
        self.theme = look.palette.name
        self._make = make_conversation
        self._first = first
        self._initial = initial
        self._typed = typed
        self._history = history
        self._on_submit = on_submit
        self._now = now
        self._head = Head(look, id="head")
        self._sheet = Transcript(look, animate=animate, id="transcript")
        self._list = Suggestions(look, id="suggestions")
        self._waiting_bar = Waiting(look, id="waiting")
        self._prompt = Prompt(placeholder="Ask, or / for commands", id="prompt")
        self._foot = Foot(look, now, animate=animate, id="foot")
        self._completion = Completion(self, self._prompt, self._list)
        self._bridge: Bridge | None = None
        self._story: Story | None = None
        self._is_open = False
        self._busy = False
        self._busy_since = 0.0
        self._stopping = False
        self._queue: list[tuple[str, str, tuple[Path, ...]]] = []
        self._pressed = -TWICE_SECONDS
        self._command_line: Piece | None = None
        self._questions = Questions(self, look, reading_seconds)
        self._links = Links(self, self._pick, self._foot.say)
        self._typed_at = -TYPING_SECONDS
        self.failure: BaseException | None = None
        """Why the chat could not go on, when it could not."""

    # -- begin and end -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._sheet
        yield self._list
        yield self._waiting_bar
        yield self._prompt
        yield self._foot

    def on_mount(self) -> None:
        if self._first is not None:
            self._head.show(self._first)
        self._waiting_bar.display = False
        *messages, begun = self._typed.split("\n")
        for message in filter(str.strip, messages):
            self.on_prompt_sent(Prompt.Sent(message.strip(), message.strip(), ()))
        if self._initial or begun:
            self._prompt.put(self._initial + begun)
        self._prompt.focus()
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        """The screen is painted: load what stands behind it."""
        from .bridge import Bridge

        when_ended(lambda: self.exit("leave"))
        frames = Frames(self, self._show_items, lambda: self._now() - self._typed_at < TYPING_SECONDS)
        self._bridge = Bridge(self._make, frames.wake)
        self._bridge.open()
        past: Sequence[str] = self._history() if callable(self._history) else self._history
        if past:
            self._prompt.set_history(past)

    def _handle_exception(self, error: Exception) -> None:
        """A bug of the screen: leave it, so that the terminal is as it was; ``run_app`` says what happened."""
        self.failure = self.failure or error
        self._exception = self._exception or error
        self._exception_event.set()
        self._return_code = 1
        self._close_messages_no_wait()

    def close_bridge(self) -> None:
        """End what runs behind the screen."""
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None

    @property
    def is_at_rest(self) -> bool:
        """Whether the conversation is there, and nothing runs or waits."""
        return self._is_open and not self._busy and not self._queue

    # -- what happens behind the screen ------------------------------------------------------------------------------

    def _show_items(self) -> None:
        """Show what has happened since the last time."""
        from .bridge import Asked, CommandDone, Idle, NewHeader, Opened, Trouble, Withdrawn, joined

        assert self._bridge is not None
        handlers: dict[type, Callable[[Any], None]] = {
            Opened: self._opened,
            NewHeader: lambda found: self._head.show(found.header),
            Asked: self._questions.ask,
            Withdrawn: self._questions.withdraw,
            CommandDone: self._command_done,
            Trouble: self._trouble,
            Idle: lambda _: self._idle(),
        }
        for item in joined(self._bridge.drain()):
            handlers.get(type(item), self._show_event)(item)
        story = self._story_now()
        if story.late:
            self.set_timer(LATE_SECONDS, story.flush)
        self._show_state()

    def _show_event(self, event: Any) -> None:
        self._story_now().show(event)

    def _story_now(self) -> Story:
        if self._story is None:
            from .story import Story

            self._story = Story(self._sheet, self._now)
        return self._story

    def _opened(self, opened: Opened) -> None:
        story = self._story_now()
        self._head.show(opened.header)
        self._sheet.clear()
        self._story = story = type(story)(self._sheet, self._now)
        if opened.messages:
            story.resume(opened.messages)
            story.note(f"session {opened.header.session} · {len(opened.messages)} messages so far")
        else:
            self._welcome()
        for warning in opened.warnings:
            story.note(warning, "warn", "! ")
        if not self._is_open:
            self._is_open = True
            self._completion.look_up(self._bridge)
            self._next()

    def _welcome(self) -> None:
        story = self._story_now()
        story.note("A new conversation.", "muted")
        story.note("Ask anything. / lists commands, @ names a file, Esc stops alpi, Ctrl-D leaves.", "faint", gap=0)

    def _idle(self) -> None:
        story = self._story_now()
        story.over()
        self._busy = False
        if self._stopping:
            self._stopping = False
            self._take_back_all()
        self._next()

    def _trouble(self, trouble: Trouble) -> None:
        error = trouble.error
        if trouble.fatal:
            self.failure = error
            self.exit(return_code=1)
        elif isinstance(error, AlpiError):
            self._story_now().note(error.message, "bad", "✗ ", error.hint)
        else:
            hint = "This is a bug of alpi. The conversation is on the disk; `alpi -c` goes on with it."
            self._story_now().note(f"{type(error).__name__}: {error}", "bad", "✗ ", hint)

    # -- messages and commands ---------------------------------------------------------------------------------------

    def on_prompt_sent(self, sent: Prompt.Sent) -> None:
        self._completion.hide()
        if self._on_submit is not None and sent.text:
            self._on_submit(sent.text)
        self._sheet.to_end()
        if sent.text.startswith("/") and not sent.text.startswith("//") and self._leaves(sent.text):
            return
        self._queue.append((sent.text, sent.typed, sent.attachments))
        self._next()
        self._show_state()

    def _leaves(self, text: str) -> bool:
        """Some commands need nothing but the screen."""
        if text.split()[0] in ("/exit", "/quit"):
            self.exit("leave")
            return True
        if text.split()[0] == "/plain":
            self.exit("plain")
            return True
        return False

    def _next(self) -> None:
        """Begin what waits, when nothing runs."""
        if self._busy or not self._is_open or not self._queue or self._bridge is None:
            return
        text, typed, attachments = self._queue.pop(0)
        self._busy, self._busy_since, self._stopping = True, self._now(), False
        story = self._story_now()
        if text.startswith("/") and not text.startswith("//"):
            self._command_line = story.note(text, "muted", "› ")
            story.doing = text.split()[0]
            self._bridge.command(text)
        else:
            text = text[1:] if text.startswith("//") else text
            story.said(text if len(typed) > len(text) // 2 else typed, [path.name for path in attachments])
            self._bridge.send(text, attachments)
        self._show_state()

    def _command_done(self, done: CommandDone) -> None:
        outcome = done.outcome
        story = self._story_now()
        if outcome.copy:
            self.copy_to_clipboard(outcome.copy)
            self._foot.say("copied")
        if outcome.follow in ("leave", "plain"):
            self.exit("leave" if outcome.follow == "leave" else "plain")
            return
        if outcome.choices:
            self._pick(outcome.text, outcome.choices, self._run_choice)
        elif outcome.text:
            story.told(outcome.text)
            if self._command_line is not None:
                self._sheet.show_from(self._command_line)

    def _run_choice(self, choice: Choice | None) -> None:
        if choice is not None:
            self._queue.insert(0, (choice.line, choice.line, ()))
            self._next()

    def _pick(self, title: str, choices: Sequence[Choice], then: Callable[[Choice | None], None]) -> None:
        from ..base.text import printable
        from .screens.pick import PickScreen

        self.push_screen(PickScreen(printable(title).strip(), choices, self.look), then)

    def on_prompt_recall(self) -> None:
        if self._queue:
            _, typed, attachments = self._queue.pop()
            self._prompt.take_back(typed, attachments)
            self._show_state()

    def _take_back_all(self) -> None:
        """Who stops alpi does not want the next message sent either: it stands in the prompt again."""
        while self._queue:
            text, _, attachments = self._queue.pop()
            self._prompt.take_back(text, attachments)

    # -- keys --------------------------------------------------------------------------------------------------------

    def interrupt_turn(self) -> None:
        """Stop what is running."""
        if self._busy and self._bridge is not None:
            self._stopping = True
            self._bridge.stop()
            self._story_now().doing = "stopping"
            self._show_state()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a question or a list is open, all keys are its own."""
        return len(self.screen_stack) == 1 or action not in ACTIONS

    def action_escape(self) -> None:
        if self.screen.get_selected_text():
            self.screen.clear_selection()
        elif self._busy:
            self.interrupt_turn()
        elif self._queue:
            self.on_prompt_recall()
        self._sheet.to_end() if self.focused is self._sheet else None
        self._prompt.focus()

    def action_press_ctrl_c(self) -> None:
        selected = self.screen.get_selected_text() or self._prompt.selected_text
        if selected:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self._foot.say("copied")
            return
        twice = self._now() - self._pressed < TWICE_SECONDS
        self._pressed = self._now()
        if twice:
            self.exit("leave")
        elif self._busy and not self._stopping:
            self.interrupt_turn()
        elif self._prompt.text:
            self._prompt.text = ""
            self._foot.say("press Ctrl-C again to leave")
        else:
            self._foot.say("press Ctrl-C again to leave")

    def action_leave_if_empty(self) -> None:
        if not self._prompt.text and not self._prompt.attachments:
            self.exit("leave")
        else:
            self._prompt.action_delete_right()

    def action_leave(self) -> None:
        self.exit("leave")

    def action_copy_reply(self) -> None:
        reply = self._story.last_reply if self._story else ""
        if reply:
            self.copy_to_clipboard(reply)
        self._foot.say("the last reply is copied" if reply else "there is no reply yet")

    def action_open_last(self) -> None:
        self._sheet.toggle_last()

    def action_redraw(self) -> None:
        self.refresh(repaint=True, layout=True)

    def action_links(self) -> None:
        """Choose one of the last reply's addresses."""
        self._links.choose(self._story.last_reply if self._story else "")

    def on_transcript_link_pressed(self, pressed: Transcript.LinkPressed) -> None:
        self._links.pressed(pressed.address)

    def on_key(self, event: events.Key) -> None:
        if self.focused is self._sheet and event.is_printable and event.character and event.key not in "jkgG":
            self._prompt.focus()
            self._prompt.insert(event.character)
            event.stop()
        elif event.key in ("pageup", "pagedown") and self.focused is self._prompt:
            self._sheet.action_page(-1 if event.key == "pageup" else 1)

    async def on_paste(self, event: events.Paste) -> None:
        """A paste that nothing else took belongs into the prompt."""
        if self.focused is self._sheet:
            self._prompt.focus()
            await self._prompt._on_paste(event)

    # -- suggestions -------------------------------------------------------------------------------------------------

    def on_prompt_typing(self) -> None:
        self._typed_at = self._now()
        self._foot.unsay()
        self._completion.look_up(self._bridge)

    def on_suggestions_clicked(self, clicked: Suggestions.Clicked) -> None:
        self._completion.take(clicked.choice)
        self._prompt.focus()

    # -- the quiet lines ---------------------------------------------------------------------------------------------

    def on_prompt_attachments_changed(self) -> None:
        self._show_state()

    def _show_state(self) -> None:
        """Bring the lines around the conversation up to date."""
        self._prompt.waiting = len(self._queue) if self._busy or not self._is_open else 0
        self._waiting_bar.show(
            [typed or "(a picture)" for _, typed, _ in self._queue], [path.name for path in self._prompt.attachments]
        )
        doing = "" if self._is_open else "starting"
        if self._busy:
            doing = self._story_now().doing or "working"
        hints = CARD_HINTS if self.focused is self._sheet else HINTS
        since = self._busy_since if self._busy else None
        self._foot.show(doing, since, below=not self._sheet.following, hints=hints)

    def on_descendant_focus(self) -> None:
        self._show_state()

    def on_transcript_left(self) -> None:
        self._show_state()

    def on_resize(self, event: events.Resize) -> None:
        base = self.screen_stack[0]
        base.set_class(event.size.height < 18, "-low")
        base.set_class(event.size.width < 60, "-narrow")
        if self.screen is not base:  # what stands dimmed behind it is drawn by it
            self.set_timer(BEHIND_SECONDS, self.screen.refresh)
