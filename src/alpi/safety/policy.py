"""The machine's policy, ``/etc/alpi/policy.yaml``: what nobody on this machine may do with alpi, whatever their profile says.

It only narrows. A file that is broken, unreadable, or that others than root may change restricts everything that it could: a policy
that silently has no effect would be worse than none. Every key and value is therefore checked strictly, unknown keys too.
"""

from __future__ import annotations

import contextlib
import fnmatch
import ipaddress
import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from ..base.errors import ConfigError
from ..base.yamlnodes import NodeReader, read_node

if TYPE_CHECKING:
    import yaml

DEFAULT = Path("/etc/alpi/policy.yaml")
LARGEST = 256 << 10
DEEPEST = 10
Mode = Literal["off", "workspace", "strict"]
"""The sandbox's modes, from loose to tight."""
MODES: tuple[Mode, ...] = get_args(Mode)
HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
Match = Callable[[str, str], bool]
NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")


class Lists(msgspec.Struct, frozen=True):
    """What is allowed and denied. ``allow`` of ``None``: all that is not denied; an empty one: nothing."""

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()


class Caps(msgspec.Struct, frozen=True):
    """The most that may be used in a day; ``None``: no cap."""

    usd_per_day: float | None = None
    tokens_per_day: int | None = None


class Policy(msgspec.Struct, frozen=True):
    """A policy. ``broken`` says why the file cannot be relied on; then all that it could restrict is refused."""

    path: Path = DEFAULT
    exists: bool = False
    broken: str = ""
    sandbox: Mode = "off"
    tools: Lists = Lists()
    hosts: Lists = Lists()
    models: Lists = Lists()
    budget: Caps = Caps()
    protected: tuple[str, ...] = ()
    always: bool = True

    @classmethod
    def load(cls, path: Path = DEFAULT, owner: int = 0) -> Policy:
        """Read the machine's policy. Never raises: what is wrong is in ``broken``.

        Args:
            path: another file is for tests alone; there is no variable or setting for it.
            owner: who must own the file and its folder (root).
        """
        try:
            text = _read(path, owner)
            return cls(path) if text is None else parse_policy(text, path)
        except ConfigError as error:
            return cls(path, exists=True, broken=error.message)
        except (OSError, ValueError) as error:
            what = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            return cls(path, exists=True, broken=f"{path} cannot be read: {what}")

    def tool_refused(self, name: str) -> str:
        """Why a tool may not be used, or ``""``."""
        return self.broken_reason() or _listed(self.tools, (name,), _matches, f"the tool {name}", self.path)

    def model_refused(self, full_name: str) -> str:
        """Why a model (``provider/model``) may not be used, or ``""``."""
        return self.broken_reason() or _listed(self.models, (full_name,), _matches, f"the model {full_name}", self.path)

    def host_refused(self, host: str, address: str = "") -> str:
        """Why a host may not be reached, or ``""``.

        ``address`` is the one that the name was resolved to and that will be connected to; ask once more with it when it is known.
        """
        names = tuple(filter(None, (_host_name(host), _host_name(address))))
        return self.broken_reason() or _listed(self.hosts, names, _host_matches, f"the host {host}", self.path)

    def sandbox_at_least(self, mode: str) -> Mode:
        """The sandbox's mode: what the profile wants, or what the machine demands where that is tighter."""
        if self.broken:
            return "strict"
        wanted = next((known for known in MODES if known == mode), MODES[-1])
        return max(wanted, self.sandbox, key=MODES.index)

    def budget_caps(self) -> Caps:
        """The most that may be used in a day: nothing, where the policy is broken."""
        return Caps(0, 0) if self.broken else self.budget

    def protected_paths(self, home: Path) -> tuple[Path, ...]:
        """Places that are neither read nor written; ``~`` stands for the person's home folder."""
        return tuple(home / place[2:] if place.startswith("~/") else Path(place) for place in self.protected)

    @property
    def may_approve_always(self) -> bool:
        """Whether an approval may be kept for good; kept ones do not count where it may not."""
        return self.always and not self.broken

    def broken_reason(self) -> str:
        """Why everything is refused, with what to do about it, or ``""``."""
        return (
            f"the machine's policy cannot be relied on ({self.broken}); its administrator must mend it"
            if self.broken
            else ""
        )

    def describe(self) -> list[str]:
        """What it restricts, one sentence each: for ``doctor`` and ``status``."""
        if self.broken:
            return [self.broken_reason()]
        told = [f"sandbox: at least {self.sandbox}"] if self.sandbox != "off" else []
        for name, lists in (("tools", self.tools), ("hosts", self.hosts), ("models", self.models)):
            if lists.allow is not None:
                told.append(f"{name}: only {', '.join(lists.allow) or 'none'}")
            if lists.deny:
                told.append(f"{name}: not {', '.join(lists.deny)}")
        if self.budget.usd_per_day is not None:
            told.append(f"budget: at most {self.budget.usd_per_day:g} USD a day")
        if self.budget.tokens_per_day is not None:
            told.append(f"budget: at most {self.budget.tokens_per_day} tokens a day")
        if self.protected:
            told.append(f"protected: {', '.join(self.protected)}")
        return told if self.always else [*told, "approvals: never for always"]


def parse_policy(text: str, path: Path) -> Policy:
    """A policy from its text; ``path`` stands for the file in messages.

    Raises:
        ConfigError: anything that is not known and right; names file, line and key.
    """
    node = read_node(text, path, DEEPEST)
    if node is None:
        raise ConfigError(f"{path} holds no policy; remove it, or write {{}} for one that restricts nothing")
    return _Reader(path).policy(node)


class _Reader(NodeReader):
    """A policy from the file's nodes."""

    def policy(self, node: yaml.Node) -> Policy:
        known = ("sandbox", "tools", "hosts", "models", "budget", "protected_paths", "approvals")
        found = self.group(node, known, "")
        budget = self.group(found.get("budget"), ("usd_per_day", "tokens_per_day"), "budget.")
        approvals = self.group(found.get("approvals"), ("always",), "approvals.")
        usd = self.number(budget.get("usd_per_day"), "budget.usd_per_day", whole=False)
        tokens = self.number(budget.get("tokens_per_day"), "budget.tokens_per_day", whole=True)
        return Policy(
            path=self.path,
            exists=True,
            sandbox=self.mode(found.get("sandbox")),
            tools=self.lists(found.get("tools"), "tools", ("allow", "deny")),
            hosts=self.lists(found.get("hosts"), "hosts", ("allow", "deny")),
            models=self.lists(found.get("models"), "models", ("allow", "deny")),
            budget=Caps(usd, None if tokens is None else int(tokens)),
            protected=self.texts(found.get("protected_paths"), "protected_paths") or (),
            always=self.flag(approvals.get("always"), "approvals.always"),
        )

    def group(self, node: yaml.Node | None, known: Sequence[str], where: str) -> dict[str, yaml.Node]:
        import yaml

        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, where.rstrip(".") or "the file", "a group of `key: value`")
        found: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "of a group or list"
            if key not in known:
                raise ConfigError(f"{self.at(key_node)}: unknown key {where}{key}; known are {', '.join(known)}")
            if key in found:
                raise ConfigError(f"{self.at(key_node)}: {where}{key} stands twice")
            found[key] = value
        return found

    def lists(self, node: yaml.Node | None, where: str, known: Sequence[str]) -> Lists:
        group = self.group(node, known, f"{where}.")
        return Lists(
            self.texts(group.get("allow"), f"{where}.allow"), self.texts(group.get("deny"), f"{where}.deny") or ()
        )

    def texts(self, node: yaml.Node | None, where: str) -> tuple[str, ...] | None:
        import yaml

        if node is None:
            return None
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, where, "a list")
        return tuple(self.entry(item, where) for item in node.value)

    def entry(self, node: yaml.Node, where: str) -> str:
        value = self.scalar(node, where, "text")
        if not value.strip() or not value.isprintable():
            raise self.wrong(node, where, "a list of plain texts")
        if where.startswith("hosts."):
            return self.host(node, value, where)
        if where == "protected_paths":
            if not value.startswith(("/", "~/")) or ".." in value.split("/"):
                raise self.wrong(node, where, "a list of absolute paths, or such below ~/")
            return value
        return value.casefold()

    def host(self, node: yaml.Node, value: str, where: str) -> str:
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_network(value.strip("[]"), strict=False))
        name = value.casefold().rstrip(".")
        if not HOST.fullmatch(name):
            raise self.wrong(node, where, "a list of names (example.com, *.example.com), addresses or networks")
        return name

    def mode(self, node: yaml.Node | None) -> Mode:
        if node is None:
            return "off"
        value = self.scalar(node, "sandbox", "one of off, workspace, strict")
        for mode in MODES:
            if value == mode:
                return mode
        raise self.wrong(node, "sandbox", "one of off, workspace, strict")

    def flag(self, node: yaml.Node | None, where: str) -> bool:
        if node is None:
            return True
        value = self.scalar(node, where, "true or false")
        if value not in ("true", "false"):
            raise self.wrong(node, where, "true or false")
        return value == "true"

    def number(self, node: yaml.Node | None, where: str, whole: bool) -> float | None:
        if node is None:
            return None
        what = "a whole number, at least 0" if whole else "a number, at least 0"
        value = self.scalar(node, where, what)
        if not NUMBER.fullmatch(value) or (whole and "." in value):
            raise self.wrong(node, where, what)
        return float(value)

    def scalar(self, node: yaml.Node, where: str, what: str) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, where, what)
        return str(node.value)


def _read(path: Path, owner: int) -> str | None:
    """The file's text, or ``None`` where there is none. It is judged by its descriptor, so that it is the one that is read."""
    _trusted_folder(path, owner)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link that leads nowhere") from None
        return None
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise ConfigError(f"{path} is not a regular file")
        _trusted(path, state, owner)
        _trusted_folder(Path(os.path.realpath(path)), owner)
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ConfigError(f"{path} is larger than {LARGEST >> 10} KiB")
    return data.decode("utf-8")


def _trusted_folder(path: Path, owner: int) -> None:
    """Whoever may write the folder may replace the file."""
    try:
        state = path.parent.stat()
    except FileNotFoundError:
        return
    _trusted(path.parent, state, owner)


def _trusted(path: Path, state: os.stat_result, owner: int) -> None:
    if state.st_uid != owner:
        raise ConfigError(f"{path} belongs to user {state.st_uid}, not to {owner}")
    if state.st_mode & 0o022:
        raise ConfigError(f"{path} can be written by others than its owner (mode {stat.S_IMODE(state.st_mode):04o})")


def _listed(lists: Lists, names: Sequence[str], match: Match, what: str, path: Path) -> str:
    if any(match(name, pattern) for name in names for pattern in lists.deny):
        return f"{what} is denied by the machine's policy ({path})"
    if lists.allow is not None and not any(match(name, pattern) for name in names for pattern in lists.allow):
        return f"{what} is not among what the machine's policy allows ({path})"
    return ""


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name.casefold(), pattern)


def _host_matches(name: str, pattern: str) -> bool:
    with contextlib.suppress(ValueError):
        network = ipaddress.ip_network(pattern)
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return address in network or (mapped is not None and mapped in network)
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def _host_name(host: str) -> str:
    """A host as patterns are compared with it: without case, brackets, final dot and zone; addresses in their short form."""
    name = host.strip().strip("[]").rstrip(".").casefold()
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name.partition("%")[0]))
    with contextlib.suppress(UnicodeError):
        return name.encode("idna").decode("ascii")
    return name
