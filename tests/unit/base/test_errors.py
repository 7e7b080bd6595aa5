"""The tree of errors is what its own description says, and each leads to its exit code."""

from __future__ import annotations

import re

import pytest

from alpi.base import errors
from alpi.base.errors import AlpiError
from alpi.base.locks import Locked


def drawn() -> list[tuple[str, int]]:
    """Names and exit codes as the module's description draws them."""
    return [(name, int(code)) for name, code in re.findall(r"(\w+)\s+exit (\d+)", errors.__doc__ or "")]


def test_the_drawing_is_complete() -> None:
    defined = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, AlpiError)}
    assert {name for name, _ in drawn()} == defined


@pytest.mark.parametrize(("name", "code"), drawn())
def test_each_error_has_the_exit_code_that_is_drawn(name: str, code: int) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, AlpiError)
    assert kind("what happened").exit_code == code


def test_a_message_is_followed_by_what_to_do() -> None:
    assert str(AlpiError("the disk is full", "Free some space")) == "the disk is full. Free some space"
    assert str(AlpiError("the disk is full")) == "the disk is full"
    assert (AlpiError("a", "b").message, AlpiError("a", "b").hint) == ("a", "b")


def test_errors_of_other_modules_belong_to_the_tree() -> None:
    assert issubclass(Locked, AlpiError)
    assert Locked("in use", pid=7).pid == 7
