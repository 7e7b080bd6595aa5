"""What is known of providers and models."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from alpi.providers.anthropic_wire import AnthropicWire
from alpi.providers.catalog import PRESETS, custom, preset, settings_for, split_model
from alpi.providers.openai_wire import OpenAIWire
from alpi.providers.types import ModelSettings


def test_every_preset_is_complete() -> None:
    assert [found.name for found in PRESETS] == [
        "anthropic",
        "openai",
        "openrouter",
        "gemini",
        "groq",
        "deepseek",
        "mistral",
        "xai",
        "ollama",
        "lmstudio",
        "vllm",
        "llamacpp",
        "local",
    ]
    for found in PRESETS:
        assert preset(found.name) is found
        assert isinstance(found.wire(), AnthropicWire if found.kind == "anthropic" else OpenAIWire)
        assert found.key_needed == bool(found.key_env)
        if found.kind != "local":
            address = urlsplit(found.base_url)
            assert found.keys_page.startswith("https://")
            # Keys travel encrypted; only servers on this machine are spoken to in the clear.
            assert address.scheme == "https" or (address.hostname == "127.0.0.1" and not found.key_needed)


def test_a_model_is_named_by_its_provider_and_its_name_there() -> None:
    assert split_model("anthropic/claude-sonnet-4-6") == ("anthropic", "claude-sonnet-4-6")
    assert split_model(" openrouter/qwen/qwen3:free ") == ("openrouter", "qwen/qwen3:free")
    for wrong in ("", "claude", "/x", "x/", "/"):
        with pytest.raises(ValueError, match="is not provider/model"):
            split_model(wrong)


def test_providers_of_ones_own() -> None:
    home = custom("home", "openai", "http://127.0.0.1:18080/v1", "HOME_KEY")
    assert (home.label, home.key_env, home.key_needed, home.keys_page) == ("home", "HOME_KEY", True, "")
    assert custom("home", "openai", "http://127.0.0.1:18080/v1").key_needed is False
    assert custom("openai", "openai").base_url == "https://api.openai.com/v1"
    mine = custom("openai", "openai", key_env="MY_KEY")
    assert (mine.key_env, mine.label, mine.key_needed) == ("MY_KEY", "OpenAI", True)
    seek = custom("seek", "openai", "https://api.deepseek.com/beta")
    assert (seek.key_env, seek.quirks.reasoning_always, seek.label) == ("DEEPSEEK_API_KEY", True, "seek")


def test_a_key_does_not_follow_a_name_to_another_host() -> None:
    moved = custom("openai", "openai", "https://gateway.example/v1")
    assert (moved.key_env, moved.key_needed) == ("", False)
    assert moved.quirks.max_tokens == "max_completion_tokens"
    other = custom("anthropic", "openai", "https://api.anthropic.com.example/v1")
    assert other.key_env == ""


@pytest.mark.parametrize(
    ("name", "window", "vision"),
    [
        ("anthropic/claude-sonnet-4-6", 1_000_000, True),
        ("anthropic/claude-opus-4-8", 1_000_000, True),
        ("anthropic/claude-sonnet-5", 1_000_000, True),
        ("anthropic/claude-opus-5-5", 1_000_000, True),
        ("anthropic/claude-sonnet-4-5-20250929", 200_000, True),
        ("anthropic/claude-haiku-4-5", 200_000, True),
        ("anthropic/claude-haiku-4-5-20251001", 200_000, True),
        ("openrouter/anthropic/claude-sonnet-4.6", 1_000_000, True),
        ("openai/gpt-4.1-mini", 1_047_576, True),
        ("openai/gpt-5", 400_000, True),
        ("openai/o3", 200_000, True),
        ("gemini/gemini-3-pro-preview", 1_048_576, True),
        ("deepseek/deepseek-chat", 128_000, False),
        ("ollama/gpt-oss-20b", 0, False),
        ("home/qwen3", 0, False),
        ("home/qwen2.5-vl-7b", 0, True),
    ],
)
def test_what_is_known_of_models(name: str, window: int, vision: bool) -> None:
    found = settings_for(name)
    assert (found.context_window, found.vision) == (window, vision)


def test_the_local_model_is_a_setting() -> None:
    found = settings_for("local/qwen2.5-coder-1.5b")
    assert found.tools == ("memory", "read_file", "write_file", "edit_file", "search_files", "skill")
    assert (found.examples, found.temperature, found.context_window) == ("files", 0.0, 8192)
    assert settings_for("unknown/model") == ModelSettings()
