"""Private folders, atomic replacement, and what is said when a disk does not play along."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from alpi.base.errors import StorageError
from alpi.base.files import private_dir, read_text, storage_errors, sync_dir, write_atomic
from tests.support.disks import no_larger_than, not_ours, on_small_disk


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_private_up_to_the_first_that_stood(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    made = private_dir(tmp_path / "a" / "b" / "c")
    assert [mode(folder) for folder in (made, made.parent, made.parent.parent, tmp_path)] == [
        0o700,
        0o700,
        0o700,
        0o755,
    ]


def test_a_folder_that_stands_keeps_its_permissions(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o750)
    folder.chmod(0o750)
    assert mode(private_dir(folder)) == 0o750


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(StorageError, match=r"could not make the folder .*/a: File exists"):
        private_dir(tmp_path / "a")
    with pytest.raises(StorageError, match=r"could not make the folder .*/a/b: Not a directory"):
        private_dir(tmp_path / "a" / "b")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomic(tmp_path / "x", b"1")
        private_dir(tmp_path / "d")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "x"), mode(tmp_path / "d")) == (0o600, 0o700)


def test_content_is_replaced_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["config.yaml"]


def test_a_link_in_its_place_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, b"new")
    assert target.read_text() == "precious"
    assert (link.is_symlink(), link.read_bytes()) == (False, b"new")


def test_a_write_that_fails_midway_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomic(path, b"old")
    with no_larger_than(1000), pytest.raises(StorageError, match=r"could not write .*/x: File too large"):
        write_atomic(path, b"n" * 5000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"], "the half-written file was left behind"


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    done = on_small_disk(
        tmp_path,
        f"""
import os, pathlib
from alpi.base.errors import StorageError
from alpi.base.files import write_atomic
path = pathlib.Path({str(tmp_path)!r}) / "x"
write_atomic(path, b"old")
try:
    write_atomic(path, b"n" * 200_000)
except StorageError as error:
    print(error)
print(path.read_bytes(), os.listdir(path.parent))
""",
    )
    assert "could not write" in done.stdout, done.stderr
    assert "No space left on device" in done.stdout
    assert "free some space and try again; nothing that was saved before is lost" in done.stdout
    assert done.stdout.endswith("b'old' ['x']\n")


def test_a_read_only_disk_is_said(tmp_path: Path) -> None:
    done = on_small_disk(
        tmp_path,
        f"""
import pathlib
from alpi.base.errors import StorageError
from alpi.base.files import private_dir, write_atomic
folder = pathlib.Path({str(tmp_path)!r})
for attempt in (lambda: write_atomic(folder / "x", b"1"), lambda: private_dir(folder / "d")):
    try:
        attempt()
    except StorageError as error:
        print(error)
""",
        options="ro",
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    for line in lines:
        assert "Read-only file system" in line
        assert "choose another home with ALPI_HOME" in line


def test_a_folder_of_somebody_else_is_said_with_where_to_look() -> None:
    with not_ours() as folder, pytest.raises(StorageError) as caught:
        write_atomic(folder / "x", b"1")
    assert caught.value.message == f"could not write {folder / 'x'}: Permission denied"
    assert caught.value.hint == f"Check who owns it: ls -ld {folder}"


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        write_atomic(tmp_path / "nowhere" / "x", b"1")


def test_an_error_without_a_number_keeps_its_words(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"could not read .*: strange"), storage_errors(tmp_path, "read"):
        raise OSError("strange")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ELOOP])
def test_the_usual_troubles_come_with_advice(tmp_path: Path, number: int) -> None:
    with pytest.raises(StorageError) as caught, storage_errors(tmp_path, "write"):
        raise OSError(number, "x")
    assert caught.value.hint
    assert caught.value.message.endswith(os.strerror(number))


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert read_text(path) is None
    path.write_bytes("né".encode())
    assert read_text(path) == "né"
    with pytest.raises(StorageError, match="is larger than 0 MiB"):
        read_text(path, limit=2)
    path.write_bytes(b"ab\xff")
    with pytest.raises(StorageError, match=r"is not UTF-8 text \(byte 2\)"):
        read_text(path)
    with pytest.raises(StorageError, match="Is a directory"):
        read_text(tmp_path)


def test_flushing_a_folder_that_cannot_be_flushed_is_no_error() -> None:
    sync_dir(Path("/proc"))
