"""Reading an archive: nothing in it is trusted. Files land in a fresh folder, plain and private; links and odd names are refused."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from ...base.files import PRIVATE_DIR, PRIVATE_FILE, private_dir, storage_errors, sync_dir
from ...base.paths import PROFILE_NAME
from .pack import BLOCK, CONTENTS, END, FOLDER, FORM, Contents, End, Sum
from .sealed import MAGIC, ArchiveError, Unsealer

LARGEST_NOTE = 1 << 20
DEEPEST = 32
DAMAGED = "Use another copy of the backup"


class Source(Protocol):
    """Gives an archive's bytes."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was in an archive, all of it checked."""

    contents: Contents
    files: int
    bytes: int


def is_sealed(file: BinaryIO) -> bool:
    """Whether an open file is a sealed backup; ``False`` for a plain archive. It is at its beginning afterwards.

    Raises:
        ArchiveError: it is neither.
    """
    begin = file.read(512)
    file.seek(0)
    if begin.startswith(MAGIC[:-1]):
        return True
    if begin.startswith(CONTENTS.encode() + b"\0"):
        return False
    raise ArchiveError("foreign", "it is not a backup of alpi's")


def read_archive(
    source: Source, into: Path | None, prepare: Callable[[Contents], frozenset[str]] | None = None
) -> Unpacked:
    """Read a whole archive and check all of it.

    Args:
        source: its bytes, already unsealed.
        into: a fresh folder; each wanted profile becomes a folder in it. ``None``: check only.
        prepare: given the contents before anything is written, says which profiles are wanted (all without it). May raise.

    Raises:
        ArchiveError: damaged, cut off, or with something in it that no archive of alpi's has.
        StorageError: a file cannot be written.
    """
    total = Sum()
    contents: Contents | None = None
    end: End | None = None
    wanted: frozenset[str] = frozenset()
    try:
        with tarfile.open(fileobj=source, mode="r|", errorlevel=2) as tar:  # type: ignore[call-overload]
            for member in tar:
                if end is not None:
                    raise ArchiveError("damaged", "something follows its end", DAMAGED)
                if contents is None:
                    contents = _contents(tar, member)
                    wanted = frozenset(contents.profiles) if prepare is None else prepare(contents)
                elif member.name == END:
                    end = _note(tar, member, End)
                else:
                    profile, parts = _place(member, contents)
                    target = into / profile / Path(*parts) if into is not None and profile in wanted else None
                    _file(tar, member, total, target)
                tar.members = []  # tarfile remembers every member otherwise
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise ArchiveError("damaged", f"its contents cannot be read ({error})", DAMAGED) from error
    if contents is None or end is None:
        raise ArchiveError("cut off", "it was cut off: its end is missing", DAMAGED)
    if end != total.end():
        raise ArchiveError("damaged", "it is damaged: its contents do not add up to its checksum", DAMAGED)
    _drain(source)
    return Unpacked(contents, total.files, total.bytes)


def _contents(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Contents:
    if member.name != CONTENTS:
        raise ArchiveError("foreign", "it is not a backup of alpi's")
    contents: Contents = _note(tar, member, Contents)
    if contents.form != FORM:
        raise ArchiveError("foreign", f"it has form {contents.form}, which this alpi does not know", "Use a newer alpi")
    names = contents.profiles
    if not names or len(set(names)) != len(names) or not all(PROFILE_NAME.fullmatch(name) for name in names):
        raise ArchiveError("contents", "its list of profiles is not one that alpi writes")
    return contents


def _note(tar: tarfile.TarFile, member: tarfile.TarInfo, kind: type[Any]) -> Any:
    file = tar.extractfile(member) if member.isreg() and member.size <= LARGEST_NOTE and not member.issparse() else None
    if file is None:
        raise ArchiveError("damaged", f"{member.name} in it is not what alpi writes", DAMAGED)
    try:
        return msgspec.json.decode(file.read(), type=kind)
    except msgspec.DecodeError as error:
        raise ArchiveError("damaged", f"{member.name} in it cannot be read", DAMAGED) from error


def _place(member: tarfile.TarInfo, contents: Contents) -> tuple[str, list[str]]:
    """The profile and the path below its folder.

    Raises:
        ArchiveError: a link, a device, or a name that leads anywhere else.
    """
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise ArchiveError("contents", f"{member.name!r} in it is a link, a folder or a device, not a file")
    parts = member.name.split("/")
    harmless = all(part not in ("", ".", "..") and "\0" not in part for part in parts)
    if not harmless or not 3 <= len(parts) <= DEEPEST or parts[0] != FOLDER or parts[1] not in contents.profiles:
        raise ArchiveError("contents", f"{member.name!r} in it is not a place in a profile")
    return parts[1], parts[2:]


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo, total: Sum, target: Path | None) -> None:
    file = tar.extractfile(member)
    assert file is not None  # a regular file has one
    total.begin(member.name, member.size)
    if target is None:
        while data := file.read(BLOCK):
            total.take(data)
        return
    with storage_errors(target, "write"):
        private_dir(target.parent)
        mode = PRIVATE_DIR if member.mode & 0o100 else PRIVATE_FILE
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as out:
            while data := file.read(BLOCK):
                total.take(data)
                out.write(data)
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.utime(out.fileno(), (member.mtime, member.mtime))
            os.fsync(out.fileno())


def _drain(source: Source) -> None:
    """Read what is left: a sealed stream is whole only once its last chunk has been opened."""
    while source.read(BLOCK):
        pass


def open_source(file: BinaryIO, passphrase: Callable[[], str]) -> Source:
    """The bytes of an archive in an open file; ``passphrase`` is asked for only where it is sealed.

    Raises:
        ArchiveError: it is none, or the passphrase is wrong.
    """
    return Unsealer(file, passphrase()) if is_sealed(file) else file


def sync_tree(folder: Path) -> None:
    """Flush the entry lists of a folder and all below it."""
    for path, _, _ in os.walk(folder):
        with storage_errors(Path(path), "write"):
            sync_dir(Path(path))
