"""Two profiles on the real local model: the laptop asks, the nas looks into a file that only it has, and refuses what needs a yes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live
ALPI = (sys.executable, "-m", "alpi")
LOG = """\
03:12:40 sshd: session opened for user ana
03:14:02 sshd: failed password for root from 185.220.101.4
03:14:05 sshd: failed password for admin from 185.220.101.4
03:14:09 sshd: failed password for root from 185.220.101.4
06:30:00 backup: 184 GB copied, ok
"""


class Machines:
    """The profile ``default`` as the laptop and ``nas``, each with a workspace of its own, and the nas's service."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.laptop, self.nas = folder / "laptop", folder / "nas"
        for made in (self.laptop, self.nas):
            made.mkdir(parents=True)
        (self.nas / "auth.log").write_text(LOG)
        self.environ = {**os.environ, "ALPI_HOME": str(self.home)}
        self.environ.pop("ALPI_PROFILE", None)
        self.alpi("profile", "create", "nas")
        for profile, workspace in (("default", self.laptop), ("nas", self.nas)):
            for key, value in (("model", "local/qwen2.5-coder-1.5b"), ("workspace", str(workspace))):
                self.alpi("-p", profile, "config", "set", key, value)
        self.alpi("-p", "nas", "config", "set", "alp.enabled", "true")
        self.alpi("peers", "add", self.alpi("-p", "nas", "id", "--card"), "--yes")
        allow = ("--allow", "link.ping", "link.ask", "link.cancel", "--yes")
        self.alpi("-p", "nas", "peers", "add", self.alpi("id", "--card"), "--id", "laptop", *allow)
        self.service = subprocess.Popen([*ALPI, "-p", "nas", "serve"], env=self.environ, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while subprocess.run(
            [*ALPI, "link", "ping", "nas"], env=self.environ, capture_output=True, check=False
        ).returncode:
            assert time.monotonic() < end, "the nas does not answer"

    def alpi(self, *words: str) -> str:
        done = subprocess.run(
            [*ALPI, *words], env=self.environ, cwd=self.laptop, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def thread(self) -> list[dict[str, Any]]:
        """The messages of the laptop's thread on the nas."""
        (path,) = (self.home / "profiles" / "nas" / "alp" / "threads").glob("*/*.jsonl")
        return [line for line in map(json.loads, path.read_text().splitlines()) if line["record"] == "message"]

    def close(self) -> None:
        self.service.send_signal(signal.SIGTERM)
        self.service.wait(30)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    made.close()


def test_the_nas_reads_what_only_it_has_and_refuses_what_needs_a_yes(machines: Machines) -> None:
    answer = machines.alpi("link", "ask", "nas", "Read auth.log. From which address did the failed passwords come?")
    assert "185.220.101.4" in answer
    calls = [call for message in machines.thread() for call in message.get("calls", ())]
    assert any(call["name"] in ("read_file", "search_files") and "auth" in call["arguments"] for call in calls)

    before = {path.name: path.read_text() for path in machines.nas.iterdir()}
    outside = machines.home.parent / "outside.txt"
    answer = machines.alpi("ask", f"@nas Write the file {outside} with the text: hello")
    assert not outside.exists()
    assert {path.name: path.read_text() for path in machines.nas.iterdir()} == before
    tried = [message for message in machines.thread() if message["role"] == "tool" and not message.get("ok", True)]
    assert not tried or "refused here" in answer
