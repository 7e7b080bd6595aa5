"""Disks that are full, read-only or not ours."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65534


@contextlib.contextmanager
def no_larger_than(size: int) -> Iterator[None]:
    """No file of this process can grow beyond ``size`` bytes: a write that would is cut off there, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def not_ours() -> Iterator[Path]:
    """A folder that may be read but not written. Root is another user meanwhile, for whom that holds as well."""
    folder = Path(tempfile.mkdtemp(prefix="alpi-test-"))
    is_root = os.geteuid() == 0
    try:
        folder.chmod(0o755)
        if not is_root:
            folder.chmod(0o555)
        else:
            os.seteuid(NOBODY)
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


def on_small_disk(folder: Path, script: str, size: str = "64k", options: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python code with a disk of that size mounted at ``folder``; ``options`` are given to a second mount (``ro``).

    It has a mount table of its own, so that nobody else sees the disk, and it is gone with the process.
    """
    remount = f'mount -o "remount,{options}" "$0"; ' if options else ""
    mount = f'set -e; mount -t tmpfs -o "size={size},mode=755" none "$0"; {remount}exec "$@"'
    return subprocess.run(
        ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", mount, str(folder), sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=50,
    )
