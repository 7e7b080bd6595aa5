"""Completion scripts: the shell takes them, and they offer what there is."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from alpi.cli.completion import completions
from alpi.cli.main import COMMANDS, build_parser
from tests.support.program import Home


def script(home: Home, shell: str) -> str:
    done = home.call("completion", shell)
    assert (done.code, done.err) == (0, "")
    return done.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_and_option_is_in_it(home: Home, shell: str) -> None:
    text = script(home, shell)
    for name in COMMANDS:
        assert name in text
    for path, words in completions(build_parser()).items():
        for word, _ in words:
            assert word.lstrip("-") in text, (path, word)


@pytest.mark.parametrize("shell", [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)])
def test_the_shell_takes_it(home: Home, shell: str) -> None:
    done = subprocess.run([shell, "-n"], input=script(home, shell), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def offered(home: Home, *words: str) -> list[str]:
    """What bash offers after some words of a command line, the last of which is being typed."""
    line = " ".join(f"'{word}'" for word in ("alpi", *words))
    program = f"{script(home, 'bash')}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _alpi; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(
        ["bash", "--norc"], input=program, text=True, capture_output=True, check=True, cwd=home.workspace
    )
    return done.stdout.split()


def test_what_bash_offers(home: Home) -> None:
    assert set(offered(home, "co")) == {"config", "cost", "completion"}
    assert set(COMMANDS) <= set(offered(home, ""))
    assert offered(home, "config", "s") == ["show", "set"]
    assert offered(home, "ask", "--att") == ["--attach"]
    assert offered(home, "-p", "sessions", "ex") == ["export"]
    assert offered(home, "completion", "z") == ["zsh"]
    (home.workspace / "note.md").touch()
    assert "note.md" in offered(home, "ask", "text", "no")
