"""The claim check: which words of a reply say that something was done that no tool call of its turn did. Pure.

How a reply is read is in claimrules.py, which is loaded only for one that has such a word at all; the words are in claimwords.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec

from .claimwords import LANGUAGES, Kind


@dataclass(frozen=True, slots=True)
class DoneCall:
    """A tool call of the turn that is over: the tool's name, the arguments as the model wrote them (JSON), whether it succeeded, and what
    it gave back. A refused call did not succeed."""

    name: str
    arguments: str
    ok: bool
    result: str


EVERYTHING: frozenset[Kind] = frozenset(get_args(Kind))
# alpi's own tools that do one thing. Any other tool may have done anything, so that nothing is doubted after it.
NOTHING: frozenset[Kind] = frozenset()
FILES: frozenset[Kind] = frozenset({"store", "write"})
BACKED: tuple[tuple[str, frozenset[Kind]], ...] = (
    ("read_file", NOTHING),
    ("search_files", NOTHING),
    ("session_search", NOTHING),
    ("web_search", NOTHING),
    ("web_fetch", NOTHING),
    ("research", NOTHING),
    ("write_file", FILES),
    ("edit_file", FILES),
    ("memory", FILES),
    ("todo", FILES),
    ("schedule", FILES | {"plan"}),
)
# Commands that only look. A command line of nothing else has done nothing.
LOOKING = (
    r"(?:ls|cat|head|tail|grep|rg|wc|pwd|date|which|file|stat|du|df|whoami|uname|env|printenv|ps|tree|less|sort|uniq|diff|"
    r"git (?:status|log|diff|show))\b[^>]*"
)


def unbacked(text: str, calls: Sequence[DoneCall]) -> tuple[str, ...]:
    """The words of a reply that claim what none of the turn's calls did, as they stand there, each once. Empty: all is well.

    A call backs every claim of its kind: which file was saved is not compared.
    """
    backed: frozenset[Kind] = frozenset().union(*(_backed_by(call) for call in calls)) if calls else NOTHING
    if backed == EVERYTHING or not may_claim(text):
        return ()
    from .claimrules import claims

    return tuple(dict.fromkeys(word for word, kind in claims(text) if kind not in backed))


def may_claim(text: str) -> bool:
    """Whether a reply has any word that could claim something; quickly, because most have none."""
    every = "|".join(
        part
        for language in LANGUAGES
        for part in (language.participles, language.past_forms, language.infinitives)
        if part
    )
    return re.search(rf"\b(?:{every}|is now (?:in|on) your)\b", text, re.IGNORECASE) is not None


def _backed_by(call: DoneCall) -> frozenset[Kind]:
    if not call.ok:
        return NOTHING
    if call.name == "terminal":
        command = _command(call.arguments)
        parts = [part.strip() for part in re.split(r"\|\||&&|[|;\n]", command)]
        looked = (
            all(re.fullmatch(LOOKING, part) for part in parts if part) and "$(" not in command and "`" not in command
        )
        return NOTHING if looked and command else EVERYTHING
    return next((kinds for name, kinds in BACKED if name == call.name), EVERYTHING)


def _command(arguments: str) -> str:
    try:
        found = msgspec.json.decode(arguments.encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return ""
    return str(found.get("command", "")) if isinstance(found, dict) else ""
