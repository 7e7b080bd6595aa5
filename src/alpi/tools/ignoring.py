"""What a ``.gitignore`` says, read as git reads it (gitignore(5); the matching is that of git's wildmatch, byte by byte)."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LARGEST = 4 << 20
CLASSES = (
    ("alnum", string.ascii_letters + string.digits),
    ("alpha", string.ascii_letters),
    ("blank", " \t"),
    ("cntrl", "".join(map(chr, [*range(32), 127]))),
    ("digit", string.digits),
    ("graph", string.ascii_letters + string.digits + string.punctuation),
    ("lower", string.ascii_lowercase),
    ("print", string.ascii_letters + string.digits + string.punctuation + " "),
    ("punct", string.punctuation),
    ("space", string.whitespace),
    ("upper", string.ascii_uppercase),
    ("xdigit", string.hexdigits),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line. ``by_name``: it is about the last part of a path, wherever that stands."""

    pattern: re.Pattern[str]
    by_name: bool
    folders_only: bool
    ignores: bool


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The rules of one ``.gitignore``, for the paths below its folder."""

    folder: Path
    rules: tuple[Rule, ...]

    def verdict(self, path: Path, is_folder: bool) -> bool | None:
        """Whether it ignores a path; ``None`` where it does not speak of it. The last line that does decides."""
        relative = _bytes(path.relative_to(self.folder).as_posix())
        name = relative.rpartition("/")[2]
        for rule in reversed(self.rules):
            if rule.folders_only and not is_folder:
                continue
            if rule.pattern.fullmatch(name if rule.by_name else relative):
                return rule.ignores
        return None


def read_ignore_file(folder: Path) -> IgnoreFile | None:
    """The rules of the ``.gitignore`` in a folder; ``None`` where there is none."""
    try:
        # Git does not follow a link there either, and must not wait for a pipe.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(folder / ".gitignore", flags), "rb") as file:
            text = file.read(LARGEST).removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    except OSError:
        return None
    rules = [rule for line in text.split("\n") if (rule := _rule(line.removesuffix("\r"))) is not None]
    return IgnoreFile(folder, tuple(rules)) if rules else None


def is_ignored(path: Path, is_folder: bool, files: Sequence[IgnoreFile]) -> bool:
    """Whether a path is ignored, given the files from the top down: a deeper one stands above a shallower one."""
    for file in reversed(files):
        verdict = file.verdict(path, is_folder)
        if verdict is not None:
            return verdict
    return False


def _bytes(path: str) -> str:
    """A path with one character for each of its bytes, as git sees it."""
    return os.fsencode(path).decode("latin-1")


def _rule(line: str) -> Rule | None:
    if line.startswith("#"):
        return None
    while line.endswith(" ") and not re.search(r"(?<!\\)(?:\\\\)*\\ $", line):
        line = line[:-1]
    ignores = not line.startswith("!")
    line = line if ignores else line[1:]
    folders_only = line.endswith("/")
    line = line[:-1] if folders_only else line
    by_name = "/" not in line
    pattern = translated(line.removeprefix("/"))
    return (
        Rule(re.compile(pattern, re.DOTALL), by_name, folders_only, ignores) if line and pattern is not None else None
    )


def translated(glob: str) -> str | None:
    """A glob as a regular expression; ``None`` where it can match nothing."""
    out, at = "", 0
    while at < len(glob):
        character = glob[at]
        at += 1
        if character == "\\":
            if at == len(glob):
                return None
            out += re.escape(glob[at])
            at += 1
        elif character == "*":
            start = at - 1
            while at < len(glob) and glob[at] == "*":
                at += 1
            # Two stars that are a whole part of the path stand for any folders.
            if at - start < 2 or glob[:start][-1:] not in ("", "/") or glob[at : at + 1] not in ("", "/"):
                out += "[^/]*"
            elif at == len(glob):
                out += ".*"
            else:
                out += "(?:.*/)?"
                at += 1
        elif character == "[":
            found = _set(glob, at)
            if found is None:
                return None
            characters, at = found
            out += "[" + "".join(map(re.escape, sorted(characters))) + "]" if characters else "(?!)"
        else:
            out += "[^/]" if character == "?" else re.escape(character)
    return out


def _set(glob: str, at: int) -> tuple[set[str], int] | None:
    """The characters that ``[...]`` stands for, and where it ends; ``None`` where it has no end."""
    negated = glob[at : at + 1] in ("!", "^") and at < len(glob)
    at += negated
    found: set[str] = set()
    begin, before = at, ""
    while at < len(glob):
        character = glob[at]
        if character == "]" and at > begin:
            characters = {chr(n) for n in range(256)} - found if negated else found
            return characters - {"/"}, at + 1
        end = glob.find("]", at + 2) if glob[at : at + 2] == "[:" else -1
        if end > at + 2 and glob[end - 1] == ":":
            members = dict(CLASSES).get(glob[at + 2 : end - 1])
            if members is None:
                return None
            found |= set(members)
            at, before = end + 1, ""
            continue
        if character == "-" and before and glob[at + 1 : at + 2] not in ("", "]"):
            at += 2 if glob[at + 1] == "\\" else 1
            if at >= len(glob):
                return None
            found |= {chr(n) for n in range(ord(before), ord(glob[at]) + 1)}
            at, before = at + 1, ""
            continue
        if character == "\\":
            at += 1
            if at >= len(glob):
                return None
            character = glob[at]
        found.add(character)
        at, before = at + 1, character
    return None
