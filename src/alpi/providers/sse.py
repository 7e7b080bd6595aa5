"""Server-sent events: bytes in, events out, no I/O. Follows the WHATWG HTML standard, "Parsing an event stream"."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import ProviderError

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""No provider documents an event larger than a few hundred kilobytes; this only keeps a mad server out of memory."""

_BOM = b"\xef\xbb\xbf"


class EventTooLarge(ProviderError):
    """One event of the stream is larger than the decoder's limit."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: ``type`` is ``message`` unless the server named another, ``data`` its lines joined by ``\\n``."""

    type: str
    data: str
    last_id: str = ""


class EventStream:
    """An incremental decoder. Bytes may be cut anywhere, also inside a character or between CR and LF.

    Args:
        max_event_bytes: how much one event, or one line, may hold.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._line = bytearray()
        self._at_start = True
        self._skip_lf = False
        self._data: list[str] = []
        self._size = 0
        self._type = ""
        self._id = ""

    def feed(self, data: bytes) -> list[ServerEvent]:
        """Take the next bytes and give the events that they complete.

        Raises:
            EventTooLarge: an event outgrew the limit. The decoder is of no further use.
        """
        if self._skip_lf and data:
            # The last piece ended in CR; an LF that opens this one belongs to the same line end.
            data = data[1:] if data[:1] == b"\n" else data
            self._skip_lf = False
        if self._at_start and not (data := self._without_bom(data)):
            return []
        events: list[ServerEvent] = []
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._skip_lf = data.endswith(b"\r")
        for line in lines[:-1]:
            if self._line:
                self._line += line
                line = bytes(self._line)
                self._line.clear()
            if (event := self._take(line)) is not None:
                events.append(event)
        self._line += lines[-1]
        self._check(len(self._line))
        return events

    def close(self) -> list[ServerEvent]:
        """The end of the stream: an event that only lacks its closing blank line.

        The standard drops it. Some servers end so after their last event, hence it is handed out; whoever takes it must expect
        that it was cut.
        """
        line = bytes(self._line)
        self._line.clear()
        events = [self._take(line)] if line else []
        events.append(self._take(b""))
        return [event for event in events if event is not None]

    def _without_bom(self, data: bytes) -> bytes:
        """The first bytes less a byte order mark; ``b""`` while it cannot be told whether they are one."""
        head = bytes(self._line) + data
        if len(head) < len(_BOM) and _BOM.startswith(head):
            self._line[:] = head
            return b""
        self._line.clear()
        self._at_start = False
        return head.removeprefix(_BOM)

    def _take(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        if line[:1] == b":":
            return None  # a comment; servers send them to keep the connection alive
        name, _, raw = line.partition(b":")
        value = raw.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._size += len(raw) + 1
            self._check(self._size)
            self._data.append(value)
        elif name == b"event":
            self._type = value
        elif name == b"id" and "\0" not in value:
            self._id = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        lines, kind = self._data, self._type
        self._data, self._type, self._size = [], "", 0
        if not lines:
            return None
        return ServerEvent(kind or "message", "\n".join(lines), self._id)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise EventTooLarge(f"one event of the stream is larger than {self._limit // 1024 // 1024 or 1} MB")
