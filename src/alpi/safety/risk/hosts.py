"""Hosts and addresses in arguments."""

from __future__ import annotations

import re
from types import MappingProxyType

from .bench import Bench
from .expand import Field
from .ruling import Ruling

_URL = re.compile(r"(?:(?P<scheme>[A-Za-z][\w+.-]*)://)?(?:[^@/?#]*@)?(?P<host>\[[^\]]*\]|[^:/?#]*)(?::(?P<port>\d+))?")
_PORTS = MappingProxyType({"http": "80", "https": "443", "ftp": "21", "ssh": "22", "git": "9418"})


def note_host(judge: Bench, item: Field, ruling: Ruling) -> None:
    """Collect the host of an address for the scope; refuse the addresses where clouds keep keys."""
    if not item.known or (any(mark in item.text for mark in "{}[]*") and "://[" not in item.text):
        ruling.unfixed("which host it reaches is only known when it runs")
        return
    match = _URL.match(item.text)
    host = match["host"].lower().rstrip(".") if match else ""
    if match is None or not host:
        ruling.scope.possible = False
        return
    port = match["port"] or _PORTS.get((match["scheme"] or "").lower(), "")
    ruling.scope.hosts.add(f"{host}:{port}" if port else host)
    if host in {
        "169.254.169.254",
        "metadata.google.internal",
        "metadata",
        "100.100.100.200",
        "[fd00:ec2::254]",
    } or host.startswith("169.254."):
        ruling.danger(f"reaches {host}, where clouds hand out keys")


def scheme_of(text: str) -> str:
    """The scheme of an address in lower case, ``""`` if it has none."""
    match = _URL.match(text)
    return (match["scheme"] or "").lower() if match else ""
