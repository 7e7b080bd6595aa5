"""A memory file as entries: which stretches of a person's Markdown are notes, and how one is put in, exchanged or taken out.

An entry is a top-level list item with all that is indented below it (nested items, code, further paragraphs), a fenced block of code,
or any other paragraph. Headings, rules, blank lines, front matter and HTML comments are the person's arrangement: they stand around
entries and are never touched. Offsets are counted in characters of the file as it stands, so every other byte stays what it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

BOM = "\ufeff"
_ITEM = re.compile(r"( {0,3})([-*+]|\d{1,9}[.)])([ \t]+|(?=\r?\n|$))")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|\r?\n|$)")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})\r?\n?$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})[ \t]*\r?\n?$")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_EDGE = re.compile(r"---[ \t]*\r?\n?$")


class Entry(Struct, frozen=True):
    """One entry. ``start`` and ``end`` are where it stands in the file (its last newline included), ``raw`` is the text there,
    ``words`` what it says: without its bullet, its indentation and blanks at the end. ``section`` is the heading above it."""

    start: int
    end: int
    raw: str
    words: str
    section: str
    item: bool

    @property
    def line(self) -> str:
        """What it says, on one line."""
        return " ".join(self.words.split())


class Document(Struct, frozen=True):
    """A file's text and its entries, in order. ``headings`` are the lines of headings with where they stand."""

    text: str
    entries: tuple[Entry, ...]
    headings: tuple[tuple[int, str], ...]

    @property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if "\r\n" in self.text else "\n"


class Patch(Struct, frozen=True):
    """What a change does to a text: at ``at``, ``before`` gives way to ``after``."""

    at: int
    before: str
    after: str

    def apply(self, text: str) -> str:
        """The text after the change.

        Raises:
            ValueError: what it takes out does not stand there.
        """
        if text[self.at : self.at + len(self.before)] != self.before:
            raise ValueError(f"{self.before!r} does not stand at {self.at}")
        return text[: self.at] + self.after + text[self.at + len(self.before) :]


def parse(text: str) -> Document:
    """Divide a file into entries. Any text can be divided; what is not arrangement is an entry."""
    return _Parser(text).run()


def adding(document: Document, words: str) -> Patch:
    """A new entry at the end, as an item of the last list where the file ends with one."""
    last = document.entries[-1] if document.entries else None
    rest = document.text[last.end :] if last is not None else ""
    newline = document.newline
    if last is not None and last.item and not rest.strip():
        bullet = _ITEM.match(last.raw)
        assert bullet is not None
        mark = bullet[2] if bullet[2] in "-*+" else "-"
        ended = last.raw.endswith("\n")
        return Patch(
            last.end, "", ("" if ended else newline) + as_item(words, newline, mark, bullet[1]) + newline * ended
        )
    at = len(document.text)
    if not document.text.strip(BOM + " \t\r\n"):
        return Patch(at, "", as_item(words, newline) + newline)
    before = (
        "" if document.text.endswith(("\n\n", "\r\n\r\n")) else newline if document.text.endswith("\n") else 2 * newline
    )
    return Patch(at, "", before + as_item(words, newline) + newline)


def replacing(document: Document, entry: Entry, words: str) -> Patch:
    """Other words in an entry's place, in the form that it had."""
    newline = document.newline
    end = entry.raw[len(entry.raw.rstrip("\r\n")) :]
    bullet = _ITEM.match(entry.raw) if entry.item else None
    made = newline.join(words.split("\n")) if bullet is None else as_item(words, newline, bullet[2], bullet[1])
    return _parted(document, entry, made + end, words)


def removing(document: Document, entry: Entry) -> Patch:
    """An entry taken out."""
    return _parted(document, entry, "", "")


def _parted(document: Document, entry: Entry, made: str, words: str) -> Patch:
    """A text in an entry's place, so that it and its neighbours stay entries of their own: as it is, or else with a blank line or an empty
    comment around it, which is how Markdown keeps two lists apart."""
    wanted = [words if other is entry else other.words for other in document.entries]
    newline = document.newline
    comment = f"{newline}<!-- -->{newline}{newline}"
    borders = ("", newline, comment)
    for before, after in sorted(
        ((one, other) for one in borders for other in borders), key=lambda pair: len("".join(pair))
    ):
        patch = Patch(entry.start, entry.raw, before + made + after)
        if [other.words for other in parse(patch.apply(document.text)).entries] == [text for text in wanted if text]:
            return patch
    return Patch(entry.start, entry.raw, made)


def as_item(words: str, newline: str, mark: str = "-", indent: str = "") -> str:
    """Words as a list item; further lines are indented below the first."""
    first, *more = words.split("\n")
    below = " " * (len(indent) + len(mark) + 1)
    return newline.join([f"{indent}{mark} {first}", *(below + line if line.strip() else "" for line in more)])


def as_words(text: str) -> str:
    """What a model or a person gave as an entry, as the words of one: without a bullet, and blanks around it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).strip(BOM + " \n")
    bullet = _ITEM.match(text)
    if bullet is not None and text[bullet.end() :].strip() and bullet[2] in "-*+":
        return _words(text, item=True)
    return "\n".join(line.rstrip() for line in text.split("\n"))


class _Parser:
    """Goes through the lines once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[str] = re.findall(r"[^\n]*\n|[^\n]+", text)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._entries: list[Entry] = []
        self._headings: list[tuple[int, str]] = []
        self._section = ""

    def run(self) -> Document:
        at = self._front_matter()
        while at < len(self._lines):
            at = self._block(at)
        return Document(self._text, tuple(self._entries), tuple(self._headings))

    def _block(self, at: int) -> int:
        """Read what begins at a line; gives the line after it."""
        line = self._line(at)
        if not line.strip() or _RULE.match(line):
            return at + 1
        if _HEADING.match(line):
            return self._heading(at, at + 1, line.strip().strip("#").strip())
        if line.lstrip(" ").startswith("<!--") and (end := self._comment(at)):
            return end
        if _ITEM.match(line):
            return self._entry(at, self._item_end(at), item=True)
        if _FENCE.match(line):
            return self._entry(at, self._fence_end(at))
        return self._paragraph(at)

    def _line(self, at: int) -> str:
        return self._lines[at].removeprefix(BOM) if at == 0 else self._lines[at]

    def _front_matter(self) -> int:
        if self._lines and _EDGE.match(self._line(0)):
            for at in range(1, len(self._lines)):
                if _EDGE.match(self._lines[at]):
                    return at + 1
        return 0

    def _comment(self, at: int) -> int:
        """The line after a comment that begins here and has its end at the end of a line; else 0: a text like any other."""
        for end in range(at, len(self._lines)):
            if "-->" in self._lines[end]:
                return end + 1 if self._lines[end].rstrip().endswith("-->") else 0
        return 0

    def _heading(self, at: int, end: int, title: str) -> int:
        self._section = title
        self._headings.append((self._starts[at], title))
        return end

    def _paragraph(self, at: int) -> int:
        end = at + 1
        while end < len(self._lines) and not self._begins(end):
            if _UNDERLINE.match(self._lines[end]):
                return self._heading(at, end + 1, " ".join(self._between(at, end).split()))
            end += 1
        if end < len(self._lines) and re.match(r" {0,3}-{2,}[ \t]*\r?\n?$", self._lines[end]):
            return self._heading(at, end + 1, " ".join(self._between(at, end).split()))
        if end < len(self._lines) and _FENCE.match(self._lines[end]):
            end = self._fence_end(end)  # code right below a sentence belongs to it
        return self._entry(at, end)

    def _begins(self, at: int) -> bool:
        """Whether a line ends the paragraph above it."""
        line = self._lines[at]
        return not line.strip() or any(form.match(line) for form in (_HEADING, _RULE, _ITEM, _FENCE))

    def _item_end(self, at: int) -> int:
        """The line after a list item: all that is indented below it, and lines that go on with its last paragraph."""
        inside = _width(self._line(at)) + 2
        end, last, blank = at + 1, at + 1, False
        fence = _opening(self._line(at)[_marker(self._line(at)) :])
        while end < len(self._lines):
            line = self._lines[end]
            if not line.strip():
                blank = True
            elif _width(line) >= inside:
                fence = _opening(line) if not fence else "" if _closes(line, fence) else fence
                last, blank = end + 1, False
            elif not blank and not fence and not self._begins(end):
                last = end + 1
            else:
                break
            end += 1
        return last

    def _fence_end(self, at: int) -> int:
        fence = _opening(self._line(at))
        for end in range(at + 1, len(self._lines)):
            if _closes(self._lines[end], fence):
                return end + 1
        return len(self._lines)

    def _between(self, at: int, end: int) -> str:
        return "".join(self._line(number) for number in range(at, end))

    def _entry(self, at: int, end: int, item: bool = False) -> int:
        raw = self._between(at, end)
        start = self._starts[end] - len(raw)
        if words := _words(raw, item):  # a bullet with nothing behind it is no note
            self._entries.append(Entry(start, self._starts[end], raw, words, self._section, item))
        return end


def _words(raw: str, item: bool) -> str:
    lines = raw.replace("\r\n", "\n").rstrip("\n").split("\n")
    if item:
        cut = _marker(lines[0])
        lines[0] = lines[0][cut:]
        depths = [_width(line) for line in lines[1:] if line.strip()]
        shared = min([cut, *depths])
        lines[1:] = [line.expandtabs(4)[shared:] for line in lines[1:]]
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _marker(line: str) -> int:
    """How many characters a bullet with its blanks takes."""
    found = _ITEM.match(line)
    return found.end() if found else 0


def _width(line: str) -> int:
    """How far a line is indented, a tab as four blanks."""
    wide = line.expandtabs(4)
    return len(wide) - len(wide.lstrip(" "))


def _opening(line: str) -> str:
    """The fence that a line opens, or ``""``."""
    found = _FENCE.match(line.strip(" \t\r\n")) or _FENCE.match(line.lstrip(" \t")[_marker(line.lstrip(" \t")) :])
    return str(found[1]) if found else ""


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(fence) and not bare.strip(fence[0])


def merged(base: Sequence[str], mine: Document, theirs: Sequence[str]) -> Document:
    """A person's edited file, with what others did to the entries of ``base`` meanwhile (``theirs``): theirs that are new are added, and
    those that they took out are taken out."""
    added = list(theirs)
    for words in base:
        if words in added:
            added.remove(words)
    gone = list(base)
    for words in theirs:
        if words in gone:
            gone.remove(words)
    document = mine
    for words in gone:
        found = next((entry for entry in document.entries if entry.words == words), None)
        if found is not None:
            document = parse(removing(document, found).apply(document.text))
    for words in added:
        if all(entry.words != words for entry in document.entries):
            document = parse(adding(document, words).apply(document.text))
    return document
