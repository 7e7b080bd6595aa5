from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpi.mcp.names import LONGEST, model_names, server_problem, tool_problem
from alpi.mcp.reviewing import OWN

SRC = Path(__file__).resolve().parents[3] / "src" / "alpi"
LETTERS = st.text(st.characters(codec="utf-8"), max_size=80)


@pytest.mark.parametrize("name", ["time", "git-2", "0", "a" * 24])
def test_names_that_servers_may_have(name: str) -> None:
    assert server_problem(name, ["files"]) == ""


@pytest.mark.parametrize("name", ["", "Time", "my_server", "a" * 25, "-a", "t\u0456me", "a b", "../x", "a.b"])
def test_names_that_no_server_may_have(name: str) -> None:
    assert "small letters" in server_problem(name, [])


@pytest.mark.parametrize(
    ("name", "other"), [("barn", "bam"), ("t0ols", "tools"), ("fi1es", "files"), ("my-notes", "mynotes")]
)
def test_a_server_that_looks_like_another_is_refused(name: str, other: str) -> None:
    assert server_problem(name, [other]) == f"{name} could be taken for the server {other}"


@pytest.mark.parametrize("name", ["rnemory", "terrninal", "Memory", "terminaI", "read.file"])
def test_a_tool_that_looks_like_one_of_alpis_own_is_refused(name: str) -> None:
    assert "could be taken for alpi's own" in tool_problem(name, [], OWN)
    assert tool_problem("write_filex", [], OWN) == ""


def test_the_same_name_as_an_own_tool_is_no_problem_because_it_gets_a_prefix() -> None:
    assert tool_problem("terminal", ["terminal"], OWN) == ""
    assert model_names({"evil": ["terminal"]})["evil", "terminal"] == "mcp_evil_terminal"


def test_letters_of_other_scripts_and_twins_within_a_server_are_refused() -> None:
    assert "plain letters" in tool_problem("t\u0435rminal", [], OWN)
    assert "plain letters" in tool_problem("a\u200bb", [], OWN)
    assert tool_problem("c1ear", ["c1ear", "clear"], ()) == "its name could be taken for clear of the same server"


def test_names_that_would_meet_are_told_apart_by_a_hash() -> None:
    names = model_names({"s": ["a.b", "a/b", "c"]})
    assert len(set(names.values())) == 3
    assert names["s", "c"] == "mcp_s_c"
    assert all(re.fullmatch(r"mcp_s_a_b_[0-9a-f]{8}", names["s", name]) for name in ("a.b", "a/b"))


def test_a_name_does_not_depend_on_other_servers() -> None:
    alone = model_names({"one": ["get", "g.t"]})
    among = model_names({"zero": ["get"], "one": ["get", "g.t"], "two": ["x" * 200]})
    assert {key: among[key] for key in alone} == alone


@given(st.lists(LETTERS, unique=True, max_size=8), st.lists(LETTERS, unique=True, max_size=8))
def test_whatever_tools_are_called_models_get_distinct_valid_names(one: list[str], two: list[str]) -> None:
    names = model_names({"one": one, "two": two})
    assert len(set(names.values())) == len(one) + len(two)
    for (server, _), called in names.items():
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", called) and len(called) <= LONGEST
        assert called.startswith(f"mcp_{server}_")


def test_the_list_of_own_names_holds_every_tool() -> None:
    found = {
        name
        for room in ("tools", "skills", "mcp", "agent")
        for path in (SRC / room).rglob("*.py")
        for name in re.findall(r'^    name: ClassVar\[str\] = "(\w+)"', path.read_text(), re.MULTILINE)
    }
    assert found and found <= set(OWN), found - set(OWN)
