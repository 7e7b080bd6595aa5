"""Laws of a conversation that no longer fits: whatever it holds, no request exceeds the window, and what is pinned stays."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from alpi.agent import events
from alpi.agent.compaction import divide, files_touched, pins, summary_text
from alpi.agent.context import ContextRules, history_tokens, is_request, text_tokens, window_of
from alpi.agent.fitting import cut_text, fit, head_length
from alpi.base.message import AssistantMessage, Image, Message, ToolCall, ToolMessage, UserMessage
from alpi.providers.types import (
    CallDone,
    Failure,
    Finished,
    ModelSettings,
    ProviderEvent,
    Request,
    TextDelta,
)
from tests.support.fakes import FakeTool
from tests.support.stage import Stage, ended, of
from tests.support.transcripts import is_well_formed

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
PICTURE = Image("image/png", "aGVsbG8=", "a.png")
alphabets = st.sampled_from(["word and ", "0f3a", '{"a": [1, 2]}\n', "漢字", "привет ", "señal\n", "🙂"])
lengths = st.one_of(st.integers(0, 60), st.integers(0, 3000), st.sampled_from([20_000]))
texts = st.builds(lambda piece, length: (piece * (length // len(piece) + 1))[:length], alphabets, lengths)


def naive(messages: Sequence[Message]) -> int:
    """Tokens counted another way: four bytes of UTF-8 each, and a large picture's."""
    size = 0
    for message in messages:
        written = message.text
        if isinstance(message, AssistantMessage):
            written += "".join(call.name + call.arguments for call in message.calls)
        else:
            size += 1500 * len(message.images)
        if isinstance(message, UserMessage):
            written += message.context
        size += len(written.encode()) // 4
    return size


@st.composite
def conversations(draw: st.DrawFn, most: int = 6) -> list[Message]:
    """Whole turns: a request, some steps with their results, an answer; the last one may be under way."""
    found: list[Message] = []

    def id() -> str:
        return f"m{len(found)}"

    for turn in range(draw(st.integers(1, most))):
        pictures = (PICTURE,) * draw(st.sampled_from([0, 0, 0, 1, 9]))
        found.append(UserMessage(id(), NOW, draw(texts) or f"do {turn}", "[Now]", "test", pictures))
        for _ in range(draw(st.integers(0, 4))):
            count = draw(st.integers(1, 3))
            calls = tuple(
                ToolCall(f"c{i}", "write_file", json.dumps({"path": f"f{turn}.txt", "content": draw(texts)}))
                for i in range(count)
            )
            found.append(AssistantMessage(id(), NOW, draw(st.sampled_from(["", "I look."])), calls))
            for call in calls:
                result = ToolMessage(id(), NOW, call.id, call.name, draw(texts))
                found.append(result)
        if draw(st.booleans()) or turn + 1 < most:
            found.append(AssistantMessage(id(), NOW, draw(texts)))
    if draw(st.booleans()):
        found.append(UserMessage(id(), NOW, draw(texts) or "and now?", "[Now]", "test"))
    return found


# -- estimates and cuts ------------------------------------------------------------------------------------------------


@given(texts, texts)
def test_an_estimate_is_never_below_four_bytes_a_token_and_grows_with_the_text(a: str, b: str) -> None:
    assert text_tokens(a) >= len(a.encode()) // 4
    assert text_tokens(a) <= text_tokens(a + b) <= text_tokens(a) + text_tokens(b)


@given(texts, st.integers(0, 2000))
def test_a_cut_text_is_as_short_as_wanted_and_begins_and_ends_as_the_whole_does(text: str, tokens: int) -> None:
    cut = cut_text(text, tokens, "the whole is in /x")
    assert text_tokens(cut) <= max(tokens, 2)
    assert cut == text or tokens < text_tokens(text)
    gaps = re.finditer(r"…|\n\[[\d,]+ characters left out here; the whole is in /x\]\n", cut)
    assert cut == text or any(text.startswith(cut[: gap.start()]) and text.endswith(cut[gap.end() :]) for gap in gaps)


@given(conversations(), st.integers(1500, 12_000))
def test_any_conversation_is_made_to_fit(conversation: list[Message], most: int) -> None:
    kept: dict[str, str] = {}

    def keep(name: str, text: str) -> str:
        kept[name] = text
        return f"the whole is in /profile/sessions/x.files/{name}.txt"

    fitted = fit(conversation, most, keep)
    assert naive(fitted.messages) <= history_tokens(fitted.messages) <= most
    assert is_well_formed(fitted.messages)
    if history_tokens(conversation) <= most:
        assert (fitted.messages, fitted.told, kept) == (conversation, "", {})
        return
    assert fitted.told
    assert fit(conversation, most, keep) == fitted, "the same conversation is sent differently the next time"
    newest = next(message for message in reversed(conversation) if is_request(message))
    assert any(message.id == newest.id for message in fitted.messages)
    assert fitted.messages[-1].id == conversation[-1].id
    whole = "\n".join(kept.values())
    for message in conversation:
        sent = next((other for other in fitted.messages if other.id == message.id), None)
        if sent is None or (
            len(message.text) > 200 and sent.text != message.text and not sent.text.startswith(message.text)
        ):
            assert message.text in whole, "something was left out, and is nowhere to be read"


# -- dividing and pinning ----------------------------------------------------------------------------------------------


@given(conversations(), st.integers(1, 4), st.integers(500, 12_000))
def test_what_stays_is_whole_turns_or_the_newest_steps(conversation: list[Message], keep: int, most: int) -> None:
    division = divide(conversation, keep, most)
    starts = [i for i, message in enumerate(conversation) if is_request(message)]
    if division is None:
        small = history_tokens(conversation[starts[-keep:][0] :]) <= most
        assert (
            len(starts) <= keep
            if small
            else not any(isinstance(m, AssistantMessage) for m in conversation[starts[-1] + 3 :])
        )
        return
    stays = conversation[division.place :]
    assert stays and not isinstance(stays[0], ToolMessage)
    assert is_well_formed(stays) and is_well_formed(conversation[: division.place])
    assert division.turns == sum(1 for end in [*starts[1:], len(conversation)] if end <= division.place)
    kept = [i for i in starts if i >= division.place]
    assert len(kept) <= keep
    if len(kept) < min(keep, len(starts)):
        longer = starts[-len(kept) - 1]
        assert history_tokens(conversation[longer:]) > most, "one turn more would have fitted"


@given(conversations(), st.integers(300, 3000))
def test_the_pins_hold_the_goal_the_todo_and_the_files_whatever_the_model_says(
    conversation: list[Message], most: int
) -> None:
    goal = UserMessage("first", NOW, "Write the report on bees.", surface="test")
    rule = UserMessage("rule", NOW, "Fine so far. Never touch the folder old. " + "Go on! " * 30, surface="test")
    everything = [
        goal,
        AssistantMessage("a", NOW, "Yes."),
        rule,
        AssistantMessage("b", NOW, "Understood."),
        *conversation,
    ]
    asked_now = next(message for message in reversed(conversation) if is_request(message))
    assert isinstance(asked_now, UserMessage)
    pinned = pins(everything, asked_now, "[ ] count the hives", most)
    assert text_tokens(pinned) <= most + 40
    assert "Write the report on bees." in pinned
    assert "Never touch the folder old." in pinned
    assert "[ ] count the hives" in pinned
    assert asked_now.text.strip()[:5].strip() in pinned
    for path in files_touched(conversation)[-3:]:
        assert path in pinned
    told = summary_text("word " * 5000, pinned, 2 * most)
    assert pinned in told
    assert text_tokens(told) <= 2 * most + 100


# -- whole turns -------------------------------------------------------------------------------------------------------


class Moody:
    """A provider that counts every request, and answers as a script of moods says: with text, calls, failures, or nothing.

    Args:
        moods: what it does, one a request, round and round.
        count: how it counts tokens.
    """

    name = "home"

    def __init__(self, moods: Sequence[str]) -> None:
        self._moods = moods
        self.requests: list[Request] = []

    async def stream(self, request: Request) -> AsyncIterator[ProviderEvent]:
        mood = self._moods[len(self.requests) % len(self._moods)]
        self.requests.append(request)
        asked = request.messages[-1]
        if isinstance(asked, UserMessage) and asked.surface == "summary":
            if mood == "fail":
                yield Failure("home", "m", "server", "home failed", "try again")
                return
            yield TextDelta({"call": "", "silent": "", "long": "a long story " * 2000}.get(mood, "Bees were counted."))
            yield Finished("end")
            return
        if mood == "too_long":
            yield Failure("home", "m", "too_long", "too long", "shorten it")
        elif mood == "call" and request.calls_allowed:
            for number in range(3):
                yield CallDone(ToolCall(f"c{len(self.requests)}-{number}", "look", json.dumps({"value": str(number)})))
            yield Finished("tools")
        else:
            yield TextDelta("a long story " * 150 if mood == "long" else "yes")
            yield Finished("end")

    async def models(self) -> list[str]:
        return ["m"]

    async def prepare(self, request: Request) -> None: ...

    async def aclose(self) -> None: ...


moods = st.lists(
    st.sampled_from(["plain", "long", "call", "call", "fail", "silent", "too_long"]), min_size=1, max_size=7
)


@settings(max_examples=settings().max_examples // 3)
@given(
    moods=moods, asked=st.lists(texts, min_size=2, max_size=9), window=st.sampled_from([3000, 6000]), piece=alphabets
)
def test_no_request_exceeds_the_window(
    folder: Path, moods: list[str], asked: list[str], window: int, piece: str
) -> None:
    asyncio.run(run_conversation(folder, moods, asked, window, piece))


async def run_conversation(folder: Path, moods: list[str], asked: list[str], window: int, piece: str) -> None:
    model = Moody(moods)
    look = FakeTool("look", lambda value: piece * 4000, parallel=True)
    limits = ModelSettings(context_window=window, max_output_tokens=600)
    rules = ContextRules(0.75, 3, window)
    async with Stage(
        kind="openai", folder=folder, tools=(look,), settings=limits, steps=6, provider=model, context=rules
    ) as stage:
        for text in asked:
            seen = await stage.turn(text)
            assert ended(seen).stop in ("end", "limit", "failed")
            if ended(seen).stop == "failed":
                assert of(events.Failed, seen)[0].message in ("too long", "home failed")
        # The transcript is whole whatever was summed up, and a fresh process sends the same as this one would.
        again = stage.store.open(stage.session.id)
        assert again.messages == stage.session.messages
        assert again.active() == stage.session.active()
        assert is_well_formed(again.messages)
    most = window_of(limits, rules).limit
    for request in model.requests:
        fixed = len(request.system) + len(request.closing) + sum(len(str(spec.parameters)) for spec in request.tools)
        assert fixed // 4 + naive(request.messages) <= most
        assert is_well_formed(list(request.messages))
        assert head_length(request.messages) in (0, 1, 2)
