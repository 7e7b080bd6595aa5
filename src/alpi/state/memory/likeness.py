"""When two entries say the same: by their words, whatever the case, accents, punctuation and the words that carry nothing.

An entry that is refused as a duplicate is a fact that is lost, and one that stands twice costs a few tokens. So the rule errs on
the side of keeping: every number, every name and every "not" must be the same in both, and words may change places only where
that cannot change who did what ("the birthday of Ana is 14 March", "Ana's birthday: March 14").
"""

from __future__ import annotations

import re
import unicodedata
from types import MappingProxyType

from msgspec import Struct

_POSSESSIVE = re.compile(r"(?<=\w)['’](?:s\b|(?=\s))", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[.:,][0-9]+)*(?:\+\+|#)?|[+$€£¥@/-](?=[0-9])|(?<=[0-9])[%°]")
_ORDINAL = re.compile(r"([0-9]+)(?:st|nd|rd|th|º|ª)$")
# Words that may come and go without changing what is said, in English and Spanish. The user is the one whom notes are about. No other
# person, no negation, and nothing that gives a direction.
_EMPTY_WORDS = (
    "a an the is are was were be been being has have had having do does did there i user users my me mine myself "
    "of in on at s really very also please just and "
    "el la los las un una unos unas es son era ser esta estan de del en y mi mis me yo tambien muy usuario usuaria"
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec ene abr ago dic"
# Words for one thing that people and models exchange freely.
_SAME = MappingProxyType(
    {
        "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun", "july": "jul", "august": "aug",
        "september": "sep", "sept": "sep", "october": "oct", "november": "nov", "december": "dec",
        "enero": "ene", "febrero": "feb", "marzo": "mar", "abril": "abr", "mayo": "may", "junio": "jun", "julio": "jul",
        "agosto": "ago", "septiembre": "sep", "octubre": "oct", "noviembre": "nov", "diciembre": "dec",
        "dont": "not", "doesnt": "not", "isnt": "not", "arent": "not", "didnt": "not", "wasnt": "not",
        "likes": "like", "loves": "love", "prefers": "prefer", "lives": "live", "works": "work", "uses": "use",
        "wants": "want", "hates": "hate", "needs": "need", "drinks": "drink", "eats": "eat", "speaks": "speak",
        "plays": "play", "enjoys": "enjoy", "drives": "drive", "owns": "own", "falls": "is", "takes": "take",
    }
)  # fmt: skip
_DATES = frozenset(_MONTHS.split())
# Where one of these stands, the order says who is who and what comes first.
_DIRECTED_WORDS = (
    "than before after from to over under instead not no never but rather by with for until since if when then "
    "que antes despues desde hasta a para por con sin sobre nunca pero si cuando"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_DIRECTED = frozenset(_DIRECTED_WORDS.split())
_ORDERED = 0.85


class Likeness(Struct, frozen=True):
    """What an entry says, in a form that can be compared: its words in their order, and those of them that are no part of a date."""

    words: tuple[str, ...]
    numbers: tuple[str, ...]
    rest: tuple[str, ...]


def likeness(text: str) -> Likeness:
    """An entry's words for comparing."""
    tokens = [_token(word) for word in _WORD.findall(_plain(text))]
    words = tuple(token for token in tokens if token not in _EMPTY) or tuple(tokens)
    numbers = tuple(token for token in words if any(char.isdigit() for char in token))
    return Likeness(words, numbers, tuple(word for word in words if word not in _DATES and word not in numbers))


def same(one: Likeness, other: Likeness) -> bool:
    """Whether two entries say the same."""
    if one.words == other.words:
        return True
    if set(one.words) != set(other.words) or one.numbers != other.numbers:
        return False
    if one.rest == other.rest or (len(one.rest) == len(other.rest) == 2 and _DIRECTED.isdisjoint(one.rest)):
        return True
    if not _DIRECTED.isdisjoint(one.rest):
        return False
    from difflib import SequenceMatcher

    return SequenceMatcher(None, one.rest, other.rest, autojunk=False).ratio() >= _ORDERED


def overlap(one: Likeness, other: Likeness) -> float:
    """How much two entries share, from 0 to 1; for saying which ones could be merged."""
    first, second = set(one.words), set(other.words)
    return len(first & second) / len(first | second) if first | second else 0.0


def folded(text: str) -> str:
    """A text in small letters, without accents and with single blanks: for finding what somebody means by a part of it."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(mark for mark in apart if not unicodedata.combining(mark)).split())


def _plain(text: str) -> str:
    """The same for comparing: without apostrophes, marks of emphasis and the plural of words that are no names."""
    text = _POSSESSIVE.sub("", text)
    text = re.sub(r"(?<![^\W\d_])([^\W\d_]{4,})s\b", lambda found: found[1] if _singular(found[1]) else found[0], text)
    return re.sub("['’`*~\u00ad\u200b]", "", folded(text))


def _singular(stem: str) -> bool:
    return stem.islower() and not stem.endswith(("s", "u", "i", "o", "a"))


def _token(word: str) -> str:
    ordinal = _ORDINAL.match(word)
    return ordinal[1] if ordinal else _SAME.get(word, word)
