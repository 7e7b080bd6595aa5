"""``alpi mcp login`` and ``logout``: a person logs in at an MCP server, with their browser, on this machine or over ssh."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from ..base.errors import AlpiError, NotConfigured, UsageError
from ..base.text import escaped
from ..mcp.courier import origin_of
from ..mcp.redirects import Listener, NoRedirect, Redirected, read_redirect
from ..tui.terminal import LineReader, is_terminal, long_lines

if TYPE_CHECKING:
    import argparse

    from ..base.schema import McpServerConfig
    from ..mcp.logins import Challenge, Login
    from ..mcp.reviewing import Looked
    from .runtime import Runtime

SECONDS = 600.0
"""How long a person may take: as long as authorization servers let a code wait."""
MOST_LOGINS = 2
"""A server that refuses one login as too little may name what it wants. One that goes on is not asked again."""


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """``alpi mcp login NAME`` and ``alpi mcp logout NAME``."""
    return _log_out(args, environ) if args.out else _log_into(args, environ)


def _log_into(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Log in at a server, as it was approved."""
    from ..mcp.pins import target_of
    from .mcpwiring import pin_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    config = _address(runtime, args.name)
    pins = pin_store(runtime).load(args.name)
    if pins is None or pins.target != target_of(config):
        raise NotConfigured(
            f"{args.name} was not approved as it is configured now",
            f"Look at it, and log in on the way: alpi mcp approve {args.name}",
        )
    _somebody(args.name)
    print(escaped(f"{args.name}: {config.url}"))
    print(asyncio.run(_logged_in(runtime, args.name, config, pins.inside, args)))
    return 0


def _log_out(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Forget the login at a server, and have its tokens revoked where the authorization server offers that."""
    from .mcpwiring import courier, identity, login_store, pin_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    config = _address(runtime, args.name)
    store = login_store(runtime)

    async def work() -> str:
        from ..mcp.oauth import revoke

        async with store.held(args.name):
            try:
                login = store.load(args.name, config.url)
                pins = pin_store(runtime).load(args.name)
            except AlpiError:
                login, pins = None, None  # what cannot be read can still be removed
            if not store.forget(args.name):
                return f"you are not logged in at {args.name}"
        if login is None or not login.access_token + login.refresh_token:
            return f"what was kept of {args.name} is removed"
        try:
            way = courier(runtime, config, pins is not None and pins.inside, login.places)
            told = await revoke(login, identity(runtime, args.name, config), way, store)
            more = (
                "its tokens are revoked" if told else "it offers no way to revoke the tokens, which end by themselves"
            )
        except AlpiError as error:
            more = f"its tokens could not be revoked ({error.message}), and end by themselves"
        return runtime.redact_late(f"you are logged out of {args.name}; {more}")

    print(asyncio.run(work()))
    return 0


def look_logged_in(runtime: Runtime, args: argparse.Namespace, config: McpServerConfig) -> Looked:
    """Look at a server that is to be approved. Where it wants a login, the person is asked whether to log in first.

    Raises:
        AlpiError: see ``look``. Of a login at a server that is not added yet, nothing is kept then.
    """
    from ..mcp.connection import LoginNeeded
    from .mcplooking import is_inside, look
    from .mcpwiring import login_store
    from .undo import confirmed

    name = args.name
    try:
        try:
            return look(runtime, name, config)
        except LoginNeeded as error:
            _somebody(name)
            pointed = "resource_metadata" in error.challenge.header
            print(f"{name} wants a login" + ("." if pointed else ", and does not say where logins are given."))
            if not confirmed("Log in now?" if pointed else "Try to log in all the same?"):
                raise AlpiError(f"{name} shows its tools only after a login", HEADER_HINT) from None

        async def work() -> str:
            return await _logged_in(runtime, name, config, await is_inside(runtime, config), args)

        print(asyncio.run(work()))
        return look(runtime, name, config)
    except BaseException:  # also Ctrl-C: of a server that was not added, no login stays
        if name not in runtime.config.mcp.servers:
            login_store(runtime).forget(name)
        raise


HEADER_HINT = "Or authorise with a key: --header 'Authorization: Bearer $NAME' (alpi config key NAME stores it)"


async def _logged_in(
    runtime: Runtime, name: str, config: McpServerConfig, inside: bool, args: argparse.Namespace
) -> str:
    """Log in where that is needed. Gives how it went, in a line."""
    from ..mcp.connection import LoginNeeded
    from .mcplooking import offers_of
    from .mcpwiring import login_store

    store = login_store(runtime)
    done = 0
    while True:
        login = store.load(name, config.url)
        wanted = login.wanted if login is not None else None
        if wanted is None:
            try:
                offers, _ = await offers_of(runtime, name, config, inside)
            except LoginNeeded as error:
                wanted = error.challenge
        if wanted is None:
            if done:
                return f"you are logged in at {name}, which offers {len(offers)} tools"
            if login is None or not login.access_token:
                return f"{name} asks for no login: it offers {len(offers)} tools as it is"
            return f"you are logged in at {name} already. To do it anew: alpi mcp logout {name}"
        if done == MOST_LOGINS:
            raise AlpiError(f"{name} refuses what it was given: it wants yet another login")
        await _log_in(runtime, name, config, inside, args, login, wanted)
        done += 1


async def _log_in(
    runtime: Runtime,
    name: str,
    config: McpServerConfig,
    inside: bool,
    args: argparse.Namespace,
    known: Login | None,
    challenge: Challenge,
) -> None:
    from ..mcp.logins import Login
    from ..mcp.oauth import log_in
    from .mcpwiring import courier, identity, login_store

    who = identity(runtime, name, config)
    login = known or Login(name, config.url)
    opener = browser(runtime.environ) if getattr(args, "browser", True) else []
    desk = Desk(name, opener, getattr(args, "login_seconds", SECONDS), runtime.environ)
    try:
        await desk.start(config.oauth.redirect_port, _last_port(login))
        carrier = courier(runtime, config, inside, agree=desk.agree)
        await log_in(login, challenge, who, desk, carrier, login_store(runtime))
    except AlpiError as error:
        error.message = runtime.redact_late(error.message)
        raise
    finally:
        await desk.aclose()


def _last_port(login: Login) -> int:
    """The port that alpi has registered with: with another one it would have to register again."""
    uris = (login.client or {}).get("redirect_uris") or [""]
    try:
        return urlsplit(str(uris[0])).port or 0
    except ValueError:
        return 0


def browser(environ: Mapping[str, str], platform: str = sys.platform) -> list[str]:
    """The program that opens an address in the person's browser; empty where they sit elsewhere, or have no display."""
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return []
    if platform == "darwin":
        return ["/usr/bin/open"]
    shown = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    program = shutil.which("xdg-open", path=environ.get("PATH")) if shown else None
    return [program] if program else []


class Desk:
    """Where a person logs in: the terminal, their browser, and the address that it comes back to.

    Args:
        name: the server's.
        browser: what opens an address; empty for nothing.
        seconds: how long they may take.
        environ: the environment of the browser.
        reader: where they type.
    """

    def __init__(
        self,
        name: str,
        browser: list[str],
        seconds: float,
        environ: Mapping[str, str],
        reader: LineReader | None = None,
    ) -> None:
        self.redirect_uri = ""
        self._name = name
        self._browser = browser
        self._seconds = seconds
        self._environ = environ
        self._listener = Listener()
        self._reader = reader or LineReader()
        self._kept: list[str] = []

    async def start(self, port: int, last: int = 0) -> None:
        """Listen for the browser: on a port of the settings, or on the last one, or on any.

        Raises:
            AlpiError: the port of the settings is taken.
        """
        try:
            await self._listener.start(port or last)
        except AlpiError:
            if port:
                raise
            await self._listener.start()
        self.redirect_uri = self._listener.uri

    async def aclose(self) -> None:
        """Stop listening."""
        await self._listener.aclose()

    async def agree(self, origin: str) -> bool:
        """Ask whether the login may speak to an origin. Only a yes that is typed now is one."""
        print(f"{self._name} says that this belongs to the login: {escaped(origin)}")
        self._reader.forget_typed()
        _prompt("Go there with this login? y = yes   Enter = no  [no] ")
        try:
            return (await self._reader.line() or "").strip().lower() in ("y", "yes")
        except asyncio.CancelledError:
            _prompt("\n")
            raise

    async def authorise(self, address: str, state: str) -> Redirected:
        """Show the address, open it, and wait for what comes back: to this machine, or pasted by the person.

        Raises:
            AlpiError: nothing was granted, or not in time.
        """
        self._listener.expect(state)
        self._reader.stop()  # what was typed before was meant for something else
        self._show(address)
        heard = asyncio.create_task(self._listener.wait())
        try:
            async with asyncio.timeout(self._seconds):
                with long_lines():
                    return await self._either(heard, state)
        except TimeoutError:
            raise AlpiError(
                f"nobody has logged in within {self._seconds:g} s", "Begin anew when you are ready"
            ) from None
        finally:
            heard.cancel()

    async def _either(self, heard: asyncio.Task[Redirected], state: str) -> Redirected:
        while True:
            _prompt("> ")
            typed = asyncio.create_task(self._line())
            try:
                await asyncio.wait({heard, typed}, return_when=asyncio.FIRST_COMPLETED)
                if heard.done():
                    _prompt("\n")
                    return heard.result()
                text = typed.result()
            except asyncio.CancelledError:
                _prompt("\n")  # out of time, or Ctrl-C: what is said then begins on a line of its own
                raise
            finally:
                typed.cancel()
                await asyncio.wait({typed})
            if text is None:
                raise AlpiError("the login was given up")
            if not text.strip():
                continue
            try:
                return read_redirect(text, self.redirect_uri, state)
            except NoRedirect as error:
                print(f"{error}", file=sys.stderr)

    async def _line(self) -> str | None:
        """The next line; of several that came at once, each in its turn."""
        if not self._kept:
            text = await self._reader.line()
            self._kept = self._reader.stop()[0]
            return text
        return self._kept.pop(0)

    def _show(self, address: str) -> None:
        scopes = " ".join(parse_qs(urlsplit(address).query).get("scope", []))
        print(f"\nLog in at {escaped(origin_of(address))}" + (f", for: {escaped(scopes)}" if scopes else ""))
        print(f"\n  {escaped(address)}\n")
        if self._browser:
            print("Your browser opens it. This goes on by itself when you are done there.")
            try:
                subprocess.Popen(
                    [*self._browser, address],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=dict(self._environ),
                    start_new_session=True,
                )
            except OSError as error:
                print(f"It could not be opened ({error.strerror}): open it yourself.")
        else:
            print("Open it in a browser, on any machine.")
        print(f"If it ends at {self.redirect_uri} and shows an error, paste the whole address of that page here:")
        sys.stdout.flush()


def _prompt(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()


def _address(runtime: Runtime, name: str) -> McpServerConfig:
    """The settings of a server at which a person could log in.

    Raises:
        UsageError: it is none.
    """
    from ..mcp.servers import config_problem
    from .mcpwiring import has_header

    config = runtime.config.mcp.servers.get(name)
    if config is None:
        known = ", ".join(runtime.config.mcp.servers) or "none"
        raise UsageError(f"there is no server {name!r} (there is: {known})", "alpi mcp add NAME --url URL")
    problem = config_problem(config)
    if problem:
        raise UsageError(f"mcp.servers.{name}: {problem}")
    if not config.url:
        raise UsageError(f"{name} is a program of this machine: nobody logs in there")
    if has_header(config):
        raise UsageError(
            f"{name} is authorised by a header of its settings", "Take it out of config.yaml to log in instead"
        )
    return config


def _somebody(name: str) -> None:
    if not is_terminal(sys.stdin, sys.stderr):
        raise UsageError(
            f"{name} wants a login, and nobody can be asked here", "Run this on a terminal; over ssh will do"
        )
