"""Profiles that run at once share nothing: every file that each process opens is written down, and none is another profile's."""

from __future__ import annotations

import json
import subprocess
import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from alpi.base.clock import SystemClock
from alpi.state.approvals import ApprovalStore
from tests.support.model_server import ModelServer, running
from tests.support.program import PROGRAM, Home
from tests.support.scripted import Reply

pytestmark = pytest.mark.e2e

NAMES = ("default", "one", "two")
# Loaded by Python at its start: writes down each path that the process opens, lists, makes, renames or removes (PEP 578).
HOOK = textwrap.dedent(
    """
    import os, sys
    log = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    EVENTS = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink",
              "os.chmod", "os.truncate", "os.utime", "glob.glob", "shutil.rmtree"}
    def hook(event, arguments):
        if event in EVENTS:
            for value in arguments[:2]:
                if isinstance(value, (str, bytes, os.PathLike)):
                    path = os.path.abspath(os.fsdecode(os.fspath(value)))
                    os.write(log, os.fsencode(path).replace(b"\\n", b"?") + b"\\n")
    sys.addaudithook(hook)
    """
)


def replies(name: str) -> list[Reply]:
    """What the model of one profile does: writes a file, notes something, runs a command, answers; twice."""
    turn = [
        Reply(
            tool_calls=[{"name": "write_file", "arguments": {"path": f"{name}.txt", "content": f"file of {name}\n"}}]
        ),
        Reply(
            tool_calls=[
                {"name": "memory", "arguments": {"action": "add", "file": "memory", "text": f"{name} likes tea"}}
            ]
        ),
        Reply(tool_calls=[{"name": "terminal", "arguments": {"command": f"echo said by {name}"}}]),
        Reply(text=f"answer of {name}"),
    ]
    return [*turn, Reply(text=f"second answer of {name}")]


def home_of(home: Home, name: str) -> Path:
    return home.alpi if name == "default" else home.alpi / "profiles" / name


def prepare(home: Home, name: str, server: ModelServer) -> None:
    """A profile with a key, a budget and an approval of its own, and a server that takes no other key."""
    folder = home_of(home, name)
    workspace = home.workspace / name
    workspace.mkdir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "config.yaml").write_text(
        f'model: home/scripted\nworkspace: "{workspace}"\nbudget: {{tokens_per_day: 1000000}}\n'
        f'providers: {{home: {{kind: openai, base_url: "{server.url}", api_key_env: HOME_KEY}}}}\n'
    )
    (folder / ".env").write_text(f"HOME_KEY=key-of-{name}-0123456789\n")
    (folder / ".env").chmod(0o600)
    approvals = ApprovalStore(folder / "approvals.json", SystemClock(), str)
    approvals.add(f"scope of {name}", f"text of {name}", tool="terminal", session="s", surface="chat")


def start(home: Home, name: str, trace: Path) -> subprocess.Popen[bytes]:
    site = trace.parent / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(HOOK)
    environ = {**home.environ, "PYTHONPATH": str(site), "OPENED": str(trace)}
    profile = [] if name == "default" else ["-p", name]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*PROGRAM, *profile], stdin=pipe, stdout=pipe, stderr=pipe, env=environ, cwd=home.workspace / name
    )


def belongs(path: str, home: Home) -> str | None:
    """The profile that a path belongs to; ``None`` for what is nobody's."""
    root = str(home.alpi)
    if not path.startswith(f"{root}/"):
        return None
    parts = path.removeprefix(f"{root}/").split("/")
    if parts[0] == "profiles":
        return parts[1] if len(parts) > 1 else None
    return "default"


def written(folder: Path) -> str:
    """All that a profile keeps, as one text, without the other profiles."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "profiles" not in path.relative_to(folder).parts]
    return "\n".join(path.read_text("utf-8", "replace") for path in sorted(paths))


def test_three_profiles_at_once(home: Home, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(replies(name), key=f"key-of-{name}-0123456789")) for name in NAMES}
        for name in NAMES:
            prepare(home, name, servers[name])
        children = {name: start(home, name, tmp_path / f"{name}.opened") for name in NAMES}
        for name, child in children.items():
            assert child.stdin is not None
            child.stdin.write(f"message to {name}\nanother message to {name}\n".encode())
            child.stdin.close()
            child.stdin = None
        for name, child in children.items():
            out, errors = child.communicate(timeout=90)
            assert b"second answer of " + name.encode() in out, (out, errors)

    for name in NAMES:
        opened = (tmp_path / f"{name}.opened").read_text().splitlines()
        own = [path for path in opened if belongs(path, home) == name]
        assert len(own) > 20, "the hook sees what the process does"
        assert any(path.endswith("/.env") for path in own) and any("/sessions/" in path for path in own)
        foreign = sorted({path for path in opened if belongs(path, home) not in (None, name)})
        assert not foreign, f"{name} touched what is another profile's: {foreign}"
        others = [other for other in NAMES if other != name]
        assert not [path for path in opened if any(path.startswith(str(home.workspace / other)) for other in others)]
        check_separate(home, name, servers[name])


def check_separate(home: Home, name: str, server: ModelServer) -> None:
    folder = home_of(home, name)
    for call in server.model_calls:
        assert call.headers["authorization"] == f"Bearer key-of-{name}-0123456789"
        assert not any(other.encode() in call.raw for other in (f"message to {o}" for o in NAMES if o != name))
    assert len(server.model_calls) == 5
    assert len(list((folder / "sessions").glob("*.jsonl"))) == 1
    assert f"{name} likes tea" in (folder / "memory/MEMORY.md").read_text()
    assert len(ledger(folder)) == 5, "each call stands in its own profile's ledger"
    assert [approval.text for approval in ApprovalStore(folder / "approvals.json", SystemClock(), str).list()] == [
        f"text of {name}"
    ]
    assert list((folder / "undo").rglob("*")), "what it changed can be taken back"
    kept = written(folder)
    for other in NAMES:
        if other != name:
            for trace in (
                f"message to {other}",
                f"answer of {other}",
                f"{other} likes tea",
                f"key-of-{other}",
                f"{other}.txt",
            ):
                assert trace not in kept, f"{trace!r} is in {name}"
    assert (home.workspace / name / f"{name}.txt").read_text() == f"file of {name}\n"


def ledger(folder: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    return [record for record in records if record["record"] == "call"]


def test_the_undo_of_one_profile_does_not_reach_another(home: Home) -> None:
    with ExitStack() as stack:
        for name in ("one", "two"):
            server = stack.enter_context(running(replies(name), key=f"key-of-{name}-0123456789"))
            prepare(home, name, server)
            assert home.run("-p", name, "ask", "write", cwd=home.workspace / name).code == 0
        assert home.run("-p", "one", "undo", "--yes").code == 0
    assert not (home.workspace / "one/one.txt").exists()
    assert (home.workspace / "two/two.txt").exists()
