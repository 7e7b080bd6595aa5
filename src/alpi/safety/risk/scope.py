"""What a yes "for this session" or "always" covers: an exact key, and the same in words.

A key is computed from the one part of a command that needs the yes, and from nothing else:

- the program, by the name or path it was called by,
- for network programs that only fetch: the flags with their values, sorted, and the hosts with their ports,
- for programs that work on paths: the flags with their values, sorted, and the resolved folders (for recursive deletion the
  very path),
- for all others: subcommand, flags and operands word by word and in their order, and the working folder. Only the values of
  flags that the tables call ``free``, such as a commit message, are left out,
- for a script file the SHA-256 of its content,
- assignments before the command and the files it redirects to.

A saved key covers a later command only if that command's own key is equal, character by character. There is no key
(``None``) where more than one part needs a yes, where anything is only known at run time, where another part writes files or
feeds the unsafe part, and where the command could not be read without doubt: such commands are asked about each time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

ANYTHING = "…"
"""Stands in a key for the value of a flag that does not matter."""


@dataclass(frozen=True)
class Scope:
    """``key`` is compared and stored; ``description`` is shown to a person."""

    key: str
    description: str


@dataclass(slots=True)
class ScopeParts:
    """Collected while one simple command is judged."""

    program: str = ""
    flags: list[str] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)
    free: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    scripts: dict[str, str] = field(default_factory=dict)
    assignments: list[str] = field(default_factory=list)
    mode: str = "words"
    possible: bool = True

    def _masked(self, text: str) -> str:
        for value in self.free:
            if value and text.endswith(value):
                return text[: -len(value)] + ANYTHING
        return text

    def build(self, folder: str) -> Scope | None:
        """The scope of this part, run in ``folder``; ``None`` if it cannot be fixed."""
        if not self.possible or not self.program:
            return None
        raw: dict[str, object] = {"program": self.program}
        if self.mode == "words":
            words = [self._masked(text) for text in self.argv]
            raw["words"], raw["in"] = words, folder
            told = " ".join([self.program, *words]) + f" in {folder}"
        else:
            raw["flags"] = sorted(self.flags)
            told = " ".join([self.program, *sorted(self.flags)])
        if self.mode == "host":
            if not self.hosts:
                return None
            raw["hosts"] = sorted(self.hosts)
            told += " to " + ", ".join(sorted(self.hosts))
        elif self.mode == "folder" and not self.folders:
            return None
        if self.folders:
            raw["folders"] = sorted(self.folders)
            told += ", on files in " + ", ".join(sorted(self.folders))
        if self.scripts:
            raw["scripts"] = dict(sorted(self.scripts.items()))
            told += "".join(
                f", while {name} stays as it is (sha256 {digest[:12]})" for name, digest in sorted(self.scripts.items())
            )
        if self.assignments:
            raw["with"] = sorted(self.assignments)
            told += ", with " + " ".join(sorted(self.assignments))
        return Scope(json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=True), told)
