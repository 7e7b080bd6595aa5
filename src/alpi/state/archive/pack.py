"""Writing an archive: a tar stream with a list of contents in front and a checksum at its end.

    alpi-archive.json                   what is in it: form, time, version, and each profile with its number of files and bytes
    profiles/NAME/...                   the files, the default profile's under profiles/default
    alpi-archive.end                    SHA-256 over each file's name, size and content

It is an ordinary tar file, so that a plain one can be opened without alpi.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

import msgspec

from ...base.errors import StorageError
from ...base.files import storage_errors
from .tree import Part, Tree

FORM = 1
CONTENTS = "alpi-archive.json"
END = "alpi-archive.end"
FOLDER = "profiles"
BLOCK = 1 << 20


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in front of an archive."""

    form: int
    created: datetime
    version: str
    profiles: list[str]


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at its end."""

    files: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written. ``left_out``: links and other things that no backup holds, by path."""

    profiles: tuple[str, ...]
    files: int
    bytes: int
    left_out: tuple[str, ...]


class Out(Protocol):
    """Takes an archive's bytes."""

    def write(self, data: bytes, /) -> int: ...


class Sum:
    """The checksum over an archive's files, and how much they are."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.files = 0
        self.bytes = 0

    def begin(self, name: str, size: int) -> None:
        """A file follows."""
        self._hash.update(b"%d " % size + os.fsencode(name) + b"\n")
        self.files += 1

    def take(self, data: bytes) -> None:
        """A piece of its content."""
        self._hash.update(data)
        self.bytes += len(data)

    def end(self) -> End:
        """What it comes to."""
        return End(files=self.files, bytes=self.bytes, sha256=self._hash.hexdigest())


def pack(
    out: Out,
    trees: Sequence[tuple[str, Tree]],
    *,
    now: datetime,
    version: str,
    progress: Callable[[int], None] | None = None,
) -> Packed:
    """Write an archive of profiles (name, files). Takes a constant amount of memory. ``progress`` is told of bytes done.

    Raises:
        StorageError: a file cannot be read, or the archive not be written.
    """
    total = Sum()
    names = [name for name, _ in trees]
    contents = Contents(form=FORM, created=now, version=version, profiles=names)
    with tarfile.open(fileobj=_Sink(out), mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, CONTENTS, msgspec.json.encode(contents) + b"\n", now)
        for name, tree in trees:
            for part in tree.parts():
                _add_part(tar, f"{FOLDER}/{name}/{part.name}", part, total, tree)
                if progress is not None:
                    progress(total.bytes)
        _add(tar, END, msgspec.json.encode(total.end()) + b"\n", now)
    left_out = tuple(note for _, tree in trees for note in tree.left_out)
    return Packed(tuple(names), total.files, total.bytes, left_out)


def _add(tar: tarfile.TarFile, name: str, data: bytes, now: datetime) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = len(data), 0o600, int(now.timestamp())
    tar.addfile(info, io.BytesIO(data))


def _add_part(tar: tarfile.TarFile, name: str, part: Part, total: Sum, tree: Tree) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = part.size, 0o700 if part.executable else 0o600, int(part.changed)
    total.begin(name, part.size)
    reader = _Reader(part, total)
    path = tree.home / part.name
    with storage_errors(path, "read"):
        tar.addfile(info, reader)
    if reader.left:
        raise StorageError(f"{path} became shorter while it was being read", "Try again")


class _Sink(io.RawIOBase):
    """What tarfile writes to. It wants a real file object, and must not close ours."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self._out.write(data)


class _Reader:
    """A file's bytes up to the size that counts, each of them summed up. What has been cut off meanwhile is noted in ``left``."""

    def __init__(self, part: Part, total: Sum) -> None:
        self._file: BinaryIO = part.file
        self._total = total
        self.left = part.size

    def read(self, size: int = -1) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        data = self._file.read(wanted)
        self.left -= len(data)
        self._total.take(data)
        return data
