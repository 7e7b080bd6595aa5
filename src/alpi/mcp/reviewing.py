"""Looking at what a server offers, for the person who is to approve it: what is refused, what is suspicious, what has changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ..base.schema import McpServerConfig
from ..safety.scanner import scan
from .names import tool_problem
from .offers import Offer, offer_problem
from .pins import Pinned, Pins, target_of

OWN = (
    "read_file", "write_file", "edit_file", "search_files", "terminal", "memory", "todo", "session_search", "link", "skill",
    "web_search", "web_fetch", "browser", "research", "schedule", "mcp", "send_message",
)  # fmt: skip
"""The names of alpi's own tools; a test compares them with the tools themselves."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One offer, looked at. ``refused``: why it cannot be used at all; ``flag``: what is suspicious in it; ``note``: what is worth
    knowing; each ``""`` for nothing."""

    offer: Offer
    refused: str = ""
    flag: str = ""
    note: str = ""


@dataclass(frozen=True)
class Looked:
    """What a look at a server has shown. ``inside``: its address lies on this machine or in a private network; ``weakness``: what the
    sandbox cannot do here, as the end of a line."""

    about: str
    reviewed: Sequence[Reviewed]
    inside: bool = False
    weakness: str = ""


def review(offers: Sequence[Offer]) -> list[Reviewed]:
    """Look at all that a server offers."""
    names = [offer.name for offer in offers]
    found = []
    for offer in offers:
        refused = tool_problem(offer.name, names, OWN) or offer_problem(offer)
        suspicious = scan(offer.texts)
        flag = suspicious.reason if suspicious is not None else ""
        note = "it has the name of one of alpi's own tools; it is called by the server's name as well, and replaces nothing"
        found.append(Reviewed(offer, refused, flag, note if offer.name in OWN else ""))
    return found


def approved(
    server: str,
    config: McpServerConfig,
    reviewed: Sequence[Reviewed],
    used: frozenset[str],
    when: datetime,
    inside: bool,
    before: Pins | None = None,
) -> Pins:
    """What is kept once the person has said yes. ``used``: the tools that models may be offered; refused ones never are.

    What they said of single tools ``before`` stays with those; ``Pins.reads`` sees to it that it holds for the very same tools alone.
    """
    said = {pin.offer.name: pin.declared for pin in before.tools if before.reads(pin)} if before is not None else {}
    pinned = tuple(
        Pinned(
            one.offer,
            one.offer.digest,
            one.offer.name in used and not one.refused,
            one.refused or one.flag,
            said.get(one.offer.name),
        )
        for one in reviewed
    )
    pins = Pins(server, target_of(config), when, pinned, inside)
    return msgspec.structs.replace(pins, tools=tuple(pin if pins.reads(pin) else without(pin) for pin in pinned))


def without(pin: Pinned) -> Pinned:
    """A tool without the owner's word on it."""
    return msgspec.structs.replace(pin, declared=None)
