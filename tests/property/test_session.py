"""Laws of transcripts: whatever lines a file has lost, every call has exactly one result right behind it, and no result stands alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from alpi.base.message import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from alpi.state.sessions import SessionStore, missing_results, well_formed
from tests.support.fakes import FakeClock
from tests.support.transcripts import is_well_formed

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ids = st.sampled_from(["a", "b", "c"])  # few, so that they repeat
calls = st.lists(st.builds(ToolCall, id=ids, name=st.just("read_file"), arguments=st.just("{}")), max_size=3).map(tuple)
messages = st.lists(
    st.builds(UserMessage, id=st.just("u"), time=st.just(NOW), text=st.text(max_size=5))
    | st.builds(AssistantMessage, id=st.just("m"), time=st.just(NOW), text=st.text(max_size=5), calls=calls)
    | st.builds(
        ToolMessage,
        id=st.just("t"),
        time=st.just(NOW),
        call_id=ids,
        name=st.just("read_file"),
        text=st.text(max_size=5),
    ),
    max_size=10,
)


@given(messages)
def test_any_messages_become_well_formed_and_nothing_that_was_said_is_lost(given_: list[Message]) -> None:
    shaped = well_formed(given_, NOW)
    assert is_well_formed(shaped)
    assert [m for m in shaped if not isinstance(m, ToolMessage)] == [
        m for m in given_ if not isinstance(m, ToolMessage)
    ]
    assert well_formed(shaped, NOW) == shaped, "shaping twice changes something"
    if is_well_formed(given_):
        assert shaped == given_


@given(messages)
def test_a_longer_transcript_begins_with_the_shorter_one(given_: list[Message]) -> None:
    """What providers cache: a turn that is added must not change what was sent before it."""
    shaped = well_formed(given_, NOW)
    later = well_formed(
        [*shaped, UserMessage("u", NOW, "next"), AssistantMessage("m", NOW, "x", (ToolCall("a", "f", "{}"),))], NOW
    )
    assert later[: len(shaped)] == shaped


@given(messages)
def test_results_that_are_missing_at_the_end_are_made_once(given_: list[Message]) -> None:
    made = missing_results(given_, NOW)
    assert missing_results([*given_, *made], NOW) == []
    last = next((m for m in reversed(given_) if not isinstance(m, ToolMessage)), None)
    if not isinstance(last, AssistantMessage):
        assert made == []


@given(given_=messages, data=st.data())
def test_a_file_that_lost_any_lines_can_be_gone_on_with(
    folder: Path, given_: list[Message], data: st.DataObject
) -> None:
    store = SessionStore(folder, FakeClock(), str)
    session = store.create("test")
    session.begin_turn()
    for message in given_:
        session.append(message)
    session.end_turn()
    if given_:
        lines = session.path.read_bytes().splitlines(keepends=True)
        kept = data.draw(st.lists(st.booleans(), min_size=len(lines), max_size=len(lines)))
        left = b"".join(line for line, keep in zip(lines, kept, strict=True) if keep)
        session.path.write_bytes(left[: data.draw(st.integers(0, len(left)))])

    again = store.open(session.id) if session.path.exists() else session
    again.begin_turn()
    asked = UserMessage("u", NOW, "go on")
    again.append(asked)
    again.end_turn()
    found = store.open(session.id)
    assert found.messages == again.messages
    assert found.messages[-1] == asked
    assert is_well_formed(well_formed(found.messages, NOW))
    session.path.unlink()
