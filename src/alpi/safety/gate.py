"""The one gate. Whatever a tool wants to do is judged here first, for every surface, and nothing goes around it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from .actions import Action, Answer, Asker, Decision, Question, ReadPath, Verdict
from .guarded import GuardedFiles
from .paths import Access, PathGuard
from .tiers import Tier

UNATTENDED = (
    "this needs a person's yes and nobody is watching; do without it, or tell the person what to run themselves"
)


class Gate:
    """Judges actions and remembers what a person allowed for this session.

    One gate belongs to one session: its approvals are never shared with another. Questions are put one at a time.
    """

    def __init__(self, guard: PathGuard) -> None:
        self.guard = guard
        self._session: set[str] = set()
        self._asking = asyncio.Lock()

    def judge(self, action: Action) -> Verdict:
        """The verdict on one action, without asking anybody."""
        return self.guard.judge(action.path, access_of(action))

    async def permit(self, actions: Sequence[Action], asker: Asker, folder: Path) -> Decision:
        """Decide whether a tool may do ``actions``, asking the person where that is needed. The worst one decides."""
        worst, reason = Tier.SAFE, ""
        grants: set[str] = set()
        for action in actions:
            verdict = self.judge(action)
            if verdict.tier is Tier.DANGEROUS:
                return Decision(False, verdict.tier, f"refused: {verdict.reason}. Nothing lifts this")
            if verdict.tier is Tier.CAUTION:
                worst, reason = Tier.CAUTION, verdict.reason
                answer = await self._settle(action, verdict, asker, folder)
                if answer is Answer.NO:
                    why = "the person said no; do not try it another way" if asker.attended else UNATTENDED
                    return Decision(False, verdict.tier, f"not done: {verdict.reason}; {why}", answer)
                grants.add(_exact(action))
        return Decision(True, worst, reason, grants=frozenset(grants))

    def files(self, decision: Decision) -> GuardedFiles:
        """Access to files for one tool call: what is safe, what the session allows, and what was granted to this call."""

        def allowed(real: Path, access: Access) -> bool:
            if self.guard.judge_real(real, access).scope in self._session:
                return True
            # Folders that must be made on the way to a granted file are granted with it.
            return any(
                key == f"{access} {real}" or key.startswith(f"{access} {real}/")
                for key in decision.grants | self._session
            )

        return GuardedFiles(self.guard, allowed)

    async def _settle(self, action: Action, verdict: Verdict, asker: Asker, folder: Path) -> Answer:
        if not asker.attended:
            return Answer.SESSION if verdict.scope in self._session else Answer.NO
        async with self._asking:
            if verdict.scope and verdict.scope in self._session:  # perhaps answered while this one waited
                return Answer.SESSION
            answer = await asker.ask(_question(action, verdict, folder))
            if answer is Answer.SESSION and verdict.scope:
                self._session.add(verdict.scope)
        return answer


def _exact(action: Action) -> str:
    return f"{access_of(action)} {os.path.realpath(action.path)}"


def access_of(action: Action) -> Access:
    """Whether an action reads or writes its path."""
    return "read" if isinstance(action, ReadPath) else "write"


def _question(action: Action, verdict: Verdict, folder: Path) -> Question:
    verb = "Read" if isinstance(action, ReadPath) else "Write"
    preview = "" if isinstance(action, ReadPath) else action.preview
    return Question(f"{verb} {action.path}", verdict.reason, str(folder), preview, verdict.scope_text)
