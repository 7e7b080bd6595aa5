"""Labels that a person could take for one another: ``nas`` and ``n\u0430s`` (a Cyrillic letter); ``barn`` and ``bam``."""

from __future__ import annotations

import unicodedata

# What looks like a Latin letter or a digit in common fonts, after case folding: from, and at the same place to.
_FROM = "аеорсухіјѕԁһԛԝьвкмнтгпαβεικνορτυχγηωıɩɑɡʟօոսցհյ0|!$582@9"
_TO = "aeopcyxijsdhqwbbkmhtrnabeikvoptuxynwiiaglonughjollssbzag"
_SAME = str.maketrans(_FROM, _TO)
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeleton(label: str) -> str:
    """What is left of a label when all that looks alike is made equal: two labels with one skeleton look alike."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", label).casefold())
    text = "".join(character for character in text if unicodedata.category(character)[0] in "LNS" or character in "!|@")
    text = text.translate(_SAME).replace("1", "l").replace("i", "l")
    for pair, one in _PAIRS:
        text = text.replace(pair, one)
    return text


def look_alike(one: str, other: str) -> bool:
    """Whether two labels could be taken for one another; equal ones can."""
    return one == other or skeleton(one) == skeleton(other)
