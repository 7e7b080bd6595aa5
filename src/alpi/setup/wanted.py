"""An MCP server in the making: what a person has typed of it. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

PROGRAM, ADDRESS = "program", "address"
NONE = "none"
AS_COMMANDS, STRICT = "commands", "strict"


@dataclass
class Wanted:
    """What was typed so far; no secret is part of it. ``holder``: the header or variable that takes the secret, ``template`` its value
    with ``$NAME`` in it."""

    kind: str = PROGRAM
    command: str = ""
    url: str = ""
    name: str = ""
    folders: str = NONE
    network: str = AS_COMMANDS
    secret: bool = False
    holder: str = ""
    template: str = ""

    @property
    def words(self) -> list[str]:
        """The command, as a list of words."""
        return shlex.split(self.command) if self.kind == PROGRAM else []

    @property
    def folder_list(self) -> list[str]:
        """The folders that it may write."""
        given = "" if self.folders == NONE or self.kind != PROGRAM else self.folders
        return [folder.strip() for folder in given.split(",") if folder.strip()]
