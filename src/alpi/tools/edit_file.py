"""edit_file: an exact replacement; one that does not fit says where it is near."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..safety.actions import Action, ReadPath, WritePath
from .read_file import nearby
from .text import decode, is_binary, plural, unified_diff
from .write_file import note_written

LARGEST = 16 << 20
# Comparing every stretch of a file with what was asked for costs lines x lines; longer files are compared by their first line only.
MOST_COMPARED = 4000


class EditFile:
    """Replaces text in one file."""

    class Arguments(Struct, frozen=True):
        path: str
        old: Annotated[str, Meta(description="exact text, unique in the file")]
        new: str
        all: Annotated[bool, Meta(description="replace every occurrence")] = False

    name: ClassVar[str] = "edit_file"
    description: ClassVar[str] = "Replace exact text in a file."
    parallel: ClassVar[bool] = False

    def hint(self, args: Arguments) -> str:
        return args.path

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        path = context.path(args.path)
        # What an edit says of the old text would show the file: it is a reading as well.
        return [ReadPath(path), WritePath(path, preview=unified_diff(args.old, args.new, context.shown(path)))]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        return await asyncio.to_thread(self._edit, args, context)

    def _edit(self, args: Arguments, context: ToolContext) -> Result:
        path = context.path(args.path)
        try:
            data, real, state = context.files.read(path, LARGEST + 1)
        except FileNotFoundError as error:
            raise ToolError(f"there is no file {args.path}", nearby(path, context)) from error
        except IsADirectoryError as error:
            raise ToolError(f"{args.path} is a folder", "Name a file in it") from error
        if len(data) > LARGEST:
            raise ToolError(f"{args.path} is larger than {LARGEST >> 20} MB", "It is too large to be edited this way")
        if is_binary(data):
            raise ToolError(f"{args.path} is a binary file", "Only text can be edited")
        file = decode(data)
        old, new = args.old, args.new
        if file.crlf:
            old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
        if not old:
            raise ToolError("old is empty", "Give the exact text to replace; write_file makes a new file")
        if old == new:
            raise ToolError("old and new are the same", "Nothing would change")
        places = _places(file.text, old)
        count = len(places)
        if count == 0:
            raise ToolError(f"the text to replace is not in {args.path}", _nearest(file.text, old))
        where = ", ".join(str(file.text.count("\n", 0, start) + 1) for start, _ in places[:10])
        if count > 1 and not args.all:
            raise ToolError(
                f"it stands {count} times in {args.path} (lines {where})",
                "Give more of the text around it, or set all to true",
            )
        after = _replaced(file.text, places, new)
        context.files.write(path, file.encode(after), state)
        note_written(real, context)
        diff = unified_diff(file.text, after, context.shown(path))
        text = f"Edited {context.shown(path)}: {plural(count, 'replacement')}, at line {where}."
        return Result(text, plural(count, "replacement"), diff)


def _places(text: str, old: str) -> list[tuple[int, int]]:
    """Where a text stands: (start, end) of each place. In a file with both kinds of line ends either fits a newline: they look alike."""
    pattern = re.escape(old)
    if "\r\n" in text:
        pattern = re.escape(old.replace("\r\n", "\n")).replace("\\\n", "\r?\n")
    return [match.span() for match in re.finditer(pattern, text)]


def _replaced(text: str, places: Sequence[tuple[int, int]], new: str) -> str:
    parts, end = [], 0
    for start, stop in places:
        # In a file with both kinds of line ends the new lines end as the one does that they stand in.
        newline = text.find("\n", start)
        crlf = "\r\n" in text and newline > 0 and text[newline - 1] == "\r"
        parts += [text[end:start], new.replace("\r\n", "\n").replace("\n", "\r\n") if crlf else new]
        end = stop
    return "".join([*parts, text[end:]])


def _nearest(text: str, wanted: str) -> str:
    """Where the file comes closest to what was asked for, with its exact text, so that the next try can be right."""
    lines, asked = text.split("\n"), wanted.strip("\n").split("\n")
    if not text:
        return "The file is empty"
    size = len(asked)
    joined = "\n".join(line.strip() for line in asked)
    starts = range(max(1, len(lines) - size + 1))
    if len(lines) > MOST_COMPARED or len(joined) > 4000:
        first = set(difflib.get_close_matches(asked[0].strip(), {line.strip() for line in lines[:50_000]}, 3, 0.7))
        starts = range(0) if not first else starts
        starts_list = [start for start in starts if lines[start].strip() in first][:20]
    else:
        starts_list = list(starts)
    best, at = 0.0, -1
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(joined)
    for start in starts_list:
        matcher.set_seq1("\n".join(line.strip() for line in lines[start : start + size]))
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, at = ratio, start
    if best < 0.5:
        return "Nothing in it is like that; read it first"
    near = "\n".join(lines[at : at + size])
    return f"Nearest is line {at + 1}:\n{near[:1500]}"
