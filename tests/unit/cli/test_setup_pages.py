"""QUICKSTART and MODELS are true: each command that they show is one, and those that need nobody else are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from alpi.cli.main import build_parser
from alpi.providers.catalog import PRESETS
from alpi.setup.sections import SECTIONS
from tests.support.program import Home

DOCS = Path(__file__).resolve().parents[3] / "docs"
RUN = ("config set", "setup budget", "setup personality", "models providers", "--version", "cost")


def commands(page: str) -> list[list[str]]:
    """The arguments of every ``alpi`` in a page's indented blocks; the last of a pipe."""
    text = (DOCS / page).read_text(encoding="utf-8")
    lines = [line.split("|")[-1] for line in text.splitlines() if line.startswith("    ")]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.split()[0] == "alpi"]


SHOWN = [(page, argv) for page in ("QUICKSTART.md", "MODELS.md") for argv in commands(page)]


@pytest.mark.parametrize(("page", "argv"), SHOWN, ids=[" ".join(argv) for _, argv in SHOWN])
def test_each_command_is_one(home: Home, page: str, argv: list[str]) -> None:
    if argv != ["--version"]:
        assert callable(build_parser().parse_args(argv).run)
    if " ".join(argv).startswith(RUN):
        done = home.call(*argv)
        assert done.code == 0, done.err


def test_the_seeds_lines_are_there_in_their_order() -> None:
    shown = [argv for argv in commands("QUICKSTART.md") if argv != ["--version"]]
    wanted = [["setup"], [], ["-c"], ["doctor"], ["profile", "create", "work"], ["-p", "work", "setup"]]
    places = [shown.index(argv) for argv in wanted]
    assert places == sorted(places)


def test_all_sections_and_providers_are_named() -> None:
    quick, models = ((DOCS / page).read_text(encoding="utf-8") for page in ("QUICKSTART.md", "MODELS.md"))
    assert [row for row in re.findall(r"^\| (.+?) \|", quick, re.MULTILINE) if row not in ("section", "---")] == [
        found.title for found in SECTIONS
    ]
    named = re.findall(r"^\| `(\w+)` \| (\S+)", models, re.MULTILINE)
    assert named == [(found.name, f"`{found.key_env}`" if found.key_env else "none") for found in PRESETS]
