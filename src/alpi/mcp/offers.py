"""A tool as a server offers it: its name, its words and its schema; the hash that an approval is bound to. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

LARGEST = 64_000
"""Characters of words and schema together. The longest known ones have a tenth of that."""
DEEPEST = 40
# Parts of a JSON Schema that say nothing to a model.
SILENT = frozenset({"$schema", "$id", "$comment"})

HINTS = ("readOnlyHint", "destructiveHint", "openWorldHint")
"""Of what the protocol lets a server claim, that which a person may want to know."""
CLAIMS: Mapping[tuple[str, bool], str] = MappingProxyType(
    {
        ("readOnlyHint", True): "it only reads",
        ("readOnlyHint", False): "it changes something",
        ("destructiveHint", True): "it may destroy",
        ("destructiveHint", False): "it destroys nothing",
        ("openWorldHint", True): "it reaches out to others",
        ("openWorldHint", False): "it reaches out to nobody",
    }
)


class Offer(Struct, frozen=True):
    """What a server says of one tool. ``schema`` is the JSON Schema of its arguments, as it came; ``hints`` what it claims of the tool
    beyond that, by the protocol's names (``CLAIMS``): shown to people, believed by nobody."""

    name: str
    description: str = ""
    title: str = ""
    schema: dict[str, Any] = {}
    hints: dict[str, bool] = {}

    @property
    def digest(self) -> str:
        """Stands for exactly this offer."""
        parts = [self.name, self.title, self.description, self.schema, *([self.hints] if self.hints else [])]
        return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()

    @property
    def claims(self) -> str:
        """What the server claims of the tool, in words; ``""`` where it claims nothing."""
        return ", ".join(CLAIMS[name, value] for name, value in self.hints.items() if (name, value) in CLAIMS)

    @property
    def texts(self) -> str:
        """All words of it, for the scanner: those in the schema too, keys and values."""
        return "\n".join([self.name, self.title, self.description, *_words(self.schema, 0)])

    def parameters(self) -> dict[str, Any]:
        """The schema as a model is given it."""
        schema = {key: value for key, value in self.schema.items() if key not in SILENT}
        return {**schema, "type": "object", "properties": schema.get("properties") or {}}


def offer_problem(offer: Offer) -> str:
    """Why a tool cannot be offered to a model as it is; ``""`` when it can."""
    schema = offer.schema
    if schema.get("type", "object") != "object":
        return "its arguments are not described as an object"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not all(isinstance(value, dict | bool) for value in properties.values()):
        return "its arguments are not described as JSON Schema does"
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        return "what it requires is not a list of names"
    if _depth(schema, 0) > DEEPEST:
        return f"the description of its arguments is nested more than {DEEPEST} deep"
    if len(offer.texts) > LARGEST:
        return f"what it says of itself is longer than {LARGEST:,} characters"
    return ""


def argument_problem(schema: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """What is plainly wrong with the arguments of a call; ``""`` for nothing. The server looks closer.

    Patterns are not tried: a server could choose one that takes for ever.
    """
    properties = schema.get("properties") or {}
    missing = [name for name in schema.get("required", []) if name not in given]
    unknown = sorted(set(given) - set(properties)) if schema.get("additionalProperties") is False else []
    takes = ", ".join(properties) or "nothing"
    if missing:
        return f"{', '.join(missing)} is missing. It takes: {takes}"
    if unknown:
        return f"there is no argument {', '.join(unknown)}. It takes: {takes}"
    for name, value in given.items():
        kinds = properties.get(name, {}).get("type") if isinstance(properties.get(name), dict) else None
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if isinstance(kinds, list) and kinds and not any(_is(value, kind) for kind in kinds):
            return f"{name} must be {' or '.join(map(str, kinds))}, not {_kind(value)}"
    return ""


def _is(value: Any, kind: Any) -> bool:
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "integer":
        return (
            (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
            and value is not True
            and value is not False
        )
    return _kind(value) == kind or kind not in ("string", "boolean", "array", "object", "null")


def _kind(value: Any) -> str:
    names = ((bool, "boolean"), (str, "string"), (list, "array"), (dict, "object"), (int, "integer"), (float, "number"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _words(value: Any, depth: int) -> list[str]:
    if depth > DEEPEST:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [word for key, item in value.items() for word in (str(key), *_words(item, depth + 1))]
    return [word for item in value for word in _words(item, depth + 1)] if isinstance(value, list) else []


def _depth(value: Any, depth: int) -> int:
    if depth > DEEPEST:
        return depth
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_depth(item, depth + 1) for item in inner), default=depth)
