"""Reading YAML as nodes: what is refused before anybody looks at keys, and how it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from alpi.base.errors import ConfigError
from alpi.base.yamlnodes import NodeReader, check_nesting, read_node, single_node

PATH = Path("/p/file.yaml")


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_the_root_is_given_and_nothing_for_an_empty_file() -> None:
    node = read_node("a: 1\nb: 2\n", PATH, 3)
    assert isinstance(node, yaml.MappingNode) and [key.value for key, _ in node.value] == ["a", "b"]
    assert read_node("# nothing\n", PATH, 3) is None
    assert single_node("") is None


def test_the_deepest_is_taken_and_one_more_is_not() -> None:
    assert read_node(deep(3), PATH, 3) is not None
    with pytest.raises(ConfigError, match=r"^/p/file\.yaml, line 1: nested more than 3 levels deep"):
        read_node(deep(4), PATH, 3)
    with pytest.raises(ConfigError, match="nested more than 3 levels deep") as caught:
        check_nesting(deep(4), "config.yaml", 3, "See the page")
    assert caught.value.hint == "See the page"


def test_nesting_that_overruns_the_library_is_refused_before() -> None:
    with pytest.raises(ConfigError, match=r"line 1: .*nest"):  # newer versions of the library say it themselves
        read_node(deep(200_000), PATH, 6)


@pytest.mark.parametrize(
    ("text", "said"), [("a: &x 1\nb: 2\n", "line 1: anchors"), ("a: 1\nb: !!str 2\n", "line 2: tags")]
)
def test_only_a_plain_file_may_be_asked_for(text: str, said: str) -> None:
    assert read_node(text, PATH, 3) is not None
    with pytest.raises(ConfigError, match=said):
        read_node(text, PATH, 3, plain=True)


@pytest.mark.parametrize("text", ["a: [1\nb: 2\n", "a: 1\n---\nb: 2\n", "a: 'x\n"])
def test_what_is_no_yaml_is_named_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^/p/file\.yaml, line \d+: not valid YAML: "):
        read_node(text, PATH, 3)


@pytest.mark.parametrize(
    ("text", "got"), [("a: no way", "'no way'"), ("a: ''", "nothing"), ("a: [1]", "a group or list")]
)
def test_a_wrong_value_is_shown_with_its_place(text: str, got: str) -> None:
    node = read_node(f"\n{text}\n", PATH, 3)
    assert isinstance(node, yaml.MappingNode)
    error = NodeReader(PATH).wrong(node.value[0][1], "a", "a number")
    assert error.message == f"{PATH}, line 2: a must be a number, not {got}"
