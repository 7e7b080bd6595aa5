"""One memory file on the disk: read as it stands, and replaced only if nobody else has changed it meanwhile."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from ...base.errors import StorageError
from ...base.files import private_dir, storage_errors, write_atomic

LARGEST = 4 << 20
_SETTLED = 0.03
_MOST_WAITS = 30
_WAITS_FOR_MORE = 4


class ChangedMeanwhile(Exception):
    """Somebody wrote the file while its next content was being made."""


class MemoryFile:
    """A memory file. People edit it with programs that know no lock of ours, so each step looks again.

    Args:
        pause: waits some seconds; for a program that is in the middle of writing.
    """

    def __init__(self, path: Path, pause: Callable[[float], None]) -> None:
        self.path = path
        self.pause = pause

    def read(self) -> bytes:
        """The content; nothing where there is no file.

        Raises:
            StorageError: unreadable, a link, or too large.
        """
        with storage_errors(self.path, "read"):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return b""
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise StorageError(f"{self.path} is not a regular file", "Move it away")
                data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise StorageError(
                f"{self.path} is larger than {LARGEST >> 20} MiB", "It is no memory file any more; move it away"
            )
        return data

    def settled(self, data: bytes) -> bytes:
        """The content once a program that has just written it is done: two looks in a row see the same, and not a file cut to nothing."""
        for number in range(_MOST_WAITS):
            self.pause(_SETTLED)
            again = self.read()
            if again == data and (data or not self.path.exists()):
                return data
            data = again
            if data and number >= _WAITS_FOR_MORE:
                break  # a program that never stops writing: whoever waits for the lock must not wait for that
        return data

    def text(self, data: bytes) -> str:
        """The content as text.

        Raises:
            StorageError: not UTF-8.
        """
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise StorageError(
                f"{self.path} is not UTF-8 text (byte {error.start})", "Save it again as UTF-8"
            ) from error

    def replace(
        self, before: bytes, after: bytes, record: Callable[[], None], undo_record: Callable[[], None]
    ) -> bytes:
        """Put ``after`` in the place of ``before``. ``record`` writes the change down before it is made, ``undo_record`` that it was not.

        Gives what a program has written into the file that was replaced, in the moment when it was; else ``before``.

        Raises:
            ChangedMeanwhile: something else than ``before`` stands there now.
            StorageError: it could not be written.
        """

        recorded = False

        def last_look() -> None:
            nonlocal recorded
            if self.read() != before:
                raise ChangedMeanwhile
            record()
            recorded = True
            if self.read() != before:
                undo_record()
                raise ChangedMeanwhile

        private_dir(self.path.parent)
        self._clean()
        old = self._open()
        try:
            write_atomic(self.path, after, before_rename=last_look)
            return before if old is None else self._what_came(old, before)
        except StorageError:
            if recorded:
                with contextlib.suppress(StorageError):  # a full disk; the one that is raised says so
                    undo_record()
            raise
        finally:
            if old is not None:
                os.close(old)

    def _open(self) -> int | None:
        with storage_errors(self.path, "read"), contextlib.suppress(FileNotFoundError):
            return os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        return None

    def _what_came(self, old: int, before: bytes) -> bytes:
        """What stands in the replaced file, which a program may have had open and written into."""
        data = os.pread(old, LARGEST, 0)
        for number in range(_MOST_WAITS if data != before else 0):
            self.pause(_SETTLED)
            again = os.pread(old, LARGEST, 0)
            if again == data and data:
                break
            data = again
            if data and number >= _WAITS_FOR_MORE:
                break
        return data

    def _clean(self) -> None:
        """Remove what processes that were killed have left; nobody else writes such files while the lock is held."""
        for path in self._left():
            with storage_errors(path, "remove"):
                path.unlink(missing_ok=True)

    def left(self) -> list[bytes]:
        """What processes that were killed had made to replace the file with, and did not come to."""
        found = []
        for path in self._left():
            with storage_errors(path, "read"):
                found.append(path.read_bytes())
        return found

    def _left(self) -> list[Path]:
        name = re.compile(rf"\.{re.escape(self.path.name)}\.[0-9a-f]{{12}}\.tmp")
        folder = self.path.parent
        return [path for path in folder.iterdir() if name.fullmatch(path.name)] if folder.is_dir() else []
