"""Check that this machine and profile are in order, and say what to do where they are not."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError, UsageError

if TYPE_CHECKING:
    import argparse

    from ..doctor import Finding, Money, Subject
    from ..tui.terminal import Style
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi doctor                         all checks; exit 1 when one fails
  alpi doctor model workspace         only these
  alpi doctor --offline               without asking the model anything
  alpi doctor --quiet                 prints only what failed, so nothing when all is well: for cron
  alpi doctor --fix leftovers         remove what killed processes have left
  alpi doctor --thorough local        read the local model's weights and check their hash
  alpi doctor --json

Takes 20 s at most (not with --thorough). The model is asked one question of about 150 tokens, which is charged as any other.
A finding is ok, a warning (worth knowing; exit 0) or FAILED, with what to do below it.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi doctor``."""
    parser.add_argument("checks", metavar="CHECK", nargs="*", help="all when left out; alpi doctor --list names them")
    parser.add_argument("--list", action="store_true", help="name the checks and run none")
    parser.add_argument("--offline", action="store_true", help="contact nobody, not even the model's provider")
    parser.add_argument("--quiet", action="store_true", help="print only what failed")
    parser.add_argument("--fix", action="store_true", help="do what is harmless: remove leftovers of dead processes")
    parser.add_argument(
        "--thorough", action="store_true", help="without time limits, and with the model's weights read"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line: check, state, text, hint")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run the checks. Exit code 1 when one fails."""
    from ..base.clock import SystemClock
    from ..doctor import checks
    from ..doctor.running import examine
    from ..tui.terminal import Style, has_colour

    known = checks()
    unknown = [name for name in args.checks if name not in known]
    if unknown:
        raise UsageError(f"there is no check {', '.join(unknown)}", f"There is: {', '.join(known)}")
    if args.list:
        print("\n".join(f"{name:12} {check.about}" for name, check in known.items()))
        return 0
    subject = _subject(args, environ)
    wanted = {name: check for name, check in known.items() if not args.checks or name in args.checks}
    style, failed = Style(has_colour(environ)), False
    for name, findings in examine(subject, wanted, SystemClock(), args.offline):
        for finding in findings:
            failed = failed or finding.state == "failed"
            if not args.quiet or finding.state == "failed":
                _show(name, finding, args.json, style)
        sys.stdout.flush()
    return int(failed)


def _show(name: str, finding: Finding, as_json: bool, style: Style) -> None:
    from ..tui.terminal import columns, hanging, json_line, tilde

    if as_json:
        print(
            json_line({"check": name, "state": finding.state, "text": finding.text, "hint": finding.hint}, sys.stdout)
        )
        return
    mark, colour = {"ok": ("ok", style.green), "warning": ("note", style.yellow), "failed": ("FAILED", style.red)}[
        finding.state
    ]
    margin = 20
    head = f"{style.paint(colour, f'{mark:6}')} {name:12} "
    print("\n".join(hanging(head, margin, tilde(finding.text), columns())))
    for number, line in enumerate(finding.hint.split("\n") if finding.hint else ()):
        arrow = " " * margin + ("-> " if number == 0 else "   ")
        print("\n".join(hanging(arrow, margin + 3, tilde(line), columns())))


def _subject(args: argparse.Namespace, environ: Mapping[str, str]) -> Subject:
    """The profile as the checks look at it; settings that cannot be read do not keep the other checks from running."""
    from ..base.clock import SystemClock
    from ..base.paths import profile_paths
    from ..doctor import Subject
    from ..safety.policy import Policy
    from ..state.approvals import ApprovalStore
    from .linkdesk import LinkDesk
    from .runtime import Runtime
    from .skilling import Skilling
    from .webbing import WebParts

    paths = profile_paths(args.profile, environ)
    approvals = ApprovalStore(paths.approvals, SystemClock(), str)
    common: dict[str, Any] = {
        "paths": paths,
        "home": Path.home(),
        "approved": approvals.has,
        "thorough": args.thorough,
        "fix": args.fix,
        "closely": bool(args.checks),
    }
    try:
        runtime = Runtime(args.profile, environ)
        address = _address(runtime) if not args.offline else ""
        money, memory = _money(runtime), runtime.memory
    except AlpiError as error:
        return Subject(**common, policy=Policy.load(), clock=SystemClock(), problem=error)
    return Subject(
        **common,
        policy=runtime.policy,
        clock=runtime.clock,
        config=runtime.config,
        warnings=tuple(runtime.warnings),
        entries=lambda: runtime.chain().entries,
        address=address,
        money=money,
        memory=memory,
        skills=Skilling(runtime).seen(),
        links=LinkDesk(runtime),
        servers=lambda: _servers(runtime),
        web=WebParts(runtime),
    )


def _address(runtime: Runtime) -> str:
    """Where the model listens, if this machine may ask there directly; ``""`` where it may not, or there is none."""
    from urllib.parse import urlsplit

    from .connect import split

    if not runtime.config.model:
        return ""
    try:
        name = split(runtime.config.model)[0]
        address = runtime.connections().described(name).base_url
    except AlpiError:
        return ""  # the model's check says why
    own = runtime.config.providers.get(name)
    refused = runtime.policy.model_refused(runtime.config.model) or runtime.policy.host_refused(
        urlsplit(address).hostname or ""
    )
    return "" if refused or (own is not None and own.proxy) else address


def _servers(runtime: Runtime) -> list[Finding]:
    """How each MCP server stands."""
    from ..doctor import Finding
    from .mcplooking import examine

    found = examine(runtime)
    return [Finding("ok" if one.good else "failed", f"{one.server}: {one.text}", one.hint) for one in found]


def _money(runtime: Runtime) -> Money:
    from ..doctor import Money
    from ..providers.prices import PriceBook

    own = {name: model.price for name, model in runtime.config.models.items() if model.price is not None}
    prices = PriceBook(runtime.paths.cache / "prices.json", own, runtime.connections().described)
    return Money(runtime.accounts, runtime.accounts.ledger, runtime.accounts.caps, prices)
