"""What of a session is sent: measured before each model call, summed up when it gets long, cut where nothing else helps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..base.errors import AlpiError
from ..base.message import AssistantMessage, Message, Summary, UserMessage
from ..providers.retry import ChainEntry
from . import events
from .calls import ModelCalls
from .compaction import (
    SUMMARY_SHARE,
    TAIL_SHARE,
    Division,
    cuts_of,
    divide,
    pins,
    sources_of,
    summary_text,
    without_untrusted,
)
from .context import (
    Window,
    chars_within,
    history_tokens,
    is_request,
    message_tokens,
    request_tokens,
    text_tokens,
    window_of,
)
from .fitting import Fitted, fit
from .parts import Parts, Transcript
from .prompt import LAST_STEP
from .reply import Reply
from .summarise import Summariser

# A provider's count may be this far from the estimate: other alphabets, dense code. Beyond it, something else is counted.
LEAST_SCALE, MOST_SCALE = 0.5, 3.0
# The least that must be left for a conversation besides instructions and tools.
LEAST_ROOM = 300
# Of the room for the conversation, one message of a person may take this share.
INPUT_SHARE = 0.5
# A provider that finds a request too long gets at most this share of it the next time.
TOO_LONG_SHARE = 0.75


class History:
    """The conversation as a turn's model calls need it.

    Args:
        parts: what the turn is made with.
        session: the conversation.
        calls: makes the model calls that sum it up.
        emit: takes the events.
    """

    def __init__(
        self, parts: Parts, session: Transcript, calls: ModelCalls, emit: Callable[[events.Event], None]
    ) -> None:
        self._parts = parts
        self._session = session
        self._emit = emit
        self._summariser = Summariser(
            parts, calls, emit, lambda entry, messages: self._fitted(entry, messages).messages
        )
        self._prefixes: dict[str, int] = {}
        self._sizes: dict[int, tuple[Message, int]] = {}
        self._limits: dict[str, int] = {}
        self._scale = 1.0
        self._gave_up = False
        self._told = ""

    # -- what fills the window -----------------------------------------------------------------------------------------

    def used(self, reply: Reply) -> events.ContextUsed:
        """How full the window is after an answer: what was sent and said, as the provider counted it, or else estimated."""
        entry = next((e for e in self._parts.model.entries if e.full_name == reply.model), self._parts.model.entries[0])
        size = self._window(entry).size
        if reply.usage is not None and reply.usage.input:
            return events.ContextUsed(reply.usage.input + reply.usage.output, size)
        return events.ContextUsed(self._tokens(entry, self._session.active()), size, estimated=True)

    def _window(self, entry: ChainEntry) -> Window:
        return window_of(entry.settings, self._parts.context)

    def _limit(self, entry: ChainEntry) -> int:
        limit = self._window(entry).limit - text_tokens(LAST_STEP)
        return min(limit, self._limits.get(entry.full_name, limit))

    def _prefix(self, entry: ChainEntry) -> int:
        """Tokens of what every request to a model begins with, by estimate."""
        if entry.full_name not in self._prefixes:
            self._prefixes[entry.full_name] = request_tokens(self._parts.request(entry, ()))
        return self._prefixes[entry.full_name]

    def _tokens(self, entry: ChainEntry, messages: Sequence[Message]) -> int:
        return int((self._prefix(entry) + self._sum(messages)) * self._scale_of(entry, messages))

    def _size(self, message: Message) -> int:
        """Tokens of a message. Those of a session stay the same objects, so that a long one is not counted anew for each call."""
        known = self._sizes.get(id(message))
        if known is None or known[0] is not message:
            known = self._sizes[id(message)] = (message, message_tokens(message))
        return known[1]

    def _sum(self, messages: Sequence[Message]) -> int:
        return sum(map(self._size, messages))

    def _scale_of(self, entry: ChainEntry, messages: Sequence[Message]) -> float:
        """How many tokens the model's provider counts for one that is estimated, by its newest answer to a request like this one."""
        summary, limit = self._session.summary, self._window(entry).limit
        estimate = self._prefix(entry) + self._sum(messages)
        for message in reversed(messages):
            estimate -= self._size(message)
            if summary is not None and message.time <= summary.time:
                break  # it answered a request that held what the summary now stands for
            if not isinstance(message, AssistantMessage) or message.model != entry.full_name:
                continue
            # What is estimated to be longer than the window was cut before it was sent; its count says nothing.
            if message.usage is not None and message.usage.input and estimate <= limit:
                self._scale = min(MOST_SCALE, max(LEAST_SCALE, message.usage.input / estimate))
                break
        return self._scale

    def _room(self, entry: ChainEntry, tokens: float, scale: float) -> int:
        """What is left of so many tokens for the conversation, in estimated tokens.

        Raises:
            AlpiError: nearly nothing.
        """
        room = int(tokens / scale) - self._prefix(entry)
        if room < LEAST_ROOM:
            raise AlpiError(
                f"instructions and tools take {int(self._prefix(entry) * scale):,} tokens; of {entry.full_name}'s window of "
                f"{self._window(entry).size:,} that leaves no room for a conversation",
                "Offer it fewer tools (models.X.tools), shorten memory, or set its window right (models.X.context_window)",
            )
        return room

    # -- what is sent --------------------------------------------------------------------------------------------------

    def messages_for(self, entry: ChainEntry) -> list[Message]:
        """The conversation for a request to a model, made to fit its window.

        Raises:
            AlpiError: it cannot be made to fit.
        """
        fitted = self._fitted(entry, self._session.active())
        if fitted.told and not self._told:
            self._emit(events.Notice(fitted.told))
        self._told = self._told or fitted.told
        return fitted.messages

    def _fitted(self, entry: ChainEntry, messages: Sequence[Message]) -> Fitted:
        room = self._room(entry, self._limit(entry), self._scale_of(entry, messages))
        shaped = self._parts.well_formed(messages)
        if self._sum(shaped) <= room:
            return Fitted(list(shaped))
        return fit(shaped, room, self._parts.toolbox.outputs.keep_once)

    def bounded(self, id: str, text: str) -> str:
        """What a person sent, cut with a pointer to the whole where it is too long for the window, and said so."""
        entry = self._parts.model.entries[0]
        room = self._limit(entry) - self._prefix(entry)
        most = int(room * INPUT_SHARE)
        if text_tokens(text) <= most or room < LEAST_ROOM:  # in which case the turn fails, once the message is saved
            return text
        kept = self._parts.toolbox.outputs.fit(id, "message", text, chars_within(text, most))
        self._emit(
            events.Notice(
                f"That is too long for the model's window: it is shown the beginning and the end of these {len(text):,} characters, "
                "and can read the rest in a file"
            )
        )
        return kept

    def too_long(self, model: str) -> None:
        """A provider found a request too long, whatever was estimated: the next one must be shorter."""
        entry = next((e for e in self._parts.model.entries if e.full_name == model), self._parts.model.entries[0])
        tokens = self._tokens(entry, self._session.active())
        least = int((self._prefix(entry) + 2 * LEAST_ROOM) * self._scale)
        self._limits[entry.full_name] = max(least, int(TOO_LONG_SHARE * min(tokens, self._limit(entry))))

    # -- summing up ----------------------------------------------------------------------------------------------------

    async def make_room(self, by_hand: bool = False) -> None:
        """Sum up older turns where the conversation has grown too long, or because somebody wants it.

        A summary that fails changes nothing; the person is told.

        Raises:
            Interrupted: the person stopped it; nothing has changed.
        """
        entry = self._parts.model.entries[0]
        active = self._session.active()
        before = self._tokens(entry, active)
        full = min(self._parts.context.compact_at * self._window(entry).size, self._limit(entry))
        if not by_hand and (before <= full or self._gave_up):
            return
        room = int(full / self._scale) - self._prefix(entry)
        division = divide(active, self._parts.context.keep_turns, int(room * TAIL_SHARE))
        if division is None or room < LEAST_ROOM:
            if by_hand:
                self._emit(
                    events.Notice("There is nothing to compact: nothing is older than the turns that stay whole")
                )
            return
        self._emit(events.Compacting())
        try:
            summary = await self._summary(entry, active, division, room)
            gained = history_tokens(active[: division.place]) - text_tokens(summary.text)
            if gained > 0 or summary.cuts:
                self._session.append_summary(summary)
                # The summary was made without others' texts, so it ends the marks of those that it stands for.
                self._parts.toolbox.marks.replace(sources_of(self._session.active()))
        except AlpiError as error:
            self._gave_up = True
            self._emit(events.Notice(f"The conversation could not be summed up, so nothing has changed: {error}"))
            return
        if gained <= 0 and not summary.cuts:
            self._gave_up = True
            self._emit(events.Notice("A summary would be as long as what it stands for, so nothing has changed"))
            return
        after = int((self._prefix(entry) + history_tokens(self._session.active())) * self._scale)
        self._emit(events.Compacted(division.turns, before, after))

    async def _summary(self, entry: ChainEntry, active: Sequence[Message], division: Division, room: int) -> Summary:
        """The summary for what stands before the division, in memory."""
        covered, stays = active[: division.place], active[division.place :]
        most = int(room * SUMMARY_SHARE)
        requests = self._room(entry, self._limit(entry), self._scale)
        told = await self._summariser.sum_up(without_untrusted(covered), most // 2, requests)
        # Pins are taken from the whole transcript, not from the summary before: nothing fades by summing up twice.
        everything = self._session.messages[: len(self._session.messages) - len(stays)]
        asked_now = (
            None if any(map(is_request, stays)) else next((m for m in reversed(everything) if is_request(m)), None)
        )
        todo = self._parts.todo.render() if self._parts.todo is not None else ""
        assert asked_now is None or isinstance(asked_now, UserMessage)
        pinned = pins(everything, asked_now, todo, most // 2)
        # What an older summary cut stays cut.
        old = self._session.summary.cuts if self._session.summary is not None else {}
        cuts = {message.id: old[message.id] for message in stays if message.id in old}
        cuts |= cuts_of(stays, int(room * TAIL_SHARE), self._parts.toolbox.outputs.keep_once)
        return Summary(
            self._parts.new_id(),
            self._parts.clock.now(),
            everything[-1].id,
            summary_text(told, pinned, most),
            division.turns,
            cuts,
        )
