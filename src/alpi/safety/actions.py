"""What a tool is about to do, as data for the gate to judge; and what a person is asked and may answer."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from .tiers import Tier


class ReadPath(Struct, frozen=True):
    """Reading a file or listing a folder. ``path`` is absolute, links not yet resolved."""

    path: Path


class WritePath(Struct, frozen=True):
    """Creating, changing or replacing a file. ``preview`` is what will change, as a unified diff or the new text."""

    path: Path
    preview: str = ""


class RunCommand(Struct, frozen=True):
    """Running a shell command in ``folder``. In the background it is judged no otherwise."""

    command: str
    folder: Path
    background: bool = False


class ChangeMemory(Struct, frozen=True):
    """Changing what later conversations are told of the person. ``file`` is the memory file's name, ``text`` what goes and what comes."""

    file: str
    text: str


class ChangeSkill(Struct, frozen=True):
    """Writing, changing or archiving a skill: what later conversations are told to do. ``text`` is what goes and what comes."""

    skill: str
    text: str


class RunSkill(Struct, frozen=True):
    """Running a skill's script. ``digest`` stands for exactly these files; ``vouched``: the person has seen them when they installed
    the skill, and a sandbox stands around the script. ``shown``: the script, for a person who has not."""

    skill: str
    script: str
    arguments: str
    digest: str
    vouched: bool
    shown: str = ""


class AskPeer(Struct, frozen=True):
    """Sending a text to a pinned peer, which runs a turn of its own for it."""

    peer: str
    text: str


class CallServer(Struct, frozen=True):
    """Calling a tool of an MCP server. ``arguments`` is JSON; ``pin`` names the exact tool as it was approved (its hash).

    ``declared``: the owner has said of exactly this tool that it only reads. Only then the rest counts: ``private`` and ``secret`` as for
    ``FetchUrl``, and ``doubt``, what else in this call is more than reading, in words."""

    server: str
    tool: str
    arguments: str
    pin: str
    declared: bool = False
    private: str = ""
    secret: bool = False
    doubt: str = ""


class FetchUrl(Struct, frozen=True):
    """Asking a web address for something. ``private``: what of the person's own would travel in it, in words, or ``""``; ``secret``:
    that must not leave at all."""

    url: str
    private: str = ""
    secret: bool = False


class ActOnPage(Struct, frozen=True):
    """Typing into a page of the browser, or pressing what may send something. ``what`` in words; the others as for ``FetchUrl``."""

    host: str
    what: str
    private: str = ""
    secret: bool = False


Effect = ChangeMemory | ChangeSkill | RunSkill | AskPeer | CallServer | FetchUrl | ActOnPage
Action = ReadPath | WritePath | RunCommand | Effect


class Verdict(Struct, frozen=True):
    """A judgement: the tier, one sentence why, and what an approval would cover.

    ``scope`` is the exact key under which an approval is kept, ``scope_text`` the same in words; both ``""`` where each case must be
    asked anew.
    """

    tier: Tier
    reason: str
    scope: str = ""
    scope_text: str = ""


class Question(Struct, frozen=True):
    """What a person is asked. ``what`` is the action in one line, ``why`` the reason for asking, ``folder`` the working folder,
    ``preview`` the change or the command itself, in full. ``scope_text`` is what "this session" and "always" would cover (``""``: only
    this once is on offer); ``always`` is false where the machine's policy or the kind of action forbids to keep an approval."""

    what: str
    why: str
    folder: str
    preview: str = ""
    scope_text: str = ""
    always: bool = False


class Answer(Enum):
    """What a person said. Anything that is not an explicit yes is NO."""

    NO = "no"
    ONCE = "once"
    SESSION = "session"
    ALWAYS = "always"


class Asker(Protocol):
    """Whoever can be asked. ``attended`` is false where nobody is watching: then nothing is asked, and no is the answer."""

    name: str
    attended: bool

    async def ask(self, question: Question) -> Answer:
        """Put the question to the person. The default, a closed terminal and a cancelled wait are all NO."""
        ...


class Decision(Struct, frozen=True):
    """The gate's word. ``reason`` is for the model as well as the person; ``grants`` are the exact accesses that a person's yes
    covers for this one call; ``alone``: those count and no earlier yes."""

    allowed: bool
    tier: Tier
    reason: str
    answer: Answer | None = None
    grants: frozenset[str] = frozenset()
    alone: bool = False
