"""What property tests share: a folder for many small files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One folder for all examples of a module; in memory where there is such a place, because each write waits for its disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="module")
def on_disk() -> Iterator[Path]:
    """The same on the disk: tools do not read what stands in the folder of devices."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
