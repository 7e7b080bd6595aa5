"""Reading a command line by a program's table: which words are flags, which are their values, which are operands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from alpi.safety.tiers import Tier

from .expand import UNKNOWN, Field
from .tables import Entry

_NUMERIC = re.compile(r"-\d+\Z")


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag by its full name, and its value if it takes one."""

    name: str
    value: Field | None = None


@dataclass(slots=True)
class Options:
    """A command line, taken apart."""

    flags: list[Flag] = field(default_factory=list)
    operands: list[Field] = field(default_factory=list)
    doubtful: bool = False
    """A word which is only known at run time stands where it could be a flag."""

    def has(self, *names: str) -> bool:
        """Whether one of these flags was given, long ones perhaps abbreviated."""
        for flag in self.flags:
            if flag.name in names:
                return True
            if flag.name.startswith("--") and len(flag.name) > 2 and any(name.startswith(flag.name) for name in names):
                return True
        return False

    def has_exactly(self, *names: str) -> bool:
        """The same without abbreviations: for flags which make a command milder."""
        return any(flag.name in names for flag in self.flags)

    def value(self, *names: str) -> str:
        """The text of the last of these flags, or ``""``."""
        found = ""
        for flag in self.flags:
            if flag.name in names and flag.value is not None:
                found = flag.value.text
        return found


def read_options(entry: Entry, fields: list[Field]) -> Options:
    """Take the words after the program's name apart. Unknown flags are kept as flags without value."""
    options = Options()
    waiting = list(reversed(fields))
    while waiting:
        item = waiting.pop()
        text = item.text
        if text == "--":
            options.operands += reversed(waiting)
            break
        if text.startswith(UNKNOWN) or (item.pattern is not None and text[:1] in "*?["):
            options.doubtful = True
        if len(text) < 2 or not text.startswith("-"):
            options.operands.append(item)
            if entry.first:
                options.operands += reversed(waiting)
                break
        elif text.startswith("--") or entry.single:
            _long(entry, item, waiting, options)
        else:
            _cluster(entry, item, waiting, options)
    return options


def _long(entry: Entry, item: Field, waiting: list[Field], options: Options) -> None:
    name, equals, value = item.text.partition("=")
    full = full_name(entry, name)
    if equals:
        options.flags.append(Flag(full, Field(value, None, item.literal, item.inner)))
    elif full in entry.values:
        options.flags.append(Flag(full, waiting.pop() if waiting else None))
    else:
        options.flags.append(Flag(full))


def _cluster(entry: Entry, item: Field, waiting: list[Field], options: Options) -> None:
    text = item.text
    listed = text in entry.values or (entry.allow is not None and text in entry.allow)
    if _NUMERIC.match(text) and not listed:
        options.flags.append(Flag("-#", Field(text)))
        return
    for index in range(1, len(text)):
        name, rest = "-" + text[index], text[index + 1 :]
        if name in entry.values:
            value = Field(rest, None, item.literal, item.inner) if rest else waiting.pop() if waiting else None
            options.flags.append(Flag(name, value))
            return
        options.flags.append(Flag(name))


def full_name(entry: Entry, name: str) -> str:
    """Spell out an abbreviated long flag. Where several fit, one that makes it worse wins."""
    if (
        name in entry.values
        or name in entry.raises
        or (entry.allow and name in entry.allow)
        or not name.startswith("--")
    ):
        return name
    worse = [flag for flag in entry.raises if flag.startswith(name)]
    if worse:
        return max(worse, key=lambda flag: entry.raises[flag][0])
    taking = [flag for flag in entry.values if flag.startswith(name)]
    if taking:
        return max(taking, key=lambda flag: (entry.values[flag] not in {"text", "read"}, flag))
    return name


def judge_flags(entry: Entry, options: Options) -> list[tuple[Tier, str]]:
    """What the table says about the flags alone."""
    found = []
    for flag in options.flags:
        raised = entry.raises.get(flag.name)
        if raised is not None:
            found.append((raised[0], f"{flag.name}: {raised[1]}"))
        elif entry.allow is not None and flag.name not in entry.allow and flag.name not in entry.values:
            found.append(
                (Tier.CAUTION, f"{flag.name} is not among the flags of {entry.name} that are known to be harmless")
            )
    if options.doubtful and (entry.allow is not None or entry.raises):
        found.append((Tier.CAUTION, f"an argument of {entry.name} is only known when it runs, and could be a flag"))
    return found
