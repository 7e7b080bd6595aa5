"""The claim check: which words of a reply say that something was done that no tool call of its turn did. Pure.

How a reply is read is in claimrules.py, which is loaded only for one that has such a word at all; the words are in claimwords.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

import msgspec

from ..base.message import AssistantMessage, Message, ToolMessage
from .claimwords import Kind, may_claim


@dataclass(frozen=True, slots=True)
class DoneCall:
    """A tool call of the turn that is over: the tool's name, the arguments as the model wrote them (JSON), whether it succeeded, what it
    gave back, and whether it was refused, so that nothing ran."""

    name: str
    arguments: str
    ok: bool
    result: str
    refused: bool = False


EVERYTHING: frozenset[Kind] = frozenset(get_args(Kind))
NOTHING: frozenset[Kind] = frozenset()
# What was only looked at may have been opened.
LOOKED: frozenset[Kind] = frozenset({"other"})
RUN: frozenset[Kind] = LOOKED | {"run"}
NOTES: frozenset[Kind] = LOOKED | {"store", "write"}
FILES: frozenset[Kind] = NOTES | {"file"}
# What a call of alpi's own tools can have done. Any other tool may have done anything, so that nothing is doubted after it.
BACKED: MappingProxyType[str, frozenset[Kind]] = MappingProxyType(
    {
        "read_file": LOOKED,
        "search_files": LOOKED,
        "session_search": LOOKED,
        "web_search": LOOKED,
        "web_fetch": LOOKED,
        "research": LOOKED,
        "write_file": FILES,
        "edit_file": FILES,
        "memory": NOTES,
        "todo": NOTES,
        "schedule": NOTES | {"plan"},
    }
)
# Actions of tools with several that do nothing beyond telling.
TELLING = frozenset(
    {
        ("skill", "list"),
        ("skill", "view"),
        ("skill", "validate"),
        ("link", "peers"),
        ("link", "ping"),
        ("browser", "read"),
    }
)
# Commands that only look. A command line of nothing else was run, and has done nothing.
LOOKING = (
    r"(?:ls|cat|head|tail|grep|rg|wc|pwd|date|which|file|stat|du|df|whoami|uname|env|printenv|ps|tree|less|sort|uniq|diff|"
    r"git (?:status|log|diff|show|branch(?=$| -[avlr]| --list)))\b[^>]*"
)


# How a question about what was done before begins: "did you send it?", "and was the file saved?", "¿lo guardaste?".
ASKS_BACK = (
    r"^\W*(?:(?:and|so|but|wait|ok|okay|hey|y|pero|oye|und|et)\W+){0,2}(?:"
    r"(?:(?:what|when|where|why|how|which \w+) )?(?:did|didn['’]t|have|haven['’]t|has|hasn['’]t|was|wasn['’]t|were|had)\b|"
    r"(?:is|are|isn['’]t|aren['’]t) (?:it|that|this|they|the \w+|my \w+) (?:all |already |now )?\w+(?:ed|nt|ne|en|ut)\b|"
    r"(?:(?:qué|cuándo|dónde|cómo|por qué|que) )?(?:ya )?(?:no )?(?:(?:me|te|se|lo|la|le|los|las|les) ){0,2}"
    r"(?:has|han|\w+[aei]ste|está[ns]? (?:ya )?\w+[aei]d[oa]s?)\b|(?:was )?(?:hast du|wurde)\b|(?:tu as|as-tu|avez-vous|vous avez)\b)"
)


def asks_back(question: str) -> bool:
    """Whether a message asks what was done before, so that the calls of earlier turns answer it as well."""
    return re.match(ASKS_BACK, question[:300], re.IGNORECASE) is not None


def earlier(messages: Sequence[Message]) -> list[DoneCall]:
    """The calls in what was said before."""
    arguments = {c.id: c.arguments for m in messages if isinstance(m, AssistantMessage) for c in m.calls}
    return [
        DoneCall(m.name, arguments.get(m.call_id, ""), m.ok, m.text, not m.ok and m.text.startswith("refused"))
        for m in messages
        if isinstance(m, ToolMessage)
    ]


def unbacked(text: str, calls: Sequence[DoneCall]) -> tuple[str, ...]:
    """The words of a reply that claim what none of the turn's calls did, as they stand there, each once. Empty: all is well.

    A call backs every claim of its kind: which file was saved is not compared.
    """
    backed: frozenset[Kind] = frozenset().union(*(_backed_by(call) for call in calls)) if calls else NOTHING
    if backed == EVERYTHING or not may_claim(text):
        return ()
    from .claimrules import claims

    return tuple(dict.fromkeys(word for word, kind in claims(text) if kind not in backed))


def _backed_by(call: DoneCall) -> frozenset[Kind]:
    if call.refused:
        return NOTHING
    arguments = _arguments(call.arguments)
    if call.name == "terminal":
        if not call.ok:
            # Tests that fail were run.
            return RUN
        command = str(arguments.get("command", ""))
        parts = [part.strip() for part in re.split(r"\|\||&&|[|;\n]", command)]
        looked = (
            all(re.fullmatch(LOOKING, part) for part in parts if part) and "$(" not in command and "`" not in command
        )
        return RUN if looked and command else EVERYTHING
    if not call.ok:
        return NOTHING
    if (call.name, arguments.get("action")) in TELLING:
        return LOOKED
    return BACKED.get(call.name, EVERYTHING)


def _arguments(text: str) -> dict[str, object]:
    """What a call was given; empty where that cannot be read."""
    try:
        found = msgspec.json.decode(text.encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
