"""The prompt by keys: lines, history, pastes, pictures, suggestions."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.tui.widgets.prompt import picture_paths
from tests.support.chats import chatting, run
from tests.support.made_up import Talk, pause, said


def test_enter_sends_and_other_keys_begin_a_line() -> None:
    async def scene() -> None:
        talk = Talk()
        async with chatting(talk) as chat:
            for key in ("shift+enter", "alt+enter", "ctrl+j"):
                await chat.type("a")
                await chat.press(key)
            await chat.type("b\\")
            await chat.press("enter")
            await chat.type("c")
            assert talk.drafts == []
            await chat.press("enter")
            await chat.until_idle()
            assert talk.drafts == [("a\na\na\nb\nc", ())]

    run(scene)


def test_history_comes_with_up_and_goes_with_down() -> None:
    async def scene() -> None:
        sent: list[str] = []
        async with chatting(Talk(), history=["one", "two\nlines"], on_submit=sent.append) as chat:
            await chat.send("three")
            await chat.until_idle()
            await chat.type("begun")
            await chat.press("home", "up")
            assert chat.prompt.text == "three"
            await chat.press("up")
            assert chat.prompt.text == "two\nlines"
            await chat.press("up", "up")
            assert chat.prompt.text == "one"
            await chat.press("up")
            assert chat.prompt.text == "one"
            await chat.press("down", "down", "down", "down")
            assert chat.prompt.text == "begun"
            assert sent == ["three"]

    run(scene)


def test_up_moves_within_a_message_of_several_lines() -> None:
    async def scene() -> None:
        async with chatting(Talk(), history=["old"]) as chat:
            await chat.type("first\nsecond")
            await chat.press("up")
            assert chat.prompt.text == "first\nsecond"
            await chat.type("!")
            assert chat.prompt.text == "first!\nsecond"

    run(scene)


def test_a_long_paste_is_a_token_that_is_sent_whole() -> None:
    async def scene() -> None:
        long = "\n".join(f"line {number}" for number in range(120))
        talk = Talk()
        async with chatting(talk) as chat:
            await chat.type("see ")
            await chat.paste(long)
            assert chat.prompt.text == "see [pasted 120 lines]"
            await chat.paste(long)
            assert chat.prompt.text == "see [pasted 120 lines][pasted 120 lines, 2]"
            await chat.press("backspace")
            assert chat.prompt.text == "see [pasted 120 lines]"
            await chat.press("enter")
            await chat.until_idle()
            assert talk.drafts == [(f"see {long}", ())]
            assert "[pasted 120 lines]" in chat.text()
            await chat.press("up")
            assert chat.prompt.full_text() == f"see {long}"

    run(scene)


def test_a_short_paste_stays_as_it_is_without_terminal_codes() -> None:
    async def scene() -> None:
        async with chatting(Talk()) as chat:
            await chat.paste("two\r\nlines\x1b[31m\x07")
            assert chat.prompt.text == "two\nlines"

    run(scene)


def test_a_pasted_picture_goes_with_the_message(tmp_path: Path) -> None:
    picture = tmp_path / "a shot.png"
    picture.write_bytes(b"\x89PNG")

    async def scene() -> None:
        talk = Talk()
        async with chatting(talk) as chat:
            await chat.paste(f"'{picture}' ")
            assert chat.prompt.text == ""
            assert chat.bars()["waiting"] == "▣ a shot.png"
            await chat.press("backspace")
            assert chat.bars()["waiting"] == ""
            await chat.paste(str(picture).replace(" ", "\\ "))
            await chat.send("look")
            await chat.until_idle()
            assert talk.drafts == [("look", (picture,))]
            assert "▣ a shot.png" in chat.text()

    run(scene)


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("{0}/a.png", ["a.png"]),
        ("file://{0}/a%20b.jpg", ["a b.jpg"]),
        ("{0}/a.png {0}/a\\ b.jpg", ["a.png", "a b.jpg"]),
        ("{0}/notes.txt", []),
        ("{0}/missing.png", []),
        ("look at {0}/a.png", []),
        ("it's", []),
        ("", []),
        ("x" * 9000, []),
        ("\0.png", []),
        ("~nobody-here/a.png", []),
    ],
)
def test_which_pastes_are_pictures(tmp_path: Path, pasted: str, found: list[str]) -> None:
    for name in ("a.png", "a b.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [path.name for path in picture_paths(pasted.replace("{0}", str(tmp_path)))] == found


def test_enter_runs_the_command_that_is_marked_and_tab_completes_it() -> None:
    async def scene() -> None:
        from alpi.tui.conversation import Outcome

        talk = Talk(outcomes={"/memory": Outcome("Nothing yet."), "/model": Outcome("This one.")})
        async with chatting(talk) as chat:
            await chat.type("/m")
            assert chat.bars()["list"].split("\n")[0].startswith(" › /model [NAME]")
            await chat.press("down", "enter")
            await chat.until_seen("Nothing yet.")
            assert chat.prompt.text == ""
            await chat.type("/mo")
            await chat.press("tab")
            assert chat.prompt.text == "/model "
            await chat.press("enter")
            await chat.until_seen("This one.")
            assert talk.lines == ["/memory", "/model"]

    run(scene)


def test_a_whole_command_is_run_by_enter_though_longer_ones_exist() -> None:
    async def scene() -> None:
        from alpi.tui.conversation import Command, Outcome

        commands = (Command("/new", "anew"), Command("/newer", "still more"))
        talk = Talk(outcomes={"/new": Outcome("Anew.")}, commands=commands)
        async with chatting(talk) as chat:
            await chat.type("/new")
            assert "/newer" in chat.bars()["list"]
            await chat.press("enter")
            await chat.until_seen("Anew.")

    run(scene)


def test_files_are_completed_after_an_at_sign() -> None:
    async def scene() -> None:
        talk = Talk()
        async with chatting(talk) as chat:
            await chat.type("read @no")
            await chat.until(lambda: "notes.md" in chat.bars()["list"])
            await chat.press("enter")
            assert chat.prompt.text == "read @notes.md "
            await chat.type("and @pho")
            await chat.until(lambda: "photos/" in chat.bars()["list"])
            await chat.press("tab")
            assert chat.prompt.text == "read @notes.md and @photos/"
            await chat.press("escape", "enter")
            await chat.until_idle()
            assert talk.drafts == [("read @notes.md and @photos/", ())]

    run(scene)


def test_a_file_with_spaces_is_put_in_quotes() -> None:
    async def scene() -> None:
        async with chatting(Talk(paths=("my trip/", "my trip/all notes.md"))) as chat:
            await chat.type("read @my")
            await chat.until(lambda: "my trip/" in chat.bars()["list"])
            await chat.press("tab")
            assert chat.prompt.text == 'read @"my trip/'
            await chat.type("all n")
            await chat.until(lambda: "all notes" in chat.bars()["list"])
            await chat.press("tab")
            assert chat.prompt.text == 'read @"my trip/all notes.md" '

    run(scene)


def test_enter_sends_what_only_looks_like_a_file() -> None:
    async def scene() -> None:
        talk = Talk()
        async with chatting(talk) as chat:
            await chat.type("mail bob@md")
            await chat.press("enter")
            await chat.until_idle()
            await chat.type("ask @md")
            await chat.until(lambda: "notes.md" in chat.bars()["list"])
            await chat.press("enter")
            await chat.until_idle()
            assert [text for text, _ in talk.drafts] == ["mail bob@md", "ask @md"]

    run(scene)


def test_esc_closes_the_list_and_does_not_stop_the_turn() -> None:
    async def scene() -> None:
        talk = Talk([[pause(0.6), *said("Finished.")]])
        async with chatting(talk) as chat:
            await chat.send("go")
            await chat.type("/m")
            assert chat.bars()["list"]
            await chat.press("escape")
            assert chat.bars()["list"] == ""
            assert chat.prompt.text == "/m"
            await chat.until_seen("Finished.")

    run(scene)
