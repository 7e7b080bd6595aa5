"""From a word as written to the words that a program would receive: quotes, braces, tilde, variables, globs.

Nothing is run. What is only known at run time is the `UNKNOWN` character inside a field's text. A word may have several
readings (a variable that is assigned twice); all of them are given, and the judge takes the worst.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product

from .braces import MAX_FIELDS, braces
from .quoting import ansi, skip
from .steps import Step, Word

UNKNOWN = "\0"
"""Stands in a text for whatever the shell will put there. No argument can hold this character itself."""
MAX_READINGS = 24
MAX_TEXT = 4000
"""Characters of a text that is put together from variables; a longer one is unknown."""
MAX_WORK = 1500
"""Pieces times readings in one word; a word of more is unknown."""
MAX_LOOKUPS = 6
"""How deep ``$a`` may lead to ``$b``; a longer chain is unknown."""

_PLAIN = re.compile(r"[\w./:=@%+,-]+\Z", re.ASCII)
_RUN = re.compile(r"[^\\'\"$`<>(*?\[]+")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NUMBERS = frozenset(
    {"?", "#", "$", "!", "PPID", "RANDOM", "SECONDS", "LINENO", "UID", "EUID", "BASHPID", "COLUMNS", "LINES"}
)


@dataclass(frozen=True, slots=True)
class Field:
    """One argument. ``pattern`` is set where an unquoted wildcard is in it, with the quoted ones escaped."""

    text: str
    pattern: str | None = None
    literal: bool = True
    """False as soon as a variable, a substitution or a wildcard had a part in it."""
    inner: tuple[Step, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the text is complete before the command runs."""
        return UNKNOWN not in self.text


@dataclass(frozen=True)
class Variables:
    """What is known of the shell's variables: every text that one may hold at any time in this command."""

    home: str
    user: str
    pwd: str | None
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def get(self, name: str) -> tuple[str, ...]:
        """Every text which ``$name`` may stand for; ``(UNKNOWN,)`` if nothing is known."""
        if name in self.values:
            return self.values[name]
        if name == "HOME":
            return (self.home,)
        if name == "PWD":
            return (UNKNOWN if self.pwd is None else self.pwd,)
        if name in {"USER", "LOGNAME"}:
            return (self.user,)
        if name == "IFS":
            return (" ",)
        if name in _NUMBERS:
            return ("1",)
        return (UNKNOWN,)


@dataclass(frozen=True, slots=True)
class _Build:
    """A reading under construction: finished fields, and the one that grows."""

    done: tuple[Field, ...] = ()
    text: str = ""
    pattern: str = ""
    magic: bool = False
    literal: bool = True
    started: bool = False

    def add(self, text: str, pattern: str, *, magic: bool = False, literal: bool = True) -> _Build:
        literal = self.literal and literal
        if not literal and len(self.text) + len(text) > MAX_TEXT:
            return _Build(self.done, UNKNOWN, UNKNOWN, False, False, True)
        return _Build(self.done, self.text + text, self.pattern + pattern, self.magic or magic, literal, True)

    def split(self) -> _Build:
        if not self.started:
            return self
        return _Build((*self.done, self.current()))

    def current(self) -> Field:
        return Field(self.text, self.pattern if self.magic else None, self.literal and not self.magic)

    def fields(self) -> tuple[Field, ...]:
        return (*self.done, self.current()) if self.started else self.done


def expand(word: Word, variables: Variables) -> list[tuple[Field, ...]]:
    """Every reading of a word, each a row of arguments (braces and unquoted variables give several, or none)."""
    raw = word.text
    if _PLAIN.match(raw) and not raw.startswith("~") and "=~" not in raw:
        return [(Field(raw),)]
    rows = [_scan(piece, variables, splitting=True) for piece in braces(raw)]
    readings: list[tuple[Field, ...]] = []
    for choice in product(*rows):
        readings.append(tuple(item for row in choice for item in row)[:MAX_FIELDS])
        if len(readings) >= MAX_READINGS:
            break
    if word.inner:
        return [tuple(replace(item, inner=word.inner) for item in row) for row in readings]
    return readings


def value_of(word: Word, variables: Variables) -> tuple[str, ...]:
    """Every text that an assignment of this word may give: no braces, no splitting, no wildcards."""
    texts = ["".join(item.text for item in row) for row in _scan(word.text, variables, splitting=False)]
    return tuple(dict.fromkeys(texts))[:MAX_READINGS]


def all_fields(words: tuple[Word, ...], variables: Variables) -> list[Field]:
    """The arguments of a row of words; several readings of one word stand side by side."""
    fields: list[Field] = []
    for word in words:
        for row in expand(word, variables):
            fields.extend(row)
    return fields


def _scan(raw: str, variables: Variables, *, splitting: bool) -> list[tuple[Field, ...]]:
    builds, at = _tilde(raw, variables)
    work = 0
    while at < len(raw):
        work += len(builds)
        if work > MAX_WORK:
            return [(Field(UNKNOWN, literal=False),)]
        run = _RUN.match(raw, at)
        if run is not None:
            at, text = run.end(), run[0]
            builds = [build.add(text, text) for build in builds]
            continue
        end = skip(raw, at)
        piece, char = raw[at:end], raw[at]
        if char == "\\":
            builds = _quoted(builds, piece[1:].replace("\n", ""))
        elif char == "'":
            builds = _quoted(builds, piece[1:-1] if piece.endswith("'") and len(piece) > 1 else piece[1:])
        elif char == '"':
            builds = _double(builds, piece[1:-1] if piece.endswith('"') and len(piece) > 1 else piece[1:], variables)
        elif char == "$" and piece.startswith("$'"):
            builds = _quoted(builds, ansi(piece[2:-1] if piece.endswith("'") else piece[2:]))
        elif char == "$" and raw[at + 1 : at + 2] == '"':
            pass  # a translated string: the next round reads the quotes
        elif char == "$" or char == "`":
            texts, end = _dollar(raw, at, variables)
            builds = _insert(builds, texts, splitting=splitting)
        elif char in "<>" and len(piece) > 1:
            builds = [build.add("/dev/fd/63", "/dev/fd/63") for build in builds]
        elif char == "(":
            builds = [build.add(UNKNOWN, UNKNOWN, literal=False) for build in builds]
        else:
            magic = splitting and (char in "*?" or (char == "[" and "]" in raw[end:]))
            builds = [build.add(piece, piece, magic=magic) for build in builds]
        at = end
    return [build.fields() for build in builds]


def _tilde(raw: str, variables: Variables) -> tuple[list[_Build], int]:
    if not raw.startswith("~"):
        return [_Build()], 0
    end = raw.find("/")
    user = raw[1:] if end < 0 else raw[1:end]
    after = len(raw) if end < 0 else end
    if user == "":
        home = variables.home
    elif user == "+":
        home = variables.get("PWD")[0]
    elif user == "root":
        home = "/root"
    elif re.fullmatch(r"[a-z_][\w-]*", user):
        home = variables.home if user == variables.user else "/home/" + user
    else:
        return [_Build()], 0
    return [_Build().add(home, _escape(home))], after


def _escape(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)


def _quoted(builds: list[_Build], text: str) -> list[_Build]:
    return [build.add(text, _escape(text)) for build in builds]


def _double(builds: list[_Build], body: str, variables: Variables) -> list[_Build]:
    builds, at = _quoted(builds, ""), 0
    work = 0
    while at < len(body):
        work += len(builds)
        if work > MAX_WORK:
            return [build.add(UNKNOWN, UNKNOWN, literal=False) for build in builds[:1]]
        char = body[at]
        if char == "\\":
            following = body[at + 1 : at + 2]
            text = following if following in '$`"\\' else "" if following == "\n" else "\\" + following
            builds, at = _quoted(builds, text), at + 2
        elif char in "$`":
            texts, end = _dollar(body, at, variables)
            joined = [build.add(text, _escape(text), literal=text == char) for build in builds for text in texts]
            builds, at = joined[:MAX_READINGS], end
        else:
            end = at + 1
            while end < len(body) and body[end] not in "\\$`":
                end += 1
            builds, at = _quoted(builds, body[at:end]), end
    return builds


def _insert(builds: list[_Build], texts: tuple[str, ...], *, splitting: bool) -> list[_Build]:
    """Put the value of an unquoted expansion in: it is split at white space, and its wildcards are alive."""
    out: list[_Build] = []
    for build in builds:
        for text in texts:
            if text == "$":
                out.append(build.add("$", "$"))
                continue
            grown = build
            pieces = re.split(r"[ \t\n]+", text) if splitting else [text]
            for index, piece in enumerate(pieces):
                if index:
                    grown = grown.split()
                if piece:
                    magic = splitting and any(mark in piece for mark in "*?[")
                    grown = grown.add(piece, piece, magic=magic, literal=False)
            out.append(replace(grown, literal=False) if grown.started else grown)
    return out[:MAX_READINGS]


def _dollar(raw: str, at: int, variables: Variables, depth: int = 0) -> tuple[tuple[str, ...], int]:
    """What the expansion at ``at`` may give, and where the text goes on. A lone dollar is itself."""
    end = skip(raw, at)
    piece = raw[at:end]
    if piece.strip("`$() \t") == "pwd" and piece[:1] in "$`":
        return variables.get("PWD"), end
    if piece.startswith("$(("):
        return ("1",), end
    if piece.startswith(("$(", "`")):
        return (UNKNOWN,), end
    if piece.startswith("${"):
        return _parameter(piece[2:-1], variables, depth), end
    name = _NAME.match(raw, at + 1)
    if name is not None:
        return variables.get(name[0]), name.end()
    following = raw[at + 1 : at + 2]
    if following and following in "?#$!":
        return ("1",), at + 2
    if following and following in "@*-_0123456789":
        return (UNKNOWN,), at + 2
    return ("$",), at + 1


def _parameter(body: str, variables: Variables, depth: int) -> tuple[str, ...]:
    if body.startswith("IFS"):
        return (" ",)
    if body.startswith("#"):
        return ("1",)
    name = _NAME.match(body)
    if name is None:
        return (UNKNOWN,)
    rest = body[name.end() :]
    texts = variables.get(name[0])
    if not rest:
        return texts
    if rest.startswith((":-", "-", ":=", "=")) and depth < MAX_LOOKUPS:
        other = rest.lstrip(":")[1:]
        return tuple(dict.fromkeys((*texts, *value_of(Word(other), variables))))
    if rest.startswith((":+", "+")) and depth < MAX_LOOKUPS:
        return tuple(dict.fromkeys(("", *value_of(Word(rest.lstrip(":")[1:]), variables))))
    if rest.startswith((":?", "?")):
        return texts
    return (UNKNOWN,)
