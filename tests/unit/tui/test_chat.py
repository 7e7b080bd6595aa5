"""The chat's screen by keys: messages, tools, questions, stopping, waiting, commands, copying."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

from msgspec import structs

from alpi.agent import events
from alpi.agent.surface import Surface
from alpi.base.errors import NotConfigured
from alpi.safety.actions import Answer, Question
from alpi.tui.conversation import Choice, Outcome
from tests.support.chats import Chat, chatting, run
from tests.support.made_up import HEADER, Step, Talk, ended, pause, said

ASKED = Question(
    "Run a command", "installs code of others", "/work", "pip install x", "pip install x in /work", always=True
)


async def ask(surface: Surface) -> object:
    return await surface.ask(ASKED)


def test_a_message_is_sent_and_its_answer_is_set() -> None:
    async def scene() -> None:
        talk = Talk([said("Almost. **Food** is short:\n\n- one\n- two\n", size=3)])
        async with chatting(talk) as chat:
            await chat.send("does it agree?")
            await chat.until_idle()
            assert talk.drafts == [("does it agree?", ())]
            seen = chat.text()
            assert "▌ does it agree?" in seen
            assert "Almost. Food is short:" in seen
            assert "• one" in seen
            assert "2.4 s · 8,204 tokens · 83% cached · $0.0031" in seen
            assert chat.prompt.text == ""
        assert talk.prepared
        assert talk.closed

    run(scene)


def test_what_is_typed_before_the_agent_is_there_is_kept_and_sent_when_it_is() -> None:
    loaded = threading.Event()
    talk = Talk([said("Here I am.")])

    def make() -> Talk:
        assert loaded.wait(10)
        return talk

    async def scene() -> None:
        from alpi.tui.chat import ChatApp
        from alpi.tui.look import DARK, Look

        app = ChatApp(make, look=Look(DARK), first=HEADER, animate=False)
        async with app.run_test(size=(80, 24)) as pilot:
            chat = Chat(app, pilot)
            await chat.send("hello")
            await chat.until_seen("waits  hello")
            await chat.type("next")
            assert talk.drafts == []
            loaded.set()
            await chat.until_seen("Here I am.")
            assert chat.prompt.text == "next"
        app.close_bridge()

    run(scene)


def test_tools_have_a_card_each_that_opens() -> None:
    output = "\n".join(f"line {number}" for number in range(40))
    steps: list[Step] = [
        events.ToolStarted("1", "read_file", "notes.md"),
        events.ToolFinished("1", "read_file", True, "40 lines", output, 0.1),
        events.ToolStarted("2", "shell", "make"),
        events.ToolProgress("2", "compiling\n"),
        events.ToolFinished("2", "shell", False, "exit code 2", "no rule", 3.2),
        *said("Done."),
    ]

    async def scene() -> None:
        async with chatting(Talk([steps]), size=(80, 40)) as chat:
            await chat.send("go")
            await chat.until_idle()
            assert "✓ read_file  notes.md  40 lines" in chat.text()
            assert "✗ shell  make  exit code 2 · 3.2 s" in chat.text()
            assert "no rule" not in chat.text()
            await chat.press("ctrl+o")
            await chat.until_seen("│ no rule")
            await chat.press("ctrl+o", "tab", "up", "enter")
            await chat.until_seen("│ line 20")
            await chat.press("enter")
            await chat.until(lambda: "line 20" not in chat.text())
            await chat.type("back")
            assert chat.prompt.has_focus
            assert chat.prompt.text == "back"

    run(scene)


def test_reasoning_is_folded_and_a_change_is_shown() -> None:
    diff = "--- a\n+++ a\n@@ -1 +1 @@\n-food,220\n+food,300\x1b[31m\n"
    steps: list[Step] = [
        events.Thinking("I should look first."),
        events.ToolStarted("1", "edit_file", "budget.csv"),
        events.ToolFinished("1", "edit_file", True, "changed 1 line", "ok", 0.1, diff=diff),
        *said("Done."),
    ]

    async def scene() -> None:
        async with chatting(Talk([steps])) as chat:
            await chat.send("go")
            await chat.until_idle()
            assert "▸ thought" in chat.text()
            assert "look first" not in chat.text()
            assert "- food,220" in chat.text()
            assert "+ food,300\\x1b[31m" in chat.text()
            await chat.press("tab", "up", "enter")
            await chat.until_seen("I should look first.")

    run(scene)


def test_the_default_is_no_and_only_an_explicit_key_is_a_yes() -> None:
    async def scene() -> None:
        keys = {
            "enter": Answer.NO,
            "escape": Answer.NO,
            "n": Answer.NO,
            "y": Answer.ONCE,
            "s": Answer.SESSION,
            "a": Answer.ALWAYS,
        }
        talk = Talk([[ask, *said("So be it.")] for _ in keys])
        async with chatting(talk) as chat:
            for key in keys:
                await chat.send("go")
                await chat.until_seen("installs code of others")
                assert "pip install x" in chat.text()
                assert "yes, always: pip install x in /work" in chat.text()
                await chat.press("x", "space", "Y", "tab")
                assert len(chat.app.screen_stack) == 2
                await chat.press(key)
                await chat.until_idle()
            assert talk.answers == list(keys.values())

    run(scene)


def test_question_and_keys_are_in_sight_however_long_the_command_is() -> None:
    async def ask_long(surface: Surface) -> object:
        return await surface.ask(structs.replace(ASKED, preview="\n".join(f"line {number}" for number in range(200))))

    async def scene() -> None:
        talk = Talk([[ask_long, *said("Well.")]])
        async with chatting(talk, (80, 24)) as chat:
            await chat.send("go")
            await chat.until_seen("scroll to see all of it")
            for size in ((80, 24), (44, 18), (60, 13), (160, 50)):
                await chat.resize(*size)
                for part in ("? Run a command", "installs code of others", "y   yes, this once", "n   no", "line 0"):
                    assert part in chat.text(), size
            await chat.press("end")
            await chat.until_seen("line 199")
            await chat.press("y")
            await chat.until_idle()
            assert talk.answers == [Answer.ONCE]

    run(scene)


def test_what_is_not_on_offer_is_no_answer() -> None:
    async def ask_once(surface: Surface) -> object:
        return await surface.ask(structs.replace(ASKED, scope_text="", always=False))

    async def scene() -> None:
        talk = Talk([[ask_once, *said("Well.")]])
        async with chatting(talk) as chat:
            await chat.send("go")
            await chat.until_seen("installs code of others")
            assert "always" not in chat.text()
            await chat.press("s", "a")
            assert len(chat.app.screen_stack) == 2
            await chat.press("y")
            await chat.until_idle()
            assert talk.answers == [Answer.ONCE]

    run(scene)


def test_keys_that_were_on_their_way_are_no_answer() -> None:
    async def scene() -> None:
        from alpi.tui.screens.question import QuestionScreen

        async with chatting(Talk()) as chat:
            given: list[Answer | None] = []
            chat.app.push_screen(QuestionScreen(ASKED, chat.app.look, reading_seconds=0.3), given.append)
            await chat.until_seen("installs code of others")
            for _ in range(4):  # somebody is typing a message, and goes on
                await chat.press("y", "enter")
                await asyncio.sleep(0.12)
            assert given == []
            await asyncio.sleep(0.4)
            await chat.press("y")
            await chat.until(lambda: given == [Answer.ONCE])

    run(scene)


def test_a_question_goes_away_when_the_turn_is_stopped() -> None:
    async def ask_or_stop(surface: Surface) -> object:
        asking = asyncio.ensure_future(surface.ask(ASKED))
        await surface.interrupt.wait()
        asking.cancel()
        return None

    async def scene() -> None:
        async with chatting(Talk([[ask_or_stop, events.Text("never")]])) as chat:
            await chat.send("go")
            await chat.until_seen("installs code of others")
            chat.app.interrupt_turn()
            await chat.until_idle()
            assert len(chat.app.screen_stack) == 1
            assert "stopped; what was said so far is kept" in chat.text()

    run(scene)


def test_esc_stops_within_a_second_and_gives_back_what_waits() -> None:
    async def scene() -> None:
        talk = Talk([[events.Text("Beginning"), pause(30), events.Text("never")]])
        async with chatting(talk) as chat:
            await chat.send("go")
            await chat.until_seen("Beginning")
            await chat.send("and then")
            await chat.until_seen("waits  and then")
            assert "esc stops" in chat.bars()["foot"]
            began = asyncio.get_running_loop().time()
            await chat.press("escape")
            await chat.until_idle()
            assert asyncio.get_running_loop().time() - began < 1
            assert "stopped; what was said so far is kept" in chat.text()
            assert chat.prompt.text == "and then"
            assert len(talk.drafts) == 1

    run(scene)


def test_a_message_that_waits_is_sent_next_or_taken_back_with_up() -> None:
    async def scene() -> None:
        gate = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def hold(surface: Surface) -> None:
            while not gate.is_set():
                await asyncio.sleep(0.01)

        talk = Talk([[hold, *said("One.")], said("Two.")])
        async with chatting(talk) as chat:
            await chat.send("first")
            await chat.send("second")
            await chat.send("third")
            await chat.until_seen("waits  second")
            await chat.press("up")
            assert chat.prompt.text == "third"
            loop.call_soon(gate.set)
            await chat.until_seen("Two.")
            assert [text for text, _ in talk.drafts] == ["first", "second"]

    run(scene)


def test_ctrl_c_stops_and_twice_leaves() -> None:
    async def scene() -> None:
        talk = Talk([[events.Text("Beginning"), pause(30)]])
        async with chatting(talk) as chat:
            await chat.send("go")
            await chat.until_seen("Beginning")
            await chat.press("ctrl+c")
            await chat.until_idle()
            assert chat.app.return_value is None
            await chat.press("ctrl+c", "ctrl+c")
            await chat.until(lambda: chat.app.return_value == "leave")

    run(scene)


def test_ctrl_d_leaves_only_an_empty_prompt() -> None:
    async def scene() -> None:
        async with chatting(Talk()) as chat:
            await chat.type("ab")
            await chat.press("home", "ctrl+d")
            assert chat.prompt.text == "b"
            await chat.press("ctrl+d", "ctrl+d")
            await chat.until(lambda: chat.app.return_value == "leave")

    run(scene)


def test_commands_are_carried_out_and_unknown_ones_are_told() -> None:
    async def scene() -> None:
        talk = Talk(
            outcomes={"/help": Outcome("**Commands**\n\n- `/new` begins anew"), "/copy": Outcome(copy="the reply")}
        )
        async with chatting(talk) as chat:
            await chat.send("/help")
            await chat.until_seen("• /new begins anew")
            await chat.send("/copy")
            await chat.until(lambda: chat.copied == ["the reply"])
            await chat.send("/nothing at all")
            await chat.until_seen("✗ There is no /nothing")
            assert "/help lists the commands" in chat.text()
            await chat.send("//etc is a folder")
            await chat.until_idle()
            assert talk.lines == ["/help", "/copy", "/nothing at all"]
            assert talk.drafts == [("/etc is a folder", ())]

    run(scene)


def test_a_long_outcome_is_shown_from_its_beginning() -> None:
    async def scene() -> None:
        long = "\n\n".join(f"Row {number}." for number in range(60))
        async with chatting(Talk(outcomes={"/help": Outcome(long)})) as chat:
            await chat.send("/help")
            await chat.until_seen("Row 0.")
            await chat.until_idle()
            assert "› /help" in chat.text()
            assert "↓ more below" in chat.bars()["foot"]

    run(scene)


def test_choices_are_picked_by_typing_and_arrows() -> None:
    async def scene() -> None:
        models = [Choice(name, f"/model {name}", "local") for name in ("ollama/qwen3", "ollama/llama4", "acme/big")]
        chosen = {choice.line: Outcome(f"now {choice.label}") for choice in models}
        talk = Talk(outcomes={"/model": Outcome("Which **model**?", choices=tuple(models)), **chosen})
        async with chatting(talk) as chat:
            await chat.send("/model")
            await chat.until_seen("Which model?")
            await chat.type("oll")
            await chat.until(lambda: "acme/big" not in chat.text())
            await chat.press("down", "enter")
            await chat.until_seen("now ollama/llama4")
            await chat.send("/model")
            await chat.until_seen("Which model?")
            await chat.press("escape")
            await chat.until_idle()
            assert talk.lines == ["/model", "/model ollama/llama4", "/model"]

    run(scene)


def test_what_a_command_leads_to() -> None:
    async def scene() -> None:
        talk = Talk([said("Old news.")], outcomes={"/new": Outcome(follow="fresh"), "/x": Outcome(follow="plain")})
        async with chatting(talk) as chat:
            await chat.send("hi")
            await chat.until_seen("Old news.")
            await chat.send("/new")
            await chat.until(lambda: "Old news." not in chat.text())
            assert "A new conversation." in chat.text()
            await chat.send("/x")
            await chat.until(lambda: chat.app.return_value == "plain")

    run(scene)


def test_ctrl_y_copies_the_last_reply_as_it_was_written() -> None:
    async def scene() -> None:
        async with chatting(Talk([said("A **bold** word.")])) as chat:
            await chat.press("ctrl+y")
            assert chat.copied == []
            await chat.send("hi")
            await chat.until_idle()
            await chat.press("ctrl+y")
            assert chat.copied == ["A **bold** word."]

    run(scene)


def test_links_open_only_when_they_are_chosen() -> None:
    async def scene() -> None:
        async with chatting(Talk([said("See https://example.org/a and [x](javascript:alert(1)).")])) as chat:
            opened: list[str] = []
            chat.app.open_url = lambda url, **_: opened.append(url)  # type: ignore[method-assign,assignment]
            await chat.send("hi")
            await chat.until_idle()
            row = next(place for place, line in enumerate(chat.text().split("\n")) if "example.org" in line)
            await chat.pilot.click(offset=(10, row))
            await chat.until_seen("Open in the browser")
            assert opened == []
            await chat.press("down", "enter")
            assert chat.copied == ["https://example.org/a"]
            await chat.press("ctrl+g")
            await chat.until_seen("Open a link of the last reply")
            await chat.press("enter")
            await chat.until(lambda: opened == ["https://example.org/a"])

    run(scene)


def test_terminal_codes_of_others_never_reach_the_terminal() -> None:
    nasty = "\x1b]0;owned\x07\x1b[2Jgone\x9b31m\x08"
    steps: list[Step] = [
        events.Thinking(nasty),
        events.ToolStarted("1", f"read{nasty}", nasty),
        events.ToolProgress("1", nasty),
        events.ToolFinished("1", "read", True, nasty, nasty, 0.1, diff=f"--- a\n+++ a\n@@ -1 +1 @@\n-{nasty}\n"),
        events.Notice(nasty),
        events.Retrying(nasty, 1, nasty),
        events.NotDone((nasty,)),
        events.Failed(nasty, nasty, nasty),
        events.Text(f"{nasty}\n\n```\n{nasty}\n```\n"),
        ended("x"),
    ]

    async def scene() -> None:
        head = replace(HEADER, model=nasty, profile=nasty, budget=nasty)
        async with chatting(Talk([steps], head=head, notes=[nasty]), size=(100, 50)) as chat:
            await chat.send("go")
            await chat.until_idle()
            await chat.press("ctrl+o")
            controls = {character for character in chat.text() if ord(character) < 32 or 127 <= ord(character) < 160}
            assert controls <= {"\n"}, [line for line in chat.text().split("\n") if "\x1b" in line]

    run(scene)


def test_problems_are_told_and_the_chat_goes_on(tmp_path: Path) -> None:
    async def scene() -> None:
        picture = tmp_path / "shot.png"
        picture.write_bytes(b"\x89PNG")
        talk = Talk(
            [[events.Failed("The model is not there", "Start it", "refused"), ended(stop="failed")], said("Here.")],
            sees=False,
        )
        async with chatting(talk) as chat:
            await chat.send("one")
            await chat.until_idle()
            assert "✗ The model is not there" in chat.text()
            assert "Start it" in chat.text()
            await chat.paste(str(picture))
            await chat.send("look")
            await chat.until_seen("✗ shot.png is a picture and this model cannot see")
            await chat.send("two")
            await chat.until_seen("Here.")

    run(scene)


def test_a_conversation_that_cannot_begin_ends_the_chat_with_its_error() -> None:
    def make() -> Talk:
        raise NotConfigured("No model is set", "alpi setup")

    async def scene() -> None:
        from alpi.tui.chat import ChatApp
        from alpi.tui.look import DARK, Look

        app = ChatApp(make, look=Look(DARK), animate=False)
        async with app.run_test(size=(80, 24)) as pilot:
            chat = Chat(app, pilot)
            await chat.until(lambda: app.failure is not None)
        app.close_bridge()
        assert isinstance(app.failure, NotConfigured)

    run(scene)


def test_the_end_stays_in_sight_unless_somebody_reads_above() -> None:
    async def scene() -> None:
        long = "\n\n".join(f"Paragraph {number}." for number in range(60))
        async with chatting(Talk([said(long, size=40), said("More of it.")])) as chat:
            await chat.send("go")
            await chat.until_idle()
            assert "Paragraph 59." in chat.text()
            await chat.press("pageup", "pageup")
            await chat.until(lambda: "Paragraph 59." not in chat.text())
            assert not chat.sheet.following
            before = chat.text().split("\n")[2:12]
            chat.app._story_now().note("something new")
            await asyncio.sleep(0.1)
            assert chat.text().split("\n")[2:12] == before
            await chat.send("go")
            await chat.until_seen("More of it.")

    run(scene)


def test_lines_that_came_before_the_screen_are_sent() -> None:
    async def scene() -> None:
        talk = Talk()
        async with chatting(talk, typed="one\n\ntwo\nbegun", initial="? ") as chat:
            await chat.until_idle()
            assert [text for text, _ in talk.drafts] == ["one", "two"]
            assert chat.prompt.text == "? begun"

    run(scene)


def test_a_question_has_all_keys_for_itself() -> None:
    async def scene() -> None:
        talk = Talk([[ask, *said("Never.")]])
        async with chatting(talk) as chat:
            await chat.send("go")
            await chat.until_seen("installs code of others")
            await chat.press("ctrl+d", "ctrl+q", "ctrl+y", "ctrl+g")
            assert len(chat.app.screen_stack) == 2
            assert chat.app.return_value is None
            await chat.press("ctrl+c")
            await chat.until_idle()
            assert talk.answers == [Answer.NO]
            assert "stopped; what was said so far is kept" in chat.text()

    run(scene)


def test_a_list_has_all_keys_for_itself() -> None:
    async def scene() -> None:
        talk = Talk(outcomes={"/model": Outcome("Which model?", choices=(Choice("one", "/model one"),))})
        async with chatting(talk) as chat:
            for key in ("ctrl+c", "ctrl+d"):
                await chat.send("/model")
                await chat.until_seen("Which model?")
                await chat.press(key)
                await chat.until(lambda: len(chat.app.screen_stack) == 1)
            assert chat.app.return_value is None

    run(scene)


def test_a_bug_behind_the_screen_is_told_and_the_chat_goes_on() -> None:
    async def stumble(surface: Surface) -> None:
        raise RuntimeError("stumbled over \x1b[31mit")

    async def scene() -> None:
        async with chatting(Talk([[events.Text("Begun"), stumble], said("Here again.")])) as chat:
            await chat.send("go")
            await chat.until_seen("✗ RuntimeError: stumbled over it")
            assert "This is a bug of alpi" in chat.text()
            await chat.send("and now?")
            await chat.until_seen("Here again.")

    run(scene)


def test_a_paste_goes_into_the_prompt_wherever_the_keys_are() -> None:
    async def scene() -> None:
        async with chatting(Talk()) as chat:
            await chat.press("tab")
            assert chat.sheet.has_focus
            await chat.paste("pasted")
            await chat.until(lambda: chat.prompt.text == "pasted")
            assert chat.prompt.has_focus

    run(scene)
