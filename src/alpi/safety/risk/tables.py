"""The program tables: what each known program does with its flags and operands, read from the TOML files beside this one.

The tables are data so that a person can read them, question them and add to them. This module gives them types.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from alpi.safety.tiers import Tier

_TIERS = MappingProxyType({tier.label: tier for tier in Tier})
KINDS = frozenset(
    {
        "text", "read", "list", "deep", "write", "append", "make", "touch", "delete", "change",
        "url", "shell", "code", "script", "argv", "joined", "host",
    }
)  # fmt: skip
"""What an operand or a flag's value may be; `judge` says what each means."""


@dataclass(frozen=True)
class Entry:
    """One program, or one subcommand of a program."""

    name: str
    tier: Tier
    why: str
    allow: frozenset[str] | None
    """The permitted flags without value; ``None`` where no flag of the program can write or run anything."""
    values: Mapping[str, str]
    """Flags that take a value, and what the value is."""
    raises: Mapping[str, tuple[Tier, str]]
    """Flags that make it worse. A long one also under every abbreviation."""
    operands: tuple[str, ...]
    """What the operands are, in order; the last one stands for all the rest."""
    unless: frozenset[str]
    """Flags which take over the first operand's role (``grep -e PATTERN``): the first kind is then left out."""
    deep: frozenset[str]
    """Flags that make ``read`` operands be read with everything below them."""
    reading: frozenset[str]
    """Flags with which the program only reads, whatever its tier is otherwise (``gunzip -c``)."""
    free: frozenset[str]
    """Flags whose value does not matter for the scope of an approval (a commit message)."""
    scope: str
    """``words``: the same words in the same folder. ``folder``: the same flags in the same folders. ``host``. ``never``."""
    special: str
    """The judge in code that looks at it as well."""
    roles: frozenset[str]
    """``network``, ``decode``, ``shell``, ``interpreter``: what matters when it feeds or is fed by others."""
    single: bool
    """Long flags with one dash (``find -name``): no clusters of letters."""
    first: bool
    """Options end at the first operand, as for programs that start another."""
    here: bool
    """Without operand it works on the current folder."""
    subs: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment:
    """Names of variables by what setting one for a program can do."""

    harmless: frozenset[str]
    harmless_prefixes: tuple[str, ...]
    risky: Mapping[str, str]
    risky_prefixes: Mapping[str, str]
    commands: frozenset[str]
    """Variables whose value is a shell command."""


@dataclass(frozen=True)
class Tables:
    """All of them."""

    programs: Mapping[str, Entry]
    environment: Environment
    bin_folders: frozenset[str]
    harmless_devices: frozenset[str]
    system_folders: tuple[str, ...]
    secret_names: tuple[str, ...]
    git_harmless_keys: tuple[str, ...]


@cache
def load_tables() -> Tables:
    """Read every table of the package. Raises `ValueError` with the file and the entry if one is wrong."""
    programs: dict[str, Entry] = {}
    rest: dict[str, dict[str, Any]] = {}
    for item in sorted((files(__package__) / "tables").iterdir(), key=lambda entry: entry.name):
        if not item.name.endswith(".toml"):
            continue
        data = tomllib.loads(item.read_text("utf-8"))
        if item.name in {"environment.toml", "places.toml"}:
            rest[item.name] = data
            continue
        groups = data.pop("_groups", {})
        for name, raw in data.items():
            entry = _entry(name, raw, groups, item.name)
            for alias in (name, *raw.get("aliases", ())):
                if alias in programs:
                    raise ValueError(f"{item.name}: {alias} stands in two tables")
                programs[alias] = entry
    variables, places = rest["environment.toml"], rest["places.toml"]
    return Tables(
        programs=programs,
        environment=Environment(
            harmless=frozenset(variables["harmless"]),
            harmless_prefixes=tuple(variables["harmless_prefixes"]),
            risky=variables["risky"],
            risky_prefixes=variables["risky_prefixes"],
            commands=frozenset(variables["commands"]),
        ),
        bin_folders=frozenset(places["bin_folders"]),
        harmless_devices=frozenset(places["harmless_devices"]),
        system_folders=tuple(places["system_folders"]),
        secret_names=tuple(places["secret_names"]),
        git_harmless_keys=tuple(places["git_harmless_keys"]),
    )


_KNOWN = frozenset(
    {
        "tier", "why", "allow", "values", "caution", "dangerous", "operands", "unless", "deep", "free", "reading", "scope",
        "special", "roles", "single", "first", "here", "sub", "aliases", "like",
    }
)  # fmt: skip


def _entry(name: str, raw: Mapping[str, Any], groups: Mapping[str, list[str]], where: str) -> Entry:
    unknown = set(raw) - _KNOWN
    if unknown:
        raise ValueError(f"{where}: {name} has unknown keys {sorted(unknown)}")
    values = {flag: kind for kind, flags in raw.get("values", {}).items() for flag in _flags(flags, groups)}
    operands = tuple(raw.get("operands", ("text",)))
    wrong = (set(values.values()) | set(operands)) - KINDS
    if wrong:
        raise ValueError(f"{where}: {name} has unknown kinds {sorted(wrong)}")
    raises: dict[str, tuple[Tier, str]] = {}
    for tier in (Tier.CAUTION, Tier.DANGEROUS):
        for why, flags in raw.get(tier.label, {}).items():
            raises.update(dict.fromkeys(_flags(flags, groups), (tier, why)))
    subs: dict[str, Entry] = {}
    for label, sub in raw.get("sub", {}).items():
        made = _entry(f"{name} {label}", {**raw.get("sub", {}).get(sub.get("like", ""), {}), **sub}, groups, where)
        for alias in (label, *sub.get("aliases", ())):
            subs[alias] = made
    allow = raw.get("allow")
    return Entry(
        name=name,
        tier=_TIERS[raw.get("tier", "safe")],
        why=raw.get("why", "only reads or prints"),
        allow=None if allow is None else frozenset(_flags(allow, groups)),
        values=values,
        raises=raises,
        operands=operands,
        unless=frozenset(raw.get("unless", ())),
        deep=frozenset(raw.get("deep", ())),
        reading=frozenset(raw.get("reading", ())),
        free=frozenset(raw.get("free", ())),
        scope=raw.get("scope", "words"),
        special=raw.get("special", ""),
        roles=frozenset(raw.get("roles", ())),
        single=raw.get("single", False),
        first=raw.get("first", False),
        here=raw.get("here", False),
        subs=subs,
    )


def _flags(raw: list[str], groups: Mapping[str, list[str]]) -> list[str]:
    """``"-abc"`` stays a flag; ``"a b c"`` without dashes are single letters; ``"@group"`` is spelled out."""
    out: list[str] = []
    for item in raw:
        if item.startswith("@"):
            out += _flags(groups[item[1:]], groups)
        elif item.startswith(("-", "+")):
            out += item.split()
        else:
            out += ["-" + letter for letter in item.replace(" ", "")]
    return out
