"""Laws of the configuration: any text is read or refused in words, never with a traceback; and what is set is what comes back."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from alpi.base.config import LoadedConfig, parse_config
from alpi.base.errors import ConfigError
from alpi.base.schema import Config
from alpi.base.yamledit import with_setting, without_setting

keys = st.sampled_from(
    [
        "model", "fallback_models", "providers", "models", "limits", "workspace", "steps", "home", "kind", "headers", "a/b",
        "vision", "tools", "x",
    ]
)  # fmt: skip
leaves = st.sampled_from(
    [None, True, 0, -1, 7, 10**30, 1.5, float("inf"), float("nan"), "", "~", "a/b", "openai", "no", "2026-01-01", "0x10", "1:30", "é", "\0"]
)  # fmt: skip
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def read(text: str) -> LoadedConfig | None:
    try:
        return parse_config(text, "/h/config.yaml")
    except ConfigError as error:
        assert error.message.startswith("/h/config.yaml")
        assert "\n" not in error.message
        return None


@given(trees)
def test_any_tree_is_read_or_refused(tree: Any) -> None:
    loaded = read(yaml.safe_dump(tree))
    if loaded is not None:
        assert all(", line " in warning and "no effect" in warning for warning in loaded.warnings)
        msgspec.convert(msgspec.to_builtins(loaded.config), Config, strict=True)


@given(st.text(alphabet="abm:/ \n-[]{}'\"#&*!|>%@`,?0~\t\\", max_size=60))
@example("&a [*a]")
@example("a: &a\n  <<: *a\n")
@example("? ? ?\n")
@example("!!python/object/apply:os.system [id]")
def test_any_text_is_read_or_refused(text: str) -> None:
    loaded = read(text)
    assert loaded is None or isinstance(loaded.config, Config)


settings = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["a/b", "openrouter/x/y", ""]),
        "fallback_models": st.lists(st.just("c/d"), max_size=2),
        "language": st.text(max_size=10).filter(lambda s: s.isprintable()),
        "limits": st.fixed_dictionaries(
            {}, optional={"steps": st.integers(1, 500), "silence_seconds": st.floats(0.1, 1e6)}
        ),
        "providers": st.dictionaries(
            st.text("abc-", min_size=1, max_size=4),
            st.fixed_dictionaries(
                {}, optional={"kind": st.sampled_from(["openai", "anthropic"]), "base_url": st.just("http://x/v1")}
            ),
            max_size=2,
        ),
    },
)


@given(settings)
def test_what_is_set_is_what_comes_back(tree: dict[str, Any]) -> None:
    loaded = read(yaml.safe_dump(tree, allow_unicode=True))
    assert loaded is not None
    assert loaded.warnings == ()
    assert loaded.config == msgspec.convert(tree, Config)


# -- changing one setting in the text ----------------------------------------------------------------------------------

words = st.sampled_from(
    ["a", "bb", "no", "1:30", "x y", "é", "#", "'", ": ", "[", "", "null", "-", "&a", "multi\nline", "2026-01-01"]
)
plain_values = words | st.integers(-5, 5) | st.booleans() | st.none() | st.lists(words, max_size=2)
names = st.sampled_from(["model", "limits", "steps", "a/b", "x", "no", "1"])
groups = st.recursive(
    st.dictionaries(names, plain_values, max_size=3),
    lambda inner: st.dictionaries(names, inner | plain_values, max_size=3),
    max_leaves=5,
)
paths = st.lists(names, min_size=1, max_size=3)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A file as a person may have written it, with comments everywhere, and what it says."""
    tree = draw(groups)
    text = yaml.safe_dump(
        tree,
        default_flow_style=draw(st.sampled_from([None, False, True])),
        allow_unicode=True,
        indent=draw(st.integers(2, 4)),
    )
    lines = []
    for number, line in enumerate(text.splitlines()):
        flow = line.lstrip().startswith(("{", "}"))
        if draw(st.booleans()) and not flow and not lines_are_open(lines):
            lines.append(f"{' ' * draw(st.integers(0, 4))}# comment {number}")
        lines.append(line)
    commented = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n# the end\n"]))
    return (commented, tree) if yaml.safe_load(commented) == tree else (text, tree)


def lines_are_open(lines: list[str]) -> bool:
    """Whether a quoted text goes on in the next line; nothing may be put in there."""
    return sum(line.count("'") + line.count('"') for line in lines) % 2 == 1


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith("# ")]


@given(file=files(), path=paths, value=plain_values)
def test_a_setting_that_is_set_is_there_and_all_else_stays(
    file: tuple[str, dict[str, Any]], path: list[str], value: Any
) -> None:
    text, tree = file
    expected: Any = copy.deepcopy(tree)
    group: Any = expected
    for name in path[:-1]:
        if group.get(name) is None:
            group[name] = {}
        group = group[name]
        if not isinstance(group, dict):
            break
    try:
        after = with_setting(text, path, value)
    except ConfigError:
        assert not isinstance(group, dict) or "null" in text
        return
    assert isinstance(group, dict)
    old = group.get(path[-1])
    group[path[-1]] = value
    assert yaml.safe_load(after) == expected
    if not isinstance(old, dict | list):
        assert comments(after) == comments(text)
    assert set(comments(after)) <= set(comments(text))


@given(file=files(), path=paths)
def test_a_setting_that_is_taken_out_is_gone_and_all_else_stays(
    file: tuple[str, dict[str, Any]], path: list[str]
) -> None:
    text, tree = file
    chain: list[Any] = [tree]
    for name in path:
        if not isinstance(chain[-1], dict) or name not in chain[-1]:
            assert without_setting(text, path) == text
            return
        chain.append(chain[-1][name])
    expected: Any = copy.deepcopy(tree)
    group = expected
    groups_on_the_way = [expected]
    for name in path[:-1]:
        group = group[name]
        groups_on_the_way.append(group)
    depth = len(path) - 1
    while depth and len(groups_on_the_way[depth]) == 1:
        depth -= 1
    del groups_on_the_way[depth][path[depth]]
    after = yaml.safe_load(without_setting(text, path))
    assert (after or {}) == expected


def test_a_group_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match=r"model\.x is no group"):
        with_setting("model: {x: y}\n", ["model", "x", "z"], 1)
