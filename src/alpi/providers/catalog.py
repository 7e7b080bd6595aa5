"""What is known of providers and models without asking them. Data; the person's configuration goes on top."""

from __future__ import annotations

import fnmatch
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from .openai_wire import OpenAIWire, Quirks
from .types import ModelSettings
from .wire import Wire

Kind = Literal["openai", "anthropic", "local"]


class Preset(msgspec.Struct, frozen=True):
    """A provider as it comes. ``key_env`` is the variable of its key, ``""`` where none is usual; ``keys_page`` is where a
    person gets one, or for a server of one's own, where to get the server."""

    name: str
    label: str
    kind: Kind
    base_url: str = ""
    key_env: str = ""
    key_needed: bool = True
    keys_page: str = ""
    quirks: Quirks = msgspec.field(default_factory=Quirks)

    def wire(self) -> Wire:
        """The wire it speaks. llama.cpp, which runs local models, speaks chat completions."""
        if self.kind == "anthropic":
            from .anthropic_wire import AnthropicWire

            return AnthropicWire()
        return OpenAIWire(self.quirks)


PRESETS: tuple[Preset, ...] = (
    Preset(
        "anthropic",
        "Anthropic",
        "anthropic",
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        keys_page="https://platform.claude.com/settings/keys",
    ),
    Preset(
        "openai",
        "OpenAI",
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        keys_page="https://platform.openai.com/api-keys",
        quirks=Quirks(max_tokens="max_completion_tokens"),
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        "openai",
        "https://openrouter.ai/api/v1",
        "OPENROUTER_API_KEY",
        keys_page="https://openrouter.ai/settings/keys",
        quirks=Quirks(effort="reasoning", reasoning="reasoning"),
    ),
    Preset(
        "gemini",
        "Gemini",
        "openai",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        keys_page="https://aistudio.google.com/apikey",
        quirks=Quirks(sign_calls=True),
    ),
    Preset(
        "groq",
        "Groq",
        "openai",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        keys_page="https://console.groq.com/keys",
        quirks=Quirks(max_tokens="max_completion_tokens"),
    ),
    Preset(
        "deepseek",
        "DeepSeek",
        "openai",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        keys_page="https://platform.deepseek.com/api_keys",
        quirks=Quirks(reasoning="reasoning_content", reasoning_always=True),
    ),
    Preset(
        "mistral",
        "Mistral",
        "openai",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        keys_page="https://console.mistral.ai/api-keys",
        quirks=Quirks(short_ids=True),
    ),
    Preset(
        "xai",
        "xAI",
        "openai",
        "https://api.x.ai/v1",
        "XAI_API_KEY",
        keys_page="https://console.x.ai",
    ),
    Preset(
        "ollama",
        "Ollama",
        "openai",
        "http://127.0.0.1:11434/v1",
        key_needed=False,
        keys_page="https://ollama.com/download",
        quirks=Quirks(reasoning="reasoning"),
    ),
    Preset(
        "lmstudio",
        "LM Studio",
        "openai",
        "http://127.0.0.1:1234/v1",
        key_needed=False,
        keys_page="https://lmstudio.ai/docs/developer/core/server",
    ),
    Preset(
        "vllm",
        "vLLM",
        "openai",
        "http://127.0.0.1:8000/v1",
        key_needed=False,
        keys_page="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        quirks=Quirks(reasoning="reasoning"),
    ),
    Preset(
        "llamacpp",
        "llama.cpp",
        "openai",
        "http://127.0.0.1:8080/v1",
        key_needed=False,
        keys_page="https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        quirks=Quirks(reasoning="reasoning_content"),
    ),
    Preset("local", "the local model", "local", key_needed=False),
)


def preset(name: str) -> Preset | None:
    """The preset of that name, or ``None``."""
    return next((found for found in PRESETS if found.name == name), None)


def custom(name: str, kind: Kind, base_url: str = "", key_env: str = "") -> Preset:
    """A provider of the person's own configuration.

    One whose address is a preset's has that preset's quirks and, where none is named, its key; one that only goes by a
    preset's name has its quirks, never its key: a key must not travel to another host than it was made for. A key is needed
    when a variable is named for it.
    """
    named = preset(name)
    if named is not None and named.kind == kind and base_url in ("", named.base_url):
        return msgspec.structs.replace(
            named, key_env=key_env or named.key_env, key_needed=named.key_needed or bool(key_env)
        )
    host = urlsplit(base_url).hostname
    same_host = next(
        (found for found in PRESETS if found.key_needed and urlsplit(found.base_url).hostname == host), None
    )
    if same_host is not None and same_host.kind == kind:
        return msgspec.structs.replace(
            same_host, name=name, label=name, base_url=base_url, key_env=key_env or same_host.key_env
        )
    quirks = named.quirks if named is not None and named.kind == kind else Quirks()
    return Preset(name, name, kind, base_url, key_env, key_needed=bool(key_env), quirks=quirks)


def split_model(full_name: str) -> tuple[str, str]:
    """``"openrouter/qwen/qwen3"`` as ``("openrouter", "qwen/qwen3")``: the first slash divides.

    Raises:
        ValueError: there is no provider, or no model.
    """
    provider, slash, model = full_name.strip().partition("/")
    if not slash or not provider or not model:
        raise ValueError(f"{full_name!r} is not provider/model, for example anthropic/claude-sonnet-4-6")
    return provider, model


# Pattern of provider/model, and what holds for it. A later line goes over an earlier one. Windows and limits in tokens, from the
# makers' model pages; 0 stays where they differ or nothing is known. OpenRouter puts the maker before the model's name.
_MODELS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("*claude-*", {"vision": True, "context_window": 200_000}),
    ("anthropic/claude-*", {"max_output_tokens": 32_000}),
    ("*claude-[a-z]*-4[-.][6-9]", {"context_window": 1_000_000}),
    ("*claude-[a-z]*-[5-9]", {"context_window": 1_000_000}),
    ("*claude-[a-z]*-[5-9][-.][0-9]", {"context_window": 1_000_000}),
    ("*claude-haiku-*", {"context_window": 200_000}),
    ("*gpt-4o*", {"vision": True, "context_window": 128_000}),
    ("*gpt-4.1*", {"vision": True, "context_window": 1_047_576}),
    ("*gpt-5*", {"vision": True, "context_window": 400_000}),
    ("openai/o[34]*", {"vision": True, "context_window": 200_000}),
    ("*gpt-oss-*", {"context_window": 131_072}),
    ("*gemini-[23]*", {"vision": True, "context_window": 1_048_576}),
    ("*deepseek-*", {"context_window": 128_000}),
    ("*mistral-large*", {"context_window": 128_000}),
    ("*mistral-medium-3*", {"vision": True, "context_window": 128_000}),
    ("*mistral-small-3*", {"vision": True, "context_window": 128_000}),
    ("*codestral*", {"context_window": 256_000}),
    ("*devstral*", {"context_window": 128_000}),
    ("*grok-4*", {"vision": True, "context_window": 256_000}),
    ("*grok-code-fast*", {"vision": False, "context_window": 256_000}),
    ("groq/llama-3*", {"context_window": 131_072}),
    ("*-vl*", {"vision": True}),
    ("*llava*", {"vision": True}),
    ("*pixtral*", {"vision": True}),
    # What runs on one's own machine was given its window by whoever started it.
    ("ollama/*", {"context_window": 0}),
    ("lmstudio/*", {"context_window": 0}),
    ("vllm/*", {"context_window": 0}),
    ("llamacpp/*", {"context_window": 0}),
    (
        "local/qwen2.5-coder-1.5b",
        {
            # A model this small chooses well among few tools only, and must see the loop closed once (measured).
            "tools": ("memory", "read_file", "write_file", "edit_file", "search_files", "skill"),
            "examples": "files",
            "instructions": "compact",
            "max_output_tokens": 1024,
            "temperature": 0.0,
            "context_window": 8192,
        },
    ),
)


def settings_for(full_name: str) -> ModelSettings:
    """How a model wants to be asked, as far as it is known. An unknown one gets the defaults."""
    found: dict[str, Any] = {}
    for pattern, values in _MODELS:
        if fnmatch.fnmatchcase(full_name.lower(), pattern):
            found.update(values)
    return ModelSettings(**found)
