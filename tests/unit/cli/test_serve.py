"""alpi serve: when it refuses to start, what it loads while nobody asks, and its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.program import Home

# What only a turn needs, or another command: an idle service does not hold it.
NOT_FOR_WAITING = (
    "alpi.agent.engine",
    "alpi.agent.turn",
    "alpi.providers",
    "alpi.tools",
    "alpi.mcp",
    "alpi.safety.shell",
    "alpi.tui.app",
    "alpi.cli.ask",
    "alpi.cli.skills",
    "encodings.idna",
    "httpx2",
    "textual",
    "rich",
    "genai_prices",
)
# Runs the program and says at the end which modules it has loaded.
SPY = """
import os, sys
from alpi.cli.main import main
code = main(["serve"], os.environ)
print("loaded:", " ".join(sys.modules))
sys.exit(code)
"""


def configured(home: Home, text: str) -> None:
    home.alpi.mkdir(mode=0o700, exist_ok=True)
    (home.alpi / "config.yaml").write_text(text)


def wait_for(path: Path) -> None:
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not come")


def test_without_a_service_there_is_nothing_to_do(home: Home) -> None:
    configured(home, "language: en\n")
    done = home.call("serve")
    assert (done.code, "no service is enabled" in done.err) == (2, True)
    assert "alp.enabled true" in done.err


@pytest.mark.parametrize("text", ["alp: {enabled: true\n", "alp: {enabled: maybe}\n"], ids=["yaml", "value"])
def test_settings_that_cannot_be_read_are_named(home: Home, text: str) -> None:
    configured(home, text)
    done = home.call("serve")
    assert done.code == 2
    assert "config.yaml" in done.err


def test_an_idle_service_loads_no_agent_and_one_runs_at_a_time(home: Home) -> None:
    configured(home, "alp: {enabled: true}\n")
    service = subprocess.Popen(
        [sys.executable, "-c", SPY],
        env=home.environ,
        cwd=home.workspace,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(home.alpi / "alp" / "alp.sock")
        second = home.run("serve")
        assert second.code == 1
        assert f"runs already for this profile (process {service.pid})" in second.err
        service.send_signal(signal.SIGTERM)
        out, _ = service.communicate(timeout=20)
    finally:
        service.kill()
    assert service.returncode == 0, out
    lines = out.decode().splitlines()
    assert "alp: listening for this machine" in out.decode()
    assert lines[-2].endswith("stopped")
    loaded = lines[-1].removeprefix("loaded: ").split()
    assert "alpi.alp.io.node" in loaded
    assert [name for name in NOT_FOR_WAITING if name in loaded] == []
    assert not (home.alpi / "alp" / "alp.sock").exists()
    assert "listening for this machine" in (home.alpi / "logs" / "serve.log").read_text()
