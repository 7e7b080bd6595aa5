"""The whole corpus through the judge, with the real path guard; and what is judged safe is run, and must leave no trace."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alpi.safety import corpus
from alpi.safety.corpus import Case, Tree
from alpi.safety.paths import PathGuard
from alpi.safety.risk import Access, Guard, Protection, assess
from alpi.safety.tiers import Tier

MINIMUM_VARIATIONS = 6  # the case itself and five more
SHELL_CASES = {*range(1, 20), *range(23, 31)}
CACHES = {".npm", ".rustup", ".cargo", ".cache", "go"}


def real_guard(tree: Tree) -> Guard:
    own = tree.home / ".alpi"
    guard = PathGuard(workspace=tree.workspace, home=tree.home, profile_home=own, alpi_root=own)

    def judge(path: Path, access: Access) -> Protection:
        verdict = guard.judge(path, access)
        return Protection(verdict.tier, verdict.reason)

    return judge


@pytest.fixture(scope="module")
def tree() -> Iterator[Tree]:
    with corpus.scratch() as made:
        yield made


def told(failures: list[corpus.Failure]) -> str:
    return "\n".join(
        f"{one.case.id} ({one.case.source}): {one.tier.label} but must be {one.case.must}: {one.command[-200:]!r} {one.reasons}"
        for one in failures
    )


def test_no_attack_is_judged_milder_than_it_must_be() -> None:
    failures = corpus.run(real_guard, corpus.attacks())
    assert not failures, told(failures)


def test_ordinary_commands_are_judged_as_a_careful_colleague_would() -> None:
    cases = corpus.ordinary()
    failures = corpus.run(real_guard, cases)
    weak = [one for one in failures if not one.nag]
    assert not weak, told(weak)
    assert len(failures) <= corpus.NAG_SHARE * len(cases), told(failures)


def test_the_corpus_is_as_large_as_promised() -> None:
    counts: dict[int, int] = {}
    for case in corpus.attacks():
        number = int(case.id.split("-")[1])
        counts[number] = counts.get(number, 0) + 1
    assert set(counts) >= SHELL_CASES
    assert all(counts[number] >= MINIMUM_VARIATIONS for number in SHELL_CASES), counts
    assert len(corpus.ordinary()) >= 300
    assert len({case.id for case in corpus.load()}) == len(corpus.load())


def test_every_attack_with_a_canary_would_work_on_a_naive_gate(tree: Tree) -> None:
    """The corpus itself is checked: a good part of the attacks really makes the canary when it is run."""
    hits = 0
    for case in corpus.attacks():
        if case.canary and int(case.id.split("-")[1]) in {7, 9} and case.must == "not-safe":
            execute(case, tree)
            hits += tree.canary.exists()
            tree.canary.unlink(missing_ok=True)
    assert hits >= 20


def safe_cases(tree: Tree) -> list[Case]:
    scene = tree.scene(real_guard(tree))
    found = []
    for case in corpus.load():
        with corpus.prepared(case, tree):
            if assess(tree.fill(case.command), scene).tier is Tier.SAFE:
                found.append(case)
    return found


def execute(case: Case, tree: Tree) -> None:
    """Run a command in the scratch workspace, without input, for two seconds at most."""
    environment = {
        "HOME": str(tree.home),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "GIT_PAGER": "cat",
        "TERM": "dumb",
    }
    process = subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-c", tree.fill(case.command)],
        cwd=tree.workspace,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended, with all that it started
    process.wait()


def outside(tree: Tree) -> dict[str, bytes]:
    """Every file of the scratch home that is not in the workspace, nor in the folders which some tools make even to say their version."""
    return {
        str(path): path.read_bytes()
        for path in sorted(tree.root.rglob("*"))
        if path.is_file() and tree.workspace not in path.parents and not CACHES & {*path.parts}
    }


def test_what_is_judged_safe_leaves_no_trace_outside_the_workspace(tree: Tree) -> None:
    cases = safe_cases(tree)
    assert len(cases) > 200
    before = outside(tree)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda case: execute(case, tree), cases))
    assert not tree.canary.exists()
    assert outside(tree) == before
