"""Show, explain, edit and take back what alpi remembers of you."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ..state.memory import Change, MemoryStore
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi memory                         all entries, with how full each file is
  alpi memory log                     every change: when, from which conversation
  alpi memory why birthday            which change brought an entry, and what was said
  alpi memory diff 2026-11-20         what has changed since a day, or since change 12
  alpi memory undo                    take the last change back: shows it and asks first
  alpi memory edit user               open USER.md in your editor
  alpi memory personality ops         show a personality and make it yours after a yes

The files are plain Markdown in the profile's folder; you may edit them with any program at any time.
"""
FILE_NAMES = ("user", "memory", "personality")
MOST_SHOWN = 12


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi memory``."""
    parser.set_defaults(run=run_show, file=None, json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    show = actions.add_parser("show", help="the entries, with what is left out and why (the default)")
    _file_argument(show)
    show.add_argument("--json", action="store_true", help="one JSON object a file")
    show.set_defaults(run=run_show)
    log = actions.add_parser("log", help="the changes, newest first")
    _file_argument(log)
    log.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    log.add_argument("--json", action="store_true", help="one JSON object a line")
    log.set_defaults(run=run_log)
    why = actions.add_parser("why", help="which change brought an entry, and what was said around it")
    why.add_argument("entry", metavar="ENTRY", nargs="+", help="the entry, or a part that only it has")
    why.set_defaults(run=run_why)
    diff = actions.add_parser("diff", help="what has changed since a time or a change")
    diff.add_argument(
        "since",
        metavar="SINCE",
        nargs="?",
        help="a change's number, or a day or time such as 2026-11-20 or 2026-11-20T14:00",
    )
    diff.add_argument("--file", choices=FILE_NAMES, help="only this one")
    diff.set_defaults(run=run_diff)
    undo = actions.add_parser("undo", help="take a change back")
    undo.add_argument(
        "id", metavar="ID", nargs="?", type=int, help="its number in the log (else the last one of alpi's)"
    )
    undo.add_argument("--yes", action="store_true", help="do not ask")
    undo.set_defaults(run=run_undo)
    edit = actions.add_parser("edit", help="open a file in $VISUAL or $EDITOR")
    edit.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        choices=FILE_NAMES,
        default="memory",
        help="user, memory (the default), personality",
    )
    edit.set_defaults(run=run_edit)
    personality = actions.add_parser("personality", help="list the personalities, or install one")
    personality.add_argument("name", metavar="NAME", nargs="?", help="which one; without it they are listed")
    personality.add_argument("--yes", action="store_true", help="do not ask")
    personality.set_defaults(run=run_personality)


def _file_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", nargs="?", choices=FILE_NAMES, help="user, memory or personality; all when left out"
    )


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the entries."""
    from ..base.text import escaped
    from ..state.memory import FILES
    from ..tui.terminal import json_line
    from .runtime import Runtime

    store = Runtime(args.profile, environ).memory
    for file in [args.file] if args.file else FILE_NAMES:
        state = store.state(file)
        bad = {held.words: held.reason for held in store.suspicious(file)}
        if args.json:
            entries = [{"text": words, "withheld": bad.get(words, "")} for words in state.entries]
            told = {"file": FILES[file], "path": str(store.path(file)), "used": state.used, "limit": state.limit}
            print(json_line({**told, "entries": entries}, sys.stdout))
            continue
        full = f", {state.used * 100 // state.limit}% full" if state.near_full else ""
        count = f"{len(state.entries)} {'entry' if len(state.entries) == 1 else 'entries'}"
        print(f"{FILES[file]}  {count}, {state.used:,} of {state.limit:,} characters{full}")
        for words in state.entries:
            first, *more = escaped(words).split("\n")
            print("\n".join([f"  - {first}", *(f"    {line}" for line in more)]))
            if words in bad:
                print(f"    ! kept from the model: {escaped(bad[words])}")
    return 0


def run_log(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the changes, newest first."""
    from ..state.memory import describe
    from ..tui.terminal import json_line
    from .runtime import Runtime

    if args.limit < 1:
        raise UsageError("--limit must be at least 1")
    store = Runtime(args.profile, environ).memory
    found = [change for change in _changes(store) if args.file in (None, change.file)]
    undone = {change.about for change in found if change.action == "undo"}
    for change in found[: -args.limit - 1 : -1]:
        if args.json:
            print(json_line({**describe(change), "undone": change.id in undone}, sys.stdout))
        else:
            print("\n".join(_lines(store, change, change.id in undone)))
    if not found and not args.json:
        print("nothing has been remembered yet")
    return 0


def run_why(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Say where an entry comes from. Exit code 1 where that is not known."""
    from ..base.text import escaped
    from ..state.memory import FILES, NotKept
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    store = runtime.memory
    _changes(store)
    wanted = " ".join(args.entry)
    problems = []
    for file in FILE_NAMES:
        try:
            entry = store.find(file, wanted)
        except NotKept as error:
            problems.append(error)
            continue
        change = store.history.origin(file, entry.words)
        print(f"{FILES[file]}: {escaped(entry.line)}")
        if change is None:
            print("  it stood there before the history begins")
            return 1
        print("\n".join(_lines(store, change, False)))
        print("\n".join(_around(runtime, change)))
        return 0
    unclear = next((error for error in problems if error.kind == "unclear"), problems[0])
    if unclear.kind == "unclear":
        raise unclear
    raise UsageError(f"no entry says {wanted!r}", "They are listed by: alpi memory show")


def run_diff(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what has changed since a time or a change, as unified diffs. Exit code 1 where that is not known."""
    from ..base.text import escaped
    from ..state.memory import FILES
    from ..state.shown import difference
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    store = runtime.memory
    changes = _changes(store)
    number = _since(args.since, changes, runtime)
    code = 0
    for file in [args.file] if args.file else FILE_NAMES:
        then = store.history.at(file, number)
        if then is None:
            print(f"alpi: what {FILES[file]} was then is not known any more", file=sys.stderr)
            code = 1
            continue
        text = (
            difference(store.path(file), then.encode(), store.text(file).encode()) if then != store.text(file) else ""
        )
        print("\n".join(escaped(line) for line in text.split("\n")[:-1]), end="\n" if text else "")
    return code


def run_undo(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take a change back."""
    from ..state.memory import Note
    from ..state.shown import difference
    from .runtime import Runtime

    store = Runtime(args.profile, environ).memory
    _changes(store)
    plan = store.plan_undo(args.id)
    if plan is None:
        print("there is nothing to take back")
        return 0
    print("\n".join(_lines(store, plan.change, False)) + "\n")
    _print_text(difference(store.path(plan.change.file), plan.now.encode(), plan.then.encode()))
    if not _agreed(args.yes, "Take it back?", "alpi memory undo --yes"):
        return 0
    done = store.undo(plan, Note(surface="alpi memory"))
    print(f"change {plan.change.id} is taken back; to have it again: alpi memory undo {done.id}")
    return 0


def run_edit(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Open a copy of a file in the person's editor and keep what comes of it, with what others did to the file meanwhile."""
    from .memory_edit import edit
    from .runtime import Runtime

    return edit(Runtime(args.profile, environ), args.file)


def run_personality(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """List the personalities, or install one."""
    from ..state.memory import Note, preset, preset_names
    from ..state.shown import difference
    from .runtime import Runtime

    store = Runtime(args.profile, environ).memory
    now = store.text("personality")
    if not args.name:
        for name in preset_names():
            print(f"{name}{'  (in use)' if preset(name) == now else ''}")
        print("\nalpi memory personality NAME shows one and asks before it becomes yours")
        return 0
    text = preset(args.name)
    if text == now:
        print(f"{args.name} is your personality already")
        return 0
    _print_text(difference(store.path("personality"), now.encode(), text.encode()) if now.strip() else text)
    if not _agreed(args.yes, f"Make {args.name} the personality?", f"alpi memory personality {args.name} --yes"):
        return 0
    change = store.install_personality(args.name, Note(surface="alpi memory"))
    print(f"{args.name} is in place from the next conversation on")
    if now.strip():
        print(f"what was there before: alpi memory undo {change.id}")
    return 0


def _changes(store: MemoryStore) -> tuple[Change, ...]:
    """The history, with what was edited by hand just now."""
    from ..base.errors import StorageError

    try:
        store.notice_edits()
    except StorageError as error:  # a disk that cannot be written must not keep anybody from reading
        print(f"alpi: {error}", file=sys.stderr)
    for warning in store.history.read()[1]:
        print(f"alpi: {warning}", file=sys.stderr)
    return store.history.changes()


def _lines(store: MemoryStore, change: Change, undone: bool) -> list[str]:
    """A change for people: when, where from, and what."""
    from ..base.text import escaped, one_line
    from ..state.memory import FILES

    when = f"{change.time.astimezone():%Y-%m-%d %H:%M}"
    session = f", session {change.session}" if change.session else ""
    marks = (", after reading text of others" if change.untrusted else "") + (", taken back" if undone else "")
    about = f" of change {change.about}" if change.about else ""
    where = f", {change.surface}" if change.surface else ""
    head = (
        f"{change.id:>4}  {when}  {FILES[change.file]}  {change.action}{about}{escaped(where)}{escaped(session)}{marks}"
    )
    gone, came = store.history.moved(change)
    signs = [*(("-", words) for words in gone), *(("+", words) for words in came)]
    lines = [f"      {sign} {one_line(escaped(words), 400)}" for sign, words in signs[:MOST_SHOWN]]
    return [head, *lines, *([f"      … {len(signs) - MOST_SHOWN} more"] if len(signs) > MOST_SHOWN else [])]


def _around(runtime: Runtime, change: Change) -> list[str]:
    """What was said around a change: the message that it followed, and the answer."""
    from ..base.errors import SessionError
    from ..base.message import AssistantMessage, UserMessage
    from ..base.text import escaped, one_line

    if not change.session:
        return []
    try:
        messages = runtime.sessions.open(change.session).messages
    except SessionError as error:
        return [f"      ({error.message})"]
    asked = [place for place, said in enumerate(messages) if isinstance(said, UserMessage) and said.time <= change.time]
    if not asked:
        return []
    first = asked[-1]
    after = messages[first + 1 :]
    end = next((place for place, said in enumerate(after) if isinstance(said, UserMessage)), len(after))
    answer = next(
        (said.shown for said in reversed(after[:end]) if isinstance(said, AssistantMessage) and said.text), ""
    )
    question = messages[first]
    assert isinstance(question, UserMessage)
    lines = [f"      you:  {one_line(escaped(question.text), 300)}"]
    lines += [f"      alpi: {one_line(escaped(answer), 300)}"] if answer else []
    return [*lines, f"      the conversation: alpi sessions show {change.session}"]


def _since(text: str | None, changes: Sequence[Change], runtime: Runtime) -> int:
    """The number of the last change that counts as before: before the last one where nothing is said."""
    from datetime import datetime

    if text is None:
        return changes[-1].id - 1 if changes else 0
    if text.isdigit() and len(text) < 8:
        return int(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is neither a change's number nor a time", "For example: alpi memory diff 2026-11-20T14:00"
        ) from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=runtime.clock.now().tzinfo)
    return max((change.id for change in changes if change.time < when), default=0)


def _agreed(yes: bool, question: str, otherwise: str) -> bool:
    from ..tui.terminal import is_terminal
    from .undo import confirmed

    if yes:
        return True
    if not is_terminal(sys.stdin, sys.stderr):
        raise UsageError("nobody can be asked here", f"Look at the change above, then: {otherwise}")
    if confirmed(question):
        return True
    print("nothing was changed")
    return False


def _print_text(text: str) -> None:
    from ..base.text import escaped

    for line in text.rstrip("\n").split("\n"):
        print(f"  {escaped(line)}".rstrip())
    print()
