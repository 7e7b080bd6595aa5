"""Makes a conversation fit without a model's help: long results are cut, pictures and then older turns left out, each with a pointer to
the whole. What a summary could not do, this does; so a request never exceeds the window."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from ..base.errors import AlpiError
from ..base.message import AssistantMessage, Image, Message, ToolCall, ToolMessage, UserMessage
from .context import chars_within, history_tokens, is_request, text_tokens

Keep = Callable[[str, str], str]
"""Given a name and a text: keeps the text in a file, and says where it is, for the model."""

LEAST_RESULT = 150
"""Tokens of a tool's result below which cutting it saves less than it loses, as long as there is something else to cut."""
NOTED = "Understood."
SUMMARY_SURFACE = "summary"


@dataclass(frozen=True, slots=True)
class Fitted:
    """Messages that fit, and what was done to them, as a sentence for the person (``""``: nothing)."""

    messages: list[Message]
    told: str = ""


def fit(messages: Sequence[Message], most: int, keep: Keep) -> Fitted:
    """The messages such that they are at most ``most`` tokens by estimate. The newest request and the newest step stay, cut where
    nothing else helps.

    Raises:
        AlpiError: not even the shortest form of these fits.
    """
    found = list(messages)
    if history_tokens(found) <= most:
        return Fitted(found)
    old = range(last_request(found))
    found = shorten(found, {i for i in old if isinstance(found[i], ToolMessage)}, most, LEAST_RESULT, keep)
    if history_tokens(found) > most:
        found = _without_pictures(found, len(old))
    left_out = 0
    if history_tokens(found) > most:
        found, left_out = _newest_turns(found, most, keep)
    now = last_request(found)
    results = {i for i in range(now, len(found)) if isinstance(found[i], ToolMessage)}
    found = shorten(found, results, most, LEAST_RESULT, keep)
    if history_tokens(found) > most:
        found = _without_pictures(found, len(found))
    if history_tokens(found) > most:
        found, more = _newest_steps(found, most, keep)
        left_out += more
    found = _squeeze(found, most, keep)
    told = f"; {left_out} older messages are left out" if left_out else ""
    return Fitted(found, f"The conversation does not fit the model's window: long parts are cut{told}")


def last_request(messages: Sequence[Message]) -> int:
    """Where the newest turn begins; 0 where there is none."""
    return next((i for i in range(len(messages) - 1, -1, -1) if is_request(messages[i])), 0)


def head_length(messages: Sequence[Message]) -> int:
    """How many messages at the beginning are a summary and its answer."""
    first = messages[0] if messages else None
    if not isinstance(first, UserMessage) or first.surface != SUMMARY_SURFACE:
        return 0
    return 2 if len(messages) > 2 and is_request(messages[2]) else 1


def cut_text(text: str, tokens: int, where: str = "") -> str:
    """A text cut in the middle to at most so many tokens. ``where`` says in the gap where the whole is."""
    if text_tokens(text) <= tokens:
        return text
    chars = chars_within(text, tokens)
    while True:
        note = f"\n[{len(text) - chars:,} characters left out here{'; ' if where else ''}{where}]\n"
        if text_tokens(note) > tokens // 2:
            note = "…"
        tail = text[len(text) - chars // 4 :] if chars >= 4 else ""
        result = f"{text[: chars - len(tail)]}{note}{tail}"
        if text_tokens(result) <= tokens or chars <= 0:
            return result
        chars = min(chars - 1, chars * 7 // 8)


def shorten(messages: Sequence[Message], which: Collection[int], most: int, least: int, keep: Keep) -> list[Message]:
    """The messages with the longest texts of ``which`` cut, all to one length, such that all are ``most`` tokens, if that is possible
    without cutting any below ``least``."""
    found = list(messages)
    sizes = {i: text_tokens(found[i].text) for i in which}
    spare = most - (history_tokens(found) - sum(sizes.values()))
    tokens = max(least, _level(list(sizes.values()), spare))
    for i, size in sizes.items():
        if size > tokens:
            found[i] = with_text(found[i], cut_text(found[i].text, tokens, keep(found[i].id, found[i].text)))
    return found


def with_text(message: Message, text: str) -> Message:
    """The message with another text."""
    return msgspec.structs.replace(message, text=text)


def as_text(messages: Sequence[Message]) -> str:
    """Messages as plain text, to be kept in a file or summed up."""
    lines: list[str] = []
    for message in messages:
        if isinstance(message, UserMessage):
            lines.append(f"User: {message.text}")
        elif isinstance(message, AssistantMessage):
            lines += [f"alpi: {message.shown}"] if message.text else []
            lines += [f"alpi calls {call.name} {call.arguments}" for call in message.calls]
        else:
            lines.append(f"Result of {message.name}: {message.text}")
    return "\n\n".join(lines)


def _level(sizes: list[int], budget: int) -> int:
    """The highest mark such that sizes cut down to it are the budget together."""
    sizes = sorted(sizes)
    for place, size in enumerate(sizes):
        share = budget // (len(sizes) - place)
        if share < size:
            return max(0, share)
        budget -= size
    return sizes[-1] if sizes else 0


def _without_pictures(messages: Sequence[Message], before: int) -> list[Message]:
    """The messages with notes in place of pictures, in those before a place."""
    return [_no_pictures(m) if i < before else m for i, m in enumerate(messages)]


def _no_pictures(message: Message) -> Message:
    if isinstance(message, AssistantMessage) or not message.images:
        return message
    return msgspec.structs.replace(message, text=f"{message.text}\n\n{_names(message.images)}".strip(), images=())


def _names(images: Sequence[Image]) -> str:
    return f"[pictures left out here: {', '.join(image.name or image.media_type for image in images)}]"


def _newest_turns(messages: list[Message], most: int, keep: Keep) -> tuple[list[Message], int]:
    """Leave out the oldest turns until the rest fits, at most all but the newest. Gives how many messages that were."""
    head, now = head_length(messages), last_request(messages)
    if now <= head:
        return messages, 0
    starts = [i for i in range(head + 1, now + 1) if is_request(messages[i])] or [now]
    first = next(
        (i for i in starts if history_tokens(messages[:head]) + 100 + history_tokens(messages[i:]) <= most), starts[-1]
    )
    gone = messages[head:first]
    note = f"[{len(gone)} earlier messages left out here; {keep(f'earlier-{gone[-1].id}', as_text(gone))}]"
    if head:
        return [with_text(messages[0], f"{messages[0].text}\n\n{note}"), *messages[1:head], *messages[first:]], len(
            gone
        )
    stand_in = UserMessage(f"before-{messages[first].id}", gone[-1].time, note, surface=SUMMARY_SURFACE)
    return [stand_in, AssistantMessage(f"{stand_in.id}-noted", stand_in.time, NOTED), *messages[first:]], len(gone)


def _newest_steps(messages: list[Message], most: int, keep: Keep) -> tuple[list[Message], int]:
    """Leave out the oldest steps of the newest turn until the rest fits, at most all but the last."""
    now = last_request(messages)
    steps = [i for i in range(now + 1, len(messages)) if isinstance(messages[i], AssistantMessage)]
    if len(steps) < 2 or not is_request(messages[now]):
        return messages, 0
    room = most - history_tokens(messages[: now + 1]) - 100
    first = next((i for i in steps[1:] if history_tokens(messages[i:]) <= room), steps[-1])
    gone = messages[now + 1 : first]
    note = f"[{len(gone)} messages of this turn left out here; {keep(f'earlier-{gone[-1].id}', as_text(gone))}]"
    asked = with_text(messages[now], f"{messages[now].text}\n\n{note}")
    return [*messages[:now], asked, *messages[first:]], len(gone)


def _squeeze(messages: list[Message], most: int, keep: Keep) -> list[Message]:
    """Cut everything that has a length.

    Raises:
        AlpiError: even so it does not fit.
    """
    if history_tokens(messages) <= most:
        return messages
    messages = shorten(messages, range(len(messages)), most, 0, keep)
    for tokens in (1000, 200, 40, 10):
        if history_tokens(messages) <= most:
            return messages
        messages = [
            _brief(message, tokens) if isinstance(message, AssistantMessage) else message for message in messages
        ]
        messages = shorten(messages, range(len(messages)), most, 0, keep)
    if history_tokens(messages) > most:
        raise AlpiError(
            "the conversation does not fit the model's window, however it is shortened",
            "Begin a new one, or use a model with a larger window (context.window, models.X.context_window)",
        )
    return messages


def _brief(message: AssistantMessage, tokens: int) -> AssistantMessage:
    """An answer without its thinking, its calls' long arguments cut."""
    calls = tuple(
        msgspec.structs.replace(call, arguments=_brief_arguments(call, tokens), extra={}) for call in message.calls
    )
    return msgspec.structs.replace(message, calls=calls, reasoning=())


def _brief_arguments(call: ToolCall, tokens: int) -> str:
    """A call's arguments, still JSON."""
    if text_tokens(call.arguments) <= tokens:
        return call.arguments
    try:
        data = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return "{}"
    if not isinstance(data, dict):
        return "{}"
    each = max(2, tokens // (2 * max(1, len(data))))
    short = {
        str(key)[:40]: cut_text(value if isinstance(value, str) else str(value), each) for key, value in data.items()
    }
    text = msgspec.json.encode(short).decode()
    return text if text_tokens(text) <= 2 * tokens else "{}"
