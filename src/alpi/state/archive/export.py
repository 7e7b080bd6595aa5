"""A profile in a form that a person reads and keeps: Markdown and plain files, and not one secret."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import UsageError
from ...base.files import private_dir, read_text, storage_errors, sync_dir, write_atomic
from ..sessions import SessionStore, to_markdown
from .files import remove_abandoned, temporary_beside

LEFT_OUT = "keys (.env), the link identity (alp/), MCP tools and logins (mcp/), approvals, logs, the ledger and old file contents (undo/)"
README = """\
This is the profile {name} of alpi, for reading and keeping.

config.yaml     its settings
keys.txt        the names of its keys, without their values
memory/         what it remembers
sessions/       its conversations: .md to read, .jsonl as alpi keeps them
skills/         its skills

Left out: {left_out}.
To move a profile to another machine, use alpi backup and alpi restore instead.
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: how many sessions and files, and what could not be read (one sentence each)."""

    sessions: int
    files: int
    warnings: tuple[str, ...]


def export_profile(
    home: Path, name: str, keys: list[str], sessions: SessionStore, target: Path, redact: Callable[[str], str]
) -> Exported:
    """Write a profile into a fresh folder, or a ``.tar.gz`` file where the name ends so; it appears when it is whole.

    Args:
        keys: the names of its keys.
        sessions: its sessions, to be set as Markdown.
        redact: takes its secrets out of every text.

    Raises:
        UsageError: there is something of that name.
        StorageError: it cannot be read, or not be written.
    """
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} exists already", "Name another folder or file")
    if not target.parent.is_dir():
        raise UsageError(f"there is no folder {target.parent}", f"Make it first: mkdir -p {target.parent}")
    remove_abandoned(target.parent, target.name)
    folder = private_dir(temporary_beside(target))
    try:
        done = _write(home, name, keys, sessions, folder, redact)
        if target.name.endswith((".tar.gz", ".tgz")):
            _compress(folder, target, name)
        else:
            with storage_errors(target, "write"):
                folder.rename(target)
                sync_dir(target.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return done


def _write(
    home: Path, name: str, keys: list[str], sessions: SessionStore, folder: Path, redact: Callable[[str], str]
) -> Exported:
    write_atomic(folder / "README.txt", README.format(name=name, left_out=LEFT_OUT).encode())
    write_atomic(folder / "keys.txt", "".join(f"{key}\n" for key in keys).encode())
    write_atomic(folder / "config.yaml", redact(read_text(home / "config.yaml") or "").encode())
    warnings: list[str] = []
    for path in sorted((home / "memory").glob("*.md")):
        write_atomic(private_dir(folder / "memory") / path.name, redact(read_text(path) or "").encode())
    paths = sorted((home / "sessions").glob("*.jsonl"))
    for path in paths:
        session = sessions.open(path.stem)
        warnings += session.warnings
        out = private_dir(folder / "sessions") / path.name
        write_atomic(out.with_suffix(".md"), redact(to_markdown(session)).encode("utf-8", "backslashreplace"))
        write_atomic(out, redact(read_text(path, 512 << 20) or "").encode())
    _copy(home / "skills", folder / "skills")
    return Exported(len(paths), sum(len(names) for _, _, names in os.walk(folder)), tuple(warnings))


def _copy(source: Path, target: Path) -> None:
    """Copy the plain files of a folder; a link could lead out of the profile and is left alone."""
    for folder, names, found in os.walk(source):
        names[:] = [name for name in names if not (Path(folder) / name).is_symlink()]
        for name in found:
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                out = private_dir(target / Path(folder).relative_to(source)) / name
                with storage_errors(out, "write"):
                    shutil.copy2(path, out, follow_symlinks=False)
                    out.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)


def _compress(folder: Path, target: Path, name: str) -> None:
    temporary = temporary_beside(target)
    with storage_errors(target, "write"):
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
                    tar.add(folder, arcname=f"alpi-{name}")
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(target)
            sync_dir(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
