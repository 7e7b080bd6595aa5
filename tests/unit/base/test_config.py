"""The configuration: every kind of wrong value names file, line, key and what is allowed; unknown keys only warn."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alpi.base.config import load_config, parse_config
from alpi.base.errors import ConfigError, StorageError
from alpi.base.schema import Config

EXAMPLE = """\
model: anthropic/claude-sonnet-4-6        # provider/model
fallback_models: [home/qwen3]
providers:
  home: {kind: openai, base_url: "http://127.0.0.1:18080/v1", api_key_env: HOME_KEY}   # any OpenAI-compatible server
workspace: ~/projects/site
"""


def test_the_example_of_the_readme_loads() -> None:
    loaded = parse_config(EXAMPLE, "config.yaml")
    config = loaded.config
    assert loaded.warnings == ()
    assert config.model == "anthropic/claude-sonnet-4-6"
    assert config.fallback_models == ["home/qwen3"]
    assert config.workspace == "~/projects/site"
    home = config.providers["home"]
    assert (home.kind, home.base_url, home.api_key_env) == ("openai", "http://127.0.0.1:18080/v1", "HOME_KEY")


def test_everything_that_can_be_set() -> None:
    loaded = parse_config(
        """\
model: a/b
providers: {a: {kind: local, headers: {X-One: "1"}, proxy: "http://127.0.0.1:3128", model_file: /m.gguf}}
models:
  a/b: {tools: [read_file], examples: files, instructions: compact, temperature: 0.5, max_output_tokens: 100,
        context_window: 8192, thinking_tokens: 0, reasoning_effort: low, vision: true, text_calls: false}
limits: {steps: 1, output_chars: 1000, first_byte_seconds: 1, silence_seconds: 0.5, request_seconds: 3, retries: 0}
language: Spanish
timezone: Europe/Madrid
""",
        "c",
    )
    assert loaded.warnings == ()
    assert loaded.config.models["a/b"].tools == ["read_file"]
    assert loaded.config.models["a/b"].temperature == 0.5
    assert loaded.config.limits.first_byte_seconds == 1.0
    assert loaded.config.providers["a"].headers == {"X-One": "1"}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "null\n", "{}", "\ufeff"])
def test_an_empty_file_gives_the_defaults(text: str) -> None:
    assert parse_config(text, "c") == parse_config("", "c")
    assert parse_config(text, "c").config == Config()


def test_a_missing_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_config(tmp_path / "config.yaml").config == Config()


@pytest.mark.parametrize("group", ["limits", "providers", "models", "fallback_models"])
def test_a_group_with_nothing_in_it_gives_its_defaults(group: str) -> None:
    assert parse_config(f"{group}:\n", "c").config == Config()


WRONG = {
    "a number for text": ("language: 5", 1, "language must be text, not '5'"),
    "a truth for text": ("language: yes", 1, "language must be text, not 'yes'"),
    "a date for text": ("language: 2026-01-01", 1, "language must be text, not '2026-01-01'"),
    "no date for text": ("language: 2026-13-45", 1, "language must be text, not '2026-13-45'"),
    "an equals sign": ("language: =", 1, "language must be text, not '='"),
    "a tag of python": ("language: !!python/name:os.system", 1, "language must be text"),
    "an unknown tag": ("language: !x y", 1, "language must be text, not 'y'"),
    "a list for text": ("language: [a]", 1, "language must be text, not a list"),
    "a group for text": ("\nlanguage:\n  a: b", 3, "language must be text, not a group of keys"),
    "nothing for text": ("language:", 1, "language must be text, not nothing"),
    "the home folder unquoted": ("workspace: ~", 1, "workspace must be text, not '~'"),
    "a model without its provider": ("model: gpt-5", 1, "model must be provider/model, such as anthropic/"),
    "a fallback without": ("fallback_models:\n  - a/b\n  - c\n", 3, "fallback_models, entry 2, must be provider/model"),
    "text for a list": ("fallback_models: a/b", 1, "fallback_models must be a list, each provider/model"),
    "text for a number": (
        "limits:\n  steps: many\n",
        2,
        "limits.steps must be a whole number at least 1 and at most 500, not 'many'",
    ),
    "a number in quotes": ("limits: {steps: '5'}", 1, "limits.steps must be a whole number"),
    "too small": (
        "limits:\n\n  steps: 0",
        3,
        "limits.steps must be a whole number at least 1 and at most 500, not '0'",
    ),
    "too large": (
        "limits: {steps: 501}",
        1,
        "limits.steps must be a whole number at least 1 and at most 500, not '501'",
    ),
    "much too large": ("limits: {steps: " + "9" * 6000 + "}", 1, "limits.steps must be a whole number"),
    "a fraction": (
        "limits: {retries: 1.5}",
        1,
        "limits.retries must be a whole number at least 0 and at most 10, not '1.5'",
    ),
    "no time at all": ("limits: {silence_seconds: 0}", 1, "limits.silence_seconds must be a number above 0, not '0'"),
    "not a number": (
        "limits: {silence_seconds: .nan}",
        1,
        "limits.silence_seconds must be a number above 0, not '.nan'",
    ),
    "text for a group": ("limits: many", 1, "limits must be made of `key: value`, not of 'many'"),
    "a list for a group": ("providers: [a]", 1, "providers must be made of `key: value`, not of a list"),
    "text for an entry": ("providers: {home: here}", 1, "providers.home must be made of `key: value`, not of 'here'"),
    "an unknown kind": (
        "providers:\n  home:\n    kind: openia\n",
        3,
        "providers.home.kind must be one of anthropic, local, openai, not 'openia'",
    ),
    "a header that is no text": (
        "providers:\n  home:\n    headers:\n      x: 1\n",
        4,
        "providers.home.headers.x must be text, not '1'",
    ),
    "text for a truth": (
        "models:\n  a/b:\n    vision: perhaps",
        3,
        "models.a/b.vision must be true or false, not 'perhaps'",
    ),
    "out of range": (
        "models: {a/b: {temperature: 2.1}}",
        1,
        "models.a/b.temperature must be a number at least 0 and at most 2, not '2.1'",
    ),
    "a wrong choice": (
        "models: {a/b: {instructions: short}}",
        1,
        "models.a/b.instructions must be one of compact, full, not 'short'",
    ),
    "a tool that is no text": ("models: {a/b: {tools: [1]}}", 1, "models.a/b.tools, entry 1, must be text, not '1'"),
    "not a group at all": ("just words", 1, "the file must be made of `key: value`, not of 'just words'"),
    "a list": ("- model: a/b", 1, "the file must be made of `key: value`, not of a list"),
    "a key twice": ("model: a/b\n\nmodel: c/d\n", 3, "model stands twice (first in line 1)"),
    "a key twice, deeper": ("limits:\n  steps: 1\n  steps: 2\n", 3, "limits.steps stands twice (first in line 2)"),
    "an entry twice": ("providers:\n  a: {}\n  a: {}\n", 3, "providers.a stands twice (first in line 2)"),
    "a key that is a list": ("? [a, b]\n: c\n", 1, "a key must be a plain word"),
    "open quotes": ("model: 'a/b\n", 1, "not valid YAML"),
    "a tab": ("limits:\n\tsteps: 1\n", 2, "not valid YAML"),
    "wrong indentation": ("limits:\n  steps: 1\n retries: 1\n", 3, "not valid YAML"),
    "a bracket": ("fallback_models: [a/b\nmodel: a/b", 2, "not valid YAML"),
    "two documents": ("model: a/b\n---\nmodel: c/d\n", 2, "not valid YAML"),
    "an alias of nothing": ("model: *nothing", 1, "not valid YAML"),
    "a very deep list": ("language: " + "[" * 30_000, 1, "nested more than 50 levels deep"),
    "a very deep group": ("language: " + "{a: " * 30_000, 1, "nested more than 50 levels deep"),
}


@pytest.mark.parametrize(("text", "line", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_names_file_line_key_and_what_is_allowed(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "/h/config.yaml")
    assert caught.value.message.startswith(f"/h/config.yaml, line {line}: {message}"), caught.value.message
    assert len(caught.value.message) < 400
    assert caught.value.exit_code == 2


def test_control_characters_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"c, line 2: not valid YAML: control characters are not allowed"):
        parse_config("language: é\nmodel: a/b\x07", "c")


def test_a_key_pasted_where_its_name_belongs_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("providers:\n  home:\n    api_key_env: sk-very-secret\n", "c")
    assert str(caught.value) == (
        "c, line 3: providers.home.api_key_env must be the name of a variable. Give the variable's name, not the key itself"
    )


def test_unknown_keys_warn_and_have_no_effect() -> None:
    loaded = parse_config(
        "modle: a/b\nmodel: c/d\nlimits:\n  step: 3\nproviders:\n  h:\n    url: x\nzzz: {a: [1, !x 2]}\n", "c"
    )
    assert loaded.config.model == "c/d"
    assert loaded.config.limits == Config().limits
    assert loaded.warnings == (
        "c, line 1: unknown key modle; did you mean model? (it has no effect)",
        "c, line 4: unknown key limits.step; did you mean steps? (it has no effect)",
        "c, line 7: unknown key providers.h.url (it has no effect)",
        "c, line 8: unknown key zzz (it has no effect)",
    )


def test_aliases_are_followed_and_cannot_explode_or_loop() -> None:
    loaded = parse_config("x: &l {steps: 7}\nlimits: *l\nmodel: &m a/b\nfallback_models: [*m, *m]\n", "c")
    assert loaded.config.limits.steps == 7
    assert loaded.config.fallback_models == ["a/b", "a/b"]
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    with pytest.raises(ConfigError, match="fallback_models, entry 1, must be"):
        parse_config(f"{bomb}fallback_models: *a29\n", "c")
    with pytest.raises(ConfigError, match="language must be text, not a list"):
        parse_config("x: &a [*a]\nlanguage: *a\n", "c")
    assert parse_config("providers: &p {home: *p}\n", "c").config.providers.keys() == {"home"}


def test_a_huge_file_is_refused_quickly(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.touch()
    os.truncate(path, 2 << 30)
    with pytest.raises(StorageError, match="is larger than 1 MiB"):
        load_config(path)


def test_a_long_file_within_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("# a comment that goes on\n" * 20_000 + "model: a/b\n")
    assert load_config(path).config.model == "a/b"
    path.write_text("# a comment that goes on\n" * 20_000 + "limits: {steps: 0}\n")
    with pytest.raises(ConfigError, match=r"line 20001: limits\.steps"):
        load_config(path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"model: a/\xff\n")
    with pytest.raises(StorageError, match="is not UTF-8 text"):
        load_config(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        load_config(path)
