"""The one gate. Whatever a tool wants to do is judged here first, for every surface, and nothing goes around it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from .actions import (
    Action,
    Answer,
    Asker,
    CallServer,
    Decision,
    Question,
    ReadPath,
    RunCommand,
    Verdict,
    WritePath,
)
from .effects import described, judge_effect
from .guarded import GuardedFiles
from .paths import Access, PathGuard
from .tiers import Tier
from .untrusted import raised

UNATTENDED = (
    "this needs a person's yes and nobody is watching; do without it, or tell the person what to run themselves"
)


class Ruling(msgspec.Struct, frozen=True):
    """One verdict and what came of it, for the audit log. Every caution and every dangerous one makes one, and every call of a server.

    ``decision`` is ``refused``, ``refused: nobody is watching``, ``no``, ``once``, ``session``, ``always``, or, where an earlier yes covers
    it, ``covered: session`` or ``covered: always``; ``covered: declared`` where a server's tool only reads, by the owner's word.
    """

    surface: str
    tool: str
    what: str
    tier: Tier
    scope: str
    decision: str
    reason: str


class Records(Protocol):
    """What outlives the session: approvals for good, and the audit log. Implemented over files in cli/runtime.py.

    Every method may raise StorageError; then nothing is permitted.
    """

    def is_approved(self, scope: str) -> bool:
        """Whether the person allowed this for good."""
        ...

    def approve(self, scope: str, text: str, tool: str, surface: str) -> None:
        """The person allows this for good."""
        ...

    def record(self, ruling: Ruling) -> None:
        """Write a ruling down."""
        ...


class Undo(Protocol):
    """Keeps what files held before tools change them. Implemented over state/undo.py in cli/records.py."""

    def too_large(self, size: int) -> str:
        """Why a file of so many bytes cannot be kept, or ``""``."""
        ...

    def keep(
        self, turn: str, tool: str, path: Path, before: bytes | None, mode: int, after: bytes
    ) -> Callable[[], None]:
        """Keep a file's content; what is returned is called once the change was made."""
        ...


class Policy(Protocol):
    """What the machine's owner forbids to all profiles (safety/policy.py)."""

    def tool_refused(self, name: str) -> str:
        """Why a tool may not be used, or ``""``."""
        ...

    @property
    def may_approve_always(self) -> bool:
        """Whether an approval may be kept for good."""
        ...


class Gate:
    """Judges actions and remembers what a person allowed for this session.

    One gate belongs to one session: its approvals are never shared with another. Questions are put one at a time.

    Args:
        guard: judges paths.
        judge_command: judges a shell command that would run in a folder.
        records: approvals for good, and the audit log.
        policy: the machine's.
        undo: what makes writing in the workspace safe.
    """

    def __init__(
        self,
        guard: PathGuard,
        judge_command: Callable[[str, Path], Verdict],
        records: Records,
        policy: Policy,
        undo: Undo,
    ) -> None:
        self.guard = guard
        self._judge_command = judge_command
        self._records = records
        self._policy = policy
        self._undo = undo
        self._session: set[str] = set()
        self._asking = asyncio.Lock()

    def judge(self, action: Action) -> Verdict:
        """The verdict on one action, without asking anybody."""
        if isinstance(action, RunCommand):
            return self._judge_command(action.command, action.folder)
        if not isinstance(action, ReadPath | WritePath):
            return judge_effect(action)
        verdict = self.guard.judge(action.path, access_of(action))
        if isinstance(action, WritePath) and verdict.tier is Tier.SAFE:
            # Writing in the workspace is safe because it can be taken back. What cannot be kept must be asked about.
            why = self._undo.too_large(_size_of(action.path))
            if why:
                return Verdict(Tier.CAUTION, f"{self.guard.shown(action.path)}: {why}")
        return verdict

    async def permit(
        self, tool: str, actions: Sequence[Action], asker: Asker, folder: Path, sources: Sequence[str] = ()
    ) -> Decision:
        """Decide whether a tool may do ``actions``, asking the person where that is needed. The worst one decides.

        ``sources`` are the untrusted texts that the conversation has read (see ``untrusted``): what has effects is then judged
        more strictly, and no earlier yes covers it.

        Raises:
            StorageError: a ruling could not be written down; nothing is permitted.
        """
        why = self._policy.tool_refused(tool)
        if why:
            self._records.record(Ruling(asker.name, tool, tool, Tier.DANGEROUS, "", "refused", why))
            return Decision(False, Tier.DANGEROUS, f"refused: {why}. Nothing lifts this")
        verdicts = [(action, raised(action, self.judge(action), sources)) for action in actions]
        # Nobody is asked about one half of a call whose other half is refused anyway.
        for action, verdict in sorted(verdicts, key=lambda pair: -pair[1].tier):
            if verdict.tier is Tier.DANGEROUS:
                self._record(asker, tool, action, verdict, "refused")
                return Decision(False, verdict.tier, f"refused: {verdict.reason}. Nothing lifts this")
        worst, reason = Tier.SAFE, ""
        grants: set[str] = set()
        for action, verdict in verdicts:
            if verdict.tier is Tier.SAFE:
                if isinstance(
                    action, CallServer
                ):  # what the owner's word covers leaves a line, as what their yes covers does
                    self._record(asker, tool, action, verdict, "covered: declared")
                continue
            worst, reason = verdict.tier, verdict.reason
            answer, how = await self._settle(tool, action, verdict, asker, folder)
            self._record(asker, tool, action, verdict, how)
            if answer is Answer.NO:
                said = "the person said no; do not try it another way" if asker.attended else UNATTENDED
                return Decision(False, verdict.tier, f"not done: {verdict.reason}; {said}", answer)
            if isinstance(action, ReadPath | WritePath):
                grants.add(_exact(action))
        return Decision(True, worst, reason, grants=frozenset(grants), alone=bool(sources))

    def files(self, decision: Decision, tool: str, turn: str) -> GuardedFiles:
        """Access to files for one tool call: what is safe, what is allowed for longer, and what was granted to this call.

        What it changes is kept for an undo of ``turn``.
        """

        def allowed(real: Path, access: Access) -> bool:
            scope = self.guard.judge_real(real, access).scope
            if not decision.alone and self._covered(scope) is not None:
                return True
            # Folders that must be made on the way to a granted file are granted with it.
            granted = decision.grants if decision.alone else decision.grants | self._session
            return any(key == f"{access} {real}" or key.startswith(f"{access} {real}/") for key in granted)

        return GuardedFiles(self.guard, allowed, partial(self._undo.keep, turn, tool))

    async def _settle(
        self, tool: str, action: Action, verdict: Verdict, asker: Asker, folder: Path
    ) -> tuple[Answer, str]:
        """The answer to a caution, and how it came about."""
        covered = self._covered(verdict.scope)
        if covered is not None:
            return covered, f"covered: {covered.value}"
        if not asker.attended:
            return Answer.NO, "refused: nobody is watching"
        async with self._asking:
            covered = self._covered(verdict.scope)  # perhaps answered while this one waited
            if covered is not None:
                return covered, f"covered: {covered.value}"
            answer = await asker.ask(self._question(action, verdict, folder))
            if verdict.scope and answer in (Answer.SESSION, Answer.ALWAYS):
                self._session.add(verdict.scope)
            if verdict.scope and answer is Answer.ALWAYS and self._policy.may_approve_always:
                self._records.approve(verdict.scope, verdict.scope_text, tool, asker.name)
        return answer, answer.value

    def _covered(self, scope: str) -> Answer | None:
        if not scope:
            return None
        if scope in self._session:
            return Answer.SESSION
        return Answer.ALWAYS if self._policy.may_approve_always and self._records.is_approved(scope) else None

    def _question(self, action: Action, verdict: Verdict, folder: Path) -> Question:
        always = bool(verdict.scope) and self._policy.may_approve_always
        what, preview = described(action)
        return Question(what, verdict.reason, str(folder), preview, verdict.scope_text, always)

    def _record(self, asker: Asker, tool: str, action: Action, verdict: Verdict, decision: str) -> None:
        self._records.record(
            Ruling(asker.name, tool, _noted(action), verdict.tier, verdict.scope, decision, verdict.reason)
        )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _noted(action: Action) -> str:
    """An action in one line, for the audit log."""
    if isinstance(action, RunCommand):
        return action.command
    if isinstance(action, ReadPath | WritePath):
        return f"{access_of(action)} {action.path}"
    what, preview = described(action)
    return f"{what}: {preview}" if preview else what


def access_of(action: ReadPath | WritePath) -> Access:
    """Whether an action reads or writes its path."""
    return "read" if isinstance(action, ReadPath) else "write"


def _exact(action: ReadPath | WritePath) -> str:
    return f"{access_of(action)} {os.path.realpath(action.path)}"
