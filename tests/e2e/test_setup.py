"""Setup in a real terminal: from an empty home to the first answer, as lines and as a form, left in the middle and taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.terminal import PROGRAMS, Terminal
from tests.support.model_server import ModelServer, running

pytestmark = pytest.mark.e2e

COUNT = "one, two, three, four, five, six, seven, eight, nine, ten"
CALL = {"tool_calls": [{"name": "note", "arguments": {"word": "kestrel"}}]}
HELLO = "Hello from the model."
KEY = "sk-right-0123456789"
WRONG = "sk-wrong-0123456789"


@dataclass
class Newcomer:
    """A person with an empty home, a model server on their machine, and a terminal."""

    server: ModelServer
    home: Path
    terminal: Terminal

    @property
    def config(self) -> str:
        path = self.home / ".alpi" / "config.yaml"
        return path.read_text() if path.exists() else ""


@contextmanager
def newcomer(folder: Path, *replies: Any, key: str = "", found: bool = True, width: int = 90) -> Iterator[Newcomer]:
    home, workspace = folder / "home", folder / "site"
    (home / "projects").mkdir(parents=True)
    workspace.mkdir()
    with running(
        [*replies, {"text": HELLO, "repeat": True}], key=key, models=["llama3.2:latest", "qwen3:8b"]
    ) as server:
        # Nothing listens at port 9; the usual ports of this machine are not looked at.
        ollama = f"127.0.0.1:{server.port}" if found else "127.0.0.1:9"
        environ = {"HOME": str(home), "PATH": f"{PROGRAMS}:/usr/bin:/bin", "LANG": "C.UTF-8", "OLLAMA_HOST": ollama}
        with Terminal(folder / "t", width, 70, environ=environ, cwd=workspace) as terminal:
            yield Newcomer(server, home, terminal)


def first_answer(person: Newcomer) -> None:
    person.terminal.alpi("ask", "hello?")
    person.terminal.wait_for(HELLO)
    assert person.terminal.exit_code() == 0


def test_from_nothing_to_an_answer_by_lines(tmp_path: Path) -> None:
    with newcomer(tmp_path, COUNT, CALL, "red") as person:
        terminal = person.terminal
        terminal.alpi("setup", "--plain")
        terminal.wait_for("Where does your model run?")
        terminal.wait_for("[Enter: ")
        terminal.enter("Ollama")
        terminal.wait_for("Which model of Ollama?")
        terminal.wait_for("[Enter: back]:")
        terminal.enter("qwen")
        terminal.wait_for("[Enter: back]:", count=2)
        terminal.enter("qwen3:8b")
        terminal.wait_for("Try it? [Y/n]:")
        terminal.enter()
        terminal.wait_for("calls tools    yes")
        terminal.wait_for("ollama/qwen3:8b is now the model of profile default.")
        terminal.wait_for("a number [Enter: 2]:")
        terminal.enter()
        terminal.wait_for("Which folder?")
        terminal.wait_for("~/projects")
        terminal.enter("~/projects")
        terminal.wait_for("The workspace is ~/projects.")
        terminal.wait_for("a number [Enter: 9]:")
        terminal.enter()
        assert terminal.exit_code() == 0
        assert "\x1b[2J" not in terminal.output(), "the screen was never cleared"
        first_answer(person)


def test_a_key_is_pasted_checked_and_never_shown_by_lines(tmp_path: Path) -> None:
    with newcomer(tmp_path, key=KEY, found=False) as person:
        terminal = person.terminal
        terminal.alpi("setup", "model", "--plain")
        terminal.wait_for("[Enter: ")
        terminal.enter("+other")
        terminal.wait_for("Address of the server")
        terminal.enter(person.server.url)
        terminal.wait_for("A short name for it")
        terminal.enter("box")
        terminal.wait_for("Does it want a key?")
        terminal.enter("y")
        terminal.wait_for("(it is not shown)")
        terminal.enter(WRONG)
        terminal.wait_for("The key is wrong")
        terminal.wait_for("a number [Enter: 1]:")
        terminal.press("C-c")
        assert terminal.exit_code() == 130
        assert person.config == "", "nothing half-written"
        assert not (person.home / ".alpi" / ".env").exists()

        terminal.alpi("setup", "model", "--plain")
        terminal.wait_for("Where does your model run?", count=2)
        terminal.wait_for("Another server", count=2)
        terminal.enter("+other")
        terminal.wait_for("Address of the server", count=2)
        terminal.enter(person.server.url)
        terminal.wait_for("A short name for it", count=2)
        terminal.enter("box")
        terminal.wait_for("Does it want a key?", count=2)
        terminal.enter("y")
        terminal.wait_for("(it is not shown)", count=2)
        terminal.paste(KEY + "\n")
        terminal.wait_for("answers and takes the key")
        terminal.wait_for("[Enter: back]:", count=5)
        terminal.enter("qwen3:8b")
        terminal.wait_for("Try it?")
        terminal.enter("n")
        terminal.wait_for("box/qwen3:8b is now the model")
        assert terminal.exit_code() == 0
        assert KEY not in terminal.output()
        assert WRONG not in terminal.output()
        assert (person.home / ".alpi" / ".env").read_text() == f"BOX_API_KEY={KEY}\n"
        first_answer(person)


def test_from_nothing_to_an_answer_in_the_form(tmp_path: Path) -> None:
    with newcomer(tmp_path, COUNT, CALL, "red") as person:
        terminal = person.terminal
        terminal.alpi("setup")
        terminal.wait_for("found on this machine, 2 models")
        terminal.press("Enter")
        terminal.wait_for("Which model of Ollama?")
        terminal.wait_for("llama3.2:latest")
        terminal.press("Escape")  # left in the middle: back at the menu
        terminal.wait_for("Left; nothing was changed.")
        terminal.wait_for("! none yet")
        assert person.config == ""
        terminal.press("Enter")  # the section again
        terminal.wait_for("found on this machine, 2 models")
        terminal.press("Enter")
        terminal.wait_for("Which model of Ollama?")
        terminal.wait_for("qwen3:8b")
        terminal.type("qwen")
        terminal.wait(lambda screen: "llama3.2" not in screen, "the filtered list")
        terminal.press("Enter")
        terminal.wait_for("Try it?")
        terminal.wait_for("Yes")
        terminal.type("y")
        terminal.wait_for("calls tools    yes")
        terminal.wait_for("ollama/qwen3:8b is now the model of profile default.")
        terminal.wait_for("then run: alpi")
        terminal.press("Escape")
        assert terminal.exit_code() == 0
        assert "ollama/qwen3:8b is now the model of profile default." in terminal.screen(), "it stays on the terminal"
        terminal.alpi("setup", "--show")
        terminal.wait_for("! workspace")
        first_answer(person)


def test_ctrl_c_in_the_form_ends_it_and_writes_nothing(tmp_path: Path) -> None:
    with newcomer(tmp_path, key=KEY, found=False) as person:
        terminal = person.terminal
        terminal.alpi("setup", "model")
        terminal.wait_for("Another server")
        terminal.type("other")
        terminal.wait(lambda screen: "Anthropic" not in screen, "the filtered list")
        terminal.press("Enter")
        terminal.wait_for("Address of the server")
        terminal.type(person.server.url)
        terminal.wait_for(person.server.url)
        terminal.press("Enter")
        terminal.wait_for("A short name for it")
        terminal.wait_for("server")
        terminal.press("Enter")
        terminal.wait_for("Does it want a key?")
        terminal.wait_for("Yes")
        terminal.type("y")
        terminal.wait_for("it is not shown")
        terminal.paste(WRONG)
        terminal.wait_for("•" * len(WRONG))
        terminal.press("Enter")
        terminal.wait_for("The key is wrong")
        terminal.wait_for("Type another key")
        terminal.press("C-c")
        assert terminal.exit_code() == 130
        assert person.config == ""
        assert not (person.home / ".alpi" / ".env").exists()
        assert WRONG not in terminal.output()


def test_a_dumb_terminal_gets_the_lines(tmp_path: Path) -> None:
    with newcomer(tmp_path) as person:
        terminal = person.terminal
        terminal.shell("TERM=dumb alpi setup workspace")
        terminal.wait_for("Which folder?")
        terminal.wait_for("[Enter: back]:")
        terminal.press("C-d")
        terminal.wait_for("nothing was changed")
        assert terminal.exit_code() == 1


OFFER = (
    "import os; from alpi.cli.runtime import Runtime; from alpi.cli.setup import offer_setup; "
    "print('chosen:', offer_setup(Runtime(None, os.environ), plain=bool(os.environ.get('PLAIN'))).config.model)"
)


@pytest.mark.parametrize("plain", ["", "1"], ids=["form", "lines"])
def test_the_first_step_is_offered_where_nothing_is_configured(tmp_path: Path, plain: str) -> None:
    with newcomer(tmp_path) as person:
        terminal = person.terminal
        terminal.shell(f"export PLAIN={plain}")
        terminal.run("python", "-c", OFFER)
        terminal.wait_for("found on this machine, 2 models")
        terminal.press("C-d")  # not now
        terminal.wait_for("What shall be set up?")
        terminal.wait_for("without a model alpi cannot answer")
        terminal.press("C-d")
        assert terminal.exit_code() == 1
        assert "no model is set yet" in terminal.screen()
        terminal.shell("clear")
        terminal.run("python", "-c", OFFER)
        terminal.wait_for("found on this machine, 2 models")
        terminal.press("Enter")
        terminal.wait_for("Which model of Ollama?")
        terminal.wait_for("qwen3:8b")
        terminal.enter("qwen3:8b")
        terminal.wait_for("Try it?")
        terminal.wait_for("Enter takes" if not plain else "[Y/n]:")
        terminal.type("n")
        if plain:
            terminal.enter()
        terminal.wait_for("then run: alpi")
        terminal.press("C-d")
        terminal.wait_for("chosen: ollama/qwen3:8b")
        assert terminal.exit_code() == 0
