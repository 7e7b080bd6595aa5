"""Words as they are searched: without case and accents, endings forgiven; and how well a turn fits a query. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from ...base.errors import UsageError

TOKEN = re.compile(r"[^\W_]+")
QUOTED = re.compile(r'"([^"]*)"')
# Accents of Latin, Greek and Cyrillic letters, and the vowel signs of Hebrew and Arabic, which most people leave out.
MARKS = re.compile("[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670]+")
# Scripts that put no space between words (Thai to Khmer, Chinese, Japanese): there, a word may stand anywhere.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
DIGIT = re.compile(r"\d")
# ASCII text needs no more than this: letters small, digits kept, all else a space.
PLAIN = bytes(
    code + 32 if 65 <= code <= 90 else code if chr(code).isalnum() and code < 128 else 32 for code in range(256)
)
BREAK = b" \x02 "  # between two messages: no phrase reaches over it
SEEN = b" \x01 "  # before what tools were given and gave
MOST_TERMS = 16
EXACT_SAID, NEAR_SAID, EXACT_SEEN, NEAR_SEEN = 4, 3, 2, 1
# Words that say little about what was talked about: they only decide between turns that fit alike, unless a query has no others.
FILLER_WORDS = """
a an and any are as at be been but by can could did do does for from had has have he her his how i if in is it its me my of on or our she
should so some that the their them then there they this to up us was we were what when where which who why will with would you your
al ante con cual cuando de del desde donde el ella en entre era es esa ese esta este fue ha han hay la las le les lo los mas mi mis muy
nos o para pero por que quien se sin sobre su sus te tu tus un una uno y ya yo
das dem den der des ein eine einen einer er hat ich ihr ist mir mit nicht oder sie sind und uns von was wer wie wir wo zu zum zur
au aux avec ce ces cette dans du elle est et il ils je leur ma mes mon ne nous ou par pas pour qu qui sa ses ta tes ton une vous
che chi ci da dei della di e gli ho il io nel non per piu si suo tra um uma ao com como da das do dos eu foi na nas no os seu sua
"""
FILLERS = frozenset(FILLER_WORDS.split())


def folded(text: str) -> bytes:
    """The words of a text, small, without accents, one space between them, in UTF-8."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).casefold()
        text = unicodedata.normalize("NFC", MARKS.sub("", text))
        if not text.isascii():
            return " ".join(TOKEN.findall(text)).encode("utf-8", "replace")
    return b" ".join(text.encode("ascii").translate(PLAIN).split())


def line_of(said: Iterable[str], seen: Iterable[str]) -> bytes:
    """One turn as the index holds it: what was said, then what tools were given and gave; a space around each word; ends the line."""
    said_words = BREAK.join(filter(None, map(folded, said)))
    seen_words = BREAK.join(filter(None, map(folded, seen)))
    return b" " + said_words + SEEN + seen_words + b" \n"


class Term(Struct, frozen=True):
    """One thing that is looked for. ``needle``: bytes that every match begins with. ``exact``: a match that is one to the letter. ``most``:
    how many characters a word may have to be a near one; 0 where only exact ones count. ``required``: without it nothing is a hit.
    ``weak``: it is no hit by itself."""

    needle: bytes
    exact: bytes
    most: int = 0
    required: bool = False
    weak: bool = False

    @property
    def parts(self) -> list[bytes]:
        """The words of an exact match, each with a space where it must begin or end."""
        words = self.exact.split()
        return [b" " + word + b" " for word in words] if self.exact.startswith(b" ") else words

    def weight(self, line: bytes, start: int, end: int) -> int:
        """How well the line at ``line[start:end]`` fits: one of the four weights, or 0."""
        best = 0
        at = line.find(self.needle, start, end)
        while at >= 0:
            exact = not self.most or line.startswith(self.exact, at)
            if exact or self.is_near(line, at):
                said = line.find(b"\x01", start, at) < 0
                if exact and said:
                    return EXACT_SAID
                best = max(best, NEAR_SAID if said else EXACT_SEEN if exact else NEAR_SEEN)
            at = line.find(self.needle, at + 1, end)
        return best

    def fits(self, line: bytes, at: int) -> bool:
        """Whether the word that begins after the space at ``at``, where the needle stands, is meant."""
        return not self.most or line.startswith(self.exact, at) or self.is_near(line, at)

    def is_near(self, line: bytes, at: int) -> bool:
        """The same where it is known not to be exact."""
        word = line[at + 1 : line.find(b" ", at + 1)]
        return len(word) <= self.most or len(word.decode("utf-8", "replace")) <= self.most


class Query(Struct, frozen=True):
    """What is looked for. ``terms``: phrases, which must all be there, then words, of which the more the better."""

    text: str
    terms: tuple[Term, ...]

    @property
    def telling(self) -> int:
        """How many of the terms make a hit."""
        return sum(not term.weak for term in self.terms)

    def score(self, line: bytes, start: int, end: int) -> tuple[int, int] | None:
        """How many of the telling terms the line at ``line[start:end]`` has, and how well all fit; ``None`` where it is no hit."""
        count = total = 0
        for term in self.terms:
            weight = term.weight(line, start, end)
            if weight:
                count += not term.weak
                total += weight
            elif term.required:
                return None
        return (count, total) if count else None


def parse_query(text: str) -> Query:
    """A query as people write it: words, ``"exact phrases"``, ``begin*`` for any ending.

    A word of letters is also found with another ending (``birthday`` in ``birthdays``, ``reunión`` in ``reuniones``); its exact form
    counts more. A word with digits is only found as it is.

    Raises:
        UsageError: more terms than make sense.
    """
    phrases = [words for quoted in QUOTED.findall(text) if (words := folded(quoted))]
    terms = [_phrase(words) for words in dict.fromkeys(phrases)]
    plain: dict[bytes, Term] = {}
    weak: dict[bytes, Term] = {}
    for part in QUOTED.sub(" ", text).replace('"', " ").split():
        words = folded(part)
        if words:
            kind = weak if words.decode() in FILLERS else plain
            kind.setdefault(words, _word(words, part.endswith("*")))
    terms += plain.values()
    terms += [replace(term, weak=bool(terms)) for term in weak.values()]
    if len(terms) > MOST_TERMS:
        raise UsageError(
            f"{len(terms)} words are too many to search for", f"Give at most {MOST_TERMS}, the rarest ones"
        )
    return Query(text, tuple(terms))


def _phrase(words: bytes) -> Term:
    if UNSPACED.search(words.decode()):
        return Term(words, words, required=True)
    return Term(b" " + words + b" ", b" " + words + b" ", required=True)


def _word(words: bytes, any_ending: bool) -> Term:
    text = words.decode()
    if UNSPACED.search(text):
        return Term(words, words)
    exact = b" " + words + b" "
    if any_ending:
        return Term(b" " + words, exact, most=1 << 30)
    # "foo-bar" is two words, side by side.
    if b" " in words or DIGIT.search(text) or len(text) < 3:
        return Term(exact, exact)
    stem = text if len(text) < 5 else text[:-1] if len(text) < 7 else text[:-2]
    return Term(b" " + stem.encode(), exact, most=len(text) + (2 if len(text) < 5 else 3))


def excerpt(text: str, terms: Sequence[Term], most: int) -> str:
    """A piece of a text, on one line, of about ``most`` characters: where most of the terms stand close together."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    single = _single(terms)
    # Most words begin with another letter: those need no closer look.
    letters = {term.needle.strip()[:1].decode("ascii", "ignore") for term in single}
    letters |= {letter.upper() for letter in letters}
    places = []
    for match in TOKEN.finditer(text):
        if text[match.start()].isascii() and text[match.start()] not in letters:
            continue
        line = b" " + folded(match.group()) + b" "
        places += [(match.start(), number) for number, term in enumerate(single) if term.weight(line, 0, len(line))]
    best, begin = 0, 0
    for place, (at, _) in enumerate(places):
        near = {number for where, number in places[place : place + 50] if where < at + most * 2 // 3}
        if len(near) > best:
            best, begin = len(near), at
    begin = max(0, min(begin - most // 4, len(text) - most))
    if begin:
        begin = text.find(" ", begin, begin + 30) + 1 or begin
    piece = text[begin : begin + most]
    if begin + most < len(text):
        piece = (piece[: piece.rfind(" ", most - 30)] if " " in piece[most - 30 :] else piece) + "…"
    return ("…" if begin else "") + piece


def _single(terms: Sequence[Term]) -> list[Term]:
    """Terms of one word each: what can be found in a text word by word."""
    single = []
    for term in terms:
        words = term.exact.split()
        single += [term] if len(words) == 1 else [Term(b" " + word + b" ", b" " + word + b" ") for word in words]
    return single
