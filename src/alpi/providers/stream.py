"""What the parsers of both wires share: bytes to events of a stream, and its end, proper or not."""

from __future__ import annotations

from .failures import bad_answer, broken_stream
from .sse import EventStream, EventTooLarge
from .types import Failure, ProviderEvent
from .wire import Place, loads


class StreamParser:
    """The outer half of a parser; see ``wire.Parser``. A wire says what an event means and how an answer ends.

    Args:
        place: who is asked; for the words of failures.
        marks: events that are not JSON and yet whole, such as ``[DONE]``.
    """

    def __init__(self, place: Place, marks: tuple[str, ...] = ()) -> None:
        self.done = False
        self.answered = False
        self._place = place
        self._marks = marks
        self._events = EventStream()

    def feed(self, data: bytes) -> list[ProviderEvent]:
        """See ``wire.Parser``."""
        if self.done:
            return []
        try:
            events = self._events.feed(data)
        except EventTooLarge as error:
            return self._fail(bad_answer(self._place, "too much at once", error.message, retryable=False))
        out: list[ProviderEvent] = []
        for event in events:
            out += self._event(event.type, event.data)
            if self.done:
                break
        return out

    def close(self) -> list[ProviderEvent]:
        """See ``wire.Parser``."""
        if self.done:
            return []
        out: list[ProviderEvent] = []
        for event in self._events.close():
            try:
                loads(event.data)
            except ValueError:
                if event.data.strip() not in self._marks:
                    break  # torn; what it would have said is lost either way
            out += self._event(event.type, event.data)
        if self.done:
            return out
        if self.answered:
            return out + self._end()
        return out + self._fail(broken_stream(self._place))

    def _event(self, kind: str, data: str) -> list[ProviderEvent]:
        raise NotImplementedError

    def _end(self) -> list[ProviderEvent]:
        raise NotImplementedError

    def _fail(self, failure: Failure) -> list[ProviderEvent]:
        self.done = True
        return [failure]
