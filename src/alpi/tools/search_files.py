"""search_files: file names and contents below a folder, leaving out what .gitignore names."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import itertools
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, structs

from ..agent.tool import Result, ToolContext, ToolError
from ..base.errors import Refused, StorageError
from ..safety.actions import Action, ReadPath
from ..safety.paths import PathGuard
from ..safety.tiers import Tier
from .ignoring import IgnoreFile, is_ignored, read_ignore_file
from .matching import Gone, Matcher
from .text import decode, is_binary, plural

MOST_HITS = 100
MOST_PER_FILE = 20
LARGEST_FILE = 8 << 20
SECONDS = 20.0
LINE_CHARS = 240
# Gives the numbers of the lines of a text that fit, one more than are shown.
Finder = Callable[[str], list[int]]
# Never worth searching, also where no .gitignore says so.
SKIPPED = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".mypy_cache", ".ruff_cache", ".tox"}
)


class SearchFiles:
    """Finds files and lines.

    Args:
        seconds: how long one search may take.
    """

    class Arguments(Struct, frozen=True):
        query: Annotated[str, Meta(description="text to find in files; empty lists files")] = ""
        glob: Annotated[str, Meta(description="only files named so, e.g. *.py or src/**/*.md")] = ""
        path: Annotated[str, Meta(description="folder")] = "."
        regex: bool = False

    name: ClassVar[str] = "search_files"
    description: ClassVar[str] = "Find lines in files, or files by name. Case is ignored unless the query has capitals."
    parallel: ClassVar[bool] = True

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds

    def hint(self, args: Arguments) -> str:
        where = "" if args.path in ("", ".") else f" in {args.path}"
        return f"{args.query or args.glob or '*'}{where}"

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        return [ReadPath(context.path(args.path or "."))]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._search, args, context, stop)
        except asyncio.CancelledError:
            stop.set()  # a thread cannot be cancelled; it looks at this between two files, and while a pattern is at work
            raise

    def _search(self, args: Arguments, context: ToolContext, stop: threading.Event) -> Result:
        root = context.path(args.path or ".")
        if not root.exists():
            raise ToolError(f"there is no folder {args.path}", "Leave path out to search the whole workspace")
        walk = Walk(context.files.guard, Path(os.path.realpath(root)), args.glob, stop, self._seconds)
        found = Found()
        try:
            with _finder(args, walk.deadline, stop) as find:
                for path in walk.files():
                    shown = context.shown(path)
                    if find is None:
                        found.add(shown)
                    else:
                        _search_file(path, shown, find, context, found, walk)
                    if found.full:
                        break
        except Gone:
            walk.late = True
        answer = _answer(args, found, walk, self._seconds)
        outside = found.lines and context.files.guard.others_text(walk.root)
        return structs.replace(answer, source=f"files in {context.files.guard.shown(walk.root)}") if outside else answer


@dataclass
class Found:
    """Hits so far, in the order in which they were found."""

    lines: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.lines) >= MOST_HITS

    def add(self, line: str) -> None:
        self.lines.append(line)


class Walk:
    """Goes through the files below a folder, in order of name, without following links.

    ``skipped`` counts files that look like secrets, ``large`` those too large to be searched, ``late`` is set when time ran out.
    """

    def __init__(
        self, guard: PathGuard, root: Path, glob: str, stop: threading.Event, seconds: float = SECONDS
    ) -> None:
        self._guard = guard
        self.root = root
        self._glob = glob
        self._stop = stop
        self.deadline = time.monotonic() + seconds
        self.skipped = 0
        self.large = 0
        self.late = False

    def files(self) -> Iterator[Path]:
        """Each file that may be read and that the glob names."""
        if self.root.is_file():
            yield self.root
            return
        yield from self._folder(self.root, self._ignored_above())

    def _ignored_above(self) -> list[IgnoreFile]:
        """The rules of the folders above, up to the repository's root: a search below a folder obeys them too."""
        top = next((folder for folder in (self.root, *self.root.parents) if (folder / ".git").exists()), None)
        if top is None or top == self.root:
            return []
        between = [folder for folder in reversed(self.root.parents) if folder.is_relative_to(top)]
        return [found for folder in between if (found := read_ignore_file(folder)) is not None]

    def _folder(self, folder: Path, ignored: list[IgnoreFile]) -> Iterator[Path]:
        own = read_ignore_file(folder)
        rules = [*ignored, own] if own is not None else ignored
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return  # a folder that may not be listed is left out, as every search tool does
        for entry in entries:
            if self._stop.is_set() or time.monotonic() > self.deadline:
                self.late = not self._stop.is_set()
                return
            path = Path(entry.path)
            is_dir = entry.is_dir(follow_symlinks=False)
            if entry.is_symlink() or (is_dir and entry.name in SKIPPED) or is_ignored(path, is_dir, rules):
                continue
            if not is_dir and not (entry.is_file(follow_symlinks=False) and self._named(path)):
                continue
            if self._guard.judge_real(path, "read").tier is not Tier.SAFE:
                self.skipped += not is_dir
            elif is_dir:
                yield from self._folder(path, rules)
            else:
                yield path

    def _named(self, path: Path) -> bool:
        if not self._glob:
            return True
        relative = path.relative_to(self.root).as_posix()
        return glob_matches(self._glob, relative)


def glob_matches(glob: str, relative: str) -> bool:
    """Whether a path below the folder fits a glob: one without ``/`` is about the file's name, ``**`` stands for any folders.

    ``*``, ``?``, ``[a-z]`` and ``[!a-z]`` stand for characters of one name, as in a shell.
    """
    if "/" not in glob:
        return fnmatch.fnmatchcase(relative.rpartition("/")[2], glob)
    patterns = [part for part in glob.split("/") if part not in ("", ".")]
    if patterns and patterns[-1] == "**":
        patterns.append("*")
    # Which beginnings of the glob fit the names so far: a step for each name, so that many stars cost no more than few.
    fitting = _past_stars({0}, patterns)
    for name in relative.split("/"):
        after = {at for at in fitting if at < len(patterns) and patterns[at] == "**"}
        after |= {at + 1 for at in fitting - after if at < len(patterns) and fnmatch.fnmatchcase(name, patterns[at])}
        fitting = _past_stars(after, patterns)
    return len(patterns) in fitting


def _past_stars(places: set[int], patterns: Sequence[str]) -> set[int]:
    """The same places, and those behind each ``**``: it may stand for no folder at all."""
    found = set(places)
    for at in places:
        while at < len(patterns) and patterns[at] == "**":
            at += 1
            found.add(at)
    return found


@contextlib.contextmanager
def _finder(args: SearchFiles.Arguments, deadline: float, stop: threading.Event) -> Iterator[Finder | None]:
    """What finds the lines that were asked for; ``None`` where only names were.

    Raises:
        ToolError: the query is not a regular expression.
    """
    if not args.query:
        yield None
        return
    flags = 0 if any(c.isupper() for c in args.query) else re.IGNORECASE
    if not args.regex:
        plain = re.compile(re.escape(args.query), flags)

        def find(text: str) -> list[int]:
            numbers = (number for number, line in enumerate(text.split("\n"), 1) if plain.search(line))
            return list(itertools.islice(numbers, MOST_PER_FILE + 1))

        yield find
        return
    try:
        re.compile(args.query, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ToolError(
            f"{args.query!r} is not a regular expression: {error}", "Mend it, or set regex to false"
        ) from error
    with Matcher(args.query, int(flags), MOST_PER_FILE + 1, deadline, stop) as matcher:
        yield matcher.lines


def _search_file(path: Path, shown: str, find: Finder, context: ToolContext, found: Found, walk: Walk) -> None:
    try:
        data, _, state = context.files.read(path, LARGEST_FILE)
    except Refused:
        walk.skipped += 1  # another name of a file of secrets
        return
    except (OSError, StorageError):
        return  # it went away, may not be read, or is no file any more: not a hit
    if is_binary(data):
        return
    if state.size > LARGEST_FILE:
        walk.large += 1
        return
    text = decode(data).text
    numbers = find(text)
    lines = text.split("\n") if numbers else []
    for number in numbers[:MOST_PER_FILE]:
        if not found.full:
            found.add(f"{shown}:{number}: {lines[number - 1].strip()[:LINE_CHARS]}")
    if len(numbers) > MOST_PER_FILE and not found.full:
        found.add(f"{shown}: more lines like these")


def _answer(args: SearchFiles.Arguments, found: Found, walk: Walk, seconds: float) -> Result:
    what = f"{args.query!r}" if args.query else "files"
    notes = []
    if found.full:
        notes.append(f"[stopped at {MOST_HITS}; narrow it with glob or path]")
    if walk.late:
        notes.append(f"[stopped after {seconds:.0f} s; narrow it with glob or path]")
    if walk.skipped:
        notes.append(f"[{plural(walk.skipped, 'file')} with secrets left out]")
    if walk.large:
        notes.append(f"[{plural(walk.large, 'file')} larger than {LARGEST_FILE >> 20} MB not searched]")
    if not found.lines:
        where = (
            f" in files named {args.glob}" if args.glob and args.query else f" named {args.glob}" if args.glob else ""
        )
        return Result("\n".join([f"Nothing found for {what}{where}.", *notes]), "nothing found")
    summary = plural(len(found.lines), "hit" if args.query else "file")
    return Result("\n".join([*found.lines, *notes]), summary)
