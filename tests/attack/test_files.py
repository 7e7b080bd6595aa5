"""Attacks through the file tools, as data (files.toml): each call goes the whole way, through the real tools and the real gate."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alpi.agent.dispatch import Outcome
from alpi.agent.surface import Unattended
from alpi.base.message import ToolCall
from alpi.safety.actions import Answer
from tests.support.fakes import Person
from tests.support.model_server import running
from tests.support.stage import Stage

CORPUS = tomllib.loads((Path(__file__).parent / "files.toml").read_text())["group"]
HOME = {
    ".ssh/id_rsa": "SECRET\n", ".aws/credentials": "SECRET\n", ".alpi/.env": "KEY=SECRET\n", ".alpi/config.yaml": "{}\n",
    ".bashrc": "#\n", ".profile": "#\n", "other/x.txt": "before\n", "other/planted": "before\n", "other/.env.production": "K=SECRET\n",
}  # fmt: skip
WORKSPACE = {"a.txt": "a\n", ".env": "K=SECRET\n", "deploy/server.pem": "SECRET\n", "sub/b.txt": "b\n"}


def cases() -> Iterator[Any]:
    for group in CORPUS:
        assert len(group["calls"]) >= 5, group["case"]
        for tool, arguments in group["calls"]:
            name = f"{group['case'].split(':')[0]} {tool} {arguments['path']}"
            yield pytest.param(group, tool, arguments, id=name.replace(" ", "-"))


def prepare(stage: Stage, group: dict[str, Any]) -> None:
    for base, contents in ((stage.home, HOME), (stage.workspace, WORKSPACE)):
        for name, text in contents.items():
            path = base / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for kind, make in (("links", os.symlink), ("hard", os.link)):
        for name, target in group.get(kind, {}).items():
            make(fill(target, stage), stage.workspace / name)


def fill(text: str, stage: Stage) -> str:
    return text.replace("%H%", str(stage.home)).replace("%W%", str(stage.workspace))


def state(folder: Path) -> dict[str, str]:
    """Every file below a folder with its content; links by where they lead."""
    return {
        str(path.relative_to(folder)): os.readlink(path)
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


async def attempt(folder: Path, group: dict[str, Any], tool: str, arguments: dict[str, str], watched: bool) -> Outcome:
    with running([]) as server:
        async with Stage(server, kind="openai", folder=folder) as stage:
            prepare(stage, group)
            before = state(folder)
            call = ToolCall("c", tool, json.dumps({key: fill(value, stage) for key, value in arguments.items()}))
            asker = Person(Answer.NO) if watched else Unattended("test")
            outcome = await stage.toolbox.run(call, frozenset(stage.toolbox.tools), asker, "turn", lambda text: None)
            assert state(folder) == before, "a file has changed"
            if watched and isinstance(asker, Person) and group["must"] == "dangerous":
                assert not asker.questions, "what is dangerous is not put to anybody"
    return outcome


@pytest.mark.parametrize("watched", [False, True], ids=["nobody-watching", "somebody-says-no"])
@pytest.mark.parametrize(("group", "tool", "arguments"), list(cases()))
def test_it_is_refused_and_nothing_leaks(
    tmp_path: Path, group: dict[str, Any], tool: str, arguments: dict[str, str], watched: bool
) -> None:
    outcome = asyncio.run(attempt(tmp_path, group, tool, arguments, watched))
    assert not outcome.ok and outcome.refused, outcome
    assert "SECRET" not in outcome.text + outcome.summary + outcome.diff
    if group["must"] == "dangerous":
        assert outcome.text.startswith("refused: ")
