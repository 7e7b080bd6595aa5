"""Profiles as folders: making and renaming one, what it holds, and the way into the archive when it is removed."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..base.errors import UsageError
from ..base.files import private_dir, storage_errors, sync_dir, write_atomic
from .archive.files import Written, temporary_beside, verify_backup, write_backup
from .archive.tree import Tree
from .presence import unused

STARTER = """\
# Settings of this profile. Every line that begins with # is off; all settings: alpi config keys
# Change one:  alpi config set KEY VALUE     Check this file:  alpi config check
# Keys do not belong here:  alpi config key ANTHROPIC_API_KEY  puts one into .env beside this file

# The model to use, as provider/model. alpi models providers lists who there is.
# model: anthropic/claude-sonnet-4-6
# model: ollama/qwen3
# fallback_models: [openai/gpt-4.1]

# The folder that alpi may read and write. Without it, the one in which you start it.
# workspace: ~/projects/site

# The language to answer in. Without it, the one you write in.
# language: English

# What may be used in a day.
# budget:
#   usd_per_day: 2.5
#   tokens_per_day: 2000000

# The wall around commands: workspace, or strict (no network as well).
# sandbox:
#   mode: workspace

# Go on with the last conversation, as alpi -c does.
# tui:
#   auto_resume: true
"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a profile holds: how many sessions, memory files, keys and files in all, and how many bytes."""

    sessions: int
    memory: int
    keys: int
    files: int
    bytes: int


def create(home: Path, name: str, settings: str = "") -> None:
    """Make a profile's folder (0700) with its settings, the commented ones without any.

    Raises:
        UsageError: it is there already.
        StorageError: it cannot be made.
    """
    if home.exists() or home.is_symlink():
        raise UsageError(f"there is a profile {name} already: {home}", f"Look at it with: alpi profile show {name}")
    private_dir(home)
    write_atomic(home / "config.yaml", (settings or STARTER).encode())


def rename(home: Path, target: Path, name: str, new: str) -> None:
    """Give a profile another name.

    Raises:
        UsageError: it is in use, or the new name is taken.
        StorageError: the folder cannot be renamed.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(f"there is a profile {new} already: {target}", "Choose another name")
    with unused(home, name), storage_errors(home, "rename"):
        home.rename(target)
        sync_dir(target.parent)


def remove(home: Path, name: str, root: Path, now: datetime, version: str) -> tuple[Path, Written]:
    """Put all of a profile into a private tar file under ``root/removed``, then remove its folder.

    The archive holds the keys too, and is not sealed: what is removed by mistake must come back without a passphrase that nobody has
    chosen yet. It is as private as the profile was (0600). Gives its path.

    Raises:
        UsageError: the profile is in use.
        StorageError: the archive cannot be written, and nothing is removed; or the folder cannot be removed.
    """
    archive = private_dir(root / "removed") / f"{name}-{now:%Y%m%d-%H%M%S}.tar"
    with unused(home, name):
        tree = Tree(home, undo=True)
        written = write_backup(archive, [(name, tree)], passphrase=None, now=now, version=version)
        verify_backup(archive, str)
        # Out of sight in one step, so that a kill leaves no half profile; what is left of it has gone from the list.
        grave = temporary_beside(home)
        with storage_errors(home, "remove"):
            home.rename(grave)
            sync_dir(home.parent)
            shutil.rmtree(grave)
    return archive, written


def holdings(home: Path, keys: int) -> Holdings:
    """What a profile holds. ``keys``: how many its ``.env`` has."""
    files = size = 0
    for folder, names, found in os.walk(home):
        if Path(folder) == home:
            names[:] = [name for name in names if name not in ("profiles", "removed")]
        for name in found:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                size += (Path(folder) / name).lstat().st_size
                files += 1
    sessions = len(list((home / "sessions").glob("*.jsonl")))
    memory = len([path for path in (home / "memory").glob("*.md") if path.stat().st_size])
    return Holdings(sessions, memory, keys, files, size)
