"""terminal: real processes, in the sandbox that this machine has."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from alpi.agent.tool import ReadRecord, Result, ToolContext, ToolError
from alpi.safety.actions import RunCommand
from alpi.safety.commands import Commands
from alpi.safety.guarded import GuardedFiles
from alpi.safety.paths import PathGuard
from alpi.tools.terminal import Terminal
from tests.support.stage import in_loop

ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nowhere",
    "LANG": "C.UTF-8",
    "SOME_TOKEN": "canary-value",
    "EXTRA": "passed",
}


class Scene:
    """A workspace with a terminal tool."""

    def __init__(self, folder: Path, mode: str | None = None, environ: Mapping[str, str] = ENVIRON) -> None:
        self.workspace = folder / "ws"
        self.home = folder / "home"
        for made in (self.workspace, self.home / ".alpi"):
            made.mkdir(parents=True)
        guard = PathGuard(self.workspace, self.home, self.home / ".alpi", self.home / ".alpi")
        self.commands = Commands(guard, environ, mode, ["EXTRA"], ["canary-value"])
        self.tool = Terminal(self.commands)
        self.progress: list[str] = []
        files = GuardedFiles(guard, lambda path, access: False)
        self.context = ToolContext(self.workspace, files, ReadRecord(), self.progress.append, 16_000, False)

    async def run(self, command: str = "", **more: object) -> Result:
        return await self.tool.run(Terminal.Arguments(command=command, **more), self.context)  # type: ignore[arg-type]

    async def __aenter__(self) -> Scene:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.tool.aclose()


async def until(ready: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return ready()


@in_loop
async def test_output_of_both_streams_and_the_exit_code(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        result = await s.run("echo out; echo err >&2; pwd; exit 3")
        assert result.text.splitlines()[:3] == ["out", "err", str(s.workspace)]
        assert result.text.splitlines()[3].startswith("[exit 3, ")
        assert result.summary == "exit 3"


@in_loop
async def test_the_environment_holds_what_is_needed_and_no_secret(tmp_path: Path) -> None:
    async with Scene(tmp_path, environ={**ENVIRON, "LC_ALIAS": "has canary-value inside"}) as s:
        names = {
            line.partition("=")[0] for line in (await s.run("export -p")).text.replace("declare -x ", "").splitlines()
        }
        assert {"PATH", "HOME", "EXTRA", "TMPDIR"} <= names
        assert not names & {"SOME_TOKEN", "LC_ALIAS"}


@in_loop
async def test_writes_reach_the_workspace_and_nothing_else(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        (s.home / ".alpi" / ".env").write_text("KEY=secret\n")
        await s.run(
            f"echo in > in.txt; echo out > {tmp_path}/out.txt; cat {s.home}/.alpi/.env > got.txt; echo t > $TMPDIR/t && cat $TMPDIR/t"
        )
        assert (s.workspace / "in.txt").read_text() == "in\n"
        assert not (tmp_path / "out.txt").exists()
        assert "secret" not in (s.workspace / "got.txt").read_text()


@in_loop
async def test_the_time_limit_ends_everything(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        result = await s.run("echo begun; (while true; do date > alive; sleep 0.1; done) & sleep 600", timeout=1)
        assert "begun" in result.text and "the time limit" in result.text
        (s.workspace / "alive").unlink(missing_ok=True)
        await asyncio.sleep(0.5)
        assert not (s.workspace / "alive").exists()


@in_loop
async def test_cancelling_ends_everything_within_a_second(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        task = asyncio.create_task(s.run("(while true; do date > alive; sleep 0.1; done) & sleep 600"))
        assert await until((s.workspace / "alive").exists)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
        (s.workspace / "alive").unlink(missing_ok=True)
        await asyncio.sleep(0.5)
        assert not (s.workspace / "alive").exists()


@in_loop
async def test_output_shows_while_the_command_runs(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        task = asyncio.create_task(s.run("echo first; sleep 600"))
        assert await until(lambda: any("first" in text for text in s.progress))
        task.cancel()
        await asyncio.wait({task}, timeout=5)


@in_loop
async def test_a_command_that_leaves_something_running_does_not_hang(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        result = await asyncio.wait_for(s.run("sleep 600 & echo done"), 30)
        assert "done" in result.text and "[exit 0" in result.text


@in_loop
async def test_background_processes_are_listed_read_and_killed(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        started = await s.run("echo up; while true; do date > alive; sleep 0.1; done", background=True)
        assert "p1" in started.text
        assert await until((s.workspace / "alive").exists)
        assert "p1: running" in (await s.run(action="list")).text
        assert "up" in (await s.run(action="read", process="p1")).text
        killed = await s.run(action="kill", process="p1")
        assert "p1 ended" in killed.summary
        (s.workspace / "alive").unlink(missing_ok=True)
        await asyncio.sleep(0.5)
        assert not (s.workspace / "alive").exists()
        with pytest.raises(ToolError, match="no background process"):
            await s.run(action="read", process="p9")


@in_loop
async def test_what_runs_in_the_background_ends_with_the_session(tmp_path: Path) -> None:
    s = Scene(tmp_path)
    await s.run("while true; do date > alive; sleep 0.1; done", background=True)
    assert await until((s.workspace / "alive").exists)
    scratch = s.commands.scratch()
    await s.tool.aclose()
    (s.workspace / "alive").unlink(missing_ok=True)
    await asyncio.sleep(0.5)
    assert not (s.workspace / "alive").exists()
    assert not scratch.exists()


def test_background_and_foreground_are_the_same_action_for_the_gate(tmp_path: Path) -> None:
    s = Scene(tmp_path)
    for background in (False, True):
        (action,) = s.tool.actions(Terminal.Arguments(command="make", background=background), s.context)
        assert action == RunCommand("make", s.workspace, background)
    with pytest.raises(ToolError, match="empty"):
        s.tool.actions(Terminal.Arguments(command="  "), s.context)


@in_loop
async def test_endless_output_is_bounded(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        result = await s.run("head -c 40000000 /dev/zero | tr '\\0' 'x'", timeout=60)
        assert "more bytes of output were dropped" in result.text
        assert len(result.text) < 34 << 20


@in_loop
async def test_a_sandbox_that_is_switched_off_is_said(tmp_path: Path) -> None:
    async with Scene(tmp_path, mode="off") as s:
        result = await s.run("echo hi")
        assert "hi" in result.text and "not sandboxed" in result.summary


@in_loop
async def test_git_hooks_made_by_a_command_do_not_stay(tmp_path: Path) -> None:
    async with Scene(tmp_path) as s:
        await s.run(
            "git init -q . 2>/dev/null; mkdir -p .git/hooks; echo 'touch pwned' > .git/hooks/post-commit; chmod +x .git/hooks/post-commit"
        )
        (s.workspace / "inner").mkdir()
        await s.run("echo x > .git/hooks/pre-push || true")
        assert not (s.workspace / ".git" / "hooks" / "pre-push").exists()
