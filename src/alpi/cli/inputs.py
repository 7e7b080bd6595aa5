"""What a person typed into the chat, for the arrow keys: ``input.jsonl`` of the profile, without secrets, the newest thousand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..base.errors import AlpiError
from ..base.files import write_atomic
from ..base.journal import Journal, read_journal
from ..base.locks import FileLock

KEPT = 1000
# The file is cut back only when it has grown well beyond that, so that most messages cost one line.
MOST = 2 * KEPT


class InputHistory:
    """Lines that were typed, oldest first. A history that cannot be read or written is empty; it must never keep anybody from chatting."""

    def __init__(self, path: Path, lock: Path, redact: Callable[[str], str]) -> None:
        self._path = path
        self._lock = lock
        self._redact = redact

    def lines(self) -> list[str]:
        """The newest lines, oldest first."""
        try:
            records = read_journal(self._path).records
        except AlpiError:
            return []
        return [str(record["text"]) for record in records if isinstance(record.get("text"), str)][-KEPT:]

    def add(self, text: str) -> None:
        """Keep one more; the same one twice in a row is kept once."""
        try:
            lines = self.lines()
            text = self._redact(text)
            if lines and lines[-1] == text:
                return
            with FileLock(self._lock, wait=1.0, what="the input history"):
                if len(lines) >= KEPT and self._count() >= MOST:
                    self._cut(lines)
                journal = Journal(self._path, self._redact)
                journal.append({"text": text})
                journal.close()
        except AlpiError:
            return

    def _count(self) -> int:
        return len(read_journal(self._path).records)

    def _cut(self, lines: list[str]) -> None:
        import msgspec

        write_atomic(self._path, b"".join(msgspec.json.encode({"text": line}) + b"\n" for line in lines[-KEPT:]))
