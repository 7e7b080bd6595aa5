"""A person who answers setup's questions by a script, and a profile to be set up."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from alpi.cli.runtime import Runtime
from alpi.cli.site import site_of
from alpi.setup.interview import Check, Kind, Left, Option
from alpi.setup.site import Site
from tests.support.program import Home

T = TypeVar("T")
LEAVES = object()
"""The answer of somebody who presses Esc."""
DEFAULT = object()
"""The answer of somebody who presses Enter."""


class Scripted:
    """Implements ``Interview``: gives the answers in order, and keeps what it was told and asked.

    An answer to ``choose`` is an option's value or label. An answer that a check refuses is followed by the next one, as a person would
    type again. A question without an answer left fails the test.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.said: list[tuple[str, Kind]] = []
        self.asked: list[str] = []
        self.offered: list[Sequence[Option]] = []
        self.objections: list[str] = []
        self.work: list[str] = []

    def told(self, kind: Kind | None = None) -> str:
        return "\n".join(text for text, its in self.said if kind in (None, its))

    def _next(self, question: str) -> Any:
        self.asked.append(question)
        assert self.answers, f"no answer left for {question!r}; told: {self.told()}"
        answer = self.answers.pop(0)
        if answer is LEAVES:
            raise Left
        return answer

    def say(self, text: str, kind: Kind = "text") -> None:
        self.said.append((text, kind))

    async def choose(self, title: str, options: Sequence[Option], *, current: str = "", free: str = "") -> str:
        answer = self._next(title)
        self.offered.append(options)
        if answer is DEFAULT:
            assert current, f"{title!r} has no default"
            return current
        found = next((option for option in options if answer in (option.value, option.label)), None)
        assert found is not None or free, f"{answer!r} is not among {[option.value for option in options]}"
        assert found is None or not found.refused, f"{answer!r} is not on offer: {found.refused if found else ''}"
        return found.value if found is not None else str(answer)

    async def text(self, question: str, *, default: str = "", check: Check | None = None) -> str:
        while True:
            answer = self._next(question)
            text = default if answer is DEFAULT else str(answer)
            why = check(text) if check is not None else ""
            if not why:
                return text
            self.objections.append(why)

    async def secret(self, question: str) -> str:
        return str(self._next(question))

    async def confirm(self, question: str, default: bool) -> bool:
        answer = self._next(question)
        return default if answer is DEFAULT else bool(answer)

    async def busy(self, what: str, work: Awaitable[T]) -> T:
        self.work.append(what)
        return await work

    def progress(self, text: str) -> None:
        self.work.append(text)


def site(home: Home, servers: Mapping[str, str] | None = None, **changes: Any) -> Site:
    """The site of a home's default profile. ``servers``: addresses of own servers by preset; the others are where nothing listens."""
    made = site_of(Runtime(None, home.environ))
    addresses = servers or {}
    presets = tuple(
        msgspec.structs.replace(found, base_url=addresses.get(found.name, "http://127.0.0.1:9/v1"))
        for found in made.servers
    )
    plain = {"servers": presets, "home": home.folder, "here": home.workspace, "no_local": lambda: ""}
    return dataclasses.replace(made, **{**plain, **changes})


def files(home: Home) -> dict[str, bytes]:
    """Every file below a home with its content, without locks and the ledger (a request that was made is charged, whatever follows)."""
    found = (path for path in home.folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(home.folder)): path.read_bytes() for path in found if "ledger" not in path.name}


def config(home: Home) -> str:
    path: Path = home.alpi / "config.yaml"
    return path.read_text() if path.exists() else ""


Work = Callable[[Site, Scripted], Awaitable[Any]]
