"""Archives of profiles: what goes in comes out, what does not belong stays out, and what is wrong is told apart and refused."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpi.base.errors import AlpiError, StorageError, UsageError
from alpi.state.archive import files
from alpi.state.archive.files import abandoned, restore_backup, verify_backup, write_backup
from alpi.state.archive.pack import CONTENTS, pack
from alpi.state.archive.sealed import ArchiveError, Cost, Sealer, Unsealer
from alpi.state.archive.tree import Tree
from alpi.state.archive.unpack import read_archive
from alpi.state.audit import AuditEntry, AuditLog
from tests.support.disks import no_larger_than, on_small_disk
from tests.support.fakes import FakeClock

CHEAP = Cost(passes=1, memory=8, chunk=256)
NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
WORDS = "correct horse battery"


def profile(home: Path) -> Path:
    """A profile with a bit of everything."""
    for name, text in {
        "config.yaml": "model: a/b\n",
        ".env": "KEY=secret\n",
        "memory/USER.md": "- likes tea\n",
        "sessions/1.jsonl": '{"a": 1}\n',
        "sessions/1.files/out.txt": "whole output",
        "skills/finance/run.sh": "#!/bin/sh\n",
        "undo/old": "old",
        "run/x.lock": "",
        "run/serve.json": "{}",
        "index/words": "x",
        "ledger.jsonl": '{"b": 2}\n',
    }.items():
        path = home / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
    (home / "skills/finance/run.sh").chmod(0o755)
    return home


def backup(target: Path, *homes: tuple[str, Path], passphrase: str | None = WORDS, undo: bool = False) -> Path:
    trees = [(name, Tree(home, undo=undo)) for name, home in homes]
    write_backup(target, trees, passphrase=passphrase, now=NOW, version="0.1.0", cost=CHEAP)
    return target


def restore(path: Path, root: Path, passphrase: str = WORDS) -> dict[str, Path]:
    return restore_backup(path, root, lambda: passphrase, lambda contents: {name: name for name in contents.profiles})[
        1
    ]


def listing(home: Path) -> dict[str, bytes]:
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.mark.parametrize("passphrase", [WORDS, None])
def test_what_goes_in_comes_out_and_nothing_else(tmp_path: Path, passphrase: str | None) -> None:
    home = profile(tmp_path / "from")
    path = backup(tmp_path / "file", ("default", home), ("work", home), passphrase=passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    places = restore(path, tmp_path / "to")
    assert places == {"default": tmp_path / "to", "work": tmp_path / "to/profiles/work"}
    expected = {
        name: data for name, data in listing(home).items() if name.split("/")[0] not in ("run", "index", "undo")
    }
    assert listing(tmp_path / "to/profiles/work") == expected
    assert {k: v for k, v in listing(tmp_path / "to").items() if not k.startswith("profiles/")} == expected
    for made in (tmp_path / "to").rglob("*"):
        assert stat.S_IMODE(made.stat().st_mode) == (0o700 if made.is_dir() or made.name == "run.sh" else 0o600), made
    assert sorted(os.listdir(tmp_path)) == ["file", "from", "to"]


def test_old_contents_for_undo_are_in_it_when_asked_for(tmp_path: Path) -> None:
    home = profile(tmp_path / "from")
    restore(backup(tmp_path / "file", ("work", home), undo=True), tmp_path / "to")
    assert (tmp_path / "to/profiles/work/undo/old").read_text() == "old"


def test_the_passphrase_is_not_in_the_file_and_neither_is_a_word_of_the_profile(tmp_path: Path) -> None:
    data = backup(tmp_path / "file", ("work", profile(tmp_path / "from"))).read_bytes()
    for word in (WORDS, "secret", "USER.md", "tea", "work"):
        assert word.encode() not in data


def test_a_passphrase_is_the_same_however_its_accents_were_typed(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("work", profile(tmp_path / "from")), passphrase="caf\u00e9")
    assert verify_backup(path, lambda: "cafe\u0301").files == 7


def problem(path: Path, passphrase: str = WORDS) -> str:
    with pytest.raises(ArchiveError) as caught:
        verify_backup(path, lambda: passphrase)
    assert str(path) in caught.value.message
    return caught.value.kind


def test_a_wrong_passphrase_a_cut_file_and_a_damaged_one_are_told_apart(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("work", profile(tmp_path / "from")))
    whole = path.read_bytes()
    assert problem(path, "wrong") == "passphrase"
    path.write_bytes(whole[:-1])
    assert problem(path) == "cut off"
    path.write_bytes(whole[: len(whole) // 2])
    assert problem(path) == "cut off"
    path.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    assert problem(path) == "damaged"
    path.write_bytes(whole + b"x")
    assert problem(path) == "damaged"
    path.write_bytes(b"something else entirely")
    assert problem(path) == "foreign"
    path.write_bytes(b"")
    assert problem(path) == "foreign"
    path.write_bytes(b"alpiBAK\x02" + whole[8:])
    assert problem(path) == "foreign"


def test_a_whole_stream_that_lost_its_last_chunk_is_not_a_whole_one() -> None:
    out = io.BytesIO()
    sealer = Sealer(out, "p", CHEAP)
    sealer.write(b"x" * 1024)
    sealer.close()
    data = out.getvalue()
    last = 4 + 17 + 256
    reader = Unsealer(io.BytesIO(data[:-last]), "p")
    with pytest.raises(ArchiveError) as caught:
        reader.finish()
    assert caught.value.kind == "cut off"


def test_a_header_that_asks_for_a_terabyte_is_refused_before_any_memory_is_taken(tmp_path: Path) -> None:
    import hashlib
    import struct

    fields = struct.pack(">8sIII16s24s", b"alpiBAK\x01", 3, 1 << 30, 1 << 20, b"s" * 16, b"b" * 24)
    (tmp_path / "file").write_bytes(fields + hashlib.sha256(fields).digest()[:8] + b"p" * 16 + b"x" * 100)
    assert problem(tmp_path / "file") == "damaged"


def test_nothing_is_replaced_without_being_asked_and_a_failed_backup_leaves_nothing(tmp_path: Path) -> None:
    home, target = profile(tmp_path / "from"), tmp_path / "file"
    target.write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        backup(target, ("work", home))
    with pytest.raises(UsageError, match="no folder"):
        backup(tmp_path / "no" / "file", ("work", home))
    target.unlink()

    def interrupted(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_backup(
            target, [("work", Tree(home))], passphrase=WORDS, now=NOW, version="1", cost=CHEAP, progress=interrupted
        )
    assert sorted(os.listdir(tmp_path)) == ["from"]


def test_a_full_disk_leaves_neither_half_a_backup_nor_half_a_profile(tmp_path: Path) -> None:
    home = profile(tmp_path / "from")
    (home / "large").write_bytes(b"x" * 200_000)
    path = backup(tmp_path / "file", ("work", home))
    with no_larger_than(50_000):
        with pytest.raises(StorageError):
            backup(tmp_path / "other", ("work", home))
        with pytest.raises(StorageError):
            restore(path, tmp_path / "to")
    assert sorted(entry.name for entry in tmp_path.rglob("*") if entry.is_file() and entry.parent != home) == sorted(
        ["file", *(p.name for p in home.rglob("*") if p.is_file() and p.parent != home)]
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bound a process's memory")
def test_a_machine_with_little_memory_makes_a_backup_that_costs_less() -> None:
    """The key is made with 64 MiB where 256 cannot be had; whoever opens it reads in the header how."""
    script = (
        "import io, resource, nacl.bindings\n"
        "from alpi.state.archive.sealed import Cost, Sealer, Unsealer, FIELDS\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + (150 << 20),) * 2)\n"
        "out = io.BytesIO(); sealer = Sealer(out, 'p'); sealer.write(b'x'); sealer.close(); out.seek(0)\n"
        "print(FIELDS.unpack(out.getvalue()[:FIELDS.size])[1:3], Unsealer(out, 'p').read())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(2, 65536) b'x'", done.stderr


def test_force_replaces_in_one_step(tmp_path: Path) -> None:
    home, target = profile(tmp_path / "from"), tmp_path / "file"
    target.write_text("an older one")
    write_backup(target, [("work", Tree(home))], passphrase=WORDS, now=NOW, version="1", cost=CHEAP, force=True)
    assert verify_backup(target, lambda: WORDS).files == 7


def test_links_sockets_locks_and_temporary_files_stay_out_and_links_are_told(tmp_path: Path) -> None:
    home = profile(tmp_path / "from")
    (home / "memory/link.md").symlink_to("/etc/passwd")
    (home / "sessions/1.lock").touch()
    (home / ".config.yaml.0123456789ab.tmp").touch()
    os.mkfifo(home / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(home / "s"))
    tree = Tree(home)
    names = {part.name for part in tree.parts()}
    listener.close()
    assert not names & {"memory/link.md", "sessions/1.lock", ".config.yaml.0123456789ab.tmp", "s", "pipe", "run/x.lock"}
    assert tree.left_out == [f"{home / 'memory/link.md'} (a link)", f"{home / 'pipe'} (not a file)"]


def test_a_journal_counts_up_to_its_last_whole_line(tmp_path: Path) -> None:
    home = profile(tmp_path / "from")
    (home / "sessions/1.jsonl").write_text('{"a": 1}\n{"b": "' + "x" * 100_000)
    (home / "sessions/2.jsonl").write_text('{"torn')
    restore(backup(tmp_path / "file", ("work", home)), tmp_path / "to")
    sessions = tmp_path / "to/profiles/work/sessions"
    assert (sessions / "1.jsonl").read_text() == '{"a": 1}\n'
    assert (sessions / "2.jsonl").read_text() == ""


def test_a_file_that_grows_meanwhile_is_taken_as_it_was(tmp_path: Path) -> None:
    home = profile(tmp_path / "from")
    path = home / "sessions/1.jsonl"
    seen = []
    for part in Tree(home).parts():
        if part.name == "sessions/1.jsonl":
            with path.open("a") as file:
                file.write('{"later": true}\n')
            seen.append(part.file.read(part.size))
    assert seen == [b'{"a": 1}\n']


def test_the_audit_chain_and_its_head_are_restored_together(tmp_path: Path) -> None:
    home = profile(tmp_path / "from")
    log = AuditLog(home / "logs", FakeClock(), str)
    for number in range(3):
        log.record(AuditEntry("s", "chat", "person", "terminal", f"command {number}", "caution", "once"))
    places = restore(backup(tmp_path / "file", ("work", home)), tmp_path / "to")
    report = AuditLog(places["work"] / "logs", FakeClock(), str).verify()
    assert (report.ok, report.entries, report.notes) == (True, 3, ())


def test_a_restored_profile_never_mixes_with_another(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("default", profile(tmp_path / "a")), ("work", profile(tmp_path / "b")))
    root = tmp_path / "to"
    (root / "profiles/work").mkdir(parents=True)
    (root / "profiles/work/config.yaml").touch()
    with pytest.raises(UsageError, match="is not empty"):
        restore(path, root)
    assert listing(root) == {"profiles/work/config.yaml": b""}
    assert [entry for entry in os.listdir(root) if entry != "profiles"] == []
    found, places = restore_backup(path, root, lambda: WORDS, lambda contents: {"default": "old"})
    assert (found.files, places) == (14, {"old": root / "profiles/old"})
    assert (root / "profiles/old/config.yaml").read_text() == "model: a/b\n"


def test_a_home_that_is_a_link_to_an_empty_folder_of_another_disk(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("default", profile(tmp_path / "from")))
    (tmp_path / "disk").mkdir()
    (tmp_path / "to").symlink_to(tmp_path / "disk")
    restore(path, tmp_path / "to")
    assert (tmp_path / "to").is_symlink() and (tmp_path / "disk/config.yaml").exists()


def test_a_profile_on_a_disk_gone_read_only_can_still_be_saved(tmp_path: Path) -> None:
    disk, target = tmp_path / "disk", tmp_path / "file"
    disk.mkdir()
    script = f"""
import subprocess
from pathlib import Path
from tests.unit.state.test_archive import AuditEntry, AuditLog, FakeClock, backup, profile
home = profile(Path({str(disk)!r}) / "home")
AuditLog(home / "logs", FakeClock(), str).record(AuditEntry("s", "chat", "person", "t", "w", "caution", "once"))
subprocess.run(["mount", "-o", "remount,ro", {str(disk)!r}], check=True)
backup(Path({str(target)!r}), ("work", home))
"""
    done = on_small_disk(disk, script, size="1m")
    assert done.returncode == 0, done.stderr
    places = restore(target, tmp_path / "to")
    assert AuditLog(places["work"] / "logs", FakeClock(), str).verify().entries == 1


def test_a_plain_archive_that_others_may_write_is_not_restored(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("work", profile(tmp_path / "from")), passphrase=None)
    path.chmod(0o620)
    with pytest.raises(ArchiveError, match="not encrypted"):
        restore(path, tmp_path / "to")
    path.chmod(0o644)
    assert restore(path, tmp_path / "to")


def test_two_profiles_can_change_names(tmp_path: Path) -> None:
    for name in ("a", "b"):
        profile(tmp_path / name)
        (tmp_path / name / "config.yaml").write_text(f"language: {name}\n")
    path = backup(tmp_path / "file", ("a", tmp_path / "a"), ("b", tmp_path / "b"))
    restore_backup(path, tmp_path / "to", lambda: WORDS, lambda contents: {"a": "b", "b": "a"})
    assert (tmp_path / "to/profiles/a/config.yaml").read_text() == "language: b\n"
    assert (tmp_path / "to/profiles/b/config.yaml").read_text() == "language: a\n"


def test_a_refused_backup_leaves_no_trace_where_it_would_have_gone(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("default", profile(tmp_path / "from")))
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    with pytest.raises(ArchiveError):
        restore(path, tmp_path / "to")
    assert sorted(os.listdir(tmp_path)) == ["file", "from"]


# -- archives that somebody else made -------------------------------------------------------------------------------------


def entry(
    name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(data) if kind in (tarfile.REGTYPE, tarfile.CONTTYPE) else 0
    return info, data


def forged(path: Path, *entries: tuple[tarfile.TarInfo, bytes], profiles: tuple[str, ...] = ("work",)) -> Path:
    contents = {"form": 1, "created": "2026-11-25T10:00:00Z", "version": "1", "profiles": list(profiles)}
    with tarfile.open(path, "w") as tar:
        for info, data in [entry(CONTENTS, json.dumps(contents).encode()), *entries]:
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "profiles/work/../../x",
        "profiles/work/./x",
        "profiles/work//x",
        "profiles/other/x",
        "profiles/work",
        "x",
        "../profiles/work/x",
        "profiles/../work/x",
        "profiles/work/" + "d/" * 40 + "x",
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    path = forged(tmp_path / "file", entry(name))
    with pytest.raises(ArchiveError) as caught:
        restore(path, tmp_path / "to")
    assert caught.value.kind == "contents"
    assert sorted(os.listdir(tmp_path)) == ["file"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_devices_pipes_and_folders_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = forged(tmp_path / "file", entry("profiles/work/x", b"", kind, "/etc/passwd"))
    with pytest.raises(ArchiveError):
        restore(path, tmp_path / "to")
    assert sorted(os.listdir(tmp_path)) == ["file"]


@pytest.mark.parametrize("profiles", [(), ("..",), ("Work",), ("work", "work"), ("a/b",)])
def test_lists_of_profiles_that_no_alpi_writes_are_refused(tmp_path: Path, profiles: tuple[str, ...]) -> None:
    with pytest.raises(ArchiveError):
        restore(forged(tmp_path / "file", profiles=profiles), tmp_path / "to")


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlpiError):
        restore(forged(tmp_path / "file", entry("profiles/work/x"), entry("profiles/work/x")), tmp_path / "to")
    assert sorted(os.listdir(tmp_path)) == ["file"]


def test_a_plain_archive_that_was_altered_or_has_no_end_is_refused(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("work", profile(tmp_path / "from")), passphrase=None)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"likes tea", b"likes rum"))
    assert problem(path) == "damaged"
    path.write_bytes(data[: len(data) // 2])
    assert problem(path) in ("damaged", "cut off")
    assert problem(forged(tmp_path / "other", entry("profiles/work/x"))) == "cut off"


def test_an_ordinary_tar_program_can_open_a_plain_archive(tmp_path: Path) -> None:
    path = backup(tmp_path / "file", ("work", profile(tmp_path / "from")), passphrase=None)
    with tarfile.open(path) as tar:
        assert "profiles/work/.env" in tar.getnames()


# -- what killed runs leave ----------------------------------------------------------------------------------------------


def test_what_dead_processes_left_is_found_and_what_living_ones_write_is_not(tmp_path: Path) -> None:
    dead, mine = tmp_path / ".file.4194999-0123456789ab.tmp", tmp_path / f".file.{os.getpid()}-0123456789ab.tmp"
    other = tmp_path / ".notes.tmp"
    for path in (dead, mine, other):
        path.touch()
    assert abandoned(tmp_path) == [dead]
    assert files.remove_abandoned(tmp_path, "another") == []
    assert files.remove_abandoned(tmp_path, "file") == [dead]
    assert sorted(tmp_path.iterdir()) == sorted([mine, other])


def test_it_takes_the_same_memory_however_large_a_file_is(tmp_path: Path) -> None:
    import tracemalloc

    home = tmp_path / "from"
    home.mkdir()
    with (home / "large").open("wb") as file:
        file.truncate(64 << 20)
    sizes: list[int] = []

    def peak(work: Callable[[], object]) -> int:
        tracemalloc.start()
        work()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    path = tmp_path / "file"
    cost = Cost(passes=1, memory=8, chunk=1 << 20)
    sizes.append(
        peak(lambda: write_backup(path, [("work", Tree(home))], passphrase=WORDS, now=NOW, version="1", cost=cost))
    )
    sizes.append(peak(lambda: restore(path, tmp_path / "to")))
    assert path.stat().st_size > 64 << 20
    assert max(sizes) < 16 << 20, sizes


def test_many_files_are_no_trouble(tmp_path: Path) -> None:
    home = tmp_path / "from"
    (home / "sessions").mkdir(parents=True)
    for number in range(500):
        (home / f"sessions/{number}.jsonl").write_text(f'{{"n": {number}}}\n')
    out = io.BytesIO()
    packed = pack(out, [("work", Tree(home))], now=NOW, version="1")
    out.seek(0)
    assert read_archive(out, None).files == packed.files == 500
