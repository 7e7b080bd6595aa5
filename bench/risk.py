"""How fast the risk judge is: verdicts a second, and p50, p99 and the worst for ordinary, attacking, fuzzed and heavy commands.

Run with ``python bench/risk.py``. The aim for ordinary commands is a p99 under 2 ms; the bound for any input is 50 ms.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for the fuzzed and the heavy commands of the tests

from alpi.safety import corpus
from alpi.safety.risk import Access, Protection, Scene, assess
from tests.property.test_risk import HEAVY, fuzzed

AIM_ORDINARY = 2.0
BOUND = 50.0


def unguarded(_path: Path, _access: Access) -> Protection | None:
    """The path guard has its own benchmark."""
    return None


def measure(name: str, commands: Iterable[str], scene: Scene, rounds: int) -> tuple[float, float]:
    """Print one row; gives p99 and the worst in milliseconds, each command at its best of the rounds."""
    todo = list(commands)
    best = [float("inf")] * len(todo)
    total = 0.0
    for _ in range(rounds):
        for index, command in enumerate(todo):
            start = time.perf_counter()
            assess(command, scene)
            took = time.perf_counter() - start
            total += took
            best[index] = min(best[index], took)
    ordered = sorted(one * 1000 for one in best)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    rate = len(todo) * rounds / total
    print(
        f"{name:<22}{len(todo):>7} commands {rate:>9.0f}/s   p50 {p50:7.3f} ms   p99 {p99:7.3f} ms   max {ordered[-1]:7.3f} ms"
    )
    return p99, ordered[-1]


def main() -> int:
    """Measure everything; 1 if an aim is missed."""
    with corpus.scratch() as tree:
        scene = tree.scene(unguarded)
        start = time.perf_counter()
        assess("ls", scene)
        print(f"first verdict, with tables and grammar: {(time.perf_counter() - start) * 1000:.0f} ms")
        choice = random.Random(7)
        ordinary, _ = measure("ordinary", [tree.fill(case.command) for case in corpus.ordinary()], scene, 5)
        _, attacks = measure("attacks", [tree.fill(case.command) for case in corpus.attacks()], scene, 3)
        _, fuzz = measure("fuzzed", [fuzzed(choice) for _ in range(2000)], scene, 2)
        _, heavy = measure("heavy", HEAVY.values(), scene, 3)
    print(f"aim: p99 of ordinary commands under {AIM_ORDINARY} ms; any command under {BOUND} ms")
    return int(ordinary > AIM_ORDINARY or max(attacks, fuzz, heavy) > BOUND)


if __name__ == "__main__":
    raise SystemExit(main())
