"""Sessions: one conversation a file, ``sessions/<id>.jsonl``, each message on the disk before the next step starts.

The first line is the header, every other line one message. A session that was cut off in the middle of a step is mended when
it is loaded: a tool call without a result gets one that says so, because every provider demands one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from ..base.clock import Clock
from ..base.errors import SessionError
from ..base.files import private_dir, storage_errors
from ..base.journal import Journal, read_journal
from ..base.locks import FileLock, Locked
from ..base.message import AssistantMessage, Message, Summary, ToolCall, ToolMessage, UserMessage

VERSION = 1
NOTED = "Understood. I go on from there."
NO_RESULT = "No result: alpi was stopped before this tool call had ended. It may have been done in part; check before you repeat it."


class SessionInfo(msgspec.Struct, frozen=True):
    """A session as a list shows it. ``title`` is the first line of what was asked first; ``changed`` its last change."""

    id: str
    title: str
    surface: str
    created: datetime
    changed: datetime
    path: Path


class Session:
    """One conversation. ``messages`` is all that was said, as it is on the disk, in order; ``summaries`` what stood for its older parts
    in requests, the newest last; ``warnings`` what was wrong with the file."""

    def __init__(self, path: Path, id: str, surface: str, clock: Clock, redact: Callable[[str], str]) -> None:
        self.id = id
        self.surface = surface
        self.path = path
        self.messages: list[Message] = []
        self.summaries: list[Summary] = []
        self.warnings: list[str] = []
        self._clock = clock
        self._redact = redact
        self._journal = Journal(path, redact)
        self._size = 0
        self._lock = FileLock(path.with_suffix(".lock"), wait=0, what=f"session {id}", remove=True)

    @property
    def files(self) -> Path:
        """The folder for whole tool outputs of this session."""
        return self.path.with_suffix(".files")

    def begin_turn(self) -> None:
        """Take the session for one turn, and read what another process has added since.

        Raises:
            SessionError: another process is running a turn in it.
        """
        try:
            self._lock.acquire()
        except Locked as error:
            raise SessionError(str(error.message), "Wait for it, or start a new session without -c") from error
        try:
            before = self._size
            if self._size_on_disk() != before:
                self.load()
                if before and not self._size:
                    self.warnings.append(f"{self.path} was removed meanwhile; this conversation starts anew")
            self._mend()
        except BaseException:
            self._lock.release()
            raise

    def end_turn(self) -> None:
        """Give the session back."""
        self._journal.close()
        self._lock.release()

    def append(self, message: Message) -> Message:
        """Write a message to the disk, without secrets, and add it. Returns it as it was written.

        Raises:
            StorageError: it could not be written; it is not added.
        """
        clean = _message(self._write("message", message))
        self.messages.append(clean)
        return clean

    def append_summary(self, summary: Summary) -> Summary:
        """Write a summary to the disk, without secrets: from now on it stands for what it covers. Returns it as it was written.

        Raises:
            StorageError: it could not be written; nothing has changed.
        """
        clean = _summary(self._write("summary", summary))
        self.summaries.append(clean)
        return clean

    @property
    def summary(self) -> Summary | None:
        """The summary that holds."""
        return self.summaries[-1] if self.summaries else None

    def active(self) -> list[Message]:
        """What a model is sent: all messages, or the newest summary and those after the part that it covers."""
        summary = self.summary
        place = self._covered(summary) if summary else 0
        if summary is None or not place:
            return list(self.messages)
        rest = [_cut(message, summary.cuts) for message in self.messages[place:]]
        head: list[Message] = [UserMessage(summary.id, summary.time, summary.text, surface="summary")]
        if rest and isinstance(rest[0], UserMessage):  # some models take only questions and answers in turn
            head.append(AssistantMessage(f"{summary.id}-noted", summary.time, NOTED))
        return head + rest

    def _covered(self, summary: Summary) -> int:
        """How many messages a summary stands for; 0 where the last of them is missing from the file, so that it cannot be told."""
        count = len(self.messages)
        return next((count - back for back in range(count) if self.messages[count - 1 - back].id == summary.covers), 0)

    def _write(self, kind: str, record: Message | Summary) -> dict[str, Any]:
        if self._journal.is_empty():
            header = {
                "record": "session",
                "version": VERSION,
                "id": self.id,
                "surface": self.surface,
                "created": self._clock.now(),
            }
            self._journal.append(header)
        written = self._journal.append({"record": kind, **msgspec.to_builtins(record)})
        self._size = self._size_on_disk()
        return written

    def load(self) -> None:
        """Read the file anew."""
        # Asked before reading: what another process adds in between is then noticed at the next turn.
        size = self._size_on_disk()
        text = read_journal(self.path)
        self.warnings = list(text.warnings)
        self.messages, self.summaries = [], []
        for number, record in enumerate(text.records, 1):
            kind = record.get("record")
            if kind == "session":
                self.surface = str(record.get("surface", ""))
                if record.get("version") != VERSION:
                    raise SessionError(
                        f"{self.path} was written by another version of alpi", "Use that version to read it"
                    )
            elif kind in ("message", "summary"):
                try:
                    if kind == "message":
                        self.messages.append(_message(record))
                    else:
                        self.summaries.append(_summary(record))
                except msgspec.ValidationError as error:
                    self.warnings.append(f"{self.path}: {kind} {number} cannot be used ({error}); it was left out")
        self._size = size

    def _size_on_disk(self) -> int:
        with storage_errors(self.path, "read"):
            try:
                return self.path.stat().st_size
            except FileNotFoundError:
                return 0

    def _mend(self) -> None:
        for message in missing_results(self.messages, self._clock.now()):
            self.append(message)


def missing_results(messages: Sequence[Message], now: datetime) -> list[ToolMessage]:
    """Results for the tool calls of the last answer that have none."""
    results: list[ToolMessage] = []
    for message in reversed(messages):
        if isinstance(message, AssistantMessage):
            return [_no_result(call, now) for call, found in _paired(message, results[::-1]) if found is None]
        if isinstance(message, UserMessage):
            break
        results.append(message)
    return []


def well_formed(messages: Sequence[Message], now: datetime) -> list[Message]:
    """The messages such that every call has exactly one result right after it, and no result stands alone.

    A line that was lost in the middle of a file would otherwise make every provider refuse the whole session.
    """
    result: list[Message] = []
    for place, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            continue
        result.append(message)
        if isinstance(message, AssistantMessage):
            after = takewhile(lambda other: isinstance(other, ToolMessage), messages[place + 1 :])
            results = [other for other in after if isinstance(other, ToolMessage)]
            result += [found or _no_result(call, now) for call, found in _paired(message, results)]
    return result


def _paired(message: AssistantMessage, results: Sequence[ToolMessage]) -> list[tuple[ToolCall, ToolMessage | None]]:
    """Each call with its result among those that stand between this answer and the next message.

    Ids are unique in one answer at most: some servers number the calls of every answer anew, or name them all alike.
    """
    left = list(results)
    pairs: list[tuple[ToolCall, ToolMessage | None]] = []
    for call in message.calls:
        found = next((result for result in left if result.call_id == call.id), None)
        if found is not None:
            left.remove(found)
        pairs.append((call, found))
    return pairs


def _no_result(call: ToolCall, now: datetime) -> ToolMessage:
    return ToolMessage(new_id(), now, call.id, call.name, NO_RESULT, ok=False)


def _message(record: dict[str, Any]) -> Message:
    message: Message = msgspec.convert({key: value for key, value in record.items() if key != "record"}, Message)
    return message


def _summary(record: dict[str, Any]) -> Summary:
    return msgspec.convert({key: value for key, value in record.items() if key != "record"}, Summary)


def _cut(message: Message, cuts: Mapping[str, str]) -> Message:
    """A message as it is sent: shortened where a summary says so, and then without pictures."""
    text = cuts.get(message.id)
    if text is None:
        return message
    if isinstance(message, AssistantMessage):
        return msgspec.structs.replace(message, text=text)
    return msgspec.structs.replace(message, text=text, images=())


def new_id() -> str:
    """A name for a message that no other message has."""
    return secrets.token_hex(6)


class _Line(msgspec.Struct):
    """What a list of sessions wants to know of a line."""

    record: str = ""
    surface: str = ""
    created: datetime | None = None
    role: str = ""
    text: str = ""


class SessionStore:
    """The sessions of a profile.

    Args:
        folder: ``<profile>/sessions``.
        redact: takes out secrets before anything is written.
    """

    def __init__(self, folder: Path, clock: Clock, redact: Callable[[str], str]) -> None:
        self.folder = folder
        self._clock = clock
        self._redact = redact

    def create(self, surface: str) -> Session:
        """A new session; its file appears with its first message."""
        private_dir(self.folder)
        id = f"{self._clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        return Session(self.folder / f"{id}.jsonl", id, surface, self._clock, self._redact)

    def open(self, id: str) -> Session:
        """A session by its id, or by a beginning of it that only one has.

        Raises:
            SessionError: there is none, or more than one.
        """
        found = [path for path in self._paths() if path.stem.startswith(id)] if id else []
        exact = [path for path in found if path.stem == id]
        if not found:
            raise SessionError(f"there is no session {id!r}", "List them with: alpi sessions list")
        if len(found) > 1 and not exact:
            raise SessionError(f"{len(found)} sessions begin with {id!r}", "Give more of its id: alpi sessions list")
        path = (exact or found)[0]
        session = Session(path, path.stem, "", self._clock, self._redact)
        session.load()
        return session

    def newest(self) -> Session | None:
        """The session that was used last, or ``None``."""
        paths = self._paths()
        return self.open(paths[0].stem) if paths else None

    def recent(self, limit: int = 20) -> list[SessionInfo]:
        """The sessions that were used last, newest first."""
        return [info for path in self._paths()[:limit] if (info := self._info(path)) is not None]

    def _paths(self) -> list[Path]:
        """All session files, the one that was used last first."""
        if not self.folder.is_dir():
            return []
        used = []
        for path in self.folder.glob("*.jsonl"):
            with contextlib.suppress(OSError):  # removed meanwhile by another process or by hand
                used.append((path.stat().st_mtime_ns, path.stem, path))
        return [path for *_, path in sorted(used, reverse=True)]

    def _info(self, path: Path) -> SessionInfo | None:
        surface, title = "", ""
        try:
            with path.open("rb") as file:
                changed = created = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime).astimezone()
                for line, _ in zip(file, range(5), strict=False):
                    try:
                        record = msgspec.json.decode(line, type=_Line)
                    except (msgspec.DecodeError, ValueError, RecursionError):
                        continue  # told when the session is opened
                    if record.record == "session":
                        surface, created = record.surface, record.created or created
                    elif record.role == "user":
                        title = " ".join(record.text.split())
                        break
        except OSError:
            return None  # removed meanwhile, or not ours to read
        return SessionInfo(path.stem, title[:120], surface, created, changed, path)


def to_markdown(session: Session) -> str:
    """The conversation as Markdown, for reading and keeping."""
    lines = [f"# Session {session.id}", ""]
    covered = {summary.covers: summary for summary in session.summaries}
    for message in session.messages:
        when = message.time.astimezone().strftime("%Y-%m-%d %H:%M")
        if isinstance(message, UserMessage):
            who = "alpi's check" if message.surface == "check" else "You"
            lines += [f"## {who}, {when}", "", message.text, ""]
            lines += [line for image in message.images for line in (f"(picture: {image.name or image.media_type})", "")]
        elif isinstance(message, AssistantMessage):
            lines += [f"## {message.model or 'alpi'}, {when}", ""]
            lines += [message.shown, ""] if message.text else []
            lines += [
                line
                for call in message.calls
                for line in (f"- called `{call.name}`", *_fenced(call.arguments, "json"), "")
            ]
        else:
            lines += [
                f"- result of `{message.name}`{'' if message.ok else ' (failed)'}",
                *_fenced(message.text, ""),
                "",
            ]
        if message.id in covered:
            at = covered[message.id].time.astimezone().strftime("%Y-%m-%d %H:%M")
            lines += [f"(up to here summed up for the model, {at})", ""]
    return "\n".join(lines).rstrip() + "\n"


def _fenced(text: str, language: str) -> list[str]:
    fence = "```"
    while fence in text:
        fence += "`"
    return [f"{fence}{language}", text, fence]
