"""What logging in at a server has given, for each: ``mcp/logins/<server>.json`` in the profile (0600). Secrets, like ``.env``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ..base.errors import AlpiError, ConfigError
from ..base.files import private_dir, read_text, write_atomic
from ..base.locks import FileLock, Locked

FORMAT = 1
LARGEST_CHALLENGE = 4000
"""Characters of a ``WWW-Authenticate`` that are kept; a longer one is none that a login could answer."""
SKEW = 10.0
"""Seconds before its end at which a token counts as over: it has to arrive as well."""
SHORTEST = 12
"""Characters of a token that is looked for in texts. The other side chooses it: an ordinary word would garble what is written."""
LOCK_SECONDS = 40.0
"""How long to wait while another process renews a token."""


class Challenge(Struct, frozen=True):
    """What a server said when it refused a request: the status (401 or 403) and its ``WWW-Authenticate``."""

    status: int
    header: str = ""


class Login(Struct, frozen=True):
    """What is known of the login at one server.

    ``url``: the address that it is for; at another one it is worth nothing. ``places``: the origins, besides the server's own, that the
    person let the login speak to. ``client``, ``metadata``, ``resource``: who alpi is there, and what the authorization server and the
    server say of themselves, as the SDK writes them. ``expires``: seconds since 1970, or ``None``. ``wanted``: the challenge that the next
    login has to answer.
    """

    server: str
    url: str
    places: tuple[str, ...] = ()
    client: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None
    access_token: str = ""
    refresh_token: str = ""
    scope: str = ""
    expires: float | None = None
    wanted: Challenge | None = None
    format: int = FORMAT

    def __repr__(self) -> str:
        return f"Login(server={self.server!r}, url={self.url!r})"

    def fresh(self, now: float) -> bool:
        """Whether the token can be used."""
        return bool(self.access_token) and (self.expires is None or now < self.expires - SKEW)

    def secrets(self) -> dict[str, str]:
        """What must never be shown, by names for messages."""
        found = {
            "access token": self.access_token,
            "refresh token": self.refresh_token,
            "client secret": str((self.client or {}).get("client_secret") or ""),
        }
        return {f"{self.server} {name}": value for name, value in found.items() if len(value) >= SHORTEST}


class LoginStore:
    """The logins of a profile.

    Args:
        folder: holds one file for each server (0700, files 0600).
        locks: the folder for locks.
        learn: told each secret that is read or written, by name, before anybody else gets it.
    """

    def __init__(self, folder: Path, locks: Path, learn: Callable[[Mapping[str, str]], None]) -> None:
        self._folder = folder
        self._locks = locks
        self.learn = learn

    def path(self, server: str) -> Path:
        """Where a server's login is."""
        return self._folder / f"{server}.json"

    def load(self, server: str, url: str) -> Login | None:
        """The login at a server as long as it is reached at that address; ``None`` where there is none.

        Raises:
            ConfigError: the file is not one of these.
        """
        login = self._read(server)
        return login if login is not None and login.url == url else None

    def save(self, login: Login) -> None:
        """Keep a login.

        Raises:
            StorageError: it could not be written.
        """
        self.learn(login.secrets())
        private_dir(self._folder)
        write_atomic(self.path(login.server), msgspec.json.format(msgspec.json.encode(login), indent=1) + b"\n")

    def forget(self, server: str) -> bool:
        """A login is over. Gives whether there was one."""
        path = self.path(server)
        was = path.exists()
        path.unlink(missing_ok=True)
        return was

    def all(self) -> Iterator[Login]:
        """Every login that can be read."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                login = self._read(path.stem)
            except AlpiError:
                continue  # whoever needs it is told
            if login is not None:
                yield login

    @asynccontextmanager
    async def held(self, server: str) -> AsyncIterator[None]:
        """Alone with a login among all processes: a refresh token is often good for one use only.

        Raises:
            Locked: it was not free in time.
        """
        lock = FileLock(self._locks / f"mcp-login-{server}.lock", wait=0, what=f"the login at {server}")
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                lock.acquire()
                break
            except Locked:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(0.05)
        try:
            yield
        finally:
            lock.release()

    def _read(self, server: str) -> Login | None:
        path = self.path(server)
        text = read_text(path)
        if text is None:
            return None
        hint = f"Log in again: alpi mcp login {server}"
        try:
            login = msgspec.json.decode(text.encode(), type=Login)
        except (msgspec.DecodeError, RecursionError) as error:
            # What stands in the file is secret, so the decoder's words about it stay here.
            raise ConfigError(f"{path} is no login that alpi has written", hint) from error
        if login.format != FORMAT or login.server != server:
            raise ConfigError(f"{path} is of another server or version", hint)
        self.learn(login.secrets())
        return login
