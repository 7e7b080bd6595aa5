"""The memory of a profile: reads and changes its three files, entry by entry, whoever else is at them at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.clock import Clock
from ...base.errors import StorageError, UsageError
from ...base.text import encodable
from ..held import held
from .entries import BOM, Document, Entry, Patch, adding, as_words, merged, parse, removing, replacing
from .errors import NotKept
from .files import ChangedMeanwhile, MemoryFile
from .history import FILES, NOTHING, Change, History, Note, hashed
from .snapshot import Snapshot, Withheld, snapshot, sorted_out
from .states import FileState, UndoPlan

if TYPE_CHECKING:
    from .likeness import Likeness

LONGEST_WAIT = 60.0
"""Seconds to wait for others who change memory: an entry that is not written is lost, so patience is worth more than haste."""
_TRIES = 50
_NO_CHANGE = Patch(0, "", "")


class MemoryStore:
    """The memory files of a profile and their history.

    Args:
        folder: ``<profile>/memory``.
        limits: the most characters a file may have, by its name (``user``, ``memory``, ``personality``).
        redact: takes out secrets; a text that it would change is refused.
        scan: why a text is suspicious, or ``""``.
        pause: waits some seconds for a program that is just writing a file.
        disk: reads and replaces one file.
    """

    def __init__(
        self,
        folder: Path,
        limits: Mapping[str, int],
        clock: Clock,
        redact: Callable[[str], str],
        scan: Callable[[str], str],
        pause: Callable[[float], None] = time.sleep,
        disk: Callable[[Path, Callable[[float], None]], MemoryFile] = MemoryFile,
    ) -> None:
        self.folder = folder
        self.history = History(folder / "history.jsonl", redact)
        self._limits = limits
        self._clock = clock
        self._redact = redact
        self._scan = scan
        self._pause = pause
        self._open = disk
        self._known: dict[str, Likeness] = {}

    # -- reading ---------------------------------------------------------------------------------------------------------

    def path(self, file: str) -> Path:
        """Where a file lies.

        Raises:
            UsageError: there is no such memory file.
        """
        if file not in FILES:
            raise UsageError(f"there is no memory file {file!r}", f"There are: {', '.join(FILES)}")
        return self.folder / FILES[file]

    def text(self, file: str) -> str:
        """A file as it stands; ``""`` where there is none.

        Raises:
            StorageError: unreadable, or not UTF-8.
        """
        disk = self._disk(file)
        return disk.text(disk.read())

    def entries(self, file: str) -> tuple[Entry, ...]:
        """A file's entries, in order. Raises as ``text`` does."""
        return parse(self.text(file)).entries

    def state(self, file: str) -> FileState:
        """How full a file is, and what its entries say. Raises as ``text`` does."""
        document = parse(self.text(file))
        words = tuple(entry.words for entry in document.entries)
        return FileState(file, words, _size(document.text), self._limits[file])

    def suspicious(self, file: str) -> tuple[Withheld, ...]:
        """The entries of a file that are kept from models, with the reason. Raises as ``text`` does."""
        return sorted_out(file, parse(self.text(file)), self._scan)[1]

    def snapshot(self) -> Snapshot:
        """The text for the prompt, without secrets. A file that cannot be read is left out, and said."""
        documents, notices = {}, []
        for file in FILES:
            try:
                documents[file] = parse(self.text(file))
            except StorageError as error:
                notices.append(f"{error.message}; this conversation goes on without it")
        made = snapshot(documents, self._limits, self._scan)
        return Snapshot(self._redact(made.text), made.withheld, (*notices, *made.notices))

    def find(self, file: str, text: str) -> Entry:
        """The entry that a text means: its words, or a part that only it has.

        Raises:
            NotKept: none, or several.
        """
        from .finding import named

        return named(file, self.entries(file), text)

    # -- changing, by the tool -------------------------------------------------------------------------------------------

    def add(self, file: str, text: str, note: Note) -> Change:
        """Put an entry at the end of a file.

        Raises:
            NotKept: it stands there already, does not fit, is suspicious, holds a secret, or is no entry.
            StorageError: it could not be written; nothing has changed.
        """
        words = self._checked(text)

        def build(document: Document) -> Patch:
            self._refuse_duplicate(file, document.entries, words)
            return self._fitting(file, document, adding(document, words), words)

        return self._change(file, "add", note, build)

    def replace(self, file: str, old: str, new: str, note: Note) -> Change:
        """Put other words in the place of the entry that ``old`` names: its words, or a part that only it has. Raises as ``add`` does."""
        from .finding import named

        words = self._checked(new)

        def build(document: Document) -> Patch:
            entry = named(file, document.entries, old)
            if entry.words == words:
                raise NotKept("duplicate", f"the entry in {FILES[file]} says that already: {entry.line}")
            self._refuse_duplicate(file, [other for other in document.entries if other is not entry], words)
            return self._fitting(file, document, replacing(document, entry, words), words, entry)

        return self._change(file, "replace", note, build)

    def remove(self, file: str, old: str, note: Note) -> Change:
        """Take out the entry that ``old`` names.

        Raises:
            NotKept: there is none, or several.
            StorageError: it could not be written; nothing has changed.
        """
        from .finding import named

        def build(document: Document) -> Patch:
            entry = named(file, document.entries, old)
            patch = removing(document, entry)
            left = [other.words for other in document.entries if other is not entry]
            if [other.words for other in parse(patch.apply(document.text)).entries] != left:
                raise NotKept(
                    "form", f"what stands around it in {FILES[file]} would become one entry", "alpi memory edit"
                )
            return patch

        return self._change(file, "remove", note, build)

    # -- changing, by the person -----------------------------------------------------------------------------------------

    def install_personality(self, name: str, note: Note) -> Change:
        """Make a preset the personality. What stood there before is in the history.

        Raises:
            UsageError: there is no such preset.
            StorageError: it could not be written.
        """
        from .presets import preset

        text = preset(name)

        def build(document: Document) -> Patch:
            if document.text == text:
                raise NotKept("duplicate", f"PERSONALITY.md is {name} already")
            return Patch(0, document.text, text)

        return self._change("personality", "personality", note, build, whole=True)

    def edited(self, file: str, base: str, text: str, note: Note) -> Change:
        """Keep what a person made of ``base`` in an editor. What was done to the file meanwhile is done to their text, too.

        Raises:
            NotKept: nothing has changed.
            StorageError: it could not be written.
        """
        before = [entry.words for entry in parse(base).entries]

        def build(document: Document) -> Patch:
            mine = parse(text)
            if document.text != base:
                mine = merged(before, mine, [entry.words for entry in document.entries])
            if mine.text == document.text:
                raise NotKept("duplicate", f"{FILES[file]} is as it was")
            return Patch(0, document.text, mine.text)

        return self._change(file, "edit", note, build, whole=True)

    def notice_edits(self) -> None:
        """Write down what was changed by hand since the last change of ours.

        Raises:
            StorageError: it could not be read or written.
        """
        with self._held():
            try:
                for file in FILES:
                    self._notice(self._disk(file), file)
            finally:
                self.history.close()

    def plan_undo(self, number: int | None = None) -> UndoPlan | None:
        """What taking back change ``number`` would do; without a number the last one that alpi made and that still holds, or ``None``.

        Raises:
            UsageError: there is no such change.
            NotKept: the file has changed so that it cannot be taken back.
        """
        from .undoing import undoing

        changes = self.history.changes()
        undone = {change.about for change in changes if change.action == "undo"}
        if number is None:
            mine = (c for c in reversed(changes) if c.action not in ("hand", "undo") and c.id not in undone)
            found = next(mine, None)
            if found is None:
                return None
        else:
            found = next((change for change in changes if change.id == number), None)
            if found is None:
                raise UsageError(f"there is no change {number}", "They are listed by: alpi memory log")
            if number in undone:
                raise NotKept("stands", f"change {number} is taken back already", "alpi memory log shows by which one")
        now = self.text(found.file)
        return UndoPlan(found, now, undoing(found, changes, parse(now)).apply(now))

    def undo(self, plan: UndoPlan, note: Note) -> Change:
        """Take a change back as planned. Raises as ``plan_undo`` does."""
        from .undoing import undoing

        changes = self.history.changes()
        return self._change(
            plan.change.file,
            "undo",
            note,
            lambda now: undoing(plan.change, changes, now),
            plan.change.id,
            plan.change.whole,
        )

    # -- how -------------------------------------------------------------------------------------------------------------

    def _disk(self, file: str) -> MemoryFile:
        return self._open(self.path(file), self._pause)

    def _held(self) -> AbstractContextManager[None]:
        return held(self.folder.parent / "run" / "memory.lock", "the memory", LONGEST_WAIT)

    def _change(
        self,
        file: str,
        action: str,
        note: Note,
        build: Callable[[Document], Patch],
        about: int = 0,
        whole: bool = False,
    ) -> Change:
        """Read the file, build the change upon what stands there, write it down and carry it out; again where somebody came between."""
        disk = self._disk(file)
        with self._held():
            try:
                base: bytes | None = None
                for _ in range(_TRIES):
                    here = self._notice(disk, file)
                    document, stands = parse(disk.text(here if base is None else base)), disk.text(here)
                    patch = build(document)
                    after = patch.apply(document.text)
                    if whole := whole or document.text != stands:
                        patch = Patch(0, "", after)
                    try:
                        change, came = self._write(disk, file, action, note, patch, (stands, after), about, whole)
                    except ChangedMeanwhile:
                        continue
                    if came == here:
                        return change
                    base = came  # a program wrote into the old file in the moment when it was replaced: that is the person's text
            finally:
                self.history.close()
        raise StorageError(f"{disk.path} is being written all the time", "Try again when the other program is done")

    def _write(
        self,
        disk: MemoryFile,
        file: str,
        action: str,
        note: Note,
        patch: Patch,
        texts: tuple[str, str],
        about: int,
        whole: bool,
    ) -> tuple[Change, bytes]:
        """Write a change down and carry it out. Gives it, and what the file that was replaced holds."""
        change = self._record(file, action, note, patch, texts, about, whole)
        before, after = texts

        def record() -> None:
            self.history.append(change)

        def never_mind() -> None:
            self.history.append(self._record(file, "void", Note(), _NO_CHANGE, (before, before), change.id))

        return change, disk.replace(before.encode(), after.encode(), record, never_mind)

    def _notice(self, disk: MemoryFile, file: str) -> bytes:
        """Write down a change by hand, or that the last of our own did not reach the file. Gives the file's content."""
        data = disk.read()
        last = self.history.last()
        head = last.heads.get(file, NOTHING) if last is not None else NOTHING
        if hashed(disk.text(data)) == head:
            return data
        data = disk.settled(data)
        text = disk.text(data)
        if hashed(text) == head:
            return data
        ours = [change for change in self.history.changes() if change.file == file]
        left = [hashed(other.decode("utf-8", "replace")) for other in disk.left()]
        if ours and ours[-1].now == head and ours[-1].was == hashed(text) and head in left:
            self.history.append(self._record(file, "void", Note(), _NO_CHANGE, (text, text), ours[-1].id))
        else:
            note = Note(surface="by hand")
            self.history.append(self._record(file, "hand", note, Patch(0, "", text), (text, text), whole=True))
        return data

    def _record(
        self,
        file: str,
        action: str,
        note: Note,
        patch: Patch,
        texts: tuple[str, str],
        about: int = 0,
        whole: bool = False,
    ) -> Change:
        last = self.history.last()
        return Change(
            id=last.id + 1 if last is not None else 1,
            time=self._clock.now(),
            action=action,
            file=file,
            session=note.session,
            surface=note.surface,
            untrusted=note.untrusted,
            about=about,
            at=patch.at,
            before=patch.before,
            after=patch.after,
            whole=whole,
            was=hashed(texts[0]),
            now=hashed(texts[1]),
            heads={**(last.heads if last is not None else {}), file: hashed(texts[1])},
        )

    def _checked(self, text: str) -> str:
        """The words of a text that may be kept."""
        words = as_words(encodable(text))
        if not words:
            raise NotKept("form", "there is nothing to keep", "Give the entry as text")
        if self._redact(words) != words:
            raise NotKept(
                "secret",
                "it holds a secret, which memory never keeps",
                "Keys and passwords belong into .env: alpi config key",
            )
        why = self._scan(words)
        if why:
            raise NotKept(
                "suspicious",
                f"it is not kept, because it looks like instructions to a model: {why}",
                "Memory holds facts about the user. The user can write it themselves: alpi memory edit",
            )
        return words

    def _like(self, words: str) -> Likeness:
        if words not in self._known:
            from .likeness import likeness

            self._known[words] = likeness(words)
        return self._known[words]

    def _refuse_duplicate(self, file: str, entries: Sequence[Entry], words: str) -> None:
        from .likeness import same

        mine = self._like(words)
        for entry in entries:
            if same(self._like(entry.words), mine):
                raise NotKept("duplicate", f"{FILES[file]} has it already: {entry.line}", "Use replace to change it")

    def _fitting(self, file: str, document: Document, patch: Patch, words: str, replaced: Entry | None = None) -> Patch:
        """The patch, if what it makes is one entry and the file stays within its limit."""
        after = parse(patch.apply(document.text))
        wanted = [words if entry is replaced else entry.words for entry in document.entries]
        if replaced is None:
            wanted.append(words)
        if [entry.words for entry in after.entries] != wanted:
            if "```" in document.text or "~~~" in document.text:
                hint = "Is a block of code in the file left open? See: alpi memory show"
            else:
                hint = "Give one sentence or a short paragraph, without headings"
            raise NotKept("form", f"that would not be one entry of {FILES[file]}", hint)
        size, limit = _size(after.text), self._limits[file]
        if size > limit and size > _size(document.text):
            from .finding import to_consolidate

            raise NotKept(
                "full",
                f"{FILES[file]} is full: {_size(document.text):,} of {limit:,} characters, and this needs "
                f"{size - _size(document.text):,} more",
                to_consolidate([(entry, self._like(entry.words)) for entry in document.entries]),
            )
        return patch


def _size(text: str) -> int:
    return len(text.removeprefix(BOM))
