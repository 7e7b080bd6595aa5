"""Nobody but the configured provider is contacted, nor even looked up: every connection of a whole session is watched."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.model_server import Reply, running
from tests.support.program import SRC, Home

# Installed before anything of alpi is loaded, so that nothing can happen unseen.
WATCHER = """
import json, os, sys
out = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, args):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.bind"):
        shown = [repr(arg) for arg in args if isinstance(arg, (str, bytes, int, tuple))]
        os.write(out, (json.dumps([event, shown]) + "\\n").encode())
sys.addaudithook(watch)
sys.argv[0] = "alpi"
from alpi.cli.main import run
run()
"""
TOOLS = [
    {"name": "read_file", "arguments": {"path": "a.txt"}},
    {"name": "search_files", "arguments": {"query": "hello"}},
    {"name": "write_file", "arguments": {"path": "b.txt", "content": "x"}},
    {"name": "terminal", "arguments": {"command": "ls -la"}},
]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_only_the_provider_is_contacted(tmp_path: Path, kind: str) -> None:
    home = Home(tmp_path)
    (home.workspace / "a.txt").write_text("hello\n")
    log = tmp_path / "network.jsonl"
    with running([Reply(tool_calls=TOOLS), Reply(text="done"), Reply(status=500), Reply(text="after all")]) as server:
        home.configure(server.url, kind)
        port = int(server.url.rsplit(":", 1)[1].split("/")[0])
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), "http://127.0.0.1:9")
        environ = {**home.environ, **proxies, "PYTHONPATH": str(SRC)}
        for words in (["ask", "--json", "go"], ["ask", "-c", "again"], ["models"]):
            done = subprocess.run(
                [sys.executable, "-c", WATCHER, str(log), *words],
                env=environ, cwd=home.workspace, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        calls = len(server.model_calls)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    connections = [args for event, args in events if event == "socket.connect"]
    assert calls == 4 and len(connections) >= 3
    assert all(args == [repr(("127.0.0.1", port))] for args in connections), connections
    # An address needs no look-up; asking for it by number does not leave the machine.
    others = [(event, args) for event, args in events if event not in ("socket.connect", "socket.getaddrinfo")]
    looked_up = [args[0] for event, args in events if event == "socket.getaddrinfo"]
    assert set(looked_up) <= {"'127.0.0.1'", "b'127.0.0.1'"}, looked_up
    assert not [entry for entry in others if entry[0].startswith(("socket.gethost", "socket.sendto", "socket.sendmsg"))]


def test_the_watcher_sees_a_look_up(tmp_path: Path) -> None:
    """The check can fail: a program that looks a name up is seen doing it."""
    log = tmp_path / "network.jsonl"
    program = (
        WATCHER.split("from alpi")[0]
        + "import socket\ntry: socket.getaddrinfo('example.test', 80)\nexcept OSError: pass\n"
    )
    subprocess.run([sys.executable, "-c", program, str(log), "x"], timeout=60, check=True)
    assert "example.test" in log.read_text()
