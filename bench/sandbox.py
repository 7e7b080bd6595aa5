"""What a sandbox costs at the start of a command: ``true`` bare and in each backend and mode, interleaved in one process.

    python bench/sandbox.py [ROUNDS]

Difference and ratio are taken between neighbours of one round, so that a busy machine slows down both sides of each. Aim: the median
difference is under 60 ms, wrapping included.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from alpi.safety.sandbox import Backend, Mode, Policy, available, wrap

AIM_MS = 60.0
COMMAND = ["/bin/true"]


def once(backend: Backend, policy: Policy) -> tuple[float, float]:
    """Milliseconds for wrapping, and for wrapping, starting and waiting."""
    begin = time.perf_counter()
    with wrap(COMMAND, os.environ, policy.workspace, policy, backend) as launch:
        wrapped = time.perf_counter()
        started = subprocess.Popen(
            launch.argv, env=launch.env, cwd=launch.cwd, pass_fds=launch.pass_fds, stdin=subprocess.DEVNULL
        )
        if started.wait() != 0:
            raise SystemExit(f"{backend.name}: exit status {started.returncode}")
    return (wrapped - begin) * 1000, (time.perf_counter() - begin) * 1000


def main() -> int:
    """Print one line per backend and mode. Exit 1 when an aim is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with tempfile.TemporaryDirectory(prefix="alpi-bench-", dir=Path.home()) as folder:
        workspace, scratch, hidden = Path(folder, "work"), Path(folder, "scratch"), Path(folder, "hidden")
        workspace.mkdir()
        scratch.mkdir(mode=0o700)
        for number in range(20):  # as many credential stores as a person has
            (hidden / str(number)).mkdir(parents=True)
        # A repository, because its hooks and settings are what costs most mounts in an ordinary workspace.
        for name in ("hooks", "objects", "refs"):
            (workspace / ".git" / name).mkdir(parents=True)
        (workspace / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (workspace / ".git/config").write_text("[core]\n\tbare = false\n")
        stores = tuple(hidden.iterdir())
        off = Backend("bare", True), Policy(Mode.OFF, workspace, scratch)
        runs = [
            (backend, Policy(mode, workspace, scratch, hidden=stores))
            for backend in available()
            for mode in (Mode.WORKSPACE, Mode.STRICT)
            if backend.usable and not backend.missing(mode)
        ]
        times: dict[tuple[str, str], list[tuple[float, float, float]]] = {(b.name, p.mode): [] for b, p in runs}
        for _ in range(rounds):
            for backend, policy in runs:
                _, bare = once(*off)
                wrapping, whole = once(backend, policy)
                times[backend.name, policy.mode].append((bare, wrapping, whole))
    missed = False
    print(
        f"{'backend':12} {'mode':10} {'bare':>8} {'of it wrapping':>15} {'whole':>8} {'difference':>11} {'p90':>8} {'ratio':>7}"
    )
    for (name, mode), rows in times.items():
        bare, wrapping, whole = (statistics.median(row[i] for row in rows) for i in range(3))
        differences = sorted(row[2] - row[0] for row in rows)
        difference = statistics.median(differences)
        ratio = statistics.median(row[2] / row[0] for row in rows)
        missed = missed or difference > AIM_MS
        print(
            f"{name:12} {mode:10} {bare:6.1f}ms {wrapping:13.1f}ms {whole:6.1f}ms {difference:9.1f}ms "
            f"{differences[int(len(differences) * 0.9)]:6.1f}ms {ratio:6.1f}x"
        )
    print(f"aim: under {AIM_MS:.0f} ms more than bare: {'missed' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
