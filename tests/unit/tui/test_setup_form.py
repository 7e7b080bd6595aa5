"""Setup's Textual form, driven by keys: each kind of question, leaving, stopping, and what is never shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, Static

from alpi.setup.interview import Interview, Left, Option
from alpi.tui.look import LIGHT
from alpi.tui.screens.setup import SecretInput, SetupForm
from tests.support.stage import in_loop

FRUIT = [
    Option("a", "Apple", "round"),
    Option("b", "Banana", "long"),
    Option("c", "Cherry", "", "not in season"),
    Option("d", "Date"),
]
MANY = [Option(f"model-{n}", f"model-{n}") for n in range(300)]


class Guest:
    """One question put to a person at the form, and what came of it."""

    def __init__(self, question: Callable[[Interview], Awaitable[Any]]) -> None:
        self.result: Any = None
        self.left = False
        self._question = question

    async def __call__(self, ask: Interview) -> bool:
        try:
            self.result = await self._question(ask)
        except Left:
            self.left = True
        return True


def shown(form: SetupForm, name: str) -> str:
    return str(form.query_one(f"#{name}", Static).render())


async def ready(pilot: Pilot[None], form: SetupForm) -> None:
    for _ in range(100):
        await pilot.pause()
        if shown(form, "question"):
            return
    raise AssertionError("no question came")


def answered(question: Callable[[Interview], Awaitable[Any]], *keys: str, size: tuple[int, int] = (80, 24)) -> Guest:
    """What a question gives to somebody who presses these keys."""
    guest = Guest(question)

    @in_loop
    async def run() -> None:
        form = SetupForm(guest, "work")
        async with form.run_test(size=size) as pilot:
            await ready(pilot, form)
            await pilot.press(*keys)
            await pilot.pause()
            assert form.flowing is not None
            await asyncio.wait_for(form.flowing, 5)

    run()
    return guest


def fruit(ask: Interview) -> Awaitable[str]:
    return ask.choose("Which?", FRUIT, current="b")


@pytest.mark.parametrize(
    ("keys", "value"),
    [(["enter"], "b"), (["up", "enter"], "a"), (["down", "enter"], "d"), (["down", "down", "enter"], "a")],
)
def test_a_choice_by_arrows_passes_what_is_not_on_offer(keys: list[str], value: str) -> None:
    assert answered(fruit, *keys).result == value


@pytest.mark.parametrize("key", ["escape", "ctrl+d"])
def test_a_question_can_be_left(key: str) -> None:
    async def all_four(ask: Interview) -> int:
        left = 0
        for question in (
            fruit,
            lambda ask: ask.text("Name?"),
            lambda ask: ask.secret("Key?"),
            lambda ask: ask.confirm("Sure?", True),
        ):
            with pytest.raises(Left):
                await question(ask)
            left += 1
        return left

    assert answered(all_four, key, key, key, key).result == 4


def test_a_long_list_is_filtered_and_takes_what_is_typed() -> None:
    def question(ask: Interview) -> Awaitable[str]:
        return ask.choose("Which model?", MANY, free="a model's name")

    assert answered(question, *"299", "enter").result == "model-299"
    assert answered(question, *"29", "down", "enter").result == "model-129"
    assert answered(question, *"own", "enter").result == "own"
    assert answered(question, *"29", "up", "enter").result == "29", "the last row is what was typed"


def test_the_marked_row_of_a_long_list_is_on_the_screen() -> None:
    @in_loop
    async def run() -> None:
        guest = Guest(lambda ask: ask.choose("Which?", MANY, current="model-250"))
        form = SetupForm(guest, "default")
        async with form.run_test(size=(80, 24)) as pilot:
            await ready(pilot, form)
            await pilot.pause(0.1)
            rows = form.query_one(OptionList)
            assert rows.scroll_offset.y <= 250 < rows.scroll_offset.y + rows.size.height
            assert rows.region.bottom <= 23, "the list ends above the keys"
            await pilot.press("escape")

    run()


def test_a_line_is_asked_again_while_it_will_not_do() -> None:
    @in_loop
    async def run() -> None:
        guest = Guest(
            lambda ask: ask.text("Amount?", default="2", check=lambda text: "" if text.isdigit() else "no number")
        )
        form = SetupForm(guest, "default")
        async with form.run_test() as pilot:
            await ready(pilot, form)
            await pilot.press("x", "enter")
            await pilot.pause()
            assert "no number" in shown(form, "problem")
            assert guest.result is None
            await pilot.press("backspace", "7", "enter")
            await pilot.pause()
        assert guest.result == "7"

    run()
    assert answered(lambda ask: ask.text("Amount?", default="2"), "enter").result == "2"
    assert answered(lambda ask: ask.text("Amount?"), "enter").left, "nothing, where nothing is offered, leaves"


def test_a_secret_is_never_on_the_screen_and_cannot_be_copied() -> None:
    @in_loop
    async def run() -> None:
        guest = Guest(lambda ask: ask.secret("Key?"))
        form = SetupForm(guest, "default")
        async with form.run_test() as pilot:
            await ready(pilot, form)
            await pilot.press(*"sk-42")
            line = form.query_one(SecretInput)
            line.action_select_all()
            line.action_copy()
            line.action_cut()
            assert form.clipboard == ""
            assert line.value == "sk-42"
            assert "sk-42" not in form.export_screenshot()
            await pilot.press("enter")
            await pilot.pause()
        assert guest.result == "sk-42"

    run()


@pytest.mark.parametrize(
    ("keys", "value"), [(["enter"], False), (["y"], True), (["n"], False), (["up", "enter"], True)]
)
def test_yes_or_no(keys: list[str], value: bool) -> None:
    assert answered(lambda ask: ask.confirm("Sure?", False), *keys).result is value


def test_work_goes_on_and_can_be_stopped() -> None:
    @in_loop
    async def run() -> None:
        async def question(ask: Interview) -> str:
            first = await ask.busy("quick", asyncio.sleep(0, "done"))
            ask.progress("half")
            await ask.busy("for ever", asyncio.sleep(60))
            return first

        guest = Guest(question)
        form = SetupForm(guest, "default")
        async with form.run_test() as pilot:
            await ready(pilot, form)
            assert "for ever" in shown(form, "question")
            await pilot.press("escape")
            await pilot.pause(0.2)
        assert guest.left

    run()


def test_a_failing_work_is_told_to_the_section() -> None:
    async def fails() -> None:
        raise LookupError("no")

    @in_loop
    async def run() -> None:
        async def question(ask: Interview) -> str:
            with pytest.raises(LookupError):
                await ask.busy("trying", fails())
            return "went on"

        guest = Guest(question)
        form = SetupForm(guest, "default")
        async with form.run_test() as pilot:
            await pilot.pause(0.3)
        assert guest.result == "went on"

    run()


def test_ctrl_c_ends_it_all() -> None:
    @in_loop
    async def run() -> None:
        form = SetupForm(Guest(fruit), "default")
        async with form.run_test() as pilot:
            await ready(pilot, form)
            await pilot.press("ctrl+c")
            await pilot.pause()
        assert form.flowing is not None
        assert form.flowing.cancelled()

    run()


@pytest.mark.parametrize("width", [40, 160])
def test_it_fits_any_width_and_can_be_resized(width: int) -> None:
    @in_loop
    async def run() -> None:
        async def question(ask: Interview) -> str:
            ask.say(
                "A sentence that is long enough to be broken on a narrow terminal, but not on a wide one.", "warning"
            )
            return await ask.choose("Which?", FRUIT, current="a")

        guest = Guest(question)
        form = SetupForm(guest, "default", LIGHT)
        async with form.run_test(size=(width, 24)) as pilot:
            await ready(pilot, form)
            await pilot.pause(0.1)
            picture = form.export_screenshot(simplify=True).replace("&#160;", " ")
            for word in ("Apple", "round", "not in season", "narrow"):
                assert word in picture
            await pilot.press("down")
            await pilot.resize_terminal(200 - width, 20)
            await pilot.pause(0.1)
            assert "not in season" in form.export_screenshot(simplify=True).replace("&#160;", " ")
            await pilot.press("enter")
            await pilot.pause()
        assert guest.result == "b", "what was marked stays marked"

    run()


def test_what_was_told_stands_above_the_next_question_only() -> None:
    @in_loop
    async def run() -> None:
        async def question(ask: Interview) -> str:
            ask.say("first \x1b[31mred", "bad")
            await ask.confirm("One?", True)
            ask.say("It is written.", "done")
            await ask.confirm("Two?", True)
            return ""

        form = SetupForm(Guest(question), "default")
        async with form.run_test() as pilot:
            await ready(pilot, form)
            assert "✗ first red" in shown(form, "said")
            await pilot.press("y")
            await ready(pilot, form)
            assert shown(form, "said") == "✓ It is written."
            await pilot.press("y")
            await pilot.pause()
        assert form.told == ["It is written."]

    run()


@in_loop
async def test_what_is_longer_than_its_place_can_be_read_to_its_end_before_the_answer() -> None:
    async def long(ask: Interview) -> bool:
        ask.say("\n".join(f"line {number}" for number in range(1, 101)))
        await ask.confirm("Read?", False)
        ask.say("short")
        return await ask.confirm("And now?", False)

    form = SetupForm(Guest(long), "work")
    async with form.run_test(size=(80, 24)) as pilot:

        def seen() -> str:
            screen = form.screen
            return "\n".join(strip.text for strip in screen._compositor.render_strips(screen.size))

        await ready(pilot, form)
        await pilot.pause()
        assert "line 1 " in seen() and "line 100" not in seen() and "PgUp PgDn read on" in seen()
        read: set[str] = set()
        for _ in range(20):
            read |= set(re.findall(r"line \d+", seen()))
            await pilot.press("pagedown")
            await pilot.pause()
        assert len(read) == 100, "a page at a time leaves out nothing"
        await pilot.press("pageup")
        await pilot.pause()
        assert "line 100" not in seen()
        await pilot.press("y")
        await pilot.pause()
        await pilot.pause()
        assert "short" in seen() and "PgUp" not in seen()
        await pilot.press("y")
