"""What it costs that each message is on the disk before the next step: an append to a session beside a bare write and fsync."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from alpi.base.clock import SystemClock
from alpi.base.message import UserMessage
from alpi.base.redact import Redactor
from alpi.state.sessions import SessionStore, new_id

from .measure import Row, Runs, ratio

ROUNDS = 200
TEXT = "A message of about a kilobyte. " * 33


def run() -> list[Row]:
    """Beside each other on the same disk."""
    clock, appends, floor = SystemClock(), Runs(), Runs()
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        session = SessionStore(Path(name, "sessions"), clock, Redactor({"SOME_KEY": "a-secret-of-some-length"})).create(
            "bench"
        )
        session.begin_turn()
        with Path(name, "bare").open("ab", buffering=0) as bare:
            for _ in range(ROUNDS):
                begin = time.perf_counter()
                session.append(UserMessage(new_id(), clock.now(), TEXT))
                middle = time.perf_counter()
                bare.write(TEXT.encode() + b"\n")
                os.fsync(bare.fileno())
                appends.seconds.append(middle - begin)
                floor.seconds.append(time.perf_counter() - middle)
        session.end_turn()

    def shown(runs: Runs) -> str:
        return f"{runs.median * 1000:.2f} ms (best {runs.best * 1000:.2f})"

    note = f"noise {floor.noise:.0%}, {ROUNDS} runs"
    return [
        Row(
            "a message onto the disk to write + fsync",
            shown(appends),
            shown(floor),
            ratio(appends, floor),
            unit="x",
            note=note,
        )
    ]
