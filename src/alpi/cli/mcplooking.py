"""Looking at MCP servers for ``alpi mcp`` and ``alpi doctor``: what would be run, what it offers, whether that is what was approved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError, Refused, UsageError

if TYPE_CHECKING:
    import argparse

    from ..base.schema import McpServerConfig
    from ..mcp.offers import Offer
    from ..mcp.packages import Installed
    from ..mcp.reviewing import Looked
    from ..safety.osv import Package
    from .runtime import Runtime

# A variable or header of such a name holds a secret, whatever its value looks like.
SECRET = re.compile(r"(?i)(key|token|secret|passw|credential|authorization|cookie)")
LOOKUP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Examined:
    """How one server stands. ``hint`` is what to do where it is not ``good``."""

    server: str
    good: bool
    text: str
    hint: str = ""


def config_of(runtime: Runtime, args: argparse.Namespace) -> tuple[dict[str, Any], McpServerConfig]:
    """The settings that the options of ``alpi mcp add`` ask for, as they are written and as they are used.

    Raises:
        UsageError: an option cannot be taken.
    """
    import msgspec

    from ..base.schema import McpServerConfig
    from ..mcp.http import checked_url

    settings: dict[str, Any] = {}
    if args.command:
        settings["command"] = list(args.command)
    if args.url:
        settings["url"] = checked_url(args.url)
    oauth = {key: getattr(args, key, "") for key in ("client_id", "client_secret")}
    if any(oauth.values()):
        settings["oauth"] = {key: value for key, value in oauth.items() if value}
    pairs = (("environment", args.env, "="), ("headers", args.header, ":"))
    for key, given, sign in pairs:
        if given:
            settings[key] = dict(_pair(runtime, text, sign) for text in given)
    if args.folder:
        settings["folders"] = [str(Path(folder).expanduser().absolute()) for folder in args.folder]
    if args.sandbox:
        settings["sandbox"] = args.sandbox
    if args.seconds is not None:
        if args.seconds <= 0:
            raise UsageError("--seconds must be above 0")
        settings["seconds"] = args.seconds
    return settings, msgspec.convert(settings, McpServerConfig)


def _pair(runtime: Runtime, text: str, sign: str) -> tuple[str, str]:
    name, found, value = text.partition(sign)
    name, value = name.strip(), value.strip()
    if not found or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        raise UsageError(f"{name!r} is no name with a value", "Write NAME=VALUE, or 'NAME: VALUE' for a header")
    if "$" not in value and (SECRET.search(name) or runtime.redact_late(value) != value):
        raise UsageError(
            f"the value of {name} looks like a secret, and would be kept in config.yaml",
            f"Store it: alpi config key NAME   and write '{name}{sign}$NAME' (in single quotes)",
        )
    return name, value


def check_packages(runtime: Runtime, config: McpServerConfig) -> str:
    """Ask OSV about the packages that a server's command runs. Gives what was found out, in one line.

    Raises:
        UsageError: an exact version is missing. Refused: one is known to be bad. OsvUnreachable: it could not be asked.
    """
    import asyncio

    return asyncio.run(packages_checked(runtime, config))


async def packages_checked(runtime: Runtime, config: McpServerConfig) -> str:
    """The same, inside an event loop."""
    import asyncio

    from ..mcp.packages import sources_of

    if config.url:
        return "packages  none of ours to check: it runs elsewhere"
    environment = {**runtime.commands(_guard(runtime)).environment()}
    program = await asyncio.to_thread(_program, config.command[0], environment.get("PATH"))
    if program is None:
        raise UsageError(f"there is no program {config.command[0]!r}", "Install it, or give its whole path")
    sources = sources_of(config.command, program)
    packages = sources.packages
    if sources.installed is not None:
        packages = await asyncio.to_thread(_lookup, sources.installed, environment)
    if not packages:
        return f"packages  not checked: {sources.unknown or 'it is a program of your own, of no package that is known'}"
    bad = await _ask_osv(runtime, packages)
    if bad:
        raise Refused("; ".join(map(str, bad[:5])), "It was not started. Choose a version without known faults")
    first = f"{packages[0].name} {packages[0].version}"
    others = f" and {len(packages) - 1} that it needs" if len(packages) > 1 else ""
    return f"packages  {first}{others}: OSV knows nothing bad of them"


def _program(word: str, path: str | None) -> str | None:
    import shutil

    return shutil.which(str(Path(word).expanduser()), path=path)


def _lookup(installed: Installed, environment: dict[str, str]) -> tuple[Package, ...]:
    import subprocess

    from ..mcp.packages import LOOKUP, looked_up

    kind, name = ("module", installed.module) if installed.module else ("script", installed.script)
    try:
        done = subprocess.run(
            [installed.python, "-I", "-c", LOOKUP, kind, name],
            capture_output=True,
            text=True,
            timeout=LOOKUP_SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AlpiError(f"{installed.python} could not say which packages {name} is made of: {error}") from error
    return looked_up(done.stdout) if done.returncode == 0 else ()


async def _ask_osv(runtime: Runtime, packages: Sequence[Package]) -> list[Any]:
    import httpx2

    from ..mcp.http import place_of
    from ..safety.network.transport import VettedTransport
    from ..safety.osv import Osv
    from .mcpwiring import server_guard

    url = runtime.config.skills.osv_url
    guard = server_guard(runtime, place_of(url))
    async with httpx2.AsyncClient(transport=VettedTransport(guard), timeout=15.0) as client:
        return await Osv(client, url).check(packages)


def look(runtime: Runtime, name: str, config: McpServerConfig) -> Looked:
    """Connect to a server and look at what it offers.

    Raises:
        ServerError: it cannot be reached.
    """
    import asyncio

    return asyncio.run(looked(runtime, name, config))


async def looked(runtime: Runtime, name: str, config: McpServerConfig) -> Looked:
    """The same, inside an event loop. Cancelling it ends the server."""
    import asyncio

    from ..mcp.reviewing import Looked, review

    inside = await is_inside(runtime, config)
    offers, about = await offers_of(runtime, name, config, inside)
    return Looked(about, review(offers), inside, await asyncio.to_thread(_weakness, runtime, config))


def examine(runtime: Runtime, names: Sequence[str] = ()) -> list[Examined]:
    """Connect to the enabled servers, or those named, side by side, and compare what they offer with what was approved."""
    import asyncio

    servers = runtime.config.mcp.servers
    wanted = {name: config for name, config in servers.items() if (name in names if names else config.enabled)}

    async def work() -> list[Examined]:
        return list(await asyncio.gather(*(examined(runtime, name) for name in wanted)))

    return asyncio.run(work()) if wanted else []


async def examined(runtime: Runtime, name: str) -> Examined:
    """How one of the profile's servers stands, inside an event loop."""
    from ..mcp.names import server_problem
    from ..mcp.pins import difference, target_of
    from ..mcp.servers import config_problem
    from .mcpwiring import pin_store

    config = runtime.config.mcp.servers[name]
    approve = f"Look at them: alpi mcp approve {name}"
    problem = server_problem(name, runtime.config.mcp.servers) or config_problem(config)
    if problem:
        return Examined(name, False, problem, f"Correct mcp.servers.{name} in config.yaml")
    try:
        pins = pin_store(runtime).load(name)
        if pins is None or pins.target != target_of(config):
            return Examined(name, False, "its tools were not approved as it is configured now", approve)
        offers, about = await offers_of(runtime, name, config, pins.inside)
    except AlpiError as error:
        return Examined(name, False, error.message, error.hint)
    changed = difference(pins.tools, offers)
    if changed:
        return Examined(name, False, f"it offers other tools than you approved ({changed})", approve)
    used = sum(pin.use for pin in pins.tools)
    return Examined(name, True, f"{about}; {used} of {len(pins.tools)} tools in use")


async def offers_of(runtime: Runtime, name: str, config: McpServerConfig, inside: bool) -> tuple[list[Offer], str]:
    """What a server offers, and what it calls itself.

    Raises:
        LoginNeeded: a person has to log in first. AlpiError: it cannot be reached.
    """
    from ..mcp.connection import Connection, Limits, LoginNeeded, ServerError
    from .mcpwiring import open_server

    told: list[str] = []
    connection = Connection(
        name,
        open_server(runtime, _guard(runtime), name, config, inside),
        Limits(config.seconds, config.connect_seconds),
        runtime.clock.monotonic,
        failed=told.append,
    )
    try:
        return await connection.offers(), connection.about
    except LoginNeeded:
        raise
    except AlpiError as error:
        words = told[0] if told else error.whole if isinstance(error, ServerError) else error.message
        raise AlpiError(runtime.redact_late(words), error.hint) from error
    finally:
        await connection.aclose()


async def is_inside(runtime: Runtime, config: McpServerConfig) -> bool:
    """Whether a server's address lies where tools may not go, so that approving it opens that one place."""
    from ..mcp.http import place_of
    from .mcpwiring import server_guard

    if not config.url:
        return False
    try:
        await server_guard(runtime).vet(*place_of(config.url))
    except Refused:
        await server_guard(runtime, place_of(config.url)).vet(*place_of(config.url))  # what stays refused is told
        return True
    return False


def _weakness(runtime: Runtime, config: McpServerConfig) -> str:
    from .mcpwiring import server_commands

    if config.url:
        return ""
    commands = server_commands(runtime, _guard(runtime), config)
    commands.prepare()
    return f"; {commands.weakness}" if commands.weakness else f"; in the sandbox ({commands.mode})"


def _guard(runtime: Runtime) -> Any:
    return runtime.guard(runtime.workspace()[0])
