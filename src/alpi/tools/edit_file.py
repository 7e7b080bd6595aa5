"""edit_file: an exact replacement; one that does not fit says where it is near."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..safety.actions import Action, ReadPath, WritePath
from .read_file import nearby
from .text import decode, is_binary, plural, unified_diff
from .write_file import note_written

LARGEST = 16 << 20
# Bounds of the search for what is nearest, so that it takes no time in any file: lines of a stretch that are compared, places that are
# looked at, lines that are compared with the longest one asked for.
MOST_COMPARED, MOST_PLACES, MOST_ALIKE = 40, 20, 1000


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
    if not text:
        return "The file is empty"
    whole = text.split("\n")
    lines, asked = [line.strip() for line in whole], [line.strip() for line in wanted.strip("\n").split("\n")]
    matcher = difflib.SequenceMatcher(autojunk=False)

    def likeness(start: int) -> float:
        pairs = list(zip(asked, lines[start : start + len(asked)], strict=False))[:MOST_COMPARED]
        total = 0.0
        for one, other in pairs:
            matcher.set_seqs(one[:500], other[:500])
            total += matcher.ratio()
        return total / min(len(asked), MOST_COMPARED)

    best = max(_candidates(lines, asked), key=likeness, default=0)
    if likeness(best) < 0.5:
        return "Nothing in it is like that; read it first"
    near = "\n".join(whole[best : best + len(asked)])
    return f"Nearest is line {best + 1}:\n{near[:1500]}"


def _candidates(lines: Sequence[str], asked: Sequence[str]) -> set[int]:
    """Where the text may have been meant to begin: where lines of it stand as they are, or one that is like its longest one."""
    places: dict[str, list[int]] = {line: [] for line in asked if line}
    for number, line in enumerate(lines):
        if line in places and len(places[line]) < MOST_PLACES:
            places[line].append(number)
    votes = Counter(place - number for number, line in enumerate(asked) for place in places.get(line, ()))
    starts = {start for start, _ in votes.most_common(MOST_PLACES)}
    at = max(range(len(asked)), key=lambda number: len(asked[number]))
    words = set(re.findall(r"\w+", asked[at]))
    alike = sorted(set(lines), key=lambda line: (-len(words.intersection(re.findall(r"\w+", line))), line))
    for line in difflib.get_close_matches(asked[at][:500], alike[:MOST_ALIKE], 3, 0.6):
        starts.add(lines.index(line) - at)
    return {max(0, start) for start in starts}
