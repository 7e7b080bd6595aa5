"""Sockets behind one small interface, so that a simulation can put its own network in their place."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...base.errors import ConfigError, StorageError
from ..core.address import Address
from . import unixsocket

Factory = Callable[[], asyncio.Protocol]


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen. ``public``: the configuration says in so many words that a public or wildcard address is meant."""

    address: Address
    public: bool = False


class Listener(Protocol):
    """Something that accepts connections until it is closed. ``addresses``: where, as bound."""

    @property
    def addresses(self) -> Sequence[Address]: ...

    def close(self) -> None: ...


class Network(Protocol):
    """What links need of a network. Protocols get transports as asyncio's own."""

    async def listen(self, where: Listen, factory: Factory) -> Listener: ...

    async def listen_unix(self, path: Path, factory: Factory) -> Listener: ...

    async def connect(self, address: Address, factory: Factory) -> asyncio.Protocol: ...

    async def connect_unix(self, path: Path, factory: Factory) -> asyncio.Protocol: ...


@dataclass(frozen=True, slots=True)
class _Server:
    servers: Sequence[asyncio.Server]
    addresses: Sequence[Address] = ()
    path: Path | None = None

    def close(self) -> None:
        for server in self.servers:
            server.close()
        if self.path is not None:
            unixsocket.remove(self.path)


class SystemNetwork:
    """The machine's own."""

    async def listen(self, where: Listen, factory: Factory) -> Listener:
        """Listen over TCP at each address that the host has a name for.

        Raises:
            ConfigError: a public or wildcard address, and the configuration does not say so in so many words; or not this machine's.
            StorageError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        host, port, flags = where.address.host.encode("ascii"), where.address.port, socket.AI_PASSIVE
        try:
            try:  # an address as such needs neither a thread nor the codec for names
                numeric = flags | socket.AI_NUMERICHOST
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric)
            except socket.gaierror:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        except OSError as error:
            raise ConfigError(
                f"the address to listen at cannot be found: {where.address}", "Check alp.listen"
            ) from error
        places = list(dict.fromkeys((family, place) for family, _, _, _, place in found))
        for _, place in places:
            check_address(str(place[0]), where)
        bound: list[socket.socket] = []
        try:
            for family, place in places:
                bound.append(_bind(family, place))
            servers = [await loop.create_server(factory, sock=made, backlog=256) for made in bound]
        except OSError as error:
            for made in bound:
                made.close()
            raise StorageError(
                f"cannot listen at {where.address}: {error.strerror}",
                "Is the address this machine's, and the port free?",
            ) from error
        names = [made.getsockname() for made in bound]
        return _Server(servers, tuple(Address(str(name[0]), int(name[1])) for name in names))

    async def listen_unix(self, path: Path, factory: Factory) -> Listener:
        """Listen at a profile's socket. Raises what ``unixsocket.bind`` does."""
        made = unixsocket.bind(path)
        server = await asyncio.get_running_loop().create_unix_server(factory, sock=made)
        return _Server((server,), path=path)

    async def connect(self, address: Address, factory: Factory) -> asyncio.Protocol:
        """Connect over TCP. Raises ``OSError``."""
        transport, protocol = await asyncio.get_running_loop().create_connection(factory, address.host, address.port)
        keep_alive(transport)
        return protocol

    async def connect_unix(self, path: Path, factory: Factory) -> asyncio.Protocol:
        """Connect to a profile's socket. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            with unixsocket.reachable(path) as name:
                try:  # done at once, unless many are waiting there
                    made.connect(name)
                except BlockingIOError:
                    await loop.sock_connect(made, name)
            _, protocol = await loop.create_unix_connection(factory, sock=made)
        except BaseException:  # a cancelled task, too
            made.close()
            raise
        return protocol


def check_address(host: str, where: Listen) -> None:
    """Whether it may be listened at.

    Raises:
        ConfigError: it is public or a wildcard, and that was not said in so many words.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    if where.public or not (mapped.is_unspecified or mapped.is_global or mapped.is_multicast):
        return
    kind = "every address of this machine" if mapped.is_unspecified else "a public address"
    raise ConfigError(
        f"{where.address} is {kind}, and links do not listen there by themselves",
        "Give the address of a private network or overlay; if you really mean it, say so: alpi config set alp.allow_public true",
    )


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Notice a cut cable within half a minute, on either end."""
    connection = transport.get_extra_info("socket")
    if connection is None:
        return
    options = {
        "TCP_KEEPIDLE": 10,
        "TCP_KEEPALIVE": 10,
        "TCP_KEEPINTVL": 5,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 20_000,
    }
    with contextlib.suppress(OSError):  # an option that a system does not have costs minutes, not correctness
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            number = getattr(socket, name, None)
            if number is not None:
                connection.setsockopt(socket.IPPROTO_TCP, number, value)


def _bind(family: int, place: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
