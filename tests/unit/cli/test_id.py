"""alpi id: the key, its words and its card; a new key."""

from __future__ import annotations

import pytest

from alpi.alp.core.card import parse_card
from tests.support.links import identity
from tests.support.program import Home


def test_the_identity_is_made_once_and_shown(home: Home) -> None:
    first, again = home.call("id"), home.call("id")
    assert (first.code, first.err) == (0, "")
    assert first.out == again.out
    shown = dict(line.split(None, 1) for line in first.out.splitlines()[:4])
    card = parse_card(shown["card"])
    assert (card.pubkey, card.words, card.name, card.address) == (shown["key"], shown["words"], "default", None)
    assert "█" not in first.out, "no QR code into a pipe"
    assert (home.alpi / "alp" / "identity.key").stat().st_mode & 0o777 == 0o600


def test_the_card_alone_is_one_line(home: Home) -> None:
    done = home.call("id", "--card", "--address", "nas.lan", "--name", "Home server")
    assert done.out.count("\n") == 1
    card = parse_card(done.out)
    assert (str(card.address), card.name) == ("nas.lan:7423", "Home server")


def test_the_card_says_what_the_settings_say(home: Home) -> None:
    home.alpi.mkdir(mode=0o700)
    (home.alpi / "config.yaml").write_text("alp: {name: attic, listen: '100.64.0.7:7000'}\n")
    card = parse_card(home.call("id", "--card").out)
    assert (str(card.address), card.name) == ("100.64.0.7:7000", "attic")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--address", "nas:lan:1"], "is no address"),
        (["--address", "nas.lan:70000"], "is no address"),
        (["--name", "x" * 61], "cannot stand on a card"),
        (["--name", "na\u202es"], "cannot stand on a card"),
    ],
)
def test_what_cannot_stand_on_a_card(home: Home, options: list[str], said: str) -> None:
    done = home.call("id", "--card", *options)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_rotating_asks_first_and_keeps_the_old_key(home: Home) -> None:
    old = parse_card(home.call("id", "--card").out)
    other = identity(5)
    assert home.call("peers", "add", f"alp1 {other.name} - desk", "--yes").code == 0
    refused = home.run("id", "rotate", stdin=b"")
    assert (refused.code, "nobody can be asked" in refused.err) == (2, True)
    assert parse_card(home.call("id", "--card").out) == old
    done = home.call("id", "rotate", "--yes")
    assert done.code == 0
    assert "To be told: desk" in done.out
    assert old.words in done.out
    new = parse_card(home.call("id", "--card").out)
    assert new.public != old.public
    assert f"the new card  {new}" in done.out
    kept = [
        path for path in (home.alpi / "alp").iterdir() if path.name.startswith("identity") and path.stem != "identity"
    ]
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o600
    assert kept[0].name in done.out
