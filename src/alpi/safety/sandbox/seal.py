"""Paths that a sandbox cannot guard while a command runs, checked and put back after it.

A path that does not exist cannot be mounted over without leaving something behind on the disk, and Landlock knows no exception inside
a writable folder. Git runs programs named in such files (a hook, a setting, a ``commondir``) later and outside the sandbox, so what
was changed there is named and undone before anybody uses the repository again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 1 << 20
"""Files above this are compared by their hash but not kept, so they cannot be put back. Git's settings and hooks are far smaller."""
MOST_ENTRIES = 512
"""Folders with more entries than this are refused rather than half checked."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What stood at a path: ``kind`` is absent, file, link, folder or other; ``content`` a file's bytes or a link's target."""

    path: Path
    kind: str
    digest: str = ""
    content: bytes | None = None
    mode: int = 0


@dataclass(frozen=True, slots=True)
class Seal:
    """The state of some paths at one moment. Compare with ``broken``, undo with ``restore``."""

    roots: tuple[Path, ...] = ()
    marks: tuple[Mark, ...] = ()

    def broken(self) -> tuple[Path, ...]:
        """Paths that are no longer as they were: changed, added or removed, in a stable order."""
        before = {mark.path: mark for mark in self.marks}
        now = {mark.path: mark for mark in _walk(self.roots)}
        return tuple(sorted(path for path in before.keys() | now.keys() if not _same(before.get(path), now.get(path))))

    def restore(self) -> tuple[Path, ...]:
        """Put everything back as it was and return what could not be: content too large to keep, a folder that became a link.

        What was added is removed, what was changed or removed is written anew. No link is followed on the way, so a folder that was
        swapped for one cannot lead these writes elsewhere.
        """
        before = {mark.path: mark for mark in self.marks}
        return tuple(path for path in self.broken() if not _put_back(path, before.get(path)))


def seal(paths: Iterable[Path]) -> Seal:
    """Remember what stands at ``paths`` now, folders with everything in them. Links are remembered, not followed."""
    roots = tuple(dict.fromkeys(Path(os.path.realpath(path.parent), path.name) for path in paths))
    return Seal(roots, tuple(_walk(roots)))


def _walk(roots: Iterable[Path]) -> Iterable[Mark]:
    for root in roots:
        mark = _mark(root)
        yield mark
        if mark.kind == "folder":
            entries = sorted(root.iterdir())
            if len(entries) > MOST_ENTRIES:
                yield Mark(root / "…", "other", f"{len(entries)} entries")
                continue
            yield from _walk(entries)


def _mark(path: Path) -> Mark:
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Mark(path, "absent")
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_ISLNK(info.st_mode):
        return Mark(path, "link", content=os.fsencode(path.readlink()))
    if stat.S_ISDIR(info.st_mode):
        return Mark(path, "folder", mode=mode)
    if not stat.S_ISREG(info.st_mode):
        return Mark(path, "other", f"{stat.S_IFMT(info.st_mode):o}")
    try:
        # No wait on a pipe and no step through a link that took the file's place since.
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(MOST_BYTES + 1)
            digest = hashlib.sha256(content)
            while block := file.read(MOST_BYTES):
                digest.update(block)
    except OSError as error:
        return Mark(path, "file", f"unreadable: {error.strerror}", None, mode)
    return Mark(path, "file", digest.hexdigest(), content if len(content) <= MOST_BYTES else None, mode)


def _same(old: Mark | None, new: Mark | None) -> bool:
    if old is None or new is None:
        return old is new
    return (old.kind, old.digest, old.mode) == (new.kind, new.digest, new.mode) and (
        old.kind != "link" or old.content == new.content
    )


def _put_back(path: Path, old: Mark | None) -> bool:
    if old is not None and (old.kind == "other" or (old.kind == "file" and old.content is None)):
        return False
    gone = old is None or old.kind == "absent"
    try:
        folder = _open_folder(path.parent, make=not gone)
    except FileNotFoundError:
        return gone
    except OSError:  # a link or a file stands where a folder was
        return False
    try:
        _remove(path.name, folder, keep_folder=old is not None and old.kind == "folder")
        if old is not None and not gone:
            _recreate(old, folder)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def _open_folder(path: Path, make: bool) -> int:
    """A descriptor of the folder, reached from the root without following a link."""
    fd = os.open(path.anchor, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in path.parts[1:]:
        above = fd
        try:
            if make:
                try:
                    os.mkdir(name, 0o755, dir_fd=above)
                except FileExistsError:
                    pass
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
        finally:
            os.close(above)
    return fd


def _remove(name: str, folder: int, keep_folder: bool) -> None:
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(info.st_mode):
        os.unlink(name, dir_fd=folder)
    elif not keep_folder:
        shutil.rmtree(name, dir_fd=folder)


def _recreate(mark: Mark, folder: int) -> None:
    name = mark.path.name
    if mark.kind == "link":
        os.symlink(os.fsdecode(mark.content or b""), name, dir_fd=folder)
        return
    if mark.kind == "folder":
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except FileExistsError:
            pass
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    else:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        view = memoryview(mark.content or b"")
        while mark.kind == "file" and view:
            view = view[os.write(fd, view) :]
        os.fchmod(fd, mark.mode)
    finally:
        os.close(fd)
