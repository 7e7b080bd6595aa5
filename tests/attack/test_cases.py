"""The table of known attacks (cases.toml) is complete, and each test that it names is there."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TABLE = tomllib.loads((Path(__file__).parent / "cases.toml").read_text())
NUMBERS = range(26, 43)


def test_no_number_is_missing_and_each_says_what_it_is() -> None:
    assert [int(number) for number in TABLE] == list(NUMBERS)
    for number, entry in TABLE.items():
        assert set(entry) == {"attack", "met"} and len(entry["attack"]) > 20, number
        assert len(entry["met"]) >= 2 and len(set(entry["met"])) == len(entry["met"]), number


def test_each_test_that_is_named_is_there_and_is_not_skipped() -> None:
    for name in named():
        path, _, function = name.partition("[")[0].partition("::")
        marks = functions(path).get(function)
        assert marks is not None, f"{name} is not there"
        assert not any("skip" in mark or "xfail" in mark for mark in marks), name


def test_each_case_that_is_named_is_among_those_of_its_test() -> None:
    for name in named():
        path, bracket, case = name.removesuffix("]").partition("[")
        if bracket:
            assert case in set(cases(*path.split("::"))), f"{name} is not there"


def named() -> list[str]:
    return [name for entry in TABLE.values() for name in entry["met"]]


@cache
def functions(path: str) -> dict[str, list[str]]:
    """The functions of a file, each with its decorators and the marks of the whole file."""
    tree = ast.parse((ROOT / path).read_text())
    marks = [ast.unparse(node.value) for node in tree.body if isinstance(node, ast.Assign) and named_marks(node)]
    return {
        node.name: marks + [ast.unparse(decorator) for decorator in node.decorator_list]
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def named_marks(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


def cases(path: str, function: str) -> Iterator[str]:
    """The names of a test's cases, with - for blanks."""
    test: Any = getattr(import_module(path.removesuffix(".py").replace("/", ".")), function)
    for mark in test.pytestmark:
        if mark.name == "parametrize":
            for value in mark.args[1]:
                yield str(getattr(value, "id", value)).replace(" ", "-")
