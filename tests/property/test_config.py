"""Laws of the configuration: any text is read or refused in words, never with a traceback; and what is set is what comes back."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from alpi.base.config import LoadedConfig, parse_config
from alpi.base.errors import ConfigError
from alpi.base.schema import Config

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
