"""The gate's self-test: the attack corpus, judged with this machine's own tables and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..safety.tiers import Tier
from . import Finding, Subject

if TYPE_CHECKING:
    from ..safety.corpus import Tree
    from ..safety.risk import Assessment, Guard, Scene


def check_gate(subject: Subject) -> list[Finding]:
    """Judge every case in a scratch tree. Nothing is run."""
    from ..safety.corpus import NAG_SHARE, load, run
    from ..safety.risk import assess

    covered: set[str] = set()

    def judge(command: str, scene: Scene) -> Assessment:
        found = assess(command, scene)
        # A kept approval never lifts a dangerous verdict, but it may cover what an attack looks like.
        if found.tier is Tier.CAUTION and found.scope is not None and subject.approved(f"run {found.scope.key}"):
            covered.add(found.scope.description)
        return found

    cases = load()
    failures = run(_guard_of, cases, judge)
    findings = [
        Finding(
            "failed",
            f"{failure.case.id}: {failure.command!r} is judged {failure.tier.label}, must be {failure.case.must}",
            "Reinstall alpi; if it stays, report this line",
        )
        for failure in failures
        if not failure.nag
    ]
    nags = [failure for failure in failures if failure.nag]
    if len(nags) > NAG_SHARE * sum(case.ordinary for case in cases):
        findings.append(Finding("warning", f"{len(nags)} ordinary commands are asked about needlessly"))
    findings += [
        Finding("failed", f"you allowed for always what an attack does: {text}", "alpi approvals list, then revoke it")
        for text in sorted(covered)
    ]
    return findings or [Finding("ok", f"{len(cases)} cases are judged as they must be")]


def _guard_of(tree: Tree) -> Guard:
    """The real path guard, for the scratch tree."""
    from ..safety.paths import PathGuard
    from ..safety.shell import protection_of

    own = tree.home / ".alpi"
    return protection_of(PathGuard(tree.workspace, tree.home, own, own))
