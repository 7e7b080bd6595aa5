from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alpi.alp.core.address import Address
from alpi.alp.core.peers import DayBudget, PeerBook
from alpi.alp.core.peerstext import parse_peers, render_peer, with_changed_peer, with_peer, without_peer
from alpi.base.errors import ConfigError, UsageError
from tests.support.links import identity, peer

PATH = Path("/profile/alp/peers.yaml")
NAS, LAPTOP = identity(1), identity(2)
TEXT = f"""\
# who may talk to this profile
- id: nas                     # local handle
  alias: home server
  pubkey: {NAS.name}
  address: nas.lan:7423
  allow: [link.ping, link.ask, link.cancel]
  budget: {{usd_per_day: 0.50}}
  rate_limit: {{per_minute: 30}}

# the laptop
- id: laptop
  pubkey: {LAPTOP.name}
"""


def test_a_whole_file() -> None:
    book = parse_peers(TEXT, PATH)
    nas, laptop = book.peers
    assert (nas.id, nas.alias, nas.pubkey, nas.public, nas.noise_public) == (
        "nas",
        "home server",
        NAS.name,
        NAS.public,
        NAS.noise_public,
    )
    assert (nas.address, nas.budget, nas.per_minute) == (Address("nas.lan", 7423), DayBudget(usd=0.5), 30)
    assert nas.allow == ("link.ping", "link.ask", "link.cancel")
    assert (laptop.address, laptop.alias, laptop.allow, laptop.budget, laptop.per_minute) == (
        None,
        "",
        (),
        DayBudget(),
        60,
    )
    assert (nas.label, laptop.label) == ("nas (home server)", "laptop")
    assert nas.words == NAS.words


def test_finding() -> None:
    book = parse_peers(TEXT, PATH)
    assert book.by_key(NAS.name) is book.by_noise_key(NAS.noise_public) is book.find("nas") is book.find("Home Server")
    assert book.by_key(identity(3).name) is book.by_noise_key(bytes(32)) is book.find("nobody") is None


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]", "---\n"])
def test_an_empty_file_holds_nobody(text: str) -> None:
    assert len(parse_peers(text, PATH)) == 0


KEY = f"pubkey: {NAS.name}"
BROKEN = [
    ("{}", 1, "list of peers"),
    ("nas", 1, "list of peers"),
    ("- nas", 1, "group of fields"),
    (f"- {KEY}", 1, "has no id"),
    ("- id: nas", 1, "has no pubkey"),
    (f"- id: Nas\n  {KEY}", 1, "small letters"),
    (f"- id: -nas\n  {KEY}", 1, "small letters"),
    (f"- id: {'a' * 33}\n  {KEY}", 1, "small letters"),
    (f"- id: nas\n  {KEY}\n  colour: red", 3, "no field 'colour'"),
    (f"- id: nas\n  {KEY}\n  id: nas", 3, "id stands twice"),
    ("- id: nas\n  pubkey: abc", 2, "public key"),
    (f"- id: nas\n  pubkey: {'A' * 43}=", 2, "public key"),
    (f"- id: nas\n  pubkey: {NAS.name[:-1]}", 2, "public key"),
    (f"- id: nas\n  pubkey: [{NAS.name}]", 2, "one value"),
    (f"- id: nas\n  {KEY}\n- id: nas\n  pubkey: {LAPTOP.name}", 3, "stands in line 1, too"),
    (f"- id: nas\n  {KEY}\n- id: b\n  {KEY}", 4, "stands in line 2, too"),
    (f"- id: nas\n  {KEY}\n  address: 'a b'", 3, "address"),
    (f"- id: nas\n  {KEY}\n  address: host:99999", 3, "no port"),
    (f"- id: nas\n  {KEY}\n  allow: link.ping", 3, "list of methods"),
    (f"- id: nas\n  {KEY}\n  allow: [all]", 3, "list of methods"),
    (f"- id: nas\n  {KEY}\n  allow: ['*']", 3, "list of methods"),
    (f"- id: nas\n  {KEY}\n  allow: [link.ping, link.ping]", 3, "twice"),
    (f"- id: nas\n  {KEY}\n  allow:\n  - link.ping\n  - [x]", 5, "one value"),
    (f"- id: nas\n  {KEY}\n  budget: 5", 3, "group of fields"),
    (f"- id: nas\n  {KEY}\n  budget: {{}}", 3, "usd_per_day"),
    (f"- id: nas\n  {KEY}\n  budget: {{usd: 5}}", 3, "no field 'usd'"),
    (f"- id: nas\n  {KEY}\n  budget: {{usd_per_day: -1}}", 3, "at least 0"),
    (f"- id: nas\n  {KEY}\n  budget: {{usd_per_day: .inf}}", 3, "at least 0"),
    (f"- id: nas\n  {KEY}\n  budget: {{tokens_per_day: 1.5}}", 3, "whole number"),
    (f"- id: nas\n  {KEY}\n  rate_limit: {{}}", 3, "per_minute"),
    (f"- id: nas\n  {KEY}\n  rate_limit: {{per_minute: 1e9}}", 3, "whole number"),
    (f"- id: nas\n  {KEY}\n  rate_limit: {{per_minute: 1000001}}", 3, "per_minute"),
    (f"- id: nas\n  {KEY}\n  alias: ''", 3, "one value"),
    (f'- id: nas\n  {KEY}\n  alias: "a\\u202Eb"', 3, "can be seen"),
    (f"- id: nas\n  {KEY}\n  alias: {'x' * 61}", 3, "can be seen"),
    (f"- id: nas\n  {KEY}\n- &a {{id: b}}", 3, "anchors"),
    (f"- id: !!str nas\n  {KEY}", 1, "tags"),
    (f"- id: nas\n  {KEY}\n  ? [a]\n  : b", 3, "no field"),
    (f"- id: nas\n\t{KEY}", 2, "YAML"),
    ("- id: nas\n---\n- id: b", 2, "YAML"),
    ("[[[[[[[[[[", 1, "nested"),
]


@pytest.mark.parametrize(("text", "line", "what"), BROKEN)
def test_what_is_wrong_names_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_peers(text, PATH)
    assert f"{PATH}, line {line}: " in caught.value.message
    assert what in str(caught.value)


def test_a_key_and_its_mirror_image_are_one_peer() -> None:
    """The other point with the same X25519 key could not be told from the first one by a handshake."""
    mirrored = NAS.public[:31] + bytes([NAS.public[31] ^ 0x80])
    import base64

    text = f"- id: a\n  {KEY}\n- id: b\n  pubkey: {base64.b64encode(mirrored).decode()}\n"
    with pytest.raises(ConfigError, match=r"line 4.*(stands in line 2|public key)"):
        parse_peers(text, PATH)


def test_adding_changing_and_removing_leave_the_rest_alone() -> None:
    added = with_peer(TEXT, peer(identity(3), "phone", alias="Télé “x”", address=Address("fd7a::1")), PATH)
    assert added.startswith(TEXT)
    assert [p.id for p in parse_peers(added, PATH)] == ["nas", "laptop", "phone"]
    assert without_peer(added, "phone", PATH) == TEXT
    nas, laptop = parse_peers(TEXT, PATH).peers
    changed = with_changed_peer(
        TEXT, replace(laptop, allow=("link.ping",), budget=DayBudget(0.25, 1000), per_minute=5), PATH
    )
    assert changed.startswith(TEXT.partition("- id: laptop")[0])
    assert parse_peers(changed, PATH).peers == (
        nas,
        replace(laptop, allow=("link.ping",), budget=DayBudget(0.25, 1000), per_minute=5),
    )
    gone = without_peer(TEXT, "nas", PATH)
    assert gone == f"# who may talk to this profile\n\n# the laptop\n- id: laptop\n  pubkey: {LAPTOP.name}\n"


def test_a_first_peer_goes_into_an_empty_file() -> None:
    for text in ("", "# mine", "[]\n"):
        assert len(parse_peers(with_peer(text, peer(NAS, "nas"), PATH), PATH)) == 1


def test_what_cannot_be_changed_is_said() -> None:
    with pytest.raises(ConfigError, match="no peer 'x'"):
        without_peer(TEXT, "x", PATH)
    with pytest.raises(ConfigError, match="too"):
        with_peer(TEXT, peer(NAS, "other"), PATH)
    in_one_line = f"[{{id: nas, {KEY}}}, {{id: b, pubkey: {LAPTOP.name}}}]"
    with pytest.raises(ConfigError):
        without_peer(in_one_line, "nas", PATH)


def test_rendered_entries_read_back() -> None:
    for made in (
        peer(NAS, "nas"),
        peer(NAS, "null"),
        peer(NAS, "1"),
        peer(NAS, "nas", allow=(), alias='"x" # y', budget=DayBudget(usd=0.000001)),
    ):
        assert parse_peers(render_peer(made), PATH).peers == (made,)


@pytest.mark.parametrize(
    ("id", "alias", "clash"),
    [
        ("n4s", "", False), ("nas-2", "", False), ("desk", "", False), ("nas", "", True), ("na5", "", True), ("n-a-s", "", True),
        ("desk", "NAS", True), ("desk", "nаs", True), ("desk", "Home  Server", True), ("desk", "home-server", True),
        ("desk", "horne server", True),
        ("iaptop", "", True), ("1apt0p", "", True), ("laptop2", "", False), ("desk", "laptоp", True), ("desk", "ｌａｐｔｏｐ", True),
    ],
)  # fmt: skip
def test_labels_that_look_alike_are_refused(id: str, alias: str, clash: bool) -> None:
    book = parse_peers(TEXT, PATH)
    new = peer(identity(3), id, alias=alias)
    if clash:
        with pytest.raises(UsageError, match="looks like"):
            book.check_new(new)
    else:
        book.check_new(new)


def test_a_key_is_pinned_once() -> None:
    with pytest.raises(UsageError, match="pinned already, as nas"):
        parse_peers(TEXT, PATH).check_new(peer(NAS, "desk"))


def test_a_broken_book_is_empty() -> None:
    book = PeerBook(problem="line 3")
    assert len(book) == 0 and book.problem == "line 3"
