"""What the judge of one program may use: the scene, the tables, and ways to have more judged."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from .expand import Field
from .places import Places
from .ruling import Call, Ruling, Shell
from .scene import Scene
from .tables import Tables


class Bench(Protocol):
    """Implemented by `judge.Judge`; a protocol so that no module has to import the one that imports it."""

    scene: Scene
    tables: Tables
    places: Places
    fetched: dict[Path, str]
    """Files that this command downloads or decodes, and which of the two; to run one is refused."""

    def nested(self, call: Call, argv: list[Field]) -> Ruling:
        """Judge a command that another one starts, as a part of its own."""

    def code(self, call: Call, item: Field, ruling: Ruling) -> None:
        """Judge a text that a shell will read as code."""

    def probe(self, text: str, shell: Shell, ruling: Ruling, where: str) -> None:
        """Look into text that may be code somewhere else; only danger found there counts."""
