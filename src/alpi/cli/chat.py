"""What ``alpi`` opens without a command: the chat, as an app where the terminal can show one, else as plain lines."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .options import turn_options

if TYPE_CHECKING:
    import argparse

    from .conversation import ProfileConversation
    from .inputs import InputHistory
    from .runtime import Runtime


def add(parser: argparse.ArgumentParser) -> None:
    """Options of the chat."""
    turn_options(parser, "lines only, the cursor never moves: for screen readers and simple terminals")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Open the chat. Returns the exit code."""
    from ..tui.terminal import can_move_cursor, is_terminal
    from .inputs import InputHistory
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    interactive = is_terminal(sys.stdin, sys.stdout)
    shows_app = interactive and can_move_cursor(environ) and not args.plain and not runtime.config.tui.plain
    if not (args.model or runtime.config.model) and interactive:
        runtime = first_steps(runtime, plain=not shows_app)
    history = InputHistory(runtime.paths.inputs, runtime.paths.run / "input.lock", runtime.redact_late)
    resume = args.resume or (runtime.config.tui.auto_resume and not args.session)
    session = args.session
    if shows_app:
        opened = App(runtime, args.model, resume, session, history)
        if opened.run() == "leave":
            return 0
        session, resume = opened.session, False
    return plain(runtime, args.model, resume, session, history, greet=not shows_app)


def first_steps(runtime: Runtime, plain: bool) -> Runtime:
    """Nothing is configured yet: open the first step of the setup. Gives the profile anew, with what was chosen.

    Raises:
        NotConfigured: the person left without choosing a model.
    """
    from .setup import offer_setup

    return offer_setup(runtime, plain)


class App:
    """The chat as an app. ``session`` is the conversation that was open when it was left."""

    def __init__(
        self, runtime: Runtime, model: str | None, resume: bool, session: str | None, history: InputHistory
    ) -> None:
        self.session = session
        self._runtime = runtime
        self._model = model
        self._resume = resume
        self._history = history
        self._conversation: ProfileConversation | None = None

    def run(self) -> str:
        """Open it; gives ``leave`` or ``plain``."""
        from ..tui.app import run_app
        from ..tui.conversation import Header

        runtime = self._runtime
        workspace, _ = runtime.workspace()
        first = Header(runtime.paths.name, runtime.model_names(self._model)[0], workspace, "")
        follow = run_app(
            self._make,
            theme=runtime.config.tui.theme,
            environ=runtime.environ,
            first=first,
            history=self._history.lines,
            on_submit=self._history.add,
        )
        conversation = self._conversation
        if conversation is not None and conversation.transcript():
            self.session = conversation.session.id
            if follow == "leave":
                print(f"alpi -c goes on with this conversation ({self.session})")
        return follow

    def _make(self) -> ProfileConversation:
        from .conversation import ProfileConversation

        self._conversation = ProfileConversation(self._runtime, self._model, self._resume, self.session)
        return self._conversation


def plain(
    runtime: Runtime, model: str | None, resume: bool, session: str | None, history: InputHistory, greet: bool
) -> int:
    """The chat as plain lines."""
    from ..tui.background import BackgroundLoop
    from .conversation import ProfileConversation
    from .plain import PlainChat

    with BackgroundLoop() as background:
        conversation = ProfileConversation(runtime, model, resume, session)
        return PlainChat(conversation, background, history, greet).run()
