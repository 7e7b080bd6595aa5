"""alpi doctor: the gate's self-test can pass, and can fail."""

from __future__ import annotations

import json
from pathlib import Path

from alpi.doctor import Subject
from alpi.doctor.gate import check_gate
from alpi.safety.corpus import load
from alpi.safety.paths import PathGuard
from alpi.safety.policy import Policy
from tests.support.program import Home


def subject(tmp_path: Path, approved: frozenset[str] | None = None) -> Subject:
    guard = PathGuard(tmp_path, tmp_path, tmp_path / ".alpi", tmp_path / ".alpi")
    return Subject(guard, Policy(), None, lambda scope: approved is None or scope in approved)


def test_the_corpus_holds_on_this_machine(tmp_path: Path) -> None:
    (finding,) = check_gate(subject(tmp_path, frozenset()))
    assert finding.state == "ok" and str(len(load())) in finding.text


def test_an_approval_that_covers_an_attack_is_a_failure(tmp_path: Path) -> None:
    findings = check_gate(subject(tmp_path))
    assert findings and {finding.state for finding in findings} == {"failed"}
    assert all("allowed for always" in finding.text for finding in findings)


def test_the_command_prints_findings_and_names_unknown_checks(tmp_path: Path) -> None:
    home = Home(tmp_path)
    done = home.call("doctor", "--json", "gate")
    assert done.code == 0
    assert [json.loads(line)["state"] for line in done.out.splitlines()] == ["ok"]
    wrong = home.call("doctor", "teeth")
    assert wrong.code == 2 and "teeth" in wrong.err and "gate" in wrong.err
