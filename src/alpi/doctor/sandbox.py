"""Which OS sandbox there is, what it cannot do, and whether it is the one that is wanted."""

from __future__ import annotations

from . import Finding, Subject


def check_sandbox(subject: Subject) -> list[Finding]:
    """Try each backend for real."""
    from ..safety.sandbox import Mode, available

    backends = available()
    asked = subject.config.sandbox.mode if subject.config is not None else None
    wanted = Mode(subject.policy.sandbox_at_least(asked or Mode.WORKSPACE))
    usable = [backend for backend in backends if backend.usable and not backend.missing(wanted)]
    findings = []
    if wanted is Mode.OFF:
        findings.append(Finding("warning", "the sandbox is switched off", "alpi config unset sandbox.mode"))
    elif usable:
        limits = usable[0].limits
        more = f" (what it does not stop: alpi doctor sandbox names {len(limits)} limits)" if limits else ""
        findings.append(
            Finding("ok", f"commands run in {usable[0].name}, mode {wanted}{'' if subject.closely else more}")
        )
        if subject.closely:
            findings += [Finding("warning", f"{usable[0].name}: {limit.text}") for limit in limits]
    else:
        required = asked is not None or subject.policy.sandbox != "off"
        what = "commands cannot be started" if required else "commands run without a sandbox"
        findings.append(Finding("failed", f"{what}: none here gives mode {wanted}", "Install bubblewrap"))
    for backend in backends:
        if not backend.usable and (subject.closely or not usable):
            findings.append(Finding("warning", f"{backend.name} does not work here: {backend.reason}"))
    findings += [Finding("warning", text) for text in subject.policy.describe()] if subject.policy.broken else []
    return findings
