"""YAML as nodes that know their line: what every strict reader of a file needs before it looks at keys and values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigError

if TYPE_CHECKING:
    import yaml


def check_nesting(text: str, name: str, deepest: int, hint: str = "", plain: bool = False) -> None:
    """Refuse deep nesting before nodes are made: the YAML library walks it on the C stack, and can overrun it.

    Args:
        name: the file, for messages.
        plain: refuse anchors, aliases and tags too, which make a file mean something else than it shows.

    Raises:
        ConfigError: too deep, or not plain; names the line.
        yaml.YAMLError: it is no YAML.
    """
    import yaml

    depth = 0
    for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if depth > deepest:
            raise ConfigError(f"{name}, line {line}: nested more than {deepest} levels deep", hint)
        if plain and (isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None)):
            raise ConfigError(f"{name}, line {line}: anchors (&) and aliases (*) are not used in this file")
        if plain and getattr(event, "tag", None):
            raise ConfigError(f"{name}, line {line}: tags (!) are not used in this file")


def single_node(text: str) -> yaml.Node | None:
    """The one document of a text, or ``None`` where it is empty.

    Raises:
        yaml.YAMLError: it is no YAML, or more than one document.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def read_node(text: str, path: Path, deepest: int, plain: bool = False) -> yaml.Node | None:
    """The root of a small file that is read strictly; the arguments are those of ``check_nesting``.

    Raises:
        ConfigError: it is no YAML, nested too deep, or not plain; names the line.
    """
    import yaml

    try:
        check_nesting(text, str(path), deepest, plain=plain)
        return single_node(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise ConfigError(f"{path}{line}: not valid YAML: {problem}") from error


class NodeReader:
    """Walks a file's nodes, so that every message knows its line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def wrong(self, node: yaml.Node, where: str, what: str) -> ConfigError:
        """The error for a value that is not ``what`` it must be."""
        value = getattr(node, "value", None)
        got = repr(value[:60]) if isinstance(value, str) and value else "nothing" if value == "" else "a group or list"
        return ConfigError(f"{self.at(node)}: {where} must be {what}, not {got}")

    def at(self, node: yaml.Node) -> str:
        """File and line of a node."""
        return f"{self.path}, line {node.start_mark.line + 1}"
