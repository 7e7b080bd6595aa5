"""What of the person's own would travel in an address or a query: secrets, lines of the memory, text of files and tools.

What leaves is read as its receiver could read it: percent, plus, base64 and hex decoded, and without the separators that it may have
been cut with. Comparing ignores case and everything but letters and digits. What was reworded is not found; this stops what was copied.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import unquote, unquote_plus, urlsplit

import msgspec

from ..base.message import Message, ToolMessage, UserMessage

# Letters and digits in a row that a copy must have to be one: of the memory; of what tools gave; of that after others' text was read,
# which may ask for it. An error message is often searched for, so without such text it takes more.
OF_MEMORY = 16
OF_RESULTS = 64
OF_RESULTS_MARKED = 24
# Of the tools' results, the newest characters that are compared.
MOST_TEXT = 2_000_000
MOST_OUTGOING = 20_000
LEAST_CODE = 16
PUBLIC_SOURCES = ("the web page ", "a web search ")

ADDRESS = re.compile(r"https?://[^\s<>\"'`)\]}]+", re.IGNORECASE)
BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{LEAST_CODE},}}")
HEX = re.compile(rf"(?:[0-9A-Fa-f]{{2}}){{{LEAST_CODE // 2},}}")
# Short, and telling all the same: mail addresses, and numbers as long as those of telephones, cards and accounts (but no dates).
MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[ ()/-]?\d){7,18}(?!\w)")
DATE = re.compile(r"(?:19|20)\d\d[01]\d[0-3]\d\d*")
NOT_PLAIN = re.compile(r"[\W_]+")


class Leak(msgspec.Struct, frozen=True):
    """What was found, in words. ``secret``: it must not leave at all."""

    what: str = ""
    secret: bool = False


def nothing_private(text: str) -> Leak:
    """For conversations that hold nothing of anybody's."""
    return Leak()


class PrivateData:
    """Looks for the person's own in what is about to leave one conversation.

    Args:
        redact: takes the profile's secrets out of a text.
        memory: gives the entries of the memory files, as (name of the file, text).
        messages: gives all messages of the conversation.
        marked: whether others' text was read in it.
    """

    def __init__(
        self,
        redact: Callable[[str], str],
        memory: Callable[[], Iterable[tuple[str, str]]],
        messages: Callable[[], Sequence[Message]],
        marked: Callable[[], bool],
    ) -> None:
        self._redact = redact
        self._memory = memory
        self._messages = messages
        self._marked = marked

    def __call__(self, text: str) -> Leak:
        """What of the person's own a text holds.

        Raises:
            StorageError: the memory cannot be read.
        """
        forms = list(dict.fromkeys(readings(text[:MOST_OUTGOING])))
        if any(self._redact(form) != form for form in forms):
            return Leak("a secret of this profile", secret=True)
        messages = self._messages()
        public = self._public(messages, text)
        plain_public = plain(public)
        compared = [(form, plain(form)) for form in forms]
        least = OF_RESULTS_MARKED if self._marked() else OF_RESULTS
        found = [
            label
            for label, own, most in self._own(messages, text, least)
            if any(
                telling(form, own, public) or copied(bare, plain(own), plain_public, most) for form, bare in compared
            )
        ]
        named = list(dict.fromkeys(found))
        return Leak(" and ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else ""))

    def _own(self, messages: Sequence[Message], leaving: str, least: int) -> Iterator[tuple[str, str, int]]:
        """The person's own texts: what each is called, the text, and how long a copy must be."""
        for name, entry in self._memory():
            yield f"a line of {name}", entry, OF_MEMORY
        left = MOST_TEXT
        for message in reversed(messages):
            if isinstance(message, ToolMessage) and not message.source.startswith(PUBLIC_SOURCES) and left > 0:
                # An address that a file names may be fetched as it stands: its owner knows it.
                text = message.text[-left:]
                text = text.replace(leaving, " ") if _host(leaving) else text
                left -= len(text)
                yield f"text from {message.source or f'a result of {message.name}'}", text, least

    @staticmethod
    def _public(messages: Sequence[Message], leaving: str) -> str:
        """What others know already: what the person wrote to be acted on, pages of the web, and the places of the host itself."""
        host = _host(leaving)
        known: list[str] = []
        for message in messages:
            if isinstance(message, UserMessage):
                known.append(message.text)
            elif isinstance(message, ToolMessage):
                if message.source.startswith(PUBLIC_SOURCES):
                    known.append(f"{message.source}\n{message.text}")
                elif host:
                    found = (match.group().partition("?")[0] for match in ADDRESS.finditer(message.text))
                    known += [address for address in found if _host(address) == host]
        return "\n".join(known)


def readings(text: str, depth: int = 3) -> Iterator[str]:
    """A text as it stands, and as its receiver may decode it."""
    yield text
    if not depth:
        return
    for decoded in {unquote(text), unquote_plus(text)} - {text}:
        yield from readings(decoded, depth - 1)
    unnamed = re.sub(r"[&?;]\w{0,20}=", " ", text)  # the values of parameters, one after the other
    if unnamed != text:
        yield unnamed
    for joined in {text, *(re.sub(r"[./&=?:,;%\s-]", "", form) for form in (text, unnamed))}:
        for found in HEX.finditer(joined):
            yield from _inside(bytes.fromhex(found.group()), depth)
        for found in BASE64.finditer(joined):
            run = found.group().translate(str.maketrans("-_", "+/"))
            # Where in the run the code begins is not known; every fourth character begins a group.
            for start in range(4):
                part = run[start:]
                part = part[: len(part) - (len(part) % 4 == 1)]
                try:
                    data = base64.b64decode(part + "=" * (-len(part) % 4))
                except binascii.Error:
                    continue
                yield from _inside(data, depth)


def _inside(data: bytes, depth: int) -> Iterator[str]:
    """Bytes as text, where most of them are some; an end or a beginning that is none is left out."""
    text = data.decode("utf-8", "ignore")
    legible = sum(character.isprintable() or character.isspace() for character in text)
    if len(text) >= 6 and legible >= 0.85 * len(data.decode("utf-8", "replace")):
        yield from readings(text, depth - 1)


def plain(text: str) -> str:
    """A text's letters and digits, in one case."""
    return NOT_PLAIN.sub("", unicodedata.normalize("NFKC", text).casefold())


def copied(leaving: str, own: str, public: str, least: int) -> bool:
    """Whether ``least`` characters in a row of what leaves stand in a text of the person's, and nowhere in public. All are ``plain``.

    A copy that long holds a whole block of half its length, so only those are looked for; what is found is then made as long as it goes.
    """
    block = least // 2
    for start in range(0, len(leaving) - block + 1, block):
        piece = leaving[start : start + block]
        place = own.find(piece)
        tries = 0
        while place >= 0 and tries < 50:
            first, last = start, start + block
            while first > 0 and place - (start - first) > 0 and leaving[first - 1] == own[place - (start - first) - 1]:
                first -= 1
            while (
                last < len(leaving) and place + last - start < len(own) and leaving[last] == own[place + last - start]
            ):
                last += 1
            if last - first >= least and not _known(leaving[first:last], public, least):
                return True
            place = own.find(piece, place + 1)
            tries += 1
    return False


def _known(run: str, public: str, least: int) -> bool:
    """Whether every part of a run that is long enough to count stands in public."""
    return all(run[start : start + least] in public for start in range(len(run) - least + 1))


def telling(leaving: str, own: str, public: str) -> bool:
    """Whether a mail address or a long number of a text of the person's stands in what leaves."""
    if "@" in leaving:
        mails = {mail.casefold() for mail in MAIL.findall(leaving)}
        if any(mail in own.casefold() and mail not in public.casefold() for mail in mails):
            return True
    numbers = _numbers(leaving)
    return bool(numbers and (numbers & _numbers(own)) - _numbers(public))


def _numbers(text: str) -> set[str]:
    digits = (re.sub(r"\D", "", number) for number in NUMBER.findall(text))
    return {number for number in digits if not DATE.fullmatch(number)}


def _host(text: str) -> str:
    """The host of a web address; ``""`` for any other text, also one that begins with ``//`` as a comment in a program does."""
    try:
        parts = urlsplit(text)
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""
