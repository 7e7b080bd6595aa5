"""Setup's questions as lines: what is typed, what it means, and that nothing but lines is ever written."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from alpi.setup.interview import Interview, Left, Option
from alpi.tui.interview import SHOWN, PlainInterview
from alpi.tui.terminal import Style

FRUIT = [
    Option("a", "Apple", "round"),
    Option("b", "Banana", "long"),
    Option("c", "Cherry", "", "not in season"),
    Option("d", "Date"),
]
MANY = [Option(f"model-{n}", f"model-{n}") for n in range(50)]
Question = Callable[[Interview], Awaitable[Any]]


class Typist:
    """Asks a question of somebody who types these lines and then presses Ctrl-D."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.out = ""

    def __call__(self, question: Question, *lines: str, colour: bool = False) -> Any:
        self._monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

        async def work() -> Any:
            try:
                return await question(PlainInterview(Style(colour)))
            except Left:
                return "left"

        result = asyncio.run(work())
        self.out = self._capsys.readouterr().out
        return result


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typist:
    return Typist(monkeypatch, capsys)


def fruit(ask: Interview) -> Awaitable[str]:
    return ask.choose("Which?", FRUIT, current="b")


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ([""], "b"),
        (["1"], "a"),
        (["Date"], "d"),
        (["date"], "d"),
        (["a"], "a"),
        ([], "left"),
        (["\x1b"], "left"),
        (["9", "1"], "a"),
    ],
)
def test_a_choice_by_number_or_name(typed: Typist, lines: list[str], value: str) -> None:
    assert typed(fruit, *lines) == value
    assert " *  2  Banana  long" in typed.out


def test_what_is_not_on_offer_says_why(typed: Typist) -> None:
    assert typed(fruit, "3", "Cherry") == "left"
    assert "Cherry  not on offer: not in season" in typed.out
    assert typed.out.count("Cherry is not on offer: not in season") == 2


def test_without_a_default_an_empty_line_leaves(typed: Typist) -> None:
    assert typed(lambda ask: ask.choose("Which?", FRUIT), "") == "left"
    assert typed(lambda ask: ask.text("Name?"), "") == "left"
    assert typed(lambda ask: ask.text("Name?", default="x"), "") == "x"


def test_a_long_list_is_shortened_and_searched(typed: Typist) -> None:
    assert typed(lambda ask: ask.choose("Which?", MANY), "el-4", "50") == "model-49"
    assert f"and {len(MANY) - SHOWN} more" in typed.out
    assert typed(lambda ask: ask.choose("Which?", MANY), "zzz", "1") == "model-0"
    assert "Nothing in the list has zzz" in typed.out


def test_what_is_in_no_list_can_be_typed(typed: Typist) -> None:
    def question(ask: Interview) -> Awaitable[str]:
        return ask.choose("Which?", MANY, free="a model's name")

    assert typed(question, "own", "y") == "own"
    assert typed(question, "own", "n", "2") == "model-1"
    assert typed(question, "=model") == "model"
    assert "=MODEL'S-NAME" in typed.out


def test_a_line_is_asked_again_while_it_will_not_do(typed: Typist) -> None:
    assert typed(lambda ask: ask.text("Amount?", check=lambda t: "" if t.isdigit() else "no number"), "x", " 7 ") == "7"
    assert "no number" in typed.out


@pytest.mark.parametrize(
    ("lines", "value"), [([""], False), (["y"], True), (["YES"], True), (["maybe", "n"], False), ([], "left")]
)
def test_yes_or_no(typed: Typist, lines: list[str], value: Any) -> None:
    assert typed(lambda ask: ask.confirm("Sure?", False), *lines) == value


def test_nothing_that_is_shown_can_move_the_cursor(typed: Typist) -> None:
    async def question(ask: Interview) -> str:
        for kind in ("text", "good", "done", "warning", "bad", "quiet"):
            ask.say("evil \x1b[2Jtext\nand more", kind)  # type: ignore[arg-type]
        await ask.busy("waiting", asyncio.sleep(0))
        ask.progress("\x1b[1Ahalf")
        return await ask.choose("Which?", [Option("x", "\x1b[5mx", "\x1b]0;t\x07note")], current="x")

    assert typed(question, "") == "x"
    assert "\x1b" not in typed.out
    assert "\r" not in typed.out
    typed(question, "", colour=True)
    assert {part.partition("m")[0] for part in typed.out.split("\x1b[")[1:]} <= {"2", "1", "31", "33", "32", "0"}, (
        "colours only"
    )


def test_ctrl_c_stops_what_is_being_waited_for(typed: Typist) -> None:
    async def question(ask: Interview) -> str:
        asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGINT)
        with pytest.raises(Left):
            await ask.busy("for ever", asyncio.sleep(60))
        return await ask.busy("quick", asyncio.sleep(0, "done"))

    assert typed(question) == "done"
    assert "stopped" in typed.out


def test_a_failing_work_is_told_to_the_section(typed: Typist) -> None:
    async def fails() -> None:
        raise LookupError("no")

    async def question(ask: Interview) -> str:
        with pytest.raises(LookupError):
            await ask.busy("trying", fails())
        return "went on"

    assert typed(question) == "went on"
