"""The tools, one file each. ``all_tools`` is the list: nothing registers itself by being imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..agent.todo import TodoList
from ..agent.tool import Tool
from ..base.clock import Clock
from ..safety.commands import Commands
from ..state.memory import MemoryStore, Note

if TYPE_CHECKING:
    from ..state.search import SessionIndex
    from .link import Links


def all_tools(
    commands: Commands,
    memory: MemoryStore,
    note: Callable[[], Note],
    todo: TodoList,
    sessions: Callable[[], SessionIndex],
    current: str,
    clock: Clock,
    links: Links | None = None,
    further: str = "",
) -> tuple[Tool[Any], ...]:
    """One instance of every tool for one session, in the order in which models are offered them.

    ``commands`` starts processes; ``memory`` is the profile's, and ``note`` says where a change of it comes from; ``todo`` is the
    session's list, ``sessions`` gives the index of what was said in others, ``current`` the session's id. ``links`` are the pinned
    peers, where there are any; ``further`` says why none of them may be asked in this session, or is ``""``.
    """
    from .edit_file import EditFile
    from .link import Link
    from .memory import Memory
    from .read_file import ReadFile
    from .search_files import SearchFiles
    from .session_search import SessionSearch
    from .terminal import Terminal
    from .todo import Todo
    from .write_file import WriteFile

    return (
        ReadFile(),
        WriteFile(),
        EditFile(),
        SearchFiles(),
        Terminal(commands),
        Memory(memory, note),
        Todo(todo),
        SessionSearch(sessions, current, clock),
        *([Link(links, further)] if links is not None else []),
    )
