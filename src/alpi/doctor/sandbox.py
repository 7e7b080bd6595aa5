"""Which OS sandbox there is, what it cannot do, and whether it is the one that is wanted."""

from __future__ import annotations

from . import Finding, Subject


def check_sandbox(subject: Subject) -> list[Finding]:
    """Try each backend for real."""
    from ..safety.sandbox import Mode, available

    backends = available()
    wanted = Mode(subject.policy.sandbox_at_least(subject.sandbox or Mode.WORKSPACE))
    usable = [backend for backend in backends if backend.usable and not backend.missing(wanted)]
    findings = []
    if wanted is Mode.OFF:
        findings.append(Finding("warning", "the sandbox is switched off", "alpi config unset sandbox.mode"))
    elif usable:
        findings.append(Finding("ok", f"commands run in {usable[0].name}, mode {wanted}"))
        findings += [Finding("warning", f"{usable[0].name}: {limit.text}") for limit in usable[0].limits]
    else:
        required = subject.sandbox is not None or subject.policy.sandbox != "off"
        what = "commands cannot be started" if required else "commands run without a sandbox"
        findings.append(Finding("failed", f"{what}: none here gives mode {wanted}", "Install bubblewrap"))
    for backend in backends:
        if not backend.usable:
            findings.append(Finding("warning", f"{backend.name} does not work here: {backend.reason}"))
    findings += [Finding("warning", text) for text in subject.policy.describe()] if subject.policy.broken else []
    return findings
