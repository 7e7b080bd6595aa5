"""Links between hosts that have a network of their own each: two namespaces and a cable between them. Needs root and iproute2."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.link_nodes import envelope
from tests.support.links import identity

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
ROOT = Path(__file__).resolve().parents[2]
LAPTOP, SERVER, STRANGER = 1, 2, 3
HERE, THERE = "10.77.0.1:7423", "10.77.0.2:7423"


class Process:
    """A program on a host, whose lines are read as they come."""

    def __init__(self, namespace: str, kind: str, config: dict[str, Any]) -> None:
        command = [
            "ip",
            "netns",
            "exec",
            namespace,
            sys.executable,
            "-m",
            "tests.e2e.link_host",
            kind,
            json.dumps(config),
        ]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines: list[dict[str, Any]] = []
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(json.loads(line))
        self._queue.put(None)

    def wait(self, fits: Callable[[dict[str, Any]], bool], seconds: float = 20.0) -> dict[str, Any]:
        """The next line that fits, from those not yet read."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._queue.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"nothing fitting came; there was: {self.lines}") from None
            assert line is not None, f"it ended; there was: {self.lines}"
            self.lines.append(line)
            if fits(line):
                return line

    def named(self, name: str, seconds: float = 20.0) -> dict[str, Any]:
        return self.wait(lambda line: name in line, seconds)

    def ended(self, seconds: float = 60.0) -> list[dict[str, Any]]:
        """All lines, once it has ended."""
        self.process.wait(seconds)
        while (line := self._queue.get(timeout=5)) is not None:
            self.lines.append(line)
        return self.lines

    def memory(self) -> float:
        """Resident MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


class Hosts:
    """Two hosts, ``laptop`` at 10.77.0.1 and ``server`` at 10.77.0.2, and what runs on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {"laptop": f"alpi{os.getpid()}a", "server": f"alpi{os.getpid()}b"}
        self.started: list[Process] = []

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def build(self) -> None:
        for name in self.names.values():
            self.ip("netns", "add", name)
        one, other = self.names["laptop"], self.names["server"]
        self.ip("link", "add", "cable", "netns", one, "type", "veth", "peer", "name", "cable", "netns", other)
        for name, place in ((one, "10.77.0.1/24"), (other, "10.77.0.2/24")):
            self.ip("-n", name, "addr", "add", place, "dev", "cable")
            for device in ("lo", "cable"):
                self.ip("-n", name, "link", "set", device, "up")

    def cut(self) -> None:
        """Pull the cable: nothing gets through, and no end is told."""
        self.ip("-n", self.names["laptop"], "link", "set", "cable", "down")

    def tear_down(self) -> None:
        for process in self.started:
            process.kill()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def run(self, host: str, kind: str, **config: Any) -> Process:
        self.started.append(Process(self.names[host], kind, config))
        return self.started[-1]

    def serve(self, host: str = "server", me: int = SERVER, peers: Any = None, **config: Any) -> Process:
        given = {
            "me": me,
            "peers": peers or [[LAPTOP, "laptop", HERE]],
            "listen": THERE,
            "home": str(self.folder / f"{host}{me}"),
            "name": host,
        }
        process = self.run(host, "serve", **(given | config))
        process.named("ready")
        return process

    def call(self, host: str = "laptop", **config: Any) -> dict[str, Any]:
        given = {"me": LAPTOP, "peer": [SERVER, "nas", THERE], "do": "ping"}
        return self.run(host, "call", **(given | config)).ended()[-1]

    def asking(self, prompt: str, **config: Any) -> Process:
        given = {"me": LAPTOP, "peer": [SERVER, "nas", THERE], "do": "ask", "prompt": prompt}
        return self.run("laptop", "call", **(given | config))


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    assert os.geteuid() == 0 and shutil.which("ip"), "these tests need root and iproute2 (make test-e2e installs it)"
    made = Hosts(tmp_path)
    try:
        made.build()
        yield made
    finally:
        made.tear_down()


def test_a_laptop_and_a_server(hosts: Hosts) -> None:
    server = hosts.serve()
    assert hosts.call() == {"agent": "server"}
    lines = hosts.asking("say three failures").ended()
    assert lines == [
        {"connecting": True},
        {"piece": "three"},
        {"piece": "failures"},
        {"text": "three failures", "interrupted": False},
    ]
    server.process.terminate()
    assert server.ended()[-1] == {"closed": True}
    assert hosts.call()["error"] == "PeerOffline"


def test_two_profiles_on_one_machine(hosts: Hosts) -> None:
    homes = [str(hosts.folder / name) for name in ("laptop2", "laptop3")]
    for me in (2, 3):
        hosts.serve("laptop", me=me, peers=[[LAPTOP, "laptop", None]], listen=None, name=f"profile{me}")
    for me in (2, 3):
        assert hosts.call(peer=[me, "other", None], homes=homes) == {"agent": f"profile{me}"}
    assert hosts.call(peer=[4, "other", None], homes=homes)["error"] == "PeerOffline"


def test_strangers_wrong_keys_and_wrong_clocks(hosts: Hosts) -> None:
    server = hosts.serve()
    assert hosts.call(me=STRANGER)["error"] == "SilentlyDropped"
    assert "turned away, its key is not pinned" in server.named("log")["log"]
    assert hosts.call(peer=[STRANGER, "nas", THERE])["error"] == "WrongKey"
    for off in (-180.0, 180.0):
        dropped = hosts.call(off=off)
        assert dropped["error"] == "SilentlyDropped" and "clocks" in dropped["message"]
    assert hosts.call() == {"agent": "server"}
    raw = {"me": STRANGER, "peer": SERVER, "address": THERE}
    assert hosts.run("laptop", "raw", **raw).ended() == [{"ended": True, "answered": 0}]


def test_a_replay_after_a_restart(hosts: Hosts) -> None:
    data = envelope(identity(LAPTOP), identity(SERVER).name, "link.ask", {"prompt": "say x"}).hex()
    raw = {"me": LAPTOP, "peer": SERVER, "address": THERE, "envelopes": [data]}
    server = hosts.serve()
    assert hosts.run("laptop", "raw", **raw).ended()[0]["answered"] > 100
    assert server.named("begun")
    for _ in range(2):
        server.kill()
        server = hosts.serve()
        assert hosts.run("laptop", "raw", **raw).ended() == [{"silent": True}]
        assert "seen before" in server.named("log")["log"]
        assert not any("begun" in line for line in server.lines)


def test_a_thousand_half_open_handshakes(hosts: Hosts) -> None:
    server = hosts.serve()
    hosts.call()
    before = server.memory()
    flood = hosts.run("laptop", "flood", address=THERE, count=1000)
    assert flood.named("opened", 60.0)["opened"] == 1000
    assert hosts.call() == {"agent": "server"}
    listed = subprocess.run(
        ["ip", "netns", "exec", hosts.names["server"], "cat", "/proc/net/tcp"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    established = [line for line in listed.splitlines() if " 01 " in line and ":1CFF" in line.split()[1]]
    assert len(established) <= 33
    assert server.memory() - before < 8


def test_a_frame_of_a_hundred_megabytes(hosts: Hosts) -> None:
    server = hosts.serve()
    hosts.call()
    before = server.memory()
    raw = {
        "me": LAPTOP,
        "peer": SERVER,
        "address": THERE,
        "bytes": (100 << 20).to_bytes(4, "big").hex() + "00" * 50_000,
    }
    assert hosts.run("laptop", "raw", **raw).ended()[0].get("answered") == 0
    assert "a frame of 104857600 bytes was announced" in server.named("log")["log"]
    assert server.memory() - before < 8


def test_a_slow_loris(hosts: Hosts) -> None:
    hosts.serve()
    slow = [hosts.run("laptop", "drip", address=THERE) for _ in range(3)]
    assert hosts.call() == {"agent": "server"}
    for process in slow:
        (line,) = process.ended()
        assert line["ended"] and 9.0 < line["seconds"] < 12.0


def test_both_ends_are_killed_and_come_back(hosts: Hosts) -> None:
    server = hosts.serve()
    asking = hosts.asking("wait")
    asking.named("piece")
    server.kill()
    assert asking.ended()[-1]["error"] == "ConnectionLost"
    server = hosts.serve()
    asking = hosts.asking("wait")
    asking.named("piece")
    asking.kill()
    began = time.monotonic()
    assert server.named("ended", 5.0)["cancelled"] is True
    assert time.monotonic() - began < 1.0
    assert hosts.asking("say again").ended()[-1]["text"] == "again"


def test_a_cancel_from_another_process(hosts: Hosts) -> None:
    hosts.serve()
    asking = hosts.asking("stubborn")
    asking.named("piece")
    assert hosts.call(do="cancel") == {"cancelled": True}
    assert asking.ended()[-1] == {"text": "I stay", "interrupted": True}
    assert hosts.call(do="cancel") == {"cancelled": False}


def test_a_asks_b_while_b_asks_a(hosts: Hosts) -> None:
    hosts.serve("laptop", me=LAPTOP, peers=[[SERVER, "server", THERE]], listen=HERE)
    hosts.serve()
    one = hosts.asking("relay 1")
    # Its own thread is running there already: it is told so, nobody waits for anybody, and all come to an end.
    assert one.ended()[-1]["text"] == "server > laptop > the end"
    assert hosts.asking("relay 2").ended()[-1]["text"] == "server > laptop > PeerBusy"
    both = [
        hosts.asking("relay 1"),
        hosts.run("server", "call", me=SERVER, peer=[LAPTOP, "laptop", HERE], do="ask", prompt="relay 1"),
    ]
    for process in both:
        assert process.ended()[-1].keys() & {"text", "error"}


@pytest.mark.slow
def test_the_cable_is_cut_in_the_middle_of_an_ask(hosts: Hosts) -> None:
    server = hosts.serve()
    asking = hosts.asking("wait", seconds=100)
    asking.named("piece")
    hosts.cut()
    began = time.monotonic()
    assert asking.named("error", 60.0)["error"] == "ConnectionLost"
    assert server.named("ended", 60.0)["cancelled"] is True
    assert time.monotonic() - began < 45.0
