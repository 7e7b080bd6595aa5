"""The identity on the disk: ``identity.key`` (the seed, 0600, in a 0700 folder) and ``identity.pub``, which other profiles look at."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from ...base.errors import ConfigError, StorageError
from ...base.files import private_dir, read_text, storage_errors, write_atomic
from ...base.locks import FileLock
from ..core.identity import Identity, decode_key, encode_base64

KEY_FILE = "identity.key"
PUBLIC_FILE = "identity.pub"
SOCKET_FILE = "alp.sock"
LONGEST = 4096


class IdentityFiles:
    """The key files of one profile.

    Args:
        folder: ``<profile>/alp``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / KEY_FILE

    def load(self) -> Identity | None:
        """The profile's identity, or ``None`` where it has none yet.

        Raises:
            ConfigError: the file is no key, belongs to somebody else, or others can read it or its folder.
            StorageError: it cannot be read.
        """
        with storage_errors(self.path, "read"):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as file:
                check_private(self.path, os.fstat(file.fileno()), 0o077)
                text = file.read(LONGEST)
        check_private(self.folder, self.folder.stat(), 0o077)
        seed = decode_key(text.decode("ascii", "replace").strip())
        if seed is None:
            raise ConfigError(
                f"{self.path} holds no key",
                "Restore it from a copy, or move it away: a new one is made then, and peers must be told",
            )
        return Identity(seed)

    def load_or_make(self, random: Callable[[int], bytes] = os.urandom) -> Identity:
        """The profile's identity; made on first need.

        Raises:
            ConfigError, StorageError: as ``load``; or it cannot be written.
        """
        found = self.load()
        if found is not None:
            self._publish(found)
            return found
        with FileLock(self.folder / "identity.lock", what="the identity"):
            found = self.load()
            return found if found is not None else self._write(Identity(random(32)))

    def rotate(
        self, now: datetime, random: Callable[[int], bytes] = os.urandom
    ) -> tuple[Identity, Identity | None, Path | None]:
        """Make a new identity. Gives the new one, the old one, and the dated file that keeps the old key.

        Raises:
            ConfigError, StorageError: as ``load``; or it cannot be written. The old one stands then.
        """
        with FileLock(self.folder / "identity.lock", what="the identity"):
            old = self.load()
            kept = self._keep(old, now) if old is not None else None
            return self._write(Identity(random(32))), old, kept

    def _keep(self, old: Identity, now: datetime) -> Path:
        stamp = now.strftime("%Y-%m-%d")
        number = 1
        kept = self.folder / f"identity-{stamp}.key"
        while kept.exists():
            number += 1
            kept = self.folder / f"identity-{stamp}-{number}.key"
        write_atomic(kept, _line(old.seed))
        return kept

    def _write(self, made: Identity) -> Identity:
        private_folder(self.folder)
        write_atomic(self.path, _line(made.seed))
        self._publish(made)
        return made

    def _publish(self, identity: Identity) -> None:
        path = self.folder / PUBLIC_FILE
        if read_text(path, LONGEST) != f"{identity.name}\n":
            write_atomic(path, f"{identity.name}\n".encode())


def find_socket(pubkey: str, homes: Iterable[Path]) -> Path | None:
    """The socket of the profile of this machine that has an identity, or ``None`` where none has.

    Args:
        homes: the profiles' folders.
    """
    for home in homes:
        folder = home / "alp"
        try:
            text = read_text(folder / PUBLIC_FILE, LONGEST)
        except StorageError:
            continue  # another person's profile, perhaps: it is not this one
        if text is not None and text.strip() == pubkey:
            return folder / SOCKET_FILE
    return None


def private_folder(folder: Path) -> None:
    """Make a folder (0700), or see that it is its owner's alone.

    Raises:
        ConfigError: others can look into it.
        StorageError: it cannot be made.
    """
    private_dir(folder)
    with storage_errors(folder, "look at"):
        state = folder.stat()
    check_private(folder, state, 0o077)


def check_private(path: Path, state: os.stat_result, mask: int) -> None:
    """Whether a file or folder is its owner's alone.

    Raises:
        ConfigError: it is not.
    """
    if state.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to user {state.st_uid}, not to you", f"Look at it: ls -ld {path}")
    if state.st_mode & mask:
        right = "700" if stat.S_ISDIR(state.st_mode) else "600"
        raise ConfigError(
            f"{path} can be used by others (mode {stat.S_IMODE(state.st_mode):04o})", f"chmod {right} {path}"
        )


def _line(seed: bytes) -> bytes:
    return f"{encode_base64(seed)}\n".encode()
