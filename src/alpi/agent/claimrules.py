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
from .claimwords import VERBS, Kind, Sort


def claims(text: str) -> Iterator[tuple[str, Kind]]:
    """The claims of a reply: the word, and what it says was done."""
    beside_code = bool(FENCED.search(text) or QUOTED_LINE.search(text))
    for sentence in _sentences(_own_words(text), beside_code):
        if words.may_claim(sentence.text):
            yield from _of_sentence(sentence)


# --- which words are the model's own

FENCED = re.compile(r"(?ms)^[ \t]*(```|~~~).*?(?:^[ \t]*\1[^\n]*$|\Z)")
QUOTED_LINE = re.compile(r"(?m)^[ \t]*>.*$")
INLINE = re.compile(r"`([^`\n]*)`")
IN_QUOTES = re.compile(r"\"[^\"\n]{0,500}\"|«[^»\n]{0,500}»|“[^”\n]{0,500}”|„[^“”\n]{0,500}[“”]|‘[^’\n]{0,500}’(?!\w)")
# Alpi's own files of what it remembers are no files to the check: the memory tool writes them.
MEMORY_FILE = re.compile(r"`?(?:[~\w.-]{0,80}/){0,9}(?:USER|MEMORY|PERSONALITY)\.md\b`?")
FILE_NAME = re.compile(
    r"(?<![\w@])(?:~?/?(?:[\w.-]{1,80}/){1,20}[\w.-]{0,80}|[\w-]{1,80}\.(?:[a-z]\w{0,5}))(?![\w@])|\b[A-Z]+\.md\b"
)
# What a file's name has inside; looked for first, because most lines have none.
INSIDE = re.compile(r"[./]\w|\w/")
LETTER = re.compile(
    r"(?im)^[ \t]*(?:\*\*)?(?:subject:|asunto:|betreff:|objet ?:|(?:dear|hi|hello|hola|querid[oa]|estimad[oa]s?|liebe[r]?|hallo|"
    r"sehr geehrte\w*|cher|chère|bonjour)\b[^.!?\n]{0,40}[,:]?[ \t]*$)"
)
EMPHASIS = re.compile(r"\*\*|__|(?<!\w)[*_](?=\w)|(?<=[\w.!?])[*_](?!\w)")


def _own_words(text: str) -> str:
    """A reply without code, quotations, and letters that it drafts. File names become FILE."""
    text = QUOTED_LINE.sub("", FENCED.sub("CODE.", text))
    text = MEMORY_FILE.sub("MEMORY", text)
    text = INLINE.sub(lambda match: " FILE " if FILE_NAME.fullmatch(match[1].strip()) else " CODE ", text)
    text = IN_QUOTES.sub(" QUOTE ", EMPHASIS.sub("", text))
    letter = LETTER.search(text)
    if letter is not None and text[: letter.start()].strip():
        text = text[: letter.start()]
    return "\n".join(FILE_NAME.sub("FILE", line) if INSIDE.search(line) else line for line in text.split("\n"))


# --- clauses

BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+")
ENDS = re.compile(r"(?<=[.!?…;:])(?<!\b[DMS]r\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bDra\.)(?<!\bSra\.)[)\"'”]*\s+|\s[—–]\s")
# Words of a reply that holds nothing beside its claim: "OK, I fixed it."
BRIEF = 14
# A line that the next one goes on from.
GOES_ON = re.compile(r"[\w,]\s*$")
# A sentence is looked at so far; longer ones are lists of something.
LONGEST = 500
INTERJECTION = re.compile(rf"(?:{words.INTERJECTIONS})\b(?:\s*[,!.:;—–-]+)?\s*", re.IGNORECASE)
HEADING = re.compile(rf"\b(?:{words.HEADING})\b", re.IGNORECASE)
TARGETS = re.compile(rf"\b(?:(?:{words.TARGETS})(?:e?s)?|{words.YOURS})\b", re.IGNORECASE)
PARTS = re.compile(rf"\b(?:{words.PARTS})\b", re.IGNORECASE)
PLACES = re.compile(rf"\b(?:{words.PLACES})\b", re.IGNORECASE)
TEXTS = re.compile(rf"(?:[,:]? (?!(?:the|your|el|la|tu|FILE)\b)\w+){{1,3}} (?:{words.TEXTS})\b", re.IGNORECASE)
KEPT = re.compile(
    rf"\b(?:to|in|into|on|as|at|under|a|en|como) (?:(?:the|your|my|its?|la|el|tus?|mi) )?(?:{words.TARGETS}|{words.YOURS})\b",
    re.IGNORECASE,
)
# What an action is done to ends here: "I changed my mind about the file".
OBJECT_ENDS = re.compile(
    r"^ (?:from|with|by|at|through|por|con|desde)\b|\b(?:about|because|which|so|since|sobre|acerca|porque|que)\b|"
    r"\bthat (?=(?:I|you|he|she|it|we|they|the|this|there|your|an?|is|are)\b)",
    re.IGNORECASE,
)
ANNOUNCED = re.compile(rf"[\W_]*(?:{words.ANNOUNCED})\b(?! by\b| el\b| la\b| que\b)", re.IGNORECASE)
POINTED = re.compile(rf"\b(?:{words.POINTED})\b", re.IGNORECASE)
LONG_AGO = re.compile(rf"\b(?:{words.LONG_AGO})\b", re.IGNORECASE)
DENIED = re.compile(rf"\b(?:{words.DENIED}|{words.MISTAKEN})\b", re.IGNORECASE)
DESCRIBED = re.compile(rf"\b(?:{words.DENIED}|{words.RELATIVE}|{words.REPORTED})\b", re.IGNORECASE)
REPORTED = re.compile(rf"\b(?:{words.REPORTED})\b[^:]*:$", re.IGNORECASE)
AGENT = re.compile(rf"\b(?:{words.AGENT})\b", re.IGNORECASE)
# "I noted a few mistakes" is about seeing them.
NOT_MEANT = re.compile(
    r"\b(?:noted (?:an?|the|some|one|two|three|several|many)|saved you|logged (?:in|on|out|off)|(?:replied|responded) to (?:you|your)|"
    r"ran (?:into|out|through|over|across|the numbers)|made (?:sure|up)|pushed (?:\w+ ){1,5}back|"
    # In Spanish, who writes a program says "programar", too.
    r"program(?:é|ad[oa]) una? (?:\w+ )?(?:función|script|programa|juego|código|clase|módulo|bot|aplicación|app|web|página)|"
    r"moved on|(?:te|os) (?:he |acabo de )?(?:avis|contest|respond|notific|inform)\w+|(?:told|informed|notified) you|paid attention)\b",
    re.IGNORECASE,
)
# "The file that you asked for has been created": what they wanted is no part of what is being described.
ASKED_FOR = re.compile(
    r"\b(?:(?:that|which|as) )?you (?:asked(?: me)?(?: for| to \w+)?|wanted|requested|mentioned)\b|"
    r"\b(?:que|como) (?:me )?(?:pediste|pidió|querías|mencionaste|solicitaste)\b",
    re.IGNORECASE,
)
SYMBOLS = re.compile(r"^[\W_]+")
PLAIN = str.maketrans("áéí", "aei")
NOTHING_OF = re.compile(r"\s+(?:no|nothing|none|nada|ning[uú]n\w*|nichts|kein\w*|rien|aucune?)\b", re.IGNORECASE)
ELSEWHERE = re.compile(rf"\b(?:{words.AGENT}|{words.REPORTED}|{words.CONDITIONS})\b", re.IGNORECASE)
CLAUSE = re.compile(r"[,;:(]|\b(?:and|but|so|y|e|pero|así que|und|aber|et|mais)\b", re.IGNORECASE)
# "The file I created ...", "el archivo que he creado": which file, not what was done. "I confirm that I ..." says so.
WHICH = re.compile(
    r"^\W*(?:the|an?|this|that|those|these|any|every|each|all|anything|everything|something|what|whatever|which)\b[^,]*[\w)] $|"
    r"(?<!confirmo )(?<!decirte )(?<!informo )\b(?:que|donde|como) $",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A piece of a reply.

    ``listed``: it is a point of a list, of which nothing says that it lists what was done, or goes on from the line before. ``done``:
    it is a point of a list of which something does. ``announced``: something before it, or it itself, says "Done". ``beside_code``: the
    reply holds code or a quotation, which may be all that was made. ``brief``: the reply is too short to hold what it speaks of.
    ``names_file``: the reply names a file.
    """

    text: str
    listed: bool
    done: bool
    announced: bool
    beside_code: bool
    brief: bool
    names_file: bool


def _sentences(text: str, beside_code: bool) -> Iterator[_Sentence]:
    """What of a reply may claim something: no questions, nothing that somebody else is said to have written."""
    did = reported = announced = False
    before = ""
    names_file = " FILE" in text
    brief = not beside_code and len(text.split()) <= BRIEF
    for line in text.split("\n"):
        bullet = BULLET.match(line)
        if not bullet and line.strip():
            did = _heads_a_list(line)
        goes_on = bool(GOES_ON.search(before)) and line.lstrip()[:1].islower()
        before = line
        for piece in ENDS.split(line[bullet.end() :] if bullet else line):
            piece = " ".join(piece[:LONGEST].split())
            announced = announced or ANNOUNCED.match(piece) is not None
            if piece and not reported and not piece.endswith("?") and not piece.startswith("¿"):
                listed = bullet is not None
                yield _Sentence(
                    piece, goes_on or (listed and not did), listed and did, announced, beside_code, brief, names_file
                )
                goes_on = False
            reported = piece.endswith(":") and REPORTED.search(piece) is not None


def _heads_a_list(line: str) -> bool:
    """Whether a line says that what follows is a list of what was done: "Changes made:", "Done!"."""
    found = HEADING.search(line) or ANNOUNCED.match(line)
    return found is not None and not DENIED.search(line) and not LONG_AGO.search(line)


# --- what claims

# Any word: whether it claims something is looked up, because the lists in every place would take long to compile.
ANY = rf"(?:{'|'.join(pattern for pattern, _, _ in words.PHRASES)}|\w+(?:-mailed)?)"
I_DID = rf"(?:{'|'.join(did for _, did, _, _ in words.IRREGULAR.values())})"
DE = rf"(?:{'|'.join(words.GERMAN)})"
PHRASES = tuple((re.compile(pattern), kind, strong) for pattern, kind, strong in words.PHRASES)
JUST = (
    r"(?:(?:just|also|now|then|all|both|tod[oa]s?|went ahead and|gone ahead and|ya|también|además|bien|aussi|ensuite|"
    r"(?!only|nearly|usually|normally|probably|generally|mistakenly|wrongly|supposedly)\w+ly|\w+mente),? )*"
)
TO_THEM = r"(?:(?:te|se|le|les|lo|la|los|las|me|os) ){0,3}"

# "I have saved", and what is joined to it: "... and updated".
BY_ME = re.compile(
    rf"(?<!\w)(?P<to>{words.TOLD_THEM})(?= al? )|\bI(?:['’]ve| have)?,? {JUST}(?P<en>{ANY})\b|(?<!\w){TO_THEM}(?:he(?: dejado)?|"
    rf"(?<=l[oa] )tengo|dejo|dejé) {JUST}(?P<es>tomado nota|\w+[oa]s?)\b|"
    rf"(?<!\w){TO_THEM}(?P<past>\w+[éí]|{I_DID})(?!\w)|"
    rf"\bacabo de (?P<inf>\w+)\b|"
    rf"\b(?:ich habe?|habe? ich)\b(?P<mid>[^.;:!?]*?)\b(?P<de>{DE})\b|"
    rf"\b(?:j['’]|je (?:(?:vous|te|le|la|les|lui|leur|l['’]|t['’]) ?)+)ai {JUST}(?P<fr>{ANY})\b",
    re.IGNORECASE,
)
OPENED = re.compile(
    r"\bI(?:['’]ve| have) (?:\w+ )?\w+|\bI (?:\w+ )?\w+(?:ed|nt|ut|te|en|et|an|de)\b|\b(?:he|han? sido|se han?) (?:\w+ )?\w+(?:ad|id|it|"
    r"st|ch)[oa]s?\b|"
    r"\b(?:has|have) been \w+(?:ed|nt|en)\b",
    re.IGNORECASE,
)
JOINED = re.compile(
    rf"(?:,|\band|\by|\be) (?:then |also |have |luego |también |l[oae]s? |he ){{0,3}}(?P<en>{ANY})\b(?! by\b| por\b)",
    re.IGNORECASE,
)
# "has been saved": of what is there now, and by nobody else.
DONE = re.compile(
    rf"\b(?:(?:has|have) {JUST}|(?:it|that)['’]s |they['’]ve )been {JUST}(?P<en>{ANY})\b|"
    rf"\b(?:was|were) (?:successfully|just|now) (?P<was>{ANY})\b|"
    r"\b(?:was|were) (?P<works>\w+) (?:successfully\b|just now\b|and (?:it )?(?:is|are)\b)|"
    rf"\b(?:(?:is|are) (?:now|safely)|(?:it|that)['’]s (?:now|all|safely)|they['’]re (?:now|all|safely)) (?P<now>{ANY})\b|"
    r"^(?:it|that)['’]s (?P<its>\w+)[.!]|"
    r"\byou['’]re (?:all |now )?(?P<you>booked)\b|"
    r"\b(?:reminder|alarm|timer)\b[^,.]*?(?: is|['’]s) (?P<set>set)\b(?! for)|\bis (?P<place>saved) (?:as FILE|in your)\b|"
    r"^(?:all|both|everything)\b[^,]*? (?:is|are) (?P<all>saved|committed|deleted|sent)\b|"
    rf"\b(?:se (?:l[eoa]s? )?han? |^quedan? |han? (?:sido|quedado) |qued(?:ó|aron) |(?:ya|ahora) (?:está|están|quedan?) |est(?:á|"
    rf"án) (?:ya|ahora) ){JUST}(?P<es>{ANY})\b|"
    r"(?:^se (?P<se>\w+) (?=(?:el|la|los|las|tus?|FILE)\b)|\bse (?P<se_well>\w+) (?=correctamente\b|con éxito\b))|"
    rf"\bfue(?:ron)? (?P<fue>{ANY}) (?:correctamente|con éxito|exitosamente|y (?:ya|está|vuelve)\b)|"
    rf"\b(?:wurden?)\b(?P<mid>[^.;:,]*?)\b(?P<de>{DE})\b|\b(?:ist|sind) (?:jetzt|nun|ab sofort) (?P<ist>{ANY})\b|"
    rf"\b(?:a|ont) {JUST}été {JUST}(?P<fr>{ANY})\b|\bc['’]est (?:bien )?(?P<cest>{ANY})\b|"
    rf"\b(?:est|sont) (?:maintenant|désormais) (?P<est>{ANY})\b",
    re.IGNORECASE,
)
# "Your reminder is set": a state, which may be an old one. After "Done!" it is new.
STATE = re.compile(
    rf"\b(?:is|are|was|were) {JUST}(?P<en>{ANY})\b|\b(?:quedan?|está|están|fue|fueron) {JUST}(?P<es>{ANY})\b|"
    rf"\b(?:ist|sind) {JUST}(?P<de>{ANY})\b|\b(?:est|sont) {JUST}(?P<fr>{ANY})\b|(?P<mid>(?!))",
    re.IGNORECASE,
)
# "Your review is now on your calendar", "The email is on its way": where it is now tells what was done.
IN_PLACE = re.compile(
    r"\b(?:is now (?:in|on) (?:your|my)|(?:ya|ahora) está en (?:tu|mi)) (?:(?P<plan>calendar|agenda|calendario)|"
    r"(?P<store>notes|memory|profile|notas|memoria|perfil|(?:[\w-]+ )?list|lista))\b",
    re.IGNORECASE,
)
ON_ITS_WAY = re.compile(
    r"\b(?:e-?mail|message|invitation|reply|correo|mensaje|invitación|respuesta)\b[^.;:,]*? (?:is|va|está)(?: now| already| ya)? "
    r"(?P<send>on its way|de camino|en camino)\b",
    re.IGNORECASE,
)
# As in: Saved! Noted: ... Sent to Ana. Removed the two lines. Email sent.
SUCCESS = re.compile(
    r"^(?:(?:successfully|correctamente|erfolgreich|just|also|now|then|all|everything|ya|también|además|todo) )+",
    re.IGNORECASE,
)
ALONE = re.compile(rf"(?P<any>{ANY})(?:(?: (?:and|y) \w+)?\s*[.!:;]|,(?! (?:que|which|and|y)\b)|$)", re.IGNORECASE)
BEGUN = re.compile(
    rf"(?P<any>{ANY})(?: (?:and|y) \w+)? (?:(?:to|as|under|for|para|como|als|unter|für|sous|pour|dans|the|your|that|this|it|both|all|every|"
    r"el|la|los|las|tus?|das|die|den|le|les|votre)\b|FILE\b|QUOTE\b|CODE\b|(?:in|on|en) (?:(?:your|my|mi|tu|memory|memoria|FILE)\b|#)|"
    r"(?:from|de) (?:your|FILE)\b)",
    re.IGNORECASE,
)
IMPERATIVE = re.compile(r"(?:set|put|split)\b", re.IGNORECASE)
NOUN = re.compile(r"hech[oa]s?\b", re.IGNORECASE)
# "Scheduled for Thursday: the dentist" reads from a calendar.
AGENDA = re.compile(r"\w+ (?:for|para|für|pour)\b[^.]*:", re.IGNORECASE)
FIRST = re.compile(rf"(?P<any>{ANY})\b", re.IGNORECASE)
ARTICLE = r"(?:(?:your|the|tu|el|la|deine?|die|der|votre|le) )?(?:(?!hay|tienes|veo|any|some|new)\w+ )?"
CLOSED = r"(?: (?:correctamente|successfully|erfolgreich))?(?:\s*[.!:;,]|$"
THING = re.compile(
    rf"{ARTICLE}(?:{words.THINGS})\b,? {JUST}(?:\w+ (?:and|y) )?(?P<any>{ANY}){CLOSED}|"
    r"(?P<more> (?:to|for|as|in|on|para|al?|en|como|an|für|à|pour|dans|(?<=updated )with|(?<=actualizad[oa] )con)\b.*))",
    re.IGNORECASE,
)
TARGET = re.compile(rf"{ARTICLE}(?:{words.TARGETS})\b,? {JUST}(?P<any>{ANY}){CLOSED})", re.IGNORECASE)
FINITE = re.compile(
    r"\b(?:is|are|was|were|can|must|will|should|has|have|carry|stay|es|son|debe[n]?|puede[n]?|llevan?|se|ist|sind|est|sont)\b",
    re.IGNORECASE,
)
# A file is made or renamed by none of the tools that keep notes.
MADE = re.compile(
    r"(?:re)?created|wr(?:ote|itten)|renamed|cread[oa]s?|creé|escrit[oa]s?|escribí|renombr\w+", re.IGNORECASE
)
FILE_NEXT = re.compile(r"(?: (?!FILE)\w+){0,3} FILE")
# After an infinitive: "enviárselo".
ENDINGS = re.compile(r"(?:me|te|se|nos|os|l[oae]s?){1,2}$")


# "it", "lo": which thing it is, the words do not say.
IT_NEXT = re.compile(r" (?:it|them|this|everything|both|all)\b", re.IGNORECASE)
IT_BEFORE = re.compile(r"^(?:(?:te|se|me|os) )?l[oa]s? |l[oa]s?$", re.IGNORECASE)
IT_SUBJECT = re.compile(r"(?:it|they|that|everything|ya|se|todo)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Found:
    """A word that may claim something, what stands before and after it, and what form it would have. ``sure``: a weak one counts, too.
    ``passive``: it does not say by whom. ``it``: what was done is told of an "it" alone."""

    word: str
    sort: Sort
    before: str
    after: str
    sure: bool = False
    passive: bool = False
    it: bool = False


def _of_sentence(sentence: _Sentence) -> Iterator[tuple[str, Kind]]:
    text = NOT_MEANT.sub("", ASKED_FOR.sub("", sentence.text))
    if LONG_AGO.search(text):
        return
    bare = SYMBOLS.sub("", text)
    while (found := INTERJECTION.match(bare)) and found.end() < len(bare):
        bare = SYMBOLS.sub("", bare[found.end() :])
    yield from _in_place(bare)
    short = () if sentence.listed else _in_short(SUCCESS.sub("", bare), sentence.done)
    for found in (*_by_me(text), *_done(bare, sentence.announced or text.endswith("!")), *short):
        kind, strong = _kind(found)
        if kind is not None and (strong or found.sure or _of_something(found, kind, sentence)):
            file = kind == "write" and MADE.fullmatch(found.word) and FILE_NEXT.match(found.after)
            yield found.word, "file" if file else kind


def _of_something(found: _Found, kind: Kind, sentence: _Sentence) -> bool:
    """Whether what a weak verb speaks of is something outside of the reply."""
    if POINTED.search(sentence.text):
        return False
    if TEXTS.match(found.after) and not sentence.beside_code:
        return _named(found.after, KEPT)
    if found.passive:
        if sentence.listed:
            return False  # a point of a list of changes, such as those of a release
        return (found.it and sentence.brief) or _named(
            found.before + found.after, PLACES if sentence.beside_code else TARGETS
        )
    thing = found.before + OBJECT_ENDS.split(found.after, maxsplit=1)[0]
    if sentence.beside_code:
        return _named(thing, PLACES)
    return (
        (found.it and (sentence.brief or sentence.names_file or kind == "run"))
        or _named(thing, TARGETS)
        or _named(thing, PARTS)
    )


def _by_me(text: str) -> Iterator[_Found]:
    for match in BY_ME.finditer(text):
        clause = CLAUSE.split(text[: match.start()])[-1] + (match["mid"] or "")
        after = text[match.end() :]
        denied = DENIED.search(clause) or WHICH.search(clause) or match.group().lower().startswith("no ")
        if not denied and not NOTHING_OF.match(after):
            it = IT_NEXT.match(after) or IT_BEFORE.search(match.group())
            yield _Found(*_word(match), clause, after, it=it is not None)
    opened = OPENED.search(text)
    if opened and not DESCRIBED.search(text[: opened.start()]) and not DENIED.search(opened.group()):
        for match in JOINED.finditer(text, opened.end()):
            if not NOTHING_OF.match(text, match.end()):
                yield _Found(match["en"], "participle", "", text[match.end() :])


def _done(text: str, announced: bool) -> Iterator[_Found]:
    for match in (*DONE.finditer(text), *(STATE.finditer(text) if announced else ())):
        before, after = match.string[: match.end() - len(_word(match)[0])], text[match.end() :]
        if not DESCRIBED.search(before) and not ELSEWHERE.search(f"{match['mid'] or ''} {after}"):
            yield _Found(*_word(match), before, after, passive=True, it=IT_SUBJECT.match(before) is not None)


def _in_place(text: str) -> Iterator[tuple[str, Kind]]:
    for pattern in (IN_PLACE, ON_ITS_WAY):
        match = pattern.search(text)
        if match and not DENIED.search(text):
            kind: Kind = "send" if pattern is ON_ITS_WAY else "plan" if match["plan"] else "store"
            yield match[match.lastgroup or 0], kind


def _in_short(text: str, done: bool) -> Iterator[_Found]:
    """Claims without a subject or a verb that is bent. ``done``: a point of a list of what was done."""
    if ELSEWHERE.search(text):
        return
    if (found := ALONE.match(text)) and not NOUN.match(text):
        yield _Found(found["any"], "participle", "", "", sure=True)
    if (found := (FIRST if done else BEGUN).match(text)) and not IMPERATIVE.match(text) and not AGENDA.match(text):
        after = text[found.end("any") :]
        yield _Found(found["any"], "participle", "", after, sure=done, it=IT_NEXT.match(after) is not None)
    found = THING.match(text)
    if found and FINITE.search(found["more"] or ""):
        return
    if found or (found := TARGET.match(text)):
        yield _Found(found["any"], "participle", "", "", sure=True)


def _word(match: re.Match[str]) -> tuple[str, Sort]:
    """The word of a match, and what form it is looked for in: the groups of a pattern are named by that."""
    group, word = next((name, word) for name, word in match.groupdict().items() if word and name != "mid")
    sorts: dict[str, Sort] = {"past": "past", "inf": "infinitive", "se": "others", "se_well": "others"}
    return word, sorts.get(group, "participle")


def _named(text: str, things: re.Pattern[str]) -> bool:
    return things.search(text) is not None


def _kind(found: _Found) -> tuple[Kind | None, bool]:
    """What a word says was done, and whether it claims that by itself; ``None`` for a word that claims nothing."""
    word = found.word.lower()
    if found.sort == "infinitive" and (word, found.sort) not in VERBS:
        word = ENDINGS.sub("", word).translate(PLAIN)
    if " " in word:
        return next(((kind, strong) for pattern, kind, strong in PHRASES if pattern.fullmatch(word)), (None, False))
    return VERBS.get((word, found.sort), (None, False))
