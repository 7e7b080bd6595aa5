"""Check that this machine and profile are in order; the gate and the sandbox so far."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

EPILOG = """\
examples:
  alpi doctor                         all checks; exit 1 when one fails
  alpi doctor gate                    judge the attack corpus that comes with alpi
  alpi doctor --json
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi doctor``."""
    parser.add_argument("checks", metavar="CHECK", nargs="*", help="gate, sandbox (all when left out)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the checks. Exit code 1 when one fails."""
    import msgspec

    from ..doctor import Subject, checks
    from ..state.approvals import ApprovalStore
    from ..tui.terminal import Style, has_colour
    from .runtime import Runtime

    known = checks()
    unknown = [name for name in args.checks if name not in known]
    if unknown:
        raise UsageError(f"there is no check {', '.join(unknown)}", f"There is: {', '.join(known)}")
    runtime = Runtime(args.profile, environ)
    guard = runtime.guard(runtime.workspace()[0])
    approvals = ApprovalStore(runtime.paths.approvals, runtime.clock, runtime.redact)
    subject = Subject(guard, runtime.policy, runtime.config.sandbox.mode, approvals.has)
    style = Style(has_colour(environ))
    failed = False
    for name in args.checks or known:
        for finding in known[name](subject):
            failed = failed or finding.state == "failed"
            if args.json:
                record = {"check": name, "state": finding.state, "text": finding.text, "hint": finding.hint}
                print(msgspec.json.encode(record).decode())
                continue
            mark, colour = {"ok": ("ok", style.green), "warning": ("note", style.dim), "failed": ("FAILED", style.red)}[
                finding.state
            ]
            print(f"{colour}{mark:7}{style.off}{name}: {finding.text}")
            if finding.hint:
                print(f"       {finding.hint}")
    sys.stdout.flush()
    return int(failed)
