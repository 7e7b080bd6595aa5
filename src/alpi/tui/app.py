"""Opens the chat as an app, and leaves the terminal as it was, whatever happens."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..base.errors import AlpiError
from .ground import Asking

if TYPE_CHECKING:
    from .chat import End
    from .conversation import Conversation, Header

# Thousands of lines are thousands of objects: to look through all of them for garbage stops the screen for a tenth of a second. The
# youngest are looked through as they come, the old ones hardly ever.
RARELY = (10_000, 20, 200)
# How long the agent's thread may keep the screen's waiting when both have work.
SWITCH_SECONDS = 0.001


def run_app(
    make_conversation: Callable[[], Conversation],
    *,
    theme: str = "auto",
    environ: Mapping[str, str],
    first: Header | None = None,
    initial: str = "",
    history: Callable[[], Sequence[str]] | Sequence[str] = (),
    on_submit: Callable[[str], None] | None = None,
) -> End:
    """Open the chat and stay until the person leaves.

    Args:
        make_conversation: called once, on the agent's thread, after the screen was painted.
        theme: ``auto`` (as the terminal's background is), ``light`` or ``dark``.
        environ: ``NO_COLOR`` is heeded.
        first: what is known at once, for the head line until the conversation is there.
        initial: stands in the prompt at the beginning.
        history: what was sent earlier, oldest first; a function is called when the screen has been painted.
        on_submit: called with each message and command that is sent, to keep it.

    Returns:
        What the person wants next: to leave, or the plain interface.

    Raises:
        AlpiError: the conversation could not be opened, or the screen broke. The terminal is as it was before.
    """
    asking = Asking(environ) if theme == "auto" else None
    try:
        # The terminal answers while this is being loaded.
        from .chat import ChatApp
        from .look import PALETTES, Look
    finally:
        is_light, typed = asking.answer() if asking is not None else (theme == "light", "")
    look = Look(PALETTES["light" if is_light else "dark"], not environ.get("NO_COLOR"))
    app = ChatApp(
        make_conversation,
        look=look,
        first=first,
        initial=initial,
        typed=typed,
        history=history,
        on_submit=on_submit,
    )
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(*RARELY)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        end = app.run()
    finally:
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)
        app.close_bridge()
    if isinstance(app.failure, AlpiError):
        raise app.failure
    if app.failure is not None:
        raise AlpiError(
            f"The chat's screen broke: {type(app.failure).__name__}: {app.failure}",
            "The conversation is on the disk; `alpi -c --plain` goes on with it",
        ) from app.failure
    return end or "leave"
