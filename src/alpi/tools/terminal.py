"""terminal: shell commands, in the foreground with a time limit or in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from ..agent.processes import Running, finish, start, stop
from ..agent.tool import Result, ToolContext, ToolError
from ..base.text import one_line
from ..safety.actions import Action, RunCommand
from ..safety.commands import Commands

MOST_IN_BACKGROUND = 8


class Terminal:
    """Runs commands for one session; its background processes end with it.

    Args:
        commands: starts them, sandboxed.
    """

    class Arguments(Struct, frozen=True):
        command: Annotated[str, Meta(description="for bash, run in the workspace")] = ""
        background: bool = False
        timeout: Annotated[int, Meta(ge=1, le=3600, description="seconds")] = 120
        action: Annotated[
            Literal["run", "list", "read", "kill"], Meta(description="list, read, kill: background processes")
        ] = "run"
        process: Annotated[str, Meta(description="id of a background process")] = ""

    name: ClassVar[str] = "terminal"
    description: ClassVar[str] = "Run a shell command. No input can be given to it."
    parallel: ClassVar[bool] = False

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._background: dict[str, Running] = {}
        self._count = 0

    def hint(self, args: Arguments) -> str:
        if args.action != "run":
            return f"{args.action} {args.process}".strip()
        return one_line(args.command, 120) + (" &" if args.background else "")

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        if args.action != "run":
            return []  # looking after processes that were let through when they were started
        if not args.command.strip():
            raise ToolError("command is empty", "Give the command to run")
        return [RunCommand(args.command, context.workspace, args.background)]

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        if args.action == "list":
            return self._list()
        if args.action != "run":
            return await self._look_after(args.action, args.process)
        await asyncio.to_thread(self._commands.prepare)
        if args.background:
            return await self._start_in_background(args)
        running = await start(args.command, self._commands.launch(args.command), context.progress)
        in_time = await finish(running, args.timeout)
        how = f"exit {running.code}" if in_time else f"stopped after {args.timeout} s (the time limit)"
        return self._result(running, how)

    async def aclose(self) -> None:
        """End all background processes and remove what they left in the temporary folder."""
        await asyncio.gather(*(stop(running) for running in self._background.values()))
        self._commands.close()

    async def _start_in_background(self, args: Arguments) -> Result:
        alive = [name for name, running in self._background.items() if running.code is None]
        if len(alive) >= MOST_IN_BACKGROUND:
            raise ToolError(f"{len(alive)} background processes are running", f"Kill one first: {', '.join(alive)}")
        self._count += 1
        name = f"p{self._count}"
        running = await start(args.command, self._commands.launch(args.command))
        self._background[name] = running
        await asyncio.wait(
            {asyncio.ensure_future(running.process.wait())}, timeout=0.5
        )  # a command that fails at once says so now
        if running.code is not None:
            await finish(running, 1)
            return self._result(running, f"{name} has ended already: exit {running.code}")
        return Result(f"Started {name} in the background.", f"{name} started{self._unguarded()}")

    async def _look_after(self, action: str, name: str) -> Result:
        running = self._background.get(name)
        if running is None:
            raise ToolError(
                f"there is no background process {name!r}", f"There is: {', '.join(self._background) or 'none'}"
            )
        if action == "kill":
            await stop(running)
        elif running.code is not None:
            await finish(running, 1)
        state = f"running for {running.seconds:.0f} s" if running.code is None else f"ended, exit {running.code}"
        return self._result(running, f"{name} {state}")

    def _list(self) -> Result:
        lines = []
        for name, running in self._background.items():
            state = f"running for {running.seconds:.0f} s" if running.code is None else f"ended, exit {running.code}"
            lines.append(f"{name}: {state}: {one_line(running.command)}")
        return Result("\n".join(lines) or "No background processes.", f"{len(lines)} in the background")

    def _result(self, running: Running, how: str) -> Result:
        text = running.text().rstrip("\n")
        notes = [f"[{how}, {running.seconds:.1f} s]"]
        if running.touched:
            notes.append(f"[put back as it was, because commands may not change it: {', '.join(running.touched)}]")
        return Result(
            "\n".join(filter(None, [text, *notes])), f"{how}{self._unguarded()}", ok=running.code in (None, 0)
        )

    def _unguarded(self) -> str:
        return f" ({self._commands.weakness})" if self._commands.weakness else ""
