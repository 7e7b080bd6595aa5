"""Sessions: what is on the disk, which one is the newest, and a transcript that providers accept whatever happened to the file."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from alpi.base.errors import SessionError, StorageError
from alpi.base.message import (
    AssistantMessage,
    Image,
    Message,
    Reasoning,
    Summary,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from alpi.base.redact import Redactor
from alpi.state.sessions import NO_RESULT, Session, SessionStore, missing_results, new_id, to_markdown, well_formed
from tests.support.disks import no_larger_than
from tests.support.fakes import FakeClock
from tests.support.transcripts import is_well_formed

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "sessions", FakeClock(NOW), str)


def user(text: str = "hi") -> UserMessage:
    return UserMessage(new_id(), NOW, text, "[Now: today]", "test")


def answer(text: str = "", *calls: str) -> AssistantMessage:
    return AssistantMessage(new_id(), NOW, text, tuple(ToolCall(id, "read_file", "{}") for id in calls), model="a/b")


def result(call: str, text: str = "ok") -> ToolMessage:
    return ToolMessage(new_id(), NOW, call, "read_file", text)


def filled(store: SessionStore, *messages: Message) -> Session:
    session = store.create("test")
    session.begin_turn()
    for message in messages:
        session.append(message)
    session.end_turn()
    return session


def aged(session: Session, seconds: float) -> None:
    """Make a session look as if it had last been used that long ago."""
    then = time.time() - seconds
    os.utime(session.path, (then, then))


def test_messages_come_back_as_they_were(store: SessionStore) -> None:
    call = ToolCall("c1", "read_file", '{"path": "a"}', {"signature": {"deep": [1]}})
    messages: list[Message] = [
        UserMessage("m1", NOW, "look", "[Now]", "ask", (Image("image/png", "aGk=", "a.png"),)),
        AssistantMessage("m2", NOW, "I will", (call,), (), "a/b", Usage(10, 5, 1, 2, 1), "tools"),
        ToolMessage("m3", NOW, "c1", "read_file", "text\x00with é\u2028", False),
        AssistantMessage("m4", NOW, "done"),
    ]  # fmt: skip
    session = filled(store, *messages)
    assert session.messages == messages
    assert store.open(session.id).messages == messages
    assert stat.S_IMODE(session.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(session.path.parent.stat().st_mode) == 0o700


def test_the_first_line_says_what_the_file_is(store: SessionStore) -> None:
    session = filled(store, user())
    header = json.loads(session.path.read_text().splitlines()[0])
    assert header == {
        "record": "session", "version": 1, "id": session.id, "surface": "test", "created": "2026-11-23T09:30:00Z",
    }  # fmt: skip
    assert store.open(session.id).surface == "test"


def test_ids_tell_the_time_and_never_repeat(store: SessionStore) -> None:
    ids = {store.create("test").id for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"20261123-093000-[0-9a-f]{6}", id) for id in ids)
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_session_without_a_message_leaves_no_file(store: SessionStore) -> None:
    session = store.create("test")
    session.begin_turn()
    session.end_turn()
    assert list(store.folder.iterdir()) == []
    assert store.newest() is None


def test_what_is_written_and_what_is_kept_hold_no_secret(tmp_path: Path) -> None:
    secret = "hunter2-hunter2"
    store = SessionStore(tmp_path, FakeClock(), Redactor({"KEY": secret}))
    call = ToolCall("c", "read_file", f'{{"path": "{secret}"}}', {"deep": [secret]})
    said = AssistantMessage("m", NOW, secret, (call,), (Reasoning(secret, "seal"),), "a/b")
    image = Image("image/png", "aGk=", secret)
    session = filled(store, UserMessage("u", NOW, f"it is {secret}", secret, "", (image,)), said, result("c", secret))
    assert "hunter2" not in session.path.read_text()
    assert [message.text for message in session.messages] == ["it is [secret KEY]", "[secret KEY]", "[secret KEY]"]
    assert store.open(session.id).messages == session.messages


# -- which one -------------------------------------------------------------------------------------------------------


def test_the_newest_is_the_one_used_last_not_the_one_begun_last(store: SessionStore) -> None:
    first, second = filled(store, user("one")), filled(store, user("two"))
    aged(first, 100)
    aged(second, 50)
    newest = store.newest()
    assert newest is not None
    assert newest.id == second.id
    newest = store.open(first.id)
    newest.begin_turn()
    newest.append(user("again"))
    newest.end_turn()
    found = store.newest()
    assert found is not None
    assert found.id == first.id
    assert [info.id for info in store.recent()] == [first.id, second.id]


def test_the_beginning_of_an_id_is_enough_where_only_one_has_it(store: SessionStore) -> None:
    session = filled(store, user())
    assert store.open(session.id[:-2]).id == session.id
    (store.folder / f"{session.id}x.jsonl").write_bytes(session.path.read_bytes())
    assert store.open(session.id).id == session.id, "the whole id goes before a longer one"
    with pytest.raises(SessionError) as caught:
        store.open("2026")
    assert caught.value.message == "2 sessions begin with '2026'"
    assert "alpi sessions list" in caught.value.hint


@pytest.mark.parametrize("id", ["", "nothing", "../escape", "*", "/etc/passwd"])
def test_one_that_is_not_there_is_said(store: SessionStore, id: str) -> None:
    filled(store, user())
    (store.folder.parent / "escape.jsonl").write_text("{}\n")
    with pytest.raises(SessionError, match="there is no session"):
        store.open(id)


def test_a_list_shows_what_was_asked_first(store: SessionStore) -> None:
    filled(store, user("  what\n\n is\tthis? " + "x" * 300), answer("that"), user("second"))
    (info,) = store.recent()
    assert info.title.startswith("what is this? xxx")
    assert len(info.title) == 120
    assert (info.surface, info.created) == ("test", NOW)


def test_a_list_is_as_long_as_asked(store: SessionStore) -> None:
    for number in range(5):
        aged(filled(store, user(str(number))), number)
    assert [info.title for info in store.recent(3)] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n\n", b"garbage\n", b"123\n[1]\nnull\n\"x\"\n", b'{"record":"session"}\n', b'{"record":"session","created":"yesterday"}\n',
        b'{"record":"session","created":5,"surface":[]}\n{"role":"user","text":7}\n', b"\xff\xfe\n", b"[" * 100_000, b'{"torn":',
    ],
)  # fmt: skip
def test_a_broken_file_does_not_break_the_list(store: SessionStore, content: bytes) -> None:
    good = filled(store, user("good"))
    (store.folder / "broken.jsonl").write_bytes(content)
    (store.folder / "note.txt").write_text("not ours")
    (store.folder / "gone.jsonl").symlink_to("nowhere")
    infos = store.recent()
    assert {info.id for info in infos} == {good.id, "broken"}
    assert [info.title for info in infos if info.id == good.id] == ["good"]


# -- what a crash or an editor leaves ----------------------------------------------------------------------------------


def test_a_broken_line_in_the_middle_is_left_out_and_said(store: SessionStore) -> None:
    session = filled(store, user("one"), answer("two"), user("three"))
    lines = session.path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"record": "message", "role": "assi\n'
    lines.insert(3, b'{"record":"message","role":"nobody","id":"x","time":"2026-11-23T09:30:00Z","text":"y"}\n')
    lines.insert(4, b'{"record":"message","role":"user","id":"x","time":"never","text":"y"}\n')
    session.path.write_bytes(b"".join(lines))
    found = store.open(session.id)
    assert [message.text for message in found.messages] == ["one", "three"]
    assert len(found.warnings) == 3
    assert f"{session.path}, line 3: not readable" in found.warnings[0]
    assert all("left out" in warning for warning in found.warnings)


def test_records_of_a_later_kind_are_passed_over(store: SessionStore) -> None:
    session = filled(store, user("one"))
    with session.path.open("a") as file:
        file.write('{"record":"summary","text":"later"}\n')
    assert [message.text for message in store.open(session.id).messages] == ["one"]


def test_a_file_of_another_version_is_refused(store: SessionStore) -> None:
    session = filled(store, user())
    session.path.write_text(session.path.read_text().replace('"version":1', '"version":2'))
    with pytest.raises(SessionError, match="written by another version of alpi"):
        store.open(session.id)


@pytest.mark.parametrize("left", [0, 1, 20])
def test_a_file_whose_first_line_was_torn_gets_a_new_one(store: SessionStore, left: int) -> None:
    session = filled(store, user())
    session.path.write_bytes(session.path.read_bytes()[:left])
    again = store.open(session.id)
    assert again.messages == []
    again.begin_turn()
    again.append(user("again"))
    again.end_turn()
    lines = session.path.read_text().splitlines()
    assert [json.loads(line)["record"] for line in lines] == ["session", "message"]


def test_calls_left_without_a_result_get_one_at_the_next_turn(store: SessionStore) -> None:
    session = filled(store, user(), answer("", "c1", "c2", "c3"), result("c2"))
    again = store.open(session.id)
    assert len(again.messages) == 3, "reading alone changes nothing"
    again.begin_turn()
    again.end_turn()
    made = store.open(session.id).messages[3:]
    assert [(m.call_id, m.text, m.ok) for m in made if isinstance(m, ToolMessage)] == [
        ("c1", NO_RESULT, False),
        ("c3", NO_RESULT, False),
    ]
    again.begin_turn()
    again.end_turn()
    assert len(store.open(session.id).messages) == 5, "mended twice"


def test_ids_that_a_server_uses_again_in_every_answer_do_not_hide_a_missing_result() -> None:
    messages = [user(), answer("", "call_0"), result("call_0", "first"), answer("", "call_0")]
    assert [made.call_id for made in missing_results(messages, NOW)] == ["call_0"]


def test_ids_that_are_used_again_keep_each_its_own_result() -> None:
    messages = [
        user(), answer("", "c", "c"), result("c", "1"), result("c", "2"), answer("", "c"), result("c", "3"), answer("done"),
    ]  # fmt: skip
    assert [message.text for message in well_formed(messages, NOW)] == ["hi", "", "1", "2", "", "3", "done"]
    assert well_formed(messages, NOW) == messages


def test_results_are_put_behind_their_calls_in_the_order_of_the_calls() -> None:
    messages = [user(), answer("", "a", "b"), result("b", "B"), result("a", "A"), answer("done")]
    assert [message.text for message in well_formed(messages, NOW)] == ["hi", "", "A", "B", "done"]


def test_a_result_that_stands_alone_is_left_out() -> None:
    messages = [result("x"), user(), result("y"), answer("", "z"), result("other"), user("next")]
    shaped = well_formed(messages, NOW)
    assert [(type(m).__name__, m.text) for m in shaped] == [
        ("UserMessage", "hi"),
        ("AssistantMessage", ""),
        ("ToolMessage", NO_RESULT),
        ("UserMessage", "next"),
    ]


def test_a_well_formed_transcript_stays_as_it_is() -> None:
    messages = [user(), answer("", "a"), result("a"), answer("done"), user(), answer("x")]
    assert well_formed(messages, NOW) == messages
    assert missing_results(messages, NOW) == []
    assert well_formed([], NOW) == []


def test_a_full_disk_is_said_and_the_message_is_not_added(store: SessionStore) -> None:
    session = filled(store, user("one"))
    before = session.path.read_bytes()
    session.begin_turn()
    with no_larger_than(2000), pytest.raises(StorageError):
        session.append(user("x" * 5000))
    assert (len(session.messages), session.path.read_bytes()) == (1, before)
    session.append(user("two"))
    session.end_turn()
    assert [message.text for message in store.open(session.id).messages] == ["one", "two"]


# -- two at once -------------------------------------------------------------------------------------------------------


def take_turn(path: Path, id: str, told: Connection) -> None:
    session = SessionStore(path, FakeClock(NOW), str).open(id)
    session.begin_turn()
    told.send("begun")
    told.recv()
    session.append(user("from another process"))
    session.end_turn()
    told.send("ended")


@pytest.fixture
def another(store: SessionStore) -> Callable[[str], Connection]:
    fork = multiprocessing.get_context("fork")

    def start(id: str) -> Connection:
        here, there = fork.Pipe()
        fork.Process(target=take_turn, args=(store.folder, id, there), daemon=True).start()
        assert here.recv() == "begun"
        return here

    return start


def test_a_second_process_is_told_and_afterwards_sees_what_the_first_has_written(
    store: SessionStore, another: Callable[[str], Connection]
) -> None:
    session = filled(store, user("one"))
    other = another(session.id)
    with pytest.raises(SessionError) as caught:
        session.begin_turn()
    assert f"session {session.id} is in use by process" in caught.value.message
    assert "start a new session without -c" in caught.value.hint
    other.send("go on")
    assert other.recv() == "ended"
    session.begin_turn()
    session.append(user("three"))
    session.end_turn()
    assert [message.text for message in store.open(session.id).messages] == ["one", "from another process", "three"]
    assert not list(store.folder.glob("*.lock"))


def test_two_objects_of_one_process_exclude_each_other_too(store: SessionStore) -> None:
    session = filled(store, user())
    session.begin_turn()
    with pytest.raises(SessionError, match="in use"):
        store.open(session.id).begin_turn()
    session.end_turn()
    store.open(session.id).begin_turn()


def test_what_is_added_between_opening_and_the_turn_is_seen(store: SessionStore) -> None:
    session = filled(store, user("one"))
    early = store.open(session.id)
    session.begin_turn()
    session.append(user("two"))
    session.end_turn()
    early.begin_turn()
    early.end_turn()
    assert [message.text for message in early.messages] == ["one", "two"]


def test_a_file_that_was_deleted_meanwhile_is_said_and_begun_anew(store: SessionStore) -> None:
    session = filled(store, user("one"))
    session.path.unlink()
    session.begin_turn()
    assert session.messages == []
    assert session.warnings == [f"{session.path} was removed meanwhile; this conversation starts anew"]
    session.append(user("two"))
    session.path.unlink()
    session.append(user("three"))
    session.end_turn()
    assert [json.loads(line)["record"] for line in session.path.read_text().splitlines()] == ["session", "message"]
    assert [message.text for message in store.open(session.id).messages] == ["three"]


# -- export ------------------------------------------------------------------------------------------------------------


def test_export_is_markdown_that_can_be_read(store: SessionStore) -> None:
    call = ToolCall("c", "read_file", '{"path": "a.md"}')
    session = filled(
        store,
        UserMessage("1", NOW, "what is *this*?", "", "", (Image("image/png", "", "a.png"), Image("image/gif", ""))),
        AssistantMessage("2", NOW, "I look", (call,), model="a/b"),
        ToolMessage("3", NOW, "c", "read_file", "```python\nx\n```", ok=False),
        AssistantMessage("4", NOW, "It is\n\n- this"),
    )
    text = to_markdown(session)
    when = NOW.astimezone().strftime("%Y-%m-%d %H:%M")
    assert (
        text
        == f"""\
# Session {session.id}

## You, {when}

what is *this*?

(picture: a.png)

(picture: image/gif)

## a/b, {when}

I look

- called `read_file`
```json
{{"path": "a.md"}}
```

- result of `read_file` (failed)
````
```python
x
```
````

## alpi, {when}

It is

- this
"""
    )


# -- summaries ---------------------------------------------------------------------------------------------------------


def summed_up(covers: Message, text: str = "[In short: bees.]", **more: object) -> Summary:
    return Summary(new_id(), NOW, covers.id, text, 1, **more)  # type: ignore[arg-type]


def test_a_summary_stands_for_what_it_covers_and_the_transcript_stays_whole(store: SessionStore) -> None:
    messages = [user("one"), answer("first"), user("two"), answer("second")]
    session = filled(store, *messages)
    summary = session.append_summary(summed_up(messages[1]))
    again = store.open(session.id)
    for found in (session, again):
        assert found.messages == messages
        assert found.summary == summary
        assert [message.text for message in found.active()] == [
            "[In short: bees.]",
            "Understood. I go on from there.",
            "two",
            "second",
        ]
        assert is_well_formed(found.active())
    assert [type(message) for message in again.active()] == [
        UserMessage,
        AssistantMessage,
        UserMessage,
        AssistantMessage,
    ]
    assert store.recent()[0].title == "one"
    assert "(up to here summed up for the model, " in to_markdown(again)
    assert "In short: bees" not in to_markdown(again)


def test_the_newest_summary_holds(store: SessionStore) -> None:
    messages = [user("one"), answer("first"), user("two"), answer("second"), user("three")]
    session = filled(store, *messages)
    session.append_summary(summed_up(messages[1], "short"))
    session.append_summary(summed_up(messages[3], "shorter"))
    assert [message.text for message in store.open(session.id).active()][0::2] == ["shorter", "three"]
    assert to_markdown(session).count("summed up for the model") == 2


def test_in_the_middle_of_a_turn_no_answer_is_put_between(store: SessionStore) -> None:
    messages = [user("one"), answer("", "a"), result("a"), answer("", "b"), result("b")]
    session = filled(store, *messages)
    session.append_summary(summed_up(messages[2]))
    assert [type(message) for message in session.active()] == [UserMessage, AssistantMessage, ToolMessage]


def test_what_a_summary_cut_is_sent_short_and_kept_whole(store: SessionStore) -> None:
    long = ToolMessage(new_id(), NOW, "a", "read_file", "x" * 5000, True, (Image("image/png", "aGk="),))
    messages = [user("one"), answer("first"), user("two"), answer("", "a"), long]
    session = filled(store, *messages)
    session.append_summary(summed_up(messages[1], cuts={long.id: "x… [cut]", messages[3].id: "", "gone": "?"}))
    sent = store.open(session.id).active()[-1]
    assert isinstance(sent, ToolMessage)
    assert (sent.text, sent.images, sent.call_id) == ("x… [cut]", (), "a")
    assert session.messages[-1] == long


def test_a_summary_whose_place_is_lost_is_not_applied(store: SessionStore) -> None:
    messages = [user("one"), answer("first"), user("two")]
    session = filled(store, *messages)
    session.append_summary(summed_up(messages[1]))
    lines = session.path.read_bytes().splitlines(keepends=True)
    session.path.write_bytes(b"".join(line for line in lines if b'"first"' not in line))
    assert [message.text for message in store.open(session.id).active()] == ["one", "two"]
    broken = json.loads(lines[-1])
    session.path.write_bytes(b"".join(lines[:-1]) + json.dumps({**broken, "turns": "many"}).encode() + b"\n")
    again = store.open(session.id)
    assert again.active() == again.messages
    assert "summary 5 cannot be used" in again.warnings[0]


def test_a_summary_holds_no_secrets_and_a_full_disk_leaves_the_old_state(tmp_path: Path) -> None:
    store = SessionStore(tmp_path / "sessions", FakeClock(NOW), Redactor({"KEY": "hunter2hunter2"}))
    messages = [user("one"), answer("first"), user("two")]
    session = filled(store, *messages)
    assert session.append_summary(summed_up(messages[1], "it is hunter2hunter2")).text == "it is [secret KEY]"
    assert b"hunter2" not in session.path.read_bytes()
    before = store.open(session.id).active()
    with no_larger_than(session.path.stat().st_size + 100), pytest.raises(StorageError):
        session.append_summary(summed_up(messages[1], "x" * 5000))
    assert session.active() == store.open(session.id).active() == before


def test_cut_off_at_any_byte_a_file_holds_the_old_state_or_the_new(store: SessionStore) -> None:
    messages = [user("one"), answer("first"), user("two")]
    session = filled(store, *messages)
    before = session.path.read_bytes()
    old = session.active()
    session.append_summary(summed_up(messages[1]))
    after = session.path.read_bytes()
    for size in range(len(before), len(after) + 1):
        session.path.write_bytes(after[:size])
        found = store.open(session.id)
        assert found.active() in (old, session.active())
        assert found.messages == messages
