"""The plain chat: lines in, lines out, the cursor never moves. For screen readers, pipes and terminals that can do no more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..base.errors import AlpiError

if TYPE_CHECKING:
    from ..agent.surface import Surface
    from ..tui.background import BackgroundLoop
    from ..tui.conversation import Outcome
    from ..tui.printer import Printer
    from .conversation import ProfileConversation
    from .inputs import InputHistory


class PlainChat:
    """One open chat on a plain terminal: reads a message, shows its turn, and again.

    Args:
        conversation: what stands behind it; closed at the end.
        background: the loop that all its work runs on.
        history: what was typed before, for the arrow keys.
        greet: whether to say what this is (not when the other interface has just handed over).
    """

    def __init__(
        self,
        conversation: ProfileConversation,
        background: BackgroundLoop,
        history: InputHistory,
        greet: bool = True,
    ) -> None:
        from ..tui.terminal import LineReader, Style, can_move_cursor, is_terminal

        self._chat = conversation
        self._background = background
        self._history = history
        self._greets = greet
        self._marks_pastes = can_move_cursor(conversation.runtime.environ)
        self._style = Style(False)
        self._interactive = is_terminal(sys.stdin, sys.stdout)
        self._reader = LineReader()
        self._queued: list[str] = []
        self._begun = ""
        self._stop: Callable[[], None] = lambda: None

    def run(self) -> int:
        """The loop. Leaves on /exit, at the end of input, and on Ctrl-C twice. Gives the exit code."""
        self._greet()
        preparing = self._background.start(self._chat.prepare())  # a local model loads while the person types
        code, stops = 0, 0
        while True:
            try:
                text = self._next_message()
            except KeyboardInterrupt:
                stops += 1
                if stops > 1:
                    print()
                    break
                print("\n(press Ctrl-C again to leave)")
                continue
            if text is None:
                break
            stops = 0
            if text.startswith("/") and not text.startswith("//"):
                if self._command(text):
                    break
            elif text.strip():
                code = self._background.run(self._turn(text.removeprefix("/")), lambda: self._stop())
                if code == -1 or (code == 130 and not self._interactive):
                    break
                stops = int(code == 130)
                if self._reader.ended and not self._queued:  # Ctrl-D while alpi was still busy
                    print()
                    break
        preparing.cancel()
        if preparing.done() and not preparing.cancelled():
            preparing.exception()  # the turn that needed the model has said it
        self._background.run(self._close())
        return code if not self._interactive and code > 0 else 0

    def _greet(self) -> None:
        from ..tui.terminal import tilde

        header = self._chat.header()
        if self._greets:
            profile = "" if header.profile == "default" else f" · profile {header.profile}"
            print(f"alpi · {header.model}{profile}")
            print(tilde(str(header.workspace)))
            if self._interactive:
                print("/help for help, Ctrl-D to leave")
        if self._interactive:
            self._edit_lines()
        for warning in self._chat.warnings():
            print(f"! {warning}")
        count = len(self._chat.transcript())
        if count:
            print(f"going on with session {header.session} ({count} messages)")

    def _edit_lines(self) -> None:
        """Give ``input()`` line editing and a history."""
        import readline

        # A paste of several lines is one message, where the terminal can mark it as a paste.
        readline.parse_and_bind(f"set enable-bracketed-paste {'on' if self._marks_pastes else 'off'}")
        readline.clear_history()
        for line in self._history.lines():
            readline.add_history(line.replace("\n", " "))
        readline.set_startup_hook(lambda: readline.insert_text(self._take_begun()))

    def _take_begun(self) -> str:
        text, self._begun = self._begun, ""
        return text

    def _next_message(self) -> str | None:
        """The next message: one that was typed during the last turn, or a new one; ``None`` at the end of input."""
        if self._queued:
            text = self._queued.pop(0).strip()
            print(f"\n> {text}")
            if self._interactive:
                import readline

                readline.add_history(text)
        else:
            try:
                text = input("\n> " if self._interactive else "")
                while text.endswith("\\"):
                    text = text[:-1] + "\n" + input("  " if self._interactive else "")
            except EOFError:
                if self._interactive:
                    print()
                return None
        if self._interactive and text.strip():
            self._history.add(text)
        return text

    def _command(self, text: str) -> bool:
        """Carry out a slash command. Returns whether to leave."""
        try:
            outcome = self._background.run(self._outcome(text))
        except AlpiError as error:
            print(f"alpi: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
            return False
        self._show(outcome)
        return outcome.follow == "leave"

    async def _outcome(self, text: str) -> Outcome:
        return await self._chat.command(text, self._surface(None))

    def _show(self, outcome: Outcome) -> None:
        from ..base.text import printable
        from ..tui.plaintext import plain_text

        if outcome.follow == "plain":
            print("this is the plain interface")
        if outcome.text:
            print(printable(plain_text(outcome.text)))
        for choice in outcome.choices:
            mark = "*" if choice.current else " "
            print(
                printable(f"{mark} {choice.label}{f'  ({choice.detail})' if choice.detail else ''}\n    {choice.line}")
            )
        if outcome.copy:
            print(printable(outcome.copy))

    def _surface(self, printer: Printer | None) -> Surface:
        from ..agent.surface import Unattended
        from ..tui.asking import TerminalSurface

        if not self._interactive:
            return Unattended("chat")
        return TerminalSurface("chat", self._reader, self._style, printer)

    def _printer(self) -> Printer:
        from ..tui.printer import PlainWriter, Printer

        status = sys.stdout if self._interactive else sys.stderr
        return Printer(
            PlainWriter(sys.stdout), status, self._style, quiet=not self._interactive, spaced=self._interactive
        )

    async def _turn(self, text: str) -> int:
        """Show one turn. Returns an exit code, or -1 to leave at once."""
        import asyncio

        from .ask import exit_code

        printer = self._printer()
        try:
            draft = self._chat.draft(text)
        except AlpiError as error:
            print(f"alpi: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
            return 1
        surface = self._surface(printer)
        leave = False

        def stop() -> None:
            nonlocal leave
            leave = surface.interrupt.is_set()
            surface.interrupt.set()

        self._stop = stop
        if self._interactive:
            self._reader.start("")
        code = 1
        try:
            async for event in self._chat.turn(draft, surface):
                printer.show(event)
                code = exit_code(event, code)
                if leave:
                    break
        finally:
            for _ in range(2):  # a Ctrl-C that came a moment ago takes two rounds of the loop to be noticed
                await asyncio.sleep(0)
            self._stop = lambda: None
            if self._interactive:
                lines, self._begun = self._reader.stop()
                self._queued += lines
        if code == 130:  # who stops alpi does not want the next message sent either; it stands in the line again
            self._begun = " ".join([*(line.strip() for line in self._queued), self._begun]).strip()
            self._queued = []
        return -1 if leave else code

    async def _close(self) -> None:
        await self._chat.aclose()
        if self._chat.transcript() and self._interactive:
            print(f"alpi -c goes on with this conversation ({self._chat.header().session})")
