from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alpi.base.errors import StorageError
from alpi.base.message import Usage
from alpi.state.budget import BudgetUsedUp, Cap
from alpi.state.ledger import Call, Ledger, Reserve
from alpi.state.living import birth, is_living
from tests.support.disks import no_larger_than
from tests.support.fakes import FakeClock

Make = Callable[..., Ledger]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make(tmp_path: Path, clock: FakeClock) -> Make:
    """Makes ledgers over one file, as several processes would."""

    def made(zone: Any = UTC, redact: Callable[[str], str] = str) -> Ledger:
        return Ledger(tmp_path / "ledger.jsonl", clock, redact, zone)

    return made


def reserve(
    ledger: Ledger, tokens: int = 1000, usd: float | None = 0.01, caps: tuple[Cap, ...] = (), **more: str
) -> str:
    names = {"model": "a/b", "surface": "ask", "asker": "person", "session": "s", "purpose": "turn", **more}
    return ledger.reserve(**names, tokens=tokens, usd=usd, caps=caps)  # type: ignore[arg-type]


def lines(ledger: Ledger) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger.path.read_text().splitlines()]


def test_a_call_is_set_aside_and_then_written_down(make: Make, clock: FakeClock) -> None:
    ledger = make()
    name = reserve(ledger, 5000, 0.02)
    held = make().today()
    assert (held.calls, held.held, held.held_tokens, held.held_nano) == (0, 1, 5000, 20_000_000)
    clock.go_on(60)
    ledger.settle(
        name, Usage(input=4000, output=300, cached=1000, cache_write=5, reasoning=200), 0.0123, "price list 1"
    )
    done = make().today()
    assert (done.calls, done.input, done.output, done.cached, done.usd, done.held) == (1, 4000, 300, 1000, 0.0123, 0)
    assert done.cached_share == 0.25
    assert lines(ledger)[1] == {
        "record": "call", "id": name, "time": "2026-11-23T09:30:00Z", "model": "a/b", "surface": "ask", "asker": "person",
        "session": "s", "input": 4000, "output": 300, "cached": 1000, "cache_write": 5, "reasoning": 200, "usd": 0.0123,
        "source": "price list 1",
    }  # fmt: skip
    ledger.settle(name, Usage(input=1), 1.0, "twice")
    assert make().today() == done


def test_a_call_without_an_answer_takes_nothing(make: Make) -> None:
    ledger = make()
    ledger.settle(reserve(ledger), None, None, "")
    assert make().today() == type(ledger.today())()


def test_an_unknown_price_is_none_and_not_nothing(make: Make) -> None:
    ledger = make()
    ledger.settle(reserve(ledger, usd=None), Usage(input=10, output=1), None, "unknown")
    assert (ledger.today().usd, ledger.today().unknown, ledger.today().unknown_tokens) == (None, 1, 11)
    ledger.settle(reserve(ledger), Usage(input=10), 0.5, "x")
    assert (ledger.today().usd, ledger.today().unknown) == (0.5, 1)


def test_a_call_belongs_to_the_day_on_which_it_was_begun(make: Make, clock: FakeClock) -> None:
    clock.go_on(14.4 * 3600)  # 23:54
    ledger, other = make(), make()
    late = reserve(ledger)
    clock.go_on(900)
    assert ledger.today().held == 0
    early = reserve(other)
    ledger.settle(late, Usage(input=7), 0.1, "x")
    other.settle(early, Usage(input=70), 1.0, "x")
    assert [found.today().input for found in (ledger, other, make())] == [70, 70, 70]
    yesterday = ledger.day(back=1)
    assert [call.input for call in ledger.calls(yesterday.start, yesterday.end) if isinstance(call, Call)] == [7]


def test_days_are_those_of_the_profiles_zone(make: Make, clock: FakeClock) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")  # 18:30 there
    ledger = make()
    ledger.settle(reserve(ledger), Usage(input=5), 0.1, "x")
    clock.go_on(5.6 * 3600)  # 00:06 there, 15:06 in UTC
    assert make(tokyo).today().calls == 0
    assert make(UTC).today().calls == 1


def test_over_budget_writes_nothing(make: Make) -> None:
    ledger = make()
    caps = (Cap(tokens=2500),)
    reserve(ledger, caps=caps)
    reserve(ledger, caps=caps)
    before = ledger.path.read_bytes()
    with pytest.raises(BudgetUsedUp, match="2,000 is used or set aside, and the call may take up to 1,000"):
        reserve(make(), caps=caps)
    assert ledger.path.read_bytes() == before


def test_a_cap_may_count_one_asker_or_session_alone(make: Make) -> None:
    ledger = make()
    nas, request = Cap("peer", tokens=1500, asker="nas"), Cap("request", tokens=1500, session="r")
    reserve(ledger, 5000)
    reserve(ledger, asker="nas", session="r", caps=(nas, request))
    reserve(ledger, asker="other", caps=(Cap("peer", tokens=1500, asker="other"),))
    with pytest.raises(BudgetUsedUp) as refused:
        reserve(ledger, asker="nas", session="q", caps=(nas,))
    assert (refused.value.scope, refused.value.cap_kind) == ("peer", "tokens")
    with pytest.raises(BudgetUsedUp) as refused:
        reserve(ledger, asker="nas", session="r", caps=(request,))
    assert refused.value.scope == "request"


@pytest.mark.parametrize(
    "foreign",
    [
        b"\n", b"nonsense\n", b"[1]\n", b"{}\n", b'{"record":"call"}\n', b"\xff\xfe\n", b"[" * 3000 + b"\n", b"\0" * 200 + b"\n",
        b"x" * 200_000 + b"\n",
        b'{"record":"other","id":"x","time":"2026-11-23T09:00:00Z"}\n',
        b'{"record":"call","id":"x","time":"2026-11-23T09:00:00","input":5}\n',
        b'{"record":"call","id":"x","time":"2026-11-23T09:00:00Z","input":-5}\n',
        b'{"record":"call","id":"x","time":"2026-11-23T09:00:00Z","usd":1e300}\n',
    ],
)  # fmt: skip
def test_foreign_lines_count_for_nothing(make: Make, foreign: bytes) -> None:
    ledger = make()
    ledger.settle(reserve(ledger), Usage(input=5), 0.1, "x")
    with ledger.path.open("ab") as file:
        file.write(foreign)
    assert ledger.today().input == make().today().input == 5
    ledger.settle(reserve(ledger), Usage(input=6), 0.1, "x")
    assert ledger.today().input == make().today().input == 11


def test_a_torn_line_of_a_process_that_died_breaks_nothing(make: Make) -> None:
    ledger, other = make(), make()
    held = reserve(ledger)
    ledger.settle(reserve(ledger), Usage(input=5), 0.1, "x")
    with ledger.path.open("ab") as file:
        file.write(b'{"record":"call","id":"torn","time":"2026-11-23T09:30:00Z","inp')
    assert other.today().input == 5
    ledger.settle(held, Usage(input=6), 0.1, "x")  # the writer had the file open before
    assert len(lines(ledger)) == 4
    assert other.today().input == make().today().input == 11


def test_a_line_that_stands_twice_counts_once(make: Make) -> None:
    ledger = make()
    ledger.settle(reserve(ledger), Usage(input=5), 0.1, "x")
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole * 3)
    assert ledger.today() == make().today()
    assert ledger.today().input == 5


@pytest.mark.parametrize("how", ["removed", "replaced", "cut", "written over"])
def test_a_file_that_a_person_changes_is_read_anew(make: Make, how: str) -> None:
    ledger, path = make(), make().path
    for amount in (1, 10, 100):
        ledger.settle(reserve(ledger), Usage(input=amount), 0.1, "x")
    assert ledger.today().input == 111
    data = path.read_bytes().splitlines(keepends=True)
    if how == "removed":
        path.unlink()
    elif how == "replaced":
        path.unlink()
        path.write_bytes(b"".join(data[:4]))
    elif how == "cut":
        path.write_bytes(b"".join(data[:2]))
    else:
        path.write_bytes(b"".join(data[2:]) + b"x" * 5000 + b"\n")
    expected = {"removed": 0, "replaced": 11, "cut": 1, "written over": 110}[how]
    assert ledger.today().input == expected
    ledger.settle(reserve(ledger), Usage(input=1000), 0.1, "x")
    assert ledger.today().input == make().today().input == expected + 1000


def test_many_calls_that_went_on_past_midnight_hide_nothing(make: Make, clock: FakeClock) -> None:
    clock.go_on(14 * 3600)  # 23:30
    ledger, early = make(), make()
    late = [reserve(ledger) for _ in range(80)]
    clock.go_on(3600)
    early.settle(reserve(early), Usage(input=5), 0.1, "x")
    for call in late:
        ledger.settle(call, Usage(input=1), 0.1, "x")
    assert make().today().input == 5


def test_a_wrong_clock_in_between_hides_nothing(make: Make, clock: FakeClock) -> None:
    """A small machine without a clock of its own starts in 1970 and learns the time from the network."""
    ledger = make()
    ledger.settle(reserve(ledger), Usage(input=5), 0.1, "x")
    for start in (datetime(1970, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)):
        wrong = Ledger(ledger.path, FakeClock(start), str, UTC)
        for _ in range(10):
            wrong.settle(reserve(wrong), Usage(input=1), 0.1, "x")
    assert ledger.today().input == make().today().input == 5


def test_what_a_dead_process_has_set_aside_counts_until_it_is_released(make: Make, clock: FakeClock) -> None:
    script = (
        "import sys; sys.path[:0] = ['.']\n"
        "from tests.support.fakes import FakeClock; from alpi.state.ledger import Ledger; from pathlib import Path\n"
        "from datetime import UTC\n"
        "Ledger(Path(sys.argv[1]), FakeClock(), str, UTC).reserve(model='a/b', surface='ask', asker='person', session='s',\n"
        "    purpose='turn', tokens=800, usd=None, caps=())\n"
    )
    ledger = make()
    subprocess.run([sys.executable, "-c", script, str(ledger.path)], check=True, cwd=Path(__file__).parents[3])
    own = reserve(ledger)
    assert ledger.today().used().tokens == 1800
    [dead] = ledger.cut_off()
    assert (dead.tokens, dead.usd) == (800, None)
    with pytest.raises(BudgetUsedUp):
        reserve(ledger, caps=(Cap(tokens=2500),))
    assert [call.id for call in make().release()] == [dead.id]
    assert make().release() == []
    assert ledger.today().used().tokens == 1000
    ledger.settle(own, Usage(input=3), 0.0, "x")
    assert make().today().used().tokens == 3


def test_a_crash_of_yesterday_does_not_count_today(make: Make, clock: FakeClock) -> None:
    reserve(make())
    clock.go_on(86_400)
    assert make().today().held == 0


def test_a_call_that_was_begun_long_ago_is_taken_for_dead(make: Make, clock: FakeClock) -> None:
    ledger = make()
    name = reserve(ledger)
    call = ledger.held_for(name)
    assert isinstance(call, Reserve) and ledger.is_running(call)
    clock.go_on(timedelta(hours=7).total_seconds())
    assert not ledger.is_running(call)


def test_a_process_is_known_by_its_number_and_birth() -> None:
    me = os.getpid()
    assert is_living(me, birth(me)) and is_living(me, "")
    assert not is_living(me, "1") or not birth(me)
    assert not any(is_living(pid, "") for pid in (0, -1, 2**40))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not is_living(gone.pid, "")


def test_a_full_disk_is_said_and_what_was_set_aside_stands(make: Make) -> None:
    ledger = make()
    name = reserve(ledger)
    before = ledger.path.read_bytes()
    with no_larger_than(len(before) + 10):
        with pytest.raises(StorageError, match=r"ledger\.jsonl"):
            ledger.settle(name, Usage(input=5), 0.1, "x")
        with pytest.raises(StorageError):
            reserve(ledger)
    assert ledger.path.read_bytes() == before
    assert make().today().held == 1
    ledger.settle(name, Usage(input=5), 0.1, "x")
    assert make().today().held == 0


def test_secrets_stay_out_and_the_file_is_private(make: Make) -> None:
    ledger = make(redact=lambda text: text.replace("sekret", "[secret]"))
    ledger.settle(reserve(ledger, asker="sekret"), Usage(input=5), 0.1, "x")
    assert "sekret" not in ledger.path.read_text()
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_a_link_is_not_followed(make: Make, tmp_path: Path) -> None:
    make().path.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("")
    with pytest.raises(StorageError):
        make().today()
    with pytest.raises(StorageError):
        reserve(make())
