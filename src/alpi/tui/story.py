"""Turns the events of a turn, and the messages of an old session, into pieces of the transcript."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Protocol

from ..agent import events
from ..base.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from ..base.text import one_line, printable
from .blocks import Block, BlockSplitter
from .widgets.pieces import TAB, Card, Note, Piece, Said, SetText, Thought, spell_seconds

# Code that is still arriving is set in parts of at most this many lines.
OPEN_LINES = 40
# An open block is set anew at most for this share of the time.
SHARE = 0.2
# The surface of alpi's own reminders to the model.
CHECK = "check"

STOPS = (
    ("interrupted", "stopped; what was said so far is kept"),
    ("length", "the answer was cut off at the model's limit; ask it to go on"),
    ("limit", 'stopped at the limit of steps; say "go on" to continue'),
    ("refusal", "the model declined to answer"),
)


class Sheet(Protocol):
    """Where pieces are shown (widgets/transcript.py)."""

    def add(self, *pieces: Piece) -> None: ...

    def changed(self, piece: Piece) -> None: ...

    def drop(self, piece: Piece) -> None: ...


class Answer:
    """Text of the model that is arriving: each block is set for good as soon as it is whole."""

    def __init__(self, sheet: Sheet, now: Callable[[], float]) -> None:
        self._sheet = sheet
        self._now = now
        self._splitter = BlockSplitter()
        self._open: SetText | None = None
        self._next = 0.0
        self.late = False
        """Whether text has come that is not shown yet."""

    def feed(self, text: str) -> None:
        """The next piece of it."""
        for block in self._splitter.feed(printable(text).replace("\t", TAB)):
            self._settle(block)
        while self._splitter.open_text.count("\n") > OPEN_LINES and (part := self._splitter.cut()):
            self._settle(part)
        self.late = True
        if self._now() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Show what has come of the open block."""
        self.late = False
        text = self._splitter.open_text
        if not text.strip():
            return
        began = self._now()
        block = Block(text, self._splitter.spaced)
        if self._open is None:
            self._open = SetText(block)
            self._sheet.add(self._open)
        else:
            self._open.replace(block)
            self._sheet.changed(self._open)
        self._next = self._now() + (self._now() - began) / SHARE

    def finish(self) -> None:
        """No more comes."""
        block = self._splitter.finish()
        if block is not None:
            self._settle(block)
        elif self._open is not None:
            self._sheet.drop(self._open)
        self._open, self.late = None, False

    def _settle(self, block: Block) -> None:
        if self._open is None:
            self._sheet.add(SetText(block))
        else:
            self._open.replace(block)
            self._sheet.changed(self._open)
        self._open = None


class Story:
    """Shows what happens.

    Args:
        sheet: where it is shown.
        now: seconds of a clock that never goes back.
    """

    def __init__(self, sheet: Sheet, now: Callable[[], float]) -> None:
        self._sheet = sheet
        self._now = now
        self._answer: Answer | None = None
        self._thought: Thought | None = None
        self._thought_since = 0.0
        self._cards: dict[str, Card] = {}
        self._after_card = False
        self._said = ""
        self.doing = ""
        """What is going on, in a word or two; ``""`` when nothing is."""
        self.last_reply = ""
        """The newest whole answer, as Markdown."""

    # -- what happens ------------------------------------------------------------------------------------------------

    def said(self, text: str, attached: Sequence[str] = ()) -> None:
        """The person sent a message."""
        self._close()
        self._add(Said(text, attached))
        self.doing = "waiting for the model"

    def told(self, markdown: str) -> None:
        """alpi itself has something to say: the outcome of a command."""
        self._close()
        answer = Answer(self._sheet, self._now)
        answer.feed(markdown)
        answer.finish()
        self._after_card = False

    def note(self, text: str, style: str = "faint", mark: str = "", hint: str = "", gap: int = 1) -> Piece:
        """A few words of alpi's own; gives the piece that shows them."""
        self._close()
        piece = Note(text, style, mark, hint, gap)
        self._add(piece)
        return piece

    def show(self, event: events.Event) -> None:
        """An event of the turn that is running."""
        handler: Callable[[Any], None] | None = getattr(self, f"_on_{type(event).__struct_config__.tag}", None)
        if handler is not None:
            handler(event)

    @property
    def late(self) -> bool:
        """Whether ``flush`` has something to show."""
        return self._answer is not None and self._answer.late

    def flush(self) -> None:
        """Show text that was held back for a moment."""
        if self._answer is not None and self._answer.late:
            self._answer.flush()

    def over(self) -> None:
        """The turn is over: nothing moves any more."""
        self._close()
        for card in self._cards.values():
            card.finish("failed", "stopped", "")
            self._sheet.changed(card)
        self._cards.clear()
        self.doing = ""

    # -- each event --------------------------------------------------------------------------------------------------

    def _on_turn_started(self, event: events.TurnStarted) -> None:
        self.doing, self._said = "waiting for the model", ""

    def _on_text(self, event: events.Text) -> None:
        text = event.text
        if self._answer is None:
            text = text.lstrip("\n")
            if not text:
                return
            self._close()
            self._answer = Answer(self._sheet, self._now)
            self._after_card = False
            self._said = ""
        self.doing = "writing"
        self._said += text
        self._answer.feed(text)

    def _on_thinking(self, event: events.Thinking) -> None:
        if self._thought is None:
            self._close()
            self._thought, self._thought_since = Thought(live=True), self._now()
            self._add(self._thought)
        self._thought.add(event.text)
        self.doing = "thinking"
        if self._thought.is_open:
            self._sheet.changed(self._thought)

    def _on_tool_started(self, event: events.ToolStarted) -> None:
        self._close()
        card = Card(event.call, event.name, event.hint, started=self._now())
        self._cards[event.call] = card
        self._add_card(card)
        self.doing = f"running {event.name}"

    def _on_tool_progress(self, event: events.ToolProgress) -> None:
        card = self._cards.get(event.call)
        if card is not None:
            card.progress(event.text)
            self._sheet.changed(card)

    def _on_tool_finished(self, event: events.ToolFinished) -> None:
        card = self._cards.pop(event.call, None)
        if card is None:
            self._close()
            card = Card(event.call, event.name, "")
            self._add_card(card)
        state = "ok" if event.ok else "refused" if event.refused else "failed"
        card.finish(state, event.summary, event.output, event.diff, event.seconds)  # type: ignore[arg-type]
        self._sheet.changed(card)
        self.doing = next((f"running {name}" for name in reversed(self._running())), "waiting for the model")

    def _on_preparing(self, event: events.Preparing) -> None:
        share = "" if event.share is None else f" {event.share:.0%}"
        self.doing = f"{one_line(event.what, 80)}{share}"

    def _on_retrying(self, event: events.Retrying) -> None:
        then = f"trying {event.next_model}" if event.next_model else f"trying again in {event.wait_seconds:.0f} s"
        self.note(f"{one_line(event.message, 400)}; {then}", "warn", "! ")
        self.doing = then

    def _on_notice(self, event: events.Notice) -> None:
        self.note(event.text, "warn", "! ")

    def _on_compacting(self, event: events.Compacting) -> None:
        self.doing = "summing up older turns"

    def _on_compacted(self, event: events.Compacted) -> None:
        turns = "1 older turn is" if event.turns == 1 else f"{event.turns} older turns are"
        self.note(
            f"{turns} summed up now: {event.before:,} → {event.after:,} tokens; the originals stay on the disk",
            "faint",
            "· ",
        )
        self.doing = "waiting for the model"

    def _on_not_done(self, event: events.NotDone) -> None:
        self.note(_spell_not_done(event.claims), "bad", "✗ ")

    def _on_failed(self, event: events.Failed) -> None:
        detail = f"it said: {one_line(event.detail, 300)}" if event.detail else ""
        self.note(event.message, "bad", "✗ ", "\n".join(part for part in (event.hint, detail) if part))

    def _on_turn_ended(self, event: events.TurnEnded) -> None:
        self._close()
        self.last_reply = event.text or self._said or self.last_reply
        for stop, text in STOPS:
            if event.stop == stop:
                self.note(text, "warn", "! ")
        self._add(Note(spell_turn(event)))
        self.over()

    # -- an old session ----------------------------------------------------------------------------------------------

    def resume(self, messages: Sequence[Message]) -> None:
        """Show the messages of a session."""
        pieces: list[Piece] = []
        cards: dict[str, Card] = {}
        for message in messages:
            if isinstance(message, UserMessage):
                pieces.append(_old_question(message))
            elif isinstance(message, AssistantMessage):
                pieces += _old_answer(message, cards)
                self.last_reply = message.text or self.last_reply
            elif message.call_id in cards:
                cards.pop(message.call_id).finish(*_old_result(message))
        for before, piece in pairwise(pieces):
            if isinstance(before, Card) and isinstance(piece, Card):
                piece.gap = 0
        self._sheet.add(*pieces)

    # -- order -------------------------------------------------------------------------------------------------------

    def _running(self) -> list[str]:
        return [card.name for card in self._cards.values()]

    def _add_card(self, card: Card) -> None:
        card.gap = 0 if self._after_card else 1
        self._sheet.add(card)
        self._after_card = True

    def _add(self, piece: Piece) -> None:
        self._sheet.add(piece)
        self._after_card = False

    def _close(self) -> None:
        """End the text or the thought that was arriving."""
        if self._answer is not None:
            self._answer.finish()
            self._answer = None
        if self._thought is not None:
            self._thought.end(self._now() - self._thought_since)
            self._sheet.changed(self._thought)
            self._thought = None


def spell_turn(event: events.TurnEnded) -> str:
    """What a turn took, on one dim line."""
    usage = event.usage
    parts = [spell_seconds(event.seconds)]
    if usage.input or usage.output:
        parts.append(f"{usage.input + usage.output:,} tokens")
    if usage.input and usage.cached:
        parts.append(f"{usage.cached / usage.input:.0%} cached")
    if event.cost_usd:
        parts.append(f"${event.cost_usd:.4f}" if event.cost_usd < 0.1 else f"${event.cost_usd:.2f}")
    return " · ".join(parts)


def _spell_not_done(claims: Sequence[str]) -> str:
    said = ", ".join(f"“{one_line(claim, 80)}”" for claim in claims)
    return f"not done: it says {said}, but no tool of this turn did that"


def _old_question(message: UserMessage) -> Piece:
    if message.surface == CHECK:
        return Note(one_line(message.text, 300), "faint", "· ")
    return Said(message.text, [image.name or "picture" for image in message.images])


def _old_answer(message: AssistantMessage, cards: dict[str, Card]) -> list[Piece]:
    pieces: list[Piece] = []
    thoughts = "\n\n".join(part.text for part in message.reasoning if part.text)
    if thoughts:
        pieces.append(Thought(thoughts))
    splitter = BlockSplitter()
    blocks = splitter.feed(printable(message.text.strip("\n")).replace("\t", TAB))
    last = splitter.finish()
    pieces += [SetText(block) for block in [*blocks, *([last] if last else [])]]
    for call in message.calls:
        card = Card(call.id, call.name, call_hint(call), "unknown")
        cards[call.id] = card
        pieces.append(card)
    if message.stop in ("interrupted", "length", "refusal"):
        pieces.append(Note(dict(STOPS)[message.stop], "warn", "! "))
    if message.not_done:
        pieces.append(Note(_spell_not_done(message.not_done), "bad", "✗ "))
    return pieces


def _old_result(message: ToolMessage) -> tuple[Any, str, str]:
    lines = message.text.count("\n") + 1 if message.text else 0
    summary = "" if lines < 2 else f"{lines} lines"
    return ("ok" if message.ok else "failed", summary or one_line(message.text, 80), message.text)


def call_hint(call: ToolCall) -> str:
    """What an old call was about: the first words among its arguments."""
    import msgspec

    try:
        arguments = msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError:
        return one_line(call.arguments, 80)
    values = arguments.values() if isinstance(arguments, dict) else ()
    return next((one_line(value, 80) for value in values if isinstance(value, str) and value), "")
