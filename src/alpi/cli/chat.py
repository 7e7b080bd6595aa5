"""The chat on a plain terminal: what ``alpi`` opens without a command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .options import turn_options

if TYPE_CHECKING:
    import argparse

    from ..agent.engine import Agent
    from ..agent.surface import Surface
    from ..state.sessions import Session
    from ..tui.background import BackgroundLoop
    from ..tui.printer import Printer
    from .runtime import Runtime

HELP = """\
Type a message and press Enter. While alpi works you can type the next one; it waits.
  /help     this            /new      start a new conversation
  /status   what is in use  /exit     leave (also Ctrl-D)
Ctrl-C stops what alpi is doing; twice in a row leaves. A line that ends in \\ goes on in the next one.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of the chat."""
    turn_options(parser, "never move the cursor: for screen readers and simple terminals")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Open the chat. Returns the exit code."""
    from ..tui.background import BackgroundLoop
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    with BackgroundLoop() as background:
        return Chat(runtime, args, background).run()


class Chat:
    """One open chat: reads a message, shows its turn, and again."""

    def __init__(self, runtime: Runtime, args: argparse.Namespace, background: BackgroundLoop) -> None:
        from ..tui.terminal import LineReader, Style, can_move_cursor, has_colour, is_terminal

        self._runtime = runtime
        self._background = background
        self._model = args.model
        self._workspace, warning = runtime.workspace()
        self._chain = runtime.chain(args.model)
        self._session: Session = runtime.session(args.resume, args.session, "chat")
        self._agent: Agent = runtime.agent(self._chain, self._session, self._workspace)
        self._style = Style(has_colour(environ=runtime.environ) and not args.plain)
        self._sets_markdown = can_move_cursor(runtime.environ) and not args.plain
        self._interactive = is_terminal(sys.stdin, sys.stdout)
        self._reader = LineReader()
        self._queued: list[str] = []
        self._begun = ""
        self._warnings = [*runtime.warnings, *filter(None, [warning])]
        self._stop: Callable[[], None] = lambda: None

    def run(self) -> int:
        """The loop. Leaves on /exit, at the end of input, and on Ctrl-C twice."""
        self._greet()
        preparing = self._background.start(self._agent.prepare())  # a local model loads while the person types
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
            if text.startswith("/"):
                if self._command(text):
                    break
            elif text.strip():
                code = self._background.run(self._turn(text), lambda: self._stop())
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

        dim, paths = self._style.dim, self._runtime.paths
        profile = "" if paths.name == "default" else f" · profile {paths.name}"
        head = self._style.paint(self._style.bold, "alpi")
        print(head + self._style.paint(dim, f" · {self._chain.entries[0].full_name}{profile}"))
        print(self._style.paint(dim, tilde(str(self._workspace))))
        if self._interactive:
            print(self._style.paint(dim, "/help for help, Ctrl-D to leave"))
            self._edit_lines()
        for warning in self._warnings:
            print(self._style.paint(self._style.yellow, f"! {warning}"))
        if self._session.messages:
            count = len(self._session.messages)
            print(self._style.paint(dim, f"going on with session {self._session.id} ({count} messages)"))

    def _edit_lines(self) -> None:
        """Give ``input()`` line editing and a history."""
        import readline

        # A paste of several lines is one message. Plain mode has no terminal codes but those that a cursor key needs.
        readline.parse_and_bind(f"set enable-bracketed-paste {'on' if self._sets_markdown else 'off'}")
        readline.set_startup_hook(lambda: readline.insert_text(self._take_begun()))

    def _take_begun(self) -> str:
        text, self._begun = self._begun, ""
        return text

    def _next_message(self) -> str | None:
        """The next message: one that was typed during the last turn, or a new one; ``None`` at the end of input."""
        if self._queued:
            text = self._queued.pop(0).strip()
            print(f"\n{self._style.paint(self._style.green, '>')} {text}")
            if self._interactive:
                import readline

                readline.add_history(text)
            return text
        prompt = f"\n{self._style.green}>{self._style.off} " if self._interactive else ""
        if self._style.off:  # tell readline which characters take no room
            prompt = f"\n\x01{self._style.green}\x02>\x01{self._style.off}\x02 "
        try:
            text = input(prompt)
            while text.endswith("\\"):
                text = text[:-1] + "\n" + input("  " if self._interactive else "")
        except EOFError:
            if self._interactive:
                print()
            return None
        return text

    def _command(self, text: str) -> bool:
        """Carry out a slash command. Returns whether to leave."""
        word = text.split()[0]
        if word in ("/exit", "/quit"):
            return True
        if word == "/new":
            self._background.run(self._agent.end_session())
            self._session = self._runtime.sessions.create("chat")
            self._agent = self._runtime.agent(self._chain, self._session, self._workspace)
            print("a new conversation")
        elif word == "/status":
            print("\n".join(self._status()))
        elif word == "/help":
            print(HELP, end="")
        else:
            print(f"there is no {word}; /help lists the commands")
        return False

    def _status(self) -> list[str]:
        from ..base.message import AssistantMessage
        from ..tui.terminal import tilde

        parts = self._agent.prompt_sizes()
        usage = [
            message.usage
            for message in self._session.messages
            if isinstance(message, AssistantMessage) and message.usage
        ]
        lines = [
            f"model      {self._chain.entries[0].full_name}",
            f"workspace  {tilde(str(self._workspace))}",
            f"profile    {self._runtime.paths.name} ({tilde(str(self._runtime.paths.home))})",
            f"session    {self._session.id} ({len(self._session.messages)} messages)",
            f"overhead   about {sum(count for _, count in parts):,} tokens in every request:",
            *(f"             {count:>5,}  {name}" for name, count in parts),
        ]
        if usage:
            last = usage[-1]
            lines.append(f"last call  {last.input:,} tokens in ({last.cached:,} of them cached), {last.output:,} out")
        return lines

    def _printer(self) -> Printer:
        from ..tui.printer import PlainWriter, Printer

        if not self._sets_markdown:
            status = sys.stdout if self._interactive else sys.stderr
            return Printer(
                PlainWriter(sys.stdout), status, self._style, quiet=not self._interactive, spaced=self._interactive
            )
        from ..tui.markdown import MarkdownStream
        from ..tui.screen import Screen

        screen = Screen(sys.stdout)
        writer = MarkdownStream(screen, bool(self._style.off))
        return Printer(writer, sys.stdout, self._style, quiet=False, screen=screen, spaced=True)

    async def _turn(self, text: str) -> int:
        """Show one turn. Returns an exit code, or -1 to leave at once."""
        import asyncio

        from ..agent.surface import Unattended
        from ..agent.turn import Draft
        from ..tui.asking import TerminalSurface
        from .ask import exit_code

        printer = self._printer()
        surface: Surface = Unattended("chat")
        if self._interactive:
            surface = TerminalSurface("chat", self._reader, self._style, printer, live=self._sets_markdown)
        leave = False

        def stop() -> None:
            nonlocal leave
            leave = surface.interrupt.is_set()
            surface.interrupt.set()

        self._stop = stop
        if self._interactive:
            self._reader.show = printer.typing if self._sets_markdown else None
            self._reader.start(self._take_begun() if self._sets_markdown else "")
        code = 1
        try:
            async for event in self._agent.turn(self._session, Draft(text), surface):
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
        await self._agent.aclose()
        if self._session.messages and self._interactive:
            print(self._style.paint(self._style.dim, f"alpi -c goes on with this conversation ({self._session.id})"))
