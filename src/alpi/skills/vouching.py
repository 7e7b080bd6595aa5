"""What the person has been shown when they installed it, by hash. Only such scripts run without being asked about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..base.clock import Clock
from ..base.errors import StorageError
from ..base.files import private_dir, read_text, storage_errors, write_atomic
from ..base.locks import FileLock
from .format import Skill
from .scripts import digest, scripts_of


class Seen(msgspec.Struct, frozen=True):
    """One installed skill as it was shown: ``files`` and ``scripts`` by name, each with its hash; ``when`` in ISO 8601."""

    when: str
    files: dict[str, str]
    scripts: dict[str, str]


@dataclass(frozen=True)
class Vouched:
    """The file in which it stands.

    Args:
        path: ``<profile>/skills/.vouched.json`` (0600).
    """

    path: Path
    clock: Clock

    def add(self, skill: Skill) -> None:
        """The person has seen all of this skill.

        Raises:
            StorageError: it cannot be written.
        """
        seen = Seen(f"{self.clock.now():%Y-%m-%dT%H:%M:%S%z}", hashes(skill), _digests(skill))
        self._change(skill.full_name, seen)

    def forget(self, name: str) -> None:
        """A skill (``category/name``) has gone."""
        if name in self.all():
            self._change(name, None)

    def has(self, skill: Skill, print_of: str) -> bool:
        """Whether the person has seen exactly what this digest of a script stands for, as part of this skill."""
        seen = self.all().get(skill.full_name)
        return seen is not None and print_of in seen.scripts.values()

    def drift(self, skill: Skill) -> list[str]:
        """The files that are not as they were shown; none where the skill was not installed."""
        seen = self.all().get(skill.full_name)
        if seen is None:
            return []
        now = hashes(skill)
        return sorted(name for name in seen.files.keys() | now.keys() if seen.files.get(name) != now.get(name))

    def all(self) -> Mapping[str, Seen]:
        """What was shown, by full name.

        Raises:
            StorageError: the file cannot be read.
        """
        text = read_text(self.path)
        if text is None:
            return {}
        try:
            return msgspec.json.decode(text, type=dict[str, Seen])
        except msgspec.DecodeError as error:
            raise StorageError(
                f"{self.path} cannot be understood: {error}",
                "Remove it: every script is asked about again then, until its skill is installed anew",
            ) from error

    def _change(self, name: str, seen: Seen | None) -> None:
        private_dir(self.path.parent)
        with FileLock(self.path.with_suffix(".lock"), what="the list of vouched skills"):
            found = {**self.all()}
            if seen is None:
                found.pop(name, None)
            else:
                found[name] = seen
            write_atomic(self.path, msgspec.json.format(msgspec.json.encode(found)))


def hashes(skill: Skill) -> dict[str, str]:
    """The hash of each file but the secrets, by its relative name.

    Raises:
        StorageError: one cannot be read.
    """
    found = {}
    for path in (Path("SKILL.md"), *skill.shown()):
        with storage_errors(skill.folder / path, "read"):
            found[str(path)] = hashlib.sha256((skill.folder / path).read_bytes()).hexdigest()
    return found


def _digests(skill: Skill) -> dict[str, str]:
    return {script: digest(skill, script) for script in scripts_of(skill)}
