"""Peer lists, cards and labels: what is written reads back, and damaged text gives the documented error and no other."""

from __future__ import annotations

from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from alpi.alp.core.address import Address, parse_address
from alpi.alp.core.card import Card, parse_card, printable
from alpi.alp.core.lookalike import look_alike, skeleton
from alpi.alp.core.methods import METHODS
from alpi.alp.core.peers import DayBudget, PeerBook
from alpi.alp.core.peerstext import parse_peers, render_peer, with_changed_peer, with_peer, without_peer
from alpi.base.errors import ConfigError, UsageError
from tests.support.links import identity, peer

PATH = Path("peers.yaml")
labels = st.text(max_size=60).filter(printable)
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
hosts = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{1,9}){0,2}", fullmatch=True)
addresses = st.builds(Address, hosts | st.ip_addresses().map(lambda ip: ip.compressed), st.integers(1, 65535))
budgets = st.builds(
    DayBudget,
    st.none() | st.integers(0, 10**9).map(lambda micros: micros / 10**6),
    st.none() | st.integers(0, 10**11),
)
peers = st.builds(
    lambda number, id, **changes: peer(identity(number), id, **changes),
    st.integers(1, 50),
    ids,
    alias=st.just("") | labels,
    address=st.none() | addresses,
    allow=st.lists(st.sampled_from((*METHODS, "room.post")), unique=True).map(tuple),
    budget=budgets,
    per_minute=st.integers(0, 1_000_000),
)
books = st.lists(peers, max_size=5, unique_by=(lambda one: one.id, lambda one: one.public))


@given(books)
def test_what_is_rendered_reads_back(book: list) -> None:  # type: ignore[type-arg]
    assert parse_peers("".join(map(render_peer, book)), PATH).peers == tuple(book)


@given(books, peers, st.data())
def test_changes_touch_one_entry(book: list, new: object, data: st.DataObject) -> None:  # type: ignore[type-arg]
    text = "# ours\n" + "".join(f"# about {one.id}\n{render_peer(one)}\n" for one in book)
    if all(one.id != new.id and one.public != new.public for one in book):  # type: ignore[attr-defined]
        assert parse_peers(with_peer(text, new, PATH), PATH).peers == (*book, new)  # type: ignore[arg-type]
    assume(book)
    gone = data.draw(st.sampled_from(book))
    left = without_peer(text, gone.id, PATH)
    assert parse_peers(left, PATH).peers == tuple(one for one in book if one is not gone)
    assert all(f"# about {one.id}\n{render_peer(one)}" in left for one in book if one is not gone)
    changed = peer(identity(99), gone.id)
    after = parse_peers(with_changed_peer(text, changed, PATH), PATH)
    assert after.peers == tuple(changed if one is gone else one for one in book)


@given(books, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), st.text(max_size=4)), max_size=4))
def test_damaged_text_is_a_config_error(book: list, damage: list[tuple[float, int, str]]) -> None:  # type: ignore[type-arg]
    text = "".join(map(render_peer, book))
    for place, cut, put in damage:
        at = round(place * len(text))
        text = text[:at] + put + text[at + cut :]
    try:
        assert isinstance(parse_peers(text, PATH), PeerBook)
    except ConfigError as error:
        assert error.message.startswith("peers.yaml")


@given(st.text(max_size=80))
def test_any_text_is_a_card_or_a_usage_error(text: str) -> None:
    for tried in (text, f"alp1 {identity(1).name} {text}", f"alp1 {text} - nas", f"alp1 {identity(1).name} - {text}"):
        try:
            card = parse_card(tried)
        except UsageError:
            continue
        assert parse_card(str(card)) == card


@given(st.integers(1, 50), st.none() | addresses, labels)
def test_cards_read_back(number: int, address: Address | None, name: str) -> None:
    assume("  " not in name)
    card = Card(identity(number).public, address, name)
    assert parse_card(str(card)) == card


@given(st.text(max_size=40) | addresses.map(str))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address


@given(labels, labels)
def test_looking_alike_is_mutual_and_blind_to_case(one: str, other: str) -> None:
    assert look_alike(one, one) and look_alike(one, one.upper()) == look_alike(one.upper(), one)
    assert look_alike(one, other) == look_alike(other, one)
    assert skeleton(skeleton(one)) == skeleton(one)
