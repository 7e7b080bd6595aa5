"""The owner's word that single tools only read: what it means, which tools it cannot be given for, and how it is kept. Pure.

Nobody else can give it. A server's own claim (``readOnlyHint``) is shown and not believed; a model reaches neither file nor command.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from ..base.errors import UsageError
from ..base.text import escaped
from ..safety.scanner import scan
from .offers import Offer
from .pins import Declared, Pinned, Pins
from .reviewing import without

MEANING = (
    "Its calls are not asked about any more: not after texts of others were read, and not where nobody is watching.",
    "What it answers stays text of others, and makes alpi careful as before.",
    "A call that holds text of yours (memory, files, other tools) is asked about each time, unless the server has no network.",
    "A file that alpi's own tools would ask you about, or must not read, is asked about or refused here, too.",
    "When the server changes the tool, your word ends with it.",
)
ADVICE = (
    "Say it only of tools that look something up and change nothing, at a server that may see what it is asked. alpi cannot check it, and "
    "what the server claims of itself proves nothing."
)
# What an argument is called that says where to go.
PLACES = frozenset({"url", "urls", "uri", "uris", "link", "href", "address", "host", "endpoint", "domain"})


def open_tools(pins: Pins) -> list[Pinned]:
    """The tools that the owner may say it of, and has not."""
    return [pin for pin in pins.tools if not unfit(pin) and not pins.reads(pin)]


def unfit(pin: Pinned) -> str:
    """Why it cannot be said of a tool; ``""`` where it can."""
    suspicious = scan(pin.offer.texts)  # the scanner may have learned since the tool was approved
    reason = pin.flag or (suspicious.reason if suspicious is not None else "")
    if reason:
        return f"its description is suspicious: {reason}"
    return "" if pin.use else "it is off"


def note_of(offer: Offer) -> str:
    """What the owner should see beside a tool's name: what the server claims, and what speaks against it."""
    names = {str(name).casefold() for name in offer.parameters()["properties"]}
    notes = [f"the server claims: {offer.claims}"] if offer.claims else []
    notes += ["it takes an address, and may do more there than read"] if names & PLACES else []
    return escaped("; ".join(notes))


def declared(pins: Pins, names: Sequence[str], when: datetime) -> Pins:
    """The pins with the owner's word on these tools, by the server's names for them.

    Raises:
        UsageError: there is no such tool, or it cannot be said of it.
    """
    _check_names(pins, names)
    for pin in pins.tools:
        if pin.offer.name in names and (why := unfit(pin)):
            raise UsageError(f"{pin.offer.name} of {pins.server} stays one that is asked about: {why}")
    tools = tuple(
        msgspec.structs.replace(pin, declared=Declared(pins.stamp(pin), when)) if pin.offer.name in names else pin
        for pin in pins.tools
    )
    return msgspec.structs.replace(pins, tools=tools)


def withdrawn(pins: Pins, names: Collection[str]) -> Pins:
    """The pins without the owner's word on these tools; without any names, on none.

    Raises:
        UsageError: there is no such tool.
    """
    _check_names(pins, names)
    tools = tuple(without(pin) if not names or pin.offer.name in names else pin for pin in pins.tools)
    return msgspec.structs.replace(pins, tools=tools)


def _check_names(pins: Pins, names: Collection[str]) -> None:
    for name in names:
        if pins.find(name) is None:
            known = ", ".join(escaped(pin.offer.name) for pin in pins.tools) or "none"
            raise UsageError(f"{pins.server} has no tool {escaped(name)!r}", f"It has: {known}")
