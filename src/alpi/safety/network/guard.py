"""Judges hosts: resolves a name once, judges every address that comes back, and gives those to connect to."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ...base.errors import AlpiError, Refused
from .addresses import Address, address_problem, is_metadata

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class Unresolvable(AlpiError):
    """A name that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A place inside that the person has opened in the settings: a host name or address or network, with a port or for all."""

    host: str
    port: int | None = None

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Whether it is about this connection."""
        if self.port is not None and self.port != port:
            return False
        try:
            return address in ipaddress.ip_network(self.host, strict=False)
        except ValueError:
            return host == self.host


def parse_opening(text: str) -> Opening:
    """``nas.lan``, ``localhost:3000``, ``192.168.1.0/24``, ``[fd00::1]:80`` as an opening.

    Raises:
        ValueError: it is none of these.
    """
    host, port = text.strip().casefold(), None
    if host.startswith("["):
        inside, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(text)
        host, tail = inside, rest[1:]
        port = int(tail) if tail else None
    elif host.count(":") == 1:
        host, _, tail = host.partition(":")
        port = int(tail)
    if not host or " " in host or (port is not None and not 0 < port < 65536):
        raise ValueError(text)
    return Opening(host.rstrip("."), port)


class NetworkGuard:
    """Decides whom tools may speak to.

    Args:
        resolve: gives a name's addresses. Called once for each connection, and what is connected to is what it gave.
        host_refused: why the machine's policy forbids a host (name, address), or ``""``.
        openings: places inside that the person has opened.
    """

    def __init__(
        self,
        resolve: Resolver,
        host_refused: Callable[[str, str], str],
        openings: Sequence[Opening] = (),
    ) -> None:
        self._resolve = resolve
        self._host_refused = host_refused
        self._openings = tuple(openings)

    async def vet(self, host: str, port: int) -> list[str]:
        """The addresses to connect to for a host, all of them judged.

        Raises:
            Refused: the host, or one of its addresses, must not be spoken to. A name with both good and bad addresses is refused whole:
                the next answer might hold the bad one alone.
            Unresolvable: the name leads nowhere.
        """
        name = host.strip("[]").rstrip(".").casefold()
        literal = _literal(name)
        texts = [str(literal)] if literal is not None else list(await self._resolve(name, port))
        if not texts:
            raise Unresolvable(f"the name {host} leads nowhere", "Check its spelling, and that this machine is online")
        for text in texts:
            address = ipaddress.ip_address(text.partition("%")[0])
            why = self._host_refused(name, str(address))
            if why:
                raise Refused(why)
            problem = address_problem(address)
            if problem and (is_metadata(address) or not self._opened(name, address, port)):
                shown = host if literal is not None else f"{host} ({address})"
                place = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
                opening = f"Only a person can open it, by hand: alpi config set network.allow '[\"{place}\"]'"
                raise Refused(f"{shown} is {problem}", "" if is_metadata(address) else opening)
        return texts

    def _opened(self, host: str, address: Address, port: int) -> bool:
        return any(opening.covers(host, address, port) for opening in self._openings)


def _literal(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None


async def system_resolver(host: str, port: int) -> list[str]:
    """What the system says of a name. Odd spellings of addresses (``127.1``, ``0x7f000001``) come out as what they mean."""
    import asyncio
    import socket

    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
