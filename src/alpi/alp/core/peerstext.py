"""``peers.yaml`` as text: a strict reader whose messages know their line, and small changes that leave every other line alone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import ConfigError
from ...base.yamlnodes import NodeReader, read_node
from . import primitives
from .address import Address, parse_address
from .card import printable
from .identity import decode_key
from .peers import METHOD, PEER_ID, PER_MINUTE, DayBudget, Peer, PeerBook

if TYPE_CHECKING:
    import yaml

LARGEST = 1 << 20
DEEPEST = 6
MOST_PER_MINUTE = 1_000_000
FIELDS = ("id", "alias", "pubkey", "address", "allow", "budget", "rate_limit")
NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")


def parse_peers(text: str, path: Path) -> PeerBook:
    """The peers of a file's text; ``path`` stands for the file in messages. An empty file holds none.

    Raises:
        ConfigError: anything that is not known and right, an id or a key that stands twice; names file and line. Then nobody is admitted.
    """
    book, _ = _read(text, path)
    return book


def with_peer(text: str, peer: Peer, path: Path) -> str:
    """The text with one more peer at its end.

    Raises:
        ConfigError: the text was broken before, or a key or id is in it already.
    """
    before = parse_peers(text, path)
    if not before.peers and not _is_blank(text):  # "[]", which cannot be added to
        text = ""
    joint = "" if not text or text.endswith("\n") else "\n"
    made = f"{text}{joint}{render_peer(peer)}"
    parse_peers(made, path)
    return made


def without_peer(text: str, name: str, path: Path) -> str:
    """The text without the peer of this id. Comments inside its entry go with it.

    Raises:
        ConfigError: the text is broken, or there is no such peer.
    """
    return _replaced(text, name, path, "")


def with_changed_peer(text: str, peer: Peer, path: Path) -> str:
    """The text with the entry of ``peer.id`` written anew. Comments inside the old entry are lost.

    Raises:
        ConfigError: the text is broken, or there is no such peer.
    """
    return _replaced(text, peer.id, path, render_peer(peer))


def render_peer(peer: Peer) -> str:
    """One entry, as the reader takes it."""
    lines = [f"- id: {json.dumps(peer.id)}"]
    if peer.alias:
        lines.append(f"  alias: {json.dumps(peer.alias, ensure_ascii=False)}")
    lines.append(f"  pubkey: {peer.pubkey}")
    if peer.address is not None:
        lines.append(f"  address: {json.dumps(str(peer.address))}")
    lines.append(f"  allow: [{', '.join(peer.allow)}]")
    caps = [f"usd_per_day: {peer.budget.usd:.9f}".rstrip("0").rstrip(".")] if peer.budget.usd is not None else []
    caps += [f"tokens_per_day: {peer.budget.tokens}"] if peer.budget.tokens is not None else []
    if caps:
        lines.append(f"  budget: {{{', '.join(caps)}}}")
    if peer.per_minute != PER_MINUTE:
        lines.append(f"  rate_limit: {{per_minute: {peer.per_minute}}}")
    return "\n".join(lines) + "\n"


def _is_blank(text: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines())


def _replaced(text: str, name: str, path: Path, entry: str) -> str:
    book, starts = _read(text, path)
    at = next((index for index, peer in enumerate(book) if peer.id == name), None)
    if at is None:
        raise ConfigError(f"{path} has no peer {name!r}")
    lines = text.splitlines(keepends=True)
    last = starts[at + 1] if at + 1 < len(starts) else len(lines)
    while last > starts[at] + 1 and (not lines[last - 1].strip() or lines[last - 1].startswith("#")):
        last -= 1  # what stands above the next entry belongs to that one
    made = "".join([*lines[: starts[at]], entry, *lines[last:]])
    after = parse_peers(made, path)
    if [peer.id for peer in after] != [peer.id for peer in book if entry or peer.id != name]:
        raise ConfigError(f"{path} is written in a way that alpi cannot change", "Change it in an editor")
    return made


def _read(text: str, path: Path) -> tuple[PeerBook, list[int]]:
    """The book, and the line (from 0) at which each entry begins."""
    import yaml

    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise ConfigError(f"{path} is larger than 1 MiB")
    node = read_node(text, path, DEEPEST, plain=True)
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value == ""):
        return PeerBook(), []
    return _Reader(path).book(node)


class _Reader(NodeReader):
    """Peers from the file's nodes."""

    def book(self, node: yaml.Node) -> tuple[PeerBook, list[int]]:
        import yaml

        if not isinstance(node, yaml.SequenceNode):
            raise ConfigError(f"{self.at(node)}: this file must be a list of peers (- id: ...)")
        peers: list[Peer] = []
        ids: dict[str, int] = {}
        keys: dict[bytes, int] = {}
        for entry in node.value:
            peer, lines = self.peer(entry)
            for seen, value, what in ((ids, peer.id, "id"), (keys, peer.noise_public, "pubkey")):
                line = lines[what]
                if value in seen:
                    raise ConfigError(f"{self.path}, line {line}: this {what} stands in line {seen[value]}, too")  # type: ignore[index]
                seen[value] = line  # type: ignore[index]
            peers.append(peer)
        return PeerBook(peers), [entry.start_mark.line for entry in node.value]

    def peer(self, node: yaml.Node) -> tuple[Peer, dict[str, int]]:
        found = self.group(node, FIELDS, "a peer")
        for name in ("id", "pubkey"):
            if name not in found:
                raise ConfigError(f"{self.at(node)}: this peer has no {name}")
        handle = self.scalar(found["id"], "id")
        if not PEER_ID.fullmatch(handle):
            raise self.wrong(
                found["id"], "id", "small letters, digits and -, at most 32, starting with a letter or digit"
            )
        public = decode_key(self.scalar(found["pubkey"], "pubkey"))
        noise_public = primitives.x25519_public(public) if public is not None else None
        if public is None or noise_public is None:
            raise self.wrong(found["pubkey"], "pubkey", "an Ed25519 public key in base64 (44 characters)")
        peer = Peer(
            id=handle,
            public=public,
            noise_public=noise_public,
            address=self.address(found.get("address")),
            alias=self.alias(found.get("alias")),
            allow=self.methods(found.get("allow")),
            budget=self.budget(found.get("budget")),
            per_minute=self.per_minute(found.get("rate_limit")),
        )
        return peer, {name: found[name].start_mark.line + 1 for name in ("id", "pubkey")}

    def alias(self, node: yaml.Node | None) -> str:
        if node is None:
            return ""
        alias = self.scalar(node, "alias")
        if not printable(alias):
            raise self.wrong(node, "alias", "1 to 60 characters that can be seen")
        return alias

    def address(self, node: yaml.Node | None) -> Address | None:
        if node is None:
            return None
        text = self.scalar(node, "address")
        try:
            return parse_address(text)
        except ValueError as error:
            raise ConfigError(
                f"{self.at(node)}: address: {error}", "It is host:port; leave it out for a profile of this machine"
            ) from error

    def methods(self, node: yaml.Node | None) -> tuple[str, ...]:
        import yaml

        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, "allow", "a list of methods, such as [link.ping, link.ask]")
        names = []
        for part in node.value:
            name = self.scalar(part, "allow")
            if not METHOD.fullmatch(name):
                raise self.wrong(part, "allow", "a list of methods, such as [link.ping, link.ask]")
            if name in names:
                raise ConfigError(f"{self.at(part)}: allow names {name} twice")
            names.append(name)
        return tuple(names)

    def budget(self, node: yaml.Node | None) -> DayBudget:
        if node is None:
            return DayBudget()
        found = self.group(node, ("usd_per_day", "tokens_per_day"), "budget")
        if not found:
            raise self.wrong(node, "budget", "{usd_per_day: NUMBER} or {tokens_per_day: NUMBER}")
        usd = self.number(found.get("usd_per_day"), "usd_per_day", whole=False)
        tokens = self.number(found.get("tokens_per_day"), "tokens_per_day", whole=True)
        return DayBudget(usd, int(tokens) if tokens is not None else None)

    def per_minute(self, node: yaml.Node | None) -> int:
        if node is None:
            return PER_MINUTE
        found = self.group(node, ("per_minute",), "rate_limit")
        value = self.number(found.get("per_minute"), "per_minute", whole=True)
        if value is None or value > MOST_PER_MINUTE:
            raise self.wrong(found.get("per_minute", node), "rate_limit", f"{{per_minute: 0 to {MOST_PER_MINUTE}}}")
        return int(value)

    def number(self, node: yaml.Node | None, where: str, whole: bool) -> float | None:
        if node is None:
            return None
        what = "a whole number, at least 0" if whole else "a number, at least 0"
        value = self.scalar(node, where)
        if not NUMBER.fullmatch(value) or (whole and "." in value):
            raise self.wrong(node, where, what)
        return float(value)

    def group(self, node: yaml.Node, known: Sequence[str], what: str) -> dict[str, yaml.Node]:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{self.at(node)}: {what} must be a group of fields")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name not in known:
                raise ConfigError(f"{self.at(key)}: {what} has no field {name[:60]!r}", f"There is: {', '.join(known)}")
            if name in found:
                raise ConfigError(f"{self.at(key)}: {name} stands twice")
            found[name] = value
        return found

    def scalar(self, node: yaml.Node, where: str) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode) or node.value == "":
            raise self.wrong(node, where, "one value")
        return str(node.value)
