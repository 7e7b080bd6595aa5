"""Tools on a real folder: each call goes the whole way of dispatch (arguments, gate, run, output), without a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alpi.agent.dispatch import Outcome, Toolbox
from alpi.agent.outputs import OutputStore
from alpi.agent.surface import Unattended
from alpi.agent.tool import ReadRecord, Tool, ToolContext
from alpi.base.message import ToolCall
from alpi.safety.actions import Asker
from alpi.safety.guarded import GuardedFiles
from alpi.safety.paths import PathGuard

from .fakes import FakeClock, make_gate
from .stage import FILE_TOOLS


class Workbench:
    """A workspace ``ws`` and a home ``home`` in a folder, and the tools that work in them."""

    def __init__(
        self,
        folder: Path,
        tools: Sequence[Tool[Any]] = FILE_TOOLS,
        output_chars: int = 16_000,
        vision: bool = False,
        asker: Asker | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.workspace = self.folder / "ws"
        self.home = self.folder / "home"
        self.profile = self.home / ".alpi"
        for made in (self.workspace, self.profile):
            made.mkdir(parents=True, exist_ok=True)
        self.guard = PathGuard(self.workspace, self.home, self.profile, self.profile)
        self.gate = make_gate(self.guard)
        self.asker: Asker = asker or Unattended("test")
        self.toolbox = Toolbox(
            tools={tool.name: tool for tool in tools},
            gate=self.gate,
            workspace=self.workspace,
            outputs=OutputStore(self.profile / "sessions" / "s.files", str, output_chars),
            clock=FakeClock(),
            output_chars=output_chars,
            vision=vision,
        )

    def do(self, tool: str, **arguments: Any) -> Outcome:
        """Call a tool; what came of it."""
        return asyncio.run(self.start(tool, **arguments))

    async def start(self, tool: str, progress: Callable[[str], None] = lambda text: None, **arguments: Any) -> Outcome:
        """The same inside an event loop."""
        call = ToolCall("c", tool, json.dumps(arguments))
        return await self.toolbox.run(call, frozenset(self.toolbox.tools), self.asker, "turn", progress)

    def text(self, tool: str, **arguments: Any) -> str:
        """What a call that succeeds gives the model."""
        done = self.do(tool, **arguments)
        assert done.ok, done.text
        return done.text

    def error(self, tool: str, **arguments: Any) -> str:
        """What a call that fails tells the model."""
        done = self.do(tool, **arguments)
        assert not done.ok, done.text
        return done.text

    def put(self, name: str, content: str | bytes = "") -> Path:
        """A file in the workspace."""
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def context_of(
    folder: Path, progress: Callable[[str], None] = lambda text: None, output_chars: int = 16_000
) -> ToolContext:
    """What a tool is given for one call, where a test calls it without dispatch: a workspace in which reading is all that is allowed."""
    bench = Workbench(folder)
    files = GuardedFiles(bench.guard, lambda path, access: False)
    return ToolContext(bench.workspace, files, ReadRecord(), progress, output_chars, False)
