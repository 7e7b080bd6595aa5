"""The replay window, the rate and the gates' caps against naive models that remember everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alpi.alp.core.envelope import Seal, seal_request
from alpi.alp.core.gate import Admitted, Gatekeeper, Refused
from alpi.alp.core.methods import AskParams, OverCap
from alpi.alp.core.peers import Peer, PeerBook
from alpi.alp.core.rate import RateLimiter
from alpi.alp.core.replay import ReplayWindow, Seen
from tests.support.links import NOW, identity, peer

arrivals = st.lists(
    st.tuples(
        st.sampled_from("ab"),  # the sender
        st.integers(0, 6),  # the nonce
        st.floats(0, 200, width=16),  # seconds since the one before
        st.floats(-120, 120, width=16),  # how far the sender's clock is off
        st.integers(0, 9),  # 0: the node is restarted before
    ),
    max_size=40,
)


@given(arrivals)
def test_the_window_against_a_list_of_everything(steps: list[tuple[str, int, float, float, int]]) -> None:
    window, everything, now = ReplayWindow(), [], NOW
    for sender, number, passed, off, restart in steps:
        now += passed
        if restart == 0:
            window = ReplayWindow(list(window.records()))
        nonce = number.to_bytes(16, "big")
        expected = any(who == sender and what == nonce and now - when <= 300 for who, what, when in everything)
        assert window.is_replay(sender, nonce, now + off, now) is expected
        if not expected:
            window.remember(Seen(sender, nonce, now, now + off))
            everything.append((sender, nonce, now))


@given(arrivals, st.integers(1, 4))
def test_a_small_window_never_accepts_the_same_envelope_twice(
    steps: list[tuple[str, int, float, float, int]], size: int
) -> None:
    """An envelope is its sender, nonce and time; replayed while its time is still within two minutes."""
    window, accepted, now = ReplayWindow(per_peer=size), [], NOW
    for sender, number, passed, off, restart in steps:
        now += passed
        if restart == 0:
            window = ReplayWindow(list(window.records()), per_peer=size)
        for who, what, ts in accepted:
            if abs(now - ts) <= 120:
                assert window.is_replay(who, what, ts, now)
        nonce = number.to_bytes(16, "big")
        if not window.is_replay(sender, nonce, now + off, now):
            window.remember(Seen(sender, nonce, now, now + off))
            accepted.append((sender, nonce, now + off))
        assert len(window) <= 2 * size


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 40, width=16)), max_size=60), st.integers(0, 5))
def test_the_rate_against_a_list_of_everything(steps: list[tuple[str, float]], per_minute: int) -> None:
    rates, admitted, now = RateLimiter(), [], 0.0
    for sender, passed in steps:
        now += passed
        expected = sum(who == sender and when > now - 60 for who, when in admitted) < per_minute
        assert rates.admit(sender, per_minute, now) is expected
        if expected:
            admitted.append((sender, now))
        rates.expire(now)
    for who, start in admitted:
        assert sum(other == who and start <= when < start + 60 for other, when in admitted) <= per_minute


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 40)), max_size=30), st.integers(0, 100), st.integers(0, 60))
def test_no_cap_is_passed(steps: list[tuple[int, int]], profile_cap: int, peer_cap: int) -> None:
    """A ledger outside, asked at the gate: what was admitted stays within both caps, and what was refused would not have."""
    me, callers = identity(1), (identity(2), identity(3))
    used = {caller.name: 0 for caller in callers}

    def over_cap(asking: Peer, params: AskParams) -> OverCap | None:
        tokens = params.tokens or 0
        if sum(used.values()) + tokens > profile_cap:
            return OverCap("tokens", "profile")
        return OverCap("tokens", "peer") if used[asking.pubkey] + tokens > peer_cap else None

    gates = Gatekeeper(me.name, ReplayWindow(), over_cap, lambda asking: False)
    book = PeerBook([peer(caller, f"peer{number}") for number, caller in enumerate(callers)])
    for number, (who, tokens) in enumerate(steps):
        caller = callers[who]
        fits = sum(used.values()) + tokens <= profile_cap and used[caller.name] + tokens <= peer_cap
        params = {"prompt": "x", "budget": {"tokens": tokens}}
        data = seal_request(caller, me.name, "1", "link.ask", params, Seal(NOW, number.to_bytes(16, "big")))
        judged = gates.judge(data, book, NOW, 0.0)
        assert isinstance(judged, Admitted if fits else Refused)
        used[caller.name] += tokens if fits else 0
    assert sum(used.values()) <= profile_cap and all(value <= peer_cap for value in used.values())
