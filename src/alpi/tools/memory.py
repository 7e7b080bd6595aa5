"""memory: what is worth knowing in later conversations, in three files that the person reads and edits too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..base.text import one_line
from ..safety.actions import Action, ChangeMemory
from ..state.memory import FILES, Change, FileState, MemoryStore, Note

MOST_LISTED = 12
LONGEST_LISTED = 80


class Memory:
    """Changes the memory of one profile.

    Args:
        store: its files.
        note: where the change of this moment comes from.
    """

    class Arguments(Struct, frozen=True):
        action: Literal["add", "replace", "remove"]
        file: Annotated[
            Literal["user", "memory", "personality"],
            Meta(description="user: who they are; memory: facts, people, dates, decisions; personality: how you talk"),
        ]
        text: Annotated[
            str, Meta(description="one lasting fact or wish, exact dates; no tasks, secrets, file contents")
        ] = ""
        old: Annotated[str, Meta(description="entry to replace or remove, or a part only it has")] = ""

    name: ClassVar[str] = "memory"
    description: ClassVar[str] = "Note a fact that the user tells, for later conversations."
    parallel: ClassVar[bool] = False

    def __init__(self, store: MemoryStore, note: Callable[[], Note]) -> None:
        self._store = store
        self._note = note

    def hint(self, args: Arguments) -> str:
        return f"{args.action} in {FILES[args.file]}: {one_line(args.text or args.old, 60)}"

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        parts = (f"- {args.old}" if args.old else "", f"+ {args.text}" if args.text else "")
        return [ChangeMemory(FILES[args.file], "\n".join(filter(None, parts)))]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        return await asyncio.to_thread(self._change, args)

    def _change(self, args: Arguments) -> Result:
        note = self._note()
        if args.action != "remove" and not args.text.strip():
            raise ToolError("text is missing", "Give the entry to keep as text")
        if args.action != "add" and not args.old.strip():
            raise ToolError("old is missing", f"Give the entry to {args.action} as old")
        if args.action == "add":
            change = self._store.add(args.file, args.text, note)
        elif args.action == "replace":
            change = self._store.replace(args.file, args.old, args.text, note)
        else:
            change = self._store.remove(args.file, args.old, note)
        return _told(change, self._store.state(args.file))


def _told(change: Change, state: FileState) -> Result:
    """The change, and the file as it is now: what the prompt holds of it is as old as the conversation."""
    name = FILES[change.file]
    did = {"add": "Added to", "replace": "Replaced in", "remove": "Removed from"}[change.action]
    size = f"{state.used:,} of {state.limit:,} characters"
    count = f"{len(state.entries)} {'entry' if len(state.entries) == 1 else 'entries'}"
    lines = [f"{did} {name}. It has {count}, {size}:"]
    left = len(state.entries) - MOST_LISTED
    lines += [f"({left} before these)"] if left > 0 else []
    lines += [f"- {one_line(entry, LONGEST_LISTED)}" for entry in state.entries[-MOST_LISTED:]]
    summary = f"{did.lower()} {name}"
    if state.near_full:
        share = f"{state.used * 100 // state.limit}% full"
        lines.append(f"It is {share}. Tell the user, and offer to merge or remove entries.")
        summary += f", which is {share} ({size})"
    return Result("\n".join(lines), summary)
