"""Ask one question and print the answer.

The text of standard input, when something is piped in, is added below the question.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from ..base.text import encodable
from .options import turn_options

if TYPE_CHECKING:
    import argparse

    from ..agent.engine import Agent
    from ..agent.events import Event
    from ..agent.surface import Surface
    from ..agent.turn import Draft
    from ..providers.retry import ModelChain
    from ..state.sessions import Session
    from ..tui.printer import JsonPrinter, Printer
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi ask "which files here mention the budget?"
  git diff | alpi ask "write a commit message"
  alpi ask -c "and in Spanish?"
  alpi ask --attach photo.png "what is on it?"
  alpi ask --json "list the open tasks" | jq -r 'select(.type == "text").text'
"""
MOST_PIPED = 400_000


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi ask``."""
    parser.add_argument("text", nargs="*", metavar="TEXT", help="the question")
    turn_options(parser, "print the answer as it comes, without setting its Markdown", repeated=True)
    parser.add_argument(
        "--attach",
        action="append",
        default=[],
        metavar="FILE",
        help="hand over a text file or picture; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print each event as a JSON object on its own line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Ask. Returns the exit code."""
    import asyncio

    from .building import build_agent
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    runtime.model_names(args.model)  # says what to do before anything is read
    text = "\n\n".join(filter(None, [encodable(" ".join(args.text).strip()), piped_text()]))
    if not text and not args.attach:
        raise UsageError("there is nothing to ask", 'For example: alpi ask "what is in this folder?"')
    workspace, warning = runtime.workspace()
    chain = runtime.chain(args.model)
    session = runtime.session(args.resume, args.session, "ask")
    for line in [*runtime.warnings, *filter(None, [warning])]:
        print(f"alpi: {line}", file=sys.stderr)
    draft = _draft(runtime, text, args.attach, chain)
    agent = build_agent(runtime, chain, session, workspace)
    code = asyncio.run(_ask(runtime, args, agent, workspace, session, draft))
    if code == 130:
        # A thread may still hang in a file of a slow disk; a person who pressed Ctrl-C does not wait for it.
        sys.stdout.flush()
        os._exit(code)
    return code


def piped_text() -> str:
    """What is piped in, or ``""``. A terminal, and an input that is closed, hold nothing.

    Raises:
        UsageError: too much of it, or not text.
    """
    import select
    import stat

    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    mode = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
        return ""
    if stat.S_ISSOCK(mode) and not select.select([0], [], [], 0)[0]:
        return ""  # a service manager's socket: nobody will write to it
    data = sys.stdin.buffer.read(MOST_PIPED + 1)
    if len(data) > MOST_PIPED:
        raise UsageError(
            f"more than {MOST_PIPED // 1000} kB were piped in",
            "Save it as a file in the workspace and ask about that file",
        )
    if b"\0" in data:
        raise UsageError("what was piped in is not text", "Pipe text, or use --attach for a picture")
    return data.decode("utf-8", errors="replace").strip()


def exit_code(event: Event, code: int) -> int:
    """The exit code after an event, given the one so far: 1 until the turn has ended well."""
    from ..agent import events

    if isinstance(event, events.Failed):
        return event.exit_code
    if isinstance(event, events.TurnEnded):
        if event.stop == "failed":
            return code
        ended = {"interrupted": 130, "refusal": 1, "limit": 1}.get(event.stop, 0)
        return ended or (3 if event.refused else 0)
    return code


def _draft(runtime: Runtime, text: str, files: list[str], chain: ModelChain) -> Draft:
    from ..agent.turn import Draft

    if not files:
        return Draft(text)
    from ..tui.attach import draft_with

    return draft_with(text, files, runtime.guard(runtime.workspace()[0]), chain.entries[0].settings.vision)


async def _ask(
    runtime: Runtime, args: argparse.Namespace, agent: Agent, workspace: Path, session: Session, draft: Draft
) -> int:
    import asyncio

    from ..tui.terminal import is_terminal, quiet_keys
    from .links import turn

    surface, printer = _surface_and_printer(runtime, args)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, surface.interrupt.set)
    code = 1
    with quiet_keys(is_terminal(sys.stdin, sys.stdout)):
        try:
            async for event in turn(runtime.links, agent, session, draft, surface, workspace):
                printer.show(event)
                code = exit_code(event, code)
        finally:
            await agent.aclose()
            await runtime.links.aclose()
    return code


def _surface_and_printer(runtime: Runtime, args: argparse.Namespace) -> tuple[Surface, Printer | JsonPrinter]:
    from ..agent.surface import Unattended
    from ..tui.asking import TerminalSurface
    from ..tui.printer import AnswerWriter, JsonPrinter, PlainWriter, Printer
    from ..tui.terminal import LineReader, Style, can_move_cursor, has_colour, is_terminal

    if args.json:
        return Unattended("ask"), JsonPrinter(sys.stdout)
    style = Style(has_colour(runtime.environ) and not args.plain)
    writer: AnswerWriter = PlainWriter(sys.stdout)
    screen = None
    if can_move_cursor(runtime.environ) and not args.plain:
        from ..tui.markdown import MarkdownStream
        from ..tui.screen import Screen

        screen = Screen(sys.stdout)
        writer = MarkdownStream(screen, bool(style.off))
    printer = Printer(writer, sys.stderr, style, quiet=not is_terminal(sys.stderr), screen=screen)
    if not is_terminal(sys.stdin, sys.stderr):
        return Unattended("ask"), printer
    return TerminalSurface("ask", LineReader(), style, printer, live=screen is not None), printer
