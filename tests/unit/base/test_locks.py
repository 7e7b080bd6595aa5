"""Locks between processes: one holder at a time, none left behind by a killed one, and none lost when files are removed on release."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from alpi.base.errors import StorageError
from alpi.base.locks import FileLock, Locked

FORK = multiprocessing.get_context("fork")


def hold(path: Path, remove: bool, told: Connection) -> None:
    with FileLock(path, remove=remove):
        told.send("held")
        told.recv()


def holder(path: Path, remove: bool = False) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    """Another process that has the lock, until something is sent to it."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=hold, args=(path, remove, there))
    process.start()
    there.close()
    assert here.recv() == "held"
    return process, here


def test_only_one_holds_it_and_the_message_names_who(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.lock"
    process, pipe = holder(path)
    with pytest.raises(Locked) as caught:
        FileLock(path, wait=0, what="config.yaml").acquire()
    assert caught.value.pid == process.pid
    assert caught.value.message == f"config.yaml is in use by process {process.pid}"
    assert caught.value.hint
    pipe.send("let go")
    process.join()
    with FileLock(path, wait=0):
        assert path.read_text() == f"{os.getpid()}\n"


def test_waiting_ends_as_soon_as_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    process, pipe = holder(path)
    pipe.send("let go")
    with FileLock(path, wait=30):
        pass
    process.join()


@pytest.mark.parametrize("remove", [False, True])
def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path, remove: bool) -> None:
    path = tmp_path / "x.lock"
    process, _ = holder(path, remove)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with FileLock(path, wait=0, remove=remove):
        assert path.exists()
    assert path.exists() != remove


def test_it_is_not_reentrant(tmp_path: Path) -> None:
    with FileLock(tmp_path / "x", wait=0), pytest.raises(Locked):
        FileLock(tmp_path / "x", wait=0).acquire()


def test_releasing_twice_does_no_harm(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "x", wait=0, remove=True)
    lock.acquire()
    lock.release()
    with FileLock(tmp_path / "x", wait=0, remove=True):
        lock.release()
        assert (tmp_path / "x").exists(), "a lock of somebody else was taken away"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "x").symlink_to(tmp_path / "target")
    with pytest.raises(StorageError, match="could not open the lock"):
        FileLock(tmp_path / "x", wait=0).acquire()
    assert (tmp_path / "target").read_text() == "precious"


def count_up(path: Path, lock: Path, times: int, remove: bool) -> None:
    for _ in range(times):
        with FileLock(lock, wait=60, remove=remove):
            # Read, and write what was read plus one: any two at once lose a count.
            value = int(path.read_text())
            path.write_text(str(value + 1))


@pytest.mark.parametrize("remove", [False, True])
def test_eight_processes_lose_no_count(tmp_path: Path, remove: bool) -> None:
    count, lock = tmp_path / "count", tmp_path / "x.lock"
    count.write_text("0")
    workers = [FORK.Process(target=count_up, args=(count, lock, 40, remove)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert count.read_text() == "320"
    assert lock.exists() != remove
