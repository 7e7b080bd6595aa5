"""The tools, one file each. ``all_tools`` is the list: nothing registers itself by being imported."""

from __future__ import annotations

from typing import Any

from ..agent.tool import Tool


def all_tools() -> tuple[Tool[Any], ...]:
    """One instance of every tool, in the order in which models are offered them."""
    from .edit_file import EditFile
    from .read_file import ReadFile
    from .search_files import SearchFiles
    from .write_file import WriteFile

    return (ReadFile(), WriteFile(), EditFile(), SearchFiles())
