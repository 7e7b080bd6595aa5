"""The replay window and the rate, by hand; tests/property has them against naive models."""

from __future__ import annotations

from alpi.alp.core.rate import RateLimiter
from alpi.alp.core.replay import Floor, ReplayWindow, Seen


def seen(number: int, at: float, sender: str = "a") -> Seen:
    return Seen(sender, number.to_bytes(16, "big"), at, at)


def is_replay(window: ReplayWindow, what: Seen, now: float) -> bool:
    return window.is_replay(what.sender, what.nonce, what.ts, now)


def test_a_nonce_is_known_for_five_minutes() -> None:
    window = ReplayWindow()
    first = seen(1, 1000.0)
    assert not is_replay(window, first, 1000.0)
    window.remember(first)
    assert is_replay(window, first, 1000.0)
    assert is_replay(window, first, 1300.0)
    assert not is_replay(window, first, 1300.001)
    assert len(window) == 0


def test_a_full_window_forgets_the_oldest_and_accepts_nothing_from_before() -> None:
    window = ReplayWindow(per_peer=3)
    for number in range(5):
        window.remember(seen(number, 1000.0 + number))
    assert len(window) == 3
    for number in range(5):
        assert is_replay(window, seen(number, 1000.0 + number), 1010.0)
    assert is_replay(window, seen(99, 1001.0), 1010.0)
    assert not is_replay(window, seen(99, 1001.5), 1010.0)
    assert not is_replay(window, seen(0, 1000.0, "b"), 1010.0)


def test_a_window_outlives_a_restart() -> None:
    window = ReplayWindow(per_peer=3)
    for number in range(5):
        window.remember(seen(number, 1000.0 + number))
    window.remember(seen(7, 1000.0, "b"))
    again = ReplayWindow(window.records(), per_peer=3)
    assert list(again.records()) == list(window.records())
    for number in range(5):
        assert is_replay(again, seen(number, 1000.0 + number), 1010.0)
    assert Floor("a", 1001.0) in list(again.records())


def test_a_floor_for_everybody() -> None:
    window = ReplayWindow(floor=1000.0)
    assert is_replay(window, seen(1, 1000.0), 1000.0)
    assert not is_replay(window, seen(1, 1000.1), 1000.1)


def test_senders_that_are_quiet_leave_nothing_behind() -> None:
    window = ReplayWindow(per_peer=1)
    for number in range(10):
        window.remember(seen(number, 1000.0, str(number)))
        window.remember(seen(number + 100, 1000.0, str(number)))
    window.expire(1301.0)
    assert list(window.records()) == []


def test_the_rate_is_exact_over_any_sixty_seconds() -> None:
    rates = RateLimiter()
    assert [rates.admit("a", 2, now) for now in (0.0, 30.0, 59.9, 60.0, 60.1, 90.0)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
    assert rates.admit("b", 1, 60.0)
    assert not rates.admit("c", 0, 60.0)
    rates.expire(200.0)
    assert rates.admit("a", 1, 200.0)
