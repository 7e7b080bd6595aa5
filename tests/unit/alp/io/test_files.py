"""Keys, peers and replay memory on the disk, and where a node may listen."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpi.alp.core.address import Address
from alpi.alp.core.identity import Identity
from alpi.alp.core.peerstext import render_peer
from alpi.alp.core.replay import Floor, Seen
from alpi.alp.io import unixsocket
from alpi.alp.io.keyfile import IdentityFiles, find_socket
from alpi.alp.io.network import Listen, SystemNetwork, check_address
from alpi.alp.io.nodelog import NodeLog
from alpi.alp.io.peersfile import PeersFile
from alpi.alp.io.replayfile import SLACK, ReplayFile
from alpi.base.errors import ConfigError, StorageError
from tests.support.links import identity, peer, seeded

TODAY = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_an_identity_is_made_on_first_need_and_kept(tmp_path: Path) -> None:
    files = IdentityFiles(tmp_path / "alp")
    assert files.load() is None
    made = files.load_or_make(seeded())
    assert made == files.load() == IdentityFiles(tmp_path / "alp").load_or_make(seeded(2))
    assert stat.S_IMODE(files.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    assert (tmp_path / "alp" / "identity.pub").read_text() == f"{made.name}\n"


def test_rotation_keeps_the_old_key_in_a_dated_file(tmp_path: Path) -> None:
    files = IdentityFiles(tmp_path / "alp")
    first = files.load_or_make(seeded(1))
    second, old, kept = files.rotate(TODAY, seeded(2))
    assert old == first and second == files.load() != first
    assert kept == tmp_path / "alp" / "identity-2026-11-25.key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().strip() in _seed_of(first)
    _, _, again = files.rotate(TODAY, seeded(3))
    assert again == tmp_path / "alp" / "identity-2026-11-25-2.key"
    assert IdentityFiles(tmp_path / "new").rotate(TODAY, seeded(4))[1:] == (None, None)


def _seed_of(identity: Identity) -> str:
    import base64

    return base64.b64encode(identity.seed).decode()


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    files = IdentityFiles(tmp_path / "alp")
    files.load_or_make(seeded())
    files.path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be used by others") as caught:
        files.load()
    assert caught.value.hint == f"chmod 600 {files.path}"
    files.path.chmod(0o600)
    files.folder.chmod(0o750)
    with pytest.raises(ConfigError, match="can be used by others"):
        files.load()


def test_a_broken_key_is_not_replaced(tmp_path: Path) -> None:
    files = IdentityFiles(tmp_path / "alp")
    files.load_or_make(seeded())
    files.path.write_text("nonsense\n")
    for attempt in (files.load, files.load_or_make):
        with pytest.raises(ConfigError, match="holds no key"):
            attempt()
    assert files.path.read_text() == "nonsense\n"
    files.path.unlink()
    files.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        files.load_or_make()


def test_a_profile_of_this_machine_is_found_by_its_key(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two", "empty")]
    made = [IdentityFiles(home / "alp").load_or_make(seeded(number)) for number, home in enumerate(homes[:2])]
    assert find_socket(made[1].name, homes) == homes[1] / "alp" / "alp.sock"
    assert find_socket(identity(9).name, homes) is None


def test_peers_are_read_again_only_when_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "peers.yaml"
    source = PeersFile(path)
    assert len(source.book()) == 0
    path.write_text(render_peer(peer(identity(1), "one")))
    first = source.book()
    assert [one.id for one in first] == ["one"]
    assert source.book() is first
    path.write_text(path.read_text() + render_peer(peer(identity(2), "two")))
    assert [one.id for one in source.book()] == ["one", "two"]
    path.unlink()
    assert len(source.book()) == 0


def test_a_broken_list_admits_nobody_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "peers.yaml"
    source = PeersFile(path)
    good = render_peer(peer(identity(1), "one"))
    for text, why in ((good + "- id: two\n", "line 5"), (good + "\x00", "YAML"), ("\udcff", "UTF-8")):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        book = source.book()
        assert len(book) == 0 and why in book.problem and "no peer is admitted" in book.problem
    path.write_text(good)
    assert len(source.book()) == 1
    tmp_path.chmod(0o755)
    path.chmod(0o664)
    assert "can be used by others" in source.book().problem and len(source.book()) == 0
    path.chmod(0o600)
    assert len(source.book()) == 1
    tmp_path.chmod(0o700)
    path.chmod(0o664)
    assert len(source.book()) == 1
    path.unlink()
    path.mkdir()
    assert len(source.book()) == 0 and source.book().problem


ONE, TWO = identity(1).name, identity(2).name


def seen(number: int, at: float = 1000.0, sender: str = ONE) -> Seen:
    return Seen(sender, number.to_bytes(16, "big"), at, at + 0.123456789)


def kept(path: Path, *records: Seen, now: float = 1000.0) -> None:
    store = ReplayFile(path)
    window = store.open(now)
    for record in records:
        window.remember(record)
        store.keep(record, durable=True)
    store.close()


def test_the_replay_memory_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "replay.log"
    kept(path, seen(1), seen(2, 1010.0), seen(3, sender=TWO))
    kept(path, seen(4, 1020.0), now=1020.0)
    window = ReplayFile(path).open(1100.0)
    assert list(window.records()) == [seen(1), seen(2, 1010.0), seen(4, 1020.0), seen(3, sender=TWO)]
    assert list(ReplayFile(path).open(1315.0).records()) == [seen(4, 1020.0)]


def test_a_torn_last_line_was_never_answered(tmp_path: Path) -> None:
    path = tmp_path / "replay.log"
    kept(path, seen(1), seen(2))
    whole = path.read_bytes()
    for cut in range(1, len(whole.splitlines(keepends=True)[-1])):
        path.write_bytes(whole[:-cut])
        window = ReplayFile(path).open(1000.0)
        assert list(window.records()) == [seen(1)]
        assert not window.is_replay(ONE, seen(2).nonce, 1000.0, 1000.0)


@pytest.mark.parametrize("damage", [b"x\n", b"1.0 2.0 abc 00\n", b"\xff\n", b"1 2 3 4 5\n", b"nan\n", b"\n"])
def test_a_damaged_memory_lets_nothing_old_in(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "replay.log"
    kept(path, seen(1), seen(2))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + damage + lines[1])
    window = ReplayFile(path).open(1000.0)
    assert window.is_replay(ONE, seen(9).nonce, 1119.0, 1000.0)
    assert window.is_replay(TWO, seen(9).nonce, 1119.0, 1000.0)
    assert not window.is_replay(ONE, seen(9).nonce, 1121.0, 1121.0)


def test_the_file_does_not_grow_without_end(tmp_path: Path) -> None:
    path = tmp_path / "replay.log"
    store = ReplayFile(path)
    window = store.open(0.0)
    largest = 0
    for number in range(4 * SLACK):
        record = seen(number, float(number))
        window.expire(float(number))
        window.remember(record)
        store.keep(record, durable=False)
        largest = max(largest, path.stat().st_size) if number % 100 == 0 else largest
    store.close()
    assert largest < 140 * (SLACK + 3 * 400)
    again = ReplayFile(path).open(float(4 * SLACK))
    assert again.is_replay(ONE, seen(4 * SLACK - 1).nonce, 1e9, float(4 * SLACK))


def test_floors_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "replay.log"
    path.write_text(f"floor 995.5 {ONE}\n")
    window = ReplayFile(path).open(1000.0)
    assert list(window.records()) == [Floor(ONE, 995.5)]
    assert window.is_replay(ONE, bytes(16), 995.5, 1000.0) and not window.is_replay(TWO, bytes(16), 995.5, 1000.0)


def test_what_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    """/dev/full takes no byte: a disk that has no room."""
    store = ReplayFile(tmp_path / "replay.log")
    store.open(0.0)
    os.close(store._descriptor)
    store._descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(StorageError, match="No space left"):
        store.keep(seen(1), durable=False)


def test_a_stale_socket_is_replaced_and_a_live_one_names_its_process(tmp_path: Path) -> None:
    path = tmp_path / "alp.sock"
    first = unixsocket.bind(path)
    with pytest.raises(unixsocket.SocketInUse, match=f"process {os.getpid()} is listening at {path}") as caught:
        unixsocket.bind(path)
    assert caught.value.pid == os.getpid()
    first.close()  # as a killed process leaves it
    assert path.exists()
    second = unixsocket.bind(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second.close()
    unixsocket.remove(path)
    unixsocket.remove(path)
    path.write_text("mine")
    with pytest.raises(StorageError, match="is no socket"):
        unixsocket.bind(path)
    unixsocket.remove(path)
    assert path.read_text() == "mine"


def test_a_long_path_works_too(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    made = unixsocket.bind(folder / "alp.sock")
    with socket.socket(socket.AF_UNIX) as caller, unixsocket.reachable(folder / "alp.sock") as name:
        caller.connect(name)
        assert unixsocket.peer_uid(caller) == os.geteuid()
    made.close()


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "8.8.8.8", "2a00:1450::1", "::ffff:8.8.8.8", "::ffff:0.0.0.0", "224.0.0.1"]
)
def test_public_and_wildcard_addresses_must_be_meant(host: str) -> None:
    with pytest.raises(ConfigError, match=r"every address|public address"):
        check_address(host, Listen(Address(host)))
    check_address(host, Listen(Address(host), public=True))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "100.64.0.7", "fd7a:115c::1", "169.254.1.1", "fe80::1%eth0"]
)
def test_private_addresses_may_be_listened_at(host: str) -> None:
    check_address(host, Listen(Address(host)))


def test_listening_at_a_wildcard_is_refused_before_anything_is_bound() -> None:
    async def scenario() -> None:
        network = SystemNetwork()
        with pytest.raises(ConfigError, match="every address of this machine"):
            await network.listen(Listen(Address("0.0.0.0", 0)), asyncio.Protocol)
        listener = await network.listen(Listen(Address("0.0.0.0", 0), public=True), asyncio.Protocol)
        assert listener.addresses[0].host == "0.0.0.0"
        taken = Listen(Address("127.0.0.1", listener.addresses[0].port))
        with pytest.raises(StorageError, match="cannot listen at"):
            await network.listen(taken, asyncio.Protocol)
        listener.close()
        with pytest.raises(ConfigError, match="cannot be found"):
            await network.listen(Listen(Address("no-such-host.invalid")), asyncio.Protocol)

    asyncio.run(scenario())


def test_the_log_says_how_much_was_left_out() -> None:
    lines: list[str] = []
    log = NodeLog(lines.append, 2)
    for number in range(5):
        log.note(f"line {number}", 100.0 + number)
    log.note("later", 161.0)
    assert lines == ["line 0", "line 1", "3 more lines of this kind were left out", "later"]


KEEPING = """
import sys
from pathlib import Path
from alpi.alp.core.replay import Seen
from alpi.alp.io.replayfile import ReplayFile
store = ReplayFile(Path(sys.argv[1]))
window = store.open(1000.0)
for number in range(int(sys.argv[2]), 10**9):
    seen = Seen(sys.argv[3], number.to_bytes(16, "big"), 1000.0 + number / 1e6, 1000.0)
    window.remember(seen)
    store.keep(seen, durable=number % 50 == 0)
    print(number, flush=True)
"""


def test_what_was_acknowledged_outlives_a_kill_at_any_moment(tmp_path: Path) -> None:
    path, last = tmp_path / "replay.log", 0
    for round_number in range(4):
        process = subprocess.Popen([sys.executable, "-c", KEEPING, str(path), str(last), ONE], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(700 * round_number + 30):
            last = int(process.stdout.readline())
        process.kill()
        last = max([last, *(int(line) for line in process.stdout.read().split(b"\n")[:-1])])
        process.wait()
        window = ReplayFile(path).open(1000.0)
        for number in range(last + 1):
            assert window.is_replay(ONE, number.to_bytes(16, "big"), 1119.0, 1000.0)
        last += 1
