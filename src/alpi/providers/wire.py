"""What both wires share: the protocols that HttpProvider builds on, tolerant JSON, and text that is always whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from ..base.message import AssistantMessage, ToolCall, UserMessage
from .types import ProviderEvent, Request

NO_ANSWER = "(no answer)"
"""Stands for an assistant message without content, which no provider accepts; it keeps the roles in turn."""


class Place(msgspec.Struct, frozen=True):
    """Who was asked for what; the words that failures are written with.

    ``label`` is the provider's name as people write it. ``key_name`` is the variable that holds the key, ``env_path`` the file
    it is read from. ``redact`` takes secrets out of a text.
    """

    provider: str
    model: str
    label: str
    base_url: str = ""
    key_name: str = ""
    env_path: str = ""
    redact: Callable[[str], str] = str


class Parser(Protocol):
    """Bytes of one answer in, events out. No method raises, whatever the bytes.

    ``done``: the last event is out, further bytes are ignored. ``answered``: the model has said why it stopped, so the
    answer is whole even if the stream now breaks.
    """

    done: bool
    answered: bool

    def feed(self, data: bytes) -> list[ProviderEvent]:
        """The next bytes of an event stream."""
        ...

    def close(self) -> list[ProviderEvent]:
        """The stream ended. The last event given is ``Finished`` or ``Failure``, unless it was given before."""
        ...

    def whole(self, body: bytes) -> list[ProviderEvent]:
        """A complete answer as one JSON object, from a server that did not stream."""
        ...


class Wire(Protocol):
    """One provider protocol, without I/O."""

    def chat_url(self, base_url: str) -> str:
        """Where requests are posted."""
        ...

    def models_url(self, base_url: str, after: str = "") -> str:
        """Where models are listed; ``after`` is what the page before gave to go on with."""
        ...

    def headers(self, api_key: str) -> dict[str, str]:
        """The headers that carry the key (none without one) and the protocol's version."""
        ...

    def encode(self, request: Request) -> bytes:
        """The body of a request. The same request gives the same bytes."""
        ...

    def parser(self, place: Place, new_id: Callable[[], str]) -> Parser:
        """A parser for one answer; ``new_id`` names tool calls that come without an id."""
        ...

    def model_names(self, page: Any) -> tuple[list[str], str]:
        """The names on a page of the listing, and what the next page is asked with (``""`` for none)."""
        ...


def loads(text: str | bytes) -> Any:
    """JSON as servers write it: also NaN and halves of surrogate pairs, which msgspec's strict reader refuses.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        import json

        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def dumps(value: Any) -> bytes:
    """Compact JSON, always the same bytes for the same value. Halves of surrogate pairs become U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeError:
        return msgspec.json.encode(clean(value))


def whole_text(text: str) -> str:
    """``text`` with surrogate pairs joined and lone halves replaced, so that it can be written as UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def clean(value: Any) -> Any:
    """A JSON value with ``whole_text`` applied to every string in it."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, Mapping):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


class Mender:
    """Joins characters whose two surrogate halves arrive in separate pieces of a stream."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, text: str) -> str:
        """The next piece, as far as it is whole."""
        if text.isascii() and not self._held:
            return text
        text, self._held = self._held + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return whole_text(text)

    def rest(self) -> str:
        """What stands for a half that was never completed."""
        held, self._held = self._held, ""
        return "\ufffd" if held else ""


def text_of(value: Any) -> str:
    """``value`` if it is a string, else ``""``: servers send null for empty."""
    return value if isinstance(value, str) else ""


def dict_of(value: Any) -> dict[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """``value`` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def count_of(value: Any) -> int:
    """A count of tokens; 0 for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        return 0
    return int(value)


def as_object(arguments: str) -> str:
    """A tool call's arguments as the text of a JSON object, verbatim where they are one.

    Servers parse the arguments of earlier calls; a single wrong one would make every later request of the session fail.
    """
    text = whole_text(arguments).strip()
    if not text:
        return "{}"
    try:
        if isinstance(msgspec.json.decode(text), dict):
            return text
    except (msgspec.MsgspecError, RecursionError):
        pass  # shown to the model as it wrote it, below
    return msgspec.json.encode({"invalid_json": text}).decode()


def user_text(message: UserMessage) -> str:
    """What a user message says: its text, then what changes from turn to turn."""
    return f"{message.text}\n\n{message.context}" if message.context else message.text


def left_out(names: list[str]) -> str:
    """Says to a model without eyes that pictures were there; silence would make it guess."""
    listed = ", ".join(name or "a picture" for name in names)
    return f"(left out, because this model does not take pictures: {listed})"


def same_model(message: AssistantMessage, request: Request) -> bool:
    """Whether the model now asked wrote this message, so that its seals mean something to it.

    Messages name their model ``provider/model``, requests only ``model``.
    """
    return not message.model or message.model == request.model or message.model.endswith(f"/{request.model}")


def fitting_id(call_id: str, pattern: re.Pattern[str], length: int) -> str:
    """``call_id`` where a provider's ``pattern`` takes it, else letters and digits made from it, always the same."""
    if pattern.fullmatch(call_id):
        return call_id
    import hashlib

    return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:length]


class CallIds:
    """Gives every call of one answer an id of its own: the server's where it has one not used before, else a new one."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._used: set[str] = set()

    def settle(self, given: str) -> str:
        call_id = given
        while not call_id or call_id in self._used:
            call_id = self._new_id()
        self._used.add(call_id)
        return call_id


def is_whole_call(call: ToolCall) -> bool:
    """Whether a call's arguments are a JSON object; of an answer that was cut off, others are torn."""
    try:
        return isinstance(msgspec.json.decode(call.arguments), dict)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return False
