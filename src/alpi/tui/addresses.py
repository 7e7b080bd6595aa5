"""Web addresses in a text, for showing and opening them."""

from __future__ import annotations

import re

LINK = re.compile(r"https?://[^\s<>\"'`│]+")


def links_in(text: str) -> list[tuple[int, int, str]]:
    """Where addresses stand in a text, as (start, end, address), without the punctuation of the sentence around them."""
    found = []
    for match in LINK.finditer(text):
        address = match[0].rstrip(".,;:!?")
        while address.endswith((")", "]")) and address.count("(") < address.count(")") + address.count("]"):
            address = address[:-1]
        found.append((match.start(), match.start() + len(address), address))
    return found
