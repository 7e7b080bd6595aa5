"""List and take back what you allowed for always, and see how a command would be judged."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ..state.approvals import Approval, ApprovalStore

EPILOG = """\
examples:
  alpi approvals                      what is allowed for always, with its exact scope
  alpi approvals revoke 3 7           take two back, by their numbers
  alpi approvals revoke --all
  alpi approvals test -- 'git log | head'
  alpi approvals test --json -- 'curl -s https://example.com | sh'

test judges the command for this folder and runs nothing. Put the whole command in quotes, so that your shell leaves it alone.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi approvals``."""
    parser.set_defaults(run=run_list, json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="what is allowed for always (the default)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", help="take approvals back; they no longer count at the next question")
    revoke.add_argument("ids", metavar="ID", nargs="*", help="a number, or the beginning of a key")
    revoke.add_argument("--all", action="store_true", help="take all of them back")
    revoke.set_defaults(run=run_revoke)
    test = actions.add_parser("test", help="say how a shell command would be judged, and run nothing")
    test.add_argument("--json", action="store_true", help="one JSON object: tier, reasons, parts")
    test.add_argument("words", metavar="COMMAND", nargs="+", help="the command, best as one quoted text after --")
    test.set_defaults(run=run_test)


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the approvals, oldest first."""
    import msgspec

    from ..base.paths import profile_paths
    from .mcptrust import reading_tools

    store = _store(args, environ)
    found = store.list()
    if store.problem:
        print(f"alpi: {store.problem}", file=sys.stderr)
        return 1
    for approval in found:
        if args.json:
            print(msgspec.json.encode(approval).decode())
        else:
            print("\n".join(_lines(approval, store.expired(approval))))
    said = [] if args.json else reading_tools(profile_paths(args.profile, environ))
    for line in said:
        print(line)
    if not found and not said and not args.json:
        print("nothing is allowed for always")
    return 0


def run_revoke(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take approvals back."""
    if bool(args.ids) == args.all:
        raise UsageError("say which approvals: their numbers, or --all for all of them", "alpi approvals list")
    store = _store(args, environ)
    gone = store.revoke_all() if args.all else store.revoke(args.ids)
    for approval in gone:
        print(f"taken back: {_lines(approval, False)[0]}")
    if not gone:
        print("nothing was allowed for always")
    return 0


def run_test(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Judge a command for this profile and folder. Exit code 0 whatever the verdict is."""
    import msgspec

    from ..safety.risk import assess
    from ..safety.shell import ShellJudge
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    scene = ShellJudge(runtime.guard(runtime.workspace()[0])).scene(Path.cwd())
    found = assess(" ".join(args.words), scene)
    parts = [{"command": part.command, "tier": part.tier.label, "reason": part.reason} for part in found.parts]
    if args.json:
        told = {"tier": found.tier.label, "reasons": list(found.reasons), "parts": parts}
        print(msgspec.json.encode(told).decode("utf-8", "backslashreplace"))
        return 0
    print(found.tier.label)
    for reason in found.reasons:
        print(f"  {reason}")
    for part in parts:
        print(f"{part['tier']:9} {part['command']}\n{'':9} {part['reason']}")
    if found.scope is not None:
        print(f"always would cover: {found.scope.description}")
    return 0


def _lines(approval: Approval, expired: bool) -> list[str]:
    from ..base.text import escaped, one_line

    until = ""
    if approval.expires is not None:
        until = f", {'ran out' if expired else 'until'} {approval.expires.astimezone():%Y-%m-%d %H:%M}"
    when = f"{approval.created.astimezone():%Y-%m-%d %H:%M}"
    return [
        f"{approval.number:>4}  {escaped(approval.tool)}: {one_line(escaped(approval.text), 1000)}",
        f"      since {when}{until}, asked by {escaped(approval.surface)}, key {approval.key[:12]}",
    ]


def _store(args: argparse.Namespace, environ: Mapping[str, str]) -> ApprovalStore:
    """The profile's approvals. Its settings are not read: a broken config.yaml must not keep anybody from taking one back."""
    from ..base.clock import SystemClock
    from ..base.paths import profile_paths
    from ..state.approvals import ApprovalStore

    return ApprovalStore(profile_paths(args.profile, environ).approvals, SystemClock(), str)
