"""Builds what MCP servers need of a profile: processes in the sandbox, addresses through the guard, secrets by reference."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..base.errors import NotConfigured
from ..base.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from mcp.client._transport import TransportStreams

    from ..agent.tool import Tool
    from ..base.clock import Clock
    from ..base.dotenv import Secrets
    from ..base.message import Message
    from ..base.paths import ProfilePaths
    from ..base.schema import Config, McpServerConfig
    from ..mcp.connection import Open
    from ..mcp.courier import Agree, Courier
    from ..mcp.logins import Login, LoginStore
    from ..mcp.oauth import Identity
    from ..mcp.pins import Pins, PinStore
    from ..mcp.stdio import Wire
    from ..mcp.traffic import Traffic
    from ..safety.commands import Commands
    from ..safety.network.guard import NetworkGuard
    from ..safety.paths import PathGuard
    from ..safety.policy import Policy
    from ..safety.private import Leak

REFERENCE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


class Profile(Protocol):
    """What is needed of a profile; ``cli.runtime.Runtime`` is one."""

    environ: Mapping[str, str]
    paths: ProfilePaths
    config: Config
    policy: Policy
    secrets: Secrets
    redact: Redactor

    @property
    def clock(self) -> Clock: ...

    def redact_late(self, text: str) -> str: ...


def mcp_tools(
    runtime: Profile,
    guard: PathGuard,
    warn: Callable[[str], None],
    private: Callable[[str], Leak],
    messages: Callable[[], Sequence[Message]],
) -> tuple[Tool[Any], ...]:
    """The tools of the profile's servers for one conversation; none, and nothing loaded, where there is no server.

    ``warn`` is told what the person should know of them, now and while they connect; ``private`` looks for the person's own in what a
    server is asked without a question, ``messages`` are those of the conversation.
    """
    config = runtime.config.mcp
    if not config.servers:
        return ()
    from ..base.message import ToolMessage
    from ..mcp.reading import Reach
    from ..mcp.results import source_of
    from ..mcp.servers import Servers

    def opener(name: str, server: McpServerConfig, pins: Pins) -> Open:
        return open_server(runtime, guard, name, server, pins.inside)

    def said(server: str) -> list[str]:
        source = source_of(server)
        return [message.text for message in messages() if isinstance(message, ToolMessage) and message.source == source]

    def reach(server: McpServerConfig, pins: Pins) -> Reach:
        leaves = bool(server.url) or sandbox_of(runtime, server) != "strict"
        return Reach(not server.url or pins.inside, leaves, private, said)

    servers = Servers(
        config.servers,
        pin_store(runtime),
        opener,
        runtime.clock.monotonic,
        runtime.redact_late,
        warn,
        lambda tool: not runtime.policy.tool_refused(tool),
        config.prompt_tokens,
        reach if runtime.policy.may_approve_always else None,
    )
    return servers.tools


def pin_store(runtime: Profile) -> PinStore:
    """What was approved in this profile."""
    from ..mcp.pins import PinStore

    return PinStore(runtime.paths.home / "mcp", runtime.paths.run)


def open_server(runtime: Profile, guard: PathGuard, name: str, server: McpServerConfig, inside: bool) -> Open:
    """What opens a transport to a server. ``inside``: its address may lie on this machine or in a private network."""
    from ..mcp.http import place_of, streamable_http

    def over_http(wire: Wire, traffic: Traffic) -> AbstractAsyncContextManager[TransportStreams]:
        headers = filled(runtime, name, server.headers)
        opened = server_guard(runtime, place_of(server.url) if inside else None)
        auth = authorisation(runtime, name, server, inside, wire)
        return streamable_http(server.url, headers, opened, server.connect_seconds, traffic, auth)

    @asynccontextmanager
    async def over_stdio(wire: Wire, traffic: Traffic) -> AsyncIterator[TransportStreams]:
        import asyncio
        import shlex

        from ..mcp.stdio import stdio
        from ..safety.sandbox import Mode

        extra = filled(runtime, name, server.environment)
        commands = server_commands(runtime, guard, server)
        await asyncio.to_thread(commands.prepare)
        try:
            launch = commands.launch(f"exec {shlex.join(server.command)}", extra)
            async with stdio(launch, commands.mode is not Mode.OFF, wire, traffic) as streams:
                yield streams
        finally:
            commands.close()

    return over_http if server.url else over_stdio


def server_commands(runtime: Profile, guard: PathGuard, server: McpServerConfig) -> Commands:
    """What starts a server's program: as the terminal's commands, with the server's own sandbox and folders."""
    from ..safety.commands import Commands

    sandbox = runtime.config.sandbox
    return Commands(
        guard,
        runtime.environ,
        sandbox_of(runtime, server),
        sandbox.environment,
        tuple(runtime.secrets.known().values()),
        [Path(folder).expanduser() for folder in (*sandbox.writable, *server.folders)],
    )


def sandbox_of(runtime: Profile, server: McpServerConfig) -> str | None:
    """The sandbox that a server's program is started in, or not at all; ``None``: the best that there is."""
    asked = server.sandbox or runtime.config.sandbox.mode
    least = runtime.policy.sandbox_at_least(asked or "off")
    return asked if least == "off" else least


def server_guard(runtime: Profile, opened: tuple[str, int] | None = None) -> NetworkGuard:
    """The judge of addresses for one server. Of what lies inside nothing is open but ``opened``, its own place."""
    from ..safety.network.guard import NetworkGuard, Opening, system_resolver

    openings = [Opening(opened[0].strip("[]").rstrip(".").casefold(), opened[1])] if opened is not None else []
    return NetworkGuard(system_resolver, runtime.policy.host_refused, openings)


def filled(runtime: Profile, server: str, values: Mapping[str, str]) -> dict[str, str]:
    """Variables or headers with each ``$NAME`` replaced by the profile's secret of that name, which is then known to be one.

    Raises:
        NotConfigured: there is no such secret.
    """

    def secret(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        value = runtime.secrets.get(name)
        if not value:
            raise NotConfigured(
                f"the secret {name}, which it needs, is not stored", f"Store it: alpi config key {name}"
            )
        return value

    found = {name: REFERENCE.sub(secret, value) for name, value in values.items()}
    runtime.redact = Redactor(runtime.secrets.known())
    return found


def login_store(runtime: Profile) -> LoginStore:
    """The profile's logins. What is read or written there is known as secret from then on."""
    from ..mcp.logins import LoginStore

    def learn(values: Mapping[str, str]) -> None:
        if runtime.secrets.learn(values):
            runtime.redact = Redactor(runtime.secrets.known())

    return LoginStore(runtime.paths.home / "mcp" / "logins", runtime.paths.run, learn)


def authorisation(runtime: Profile, name: str, server: McpServerConfig, inside: bool, wire: Wire) -> httpx2.Auth:
    """What adds a kept login's token to the requests of one connection, where no header of the settings authorises."""
    from ..mcp.oauth import FixedHeader, KeptLogin

    if has_header(server):
        return FixedHeader(wire.want)

    def carrier(login: Login) -> Courier:
        return courier(runtime, server, inside, login.places)

    return KeptLogin(name, server.url, login_store(runtime), carrier, identity(runtime, name, server), wire.want)


def has_header(server: McpServerConfig) -> bool:
    """Whether a header of the settings authorises, so that there is no login."""
    return any(header.lower() == "authorization" for header in server.headers)


def identity(runtime: Profile, name: str, server: McpServerConfig) -> Identity:
    """Who alpi is when a person logs in at a server.

    Raises:
        NotConfigured: the settings name a secret that is not stored.
    """
    from ..mcp.oauth import Identity

    given = server.oauth
    values = filled(runtime, name, {"id": given.client_id, "secret": given.client_secret})
    return Identity(values["id"], values["secret"], given.client_metadata_url)


def courier(
    runtime: Profile, server: McpServerConfig, inside: bool, places: tuple[str, ...] = (), agree: Agree | None = None
) -> Courier:
    """Carries what a login at a server asks of authorization servers."""
    from ..mcp.courier import Courier

    return Courier(server.url, inside, lambda opened: server_guard(runtime, opened), places, agree)
