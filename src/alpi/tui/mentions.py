"""Files named with ``@`` in a message: finding them while the name is typed, and handing them over when the message is sent."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ..agent.turn import Draft
from ..base.message import Image
from ..safety.paths import PathGuard
from ..tools.search_files import Walk
from .attach import draft_with

MOST_SHOWN = 12
MOST_FILES = 20_000
# How long the list of the workspace's files is taken for true; a new file shows up after this.
FRESH_SECONDS = 5.0
WALK_SECONDS = 1.0
# ``@`` at the beginning of a word. A name with spaces stands in quotes: @"my notes.md".
MENTION = re.compile(r'(?<!\S)@(?:"([^"\n]+)"|(\S+))')
TRAILING = ".,;:!?)]}'\""


class FileFinder:
    """The workspace's files, for completing what is typed after ``@``. May be used from any thread.

    Args:
        guard: files that may not be read are not offered.
        workspace: where names are relative to.
    """

    def __init__(self, guard: PathGuard, workspace: Path) -> None:
        self._guard = guard
        self._workspace = workspace
        self._lock = threading.Lock()
        self._names: tuple[str, ...] = ()
        self._read = float("-inf")

    def find(self, beginning: str) -> list[str]:
        """Names that fit, the best first: those that begin so, whose last part does, that hold it, that have its letters in order."""
        wanted = beginning.casefold()
        ranked = [
            (rank, name.count("/"), len(name), name)
            for name in self._all()
            if (rank := _rank(name, wanted)) is not None
        ]
        return [name for *_, name in sorted(ranked)[:MOST_SHOWN]]

    def _all(self) -> tuple[str, ...]:
        with self._lock:
            if time.monotonic() - self._read > FRESH_SECONDS:
                self._names = tuple(self._walk())
                self._read = time.monotonic()
            return self._names

    def _walk(self) -> list[str]:
        names: list[str] = []
        folders: set[str] = set()
        for path in Walk(self._guard, self._workspace, "", threading.Event(), WALK_SECONDS).files():
            relative = path.relative_to(self._workspace)
            names.append(relative.as_posix())
            folders.update(f"{parent.as_posix()}/" for parent in relative.parents if parent != Path("."))
            if len(names) >= MOST_FILES:
                break
        return [*sorted(folders), *names]


def _rank(name: str, wanted: str) -> int | None:
    folded = name.casefold()
    last = folded.rstrip("/").rpartition("/")[2]
    if folded.startswith(wanted):
        return 0
    if last.startswith(wanted):
        return 1
    if wanted in folded:
        return 2
    letters = iter(folded)
    return 3 if all(letter in letters for letter in wanted) else None


def mentioned(text: str, workspace: Path) -> list[tuple[str, Path]]:
    """The files that a message names with ``@`` and that exist, each as (what was typed, path); a name of nothing is just a word."""
    found: list[tuple[str, Path]] = []
    for match in MENTION.finditer(text):
        typed = match.group(1) or match.group(2)
        for name in (typed, typed.rstrip(TRAILING)):
            path = Path(name).expanduser() if name.startswith("~") else workspace / name
            if name and path.is_file() and path not in [other for _, other in found]:
                found.append((name, path))
                break
    return found


def draft_of(text: str, attachments: Sequence[Path], guard: PathGuard, workspace: Path, vision: bool) -> Draft:
    """The message with the files that it mentions, and those that were attached.

    A mentioned picture goes along for a model that can see; a mentioned text file is put below the message, so that no step is spent on
    reading it.

    Raises:
        AlpiError: a file cannot be handed over; says which and why.
    """
    paths = [path for _, path in mentioned(text, workspace)]
    paths += [path for path in attachments if path not in paths]
    if not paths:
        return Draft(text)
    handed = draft_with("", [str(path) for path in paths], guard, vision)
    images: tuple[Image, ...] = handed.images
    return Draft(f"{text}\n\n{handed.text}" if handed.text else text, images)
