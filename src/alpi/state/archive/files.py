"""Backups as files: written beside their place, restored beside their place, and named when they are whole.

A killed run leaves nothing half-visible, only a hidden file or folder with that process's number in its name. The next run, or the
doctor, removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ...base.errors import UsageError
from ...base.files import PRIVATE_DIR, PRIVATE_FILE, private_dir, storage_errors, sync_dir
from ...base.paths import DEFAULT
from .pack import Contents, Packed, pack
from .sealed import ArchiveError, Cost, Sealer
from .tree import Tree
from .unpack import Unpacked, is_sealed, open_source, read_archive, sync_tree

TEMPORARY = re.compile(r"\.(?P<what>.+)\.(?P<pid>[0-9]+)-[0-9a-f]{12}\.tmp")


@dataclass(frozen=True, slots=True)
class Written:
    """A finished backup: its size on the disk (bytes), and what it holds."""

    size: int
    packed: Packed


def write_backup(
    target: Path,
    trees: Sequence[tuple[str, Tree]],
    *,
    passphrase: str | None,
    now: datetime,
    version: str,
    force: bool = False,
    cost: Cost | None = None,
    progress: Callable[[int], None] | None = None,
) -> Written:
    """Write profiles (name, files) into a fresh file, 0600, that appears under its name when it is whole.

    Args:
        passphrase: ``None`` writes a plain tar file.
        force: replace a file of that name.

    Raises:
        UsageError: there is a file of that name, or its folder is missing.
        StorageError: the disk did not take it; nothing has changed.
    """
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", f"Make it first: mkdir -p {target.parent}")
    if not force and (target.exists() or target.is_symlink()):
        raise UsageError(f"{target} exists already", "Name another file, or say --force to replace it")
    remove_abandoned(target.parent, target.name)
    temporary = temporary_beside(target)
    with storage_errors(target, "write"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(temporary, flags, PRIVATE_FILE), "wb")
    try:
        with storage_errors(target, "write"), file:
            sealer = Sealer(file, passphrase, cost) if passphrase is not None else None
            packed = pack(sealer or file, trees, now=now, version=version, progress=progress)
            if sealer is not None:
                sealer.close()
            file.flush()
            os.fsync(file.fileno())
            size = os.fstat(file.fileno()).st_size
        _name(temporary, target, force)
    except BaseException:  # also Ctrl-C: nothing half-written stays
        temporary.unlink(missing_ok=True)
        raise
    return Written(size, packed)


def _name(temporary: Path, target: Path, force: bool) -> None:
    """Give a finished file its name; without ``force`` never that of another file, even one that came a moment ago."""
    with storage_errors(target, "write"):
        if not force:
            try:
                os.link(temporary, target, follow_symlinks=False)
            except FileExistsError as error:
                raise UsageError(f"{target} exists already", "Name another file, or say --force") from error
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EACCES, errno.ENOSYS):
                    raise
                # A file system without hard links, such as that of a memory stick.
                if target.exists():
                    raise UsageError(f"{target} exists already", "Name another file, or say --force") from error
            else:
                temporary.unlink()
                sync_dir(target.parent)
                return
        temporary.replace(target)
        sync_dir(target.parent)


def verify_backup(path: Path, passphrase: Callable[[], str]) -> Unpacked:
    """Read a backup to its end and check every byte of it; nothing is written.

    Raises:
        ArchiveError: it cannot be used; the message names the file.
        StorageError: it cannot be read.
    """
    with _opened(path) as file:
        return read_archive(open_source(file, passphrase), None)


def restore_backup(
    path: Path,
    root: Path,
    passphrase: Callable[[], str],
    choose: Callable[[Contents], Mapping[str, str]],
) -> tuple[Unpacked, dict[str, Path]]:
    """Unpack profiles beside their places, check all of the backup, then give them their names.

    Args:
        root: ``~/.alpi``: the default profile's folder, with the others in ``profiles``.
        choose: given what is in the backup, says which profiles to restore and under which name each.

    Returns:
        What was in the backup, and each restored profile's folder by its new name.

    Raises:
        UsageError: a profile would go where something is already.
        ArchiveError, StorageError: as ``read_archive``; nothing has changed.
    """
    places: dict[str, Path] = {}
    names: Mapping[str, str] = {}
    root = root.resolve()  # it may be a link to another disk
    with _opened(path) as file:
        if not is_sealed(file):
            _refuse_strangers(file)
        source = open_source(file, passphrase)
        beside = root.parent if not root.exists() or not any(root.iterdir()) else root
        staging = temporary_beside(beside / "alpi-restore")

        def prepare(contents: Contents) -> frozenset[str]:
            nonlocal names
            names = choose(contents)
            for name in names.values():
                places[name] = root if name == DEFAULT else root / "profiles" / name
                _refuse_taken(places[name], name)
            private_dir(beside)
            remove_abandoned(beside, "alpi-restore")
            with storage_errors(staging, "make the folder"):
                staging.mkdir(PRIVATE_DIR)
            return frozenset(names)

        try:
            found = read_archive(source, staging, prepare)
            sync_tree(staging)
            _appear(staging, names, root)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return found, places


def _refuse_strangers(file: BinaryIO) -> None:
    """A plain archive proves nothing by itself: it counts only where nobody else can have written it."""
    state = os.fstat(file.fileno())
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise ArchiveError(
            "contents",
            "it is not encrypted, and others than you could have written it",
            "If you know where it comes from: copy it, chmod 600 the copy, and restore that",
        )


def _refuse_taken(folder: Path, name: str) -> None:
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        other = f"alpi restore FILE --as {'NAME' if name == DEFAULT else name + '2'}"
        raise UsageError(
            f"{folder} is not empty, and a restored profile never mixes with another",
            f"Move it away (mv {folder} {folder}.old), or restore it under another name: {other}",
        )


def _appear(staging: Path, names: Mapping[str, str], root: Path) -> None:
    """Move finished profiles to their places. With the default profile among them all appear at once, else each by itself."""
    for old, new in names.items():
        private_dir(staging / old)  # a profile without a single file is one all the same
        if old != new:
            with storage_errors(staging / new, "write"):
                (staging / old).rename(staging / f"{new}.renamed")
    for old, new in names.items():
        if old != new:
            (staging / f"{new}.renamed").rename(staging / new)
    whole = staging / DEFAULT if DEFAULT in names.values() else None
    folder = private_dir((whole or root) / "profiles") if set(names.values()) - {DEFAULT} else root
    with storage_errors(root, "write"):
        for name in sorted(set(names.values()) - {DEFAULT}):
            (staging / name).rename(folder / name)
            sync_dir(folder)
        if whole is not None:
            whole.rename(root)
            sync_dir(root.parent)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """An open backup; what is wrong with it is told with its name."""
    with storage_errors(path, "read"):
        file = path.open("rb")
    with file:
        try:
            yield file
        except ArchiveError as error:
            raise ArchiveError(error.kind, f"{path}: {error.message}", error.hint) from error


def remove_abandoned(folder: Path, what: str = "") -> list[Path]:
    """Remove what killed runs left in a folder: temporary files and folders whose process has gone. Gives what was removed."""
    gone = [path for path in abandoned(folder) if not what or _what(path) == what]
    for path in gone:
        with storage_errors(path, "remove"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    return gone


def abandoned(folder: Path) -> list[Path]:
    """What killed runs left in a folder."""
    with storage_errors(folder, "list"):
        names = sorted(entry.name for entry in folder.iterdir())
    found = [(name, match) for name in names if (match := TEMPORARY.fullmatch(name))]
    return [folder / name for name, match in found if not alive(int(match["pid"]))]


def alive(pid: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True  # somebody else's
    return True


def _what(path: Path) -> str:
    match = TEMPORARY.fullmatch(path.name)
    return match["what"] if match else ""


def temporary_beside(path: Path) -> Path:
    """A hidden name in the same folder that says which process works on it."""
    return path.parent / f".{path.name}.{os.getpid()}-{secrets.token_hex(6)}.tmp"
