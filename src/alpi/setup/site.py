"""What a section works on: one profile on this machine, with what stands above this room handed in as functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..base.clock import Clock
from ..base.config import load_config
from ..base.dotenv import Secrets
from ..base.paths import ProfilePaths
from ..base.schema import Config
from ..providers.catalog import PRESETS, Preset
from ..providers.types import ModelSettings, Provider
from ..safety.policy import Policy

if TYPE_CHECKING:
    from ..agent.accounts import Accounts
    from ..base.schema import McpServerConfig
    from ..mcp.pins import Pins
    from ..mcp.reviewing import Looked
    from ..safety.paths import PathGuard
    from ..safety.sandbox import Backend
    from .wanted import Wanted


class Connections(Protocol):
    """Makes providers for a configuration (cli/connect.py)."""

    def described(self, name: str) -> Preset:
        """What a provider's name stands for."""
        ...

    def settings(self, full_name: str) -> ModelSettings:
        """How a model wants to be asked."""
        ...

    def connect(self, name: str) -> Provider:
        """A provider by its name. Nothing is contacted yet."""
        ...


class Personalities(Protocol):
    """The part of the memory that setup needs (state/memory)."""

    def presets(self) -> Mapping[str, str]:
        """The texts on offer by name."""
        ...

    def current(self) -> str:
        """The text that is in use, or ``""``."""
        ...

    def install(self, name: str) -> None:
        """Put a preset's text in place of the one in use; what was there is kept in the memory's history."""
        ...


class Desk(Protocol):
    """The profile's links, as setup needs them (cli/linkdesk.py)."""

    def card(self) -> tuple[str, str]:
        """This profile's own card, and the words of its key."""
        ...

    def peers(self) -> Sequence[str]:
        """The pinned peers, a line each."""
        ...

    def proposed(self, card: str, id: str, allow: Sequence[str]) -> list[str]:
        """What pinning the agent of a card would write, in lines for a person.

        Raises:
            AlpiError: the card is wrong, or its label or key cannot be taken.
        """
        ...

    def pin(self, card: str, id: str, allow: Sequence[str]) -> str:
        """Write it; what was done, in one line."""
        ...

    def address_problem(self, text: str) -> str:
        """Why an address cannot be listened on, or ``""``."""
        ...

    def service(self) -> str:
        """How the background service is, in a few words."""
        ...

    def install(self) -> list[str]:
        """Install and start it, or say how it is run by hand; what was done, in lines."""
        ...


class ServerDesk(Protocol):
    """The profile's MCP servers, as setup needs them (cli/mcpdesk.py)."""

    def settings(self, wanted: Wanted) -> tuple[dict[str, Any], McpServerConfig]:
        """A server's settings, as they are written and as they are used.

        Raises:
            UsageError: something that was typed cannot be taken.
        """
        ...

    def address_problem(self, text: str) -> str:
        """Why a text is no server's address, or ``""``."""
        ...

    async def checked(self, config: McpServerConfig) -> str:
        """Ask about the packages that a server's command runs; what was found out, in one line.

        Raises:
            AlpiError: one is known to be bad, or it could not be asked. Nothing was started.
        """
        ...

    async def look(self, name: str, config: McpServerConfig, keys: Mapping[str, str]) -> Looked:
        """Connect to a server and see what it offers. ``keys``: secrets that are not stored yet.

        Raises:
            AlpiError: it cannot be reached.
        """
        ...

    async def examine(self, name: str) -> tuple[bool, str]:
        """Connect to a configured server: whether it offers what was approved, and how it stands, in words."""
        ...

    def keep(self, pins: Pins) -> None:
        """Write what was approved."""
        ...

    def forget(self, name: str) -> None:
        """Remove what was approved of a server."""
        ...


Report = Callable[[str], None]


def no_local() -> str:
    """Why the built-in model cannot run here, or ``""``."""
    import importlib.util

    if importlib.util.find_spec("xllamacpp") is not None:
        return ""
    return "its library is not installed; from the checkout: make try, or: uv tool install '.[local]'"


@dataclass(frozen=True)
class Site:
    """One profile on this machine.

    ``connections``: providers for a configuration that may not be written yet. ``accounts``: the ledger, or ``None``. ``spent``: what
    the profile used today, in words, or ``""``. ``fetch_local``: gets the built-in model's weights, telling how far it is; raises
    ProviderError or NotConfigured. ``no_local``: why that model cannot run here, or ``""``. ``servers``: model servers that may run on
    this machine, looked for at their usual addresses. ``typed``: what was typed in a section that was left, by its
    name, to be offered again; it is never written, and no secret is in it.
    """

    paths: ProfilePaths
    environ: Mapping[str, str]
    home: Path
    here: Path | None
    clock: Clock
    policy: Policy
    connections: Callable[[Config, Secrets], Connections]
    accounts: Callable[[], Accounts | None]
    guard: Callable[[Path], PathGuard]
    backends: Callable[[], Sequence[Backend]]
    personalities: Callable[[], Personalities]
    spent: Callable[[], str]
    fetch_local: Callable[[Report], Awaitable[None]]
    links: Callable[[], Desk]
    servers_desk: Callable[[], ServerDesk]
    no_local: Callable[[], str] = no_local
    typed: dict[str, object] = field(default_factory=dict)
    servers: tuple[Preset, ...] = tuple(found for found in PRESETS if found.kind == "openai" and not found.key_needed)

    def config(self) -> Config:
        """The settings as they are on the disk now.

        Raises:
            ConfigError, StorageError: the file is wrong.
        """
        return load_config(self.paths.config).config

    @property
    def secrets(self) -> Secrets:
        """The keys as they are on the disk now, and those of the environment."""
        return Secrets(self.paths.env, self.environ)

    def shown(self, path: Path) -> str:
        """A path for people, with ``~`` for the home folder."""
        inside = path != self.home and path.is_relative_to(self.home)
        return f"~/{path.relative_to(self.home)}" if inside else str(path)
