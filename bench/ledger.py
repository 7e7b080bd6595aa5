"""What a budget check costs before a model call, in a ledger of years, beside the floor: one line that is appended and synced."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from alpi.base.clock import SystemClock
from alpi.state.budget import Cap
from alpi.state.ledger import Ledger

from .measure import Row

LINES = 500_000
A_DAY = 450
ROUNDS = 15
# A check is one such line too, under a lock and with the file opened anew and looked at: a few times the floor. A new process reads the
# day's lines and those of half a day before (some 1,500) as well: a few milliseconds, where a synced line takes 0.2.
AIM_WARM = 5.0
AIM_COLD = 25.0


def run() -> list[Row]:
    """Measure; the check is that of a process that has made calls before (warm), and the first one of a new process (cold)."""
    with tempfile.TemporaryDirectory(prefix="alpi-bench-", dir=Path.home()) as name:
        path = Path(name, "ledger.jsonl")
        size = fill(path)
        floor, warm, cold = [], [], []
        going = Ledger(path, SystemClock(), str, UTC)
        check(going)
        for _ in range(ROUNDS):
            floor.append(timed(partial(append, Path(name, "floor"))))
            warm.append(timed(partial(check, going)))
            fresh = Ledger(path, SystemClock(), str, UTC)
            cold.append(timed(partial(check, fresh)))
    rows = []
    for what, times, aim in (("warm", warm, AIM_WARM), ("cold", cold, AIM_COLD)):
        share = statistics.median(a / b for a, b in zip(times, floor, strict=True))
        note = f"{LINES:,} lines, {size >> 20} MB, {A_DAY} calls today; floor: one line appended and synced"
        rows.append(Row(f"budget check, {what}", shown(times), shown(floor), share, aim, "x", note))
    return rows


def fill(path: Path) -> int:
    """A ledger of years: two lines a call, the newest now. Returns its size."""
    now, step = datetime.now(UTC), timedelta(days=1) / A_DAY
    with path.open("w", encoding="utf-8") as file:
        for number in range(LINES // 2):
            moment = (now - step * (LINES // 2 - number)).isoformat()
            names = {
                "id": f"{number:012x}",
                "time": moment,
                "model": "anthropic/claude-sonnet-4-6",
                "surface": "chat",
                "asker": "person",
            }
            held = {
                "record": "reserve",
                **names,
                "session": "20261125-101010-abcdef",
                "tokens": 9000,
                "usd": 0.05,
                "pid": 4711,
                "born": "99",
            }
            used = {
                "record": "call",
                **names,
                "session": "20261125-101010-abcdef",
                "input": 5000,
                "output": 300,
                "cached": 4000,
                "usd": 0.01,
            }
            file.write(f"{json.dumps(held)}\n{json.dumps(used)}\n")
    return path.stat().st_size


def check(ledger: Ledger) -> None:
    """Set aside what one call may take."""
    ledger.reserve(
        model="anthropic/claude-sonnet-4-6", surface="chat", asker="person", session="s", purpose="turn", tokens=10, usd=0.0001,
        caps=[Cap(usd=1e6), Cap(tokens=10**12)],
    )  # fmt: skip


def append(path: Path) -> None:
    """The floor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, b"x" * 250 + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def timed(work: Callable[[], None]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def shown(times: list[float]) -> str:
    """Median and best in milliseconds."""
    return f"{statistics.median(times) * 1000:.1f} ms (best {min(times) * 1000:.1f})"
