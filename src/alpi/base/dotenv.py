"""The profile's ``.env``: the one place where its secrets live. Read strictly, written atomically, never from a project folder."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from .errors import ConfigError, UsageError
from .files import private_dir, read_text, write_atomic
from .locks import FileLock

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A bare value ends where a comment begins, which is a # after a blank: keys may hold a # themselves.
LINE = re.compile(
    r"""\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=
    \s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<bare>(?:[^\s"'\#](?:.*?\S)??)?))
    \s*(?:(?<=\s)\#.*|(?<==)\#.*)?""",
    re.VERBOSE,
)


def load_env(path: Path) -> dict[str, str]:
    """The names and values of a ``.env`` file; empty where there is none. Nothing is expanded or run.

    Raises:
        ConfigError: a line is not ``NAME=value``; it is named by number, its content is not shown.
    """
    values: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise ConfigError(
                f"{path}, line {number}: not NAME=value", "Write one NAME=value a line, in quotes where it has spaces"
            )
        double, single, bare = match["double"], match["single"], match["bare"]
        values[match["name"]] = (
            re.sub(r"\\(.)", r"\1", double) if double is not None else single if single is not None else bare or ""
        )
    return values


def lax_permissions(path: Path) -> str:
    """A warning when others than the owner may read the file, or ``""``."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return ""
    return (
        f"{path} holds secrets and others may read it (mode {mode:04o}). Run: chmod 600 {path}" if mode & 0o077 else ""
    )


def set_secret(path: Path, name: str, value: str) -> None:
    """Add or replace one value; the other lines stay as they are. The file is 0600.

    Raises:
        UsageError: a name or value that such a file cannot hold.
        ConfigError, StorageError: the file that is there cannot be read, or the new one not written.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a variable name", "Use letters, digits and underscores, like OPENAI_API_KEY")
    if not value or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise UsageError(f"the value for {name} is empty or has control characters", "Paste the key alone, on one line")
    quoted = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if re.search(r"[\s#\"'\\]", value) else value
    private_dir(path.parent)
    with FileLock(path.parent / "run" / "env.lock", what=path.name):
        load_env(path)  # a broken file is not written over
        kept = []
        for line in _lines(path):
            match = LINE.fullmatch(line)
            if match is None or match["name"] != name:
                kept.append(line)
        write_atomic(path, "\n".join([*kept, f"{name}={quoted}", ""]).encode())


def _lines(path: Path) -> list[str]:
    """The file's lines. Only a newline ends one: a value may hold what else Unicode calls the end of a line."""
    lines = (read_text(path) or "").removeprefix("\ufeff").split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


class Secrets:
    """The secrets of a profile: its ``.env`` first; a variable of the process's environment only when it is asked for by name.

    The environment is the person's shell; a project folder's files are never read.
    """

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self._file = load_env(path)
        self._environ = environ
        self._asked: dict[str, str] = {}
        self._learnt: dict[str, str] = {}

    def get(self, name: str) -> str:
        """The value of ``name``, or ``""``."""
        value = self._file.get(name) or self._environ.get(name, "")
        if value:
            self._asked[name] = value
        return value

    def learn(self, values: Mapping[str, str]) -> bool:
        """Take note of secrets that live elsewhere, by names for messages. An earlier value of a name stays known. Gives whether one is
        new."""
        new = {value: name for name, value in values.items() if value not in self._learnt}
        self._learnt |= new
        return bool(new)

    def known(self, names: tuple[str, ...] = ()) -> dict[str, str]:
        """Every value that must never be shown: the whole file, those of ``names`` that the environment holds, and what was learnt."""
        for name in names:
            self.get(name)
        learnt: dict[str, str] = {}
        for value, name in self._learnt.items():
            learnt[name if name not in learnt else f"{name} {len(learnt)}"] = value
        return {**learnt, **self._asked, **self._file}
