"""Check, show and export the log of what was asked, allowed and refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ..state.audit import AuditLog

EPILOG = """\
examples:
  alpi audit                          check the log; exit 1 when a line was altered, removed, moved or cut off
  alpi audit show --limit 50
  alpi audit export --format jsonl --output decisions.jsonl
  alpi audit export --format syslog | logger --rfc5424 --stdin
"""
MOST = 10


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi audit``."""
    parser.set_defaults(run=run_verify)
    actions = parser.add_subparsers(metavar="ACTION")
    verify = actions.add_parser("verify", help="check every line and the log's end (the default)")
    verify.set_defaults(run=run_verify)
    show = actions.add_parser("show", help="print the last decisions")
    show.add_argument("--limit", type=int, default=20, metavar="N", help="how many (20)")
    show.add_argument("--json", action="store_true", help="one JSON object a line")
    show.set_defaults(run=run_show)
    export = actions.add_parser("export", help="write the whole log, oldest line first")
    export.add_argument(
        "--format", choices=["jsonl", "syslog"], default="jsonl", help="as it stands, or RFC 5424 (jsonl)"
    )
    export.add_argument(
        "--output", metavar="FILE", help="the file to make (else standard output); one that exists is not replaced"
    )
    export.set_defaults(run=run_export)


def run_verify(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Check the log. Exit code 1 when it is not what was written."""
    log = _log(args, environ)
    report = log.verify()
    for note in report.notes:
        print(f"alpi: {note}", file=sys.stderr)
    if report.ok:
        what = f"{report.entries} entries, {report.first} to {report.last}, the last with hash {report.hash}"
        print(f"{log.path} is in order: {what if report.entries else 'nothing was asked or refused yet'}")
        return 0
    print(f"{log.path} is not what was written. First bad place:")
    print(f"  {report.findings[0]}")
    for finding in report.findings[1:MOST]:
        print(f"  then {finding}")
    if len(report.findings) > MOST:
        print(f"  and {len(report.findings) - MOST} more")
    print(
        f"Keep these files as they are. To begin a new log, move {log.path}* and {log.head_path} away together.",
        file=sys.stderr,
    )
    return 1


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the last decisions, oldest first."""
    import msgspec

    from ..base.text import escaped, one_line

    if args.limit < 1:
        raise UsageError("--limit must be at least 1")
    records = _log(args, environ).tail(args.limit)
    for record in records:
        if args.json:
            print(msgspec.json.encode(record).decode())
            continue
        when = str(record.get("time", ""))[:19].replace("T", " ")
        head = f"{record.get('seq', '?'):>5}  {when}  {record.get('tier', '')!s:9} {record.get('decision', '')!s:8}"
        print(f"{head}  {record.get('tool', '')}: {one_line(escaped(str(record.get('what', ''))), 160)}")
        if record.get("reason"):
            print(f"{'':7}{one_line(escaped(str(record['reason'])), 200)}")
    if not records and not args.json:
        print("nothing was asked or refused yet")
    return 0


def run_export(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the whole log."""
    import platform

    from ..base.files import storage_errors

    lines = _log(args, environ).export(args.format, platform.node() or "-")
    if not args.output:
        for line in lines:
            sys.stdout.buffer.write(line.encode() + b"\n")
        sys.stdout.flush()
        return 0
    path = Path(args.output)
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists already", "Name another file")
    count = 0
    with storage_errors(path, "write"), path.open("x", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(f"{line}\n")
            count += 1
    print(f"wrote {path}: {count} lines")
    return 0


def _log(args: argparse.Namespace, environ: Mapping[str, str]) -> AuditLog:
    """The profile's log. Its settings are not read: a broken config.yaml must not keep anybody from looking."""
    from ..base.clock import SystemClock
    from ..base.paths import profile_paths
    from ..state.audit import AuditLog

    return AuditLog(profile_paths(args.profile, environ).logs, SystemClock(), str)
