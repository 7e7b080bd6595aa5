"""Reading ``config.yaml``: strict values, errors with file, line and key, warnings for keys that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from .errors import ConfigError
from .files import read_text
from .schema import Config
from .yamlnodes import check_nesting, single_node

if TYPE_CHECKING:
    import yaml

LARGEST = 1 << 20
# The YAML library overruns the C stack somewhere above 20,000 levels. None of ours is deeper than four.
DEEPEST = 50


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration and what was odd about its file (one sentence each)."""

    config: Config
    warnings: tuple[str, ...] = ()


def load_config(path: Path) -> LoadedConfig:
    """Read and check a configuration file; a missing or empty one gives the defaults.

    Raises:
        ConfigError: not YAML, a key twice, or a wrong value; names file, line, key and what is allowed.
    """
    text = read_text(path, LARGEST)
    return parse_config(text, str(path)) if text else LoadedConfig(Config())


def parse_config(text: str, name: str) -> LoadedConfig:
    """The same for a text; ``name`` stands for the file in messages."""
    node = _compose(text, name)
    if node is None:
        return LoadedConfig(Config())
    checker = _Checker(name)
    values = checker.struct(node, Config, "")
    return LoadedConfig(Config(**values), tuple(checker.warnings))


def _compose(text: str, name: str) -> yaml.Node | None:
    import yaml

    try:
        if len(text) > 100 * DEEPEST:
            check_nesting(text, name, DEEPEST, "See docs/CONFIG.md")
        return single_node(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if "quoted" in (getattr(error, "context", None) or ""):
            mark = error.context_mark  # type: ignore[attr-defined]  # where the quotes were opened, not the end of the file
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        if "nesting depth" in problem:  # newer versions of the library stop by themselves
            raise ConfigError(f"{name}{line}: nested more than {DEEPEST} levels deep", "See docs/CONFIG.md") from error
        if isinstance(error, yaml.reader.ReaderError):
            before = text.encode()[: error.position]
            line = f", line {before.count(10) + 1}"
            problem = error.reason
        raise ConfigError(
            f"{name}{line}: not valid YAML: {problem}", "Check the indentation and the quotes there"
        ) from error


class _Checker:
    """Walks the file's nodes beside the schema's types, so that every message knows its line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.warnings: list[str] = []

    def struct(self, node: yaml.Node, kind: type[Any], where: str) -> dict[str, Any]:
        hints = get_type_hints(kind, include_extras=True)
        values: dict[str, Any] = {}
        for key, key_node, value_node in self.pairs(node, where):
            if key not in hints:
                close = difflib.get_close_matches(key, hints, 1)
                meant = f"; did you mean {close[0]}?" if close else ""
                self.warnings.append(f"{self.at(key_node)}: unknown key {where}{key}{meant} (it has no effect)")
                continue
            values[key] = self.value(value_node, hints[key], f"{where}{key}")
        return values

    def value(self, node: yaml.Node, hint: Any, where: str) -> Any:
        plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        optional = get_origin(plain) in (Union, UnionType) and type(None) in get_args(plain)
        if optional and _is_null(node):
            return None
        if optional:
            plain = next(part for part in get_args(plain) if part is not type(None))
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            return plain(**self.struct(node, plain, f"{where}."))
        if get_origin(plain) is dict:
            entry = get_args(plain)[1]
            return {key: self.value(value, entry, f"{where}.{key}") for key, _, value in self.pairs(node, f"{where}.")}
        if get_origin(plain) is list:
            items = enumerate(self.items(node, where, hint), 1)
            return [self.value(item, get_args(plain)[0], f"{where}, entry {number},") for number, item in items]
        return self.leaf(node, hint, where)

    def leaf(self, node: yaml.Node, hint: Any, where: str) -> Any:
        import yaml

        try:
            # Only a scalar is made into data: lists and groups are walked, so that each error has its own line.
            data = yaml.SafeLoader("").construct_object(node) if isinstance(node, yaml.ScalarNode) else node
            return msgspec.convert(data, hint, strict=True)
        except (msgspec.ValidationError, yaml.YAMLError, ValueError) as error:
            raise self.wrong(node, hint, where) from error

    def items(self, node: yaml.Node, where: str, hint: Any) -> list[yaml.Node]:
        import yaml

        if _is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, hint, where)
        return list(node.value)

    def wrong(self, node: yaml.Node, hint: Any, where: str) -> ConfigError:
        if where.endswith("api_key_env"):  # perhaps the key itself: it is not shown
            return ConfigError(
                f"{self.at(node)}: {where} must be {allowed(hint)}", "Give the variable's name, not the key itself"
            )
        return ConfigError(f"{self.at(node)}: {where} must be {allowed(hint)}, not {_shown(node)}")

    def pairs(self, node: yaml.Node, where: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        import yaml

        if _is_null(node):
            return
        if not isinstance(node, yaml.MappingNode):
            what = where.rstrip(".") or "the file"
            raise ConfigError(
                f"{self.at(node)}: {what} must be made of `key: value`, not of {_shown(node)}", "See docs/CONFIG.md"
            )
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            if not key:
                raise ConfigError(f"{self.at(key_node)}: a key must be a plain word", "See docs/CONFIG.md")
            if key in seen:
                raise ConfigError(
                    f"{self.at(key_node)}: {where}{key} stands twice (first in line {seen[key]})", "Remove one of them"
                )
            seen[key] = key_node.start_mark.line + 1
            yield key, key_node, value_node

    def at(self, node: yaml.Node) -> str:
        return f"{self.name}, line {node.start_mark.line + 1}"


def _shown(node: yaml.Node) -> str:
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a group of keys"
    value = str(node.value)
    if not value:
        return "nothing"
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag.endswith(":null"))


def allowed(hint: Any) -> str:
    """What a setting may be, in words: for error messages and for docs/CONFIG.md."""
    from msgspec import inspect

    return _words(inspect.type_info(hint))


def _words(info: Any) -> str:
    from msgspec import inspect

    if isinstance(info, inspect.Metadata):
        return str((info.extra or {}).get("allowed") or _words(info.type))
    if isinstance(info, inspect.UnionType):
        return " or ".join(_words(part) for part in info.types if not isinstance(part, inspect.NoneType))
    if isinstance(info, inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in info.values)
    if isinstance(info, inspect.ListType):
        return f"a list, each {_words(info.item_type)}"
    if isinstance(info, inspect.DictType):
        return "a group of `name: value`"
    if isinstance(info, inspect.BoolType):
        return "true or false"
    if isinstance(info, inspect.IntType | inspect.FloatType):
        noun = "a whole number" if isinstance(info, inspect.IntType) else "a number"
        bounds = [
            f"{word} {bound:g}"
            for word, bound in (("at least", info.ge), ("above", info.gt), ("at most", info.le))
            if bound is not None
        ]
        return " ".join([noun, " and ".join(bounds)]).strip()
    return "text" if isinstance(info, inspect.StrType) else "a group of keys"
