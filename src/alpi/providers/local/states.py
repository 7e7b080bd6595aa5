"""The kept state of a prompt's prefix: which file it is, whether it is whole, how many are kept.

A state is what the model computed from the beginning of a prompt (about 28 kB a token for the built-in model). llama.cpp writes
and reads the file; beside it lies ``<key>.ok`` with its sha256, so that a torn or foreign file never reaches llama.cpp.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...base.errors import StorageError
from ...base.files import storage_errors, write_atomic

KEEP = 6
"""How many states are kept, the last used ones. One of 1,000 tokens takes 28 MB."""


def state_key(*parts: str | bytes | int) -> str:
    """The name of a state: a hash over everything that it depends on, in order (model, library, template, prefix, …)."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)  # the length, so that parts cannot run into each other
    return digest.hexdigest()[:40]


class States:
    """The folder of states. All methods block for as long as a disk takes (hashing 30 MB: 0.03 s)."""

    def __init__(self, folder: Path, keep: int = KEEP) -> None:
        self.folder = folder
        self._keep = keep

    def path(self, key: str) -> Path:
        """Where the state is, or will be."""
        return self.folder / f"{key}.bin"

    def fresh_name(self, key: str) -> str:
        """The file name that llama.cpp is to write to; ``keep`` then gives it its own. Each process has another one."""
        import os

        return f"{key}.{os.getpid()}.new"

    def usable(self, key: str) -> bool:
        """Whether a whole state is there. A damaged one is deleted."""
        path = self.path(key)
        try:
            if _mark(path) == self._mark_path(key).read_text():
                return True
        except OSError:
            pass  # no state, or none that was finished
        self.forget(key)
        return False

    def keep(self, key: str) -> None:
        """Take over what llama.cpp wrote to ``fresh_name``, and delete the states that were not used for longest.

        Raises:
            StorageError: it could not be kept.
        """
        fresh = self.folder / self.fresh_name(key)
        path = self.path(key)
        with storage_errors(path, "keep the prompt's state in"):
            fresh.chmod(0o600)
            mark = _mark(fresh)
            self._mark_path(key).unlink(missing_ok=True)
            fresh.replace(path)
        write_atomic(self._mark_path(key), mark.encode())
        self._prune()

    def used(self, key: str) -> None:
        """Note that it was used just now."""
        try:
            self.path(key).touch()
        except OSError:
            pass  # only the order of deletion is lost

    def forget(self, key: str) -> None:
        """Delete a state."""
        for path in (self.path(key), self._mark_path(key), self.folder / self.fresh_name(key)):
            _delete(path)

    def _mark_path(self, key: str) -> Path:
        return self.folder / f"{key}.ok"

    def _prune(self) -> None:
        try:
            known = sorted(self.folder.glob("*.bin"), key=_changed, reverse=True)
            for path in known[self._keep :]:
                self.forget(path.stem)
            for path in self.folder.glob("*.new"):  # a run that was killed while saving
                if _changed(path) < _changed(known[0]) - 3600:
                    _delete(path)
        except OSError as error:
            raise StorageError(f"the folder {self.folder} cannot be cleaned up: {error}") from error


def _mark(path: Path) -> str:
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()} {path.stat().st_size}\n"


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0  # another process has just deleted it


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass  # a read-only folder: nothing is saved there either
