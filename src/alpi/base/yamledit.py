"""One setting of a YAML file, changed in its text: every other character stays as the person wrote it. Pure: text in, text out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .errors import ConfigError

if TYPE_CHECKING:
    import yaml

    Pair = tuple[yaml.MappingNode, yaml.ScalarNode, yaml.Node]


def with_setting(text: str, path: Sequence[str], value: Any) -> str:
    """The text with one setting added or changed; groups that are missing are made.

    Raises:
        ConfigError: what it stands in is no group, or is written in a way that is not to be taken apart.
    """
    import yaml

    root = yaml.compose(text, yaml.SafeLoader)
    if root is None or _is_empty(root):
        return _whole_lines(text) + _lines(path, value, 0)
    found = _pairs(root, path)
    if len(found) == len(path):
        return _replaced(text, found[-1], value)
    rest = path[len(found) :]
    group = found[-1][2] if found else root
    if isinstance(group, yaml.MappingNode):
        return _added(text, group, rest, value)
    if not _is_empty(group):
        raise ConfigError(f"{'.'.join(path[: len(found)]) or 'the file'} is no group of settings", "Change it by hand")
    _, key, _ = found[-1]
    return _insert_line(text, key.start_mark.line + 1, _lines(rest, value, key.start_mark.column + 2))


def without_setting(text: str, path: Sequence[str]) -> str:
    """The text without one setting, and without groups that are empty then. What is not there is no error."""
    import yaml

    root = yaml.compose(text, yaml.SafeLoader)
    found = _pairs(root, path) if root is not None else []
    if len(found) < len(path):
        return text
    while len(found) > 1 and len(found[-1][0].value) == 1:
        found.pop()
    mapping, key, value = found[-1]
    place = [pair[0] for pair in mapping.value].index(key)
    if mapping.flow_style:
        if place + 1 < len(mapping.value):
            return text[: key.start_mark.index] + text[mapping.value[place + 1][0].start_mark.index :]
        start = mapping.value[place - 1][1].end_mark.index if place else key.start_mark.index
        return text[:start] + text[mapping.end_mark.index - 1 :]
    lines = text.splitlines(keepends=True)
    return "".join(lines[: key.start_mark.line] + lines[max(_last_line(key), _last_line(value)) + 1 :])


def _pairs(root: yaml.Node, path: Sequence[str]) -> list[Pair]:
    """The entries on the way to a setting, as far as they are there."""
    import yaml

    found: list[Pair] = []
    node = root
    for name in path:
        if not isinstance(node, yaml.MappingNode):
            break
        pair = next(((key, value) for key, value in node.value if key.value == name), None)
        if pair is None:
            break
        key, value = pair
        if value.start_mark.index < key.end_mark.index:
            raise ConfigError(f"{name} in line {key.start_mark.line + 1} is an alias", "Change it by hand")
        found.append((node, key, value))
        node = value
    return found


def _replaced(text: str, pair: Pair, value: Any) -> str:
    import yaml

    mapping, key, old = pair
    new = _rendered(value, inside=bool(mapping.flow_style))
    colon = text.index(":", key.end_mark.index) + 1
    is_block = text[old.start_mark.index : old.start_mark.index + 1] in ("|", ">")
    if _is_empty(old):
        return f"{text[:colon]} {new}{text[colon:]}"
    if is_block or (isinstance(old, yaml.CollectionNode) and not old.flow_style):
        rest = text.splitlines(keepends=True)[_last_line(old) + 1 :]
        return f"{text[:colon]} {new}\n{''.join(rest)}"
    return text[: old.start_mark.index] + new + text[old.end_mark.index :]


def _added(text: str, mapping: yaml.MappingNode, path: Sequence[str], value: Any) -> str:
    if not mapping.flow_style:
        column = mapping.value[0][0].start_mark.column
        return _insert_line(text, _last_line(mapping) + 1, _lines(path, value, column))
    end = mapping.end_mark.index - 1
    item = _rendered(value, inside=True)
    for name in reversed(path[1:]):
        item = f"{{{_rendered(name, inside=True)}: {item}}}"
    before = text[:end].rstrip(" ")
    comma = "" if not mapping.value else " " if before.endswith(",") else ", "
    return f"{before}{comma}{_rendered(path[0], inside=True)}: {item}{text[end:]}"


def _lines(path: Sequence[str], value: Any, column: int) -> str:
    """A setting as lines, each group indented below the one before."""
    lines = [f"{' ' * (column + 2 * depth)}{_rendered(name)}:" for depth, name in enumerate(path)]
    return "\n".join(lines) + f" {_rendered(value)}\n"


def _insert_line(text: str, number: int, line: str) -> str:
    lines = _whole_lines(text).splitlines(keepends=True)
    return "".join([*lines[:number], line, *lines[number:]])


def _whole_lines(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _rendered(value: Any, inside: bool = False) -> str:
    """A value on one line, such that YAML reads it back as what it is. ``inside``: between brackets, where less goes without quotes."""
    import yaml

    shown: str = yaml.safe_dump(
        [value] if inside else value, default_flow_style=True, allow_unicode=True, width=1 << 30
    )
    shown = shown.rstrip("\n")[1:-1] if inside else shown.rstrip("\n").removesuffix("\n...")
    return shown if "\n" not in shown else json.dumps(value, ensure_ascii=False)


def _is_empty(node: yaml.Node) -> bool:
    """Whether nothing is written there at all (not even ``null``)."""
    import yaml

    return isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index


def _last_line(node: yaml.Node) -> int:
    """The last line that a node takes, without the comments behind it."""
    import yaml

    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        return max(map(_last_line, parts))
    end = node.end_mark
    return int(end.line - (end.column == 0 and end.line > node.start_mark.line))
