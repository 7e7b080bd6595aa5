"""What models call the tools of servers, and which names are refused because they look like others. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

from ..alp.core.lookalike import skeleton

PREFIX = "mcp_"
LONGEST = 64
"""What every provider takes as a name: at most 64 of letters, digits, - and _."""
SERVER = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
"""No underscore: so the part between the prefix and the next one is the server, whatever its tools are called."""
PLAIN = re.compile(r"[\x21-\x7e]{1,128}")
UNNAMABLE = re.compile(r"[^A-Za-z0-9_-]")


def server_problem(name: str, others: Iterable[str]) -> str:
    """Why a server cannot be called this, beside the ``others``; ``""`` when it can."""
    if not SERVER.fullmatch(name):
        return "a server's name has small letters, digits and -, at most 24, and begins with a letter or digit"
    for other in others:
        if name != other and skeleton(name) == skeleton(other):
            return f"{name} could be taken for the server {other}"
    return ""


def tool_problem(name: str, others: Iterable[str], own: Iterable[str]) -> str:
    """Why a server's tool is refused for its name; ``""`` when it is not.

    Args:
        others: the names of the same server's tools.
        own: the names of alpi's tools. The very same name is no problem: it gets the server's prefix, and means that tool only.
    """
    if not PLAIN.fullmatch(name):
        return "its name has characters other than plain letters, digits and signs"
    mine = skeleton(name)
    for other in own:
        if name != other and mine == skeleton(other):
            return f"its name could be taken for alpi's own {other}"
    for other in others:
        if name != other and mine == skeleton(other) and name.casefold() != other.casefold():
            return f"its name could be taken for {other} of the same server"
    return ""


def model_names(tools: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], str]:
    """What models call each tool, by server and tool: ``mcp_time_now``.

    Where two would be called the same, or one is too long, a hash of the true name is added: the same in every run, whatever else
    is offered by other servers.
    """
    found: dict[tuple[str, str], str] = {}
    for server, names in tools.items():
        plain = {name: f"{PREFIX}{server}_{UNNAMABLE.sub('_', name)}" for name in names}
        for name, called in plain.items():
            alone = list(plain.values()).count(called) == 1
            found[server, name] = called if alone and len(called) <= LONGEST else _hashed(called, name)
    return found


def _hashed(called: str, name: str) -> str:
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{called[: LONGEST - 9]}_{mark}"
