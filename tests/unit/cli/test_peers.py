"""alpi peers: pinning from a card, what is refused, what is granted, and the file that holds it."""

from __future__ import annotations

import base64
import json

import pytest

from alpi.alp.core.peerstext import parse_peers
from tests.support.links import identity
from tests.support.program import Finished, Home

NAS, DESK = identity(5), identity(6)
CARD = f"alp1 {NAS.name} nas.lan:7423 nas"


def book(home: Home) -> dict[str, tuple[str, ...]]:
    """What the file holds: each peer and what it may do."""
    path = home.alpi / "alp" / "peers.yaml"
    return {peer.id: peer.allow for peer in parse_peers(path.read_text() if path.exists() else "", path)}


def add(home: Home, card: str = CARD, *options: str) -> Finished:
    return home.call("peers", "add", card, *options, "--yes")


def test_adding_shows_what_is_granted_and_writes_it(home: Home) -> None:
    done = add(home)
    assert (done.code, done.err) == (0, "")
    assert NAS.words in done.out
    assert "link.ping" in done.out
    assert "link.ask" not in done.out
    assert book(home) == {"nas": ("link.ping",)}
    assert (home.alpi / "alp" / "peers.yaml").stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_without_a_yes(home: Home) -> None:
    done = home.run("peers", "add", CARD, stdin=b"")
    assert done.code == 2
    assert NAS.words in done.out, "what would be granted is shown all the same"
    assert "--yes" in done.err
    assert book(home) == {}


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("hello", "that is no card"),
        (f"alp2 {NAS.name} - nas", "that is no card"),
        (f"alp1 {NAS.name[:-2]}== - nas", "no public key"),
        (f"alp1 {base64.b64encode(bytes(32)).decode()} - nas", "no public key"),
        (f"alp1 {NAS.name} nas.lan:0 nas", "address is wrong"),
        (f"alp1 {NAS.name} - na\u202es", "cannot be seen"),
        (f"alp1 {NAS.name} - Büro", "cannot be a peer's id"),
    ],
)
def test_a_bad_card_is_refused(home: Home, card: str, said: str) -> None:
    done = add(home, card)
    assert (done.code, said in done.err) == (2, True), done.err
    assert book(home) == {}


def test_a_card_may_come_in_pieces_and_get_another_label(home: Home) -> None:
    assert home.call("peers", "add", *f"alp1 {NAS.name} - Home Server".split(), "--yes").code == 0
    assert add(home, f"alp1 {DESK.name} - Büro", "--id", "desk", "--alias", "the Büro").code == 0
    assert set(book(home)) == {"home-server", "desk"}
    assert DESK.words in home.call("peers", "show", "THE BÜRO").out


def test_ones_own_card_is_refused(home: Home) -> None:
    done = add(home, home.call("id", "--card").out)
    assert (done.code, "own card" in done.err) == (2, True)


@pytest.mark.parametrize("options", [["--id", "na5"], ["--id", "desk", "--alias", "nаs"]], ids=["digit", "cyrillic"])
def test_labels_that_look_alike_are_refused(home: Home, options: list[str]) -> None:
    add(home)
    done = add(home, f"alp1 {DESK.name} - desk", *options)
    assert (done.code, "looks like 'nas'" in done.err) == (2, True), done.err
    assert set(book(home)) == {"nas"}


def test_a_key_is_pinned_once(home: Home) -> None:
    add(home)
    done = add(home, CARD, "--id", "other")
    assert (done.code, "pinned already, as nas" in done.err) == (2, True)


def test_what_one_may_do_can_be_changed(home: Home) -> None:
    add(home)
    done = home.call(
        "peers", "allow", "nas", "link.ask", "link.ping", "--usd-per-day", "0.5", "--per-minute", "5", "--yes"
    )
    assert (done.code, book(home)) == (0, {"nas": ("link.ping", "link.ask")})
    assert "what needs a yes is refused" in done.out
    shown = home.call("peers", "show", "nas").out
    assert "0.5 USD a day" in shown
    assert "5 requests a minute" in shown
    assert home.call("peers", "allow", "nas", "--none", "--yes").code == 0
    assert book(home) == {"nas": ()}
    assert home.call("peers", "allow", "nas").out == home.call("peers", "show", "nas").out, (
        "nothing said: it only shows"
    )


@pytest.mark.parametrize(
    "argv",
    [
        ["allow", "nas", "link.shell"],
        ["allow", "nas", "link.ping", "--none"],
        ["allow", "nas", "--tokens-per-day", "-1"],
        ["allow", "nas", "--per-minute", "0"],
        ["allow", "attic", "link.ping"],
        ["remove", "attic"],
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(home: Home, argv: list[str]) -> None:
    add(home)
    before = (home.alpi / "alp" / "peers.yaml").read_bytes()
    done = home.call("peers", *argv, "--yes")
    assert done.code == 2
    assert done.err.startswith("alpi: ")
    assert (home.alpi / "alp" / "peers.yaml").read_bytes() == before


def test_unknown_methods_are_refused_when_adding(home: Home) -> None:
    done = add(home, CARD, "--allow", "link.ping", "link.files")
    assert (done.code, "no method link.files" in done.err) == (2, True)
    assert book(home) == {}


def test_listing_as_json_and_for_people(home: Home) -> None:
    assert "no peer is pinned" in home.call("peers").out
    assert home.call("peers", "list", "--json").out == ""
    add(home)
    add(home, f"alp1 {DESK.name} - desk", "--allow", "link.ask", "--tokens-per-day", "5000")
    records = [json.loads(line) for line in home.call("peers", "list", "--json").out.splitlines()]
    assert [record["id"] for record in records] == ["nas", "desk"]
    assert records[0]["address"] == "nas.lan:7423"
    assert (records[1]["address"], records[1]["tokens_per_day"]) == (None, 5000)
    assert records[0]["words"] == NAS.words
    shown = home.call("peers").out
    assert "nas.lan:7423" in shown
    assert "this machine" in shown


def test_removing_leaves_the_rest_of_the_file_alone(home: Home) -> None:
    add(home)
    add(home, f"alp1 {DESK.name} - desk")
    path = home.alpi / "alp" / "peers.yaml"
    path.write_text("# mine\n" + path.read_text())
    assert home.call("peers", "remove", "nas", "--yes").code == 0
    assert path.read_text().startswith("# mine\n")
    assert set(book(home)) == {"desk"}


def test_a_broken_list_is_named_with_its_line(home: Home) -> None:
    add(home)
    path = home.alpi / "alp" / "peers.yaml"
    path.write_text(path.read_text() + "  colour: blue\n")
    for argv in (["peers"], ["peers", "show", "nas"], ["peers", "remove", "nas", "--yes"]):
        done = home.call(*argv)
        assert done.code != 0
        assert "peers.yaml" in done.err
        assert "colour" in done.err
