"""The service that answers peers: a node with its sockets, watched by the supervisor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..base.errors import ConfigError

if TYPE_CHECKING:
    from ..alp.io.node import Listen, Node
    from ..daemon.health import Health
    from .answering import PeerAnswering
    from .runtime import Runtime

# How often it looks whether its own door still opens.
LOOK_SECONDS = 15.0
DRAIN_SECONDS = 25.0


class AlpService:
    """Answers the peers of a profile. Implements ``daemon.supervisor.Service``.

    Args:
        answering: runs their turns.
        tell: takes a line for the log.
    """

    name = "alp"
    stale_after = 6 * LOOK_SECONDS

    def __init__(self, runtime: Runtime, answering: PeerAnswering, tell: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._answering = answering
        self._tell = tell
        self._node: Node | None = None

    async def run(self, health: Health) -> None:
        """See ``Service``. A success is a connection to its own socket that was accepted."""
        from ..alp.io.node import Node
        from ..alp.io.peersfile import PeersFile

        paths, clock = self._runtime.paths, self._runtime.clock
        links = self._runtime.links
        node = Node(
            links.identity(),
            PeersFile(paths.peers),
            self._answering,
            folder=paths.alp,
            listen=listen_of(self._runtime),
            clock=clock,
            random=os.urandom,
            log=lambda line: self._tell(f"alp: {self._answering.redact(line)}"),
        )
        self._node = node
        try:
            await node.start()
            where = ", ".join(["this machine", *(str(address) for address in node.addresses)])
            self._tell(f"alp: listening for {where}")
            while True:
                _, writer = await asyncio.open_unix_connection(str(node.socket))
                writer.close()
                await writer.wait_closed()
                problem = links.book().problem
                health.success(f"for {where}" + (f"; nobody is admitted: {problem}" if problem else ""))
                await clock.sleep(LOOK_SECONDS)
        finally:
            self._node = None
            await node.close(drain=0.0)

    async def drain(self) -> None:
        """See ``Service``."""
        if self._node is not None:
            await self._node.close(drain=DRAIN_SECONDS)
        await self._answering.aclose()


def listen_of(runtime: Runtime) -> Listen | None:
    """Where to listen for other machines, from the settings.

    Raises:
        ConfigError: ``alp.listen`` is no address.
    """
    from ..alp.core.address import parse_address
    from ..alp.io.node import Listen

    alp = runtime.config.alp
    if not alp.listen:
        return None
    try:
        return Listen(parse_address(alp.listen), alp.allow_public)
    except ValueError as error:
        raise ConfigError(
            f"{runtime.paths.config}: alp.listen {alp.listen!r} is no address: {error}",
            "It is host:port, such as 100.64.0.7:7423",
        ) from error
