"""Changing a profile's settings: several at once, in the text of config.yaml, checked before a byte is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.config import LoadedConfig, parse_config
from ..base.dotenv import Secrets, set_secret
from ..base.errors import ConfigError
from ..base.files import read_text, write_atomic
from ..base.locks import FileLock
from ..base.paths import ProfilePaths
from ..base.yamledit import with_setting, without_setting


@dataclass(frozen=True, slots=True)
class Change:
    """One setting. ``path``: the names down to it. ``value``: what YAML can hold; ``remove`` takes the setting out instead."""

    path: tuple[str, ...]
    value: Any = None
    remove: bool = False

    def into(self, text: str) -> str:
        """The file's text with this change."""
        return without_setting(text, self.path) if self.remove else with_setting(text, self.path, self.value)


def planned(paths: ProfilePaths, changes: Sequence[Change]) -> LoadedConfig:
    """The configuration as it would be with the changes. Writes nothing.

    Raises:
        ConfigError: the file is wrong, or a change is.
    """
    return _changed(read_config(paths), str(paths.config), changes)[1]


def save_settings(paths: ProfilePaths, changes: Sequence[Change]) -> None:
    """Write the changes, all or none. Comments stay; the file as it was is kept as ``config.yaml.bak``.

    Raises:
        ConfigError: the file is wrong, a value is, or there is no such setting; nothing was written.
        StorageError: it could not be written.
    """
    paths.make()
    with FileLock(paths.run / "config.lock", what="config.yaml"):
        before = read_config(paths)
        after, _ = _changed(before, str(paths.config), changes)
        if after == before:
            return
        if before:
            write_atomic(paths.config.with_suffix(".yaml.bak"), before.encode())
        write_atomic(paths.config, after.encode())


def save(paths: ProfilePaths, changes: Sequence[Change], keys: Mapping[str, str] | None = None) -> None:
    """Write what a section gathered: keys to .env first, for settings without their key would not work, then the settings.

    Raises:
        ConfigError, UsageError, StorageError: as ``save_settings`` and ``set_secret``; settings are checked before a key is stored.
    """
    planned(paths, changes)
    for name, value in (keys or {}).items():
        set_secret(paths.env, name, value)
    save_settings(paths, changes)


def read_config(paths: ProfilePaths) -> str:
    """The text of config.yaml; empty where there is none."""
    return (read_text(paths.config) or "").removeprefix("\ufeff")


def _changed(before: str, name: str, changes: Sequence[Change]) -> tuple[str, LoadedConfig]:
    known = parse_config(before, name)  # a file that is wrong is mended by hand, not written over
    after, checked = before, known
    for change in changes:
        after = change.into(after)
        earlier, checked = checked, parse_config(after, name)
        if not change.remove and len(checked.warnings) > len(earlier.warnings):
            raise ConfigError(f"there is no setting {'.'.join(change.path)}", "alpi config keys lists them")
    return after, checked


class PendingSecrets(Secrets):
    """A profile's secrets with keys on top that were typed and are not stored yet."""

    def __init__(self, secrets: Secrets, pending: Mapping[str, str]) -> None:
        self.path = secrets.path
        self._below = secrets
        self._pending = dict(pending)

    def get(self, name: str) -> str:
        """The value of ``name``: the one that was typed, else what is stored."""
        return self._pending.get(name) or self._below.get(name)

    def learn(self, values: Mapping[str, str]) -> bool:
        """See ``Secrets``."""
        return self._below.learn(values)

    def known(self, names: tuple[str, ...] = ()) -> dict[str, str]:
        """Every value that must never be shown."""
        return {**self._below.known(names), **self._pending}
