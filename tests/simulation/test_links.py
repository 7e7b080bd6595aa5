"""What must hold whatever the network does: nothing runs twice, nothing hangs, no cap is passed, and every caller learns how it ended."""

from __future__ import annotations

import pytest

from alpi.alp.core import errors
from tests.simulation.links import ASK_SECONDS, PER_MINUTE, Report, run
from tests.simulation.world import Weather

NAMED = {
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.LinkError)
}


def check(report: Report, asks: int) -> None:
    assert len([prompt for prompt in report.outcomes if ">" not in prompt]) == asks
    endings = set(report.outcomes.values())
    assert endings <= {"answer", "interrupted", "stopped"} | NAMED, endings
    assert max(report.executed.values()) == 1, [prompt for prompt, times in report.executed.items() if times > 1]
    for prompt, ended in report.outcomes.items():
        if ended == "answer":
            assert report.executed[prompt] == 1
        if ended in ("PeerBusy", "PeerOffline", "RateLimited", "PeerOverBudget", "WrongKey", "CapabilityDenied"):
            assert report.executed[prompt] == 0, (prompt, ended)
    for (host, run_number, caller), times in report.admitted.items():
        for start in times:
            within = sum(start <= when < start + 60 for when in times)
            assert within <= PER_MINUTE, (host, run_number, caller)


def test_a_few_nodes() -> None:
    weather = Weather(cut=0.01, swallowed=0.004, doubled=0.01, reordered=0.01, flipped=0.005)
    report = run(hosts=12, asks=250, seed=3, weather=weather)
    check(report, 250)
    assert set(report.weather) == {"cut", "swallowed", "doubled", "reordered", "flipped"}
    assert report.replayed > 0 and report.dropped_replays > 0 and report.restarts > 0
    counted = set(report.outcomes.values())
    assert {"answer", "PeerOffline", "ConnectionLost"} <= counted, counted
    assert any(">" in prompt for prompt in report.outcomes)


def test_the_same_seed_gives_the_same_world() -> None:
    one, other = run(hosts=6, asks=60, seed=5), run(hosts=6, asks=60, seed=5)
    assert (one.outcomes, one.seconds, one.weather) == (other.outcomes, other.seconds, other.weather)
    assert run(hosts=6, asks=60, seed=6).outcomes != one.outcomes


def test_in_good_weather_everybody_is_answered_or_told_busy() -> None:
    calm = Weather(cut=0, swallowed=0, doubled=0, reordered=0, flipped=0, refused=0)
    report = run(hosts=8, asks=100, seed=9, weather=calm)
    check(report, 100)
    assert sum(ended == "answer" for ended in report.outcomes.values()) > 60


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_nodes_and_ten_thousand_asks() -> None:
    report = run(hosts=200, asks=10_000, seed=1)
    check(report, 10_000)
    counted = {
        ended: sum(value == ended for value in report.outcomes.values()) for ended in set(report.outcomes.values())
    }
    assert counted["answer"] > 6000, counted
    assert {"PeerBusy", "PeerOverBudget", "ConnectionLost", "PeerOffline"} <= set(counted), counted
    assert report.restarts > 50 and report.dropped_replays > 100
    assert report.seconds < 10_000 * 6.0 / 200 + 3 * ASK_SECONDS
