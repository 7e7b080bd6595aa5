"""The commands that the README and the pages show: each is run as it stands, in a throwaway home, against the scripted model."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest

from alpi.cli.main import build_parser
from alpi.doctor.probe import TOOL
from tests.support.model_server import running
from tests.support.program import SRC, Home
from tests.support.scripted import Recorded, Reply

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SHELLS = frozenset({"sh", "bash", "shell", "console", "zsh"})

# What cannot be run here, as a pattern of its line, and why. Its alpi commands are parsed all the same.
NOT_RUN = MappingProxyType(
    {
        r"make ": "installs, tests or measures the project itself",
        r"(cd \S+ && )?git (clone|pull)": "needs the network",
        r"(uv|pip|pipx|sudo|brew|ollama) ": "installs or starts other programs",
        r"alpi( -p \S+)? setup( [a-z]+)?$": "asks questions; the terminal tests answer them by keys",
        r"alpi( -p \S+)? (serve|service)\b": "would run or install a service for whoever runs the tests",
        r"alpi( -p \S+)? (peers add|link|ask \"@)": "needs the card of another agent, or that agent; tests/e2e/test_links.py links two",
        r"alpi memory (why|edit)": "needs an entry that is there, or opens an editor; tests/unit/cli/test_memory.py has both",
        r"alpi models (fetch|prepare)": "fetches or loads the local model, which the live tests do",
        r"alpi logs -f": "runs until it is stopped",
        r"alpi mcp (add|show|approve|trust|untrust|remove|login|logout) ": "needs a server; tests/e2e/test_mcp.py adds real ones",
        r"alpi setup mcp --": "needs a server, too",
    }
)
# What a command reads, by a word in it: what a person would type or pipe into it.
TYPED = MappingProxyType({"config key": "a-key-that-is-none-0123456789\n"})
# What stands in a page as an example of something that is named anew each time.
EXAMPLES = MappingProxyType({"~/.alpi/removed/trial-20261125-101500.tar": "~/.alpi/removed/trial-*.tar"})
# A session as a page names it, by its id or the beginning of one: it is made before the page's commands are run.
SESSION = re.compile(r"\b(20\d{6})(-\d{6})?(-[0-9a-f]{6})?\b")


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it: the whole line, without its prompt and comment."""

    page: Path
    number: int
    line: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.number}: {self.line}"


def shown(page: Path) -> Iterator[Shown]:
    """The commands of fenced shell blocks, and of indented blocks whose lines begin with a command of ours."""
    fence, language = "", ""
    held, begun = "", 0
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        mark = re.match(r"\s*(`{3,}|~{3,})\s*(\w*)", text)
        if mark and not fence:
            fence, language = mark[1], mark[2]
            continue
        if mark and fence and text.strip().startswith(fence):
            fence = ""
            continue
        inside = fence and language in SHELLS
        indented = not fence and re.match(r" {4}(\$ )?(\S*/)?(alpi|make) ?", text)
        if not inside and not indented:
            continue
        line = text.strip().removeprefix("$ ")
        if indented:  # there, words may stand beside a command as in --help
            line = re.split(r"\s{3,}", line)[0]
        if not line or line.startswith("#") or (language == "console" and inside and not text.strip().startswith("$")):
            continue
        begun = begun or number
        held += line
        if held.endswith("\\"):
            held = held[:-1] + " "
            continue
        yield Shown(page, begun, without_comment(held))
        held, begun = "", 0


def without_comment(line: str) -> str:
    """A shell line without a comment at its end; a ``#`` in quotes is none."""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place].rstrip()
    return line


def commands(page: Path) -> list[Shown]:
    return [found for found in shown(page) if found.line]


def reason(line: str) -> str:
    """Why a line is not run, or ``""``."""
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, ours(line))), "")


def ours(line: str) -> str:
    """A line in which the program is called ``alpi``, wherever the page says it lies."""
    return re.sub(r"(^|[\s|(])(\.venv/bin/|\S*/bin/)alpi\b", r"\1alpi", line)


def calls(line: str) -> Iterator[list[str]]:
    """The arguments of each call of ``alpi`` in a line; those with placeholders (``NAME``, ``FILE``) are not complete."""
    for part in re.split(r"\|\|?|&&|;", ours(line)):
        try:
            words = shlex.split(part.strip())
        except ValueError:
            continue  # a quoted text that holds one of those signs; the line is run as a whole anyway
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words[:1] == ["alpi"]:
            yield [word for word in words[1:] if not re.fullmatch(r"[<>]+|2>&1|&", word)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_shown_are_commands_that_there_are(page: Path) -> None:
    """The quick half: every call parses, whether it is run below or not."""
    parser = build_parser()
    for found in commands(page):
        for arguments in calls(found.line):
            if "COMMAND" in arguments or arguments in (["--help"], ["--version"], ["-V"]):
                continue
            try:
                parser.parse_args([word for word in arguments if word != "--help"])
            except SystemExit as error:
                assert error.code in (0, None), f"{found} is no command of alpi's"


def test_pages_with_commands_are_found() -> None:
    assert len(commands(ROOT / "docs" / "OPERATIONS.md")) >= 15
    assert len(commands(ROOT / "README.md")) >= 5
    text = Shown(PAGES[0], 1, without_comment("alpi ask '# no comment' \"#\" # a comment"))
    assert text.line == "alpi ask '# no comment' \"#\""


class World:
    """A home with a profile that talks to the scripted model, a workspace that is a git repository, and ``alpi`` on the path."""

    def __init__(self, home: Home, url: str) -> None:
        self.home = home
        programs = home.folder / "bin"
        programs.mkdir()
        launcher = programs / "alpi"
        launcher.write_text(
            f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(SRC))} exec {shlex.quote(sys.executable)} -m alpi "$@"\n'
        )
        launcher.chmod(0o755)
        self.environ = {
            **home.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(SRC),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
        }  # fmt: skip
        self.url = url
        self.configure("")
        (home.folder / "words").write_text("correct horse battery staple\n")
        (home.folder / ".alpi-passphrase").write_text("correct horse battery staple\n")
        for name in ("projects/site", "notes"):
            (home.folder / name).mkdir(parents=True)
        self.run(
            "git init -q . && echo '# notes' > notes.md && git add . && git commit -qm one && echo more >> notes.md"
            " && touch picture.png error.log"
        )

    def configure(self, profile: str) -> None:
        """Every preset's name leads to the scripted model, so that a page may set any model it likes."""
        providers = "".join(
            f'  {name}: {{kind: openai, base_url: "{self.url}"}}\n'
            for name in ("anthropic", "openai", "ollama", "openrouter", "gemini", "groq", "deepseek", "mistral", "xai")
        )
        self.home.configure(self.url, more=providers, profile=profile)

    def converse(self, page: Path) -> None:
        """Make the sessions that a page names."""
        named = {match.groups() for found in commands(page) for match in SESSION.finditer(found.line)}
        if named:
            assert self.run("alpi ask hello").returncode == 0
            (made,) = self.home.sessions()
            for day, time, rest in named:
                shutil.copy(made, made.with_name(f"{day}{time or '-101500'}{rest or '-a1b2c3'}.jsonl"))
            made.unlink()

    def run(self, line: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line in the shell, in the workspace."""
        return subprocess.run(
            ["bash", "--norc", "-o", "pipefail", "-c", line],
            input=stdin, capture_output=True, text=True, env=self.environ, cwd=self.home.workspace, timeout=50, check=False,
        )  # fmt: skip


def answer(request: Recorded) -> Reply:
    """The scripted model: it calls the tool of a probe and answers everything else."""
    tools = [tool["function"]["name"] for tool in request.body.get("tools", [])]
    messages = request.body["messages"]
    if TOOL in tools and messages[-1]["role"] != "tool":
        return Reply(tool_calls=[{"name": TOOL, "arguments": {"word": "ready"}}], repeat=True)
    return Reply(text="one, two, three", repeat=True)


@pytest.mark.e2e
@pytest.mark.timeout(240)
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_the_commands_of_a_page_work_in_its_order(page: Path, home: Home) -> None:
    with running([answer], models=["scripted", "qwen3"]) as server:
        world = World(home, server.url)
        world.converse(page)
        failed = []
        for found in commands(page):
            if reason(found.line):
                continue
            line = ours(found.line)
            for example, stands_for in (*EXAMPLES.items(), ("http://127.0.0.1:18080/v1", server.url)):
                line = line.replace(example, stands_for)
            stdin = next((text for word, text in TYPED.items() if word in line), "")
            done = world.run(line, stdin)
            if done.returncode != 0:
                failed.append(
                    f"{found}\n    exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()[-400:]}"
                )
            created = re.search(r"profile create ([a-z0-9_-]+)", line)
            if created and done.returncode == 0 and "--from" not in line:
                world.configure(created[1])
        assert not failed, "these commands do not work as they are shown:\n" + "\n".join(failed)
