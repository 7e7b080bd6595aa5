"""The transcript: its end, its size, what is selected in it, and that it stays quick when it is long."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from textual.geometry import Offset
from textual.selection import Selection

from alpi.agent import events
from alpi.base.message import AssistantMessage, Message, UserMessage
from alpi.tui.widgets.pieces import Piece
from alpi.tui.widgets.stack import Stack
from tests.support.chats import Chat, chatting, grid, run
from tests.support.made_up import Step, Talk, ended, said

WHEN = datetime(2026, 11, 23, tzinfo=UTC)


def long_session(turns: int) -> list[Message]:
    """About 30 lines a turn."""
    messages: list[Message] = []
    for number in range(turns):
        text = "".join(f"Paragraph {number}.{row} with `code` in it.\n\n" for row in range(12))
        messages.append(UserMessage(f"u{number}", WHEN, f"Question {number}?"))
        messages.append(AssistantMessage(f"a{number}", WHEN, text + "```python\nx = 1\ny = 2\n```\n"))
    return messages


def row_of(chat: Chat, text: str) -> int:
    return next(place for place, line in enumerate(grid(chat.app)) if text in line)


async def drag(chat: Chat, start: tuple[int, int], end: tuple[int, int]) -> None:
    """Press the mouse at one place, and let go at another."""
    await chat.pilot.mouse_down(offset=start)
    await chat.pilot.hover(offset=end)
    await chat.pilot.mouse_up(offset=end)
    await chat.settled()


def test_what_is_selected_with_the_mouse_is_copied_without_the_margin() -> None:
    async def scene() -> None:
        async with chatting(Talk([said("First line here.\n\n- a point\n- another point\n\nLast line here.")])) as chat:
            await chat.send("go")
            await chat.until_idle()
            await drag(chat, (8, row_of(chat, "First line")), (11, row_of(chat, "another")))
            assert chat.app.screen.get_selected_text() == "line here.\n\n• a point\n• another"
            await chat.press("ctrl+c")
            assert chat.copied == ["line here.\n\n• a point\n• another"]
            assert not chat.app.screen.get_selected_text()
            assert chat.app.return_value is None

    run(scene)


def test_a_whole_line_is_selected_across_its_styles() -> None:
    async def scene() -> None:
        async with chatting(Talk([said("Some **bold** and `code` text.")])) as chat:
            await chat.send("go")
            await chat.until_idle()
            row = row_of(chat, "bold and") - chat.sheet.region.y + chat.sheet.scroll_offset.y
            found = chat.sheet.get_selection(Selection(Offset(0, row), Offset(400, row)))
            assert found == ("Some bold and code text.", "\n")

    run(scene)


def test_a_click_opens_a_card_and_only_its_head_does() -> None:
    steps: list[Step] = [
        events.ToolStarted("1", "read_file", "notes.md"),
        events.ToolFinished("1", "read_file", True, "2 lines", "inside\nof it", 0.1),
        *said("Done."),
    ]

    async def scene() -> None:
        async with chatting(Talk([steps])) as chat:
            await chat.send("go")
            await chat.until_idle()
            await chat.pilot.click(offset=(10, row_of(chat, "read_file")))
            await chat.until_seen("│ inside")
            await chat.pilot.click(offset=(10, row_of(chat, "│ inside")))
            await chat.settled()
            assert "│ inside" in chat.text()
            await chat.pilot.click(offset=(10, row_of(chat, "read_file")))
            await chat.until(lambda: "│ inside" not in chat.text())

    run(scene)


def test_a_long_session_is_there_at_once_and_only_what_is_in_sight_is_set() -> None:
    async def scene() -> None:
        async with chatting(Talk(messages=long_session(330)), (100, 40)) as chat:
            await chat.until_seen("660 messages so far")
            slots = chat.sheet._stack.slots
            assert len(slots) > 4_000
            assert sum(slot.settled for slot in slots) < 200
            assert sum(slot.strips is not None for slot in slots) <= 400

    run(scene)


def test_paging_through_a_long_session_shows_every_line_once() -> None:
    """Heights that were guessed are corrected on the way; nothing may be skipped or shown twice because of that."""

    async def scene() -> None:
        async with chatting(Talk(messages=long_session(12)), (100, 30)) as chat:
            await chat.until_seen("messages so far")
            seen: list[str] = []
            height = chat.sheet.size.height
            for _ in range(40):
                page = grid(chat.app)[chat.sheet.region.y : chat.sheet.region.y + height]
                lines = [line[:30].strip() for line in page if "Paragraph" in line]
                seen = [line for line in lines if line not in seen] + seen
                if chat.sheet.scroll_offset.y == 0:
                    break
                chat.sheet.scroll_to(y=chat.sheet.scroll_offset.y - height // 2, animate=False, immediate=True)
                await chat.settled()
            wanted = [f"Paragraph {number}.{row} with code in it." for number in range(12) for row in range(12)]
            assert seen == [want[:28].strip() for want in wanted]

    run(scene)


def test_what_is_read_stays_in_place_while_more_arrives_and_guesses_are_corrected() -> None:
    async def scene() -> None:
        async with chatting(Talk([said("More.\n\n" * 30, size=9)], messages=long_session(40)), (100, 30)) as chat:
            await chat.until_seen("messages so far")
            for _ in range(3):
                await chat.press("pageup")
            page = slice(chat.sheet.region.y, chat.sheet.region.y + 20)
            before = [line[:90] for line in grid(chat.app)[page]]
            await asyncio.sleep(0.5)  # what is out of sight gets set meanwhile
            assert [line[:90] for line in grid(chat.app)[page]] == before
            assert "↓ more below" in chat.bars()["foot"]

    run(scene)


def test_a_reply_that_was_marked_is_marked_when_the_session_is_resumed() -> None:
    messages: list[Message] = [
        UserMessage("u", WHEN, "Save it."),
        AssistantMessage("a", WHEN, "Saved!", not_done=("Saved",)),
    ]

    async def scene() -> None:
        async with chatting(Talk(messages=messages), (100, 40)) as chat:
            await chat.until_seen("not done: it says “Saved”")
            assert row_of(chat, "not done: it says “Saved”") > row_of(chat, "Saved!")

    run(scene)


def test_a_resize_keeps_the_end_in_sight() -> None:
    async def scene() -> None:
        async with chatting(Talk(messages=long_session(20)), (100, 30)) as chat:
            await chat.until_seen("messages so far")
            for size in ((40, 12), (160, 50), (60, 8), (100, 30)):
                await chat.resize(*size)
                assert "messages so far" in chat.text().replace("\n  ", " ")
                assert chat.sheet.following

    run(scene)


def test_five_thousand_tokens_take_little_of_a_second() -> None:
    """By the work of this process, so that a busy machine makes no difference: a tenth of what one core does."""

    async def scene() -> None:
        words = ["the", "**quick**", "brown", "`fox`", "jumps", "over", "the", "lazy", "dog", "\n\n"]
        steps: list[Step] = [events.Text(f"{words[place % len(words)]} ") for place in range(5_000)]
        async with chatting(Talk([[*steps, ended("x")]]), (110, 40)) as chat:
            began = time.process_time()
            await chat.send("go")
            await chat.until_idle()
            assert time.process_time() - began < 2.5
            assert "fox" in chat.text()

    run(scene)


class Lines(Piece):
    def __init__(self, count: int) -> None:
        self._count = count

    def guess(self, width: int) -> int:
        return self._count


def test_a_stack_knows_where_each_piece_lies() -> None:
    stack = Stack()
    pieces = [Lines(count) for count in (2, 1, 5)]
    for piece in pieces:
        stack.add(piece, 80)
    stack.lay()
    assert stack.tops == [0, 2, 4, 10]  # the first has no gap above it
    assert [stack.at(y) for y in (0, 1, 2, 3, 4, 9, 10, 99)] == [0, 0, 1, 1, 2, 2, 2, 2]
    assert stack.drop(pieces[1]) == 1
    stack.lay(1)
    assert stack.tops == [0, 2, 8]
    assert [stack.place(piece) for piece in pieces] == [0, None, 1]
