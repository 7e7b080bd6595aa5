"""How a reply is read for claims of action. Pure.

It reads English and Spanish, and the plain cases of German and French. It is a net, not a judge: it looks at each clause by itself, for "I
saved", "has been sent", "Noted." and their like; questions, conditions, denials, quotations, code, letters to somebody, and what
others did or what was long ago are left alone. What it does not recognise it lets pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import claimwords as words
from .claimwords import GERMAN, LANGUAGES, SPANISH, Kind


def claims(text: str) -> Iterator[tuple[str, Kind]]:
    """The claims of a reply: the word, and what it says was done."""
    beside_code = bool(FENCED.search(text) or QUOTED_LINE.search(text))
    for sentence in _sentences(_own_words(text), beside_code):
        yield from _of_sentence(sentence)


# --- which words are the model's own

FENCED = re.compile(r"(?ms)^[ \t]*(```|~~~).*?(?:^[ \t]*\1[^\n]*$|\Z)")
QUOTED_LINE = re.compile(r"(?m)^[ \t]*>.*$")
INLINE = re.compile(r"`([^`\n]*)`")
IN_QUOTES = re.compile(r"\"[^\"\n]{0,500}\"|«[^»\n]{0,500}»|“[^”\n]{0,500}”|„[^“”\n]{0,500}[“”]|‘[^’\n]{0,500}’(?!\w)")
FILE_NAME = re.compile(
    r"(?<![\w@])(?:~?/?(?:[\w.-]{1,80}/){1,20}[\w.-]{0,80}|[\w-]{1,80}\.(?:[a-z]\w{0,5}))(?![\w@])|\b[A-Z]+\.md\b"
)
LETTER = re.compile(
    r"(?im)^[ \t]*(?:\*\*)?(?:subject:|asunto:|betreff:|objet ?:|(?:dear|hi|hello|hola|querid[oa]|estimad[oa]s?|liebe[r]?|hallo|"
    r"sehr geehrte\w*|cher|chère|bonjour)\b[^.!?\n]{0,40}[,:]?[ \t]*$)"
)
EMPHASIS = re.compile(r"\*\*|__|(?<!\w)[*_](?=\w)|(?<=[\w.!?])[*_](?!\w)")


def _own_words(text: str) -> str:
    """A reply without code, quotations, and letters that it drafts. File names become FILE."""
    text = QUOTED_LINE.sub("", FENCED.sub("CODE.", text))
    text = INLINE.sub(lambda match: " FILE " if FILE_NAME.fullmatch(match[1].strip()) else " CODE ", text)
    text = IN_QUOTES.sub(" QUOTE ", EMPHASIS.sub("", text))
    letter = LETTER.search(text)
    if letter is not None and text[: letter.start()].strip():
        text = text[: letter.start()]
    return FILE_NAME.sub("FILE", text)


# --- clauses

BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+")
ENDS = re.compile(r"(?<=[.!?…;:])[)\"'”]*\s+|\s[—–]\s")
# A sentence is looked at so far; longer ones are lists of something.
LONGEST = 500
INTERJECTION = re.compile(rf"(?:{words.INTERJECTIONS})\b(?:\s*[,!.:;—–-]+)?\s*", re.IGNORECASE)
DID = re.compile(r"\b(?:I did|I['’]ve done|I have done|hice|he hecho|ich habe|j['’]ai)\b", re.IGNORECASE)
TARGETS = re.compile(rf"\b(?:{words.TARGETS})\b", re.IGNORECASE)
PLACES = re.compile(rf"\b(?:{words.PLACES})\b", re.IGNORECASE)
LONG_AGO = re.compile(rf"\b(?:{words.LONG_AGO})\b", re.IGNORECASE)
DENIED = re.compile(rf"\b(?:{words.DENIED})\b", re.IGNORECASE)
DESCRIBED = re.compile(rf"\b(?:{words.DENIED}|{words.RELATIVE}|{words.REPORTED})\b", re.IGNORECASE)
REPORTED = re.compile(rf"\b(?:{words.REPORTED})\b[^:]*:$", re.IGNORECASE)
AGENT = re.compile(rf"\b(?:{words.AGENT})\b", re.IGNORECASE)
# "I noted a few mistakes" is about seeing them.
NOT_MEANT = re.compile(r"\b(?:noted (?:an?|the|some|one|two|three|several|many)|saved you)\b", re.IGNORECASE)
NOTHING_OF = re.compile(r"\s+(?:no|nothing|none|nada|ning[uú]n\w*|nichts|kein\w*|rien|aucune?)\b", re.IGNORECASE)
ELSEWHERE = re.compile(rf"\b(?:{words.AGENT}|{words.REPORTED})\b", re.IGNORECASE)
CLAUSE = re.compile(r"[,;:(]|\b(?:and|but|so|y|pero|así que|und|aber|et|mais)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A piece of a reply. ``listed``: it is a point of a list, of which nothing says that it lists what was done. ``beside_code``: the
    reply holds code or a quotation, which may be all that was made."""

    text: str
    listed: bool
    beside_code: bool


def _sentences(text: str, beside_code: bool) -> Iterator[_Sentence]:
    """What of a reply may claim something: no questions, nothing that somebody else is said to have written."""
    did = reported = False
    for line in text.split("\n"):
        bullet = BULLET.match(line)
        if not bullet and line.strip():
            did = bool(DID.search(line))
        for piece in ENDS.split(line[bullet.end() :] if bullet else line):
            piece = " ".join(piece[:LONGEST].split())
            if piece and not reported and not piece.endswith("?") and not piece.startswith("¿"):
                yield _Sentence(piece, bullet is not None and not did, beside_code)
            reported = bool(REPORTED.search(piece))


# --- what claims

KINDS = tuple(
    (re.compile(pattern, re.IGNORECASE), kind, sort in ("strong", "past", "infinitive"))
    for language in LANGUAGES
    for sort in ("strong", "weak", "past", "weak_past", "infinitive")
    for kind, pattern in getattr(language, sort).items()
)
# Any word: whether it claims something is looked up, because the lists in every place would take long to compile.
ANY = r"(?:made a note|taken (?:a )?note|tomado nota|mise?s? à jour|\w+)"
DE = GERMAN.participles
INFINITIVE = SPANISH.infinitives
PAST = SPANISH.past_forms
JUST = (
    r"(?:(?:just|also|now|then|all|both|successfully|safely|finally|therefore|went ahead and|gone ahead and|ya|también|además|"
    r"correctamente|bien|aussi|ensuite),? )*"
)
TO_THEM = r"(?:(?:te|se|le|les|lo|la|los|las|me|os) ){0,3}"

# "I have saved", and what is joined to it: "... and updated".
BY_ME = re.compile(
    rf"\bI(?:['’]ve| have)?,? {JUST}(?P<en>{ANY})\b|(?<!\w){TO_THEM}he {JUST}(?P<es>tomado nota|\w+(?:ad|id|it|st|ch)[oa]s?)\b|"
    rf"\b(?P<past>{PAST})\b|"
    rf"\bacabo de (?P<inf>{INFINITIVE})\b|"
    rf"\b(?:ich habe?|habe? ich)\b(?P<mid>[^.;:!?]*?)\b(?P<de>{DE})\b|"
    rf"\b(?:j['’]|je (?:(?:vous|te|le|la|les|lui|leur|l['’]|t['’]) ?)+)ai {JUST}(?P<fr>{ANY})\b",
    re.IGNORECASE,
)
OPENED = re.compile(
    r"\bI(?:['’]ve| have)? (?:\w+ )?\w+(?:ed|nt|ut|te|en|et)\b|\bhe (?:\w+ )?\w+(?:ad|id|it|st|ch)[oa]s?\b",
    re.IGNORECASE,
)
JOINED = re.compile(rf"(?:,|\band|\by|\be) (?:then |also |have |luego |también )?(?P<en>{ANY})\b", re.IGNORECASE)
# "has been saved": of what is there now, and by nobody else.
DONE = re.compile(
    rf"\b(?:has|have) {JUST}been {JUST}(?P<en>{ANY})\b|\b(?:was|were) (?:successfully|just|now) (?P<was>{ANY})\b|"
    rf"\b(?:is|are|it['’]s|they['’]re) (?:now|all|safely) (?P<now>{ANY})\b|"
    r"\byour [^,.]*? (?:is|are) (?P<your>saved|booked|scheduled)\b|"
    r"\b(?:reminder|alarm|timer)\b[^,.]*? is (?P<set>set)\b(?! for)|\bis (?P<place>saved) (?:as FILE|in your)\b|"
    r"^(?:all|both|everything)\b[^,]*? (?:is|are) (?P<all>saved|committed|deleted|sent)\b|"
    rf"\b(?:se han? |han? sido |qued(?:ó|aron) |est(?:á|án) (?:ya|ahora) ){JUST}(?P<es>{ANY})\b|"
    rf"\bfue(?:ron)? (?P<fue>{ANY}) (?:correctamente|con éxito|exitosamente)\b|"
    rf"\b(?:wurden?)\b(?P<mid>[^.;:,]*?)\b(?P<de>{DE})\b|\b(?:ist|sind) (?:jetzt|nun|ab sofort) (?P<ist>{ANY})\b|"
    rf"\b(?:a|ont) {JUST}été {JUST}(?P<fr>{ANY})\b|\bc['’]est (?:bien )?(?P<cest>{ANY})\b|"
    rf"\b(?:est|sont) (?:maintenant|désormais) (?P<est>{ANY})\b",
    re.IGNORECASE,
)
IN_PLACE = re.compile(r"\bis now (?P<in>in|on) your (?:calendar|agenda)\b", re.IGNORECASE)
# As in: Saved! Noted: ... Sent to Ana. Removed the two lines. Email sent.
SUCCESS = re.compile(r"^(?:successfully|correctamente|erfolgreich) ", re.IGNORECASE)
ALONE = re.compile(rf"(?P<any>{ANY})(?:\s*[.!:,;]|$)", re.IGNORECASE)
BEGUN = re.compile(
    rf"(?P<any>{ANY}) (?:(?:to|as|under|for|para|como|als|unter|für|sous|pour|dans|the|your|that|this|it|both|all|every|"
    r"el|la|los|las|tus?|das|die|den|le|les|votre)\b|FILE\b|QUOTE\b|CODE\b|(?:in|on|en|from|de) (?:your|FILE))",
    re.IGNORECASE,
)
THING = re.compile(
    rf"(?:(?:your|the|tu|el|la|deine?|die|der|votre|le) )?(?:{words.THINGS})\b,? (?:{JUST})(?P<any>{ANY})"
    r"(?: (?:correctamente|successfully|erfolgreich))?(?:\s*[.!:;,]|$|(?P<more> (?:to|for|as|in|on|para|a|en|como|an|für|à|pour|dans) .*))",
    re.IGNORECASE,
)
FINITE = re.compile(
    r"\b(?:is|are|was|were|can|must|will|should|has|have|carry|es|son|debe[n]?|puede[n]?|llevan?|se|ist|sind|est|sont)\b",
    re.IGNORECASE,
)


def _of_sentence(sentence: _Sentence) -> Iterator[tuple[str, Kind]]:
    text = sentence.text
    if LONG_AGO.search(text):
        return
    changed = bool((PLACES if sentence.beside_code else TARGETS).search(text))
    text = NOT_MEANT.sub("", text)
    for word, sure in (*_by_me(text), *_done(text), *(() if sentence.listed else _in_short(text))):
        kind, strong = _kind(word)
        if kind is not None and (strong or sure or changed):
            yield word, kind


def _by_me(text: str) -> Iterator[tuple[str, bool]]:
    for match in BY_ME.finditer(text):
        clause = CLAUSE.split(text[: match.start()])[-1] + (match["mid"] or "")
        if (
            not DENIED.search(clause)
            and not NOTHING_OF.match(text, match.end())
            and not re.match(r"no\b", match.group(), re.IGNORECASE)
        ):
            yield _word(match), False
    opened = OPENED.search(text)
    if opened and not DENIED.search(text[: opened.start()]):
        for match in JOINED.finditer(text, opened.end()):
            yield _word(match), False


def _done(text: str) -> Iterator[tuple[str, bool]]:
    for match in DONE.finditer(text):
        before = text[: match.start()] + (match["mid"] or "")
        if not DESCRIBED.search(before) and not ELSEWHERE.search(f"{match['mid'] or ''} {text[match.end() :]}"):
            yield _word(match), False
    if IN_PLACE.search(text) and not DENIED.search(text):
        yield "scheduled", True


def _in_short(text: str) -> Iterator[tuple[str, bool]]:
    """Claims without a subject or a verb that is bent."""
    text = text.lstrip("✅☑✓✔️👍🎉 *_-¡(")
    while (found := INTERJECTION.match(text)) and found.end() < len(text):
        text = text[found.end() :].lstrip("¡ ")
    text = SUCCESS.sub("", text)
    if found := ALONE.match(text):
        yield _word(found), True
    if found := BEGUN.match(text):
        yield _word(found), False
    found = THING.match(text)
    if found and not AGENT.search(found["more"] or "") and not FINITE.search(found["more"] or ""):
        yield _word(found), True


def _word(match: re.Match[str]) -> str:
    return next(found for name, found in match.groupdict().items() if found and name not in ("mid", "more"))


def _kind(word: str) -> tuple[Kind | None, bool]:
    """What a word says was done, and whether it claims that by itself; ``None`` for a word that claims nothing."""
    return next(((kind, strong) for pattern, kind, strong in KINDS if pattern.fullmatch(word)), (None, False))
