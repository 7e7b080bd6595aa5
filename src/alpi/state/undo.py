"""Taking back what tools did to files: the old content is kept before each change, and comes back by turn.

Before a tool overwrites, edits, moves or deletes a file, ``keep`` stores what stood there; after it, ``done`` notes what stands there now.
Only a file that still is what alpi made of it is restored unasked, so nobody's later work is lost. A restore is a turn of its own and
can be taken back like any other.

Killed between ``keep`` and the change, the file is still what was kept, and the plan says "already so". Killed between the change and
``done``, the content that was planned tells that the change is alpi's own.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from ..base.clock import Clock
from ..base.errors import AlpiError, StorageError, UsageError
from .held import held
from .kept import ABSENT, Keep, Objects, Record, Turns, content_hash
from .shown import difference, unlike
from .shown import size as shown_size

OTHER = "other"
"""Stands for the hash of what is not a regular file, or stands behind a link."""

Write = Callable[[Path, bytes | None, int], None]
"""Puts a content with permissions at a path, or takes the file away (``None``). The gate's guarded writer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept: bytes in all, bytes of one file, days."""

    total: int = 200 << 20
    file: int = 20 << 20
    days: int = 30


@dataclass(frozen=True, slots=True)
class Kept:
    """A change that was noted and can be taken back. Handed to ``done`` once the change was made."""

    turn: str
    id: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a turn did to one file in all. ``before`` is the hash of what stood there (or ``ABSENT``), ``mine`` are those of what the turn
    left there: one, or several where alpi was stopped in the middle."""

    path: Path
    before: str
    mode: int
    tool: str
    mine: frozenset[str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that changed files. ``restores`` names the turn that it took back; ``undone``: it was itself taken back in whole."""

    id: str
    session: str
    started: datetime
    changes: tuple[Change, ...]
    restores: str = ""
    undone: bool = False


class State(Enum):
    """What a restore would do with a file."""

    RESTORABLE = "can be restored"
    CHANGED = "changed since"
    SAME = "already so"
    GONE = "content gone"


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One file of a plan. ``diff`` goes from what stands there now to what would; ``detail`` explains the state where that helps."""

    path: Path
    state: State
    diff: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: ``turn`` is its own (``""``: nothing was changed), ``left`` says for each file that stayed as it was why."""

    turn: str
    files: tuple[Path, ...]
    left: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True)
class _Now:
    """What stands at a path. ``data`` is ``None`` where nothing does, or where it is too large to be kept."""

    hash: str
    data: bytes | None = None
    mode: int = 0o644
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Used:
    """Bytes in the store, as counted when ``turn`` began and added to since; ``sure`` are contents that are counted."""

    turn: str = ""
    bytes: int = 0
    sure: frozenset[str] = frozenset()


class UndoStore:
    """Old contents of the files that tools changed. Several processes may use it at once.

    Args:
        folder: ``<profile>/undo``; made 0700, all files in it 0600. Must not lie in a workspace.
    """

    def __init__(self, folder: Path, clock: Clock, limits: Limits | None = None) -> None:
        self.folder = folder
        self.limits = limits or Limits()
        self._lock_path = folder / "lock"
        self._clock = clock
        self._objects = Objects(folder / "objects")
        self._turns = Turns(folder / "turns")
        self._used = _Used()

    def too_large(self, size: int) -> str:
        """Why a file of so many bytes is not kept, or ``""``. For asking before a change is begun."""
        most = min(self.limits.file, self.limits.total)
        return (
            f"its old content ({shown_size(size)}) is too large to be kept for undo ({shown_size(most)})"
            if size > most
            else ""
        )

    def keep(
        self, turn_id: str, session_id: str, path: Path, before: bytes | None, mode: int, tool: str, planned: str = ""
    ) -> Kept | str:
        """Keep what a file holds before it is changed; on the disk when this returns.

        Args:
            path: absolute, links resolved: the file that will really be written.
            before: its content, or ``None`` where it does not exist.
            mode: its permissions.
            planned: the hash of what it is going to hold, where that is known (``content_hash``).

        Returns:
            A note for ``done``, or the reason why it cannot be kept: the change could not be taken back, so a person must be asked.

        Raises:
            StorageError: it could not be kept, for example because the disk is full. The change must not be made unasked.
        """
        return self._keep(turn_id, session_id, path, before, mode, tool, planned, frozenset({turn_id}), "")

    def done(self, entry: Kept, after_hash: str) -> None:
        """Note that the change was made and what the file holds now (``content_hash``).

        Raises:
            StorageError: it could not be noted. The change can still be taken back if it was planned; there is nothing to refuse any more.
        """
        self._turns.done(entry.turn, entry.id, after_hash)

    def turns(self, session_id: str = "") -> list[Turn]:
        """The turns that changed files, newest first; of one session where it is named."""
        records = [record for record in reversed(self._turns.all()) if record.keeps]
        undone: set[str] = set()
        found: list[Turn] = []
        for record in records:  # newest first: whether a restore was itself taken back is known before it counts
            if record.restores and record.left == 0 and record.turn not in undone:
                undone.add(record.restores)
            found.append(_turn(record, record.turn in undone))
        return [turn for turn in found if not session_id or turn.session == session_id]

    def newest(self, session_id: str = "") -> Turn | None:
        """The turn that ``undo`` without a name means: the newest that is not undone, and is not itself an undo."""
        return next((turn for turn in self.turns(session_id) if not turn.undone and not turn.restores), None)

    def turn(self, name: str) -> Turn:
        """A turn by its id, or by a beginning of it that only one has.

        Raises:
            UsageError: there is none, or more than one.
        """
        found = [turn for turn in self.turns() if turn.id.startswith(name)] if name else []
        exact = [turn for turn in found if turn.id == name]
        if len(found) != 1 and not exact:
            raise UsageError(
                f"{len(found) or 'no'} turns that can be taken back begin with {name!r}", "List them: alpi undo --list"
            )
        return (exact or found)[0]

    def plan(self, turn: Turn) -> list[FilePlan]:
        """What a restore of the turn would do, file by file. Changes nothing."""
        return [self._plan(change, self._now(change.path)) for change in turn.changes]

    def restore(self, turn: Turn, write: Write, force_paths: Iterable[Path] = ()) -> Restored:
        """Put back what the turn's files held before it, each through ``write``, and note it as a turn of its own.

        A file that changed since stays as it is unless it is named in ``force_paths``. One file that cannot be written does not keep the
        others from coming back.
        """
        forced = frozenset(force_paths)
        own = f"undo-{self._clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        files: list[Path] = []
        left: list[tuple[Path, str]] = []
        for change in turn.changes:
            now = self._now(change.path)
            plan = self._plan(change, now)
            if plan.state is State.SAME:
                continue
            force = plan.state is State.CHANGED and change.path in forced and now.hash != OTHER
            if plan.state is not State.RESTORABLE and not force:
                left.append((change.path, plan.detail or plan.state.value))
                continue
            try:
                self._put_back(own, turn, change, now, write)
                files.append(change.path)
            except (AlpiError, OSError) as error:
                left.append((change.path, str(error)))
        if self._turns.exists(own):
            self._turns.end(own, len(left))
        return Restored(own if files else "", tuple(files), tuple(left))

    def prune(self) -> int:
        """Delete what is older than the limit, and contents that nothing needs. Returns how many turns went."""
        with held(self._lock_path, "the undo store"):
            return self._prune(0, frozenset())

    def _keep(
        self,
        turn: str,
        session: str,
        path: Path,
        before: bytes | None,
        mode: int,
        tool: str,
        planned: str,
        spare: frozenset[str],
        restores: str,
    ) -> Kept | str:
        if not path.is_absolute():
            raise UsageError(f"{path} is not an absolute path")
        size = len(before or b"")
        if reason := self.too_large(size):
            return reason
        with held(self._lock_path, "the undo store"):
            new = not self._turns.exists(turn)
            if new or self._used.turn != turn:
                self._prune(size, spare)
                self._used = _Used(turn, self._objects.total())
            name = content_hash(before)
            if name != ABSENT and name not in self._used.sure and self._used.bytes + size > self.limits.total:
                self._prune(size, spare)
                self._used = _Used(turn, self._objects.total())
                if self._used.bytes + size > self.limits.total:
                    return f"this turn has changed more than is kept for undo ({shown_size(self.limits.total)})"
            if before is not None:
                self._objects.put(before)
                added = 0 if name in self._used.sure else size
                self._used = _Used(turn, self._used.bytes + added, self._used.sure | {name})
            if new:
                self._turns.begin(turn, session, self._clock.now(), restores)
            return Kept(turn, self._turns.keep(turn, path, name, mode & 0o777, tool, planned))

    def _put_back(self, own: str, turn: Turn, change: Change, now: _Now, write: Write) -> None:
        content = None if change.before == ABSENT else self._objects.get(change.before)
        if now.hash != ABSENT and now.data is None:
            raise StorageError(f"{change.path} is now too large to be kept for undo", "Move it away first")
        spare = frozenset({own, turn.id})
        kept = self._keep(own, turn.session, change.path, now.data, now.mode, "undo", change.before, spare, turn.id)
        if isinstance(kept, str):
            raise StorageError(f"what {change.path} holds now cannot be kept: {kept}")
        if self._now(change.path).hash != now.hash:
            raise StorageError(f"{change.path} was changed by somebody else just now")
        write(change.path, content, change.mode)
        self.done(kept, change.before)

    def _plan(self, change: Change, now: _Now) -> FilePlan:
        if now.hash == change.before:
            return FilePlan(change.path, State.SAME)
        content = None if change.before == ABSENT else self._objects.get(change.before)
        if content is None and change.before != ABSENT:
            return FilePlan(change.path, State.GONE, "", "what it held is no longer kept")
        diff = _diff(change.path, now, content)
        if now.hash in change.mine:
            return FilePlan(change.path, State.RESTORABLE, diff)
        return FilePlan(change.path, State.CHANGED, diff, now.detail or "it was changed after this turn")

    def _now(self, path: Path) -> _Now:
        """What stands at a path, without following a link in any part of it."""
        try:
            if os.path.realpath(path.parent) != str(path.parent):
                return _Now(OTHER, detail="one of its folders is a link now")
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return _Now(ABSENT)
        except OSError as error:
            link = path.is_symlink()
            return _Now(OTHER, detail="it is a link now" if link else os.strerror(error.errno or 0))
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                return _Now(OTHER, detail="it is not a regular file now")
            mode = stat.S_IMODE(state.st_mode)
            if state.st_size > self.limits.file:
                return _Now(hashlib.file_digest(file, "sha256").hexdigest(), None, mode)
            data = file.read()
            return _Now(content_hash(data), data, mode)

    def _prune(self, more: int, spare: frozenset[str]) -> int:
        """Forget old turns, oldest first, until ``more`` bytes fit; never those in ``spare``. Needs the lock."""
        oldest = self._clock.now() - timedelta(days=self.limits.days)
        old = {turn for turn, started in self._turns.started() if started is None or started < oldest} - spare
        over = self._objects.total() + more > self.limits.total
        if not old and not over:
            return 0
        for turn in old:
            self._turns.delete(turn)
        records = self._turns.all()
        self._objects.sweep(_contents(records))
        gone = len(old)
        while self._objects.total() + more > self.limits.total:
            record = next((record for record in records if record.turn not in spare), None)
            if record is None:
                break
            self._turns.delete(record.turn)
            records.remove(record)
            self._objects.sweep(_contents(records))
            gone += 1
        return gone


def _contents(records: Sequence[Record]) -> set[str]:
    return {keep.before for record in records for keep in record.keeps}


def _turn(record: Record, undone: bool) -> Turn:
    changes: dict[Path, Change] = {}
    for keep in record.keeps:
        earlier = changes.get(keep.path)
        if earlier is not None and keep.before in earlier.mine:
            changes[keep.path] = replace(earlier, mine=_mine(keep), tool=keep.tool)
        else:
            # The first change; or somebody else wrote in the middle of the turn, and their work is what comes back.
            changes[keep.path] = Change(keep.path, keep.before, keep.mode, keep.tool, _mine(keep))
    return Turn(record.turn, record.session, record.started, tuple(changes.values()), record.restores, undone)


def _mine(keep: Keep) -> frozenset[str]:
    if keep.after:
        return frozenset({keep.after})
    return frozenset({keep.before, keep.planned} - {""})


def _diff(path: Path, now: _Now, content: bytes | None) -> str:
    """From what stands there to what would."""
    if now.hash == OTHER:
        return unlike(path, "another kind of file", content)
    if now.data is None and now.hash != ABSENT:
        return unlike(path, "a large file", content)
    return difference(path, now.data, content)
