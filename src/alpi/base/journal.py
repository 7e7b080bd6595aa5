"""Append-only journals: one JSON object a line, each on the disk before ``append`` returns.

A process may be killed between any two instructions, so the file's last line may be torn. A reader drops a torn line and says
so; a writer cuts it off before it adds its own. Nothing that ``append`` has acknowledged is ever touched.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from .errors import StorageError
from .files import PRIVATE_FILE, private_dir, storage_errors, sync_dir
from .text import encodable


@dataclass(frozen=True, slots=True)
class JournalText:
    """A journal as read: its records in order, and what was wrong with it (one sentence each, with file and line)."""

    records: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]


# Strings under these keys of a record are alpi's own words. A secret that is spelled like one of them must not break the file.
OWN_WORDS = frozenset({"record", "role", "time", "created", "stop"})


class Journal:
    """One append-only file. Writers of different processes must hold a lock of their own around ``append``.

    Args:
        path: the file; made on the first append (0600), with its folder.
        redact: takes out secrets; every string in a record passes it before it is written, but for ``OWN_WORDS``. (Not the whole
            line: there, a secret would look different for being escaped, and a number that is one would leave no JSON behind.)
    """

    def __init__(self, path: Path, redact: Callable[[str], str] | None = None) -> None:
        self.path = path
        self._redact = redact
        self._descriptor: int | None = None

    def append(self, record: Any) -> dict[str, Any]:
        """Write one record (a dict or a Struct) and flush it to the disk. Returns it as it was written.

        Raises:
            StorageError: it could not be written. What was there before is intact, and nothing of this record remains.
        """
        redact = self._redact or str
        written: dict[str, Any] = {
            key: value if key in OWN_WORDS else _cleaned(value, redact)
            for key, value in msgspec.to_builtins(record).items()
        }
        data = msgspec.json.encode(written) + b"\n"
        with storage_errors(self.path, "write to"):
            descriptor = self._open()
            before = os.fstat(descriptor).st_size
            try:
                while data:
                    data = data[os.write(descriptor, data) :]
                os.fsync(descriptor)
            except BaseException:  # also Ctrl-C: no part of a line stays
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, before)
                self.close()  # should a part of the line be left, the next append finds it and cuts it off
                raise
        return written

    def is_empty(self) -> bool:
        """Whether the file holds nothing, once a torn line is cut off. Makes it where it is missing.

        Raises:
            StorageError: it cannot be opened.
        """
        with storage_errors(self.path, "write to"):
            return os.fstat(self._open()).st_size == 0

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is not None and not self._is_there(self._descriptor):
            self.close()  # somebody has moved or removed the file: what comes goes into a new one
        if self._descriptor is None:
            private_dir(self.path.parent)
            new = not self.path.exists()
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self.path, flags, PRIVATE_FILE)
            if new:
                sync_dir(self.path.parent)
            else:
                _mend_tail(self._descriptor)
        return self._descriptor

    def _is_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self.path))
        except FileNotFoundError:
            return False


def _cleaned(value: Any, redact: Callable[[str], str]) -> Any:
    """A value whose texts hold no secrets, and nothing that JSON cannot hold."""
    if isinstance(value, str):
        return redact(encodable(value))
    if isinstance(value, dict):
        return {key: _cleaned(part, redact) for key, part in value.items()}
    return [_cleaned(part, redact) for part in value] if isinstance(value, list | tuple) else value


def read_journal(path: Path, limit: int = 512 << 20) -> JournalText:
    """Read a journal. A missing file is an empty one.

    Raises:
        StorageError: unreadable, or longer than ``limit`` bytes.
    """
    with storage_errors(path, "read"):
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return JournalText((), ())
    if len(data) > limit:
        raise StorageError(f"{path} is larger than {limit >> 20} MiB", "Move it away; the profile works without it")
    records: list[dict[str, Any]] = []
    warnings: list[str] = []
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip(b" \t\r\0"):
            continue
        try:
            record = msgspec.json.decode(line)
            if not isinstance(record, dict):
                raise ValueError(f"holds a {type(record).__name__}, not an object")
            records.append(record)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            if number == len(lines):
                warnings.append(f"{path}: the last line was cut off while it was being written; it was left out")
            else:
                warnings.append(f"{path}, line {number}: not readable ({error}); it was left out")
    return JournalText(tuple(records), tuple(warnings))


def _mend_tail(descriptor: int) -> None:
    """Make the file end with a whole line: keep a last line that lacks only its newline, cut off a torn one."""
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    tail = b""
    start = size
    while start > 0 and b"\n" not in tail:
        step = min(65536, start)
        start -= step
        tail = os.pread(descriptor, step, start) + tail
    line = tail.rpartition(b"\n")[2]
    try:
        whole = isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, ValueError, RecursionError):
        whole = False
    if whole:
        os.write(descriptor, b"\n")
    else:
        os.ftruncate(descriptor, size - len(line))
    os.fsync(descriptor)
