"""A card: one line with all that somebody needs to pin a node: ``alp1 <key> <host:port or -> <name>``.

It holds nothing secret and proves nothing; whoever takes it compares the fingerprint's words with its giver.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from ...base.errors import UsageError
from . import primitives
from .address import Address, parse_address
from .identity import decode_key, encode_key
from .words import fingerprint

KIND = "alp1"
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Card:
    """A node as its owner hands it out. ``address``: ``None`` for a profile of this machine. ``name``: a proposal for a label."""

    public: bytes
    address: Address | None
    name: str

    @property
    def pubkey(self) -> str:
        """The key in base64."""
        return encode_key(self.public)

    @property
    def words(self) -> str:
        """The fingerprint in words."""
        return fingerprint(self.public)

    def __str__(self) -> str:
        return f"{KIND} {self.pubkey} {self.address or '-'} {self.name}"


def parse_card(text: str) -> Card:
    """A card from its line; spaces around it and between the parts do not count.

    Raises:
        UsageError: no card, or a part of it is wrong; the message says which.
    """
    parts = text.split(None, 3)
    if len(parts) != 4 or parts[0] != KIND:
        raise UsageError(
            "that is no card",
            f"A card is one line: {KIND} KEY ADDRESS NAME; the other side prints it with: alpi id --card",
        )
    _, key, place, name = parts
    public = decode_key(key)
    if public is None or primitives.x25519_public(public) is None:
        raise UsageError("the card's key is no public key", "Copy the whole line again, or have it sent anew")
    try:
        address = None if place == "-" else parse_address(place)
    except ValueError as error:
        raise UsageError(
            f"the card's address is wrong: {error}", "It is host:port, or - for a profile of this machine"
        ) from error
    name = name.strip()
    if not printable(name):
        raise UsageError(
            "the card's name has characters that cannot be seen, or more than 60", "Have it sent anew with a plain name"
        )
    return Card(public, address, name)


def printable(name: str) -> bool:
    """Whether a label can be shown as it is: 1 to 60 characters, none of them control, format, private or unassigned ones."""
    if not 0 < len(name) <= LONGEST_NAME or name != name.strip():
        return False
    return all(character == " " or unicodedata.category(character)[0] not in "CZ" for character in name)
