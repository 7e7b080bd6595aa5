"""The Services and Peers sections over real profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.cli.runtime import Runtime
from alpi.setup.interview import Left
from alpi.setup.links import run_peers, run_services, state_of_peers, state_of_services
from tests.support.program import Home
from tests.support.stage import in_loop
from tests.unit.setup.people import DEFAULT, LEAVES, Scripted, site


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.setenv("HOME", made.environ["HOME"])
    made.configure("http://127.0.0.1:9/v1")
    made.configure("http://127.0.0.1:9/v1", profile="nas")
    return made


def card(home: Home, profile: str) -> str:
    return home.call("-p", profile, "id", "--card").out.strip()


def test_a_peer_is_pinned_after_its_words_were_compared(home: Home) -> None:
    theirs = card(home, "nas")
    ask = Scripted("add", "no card", theirs, DEFAULT, "ask", True)
    in_loop(run_peers)(site(home), ask)
    assert "no card" in ask.objections[0] or "card" in ask.objections[0]
    assert "nas is pinned" in ask.told("done")
    (peer,) = Runtime(None, home.environ).links.book()
    assert peer.id == "nas" and peer.allow == ("link.ping", "link.ask", "link.cancel")
    assert peer.words in ask.told()
    assert state_of_peers(site(home)) == ("1 pinned", False)


@pytest.mark.parametrize(
    "answers", [("add", LEAVES), ("add", "CARD", "nas", LEAVES), ("add", "CARD", "nas", "ping", False)]
)
def test_leaving_or_different_words_pin_nobody(home: Home, answers: tuple[object, ...]) -> None:
    theirs = card(home, "nas")
    ask = Scripted(*(theirs if answer == "CARD" else answer for answer in answers))
    with pytest.raises(Left):
        in_loop(run_peers)(site(home), ask)
    assert not (home.alpi / "alp" / "peers.yaml").exists()


def test_the_own_card_is_shown_and_not_taken(home: Home) -> None:
    ask = Scripted("card")
    in_loop(run_peers)(site(home), ask)
    mine = home.call("id", "--card").out.strip()
    assert mine in ask.told("done")
    ask = Scripted("add", mine, LEAVES)
    with pytest.raises(Left):
        in_loop(run_peers)(site(home), ask)
    assert "own card" in ask.objections[0]


def test_services_are_switched_on_and_off(home: Home) -> None:
    ask = Scripted("listen", "nonsense:port", "127.0.0.1:7423")
    in_loop(run_services)(site(home), ask)
    assert ask.objections and "127.0.0.1:7423" in ask.told("done")
    in_loop(run_services)(site(home), Scripted("install"))
    assert state_of_services(site(home)) == ("answers peers on 127.0.0.1:7423", False)
    in_loop(run_services)(site(home), Scripted("off"))
    assert state_of_services(site(home)) == ("answers nobody", False)
    in_loop(run_services)(site(home), Scripted("listen", "none"))
    assert not site(home).config().alp.listen


def test_without_a_terminal(home: Home) -> None:
    done = home.call("setup", "peers", "--card", card(home, "nas"), "--id", "attic")
    assert done.code == 0 and "attic is pinned" in done.out
    assert home.call("setup", "services", "--listen", "none", "--off").code == 0
    assert home.call("setup", "services", "--install", "--off").code == 2
    assert home.call("setup", "services", "--listen", "nowhere:x").code == 2
    assert home.call("setup", "peers", "--card", "nonsense").code == 2
