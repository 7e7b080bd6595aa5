"""All servers of one conversation: their pinned tools are offered at once, they connect in the background or when needed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from ..agent.prompt import estimate_tokens, schema_text
from ..agent.tool import Tool
from ..base.errors import AlpiError
from ..base.schema import McpOauthConfig, McpServerConfig
from .connection import Connection, Limits, Open
from .names import model_names, server_problem
from .offers import Offer, offer_problem
from .pins import Difference, Pinned, Pins, PinStore, difference, target_of
from .reading import Reach
from .tools import Callee, ManyTools, ServerTool


@dataclass
class _State:
    """What is known of one server's listing since it was connected last."""

    listed: bool = False
    difference: Difference = field(default_factory=Difference)


class Servers:
    """The servers of one conversation.

    Args:
        configs: the settings of each, by name.
        store: what was approved.
        open: gives what opens a transport to a server.
        now: a clock in seconds.
        redact: takes secrets out.
        warn: tells the person something, once.
        allowed: whether the machine's policy lets a tool be used, by what models call it.
        tokens: schemas that take more than this together are not offered one by one.
        reach: where a server stands, for calls of tools that only read; ``None``: the owner's word that they do does not count.
    """

    def __init__(
        self,
        configs: Mapping[str, McpServerConfig],
        store: PinStore,
        open: Callable[[str, McpServerConfig, Pins], Open],
        now: Callable[[], float],
        redact: Callable[[str], str],
        warn: Callable[[str], None],
        allowed: Callable[[str], bool],
        tokens: int,
        reach: Callable[[McpServerConfig, Pins], Reach] | None = None,
    ) -> None:
        self._store = store
        self._redact = redact
        self._warn = warn
        self._warned: set[str] = set()
        self._connections: dict[str, Connection] = {}
        self._states: dict[str, _State] = {}
        self._pins: dict[str, Pins] = {}
        for name, config in configs.items():
            pins = self._approved(name, config, configs, store) if config.enabled else None
            if pins is None:
                continue
            self._pins[name], self._states[name] = pins, _State()
            self._connections[name] = Connection(
                name,
                open(name, config, pins),
                Limits(config.seconds, config.connect_seconds),
                now,
                lambda offers, name=name: self._note_listing(name, offers),  # type: ignore[misc]
                self._tell,
            )
        self._reach = {name: reach(configs[name], pins) for name, pins in self._pins.items()} if reach else {}
        self._tools = self._made(allowed, tokens)

    @property
    def tools(self) -> tuple[Tool[Any], ...]:
        """The tools to offer, the same ones for the whole conversation."""
        return self._tools

    def begin(self) -> None:
        """Connect all of them in the background. Needs a running event loop."""
        for connection in self._connections.values():
            connection.begin()

    async def aclose(self) -> None:
        """End all connections."""
        await asyncio.gather(*(connection.aclose() for connection in self._connections.values()))

    def _approved(
        self, name: str, config: McpServerConfig, configs: Mapping[str, McpServerConfig], store: PinStore
    ) -> Pins | None:
        """What may be offered of a server; where nothing may, the person is told why."""
        problem = server_problem(name, configs) or config_problem(config)
        if problem:
            self._tell(f"the MCP server {name} is not used: {problem}")
            return None
        try:
            pins = store.load(name)
        except AlpiError as error:
            self._tell(f"the MCP server {name} is not used: {error.message}. {error.hint}")
            return None
        if pins is None:
            self._tell(
                f"the MCP server {name} is not used: its tools were never approved. Look at them: alpi mcp approve {name}"
            )
        elif pins.target != target_of(config):
            self._tell(
                f"the MCP server {name} is not used: its settings have changed since its tools were approved. "
                f"Look at them: alpi mcp approve {name}"
            )
            return None
        return pins

    def _made(self, allowed: Callable[[str], bool], tokens: int) -> tuple[Tool[Any], ...]:
        used = {name: [pin for pin in pins.tools if pin.use] for name, pins in self._pins.items()}
        called = model_names({name: [pin.offer.name for pin in pins] for name, pins in used.items()})
        callees = [
            Callee(
                name,
                called[name, pin.offer.name],
                pin.offer,
                f"{pin.digest[:16]}-{self._pins[name].target[:16]}",
                self._connections[name],
                lambda name=name, tool=pin.offer.name: self._unusable(name, tool),  # type: ignore[misc]
                self._redact,
                lambda name=name, pin=pin: self._reads(name, pin),  # type: ignore[misc]
            )
            for name, pins in used.items()
            for pin in pins
            if not offer_problem(pin.offer) and allowed(called[name, pin.offer.name])
        ]
        single = [ServerTool(callee, self.begin, self.aclose) for callee in callees]
        if sum(estimate_tokens(schema_text(tool.spec)) for tool in single) <= tokens:
            return tuple(cast(list[Tool[Any]], single))
        # What stands for them all is judged under its own name too, so a policy on single tools has been applied above.
        return (cast(Tool[Any], ManyTools(callees, self.begin, self.aclose)),)

    def _reads(self, name: str, pin: Pinned) -> Reach | None:
        """How calls of a tool that only reads are judged. What the owner says or takes back counts at the next call."""
        reach = self._reach.get(name)
        if reach is None:
            return None
        try:
            now = self._store.load(name)
        except AlpiError:
            return None
        found = now.find(pin.offer.name) if now is not None else None
        same = now is not None and found is not None and now.stamp(found) == self._pins[name].stamp(pin)
        return reach if same and now is not None and found is not None and now.reads(found) else None

    def _note_listing(self, name: str, offers: Sequence[Offer]) -> None:
        state = self._states[name]
        state.listed, state.difference = True, difference(self._pins[name].tools, offers)
        if state.difference:
            self._tell(
                f"the MCP server {name} offers other tools than you approved ({state.difference}). What has changed is not used. "
                f"Look at it: alpi mcp approve {name}"
            )

    def _unusable(self, name: str, tool: str) -> str:
        found = self._states[name].difference
        if tool in found.changed:
            return f"the tool {tool} of the MCP server {name} has changed since it was approved, and is off"
        if tool in found.gone:
            return f"the MCP server {name} no longer has the tool {tool}"
        return ""

    def _tell(self, text: str) -> None:
        text = self._redact(text)
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)


def config_problem(config: McpServerConfig) -> str:
    """Why a server's settings cannot work; ``""`` when they can."""
    if bool(config.command) == bool(config.url):
        return "it needs either a command or a url"
    if config.url and config.environment:
        return "environment is for programs; an address takes headers"
    if config.command and config.headers:
        return "headers are for addresses; a program takes environment"
    return _oauth_problem(config)


def _oauth_problem(config: McpServerConfig) -> str:
    oauth = config.oauth
    if config.command and oauth != McpOauthConfig():
        return "oauth is for addresses; a program takes environment"
    if oauth.client_secret and not re.fullmatch(r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?", oauth.client_secret):
        return "oauth.client_secret must stand for a secret of .env, as $NAME (alpi config key NAME)"
    if oauth.client_secret and not oauth.client_id:
        return "oauth.client_secret needs the oauth.client_id that it belongs to"
    if oauth.client_metadata_url and not re.fullmatch(r"https://[^/\s]+/\S+", oauth.client_metadata_url):
        return "oauth.client_metadata_url must be an https address with a path"
    return ""


__all__ = ["Servers", "config_problem"]
