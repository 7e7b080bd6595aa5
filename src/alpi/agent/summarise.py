"""The summary by the model: asked for behind the conversation itself, so that the provider's cache hits, or of its text in pieces where
it does not fit any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ..base.errors import AlpiError
from ..base.message import Message, UserMessage
from ..providers.retry import ChainEntry
from ..providers.types import Request
from . import events
from .calls import ModelCalls
from .context import chars_within, history_tokens, text_tokens, window_of
from .fitting import SUMMARY_SURFACE, as_text, cut_text
from .parts import Parts
from .reply import Reply

SUM_UP = """\
[alpi: this conversation fills your window. Write the summary that will stand for everything above; you will see nothing else of it. \
Call no tool. Say what the user wants and what they demanded for good; what was done and found, with exact names, numbers and paths; \
what was decided and why; what is still open. Write only what was said above: add no detail, no guess, no plan of your own. At most \
{words} words, no introduction.]"""

PLAIN_SYSTEM = "You sum up conversations between a user and their assistant, exactly and briefly."
# The instruction stands behind the text: before it, small models went on with the conversation instead (measured).
PLAIN = """\
This is a conversation:

{told}

(Here it ends.) Sum it up so that the work can go on without it. Say what the user wants and what they demanded for good; what was done \
and found, with exact names, numbers and paths; what was decided and why; what is still open. Write only what was said: add no detail, \
no guess, no plan of your own. At most {words} words; do not repeat the conversation."""
BEFORE = "Summary of what came before:\n{summary}\n\nThe conversation goes on:\n"
# A longer conversation than this many windows is cut in its middle; each piece is a model call.
MOST_PIECES = 12
LEAST_PIECE = 300
WORDS_PER_TOKEN = 0.6


class NoSummary(AlpiError):
    """The model gave no summary; the message says why."""


class Summariser:
    """Asks the model for a summary.

    Args:
        parts: the models, and what requests are made with.
        calls: makes the model calls.
        emit: takes the events that a person should see: that something is tried again, or made ready.
        fitted: the conversation, made to fit the window of a model.
    """

    def __init__(
        self,
        parts: Parts,
        calls: ModelCalls,
        emit: Callable[[events.Event], None],
        fitted: Callable[[ChainEntry, Sequence[Message]], list[Message]],
    ) -> None:
        self._parts = parts
        self._calls = calls
        self._emit = emit
        self._fitted = fitted

    async def sum_up(self, messages: Sequence[Message], tokens: int, room: int) -> str:
        """A summary of some messages, wanted in about so many ``tokens``. ``room``: what fits into one request besides what every
        request begins with, in tokens.

        Raises:
            NoSummary: the model failed, or said nothing.
            OverBudget: it may cost more than what is left today.
            Interrupted: the person stopped it.
        """
        words = max(40, int(tokens * WORDS_PER_TOKEN))
        ask = UserMessage(
            self._parts.new_id(), self._parts.clock.now(), SUM_UP.format(words=words), surface=SUMMARY_SURFACE
        )
        whole = [*self._parts.well_formed(messages), ask]
        # A small model sums up the examples at the beginning of its requests as well, so it is sent the conversation alone.
        alone = bool(self._parts.model.entries[0].settings.examples)
        if history_tokens(whole) <= room and not alone:
            reply = await self._ask(lambda entry: self._parts.request(entry, self._fitted(entry, whole)))
            if reply.failure is None and reply.text.strip():
                return reply.text
            if reply.failure is not None and reply.failure.kind != "too_long":
                raise NoSummary(reply.failure.message)
            room //= 2
        return await self._of_pieces(as_text(messages), words, tokens, room)

    async def _of_pieces(self, text: str, words: int, tokens: int, room: int) -> str:
        """The summary of a text: of its first piece, then of that summary and the next piece, to the end."""
        most = max(LEAST_PIECE, room - tokens - 300)
        text = cut_text(text, most * MOST_PIECES)
        summary = ""
        while text:
            length = max(1, chars_within(text, most))
            while length > 1 and text_tokens(text[:length]) > most:
                length = length * 7 // 8
            piece, text = text[:length], text[length:]
            before = BEFORE.format(summary=cut_text(summary, 2 * tokens)) if summary else ""
            prompt = PLAIN.format(words=words, told=before + piece)
            reply = await self._ask(lambda entry, prompt=prompt: self._plain(entry, prompt))  # type: ignore[misc]
            if reply.failure is not None:
                raise NoSummary(reply.failure.message)
            if not reply.text.strip():
                raise NoSummary("the model gave no summary")
            summary = reply.text
        return summary

    def _plain(self, entry: ChainEntry, prompt: str) -> Request:
        limit = window_of(entry.settings, self._parts.context).limit
        ask = UserMessage(
            self._parts.new_id(), self._parts.clock.now(), cut_text(prompt, limit - 100), surface=SUMMARY_SURFACE
        )
        return Request(entry.model, PLAIN_SYSTEM, [ask], (), replace(entry.settings, tools=(), examples=""))

    async def _ask(self, request: Callable[[ChainEntry], Request]) -> Reply:
        """One model call whose answer nobody is shown."""
        reply = Reply(self._pass_on)

        def build(entry: ChainEntry) -> Request:
            reply.begin(entry.full_name, None)
            return request(entry)

        await self._calls.ask(build, reply, "compaction")
        return reply

    def _pass_on(self, event: events.Event) -> None:
        if isinstance(event, events.Retrying | events.Preparing):
            self._emit(event)
