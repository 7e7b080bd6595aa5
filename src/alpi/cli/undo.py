"""Show what a turn changed in your files, and put back what stood there before."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import Refused, UsageError

if TYPE_CHECKING:
    import argparse

    from ..safety.paths import Access, PathGuard
    from ..state.undo import FilePlan, Restored, Turn, UndoStore

EPILOG = """\
examples:
  alpi undo --list                    the turns that changed files
  alpi undo                           take back the last one: shows the changes and asks first
  alpi undo 20261123-1015             another one, by the beginning of its name
  alpi undo --yes                     without asking (a file that changed since is left alone)
  alpi undo --force notes.md          put this file back although it changed since

An undo is a turn of its own: to take it back, name it.
"""
MOST_LINES = 400


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi undo``."""
    parser.add_argument("turn", metavar="TURN", nargs="?", help="which turn (else the last that is not undone)")
    parser.add_argument("--list", action="store_true", help="list the turns that can be taken back")
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="how many of them (20)")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--force", action="append", default=[], metavar="PATH", help="put this file back even if it changed since"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take a turn back. Exit code 1 when a file stayed as it is."""
    from ..state.undo import State, UndoStore
    from ..tui.terminal import is_terminal
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    store = UndoStore(runtime.paths.undo, runtime.clock)
    if args.list:
        return list_turns(store, args.limit)
    turn = store.turn(args.turn) if args.turn else store.newest()
    if turn is None:
        print("there is nothing to take back")
        return 0
    forced = _forced(turn, args.force)
    plans = store.plan(turn)
    print_plan(turn, plans, forced)
    if not any(
        plan.state is State.RESTORABLE or (plan.state is State.CHANGED and plan.path in forced) for plan in plans
    ):
        print(
            "nothing is put back" if any(plan.state is not State.SAME for plan in plans) else "all is as it was already"
        )
        return 1 if any(plan.state is not State.SAME for plan in plans) else 0
    if not args.yes:
        if not is_terminal(sys.stdin, sys.stderr):
            raise UsageError("nobody can be asked here", "Look at the changes above, then: alpi undo --yes")
        if not confirmed("Put them back?"):
            print("nothing was changed")
            return 0
    guard = runtime.guard(runtime.workspace()[0])
    result = store.restore(turn, writer(guard, turn), forced)
    return report(result)


def list_turns(store: UndoStore, limit: int) -> int:
    """Print the turns, newest first."""
    from ..base.text import escaped

    if limit < 1:
        raise UsageError("--limit must be at least 1")
    turns = store.turns()[:limit]
    for turn in turns:
        what = f"undo of {turn.restores}" if turn.restores else f"session {turn.session}"
        state = ", undone" if turn.undone else ""
        print(f"{turn.id}  {turn.started.astimezone():%Y-%m-%d %H:%M}  {escaped(what)}{state}")
        for change in turn.changes:
            print(f"    {escaped(str(change.path))}")
    if not turns:
        print("no turn has changed files yet")
    return 0


def print_plan(turn: Turn, plans: Sequence[FilePlan], forced: frozenset[Path]) -> None:
    """Show the changes, and what will happen with each file."""
    from ..base.text import escaped
    from ..state.undo import State

    print(f"turn {turn.id} of {turn.started.astimezone():%Y-%m-%d %H:%M}")
    for plan in plans:
        happens = {
            State.RESTORABLE: "will be put back",
            State.SAME: "already so",
            State.GONE: f"stays: {plan.detail}",
            State.CHANGED: f"stays: {plan.detail}; --force {plan.path} puts it back all the same",
        }[plan.state]
        if plan.state is State.CHANGED and plan.path in forced:
            happens = f"will be put back, although {plan.detail}"
        print(f"\n{escaped(str(plan.path))}: {escaped(happens)}")
        lines = plan.diff.split("\n")[:-1]
        for line in lines[:MOST_LINES]:
            print(f"  {escaped(line)}")
        if len(lines) > MOST_LINES:
            print(f"  … {len(lines) - MOST_LINES} more lines")
    print()


def report(result: Restored) -> int:
    """Say what was done."""
    from ..base.text import escaped

    for path in result.files:
        print(f"put back {escaped(str(path))}")
    for path, why in result.left:
        print(f"alpi: {escaped(str(path))} stays as it is: {escaped(why)}", file=sys.stderr)
    if result.turn:
        print(f"to take this back: alpi undo {result.turn}")
    return 1 if result.left else 0


def confirmed(question: str) -> bool:
    """Ask on the terminal. Only a typed yes is one, and only what is typed after the question appeared."""
    return typed(f"{question} y = yes   Enter = no  [no] ").lower() in ("y", "yes")


def typed(prompt: str) -> str:
    """A line from the terminal, without blanks at its ends; only what is typed after the prompt appeared counts."""
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    sys.stdout.flush()
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def writer(guard: PathGuard, turn: Turn) -> Callable[[Path, bytes | None, int], None]:
    """What puts contents at the turn's paths. The person's yes covers these files; what is forbidden to all tools stays so."""
    from ..safety.guarded import GuardedFiles

    granted = frozenset(change.path for change in turn.changes)

    def allowed(real: Path, access: Access) -> bool:
        return any(real == path or real in path.parents for path in granted)

    files = GuardedFiles(guard, allowed)

    def write(path: Path, data: bytes | None, mode: int) -> None:
        if data is None:
            _remove(guard, path, granted)
        else:
            fresh = not path.exists()
            real = files.write(path, data)
            if fresh:
                _set_mode(real, mode)

    return write


def _remove(guard: PathGuard, path: Path, granted: frozenset[Path]) -> None:
    """Take a file away, relative to its folder as it really is."""
    from ..base.files import storage_errors
    from ..safety.guarded import descriptor_path
    from ..safety.tiers import Tier

    with storage_errors(path, "delete"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            real = descriptor_path(folder, path.parent) / path.name
            verdict = guard.judge_real(real, "write")
            if verdict.tier is Tier.DANGEROUS or real not in granted:
                raise Refused(verdict.reason)
            os.unlink(path.name, dir_fd=folder)
        finally:
            os.close(folder)


def _set_mode(real: Path, mode: int) -> None:
    from ..base.files import storage_errors

    with storage_errors(real, "set the permissions of"):
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, mode & 0o777)
        finally:
            os.close(descriptor)


def _forced(turn: Turn, names: Sequence[str]) -> frozenset[Path]:
    """The turn's files that were named; by any path that leads to them."""
    found = set()
    known = {change.path for change in turn.changes}
    for name in names:
        path = Path(os.path.abspath(Path(name).expanduser()))
        match = next((one for one in known if one in (path, Path(os.path.realpath(path)))), None)
        if match is None:
            raise UsageError(f"{name} was not changed in turn {turn.id}", "See its files with: alpi undo --list")
        found.add(match)
    return frozenset(found)
