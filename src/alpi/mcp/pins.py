"""The tools of each server as the person has approved them: ``mcp/<server>.json`` in the profile."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from ..base.errors import ConfigError
from ..base.files import private_dir, read_text, write_atomic
from ..base.locks import FileLock
from ..base.schema import McpServerConfig
from .offers import Offer

FORMAT = 1


class Declared(Struct, frozen=True):
    """The owner's word that a tool only reads. ``stamp`` stands for the server and the tool that they saw."""

    stamp: str
    when: datetime


class Pinned(Struct, frozen=True):
    """One approved offer. ``use``: it is offered to models; ``flag``: what made it suspicious, or ``""``; ``declared``: the owner's word
    that it only reads, which ``Pins.reads`` judges."""

    offer: Offer
    digest: str
    use: bool = True
    flag: str = ""
    declared: Declared | None = None


class Pins(Struct, frozen=True):
    """What was approved of one server. ``target`` stands for how it is reached; ``inside``: its address lies on this machine or in a
    private network, and the person has seen that."""

    server: str
    target: str
    approved: datetime
    tools: tuple[Pinned, ...]
    inside: bool = False
    format: int = FORMAT

    def find(self, name: str) -> Pinned | None:
        """One tool by the server's name for it."""
        return next((pin for pin in self.tools if pin.offer.name == name), None)

    def stamp(self, pin: Pinned) -> str:
        """Stands for one tool of this server as it is reached now."""
        return hashlib.sha256(f"reads\n{self.server}\n{self.target}\n{pin.digest}".encode()).hexdigest()

    def reads(self, pin: Pinned) -> bool:
        """Whether the owner's word that a tool only reads holds: given for exactly this tool, which is in use and not suspicious."""
        return pin.use and not pin.flag and pin.declared is not None and pin.declared.stamp == self.stamp(pin)


class Difference(Struct, frozen=True):
    """How what a server offers differs from what was approved, by the names of tools."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.gone)

    def __str__(self) -> str:
        parts = (("changed", self.changed), ("new", self.new), ("gone", self.gone))
        return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)


def difference(pins: Sequence[Pinned], offers: Sequence[Offer]) -> Difference:
    """Compare what was approved with what is offered."""
    known, now = {pin.offer.name: pin.digest for pin in pins}, {offer.name: offer.digest for offer in offers}
    return Difference(
        tuple(name for name in now if name not in known),
        tuple(name for name in now if name in known and known[name] != now[name]),
        tuple(name for name in known if name not in now),
    )


def diff_text(before: Offer | None, after: Offer | None) -> str:
    """What has changed of a tool, line by line."""
    old, new = ([] if offer is None else shown(offer).splitlines() for offer in (before, after))
    name = (after or before or Offer("")).name
    return "\n".join(difflib.unified_diff(old, new, f"{name}, as approved", f"{name}, as it is now", n=99, lineterm=""))


def shown(offer: Offer) -> str:
    """An offer in full, for a person."""
    schema = msgspec.json.format(msgspec.json.encode(offer.schema), indent=2).decode()
    head = [f"tool: {offer.name}", *([f"title: {offer.title}"] if offer.title else [])]
    head += [f"claims: {offer.claims} (the server's own word)"] if offer.claims else []
    return "\n".join([*head, "description:", offer.description, "arguments:", schema])


def target_of(config: McpServerConfig) -> str:
    """Stands for how a server is reached: another program, address or variable is another server."""
    text = msgspec.json.encode(
        [config.command, config.url, sorted(config.environment.items()), sorted(config.headers.items())]
    )
    return hashlib.sha256(text).hexdigest()


class PinStore:
    """The pins of a profile.

    Args:
        folder: holds one file for each server (0700, files 0600).
        locks: the folder for locks.
    """

    def __init__(self, folder: Path, locks: Path) -> None:
        self._folder = folder
        self._locks = locks

    def path(self, server: str) -> Path:
        """Where a server's pins are."""
        return self._folder / f"{server}.json"

    def load(self, server: str) -> Pins | None:
        """What was approved of a server; ``None`` for nothing.

        Raises:
            ConfigError: the file is not one of these, or an entry does not fit its hash.
        """
        path = self.path(server)
        text = read_text(path)
        if text is None:
            return None
        hint = f"Look at the server's tools again: alpi mcp approve {server}"
        try:
            pins = msgspec.json.decode(text.encode(), type=Pins)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ConfigError(f"{path} cannot be read: {error}", hint) from error
        if pins.format != FORMAT or pins.server != server:
            raise ConfigError(f"{path} is of another server or version", hint)
        for pin in pins.tools:
            if pin.offer.digest != pin.digest:
                raise ConfigError(f"{path}: the tool {pin.offer.name!r} is not as it was approved", hint)
        return pins

    def servers(self) -> list[str]:
        """The servers of which something was approved, by name."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def save(self, pins: Pins) -> None:
        """Keep what was approved.

        Raises:
            StorageError: it could not be written.
        """
        with FileLock(self._locks / "mcp.lock", what="the approved MCP tools"):
            private_dir(self._folder)
            write_atomic(self.path(pins.server), msgspec.json.format(msgspec.json.encode(pins), indent=1) + b"\n")

    def forget(self, server: str) -> None:
        """A server is removed. Nothing happens where nothing was approved."""
        with FileLock(self._locks / "mcp.lock", what="the approved MCP tools"):
            self.path(server).unlink(missing_ok=True)
