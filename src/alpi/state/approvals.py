"""Kept approvals, ``approvals.json``: what a person allowed "always", each with its exact scope. Nothing is ever forgotten unseen.

A scope is compared by the SHA-256 of its key, and only that is stored: a key may hold what must not lie on a disk, such as a header of
a web request. The scope in words, without secrets, stands beside it for people.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from ..base.clock import Clock
from ..base.errors import ConfigError, StorageError, UsageError
from ..base.files import private_dir, storage_errors, write_atomic
from .held import held

LARGEST = 4 << 20
SHORTEST_PREFIX = 4


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kept approval. ``number`` is its own for ever, ``key`` the SHA-256 of the scope's key, ``text`` the exact scope in words."""

    number: int
    key: str
    text: str
    tool: str
    created: datetime
    session: str
    surface: str
    expires: datetime | None = None


class _Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: Literal[1]
    next: int
    approvals: tuple[Approval, ...]


EMPTY = _Store(version=1, next=1, approvals=())
State = tuple[int, int, int, int, int]


class ApprovalStore:
    """The kept approvals of a profile. What another process adds or revokes counts at the next question.

    Args:
        path: ``<profile>/approvals.json``.
        redact: takes out secrets from the words that are written.
    """

    def __init__(self, path: Path, clock: Clock, redact: Callable[[str], str]) -> None:
        self.path = path
        self._lock_path = path.parent / "run" / "approvals.lock"
        self._clock = clock
        self._redact = redact
        self._state: State | None = None
        self._store = EMPTY
        self._problem = ""

    @property
    def problem(self) -> str:
        """What is wrong with the file, or ``""``. While something is, nothing is approved."""
        self._refresh()
        return self._problem

    def has(self, scope: str) -> bool:
        """Whether a scope's key is approved now. Never raises: what cannot be read approves nothing."""
        return self.find(scope) is not None

    def find(self, scope: str) -> Approval | None:
        """The approval that covers a scope's key now, or ``None``."""
        if not scope:
            return None
        self._refresh()
        key = digest(scope)
        return next((found for found in self._store.approvals if found.key == key and self._holds(found)), None)

    def list(self) -> tuple[Approval, ...]:
        """All that are kept, oldest first; those that have run out too, until somebody revokes them."""
        self._refresh()
        return self._store.approvals

    def expired(self, approval: Approval) -> bool:
        """Whether it has run out."""
        return not self._holds(approval)

    def add(
        self, scope: str, text: str, *, tool: str, session: str, surface: str, expires: datetime | None = None
    ) -> Approval:
        """Keep an approval for a scope's key; where it is kept already, that one is given back.

        Raises:
            UsageError: an empty scope: such a case must be asked anew each time.
            ConfigError: the file is broken; it is not written over.
            StorageError: it could not be written; nothing is approved by it.
        """
        if not scope:
            raise UsageError("without a scope nothing can be approved for always")
        with held(self._lock_path, self.path.name):
            store = self._whole()
            key = digest(scope)
            for found in store.approvals:
                if found.key == key and self._holds(found):
                    return found
            approval = Approval(
                number=store.next,
                key=key,
                text=self._redact(_storable(text)),
                tool=_storable(tool),
                created=self._clock.now(),
                session=_storable(session),
                surface=_storable(surface),
                expires=expires,
            )
            kept = [found for found in store.approvals if found.key != key]  # one that has run out is replaced
            self._write(_Store(version=1, next=store.next + 1, approvals=(*kept, approval)))
        return approval

    def revoke(self, names: Sequence[str]) -> tuple[Approval, ...]:
        """Take approvals back, each by its number or by a beginning of its key (4 characters or more). All or none.

        Raises:
            UsageError: a name fits none, or more than one.
            ConfigError: the file is broken.
            StorageError: it could not be written; all still hold.
        """
        with held(self._lock_path, self.path.name):
            store = self._whole()
            gone = {_named(store.approvals, name) for name in names}
            kept = tuple(found for found in store.approvals if found.number not in gone)
            self._write(msgspec.structs.replace(store, approvals=kept))
        return tuple(found for found in store.approvals if found.number in gone)

    def revoke_all(self) -> tuple[Approval, ...]:
        """Take all back. A broken file is put aside as ``approvals.json.broken``, because it must not come to life again."""
        with held(self._lock_path, self.path.name):
            self._refresh()
            gone = self._store.approvals
            if self._problem:
                with storage_errors(self.path, "put aside"):
                    self.path.replace(self.path.with_name(f"{self.path.name}.broken"))
            self._write(msgspec.structs.replace(self._store, approvals=()))
        return gone

    def _holds(self, approval: Approval) -> bool:
        return approval.expires is None or self._clock.now() < approval.expires

    def _whole(self) -> _Store:
        self._refresh()
        if self._problem:
            raise ConfigError(self._problem, "Mend it, or take all approvals back: alpi approvals revoke --all")
        return self._store

    def _refresh(self) -> None:
        """Read the file again if it is not the one that was read last."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            self._state, self._store, self._problem = None, EMPTY, ""
            return
        except OSError as error:
            self._state, self._store = None, EMPTY
            self._problem = self._broken("is a link" if self.path.is_symlink() else os.strerror(error.errno or 0))
            return
        try:
            found = os.fstat(descriptor)
            state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if state == self._state:
                return
            self._state = state
            self._store, self._problem = EMPTY, self._unfit(found)
            if not self._problem:
                self._store, self._problem = self._parse(_read(descriptor))
        except OSError as error:
            self._state, self._store = None, EMPTY
            self._problem = self._broken(os.strerror(error.errno or 0))
        finally:
            os.close(descriptor)

    def _unfit(self, state: os.stat_result) -> str:
        if not stat.S_ISREG(state.st_mode):
            return self._broken("is not a regular file")
        if state.st_uid != os.geteuid():
            return self._broken("belongs to somebody else")
        if state.st_mode & 0o022:
            return self._broken(f"can be written by others (chmod 600 {self.path})")
        return self._broken("is too large") if state.st_size > LARGEST else ""

    def _parse(self, data: bytes) -> tuple[_Store, str]:
        try:
            store = msgspec.json.decode(data, type=_Store)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return EMPTY, self._broken(f"cannot be read: {error}")
        numbers = [found.number for found in store.approvals]
        if len(set(numbers)) != len(numbers) or any(not 0 < number < store.next for number in numbers):
            return EMPTY, self._broken("has numbers that stand twice or are out of range")
        if any(found.expires is not None and found.expires.tzinfo is None for found in store.approvals):
            return EMPTY, self._broken("has a date without its zone")
        return store, ""

    def _broken(self, why: str) -> str:
        return f"{self.path} {why}; until it is mended nothing is approved for always"

    def _write(self, store: _Store) -> None:
        data = msgspec.json.format(msgspec.json.encode(store), indent=2) + b"\n"
        if len(data) > LARGEST:
            raise StorageError(f"{self.path} would become too large", "Take some back: alpi approvals list")
        private_dir(self.path.parent)
        write_atomic(self.path, data)
        self._state = None


def digest(scope: str) -> str:
    """What of a scope's key is stored and compared."""
    return hashlib.sha256(scope.encode("utf-8", "surrogatepass")).hexdigest()


def _named(approvals: Sequence[Approval], name: str) -> int:
    """The number of the approval that a name means."""
    listing = "They are listed by: alpi approvals list"
    for found in approvals:
        if name == str(found.number):
            return found.number
    if len(name) < SHORTEST_PREFIX:
        raise UsageError(f"there is no approval {name!r}", listing)
    fits = [found.number for found in approvals if found.key.startswith(name.lower())]
    if len(fits) != 1:
        raise UsageError(f"{len(fits) or 'no'} approvals have a key that begins with {name!r}", listing)
    return fits[0]


def _read(descriptor: int) -> bytes:
    data = b""
    while len(data) <= LARGEST and (chunk := os.read(descriptor, 1 << 20)):
        data += chunk
    return data


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
