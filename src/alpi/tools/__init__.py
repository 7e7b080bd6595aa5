"""The tools, one file each. ``all_tools`` is the list: nothing registers itself by being imported."""

from __future__ import annotations

from typing import Any

from ..agent.tool import Tool
from ..safety.commands import Commands


def all_tools(commands: Commands) -> tuple[Tool[Any], ...]:
    """One instance of every tool for one session, in the order in which models are offered them. ``commands`` starts processes."""
    from .edit_file import EditFile
    from .read_file import ReadFile
    from .search_files import SearchFiles
    from .terminal import Terminal
    from .write_file import WriteFile

    return (ReadFile(), WriteFile(), EditFile(), SearchFiles(), Terminal(commands))
