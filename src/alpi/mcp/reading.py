"""Calls of tools that only read, by the owner's word: what in the arguments of one may still be more than reading. Pure.

Whoever steers the model chooses the arguments. They may carry what the conversation knows to the server, name a file that a tool of
alpi's own would ask about, or name a place inside that alpi's own tools do not reach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..safety.actions import Action, CallServer, ReadPath
from ..safety.private import MOST_OUTGOING, Leak, nothing_private

LONGEST_PATH = 4096
MOST_PATHS = 64
# A key of the server's own, such as an event's: one word with letters and figures. Neither words, mail addresses nor numbers are one.
KEY = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_.=~:+-]{7,199}")
MOST_KEYS = 4
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}:[/\\]{2}")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a server stands. ``near``: on this machine or in a private network, so that it may read files, and reach places, that are
    closed to alpi's own tools; ``leaves``: what it is told may leave this machine; ``private``: looks for the person's own in that;
    ``said``: the texts that a server of that name has given in this conversation."""

    near: bool = True
    leaves: bool = True
    private: Callable[[str], Leak] = nothing_private
    said: Callable[[str], Iterable[str]] = lambda server: ()


def actions_of(call: CallServer, arguments: Mapping[str, Any], reach: Reach, workspace: Path) -> list[Action]:
    """A call of a tool that only reads, as the gate is to judge it: the call itself, and each file that it names."""
    values, keys = list(_texts(arguments, 0)), list(_keys(arguments, 0))
    doubts: list[str] = []
    leak = Leak()
    if reach.leaves:
        text = _joined(values, keys)
        leak = reach.private(text)
        known = _own_keys(values, reach.said(call.server)) if leak.what and not leak.secret else []
        if known:
            leak = reach.private(_joined([value for value in values if value not in known], keys))
        if len(text) > MOST_OUTGOING:
            doubts.append(f"it sends {len(text):,} characters, more than are looked through")
        if reach.near and any(map(_names_an_address, values)):
            doubts.append("it names an address, and nothing holds this server back from places that are closed to alpi")
    paths = list(dict.fromkeys(path for value in values if (path := _path(value)))) if reach.near else []
    if len(paths) > MOST_PATHS:
        doubts.append(f"it may name {len(paths)} files")
    judged = CallServer(
        call.server, call.tool, call.arguments, call.pin, True, leak.what, leak.secret, " and ".join(doubts)
    )
    return [judged, *(ReadPath(_absolute(path, workspace)) for path in paths[:MOST_PATHS])]


def _texts(value: Any, depth: int) -> Iterator[str]:
    """All values in the arguments, as text; what is nested too deep as it is printed."""
    if isinstance(value, bool) or value is None:
        return
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    if inner is None or depth > 40:
        yield str(value)
        return
    for item in inner:
        yield from _texts(item, depth + 1)


def _keys(value: Any, depth: int) -> Iterator[str]:
    if depth > 40:
        return
    if isinstance(value, dict):
        yield from map(str, value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(item, depth + 1)


def _joined(values: Iterable[str], keys: Iterable[str]) -> str:
    # The dash keeps a text that begins like an address from being taken for one as a whole.
    return "\n".join(["- ", *values, *keys])


def _own_keys(values: Iterable[str], said: Iterable[str]) -> list[str]:
    """Of the values, the first few that are keys which the same server has given, each as a whole: it knows them, and asks for them."""
    keys = list(dict.fromkeys(value for value in values if KEY.fullmatch(value)))
    texts = list(said) if keys else []
    given = (re.compile(rf"(?<![\w-]){re.escape(key)}(?![\w-])") for key in keys)
    found = [key for key, whole in zip(keys, given, strict=True) if any(whole.search(text) for text in texts)]
    return found[:MOST_KEYS]


def _names_an_address(value: str) -> bool:
    found = (match.group().casefold() for match in ADDRESS.finditer(value))
    return any(scheme != "file://" for scheme in found)


def _path(value: str) -> str:
    """The path that a whole value is, or ``""``. Any text on one line may be one: ``.env`` is."""
    text = value.strip()
    if text[:7].casefold() == "file://":
        text = unquote(urlsplit(text).path)
    usable = text and len(text) <= LONGEST_PATH and "\n" not in text and "\0" not in text
    return text if usable and not ADDRESS.match(text) else ""


def _absolute(text: str, workspace: Path) -> Path:
    """A path as the server would take it: it runs in the workspace."""
    try:
        return workspace / Path(text).expanduser()
    except RuntimeError:  # ~name of somebody whom this machine does not know
        return workspace / text
