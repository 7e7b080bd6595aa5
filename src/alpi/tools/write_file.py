"""write_file: a whole file, new or replaced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from msgspec import Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..safety.actions import Action, ReadPath, WritePath
from ..safety.guarded import FileState
from .text import decode, is_binary, lines_of, plural, unified_diff

LARGEST_SHOWN = 1 << 20


class WriteFile:
    """Writes one file."""

    class Arguments(Struct, frozen=True):
        path: str
        content: str

    name: ClassVar[str] = "write_file"
    description: ClassVar[str] = "Create a file, or replace its whole content."
    parallel: ClassVar[bool] = False

    def hint(self, args: Arguments) -> str:
        return f"{args.path} ({plural(len(lines_of(args.content)), 'line')})"

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        path = context.path(args.path)
        write = WritePath(path, preview=unified_diff("", args.content, context.shown(path)))
        # What stands there is read, for showing what changed: a file of secrets is not overwritten unasked.
        return [ReadPath(path), write] if os.path.lexists(path) else [write]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        return await asyncio.to_thread(self._write, args, context)

    def _write(self, args: Arguments, context: ToolContext) -> Result:
        path = context.path(args.path)
        if args.path.endswith("/") or path.is_dir():
            raise ToolError(f"{args.path} is a folder", "Name a file in it")
        before, state = _old(path, context)
        seen = context.seen.get(Path(os.path.realpath(path)))
        if seen is not None and state is not None and seen != state:
            raise ToolError(
                f"{args.path} was changed by somebody else since you read it", "Read it again before you replace it"
            )
        real = context.files.write(path, args.content.encode(), state)
        note_written(real, context)
        lines = plural(len(lines_of(args.content)), "line")
        what = "Created" if state is None else "Replaced"
        diff = unified_diff(before, args.content, context.shown(path))
        return Result(f"{what} {context.shown(path)} ({lines}).", f"{what.lower()}, {lines}", diff)


def _old(path: Path, context: ToolContext) -> tuple[str, FileState | None]:
    """What stands there now (its text as far as it can be shown) and its state, or nothing."""
    try:
        data, _, state = context.files.read(path, LARGEST_SHOWN)
    except FileNotFoundError:
        return "", None
    return ("" if is_binary(data) else decode(data).text), state


def note_written(real: Path, context: ToolContext) -> None:
    """Remember the state in which a tool has left a file: it counts as read."""
    stat = real.stat()
    context.seen.note(real, FileState(stat.st_size, stat.st_mtime_ns, stat.st_ino))
