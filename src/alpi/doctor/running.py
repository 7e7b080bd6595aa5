"""Runs the checks side by side, each within its own time, all of them within twenty seconds."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping

from ..base.clock import Clock
from ..base.errors import AlpiError
from . import Check, Finding, Subject

ALL_SECONDS = 20.0


def examine(
    subject: Subject, wanted: Mapping[str, Check], clock: Clock, offline: bool = False, seconds: float = ALL_SECONDS
) -> Iterator[tuple[str, list[Finding]]]:
    """Run checks and give each one's findings, in their order, as soon as they are known.

    A check that takes too long is a failure of its own; it is left alone, and ends with the process. ``seconds``: for all of them.
    """
    started = clock.monotonic()
    running = {name: _start(subject, check, offline) for name, check in wanted.items()}
    for name, check in wanted.items():
        limit = seconds if subject.thorough else min(check.seconds, seconds)
        left = max(0.0, started + limit - clock.monotonic())
        try:
            yield name, running[name].get(timeout=None if subject.thorough else left)
        except queue.Empty:
            hint = "Run it by itself: alpi doctor " + name
            yield name, [Finding("failed", f"it was not done within {limit:.0f} s", hint)]


def _start(subject: Subject, check: Check, offline: bool) -> queue.Queue[list[Finding]]:
    result: queue.Queue[list[Finding]] = queue.Queue(1)
    # A daemon thread: a disk that does not answer must not keep the program from ending.
    threading.Thread(target=lambda: result.put(_findings(subject, check, offline)), daemon=True).start()
    return result


def _findings(subject: Subject, check: Check, offline: bool) -> list[Finding]:
    if check.online and offline:
        return [Finding("ok", "not looked at, because of --offline")]
    if check.settings and subject.config is None:
        return [Finding("warning", "not looked at: the settings cannot be read", "Mend them first: alpi config check")]
    return guarded(check.look, subject)


def guarded(look: Callable[[Subject], list[Finding]], subject: Subject) -> list[Finding]:
    """What a check finds, and what it could not do as a finding of its own."""
    try:
        return look(subject)
    except AlpiError as error:
        return [Finding("failed", error.message, error.hint)]
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return [Finding("failed", f"{error.strerror or error}{where}")]
    except Exception as error:  # noqa: BLE001 - one check's bug must not hide what the others find
        text = f"the check itself is at fault: {type(error).__name__}: {error}"
        return [Finding("failed", text, "This is a bug in alpi; please report it with that text")]
