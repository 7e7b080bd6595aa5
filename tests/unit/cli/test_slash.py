"""The slash commands over a real profile and a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpi.agent.surface import Surface, Unattended
from alpi.base.errors import AlpiError, UsageError
from alpi.base.schema import McpServerConfig
from alpi.cli.conversation import ProfileConversation
from alpi.cli.runtime import Runtime
from alpi.cli.slash import COMMANDS, handlers
from alpi.mcp.declaring import declared
from alpi.mcp.offers import Offer
from alpi.mcp.pins import PinStore
from alpi.mcp.reviewing import approved, review
from alpi.safety.actions import Answer
from alpi.tui.conversation import Outcome
from tests.support.fakes import Person
from tests.support.model_server import ModelServer, Reply, running
from tests.support.program import Home

NOW = datetime(2026, 11, 25, tzinfo=UTC)


class Chat:
    """A conversation, driven from a test that is not async."""

    def __init__(self, home: Home, server: ModelServer, **options: object) -> None:
        self.home = home
        self.server = server
        self.loop = asyncio.new_event_loop()
        runtime = Runtime(None, home.environ)
        self.chat = ProfileConversation(
            runtime, None, bool(options.get("resume")), str(options["session"]) if options.get("session") else None
        )

    def say(self, text: str, surface: Surface | None = None) -> str:
        async def turn() -> str:
            told = ""
            async for event in self.chat.turn(self.chat.draft(text), surface or Unattended("chat")):
                told = getattr(event, "text", told) if type(event).__name__ == "TurnEnded" else told
            return told

        return self.loop.run_until_complete(turn())

    def do(self, line: str, *answers: Answer) -> Outcome:
        surface: Surface = Person(*answers) if answers else Unattended("chat")
        return self.loop.run_until_complete(self.chat.command(line, surface))

    def close(self) -> None:
        self.loop.run_until_complete(self.chat.aclose())
        self.loop.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.setenv("HOME", made.environ["HOME"])
    return made


@pytest.fixture
def chat(home: Home) -> Iterator[Chat]:
    writing = Reply(tool_calls=[{"name": "write_file", "arguments": {"path": "a.txt", "content": "new\n"}}])
    with running(["First answer.", writing, "Written.", "Third."]) as server:
        home.configure(server.url)
        made = Chat(home, server)
        yield made
        made.close()


def test_every_command_in_the_list_exists_and_the_other_way_round() -> None:
    assert {command.name for command in COMMANDS} == set(handlers()) - {"/quit"}


def test_help_names_every_command(chat: Chat) -> None:
    text = chat.do("/help").text
    assert all(f"`{command.name}" in text for command in COMMANDS)


def test_an_unknown_command_suggests_a_close_one(chat: Chat) -> None:
    with pytest.raises(AlpiError, match="no command /modle") as caught:
        chat.do("/modle")
    assert "/model" in caught.value.hint


def test_new_begins_a_conversation_and_resume_goes_back(chat: Chat) -> None:
    assert chat.say("hello") == "First answer."
    first = chat.chat.session.id
    assert chat.do("/new").follow == "fresh"
    assert chat.chat.session.id != first and chat.chat.transcript() == ()
    choices = chat.do("/sessions").choices
    assert [choice.line for choice in choices] == [f"/resume {first}"]
    outcome = chat.do(choices[0].line)
    assert outcome.follow == "redraw" and chat.chat.session.id == first
    assert len(chat.chat.transcript()) == 2


def test_status_breaks_the_request_down(chat: Chat) -> None:
    chat.say("hello")
    text = chat.do("/status").text
    for part in ("home/scripted", "instructions", "session_search", "2 messages", "cached and"):
        assert part in text, part


def test_memory_shows_entries_and_refuses_other_names(chat: Chat) -> None:
    from alpi.state.memory import Note

    chat.chat.runtime.memory.add("user", "Lives in Lisbon", Note("s", "chat"))
    assert "- Lives in Lisbon" in chat.do("/memory").text
    assert "(empty)" in chat.do("/memory memory").text
    with pytest.raises(UsageError, match="no memory file 'nonsense'"):
        chat.do("/memory nonsense")


def test_a_personality_is_shown_asked_about_and_counts_at_once(chat: Chat) -> None:
    assert {choice.label for choice in chat.do("/personality").choices} == {"personal", "coder", "ops", "research"}
    person = Person(Answer.NO)
    assert chat.loop.run_until_complete(chat.chat.command("/personality ops", person)).text == "Nothing was changed."
    assert "# Ops" in person.questions[0].preview
    assert "from the next message on" in chat.do("/personality ops", Answer.ONCE).text
    chat.say("hello")
    assert "Look before touching" in str(chat.server.model_calls[0].body)


def test_nobody_watching_installs_no_personality(chat: Chat) -> None:
    assert chat.do("/personality ops").text == "Nothing was changed."
    assert not chat.chat.runtime.memory.text("personality")


def test_undo_shows_the_change_and_takes_it_back(chat: Chat) -> None:
    (chat.home.workspace / "a.txt").write_text("old\n")
    chat.say("hello")
    chat.say("write it")
    assert (chat.home.workspace / "a.txt").read_text() == "new\n"
    assert chat.do("/undo").text == "Nothing was changed."  # nobody could be asked
    person = Person(Answer.ONCE)
    outcome = chat.loop.run_until_complete(chat.chat.command("/undo", person))
    assert "+old" in person.questions[0].preview or "-new" in person.questions[0].preview
    assert "put back" in outcome.text and (chat.home.workspace / "a.txt").read_text() == "old\n"
    assert "No turn" in chat.do("/undo").text


def test_cost_draws_today(chat: Chat) -> None:
    chat.say("hello")
    assert "home/scripted" in chat.do("/cost").text
    week = [line[:5].strip() for line in chat.do("/cost 7").text.split("\n") if line.startswith("  ")]
    assert {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} <= set(week)
    with pytest.raises(UsageError, match="no number of days"):
        chat.do("/cost lots")


def test_copy_gives_the_last_reply(chat: Chat) -> None:
    assert chat.do("/copy").copy == ""
    chat.say("hello")
    assert chat.do("/copy").copy == "First answer."


def test_export_writes_once(chat: Chat) -> None:
    assert "nothing to write" in chat.do("/export").text
    chat.say("hello")
    chat.do("/export talk.md")
    assert "First answer." in (chat.home.workspace / "talk.md").read_text()
    with pytest.raises(UsageError, match="exists already"):
        chat.do("/export talk.md")


def test_a_model_that_is_not_known_leaves_the_old_one(chat: Chat) -> None:
    with pytest.raises(AlpiError):
        chat.do("/model nowhere/x")
    assert chat.chat.header().model == "home/scripted"
    assert chat.say("hello") == "First answer."


def test_another_model_goes_on_with_the_conversation(chat: Chat) -> None:
    chat.say("hello")
    assert chat.do("/model home/other").follow == "redraw"
    assert chat.chat.header().model == "home/other"
    chat.say("and now?")
    assert chat.server.model_calls[-1].body["model"] == "other"
    assert "First answer." in str(chat.server.model_calls[-1].body)


def test_tools_and_approvals_are_listed(chat: Chat) -> None:
    assert "`memory`" in chat.do("/tools").text
    assert "Nothing is allowed for always" in chat.do("/approvals").text
    with pytest.raises(UsageError):
        chat.do("/approvals grant 3")


def test_the_header_counts_the_context(chat: Chat) -> None:
    assert chat.chat.header().context == 0
    chat.say("hello")
    header = chat.chat.header()
    assert header.context > 0 and header.window == 32_768 and header.session == chat.chat.session.id


def test_completion_offers_names_then_arguments(chat: Chat) -> None:
    assert [choice.line for choice in chat.chat.complete("/me")] == ["/memory"]
    assert [choice.line for choice in chat.chat.complete("/personality co")] == ["/personality coder"]
    assert [choice.line for choice in chat.chat.complete("/model ")] == ["/model home/scripted"]
    assert chat.chat.complete("/nonsense ") == []


def test_leaving_and_the_plain_interface(chat: Chat) -> None:
    assert [chat.do(line).follow for line in ("/exit", "/quit", "/plain")] == ["leave", "leave", "plain"]


def test_tools_that_only_read_are_listed_where_tools_and_approvals_are(home: Home) -> None:
    program = McpServerConfig(command=["calendar"])
    offer = Offer("events", "Lists events")
    pins = approved("cal", program, review([offer, Offer("add")]), frozenset({"events", "add"}), NOW, False)
    PinStore(home.alpi / "mcp", home.alpi / "run").save(declared(pins, ["events"], NOW))
    with running([]) as server:
        home.configure(server.url, more="mcp: {servers: {cal: {command: [calendar]}}}\n")
        made = Chat(home, server)
        try:
            listed = [line for line in made.do("/tools").text.splitlines() if "mcp_cal" in line]
            assert ["only reads, as you said" in line for line in listed] == [True, False]
            line = "MCP server cal: not asked about, because they only read: events (alpi mcp untrust cal)"
            assert line in made.do("/approvals").text
            assert home.call("mcp", "untrust", "cal").code == 0
            assert "only reads" not in made.do("/tools").text, "in the conversation that runs, too"
            assert line not in made.do("/approvals").text
        finally:
            made.close()
