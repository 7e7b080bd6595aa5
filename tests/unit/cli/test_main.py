"""The command line itself: help for everything, exit codes, and what happens when it goes wrong."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import pytest

from alpi import __version__
from alpi.cli.main import COMMANDS, build_parser
from tests.support.program import PROGRAM, Home

SHELL = " ".join(PROGRAM)


def parsers(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from parsers(sub, (*path, name))


ALL = dict(parsers(build_parser()))


@pytest.mark.parametrize("path", ALL.keys(), ids=lambda path: " ".join(path) or "alpi")
def test_every_command_explains_itself(home: Home, path: tuple[str, ...]) -> None:
    done = home.call(*path, "--help")
    assert done.code == 0
    assert done.err == ""
    assert done.out.startswith(f"usage: {' '.join(['alpi', *path])}")
    for action in ALL[path]._actions:
        for option in action.option_strings:
            assert option in done.out
        if not isinstance(action, argparse._SubParsersAction):
            assert action.help, f"{action.dest} does not say what it is for"


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_every_command_has_examples_that_could_be_typed(home: Home, name: str) -> None:
    text = home.call(*filter(None, [name]), "--help").out
    examples = re.findall(r"^  (?:.*\| )?alpi(.*)$", text.partition("examples:")[2], re.MULTILINE)
    words = [[word for word in example.split() if not word.startswith("-")] for example in examples]
    commands = [next((word for word in line if word in COMMANDS), "") for line in words]
    assert name in commands


def test_help_fits_a_narrow_terminal(home: Home) -> None:
    done = home.run("ask", "--help", environ={"COLUMNS": "40"})
    assert done.code == 0
    assert all(len(line) <= 90 for line in done.out.splitlines())


@pytest.mark.parametrize("argv", [["--version"], ["-V"], ["-p", "work", "--version"]])
def test_the_version(home: Home, argv: list[str]) -> None:
    done = home.call(*argv)
    assert (done.code, done.out, done.err) == (0, f"alpi {__version__}\n", "")


@pytest.mark.parametrize(
    "argv",
    [["nonsense"], ["--nonsense"], ["ask", "--nonsense"], ["ask", "-c", "--session", "x", "hi"], ["config", "nonsense"],
     ["config", "set", "model"], ["completion"], ["completion", "powershell"], ["sessions", "list", "--limit", "many"],
     ["sessions", "show"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_two(home: Home, argv: list[str]) -> None:
    done = home.call(*argv)
    assert done.code == 2
    assert "usage: alpi" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("argv", "environ", "message"),
    [
        (["ask", "hi"], {}, "no model is set in"),
        (["ask", "hi"], {"ALPI_PROFILE": "nope"}, "there is no profile 'nope'"),
        (["-p", "Not A Name", "ask", "hi"], {}, "cannot be a profile's name"),
        (["ask", "hi"], {"ALPI_HOME": "relative"}, "ALPI_HOME must be an absolute path"),
        (["ask", "--model", "gpt-5", "hi"], {}, "is not provider/model"),
        (["ask", "--model", "nobody/x", "hi"], {}, "there is no provider 'nobody'"),
        (["sessions", "list", "--limit", "0"], {}, "--limit must be at least 1"),
        (["config", "key", "sk-abc"], {}, "is not a variable name"),
    ],
    ids=["no model", "no profile", "bad name", "home", "model", "provider", "limit", "key"],
)
def test_not_configured_is_two_with_what_to_do(
    home: Home, argv: list[str], environ: dict[str, str], message: str
) -> None:
    done = home.call(*argv, environ=environ)
    assert done.code == 2
    first, *rest = done.err.splitlines()
    assert first.startswith("alpi: ")
    assert message in first
    assert message == "--limit must be at least 1" or (rest and rest[0].startswith("  "))
    assert "Traceback" not in done.err


def test_a_fresh_profile_says_how_to_choose_a_model(home: Home) -> None:
    done = home.call("ask", "hi")
    assert (done.code, done.out) == (2, "")
    assert f"no model is set in {home.alpi / 'config.yaml'}" in done.err
    assert "alpi setup" in done.err
    assert "--provider ollama" in done.err
    assert not home.alpi.exists(), "asking alone makes no profile"


class Broken(dict[str, str]):
    """An environment in which looking alpi's home up is a bug."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        if name == "ALPI_HOME":
            raise ZeroDivisionError("boom")
        return super().get(name, default)


def test_a_bug_is_named_with_how_to_report_it(home: Home) -> None:
    done = home.call("config", "path", environ=Broken())
    assert done.code == 1
    assert done.err.startswith("alpi: internal error: ZeroDivisionError: boom\n")
    assert "ALPI_DEBUG=1 shows where" in done.err
    with pytest.raises(ZeroDivisionError):
        home.call("config", "path", environ=Broken(ALPI_DEBUG="1"))


def test_a_reader_that_leaves_ends_it_quietly(home: Home) -> None:
    done = home.run(program=("sh", "-c", f"{SHELL} config keys | head -n 1"))
    assert (done.out, done.err) == ("# Settings\n", "")


def test_output_that_goes_nowhere(home: Home) -> None:
    closed = home.run(program=("sh", "-c", f"{SHELL} config path >&- 2>&-; echo code $?"))
    assert closed.out == "code 0\n"
    full = home.run(program=("sh", "-c", f"{SHELL} config keys > /dev/full; echo code $?"))
    assert full.out == "code 1\n"
    assert "Traceback" not in full.err
    assert "No space left on device" in full.err
