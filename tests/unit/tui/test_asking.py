"""The approval question: how it reads, and what an answer means."""

from __future__ import annotations

import pytest

from alpi.safety.actions import Answer, Question
from alpi.tui.asking import question_lines, read_answer
from alpi.tui.terminal import Style

PLAIN = Style(colour=False)
FULL = Question("Run", "installs code of others", "/work", "pip install x", "pip install x in /work", always=True)
ONCE = Question("Run", "deletes files", "/work", "rm x")


@pytest.mark.parametrize(
    "line", [None, "", "\n", "n\n", "no\n", "yy\n", "ye\n", "sure\n", "y y\n", "Y.\n", "\x00y\n", "да\n"]
)
def test_whatever_is_not_an_explicit_yes_means_no(line: str | None) -> None:
    assert read_answer(line, FULL) is Answer.NO


def test_what_is_on_offer_can_be_chosen() -> None:
    assert read_answer(" Y \n", FULL) is Answer.ONCE
    assert read_answer("s\n", FULL) is Answer.SESSION
    assert read_answer("always\n", FULL) is Answer.ALWAYS


def test_what_is_not_on_offer_means_no() -> None:
    assert read_answer("y\n", ONCE) is Answer.ONCE
    assert read_answer("s\n", ONCE) is Answer.NO
    assert read_answer("a\n", ONCE) is Answer.NO
    session_only = Question("Run", "why", "/work", "x", "x in /work", always=False)
    assert read_answer("a\n", session_only) is Answer.NO


def test_a_choice_is_shown_only_where_it_is_on_offer() -> None:
    full, once = "\n".join(question_lines(FULL, PLAIN)), "\n".join(question_lines(ONCE, PLAIN))
    assert "a      yes, always: pip install x in /work" in full
    assert "for this session" not in once
    assert "always" not in once


def test_a_command_is_shown_whole_and_with_its_hidden_characters() -> None:
    command = "echo safe\u202e\x1b[2K\x07; rm x" + " y" * 300 + "\nline two" * 90
    shown = "\n".join(question_lines(Question("Run", "why", "/work", command), PLAIN))
    assert "echo safe\\u202e\\x1b[2K\\x07; rm x" in shown
    assert " y" * 300 in shown
    assert shown.count("line two") == 90
    assert "\x1b" not in shown


def test_a_change_is_shown_as_what_goes_and_what_comes() -> None:
    diff = "--- a\n+++ a\n@@ -1,3 +1,3 @@\n same\n---- old\n+new\x1b[1m\n@@ -9 +9 @@\n-x\n+y"
    lines = question_lines(Question("Write /work/a", "why", "/work", diff), PLAIN)
    assert lines[lines.index("") + 1 :][:6] == [
        "      same",
        "    - --- old",
        "    + new\\x1b[1m",
        "    …",
        "    - x",
        "    + y",
    ]


def test_long_explanations_are_folded_between_words() -> None:
    question = Question("Run", "a reason of several words that does not fit", "/work", "x")
    lines = question_lines(question, PLAIN, width=30)
    assert lines[1:4] == ["  why  a reason of several", "       words that does not fit", "  in   /work"]
