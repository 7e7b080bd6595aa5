"""What fills a model's window: estimates of tokens, and how much room there is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..base.message import AssistantMessage, Message, ToolMessage, UserMessage
from ..providers.types import ModelSettings, Request
from .prompt import schema_text

# What counts four characters to a token: words and the blanks between them. Figures and signs are cut finer by every tokenizer.
WORDS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \n"
ASCII = bytes(range(128))
CHARS_PER_TOKEN = 4
MESSAGE_TOKENS = 6
"""What a message costs besides its text: its role and the marks around it."""
CALL_TOKENS = 12
OWN_SURFACES = frozenset({"check", "summary"})
"""Surfaces of messages that alpi itself puts to the model."""
IMAGE_TOKENS = 1600
"""A picture of 1568 pixels, the largest that Anthropic's models take in (width x height / 750); others ask for less."""
ANSWER_TOKENS = 4096
"""Room for an answer where the model's own limit is not known."""


class ContextRules(msgspec.Struct, frozen=True):
    """When a conversation is compacted: at this share of the window, keeping so many turns whole; ``window`` where the model's own is
    not known."""

    compact_at: float = 0.75
    keep_turns: int = 3
    window: int = 32_768


class Window(msgspec.Struct, frozen=True):
    """The window of one model: ``size`` tokens, of which ``answer`` are left for what it says."""

    size: int
    answer: int

    @property
    def limit(self) -> int:
        """The most that a request may hold."""
        return self.size - self.answer


def window_of(settings: ModelSettings, rules: ContextRules) -> Window:
    """The window of a model. An answer never takes more than half of it."""
    size = settings.context_window or rules.window
    answer = (settings.max_output_tokens or min(ANSWER_TOKENS, size // 4)) + settings.thinking_tokens
    return Window(size, min(answer, size // 2))


def text_tokens(text: str) -> int:
    """Tokens of a text, about: four letters each, two figures or signs each; by bytes for other scripts, so that a Chinese character
    is a little more than one token, and a Cyrillic one a little less."""
    data = text.encode("utf-8", "replace")
    other = data.translate(None, WORDS)
    foreign = 0 if len(data) == len(text) else len(other.translate(None, ASCII))
    signs = len(other) - foreign
    return -(-((len(data) - len(other)) * 5 + signs * 10 + foreign * 8) // 20)


def chars_within(text: str, tokens: int) -> int:
    """About how many characters of a text are so many tokens."""
    whole = text_tokens(text)
    return len(text) if whole <= tokens else len(text) * tokens // whole


def message_tokens(message: Message) -> int:
    """Tokens of one message, about."""
    if isinstance(message, UserMessage):
        texts, images = [message.text, message.context], len(message.images)
    elif isinstance(message, ToolMessage):
        texts, images = [message.text], len(message.images)
    else:
        return _answer_tokens(message)
    return MESSAGE_TOKENS + sum(map(text_tokens, texts)) + images * IMAGE_TOKENS


def _answer_tokens(message: AssistantMessage) -> int:
    calls = sum(CALL_TOKENS + text_tokens(call.name) + text_tokens(call.arguments) for call in message.calls)
    return (
        MESSAGE_TOKENS + text_tokens(message.text) + calls + sum(text_tokens(part.text) for part in message.reasoning)
    )


def request_tokens(request: Request) -> int:
    """Tokens of a whole request, about."""
    fixed = (
        text_tokens(request.system)
        + text_tokens(request.closing)
        + sum(text_tokens(schema_text(t)) for t in request.tools)
    )
    return fixed + history_tokens(request.messages)


def history_tokens(messages: Sequence[Message]) -> int:
    """Tokens of some messages, about."""
    return sum(map(message_tokens, messages))


def is_request(message: Message) -> bool:
    """Whether a message begins a turn: somebody has said it, and not alpi itself to the model."""
    return isinstance(message, UserMessage) and message.surface not in OWN_SURFACES
