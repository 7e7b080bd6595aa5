"""Searching 10,000 sessions (200 MB) beside ripgrep over the same files in the same run; and what the index costs.

The corpus is made once, by a generator that gives the same bytes everywhere, in the temporary folder; remove it when you are done.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from alpi.state.search import SessionIndex

from .measure import Row

SESSIONS = 10_000
BYTES = 200_000_000
ROUNDS = 9
AIM_WARM, AIM_COLD = 300.0, 1500.0
CHANGED = 10
LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
# One rare word, two of which the second is common, three of middling frequency, words in a phrase, one that is everywhere.
QUERIES = ("rare", "pair", "three", "phrase", "common")
# Files that were written so shortly before they are read are read again by the next search.
SETTLED_SECONDS = 2.5


def run() -> list[Row]:
    """Build the corpus where it is missing, build the index, search."""
    if shutil.which("rg") is None:
        raise SystemExit(
            "bench search needs ripgrep to compare with: sudo apt-get install ripgrep (macOS: brew install ripgrep)"
        )
    sessions, words = corpus(Path(tempfile.gettempdir(), f"alpi-bench-sessions-{SESSIONS}-{BYTES}"))
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        index = Path(name, "index")
        begin = time.perf_counter()
        SessionIndex(sessions, index).search("nothing")
        built = time.perf_counter() - begin
        size = sum(path.stat().st_size for path in index.iterdir()) / 1e6
        rows = [
            Row(
                "search: build the index of 200 MB",
                f"{built:.1f} s",
                note=f"{size:.0f} MB in {len(list(index.iterdir()))} files",
            )
        ]
        warm = SessionIndex(sessions, index)
        time.sleep(SETTLED_SECONDS)
        warm.search("nothing")
        for kind in QUERIES:
            rows += _compared(kind, words[kind], warm, sessions)
        rows += _cold(sessions, index, words["pair"])
        rows += _changed(sessions, index, words["pair"])
    return rows


def _compared(kind: str, query: str, warm: SessionIndex, sessions: Path) -> list[Row]:
    rg = ["rg", "-i", "-c", "--no-ignore"]
    parts = [query.strip('"')] if query.startswith('"') else query.split()
    for part in parts:
        rg += ["-F", "-e", part]
    ours, theirs = [], []
    for _ in range(ROUNDS + 1):
        theirs.append(_timed(lambda: subprocess.run([*rg, str(sessions)], stdout=subprocess.DEVNULL, check=False)))
        ours.append(_timed(lambda: warm.search(query)))
    ours, theirs = ours[1:], theirs[1:]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    shown, floor = (f"{statistics.median(times):.0f} ms (best {min(times):.0f})" for times in (ours, theirs))
    note = f"{len(warm.search(query, limit=1 << 30)):,} hits"
    return [
        Row(f"search, warm, {kind}: to ripgrep", shown, floor, ratio, 1.0, "x", note),
        Row(f"search, warm, {kind}", shown, "", statistics.median(ours), AIM_WARM, " ms", ""),
    ]


COLD = """
import sys, time
from pathlib import Path
begin = time.perf_counter()
from alpi.state.search import SessionIndex
SessionIndex(Path(sys.argv[1]), Path(sys.argv[2])).search(sys.argv[3])
import resource
print((time.perf_counter() - begin) * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _cold(sessions: Path, index: Path, query: str) -> list[Row]:
    runs = [_fresh(sessions, index, query) for _ in range(5)]
    took = statistics.median(run[0] for run in runs)
    peak = max(run[1] for run in runs)
    return [Row("search, fresh process", f"{took:.0f} ms", "", took, AIM_COLD, " ms", f"peak memory {peak:.0f} MB")]


def _changed(sessions: Path, index: Path, query: str) -> list[Row]:
    """Ten sessions grow by a turn each, five times over; they are put back afterwards."""
    chosen = sorted(sessions.iterdir())[:: SESSIONS // CHANGED][:CHANGED]
    times, before = [], {path: path.stat().st_size for path in chosen}
    try:
        for round in range(5):
            for path in chosen:
                with path.open("ab") as file:
                    file.write(
                        _message("user", f"added{round}", datetime(2026, 11, 1, tzinfo=UTC), text="one more question")
                    )
            times.append(_fresh(sessions, index, query)[0])
    finally:
        for path, size in before.items():
            os.truncate(path, size)
    took = statistics.median(times)
    shown = f"{took:.0f} ms (worst {max(times):.0f})"
    return [Row(f"the same after {CHANGED} sessions grew", shown, "", took, AIM_COLD, " ms")]


def _fresh(sessions: Path, index: Path, query: str) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", COLD, str(sessions), str(index), query], capture_output=True, text=True, check=True
    )
    took, peak = done.stdout.split()
    return float(took), float(peak)


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def corpus(folder: Path) -> tuple[Path, dict[str, str]]:
    """The folder of sessions, made where it is missing, and the queries."""
    chance = random.Random(4)
    vocabulary = sorted(
        {"".join(chance.choices(LETTERS, range(26, 0, -1), k=chance.randint(2, 11))) for _ in range(70_000)}
    )
    chance.shuffle(vocabulary)
    weights = list(accumulate(1 / (rank + 8) for rank in range(len(vocabulary))))
    talk = chance.choices(vocabulary, cum_weights=weights, k=2_000_000)
    longer = [word for word in vocabulary if len(word) > 5]
    words = {
        "rare": longer[20_000],
        "pair": f"{longer[9_000]} {longer[30]}",
        "three": f"{longer[300]} {longer[700]} {longer[1500]}",
        "phrase": '"' + " ".join(talk[1000:1003]) + '"',
        "common": longer[10],
    }
    sessions = folder / "sessions"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        sessions.mkdir(parents=True)
        begin = time.perf_counter()
        for number in range(SESSIONS):
            _write_session(sessions, number, chance, talk)
        (folder / "done").touch()
        total = sum(path.stat().st_size for path in sessions.iterdir()) / 1e6
        took = time.perf_counter() - begin
        print(f"made {SESSIONS} sessions, {total:.0f} MB, in {took:.0f} s: {folder}", file=sys.stderr, flush=True)
    return sessions, words


def _write_session(folder: Path, number: int, chance: random.Random, talk: list[str]) -> None:
    """A conversation of about 20 kB on average, few of them long: questions, answers, and files that tools have read."""
    when = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=1.7 * number)
    wanted = min(chance.lognormvariate(0, 1.0), 40) * BYTES / SESSIONS * 0.5
    id = f"{when:%Y%m%d-%H%M%S}-{number:06x}"
    header = {"record": "session", "version": 1, "id": id, "surface": "chat", "created": when.isoformat()}
    lines = [json.dumps(header).encode() + b"\n"]
    size = 0
    turn = 0

    def text(count: int) -> str:
        at = chance.randrange(len(talk) - count)
        return " ".join(talk[at : at + count])

    while size < wanted:
        when += timedelta(minutes=3)
        key = f"{number:06x}{turn:04x}"
        lines.append(_message("user", f"{key}q", when, text=text(chance.randint(4, 40)), surface="chat"))
        if chance.random() < 0.6:
            call = {"id": "c", "name": "read_file", "arguments": json.dumps({"path": f"src/{text(1)}.py"})}
            lines.append(_message("assistant", f"{key}c", when, text="", calls=[call], stop="tools"))
            result = text(chance.randint(50, 1200))
            lines.append(_message("tool", f"{key}t", when, call_id="c", name="read_file", text=result))
        lines.append(_message("assistant", f"{key}a", when, text=text(chance.randint(20, 350)) + ". ¿Sí?", model="m"))
        size = sum(map(len, lines))
        turn += 1
    (folder / f"{id}.jsonl").write_bytes(b"".join(lines))


def _message(role: str, id: str, when: datetime, **fields: object) -> bytes:
    record = {"record": "message", "role": role, "id": id, "time": when.isoformat(), **fields}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"
