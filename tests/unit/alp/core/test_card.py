from __future__ import annotations

import pytest

from alpi.alp.core.address import Address, parse_address
from alpi.alp.core.card import Card, parse_card
from alpi.base.errors import UsageError
from tests.support.links import identity

NAS = identity(1)


@pytest.mark.parametrize("address", [None, Address("nas.lan"), Address("10.0.0.2", 80), Address("fd7a::1", 7423)])
@pytest.mark.parametrize("name", ["nas", "home server", "Ünïcode 日本"])
def test_a_card_reads_back(address: Address | None, name: str) -> None:
    card = Card(NAS.public, address, name)
    assert "\n" not in str(card)
    for text in (str(card), f"  {card} \n", str(card).replace(" ", "   ", 2)):
        assert parse_card(text) == card
    assert (card.pubkey, card.words) == (NAS.name, NAS.words)


def test_the_line() -> None:
    assert str(Card(NAS.public, Address("nas.lan"), "home server")) == f"alp1 {NAS.name} nas.lan:7423 home server"
    assert str(Card(NAS.public, None, "nas")) == f"alp1 {NAS.name} - nas"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no card"),
        ("hello", "no card"),
        (f"alp1 {NAS.name} -", "no card"),
        (f"alp2 {NAS.name} - nas", "no card"),
        ("alp1 abc - nas", "key"),
        (f"alp1 {'A' * 43}= - nas", "key"),
        (f"alp1 {NAS.name} a:b nas", "address"),
        (f"alp1 {NAS.name} :7423 nas", "address"),
        (f"alp1 {NAS.name} - n\x1b[31mas", "name"),
        (f"alp1 {NAS.name} - n\u202eas", "name"),
        (f"alp1 {NAS.name} - {'x' * 61}", "name"),
        (f"alp1 {NAS.name} - nas\nalp1", "name"),
    ],
)
def test_what_is_no_card(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        parse_card(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("nas", Address("nas")),
        ("NAS.lan:80", Address("nas.lan", 80)),
        ("10.0.0.1", Address("10.0.0.1")),
        ("[fd7a:0::1]:80", Address("fd7a::1", 80)),
        ("[::]", Address("::")),
        ("100.64.0.1:7423", Address("100.64.0.1")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


NO_ADDRESS = """
:80 nas: nas:0 nas:65536 nas:٣ nas:-1 fd7a::1 [fd7a::1 [nas] [::1]80 [fe80::1%eth0] a..b -a 1.2.3 1.2.3.400 nas/x user@nas
"""


@pytest.mark.parametrize("text", ["", "a b", "a" * 64, *NO_ADDRESS.split()])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)
