"""The memory files: can they be read, how full are they, is anything in them suspicious."""

from __future__ import annotations

from . import Finding, Subject


def check_memory(subject: Subject) -> list[Finding]:
    """Look at the three files as a session does when it starts."""
    assert subject.memory is not None
    snapshot = subject.memory.snapshot()
    findings = [
        Finding(
            "warning",
            f"{entry.file}: an entry is not shown to the model: {entry.reason}",
            "Look at it: alpi memory show",
        )
        for entry in snapshot.withheld
    ]
    # Notices speak of withheld entries too; those have been said, with what to do.
    findings += [
        Finding("warning", notice, "Shorten it: alpi memory edit, or ask alpi to")
        for notice in snapshot.notices
        if not findings
    ]
    return findings or [Finding("ok", f"about {snapshot.tokens:,} tokens of every request")]
