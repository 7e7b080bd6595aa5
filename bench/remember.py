"""What it costs to note something: an entry added to memory, with its history, beside two bare writes and fsyncs."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from alpi.base.clock import SystemClock
from alpi.base.redact import Redactor
from alpi.safety.scanner import scan_memory
from alpi.state.memory import MemoryStore, Note

from .measure import Row, Runs, ratio

ROUNDS = 100
LIMITS = {"user": 100_000, "memory": 100_000, "personality": 100_000}
ENTRY = "Fact number {}: the neighbour of house {} feeds the cat on Sundays."


def run() -> list[Row]:
    """Beside each other on the same disk, the file growing from nothing to a hundred entries."""
    adds, floor = Runs(), Runs()
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        redact = Redactor({"SOME_KEY": "a-secret-of-some-length"})
        store = MemoryStore(Path(name, "memory"), LIMITS, SystemClock(), redact, scan_memory)
        for number in range(ROUNDS):
            begin = time.perf_counter()
            store.add("memory", ENTRY.format(number, number * 7), Note("session", "bench"))
            middle = time.perf_counter()
            for bare in ("one", "two"):
                with Path(name, bare).open("ab", buffering=0) as file:
                    file.write(ENTRY.encode())
                    os.fsync(file.fileno())
            adds.seconds.append(middle - begin)
            floor.seconds.append(time.perf_counter() - middle)
        begin = time.perf_counter()
        tokens = store.snapshot().tokens
        snapshot = (time.perf_counter() - begin) * 1000

    def shown(runs: Runs) -> str:
        return f"{runs.median * 1000:.2f} ms (best {runs.best * 1000:.2f})"

    note = f"noise {floor.noise:.0%}, {ROUNDS} runs; then a snapshot of {ROUNDS} entries, {tokens:,} tokens: {snapshot:.1f} ms"
    return [
        Row("an entry noted to two write + fsync", shown(adds), shown(floor), ratio(adds, floor), unit="x", note=note)
    ]
