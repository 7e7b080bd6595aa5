"""Links: pings a second, the work that one costs the node, and the memory of services that wait, beside the primitives alone.

The nodes are real: three profiles, each with `alpi serve` running, started as anybody starts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nacl import bindings

from alpi.alp.core.address import Address
from alpi.alp.core.identity import Identity
from alpi.alp.core.peers import Peer
from alpi.alp.core.peerstext import with_peer
from alpi.alp.io.client import Client
from alpi.alp.io.keyfile import IdentityFiles
from alpi.base.clock import SystemClock

from .measure import ALPI, Row

NAMES = ("default", "nas", "desk")
PINGS = 1500
CONNECTIONS = 300
ROUNDS = 5
FLOOR_ROUNDS = 500
AT_ONCE = 8
IDLE_SECONDS = 5.0
ENVELOPE = 420  # bytes of a ping
# A ping at 1,500 a second takes 0.67 ms, and so on; aims are what a thing takes at most.
AIM_PING_MS = 0.667
AIM_CONNECT_MS = 2.0
AIM_WORK = 3.0
AIM_MB = 60.0


@dataclass(frozen=True)
class Running:
    """A profile whose service runs."""

    process: subprocess.Popen[bytes]
    peer: Peer
    folder: Path

    def work(self) -> float:
        """Seconds of processor time that the process has used (Linux: the clock of a process, as clock_getcpuclockid gives it)."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self, kind: str) -> float:
        """MB of ``Rss`` (all that is resident) or ``Pss`` (what is shared with others counts in part)."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        found = re.search(rf"^{kind}: +(\d+) kB", text, re.MULTILINE)
        assert found is not None
        return int(found[1]) / 1024


def run() -> list[Row]:
    """Measure: memory first, before anybody has asked anything."""
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name, services(Path(name)) as (me, running):
        time.sleep(IDLE_SECONDS)
        rows = memory_rows(running)
        return rows + asyncio.run(ping_rows(me, running[0]))


def memory_rows(running: list[Running]) -> list[Row]:
    """What three idle services hold."""
    rows = []
    for kind, words, aim in (
        ("Pss", "shared pages counted in part", AIM_MB),
        ("Rss", "each on its own, added up", None),
    ):
        each = [one.memory(kind) for one in running]
        shown = " + ".join(f"{size:.1f}" for size in each)
        rows.append(Row(f"memory of 3 idle services ({kind.upper()})", shown, "", sum(each), aim, " MB", words))
    return rows


async def ping_rows(me: Identity, node: Running) -> list[Row]:
    """Time and work of pings."""
    here = Peer("here", node.peer.public, node.peer.noise_public)
    clients = [Client(me, socket_of=lambda peer: node.folder / "alp.sock", clock=SystemClock()) for _ in range(AT_ONCE)]
    times: dict[str, list[float]] = {name: [] for name in ("tcp", "unix", "connect", "tcp busy", "unix busy", "floor")}
    works: dict[str, list[float]] = {name: [] for name in times}
    both: dict[str, list[float]] = {name: [] for name in times}
    shares: dict[str, list[float]] = {name: [] for name in times}

    async def pings(peer: Peer, count: int, callers: int) -> None:
        async def one(client: Client) -> None:
            for _ in range(count // callers):
                await client.ping(peer)

        await asyncio.gather(*(one(client) for client in clients[:callers]))

    async def connections() -> None:
        for _ in range(CONNECTIONS):
            await clients[0].ping(node.peer)
            await clients[0].close()

    async def close() -> None:
        for client in clients:
            await client.close()

    calls: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
        "tcp": (PINGS, lambda: pings(node.peer, PINGS, 1)),
        "tcp busy": (PINGS, lambda: pings(node.peer, PINGS, AT_ONCE)),
        "connect": (CONNECTIONS, connections),
        "unix": (PINGS, lambda: pings(here, PINGS, 1)),
        "unix busy": (PINGS, lambda: pings(here, PINGS, AT_ONCE)),
    }
    for number in range(ROUNDS + 1):
        for name, (count, call) in calls.items():
            await pings(node.peer, AT_ONCE, AT_ONCE)
            signing, sealing = floor(FLOOR_ROUNDS)
            before, own, start = node.work(), time.process_time(), time.perf_counter()
            await call()
            seconds, work = (time.perf_counter() - start) / count, (node.work() - before) / count
            own = (time.process_time() - own) / count
            if number:
                times[name].append(seconds)
                works[name].append(work)
                both[name].append(work + own)
                shares[name].append(work / signing)
                times["floor"].append(2 * (signing + sealing))
                works["floor"].append(signing)
        await close()
    rows = []
    for what, name, aim in (
        ("ping, TCP session", "tcp", AIM_PING_MS),
        ("ping, Unix socket", "unix", AIM_PING_MS),
        ("connect, handshake, ping", "connect", AIM_CONNECT_MS),
    ):
        middle, best = statistics.median(times[name]), min(times[name])
        by_work = 1 / statistics.median(both[name])
        note = f"{1 / middle:,.0f} a second, best {1 / best:,.0f}, by work of both ends {by_work:,.0f}; floor: both ends' primitives"
        rows.append(Row(what, milli(times[name]), milli(times["floor"]), middle * 1000, aim, " ms", note))
    for what, name in (
        ("work of the node, TCP", "tcp"),
        (f"work of the node, TCP, {AT_ONCE} callers", "tcp busy"),
        ("work of the node, Unix socket", "unix"),
        (f"work of the node, Unix, {AT_ONCE} callers", "unix busy"),
    ):
        note = f"best {min(shares[name]):.2f}; floor: one verify and one sign"
        if "busy" in name:
            note += f"; {1 / statistics.median(times[name]):,.0f} a second"
        rows.append(
            Row(what, milli(works[name]), milli(works["floor"]), statistics.median(shares[name]), AIM_WORK, "x", note)
        )
    return rows


def floor(count: int) -> tuple[float, float]:
    """Seconds of processor time for one verify and one sign, and for one seal and one open, of a ping's size."""
    public, secret = bindings.crypto_sign_seed_keypair(bytes(32))
    data, key, nonce = bytes(ENVELOPE), bytes(32), bytes(12)
    signed = bindings.crypto_sign(data, secret)
    sealed = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(data, b"", nonce, key)
    start = time.process_time()
    for _ in range(count):
        bindings.crypto_sign_open(signed, public)
        bindings.crypto_sign(data, secret)
    middle = time.process_time()
    for _ in range(count):
        bindings.crypto_aead_chacha20poly1305_ietf_encrypt(data, b"", nonce, key)
        bindings.crypto_aead_chacha20poly1305_ietf_decrypt(sealed, b"", nonce, key)
    return (middle - start) / count, (time.process_time() - middle) / count


@contextlib.contextmanager
def services(folder: Path) -> Iterator[tuple[Identity, list[Running]]]:
    """Three profiles whose services run, and the identity that all of them have pinned."""
    me = Identity(os.urandom(32))
    with contextlib.ExitStack() as ends:
        running = []
        for name in NAMES:
            root = folder / "home"
            home = root if name == "default" else root / "profiles" / name
            running.append(start(name, root, home, me))
            ends.callback(end, running[-1].process)
        for one in running:
            wait_for(one)
        yield me, running


def start(name: str, root: Path, home: Path, me: Identity) -> Running:
    """Write a profile, and start its service."""
    port = free_port()
    links = home / "alp"
    links.mkdir(parents=True, mode=0o700)
    (home / "config.yaml").write_text(f"alp: {{enabled: true, listen: '127.0.0.1:{port}'}}\n", encoding="utf-8")
    own = IdentityFiles(links).load_or_make(os.urandom)
    pinned = Peer("bench", me.public, me.noise_public, allow=("link.ping",), per_minute=10**6)
    path = links / "peers.yaml"
    path.write_text(with_peer("", pinned, path), encoding="utf-8")
    path.chmod(0o600)
    environ = {"ALPI_HOME": str(root), "HOME": str(root), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    process = subprocess.Popen([ALPI, "-p", name, "serve"], env=environ, stdout=subprocess.DEVNULL)
    return Running(process, Peer(name, own.public, own.noise_public, Address("127.0.0.1", port)), links)


def wait_for(one: Running) -> None:
    """Until it listens.

    Raises:
        RuntimeError: it does not.
    """
    address = one.peer.address
    assert address is not None
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection((address.host, address.port), 1.0):
            return
        time.sleep(0.05)
    raise RuntimeError(f"alpi serve of {one.peer.id} does not listen (status {one.process.poll()})")


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a service."""
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def milli(times: list[float]) -> str:
    """The median in milliseconds."""
    return f"{statistics.median(times) * 1000:.3f} ms"
