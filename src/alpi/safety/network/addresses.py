"""Which IP addresses lead out of this machine and its networks, and which lead inside. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where clouds hand out credentials to whoever asks from inside a machine. Some lie in ranges that look public.
METADATA: frozenset[str] = frozenset(
    {
        "169.254.169.254",  # AWS, Google, Azure, Oracle, DigitalOcean, Hetzner, OpenStack
        "169.254.170.2",  # AWS containers
        "169.254.170.23",  # AWS EKS
        "168.63.129.16",  # Azure's own service, in a public range
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS over IPv6
        "fd00:ec2::23",  # AWS EKS over IPv6
        "fd20:ce::254",  # Google over IPv6
    }
)
# Addresses that carry an IPv4 address inside (RFC 4291, 6052, 8215, 3056): each is judged as that one, too.
COMPATIBLE = ipaddress.IPv6Network("::/96")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")
ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def address_problem(address: Address) -> str:
    """Why an address must not be spoken to from here, or ``""`` where it is one of the open internet."""
    for one in (address, *inner_addresses(address)):
        problem = _problem(one)
        if problem:
            return problem if one == address else f"{problem} (another way to write {one})"
    return ""


def is_metadata(address: Address) -> bool:
    """Whether a cloud gives credentials away there, in any spelling. No setting opens these."""
    return any(str(one) in METADATA for one in (address, *inner_addresses(address)))


def inner_addresses(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    number = int(address)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in NAT64 or (address in COMPATIBLE and number > 1):
        yield ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if (number >> 32) & 0xFFFFFFFF in ISATAP:
        yield ipaddress.IPv4Address(number & 0xFFFFFFFF)


def _problem(address: Address) -> str:
    kinds = (
        (str(address) in METADATA, "a cloud's metadata service, which gives out credentials"),
        (address.is_unspecified, "this machine itself"),
        (address.is_loopback, "this machine itself"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast, "a multicast address"),
        (
            isinstance(address, ipaddress.IPv6Address) and (address in SITE_LOCAL or address in NAT64_LOCAL),
            "a private address",
        ),
        (address.is_private, "a private address"),
        (address.is_reserved, "a reserved address"),
    )
    for holds, name in kinds:
        # A mapped address is judged by what it maps, and Python calls the whole range of those reserved.
        if holds and not (isinstance(address, ipaddress.IPv6Address) and _carries(address)):
            return name
    if not address.is_global and not (isinstance(address, ipaddress.IPv6Address) and _carries(address)):
        return "not an address of the open internet"
    return ""


def _carries(address: ipaddress.IPv6Address) -> bool:
    """Whether it is nothing but another way to write an IPv4 address, so that this one alone decides."""
    return address.ipv4_mapped is not None or address in NAT64
