"""Backup, restore and removal under ``kill -9``: at no moment is anything half-visible, and what is left is cleaned up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpi.state.archive.files import abandoned, restore_backup, verify_backup, write_backup
from alpi.state.archive.sealed import Cost
from alpi.state.archive.tree import Tree

COST = "Cost(passes=1, memory=8, chunk=4096)"
HEAD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from alpi.state.archive.files import restore_backup, write_backup
from alpi.state.archive.sealed import Cost
from alpi.state.archive.tree import Tree
from alpi.state.profiles import remove
folder, now = Path(sys.argv[1]), datetime(2026, 11, 25, tzinfo=UTC)
print("begun", flush=True)
"""
BACKUP = f"""{HEAD}
write_backup(folder / "new", [("default", Tree(folder / "home"))], passphrase="p", now=now, version="1", cost={COST}, force=True)
"""
RESTORE = f"""{HEAD}
restore_backup(folder / "file", folder / "to", lambda: "p", lambda contents: {{"default": "default"}})
"""
REMOVE = f"""{HEAD}
remove(folder / "root/profiles/work", "work", folder / "root", now, "1")
"""
FILES = 150


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home with many files and a backup of it."""
    home = tmp_path / "home"
    (home / "sessions").mkdir(parents=True)
    for number in range(FILES):
        (home / f"sessions/{number}.jsonl").write_text(f'{{"n": {number}, "x": "{"x" * 3000}"}}\n')
    trees = [("default", Tree(home))]
    now = datetime(2026, 11, 25, tzinfo=UTC)
    write_backup(tmp_path / "file", trees, passphrase="p", now=now, version="1", cost=Cost(1, 8, 4096))
    return tmp_path


def killed(script: str, folder: Path, after: float) -> bool:
    """Run a script and kill it some time after it has begun. Whether it was still at it."""
    command = [sys.executable, "-c", script, str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stderr is not None
    assert child.stdout.readline() == "begun\n", child.stderr.read()
    time.sleep(after)
    os.kill(child.pid, signal.SIGKILL)
    _, errors = child.communicate()
    assert "Traceback" not in errors, errors
    return child.returncode == -signal.SIGKILL


def rounds(script: str, folder: Path, check: Callable[[], None], count: int) -> None:
    chance, cut = random.Random(7), 0
    for _ in range(count):
        cut += killed(script, folder, chance.uniform(0, 0.12))
        check()
    assert cut, "no run was killed in the middle: the moments must be earlier"


def check_backup(folder: Path) -> None:
    if (folder / "new").exists():
        assert verify_backup(folder / "new", lambda: "p").files == FILES
        (folder / "new").unlink()
    assert len(abandoned(folder)) <= 1, "the next run removes what the one before has left"


def check_restore(folder: Path) -> None:
    root = folder / "to"
    if root.exists():
        assert len(list(root.glob("sessions/*.jsonl"))) == FILES
        for path in sorted(root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        root.rmdir()
    assert len(abandoned(folder)) <= 1


def check_remove(folder: Path) -> None:
    home, removed = folder / "root/profiles/work", folder / "root/removed"
    if home.exists():
        assert len(list(home.glob("sessions/*.jsonl"))) == FILES, "a profile is there whole, or not at all"
    else:
        assert verify_backup(removed / "work-20261125-000000.tar", lambda: "").files == FILES
        make_profile(folder)
    for path in removed.glob("*.tar"):
        assert verify_backup(path, lambda: "").files == FILES
        path.unlink()


def make_profile(folder: Path) -> None:
    restore_backup(folder / "file", folder / "root", lambda: "p", lambda contents: {"default": "work"})


@pytest.mark.parametrize(("script", "check"), [(BACKUP, check_backup), (RESTORE, check_restore)])
def test_killed_in_the_middle(folder: Path, script: str, check: Callable[[Path], None]) -> None:
    rounds(script, folder, lambda: check(folder), 6)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("script", "check"), [(BACKUP, check_backup), (RESTORE, check_restore), (REMOVE, check_remove)]
)
def test_killed_in_the_middle_many_times(folder: Path, script: str, check: Callable[[Path], None]) -> None:
    make_profile(folder)
    rounds(script, folder, lambda: check(folder), 40)
