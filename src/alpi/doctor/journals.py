"""The journals: can every session, the ledger and the memory's history be read, and is the audit chain whole."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import AlpiError
from ..base.journal import read_journal
from ..base.sizes import counted
from ..state.audit import AuditLog
from . import Finding, Subject

MOST = 5


def check_journals(subject: Subject) -> list[Finding]:
    """Read them all. A torn last line is what a crash leaves, and is said; a broken one in the middle is a failure."""
    paths = subject.paths
    files = [*sorted(paths.sessions.glob("*.jsonl")), *sorted(paths.memory.glob("*.jsonl")), paths.ledger]
    broken: list[str] = []
    torn: list[str] = []
    lines = 0
    for path in files:
        try:
            text = read_journal(path)
        except AlpiError as error:
            broken.append(error.message)
            continue
        lines += len(text.records)
        for warning in text.warnings:
            (torn if "was cut off" in warning else broken).append(warning)
    findings = [
        Finding("failed", problem, "The rest of that file is used; keep a copy before you mend it by hand")
        for problem in broken[:MOST]
    ]
    if len(broken) > MOST:
        findings.append(Finding("failed", f"and {len(broken) - MOST} more such lines"))
    if torn:
        hint = "Nothing to do: the next message in it mends it"
        findings.append(Finding("warning", f"{len(torn)} cut off at the end: {_first(torn)}", hint))
    findings += _audit(subject)
    here = [path for path in files if path.exists()]
    return findings or [
        Finding("ok", f"{counted(len(here), 'journal')} with {counted(lines, 'line')}, and the audit log, are whole")
    ]


def _audit(subject: Subject) -> list[Finding]:
    report = AuditLog(subject.paths.logs, subject.clock, str).verify()
    if not report.ok:
        hint = "alpi audit says more; keep these files as they are"
        return [Finding("failed", f"the audit log is not what was written: {report.findings[0]}", hint)]
    return []


def _first(warnings: list[str]) -> str:
    names = [Path(warning.split(":")[0]).name for warning in warnings]
    return ", ".join(names[:MOST]) + (" …" if len(names) > MOST else "")
