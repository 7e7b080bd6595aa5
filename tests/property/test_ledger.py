"""The ledger against a naive one: the sum over the whole file, and a budget that many workers share."""

from __future__ import annotations

import json
import random
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alpi.base.message import Usage
from alpi.state.backwards import backwards
from alpi.state.budget import NANO, BudgetUsedUp, Cap, day_of
from alpi.state.ledger import Ledger, nano
from tests.support.fakes import FakeClock

amounts = st.one_of(st.none(), st.integers(0, 10**7).map(lambda units: units / 10**6))
tokens = st.integers(0, 50_000)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 2), tokens, amounts),
        st.tuples(st.just("settle"), st.integers(0, 2), st.integers(0, 5), tokens, amounts),
        st.tuples(st.just("drop"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.integers(0, 8 * 3600)),
        st.tuples(st.just("junk"), st.sampled_from([b"{}\n", b"\n", b"torn", b'{"record":"call","id":"a', b"\xff\n", b"\0\0\0"])),
        st.tuples(st.just("repeat"), st.integers(0, 10)),
        st.tuples(st.just("restart"), st.integers(0, 2)),
    ),
    max_size=40,
)  # fmt: skip


def naive(path: Path, now: datetime) -> tuple[int, int, int, int]:
    """Calls, tokens, nano-dollars and what is set aside (tokens), from the whole file and nothing but it."""
    day = day_of(now, UTC)
    calls: dict[str, dict[str, Any]] = {}
    for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else ():
        try:
            record = json.loads(line)
            time = datetime.fromisoformat(record["time"])
        except (ValueError, TypeError, KeyError):
            continue
        if not day.start <= time < day.end:
            continue
        before = calls.get(record["id"], {"record": ""})["record"]
        rank = ("", "reserve", "free", "call")
        if rank.index(record["record"]) > rank.index(before):
            calls[record["id"]] = record
    over = [call for call in calls.values() if call["record"] == "call"]
    held = sum(call.get("tokens", 0) for call in calls.values() if call["record"] == "reserve")
    spent = sum(call.get("input", 0) + call.get("output", 0) for call in over)
    return len(over), spent, sum(nano(call.get("usd")) for call in over), held


@given(steps)
def test_todays_sum_is_the_naive_one_for_every_process(folder: Path, done: Sequence[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path, clock = Path(name, "ledger.jsonl"), FakeClock()

        def fresh() -> Ledger:
            return Ledger(path, clock, str, UTC)

        workers, open_calls = [fresh(), fresh(), fresh()], [[], [], []]  # type: ignore[var-annotated]
        for kind, *rest in done:
            if kind == "reserve":
                who, count, usd = rest
                open_calls[who].append(
                    workers[who].reserve(
                        model="m/m", surface="t", asker="p", session="s", purpose="turn", tokens=count, usd=usd, caps=()
                    )
                )
            elif kind in ("settle", "drop") and open_calls[rest[0]]:
                who, which, *used = rest
                call = open_calls[who].pop(which % len(open_calls[who]))
                usage = Usage(input=used[0] // 2, output=used[0] - used[0] // 2) if used else None
                workers[who].settle(call, usage, used[1] if used else None, "x")
            elif kind == "wait":
                clock.go_on(rest[0])
            elif kind == "junk":
                with path.open("ab") as file:
                    file.write(rest[0])
            elif kind == "repeat" and path.exists():
                whole = path.read_bytes().splitlines(keepends=True)
                if whole and whole[-1].endswith(b"\n"):
                    with path.open("ab") as file:
                        file.write(whole[rest[0] % len(whole)])
            elif kind == "restart":
                workers[rest[0]], open_calls[rest[0]] = fresh(), []
            expected = naive(path, clock.now())
            for ledger in (workers[0], fresh()):
                found = ledger.today()
                assert (found.calls, found.tokens, found.nano, found.held_tokens) == expected


@given(st.integers(0, 2**32), st.integers(1, 400))
@settings(max_examples=settings().max_examples // 2)
def test_reading_backwards_gives_the_lines_whatever_the_block(folder: Path, seed: int, block: int) -> None:
    chance = random.Random(seed)
    lines = [
        bytes(chance.choice(b"abc{}") for _ in range(chance.choice((0, 1, 5, 90)))) for _ in range(chance.randrange(9))
    ]
    data = b"\n".join(lines)
    path = folder / "lines"
    path.write_bytes(data)
    start = chance.choice([0, *(place + 1 for place, byte in enumerate(data) if byte == 10)])
    with path.open("rb") as file:
        found = list(backwards(file.fileno(), start, len(data), block))
    expected, place = [], start
    for line in data[start:].split(b"\n")[:-1]:
        expected.append((place, line + b"\n"))
        place += len(line) + 1
    assert found == expected[::-1]


@dataclass
class Work:
    """What one worker does: calls with what they are planned to take and what they take."""

    calls: Sequence[tuple[int, int]]


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 90)), max_size=8).map(Work), min_size=2, max_size=6),
    st.integers(0, 600),
    st.booleans(),
)
@settings(max_examples=settings().max_examples // 2)
def test_a_budget_holds_however_many_share_it(folder: Path, work: list[Work], most: int, in_usd: bool) -> None:
    """Each call fits at the moment it is made, as the file's own order shows; so only what is longer than was planned goes over."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path, clock = Path(name, "ledger.jsonl"), FakeClock()
        cap = Cap(usd=most / 1000) if in_usd else Cap(tokens=most)
        refusals, start = [], threading.Barrier(len(work))

        def run(plan: Work) -> None:
            ledger = Ledger(path, clock, str, UTC)
            start.wait()
            for planned, taken in plan.calls:
                try:
                    call = ledger.reserve(
                        model="m/m", surface="t", asker="p", session="s", purpose="turn", tokens=planned, usd=planned / 1000,
                        caps=[cap],
                    )  # fmt: skip
                except BudgetUsedUp:
                    refusals.append((planned, ledger.today().used()))
                else:
                    ledger.settle(call, Usage(output=taken) if taken else None, taken / 1000, "x")

        threads = [threading.Thread(target=run, args=(plan,)) for plan in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        used, planned_by = 0, {}
        for line in path.read_text().splitlines() if path.exists() else ():
            record = json.loads(line)
            if record["record"] == "reserve":
                assert used + record["tokens"] <= most
                planned_by[record["id"]] = record["tokens"]
                used += record["tokens"]
            else:
                used += record.get("output", 0) - planned_by.pop(record["id"])
        assert not planned_by
        final = Ledger(path, clock, str, UTC).today()
        assert (final.tokens, final.nano, final.held) == (used, used * NANO // 1000, 0)
        calls = sum(len(plan.calls) for plan in work)
        assert len(refusals) + final.calls <= calls


def test_a_day_is_found_among_many(folder: Path) -> None:
    """Only the end of a long file is read, and nothing of the day is missed: a call is written down when it is over, which may be hours
    after it was begun."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path, clock, chance = Path(name, "ledger.jsonl"), FakeClock(), random.Random(5)
        lines, moment = [], clock.now() - timedelta(days=20)
        while moment < clock.now():
            usage = {
                "input": chance.randrange(9000),
                "output": chance.randrange(900),
                "usd": chance.randrange(10**6) / 10**6,
            }
            late = timedelta(hours=chance.choice((0, 0, 0, 2, 11)))
            text = json.dumps({"record": "call", "id": f"{len(lines):x}", "time": moment.isoformat(), **usage})
            lines.append((moment + late, text))
            moment += timedelta(seconds=chance.randrange(150))
        path.write_text("\n".join(text for _, text in sorted(lines)) + "\n")
        for back in (0, 1, 5, 12):
            found = Ledger(path, FakeClock(clock.now() - timedelta(days=back)), str, UTC).today()
            assert (found.calls, found.tokens, found.nano, 0) == naive(path, clock.now() - timedelta(days=back))
            assert found.calls > 100
