"""List, search, show and export this profile's conversations."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

EPILOG = """\
examples:
  alpi sessions                       the last twenty
  alpi sessions search birthday "chocolate cake"
  alpi sessions search invoice --since "last month"
  alpi sessions show 20261123         one, on the terminal
  alpi sessions export 20261123 talk.md
  alpi ask --session 20261123 "and then?"
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi sessions``."""
    parser.set_defaults(run=run_list, limit=20, json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="the conversations that were used last (the default)")
    listing.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    search = actions.add_parser("search", help="find what was said")
    search.add_argument("words", metavar="WORDS", nargs="*", help="words; an argument with spaces is an exact phrase")
    search.add_argument("--since", default="", metavar="DATE", help='2026-10, 2026-10-14, yesterday, "last month"')
    search.add_argument(
        "--until", default="", metavar="DATE", help="the same; all of that day, month or year is searched too"
    )
    search.add_argument("--limit", type=int, default=10, metavar="N", help="how many (10)")
    search.add_argument("--json", action="store_true", help="one JSON object a line")
    search.set_defaults(run=run_search)
    show = actions.add_parser("show", help="print one as Markdown")
    show.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    show.set_defaults(run=run_show)
    export = actions.add_parser("export", help="write one to a Markdown file")
    export.add_argument("id", metavar="ID", help="its id, or the beginning of it")
    export.add_argument(
        "file", metavar="FILE", nargs="?", help="the file to make (else ID.md); one that exists is not replaced"
    )
    export.set_defaults(run=run_export)


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the sessions, newest first."""

    import msgspec

    from ..base.text import one_line
    from ..tui.terminal import columns, is_terminal, json_line
    from .runtime import Runtime

    if args.limit < 1:
        raise UsageError("--limit must be at least 1")
    found = Runtime(args.profile, environ).sessions.recent(args.limit)
    if args.json:
        for info in found:
            print(json_line(msgspec.structs.asdict(info) | {"path": str(info.path)}, sys.stdout))
        return 0
    if not found:
        print("no conversations yet; start one with: alpi")
    width = columns() if is_terminal(sys.stdout) else 200
    for info in found:
        head = f"{info.id}  {info.changed:%Y-%m-%d %H:%M}  {info.surface:5} "
        print(head + one_line(info.title, max(20, width - len(head))))
    return 0


def run_search(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the turns that fit, best first."""
    from msgspec import to_builtins

    from ..base.message import not_done_mark
    from ..base.text import one_line, printable
    from ..state.search import period
    from ..tui.terminal import is_terminal, json_line
    from .runtime import Runtime

    if args.limit < 1:
        raise UsageError("--limit must be at least 1")
    runtime = Runtime(args.profile, environ)
    now = runtime.clock.now()
    since = period(args.since, now)[0] if args.since else None
    until = period(args.until, now)[1] if args.until else None
    query = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in args.words)
    told = is_terminal(sys.stderr)

    def progress(done: int, of: int) -> None:
        if told and of >= 500 and not done % 100:
            print(f"\rreading sessions for the index: {done:,} of {of:,} ", end="", file=sys.stderr, flush=True)

    hits = runtime.session_index().search(query, args.limit, since=since, until=until, progress=progress)
    if told:
        print("\r\x1b[K", end="", file=sys.stderr)
    for hit in hits:
        if args.json:
            print(json_line(to_builtins(hit), sys.stdout))
            continue
        print(f"{hit.session}  {hit.time.astimezone(now.tzinfo):%Y-%m-%d %H:%M}  {one_line(hit.title, 60)}")
        for name, text in (("you", hit.question), ("alpi", hit.answer), ("tools", hit.seen)):
            if text:
                print(f"    {name}: {printable(text)}")
        if hit.not_done:
            print(f"    {printable(not_done_mark(hit.not_done))}")
    if not hits and not args.json:
        print("nothing found")
    return 0


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print one session as Markdown."""
    from ..base.text import printable
    from ..state.sessions import to_markdown
    from .runtime import Runtime

    session = Runtime(args.profile, environ).sessions.open(args.id)
    for warning in session.warnings:
        print(f"alpi: {warning}", file=sys.stderr)
    print(printable(to_markdown(session)), end="")
    return 0


def run_export(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write one session to a file."""
    from ..base.files import storage_errors
    from ..state.sessions import to_markdown
    from .runtime import Runtime

    session = Runtime(args.profile, environ).sessions.open(args.id)
    path = Path(args.file or f"{session.id}.md")
    with storage_errors(path, "write"):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(to_markdown(session))
        except FileExistsError as error:
            raise UsageError(f"{path} exists already", "Name another file") from error
    print(f"wrote {path}")
    return 0
