"""read_file: a text file, whole or by lines; a picture for a model that sees."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, structs

from ..agent.tool import Result, ToolContext, ToolError
from ..base.message import Image
from ..safety.actions import Action, ReadPath
from ..safety.guarded import FileState
from .text import decode, is_binary, lines_of, plural

PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)
LARGEST_PICTURE = 5 << 20
# A file up to this size is decoded whole, which finds its encoding and counts its lines; of a larger one only the part asked for is read.
WHOLE = 8 << 20


class ReadFile:
    """Reads one file."""

    class Arguments(Struct, frozen=True):
        path: str
        start_line: Annotated[int, Meta(ge=1)] = 1
        lines: Annotated[int, Meta(ge=1, description="how many; default: as much as fits")] = 1_000_000_000

    name: ClassVar[str] = "read_file"
    description: ClassVar[str] = "Read a text file or picture. Long files: ask for parts by line."
    parallel: ClassVar[bool] = True

    def hint(self, args: Arguments) -> str:
        return args.path if args.start_line == 1 else f"{args.path} from line {args.start_line}"

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        return [ReadPath(context.path(args.path))]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        return await asyncio.to_thread(self._read, args, context)

    def _read(self, args: Arguments, context: ToolContext) -> Result:
        path = context.path(args.path)
        try:
            with context.files.open_read(path) as (descriptor, real, state):
                result = self._read_open(args, path, descriptor, state, context)
                if not result.images:
                    context.seen.note(real, FileState(state.st_size, state.st_mtime_ns, state.st_ino))
                outside = context.files.guard.others_text(real)
                return (
                    structs.replace(result, source=f"the file {context.files.guard.shown(real)}") if outside else result
                )
        except FileNotFoundError as error:
            raise ToolError(f"there is no file {args.path}", nearby(path, context)) from error
        except IsADirectoryError as error:
            raise ToolError(f"{args.path} is a folder", f"It holds: {_listing(path)}") from error

    def _read_open(
        self, args: Arguments, path: Path, descriptor: int, state: os.stat_result, context: ToolContext
    ) -> Result:
        head = os.pread(descriptor, 8192, 0)
        media_type = picture_type(head)
        if media_type:
            return _as_picture(descriptor, state.st_size, media_type, path, context)
        if is_binary(head):
            raise ToolError(
                f"{args.path} is a binary file ({_size(state.st_size)})", "Only text and pictures can be read"
            )
        if state.st_size <= WHOLE:
            return self._part_of_whole(args, os.pread(descriptor, WHOLE, 0), context)
        if decode(head, cut=True).encoding.startswith(("utf-16", "utf-32")):
            raise ToolError(
                f"{args.path} is {_size(state.st_size)} of {decode(head, cut=True).encoding}",
                "So large a file can only be read as UTF-8; convert it first",
            )
        return self._part_of_large(args, descriptor, state.st_size, context)

    def _part_of_whole(self, args: Arguments, data: bytes, context: ToolContext) -> Result:
        file = decode(data)
        lines = lines_of(file.text)
        if not lines:
            return Result("(the file is empty)", "empty")
        if args.start_line > len(lines):
            raise ToolError(f"{args.path} has {plural(len(lines), 'line')}", "Ask for an earlier start_line")
        part = _fitting(lines[args.start_line - 1 : args.start_line - 1 + args.lines], context.output_chars - 400)
        last = args.start_line - 1 + len(part)
        text = "".join(part)
        if file.encoding != "utf-8":
            text = f"[decoded as {file.encoding}]\n{text}"
        if args.start_line > 1 or last < len(lines):
            note = f"[lines {args.start_line}-{last} of {len(lines)}"
            note += f"; go on with start_line {last + 1}]" if last < len(lines) and args.lines > len(part) else "]"
            text = f"{text if text.endswith(chr(10)) else text + chr(10)}{note}"
        return Result(text, plural(len(part), "line"))

    def _part_of_large(self, args: Arguments, descriptor: int, size: int, context: ToolContext) -> Result:
        """Lines out of a file that is too large to hold: skipped over in blocks, then read until enough is there."""
        skipped, offset, block = 0, 0, b""
        while skipped < args.start_line - 1:
            block = os.pread(descriptor, 1 << 20, offset)
            if not block:
                raise ToolError(f"{args.path} has only {plural(skipped + 1, 'line')}", "Ask for an earlier start_line")
            found = block.count(b"\n")
            if skipped + found < args.start_line - 1:
                skipped, offset = skipped + found, offset + len(block)
                continue
            position = 0
            while skipped < args.start_line - 1:
                position = block.index(b"\n", position) + 1
                skipped += 1
            offset += position
        data = os.pread(descriptor, context.output_chars * 4, offset)
        lines = lines_of(decode(data, cut=offset + len(data) < size).text)
        part = _fitting(lines[: args.lines], context.output_chars - 400)
        if not part:
            raise ToolError(f"{args.path} ends before line {args.start_line}", "Ask for an earlier start_line")
        last = args.start_line - 1 + len(part)
        at_end = len(part) == len(lines) and offset + len(data) >= size
        go_on = ", to its end" if at_end else f"; go on with start_line {last + 1}"
        note = f"[lines {args.start_line}-{last} of a file of {_size(size)}{go_on}]"
        return Result(f"{''.join(part).rstrip(chr(10))}\n{note}", plural(len(part), "line"))


def nearby(path: Path, context: ToolContext) -> str:
    """Where a missing file may be meant to be: names like it, or what its folder holds."""
    import difflib

    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {context.shown(folder)} either; search_files finds files by name"
    names = sorted(entry.name for entry in folder.iterdir())[:2000]
    close = difflib.get_close_matches(path.name, names, 3, 0.6)
    return (
        f"Did you mean {', '.join(context.shown(folder / name) for name in close)}?"
        if close
        else f"Its folder holds: {_listing(folder)}"
    )


def _listing(folder: Path) -> str:
    try:
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in os.scandir(folder))
    except OSError as error:
        return f"(cannot be listed: {error.strerror})"
    return ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "") if names else "nothing"


def _fitting(lines: Sequence[str], chars: int) -> list[str]:
    part: list[str] = []
    for line in lines:
        chars -= len(line)
        if chars < 0 and part:
            break
        part.append(line)
        if chars < 0:
            break
    return part


def picture_type(head: bytes) -> str:
    """The media type of a picture by its first bytes, or ``""``."""
    kind = next((media for magic, media in PICTURES if head.startswith(magic)), "")
    return "" if kind == "image/webp" and head[8:12] != b"WEBP" else kind


def _as_picture(descriptor: int, size: int, media_type: str, path: Path, context: ToolContext) -> Result:
    if not context.vision:
        raise ToolError(
            f"{path.name} is a picture and this model cannot see",
            "Ask the person to describe it, or to choose a model that sees",
        )
    if size > LARGEST_PICTURE:
        raise ToolError(
            f"{path.name} is {_size(size)}; pictures up to {_size(LARGEST_PICTURE)} can be shown",
            "Make it smaller first",
        )
    data = base64.b64encode(os.pread(descriptor, LARGEST_PICTURE, 0)).decode()
    return Result(
        f"[picture {path.name}, {_size(size)}]", f"picture, {_size(size)}", images=(Image(media_type, data, path.name),)
    )


def _size(size: int) -> str:
    value = float(size)
    for unit in ("bytes", "KB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")
