"""Where a peer listens: a host name or address and a port, as peer lists and cards write it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

PORT = 7423
"""The port where none is written."""

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Address:
    """``host`` without brackets; ``port`` from 1 to 65535 (0 only for a listener that takes any)."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """An address from ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``.

    Raises:
        ValueError: anything else; the message says what is wrong.
    """
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        try:
            host = ipaddress.IPv6Address(host).compressed
        except ValueError:
            closed = ""
        if not closed or "%" in host or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no IPv6 address in brackets, such as [fd7a::1]:7423")
        return Address(host, _port(rest[1:]) if rest else PORT)
    host, colon, port = text.partition(":")
    if ":" in port:
        raise ValueError(f"an IPv6 address stands in brackets: [{text}]")
    host = host.lower()
    last = host.rstrip(".").rpartition(".")[2]
    if not _NAME.fullmatch(host) or (last.isdigit() and not _is_ipv4(host)):
        raise ValueError(f"{host!r} is no host name or address")
    return Address(host, _port(port) if colon else PORT)


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or not 0 < int(text) < 65536:
        raise ValueError(f"{text!r} is no port (1 to 65535)")
    return int(text)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
