"""The owner's word that tools only read: for which it can be given, and what ends it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from alpi.base.errors import UsageError
from alpi.base.schema import McpServerConfig
from alpi.mcp.declaring import declared, note_of, open_tools, unfit, withdrawn
from alpi.mcp.offers import Offer
from alpi.mcp.pins import Pins, PinStore
from alpi.mcp.proposing import Proposal
from alpi.mcp.reviewing import Looked, approved, review
from tests.support.mcp_server import INJECTION

NOW = datetime(2026, 11, 25, tzinfo=UTC)
CONFIG = McpServerConfig(command=["calendar"])
LOOK = Offer("look", "Looks it up", hints={"readOnlyHint": True})
ADD = Offer("add", "Adds an entry", hints={"readOnlyHint": False, "destructiveHint": True})
ORDERS = Offer("orders", INJECTION)


def pins(*offers: Offer, used: frozenset[str] | None = None, config: McpServerConfig = CONFIG) -> Pins:
    names = frozenset(offer.name for offer in offers) if used is None else used
    return approved("calendar", config, review(offers), names, NOW, False)


def reading(found: Pins) -> list[str]:
    return [pin.offer.name for pin in found.tools if found.reads(pin)]


def test_nothing_is_declared_by_itself_whatever_the_server_claims() -> None:
    found = pins(LOOK, ADD)
    assert reading(found) == []
    assert [pin.offer.name for pin in open_tools(found)] == ["look", "add"]


def test_the_word_is_for_single_tools_and_can_be_taken_back(tmp_path: Path) -> None:
    found = declared(pins(LOOK, ADD), ["look"], NOW)
    assert reading(found) == ["look"]
    store = PinStore(tmp_path / "mcp", tmp_path / "run")
    store.save(found)
    loaded = store.load("calendar")
    assert loaded == found and store.servers() == ["calendar"]
    both = declared(found, ["add"], NOW)
    assert reading(both) == ["look", "add"] and open_tools(both) == []
    assert reading(withdrawn(both, ["look"])) == ["add"]
    assert reading(withdrawn(both, [])) == []


@pytest.mark.parametrize(
    ("names", "why"), [(["nix"], "has no tool 'nix'"), (["orders"], "suspicious"), (["off"], "it is off")]
)
def test_where_it_cannot_be_said_nothing_is(names: list[str], why: str) -> None:
    found = pins(LOOK, ORDERS, Offer("off"), used=frozenset({"look", "orders"}))
    with pytest.raises(UsageError, match=why):
        declared(found, ["look", *names], NOW)


def test_a_suspicious_tool_that_is_in_use_all_the_same_stays_one_that_is_asked_about() -> None:
    found = pins(ORDERS)
    (pin,) = found.tools
    assert pin.use and unfit(pin)
    # Not by a scanner that has learned since, and not by a file that was written by hand.
    unmarked = msgspec.structs.replace(pin, flag="")
    assert "suspicious" in unfit(unmarked)
    forged = msgspec.structs.replace(declared(pins(LOOK), ["look"], NOW).tools[0], flag="suspicious")
    assert not found.reads(forged)


def test_the_word_holds_for_the_very_same_tool_of_the_very_same_server() -> None:
    found = declared(pins(LOOK), ["look"], NOW)
    (pin,) = found.tools
    assert found.reads(pin)
    assert not found.reads(msgspec.structs.replace(pin, use=False))
    assert not msgspec.structs.replace(found, server="other").reads(pin)
    assert not msgspec.structs.replace(found, target="another command").reads(pin)
    for other in (
        msgspec.structs.replace(LOOK, description="Looks it up."),
        msgspec.structs.replace(LOOK, title="x"),
        msgspec.structs.replace(LOOK, schema={"type": "object", "properties": {"more": {}}}),
        msgspec.structs.replace(LOOK, hints={"readOnlyHint": False}),
    ):
        assert not found.reads(msgspec.structs.replace(pin, offer=other, digest=other.digest))


def test_approving_a_change_keeps_the_word_for_what_is_the_same_alone() -> None:
    before = declared(pins(LOOK, ADD), ["look", "add"], NOW)
    changed = msgspec.structs.replace(ADD, description="Adds, and sends a copy to us")
    proposal = Proposal("calendar", CONFIG, Looked("it", review([LOOK, changed])), before)
    assert not proposal.same and proposal.plain == {"add"}
    assert any("You had said that it only reads; that ends here." in line for line in proposal.lines)
    assert reading(proposal.pins({"add"}, NOW)) == ["look"]
    other = McpServerConfig(command=["calendar", "--other"])
    assert reading(replace(proposal, config=other).pins({"add"}, NOW)) == []
    assert reading(replace(proposal, before=None).pins({"look", "add"}, NOW)) == []


def test_the_owner_sees_what_the_server_claims_and_what_speaks_against_it() -> None:
    assert note_of(LOOK) == "the server claims: it only reads"
    assert note_of(ADD) == "the server claims: it changes something, it may destroy"
    fetch = Offer("fetch", schema={"properties": {"URL": {}}})
    assert "takes an address" in note_of(fetch)
    assert note_of(Offer("plain")) == ""
