"""What the Model section has to offer: providers with a line each, models in a sensible order, and why something is not on offer."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from ..base.errors import ProviderError
from ..base.text import printable
from ..providers.catalog import PRESETS, Preset, settings_for
from ..providers.types import ModelSettings
from ..safety.policy import Policy
from .interview import Option
from .servers import Running

LOCAL = "local"
LOCAL_MODEL = "qwen2.5-coder-1.5b"
OTHER = "+other"
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "Claude; needs a key, billed by use",
        "openai": "GPT; needs a key, billed by use",
        "openrouter": "many makers, one key, billed by use",
        "gemini": "Google's models; needs a key",
        "groq": "open models, answers fast; needs a key",
        "deepseek": "DeepSeek's own; needs a key, billed by use",
        "mistral": "Mistral's own; needs a key, billed by use",
        "xai": "Grok; needs a key, billed by use",
        "ollama": "models on your own machine",
        "lmstudio": "models on your own machine",
        "vllm": "models on your own graphics cards",
        "llamacpp": "llama-server on your own machine",
        LOCAL: "no key, stays here; for trying, not for work",
    }
)
# By name: what a provider lists besides models that can hold a conversation.
NO_CHAT = re.compile(
    r"embed|whisper|tts|speech|audio|realtime|transcri|moderation|dall-e|image|imagen|veo|sora|rerank|guard|ocr|aqa|davinci|babbage"
    r"|computer-use|instruct-\d{4}$",
    re.IGNORECASE,
)
DATED = re.compile(r"[-@](20\d{6}|20\d\d-\d\d-\d\d|\d{4})$")


def provider_options(
    own: Sequence[Preset],
    running: Sequence[Running],
    policy: Policy,
    configured: bool,
    has_key: Mapping[str, bool],
    no_local: str = "",
) -> list[Option]:
    """Where a model may run, the likeliest first: what is in the settings, servers that were found, the local model, the others.

    Args:
        own: the entries of ``providers:`` that are no presets.
        running: the servers that answered.
        configured: a model is set already; else the local one comes first.
        has_key: by the variable's name, whether a key is there.
        no_local: why the local model cannot run here, or ``""``.
    """
    found = {server.preset.name: server for server in running}
    local = [preset for preset in PRESETS if preset.kind == "local"]
    here = [server.preset for server in running]
    cloud = [preset for preset in PRESETS if preset.key_needed]
    silent = [
        preset for preset in PRESETS if not preset.key_needed and preset.kind != "local" and preset.name not in found
    ]
    order = [*here, *own, *local, *cloud, *silent] if configured else [*local, *here, *own, *cloud, *silent]
    options = [
        Option(
            preset.name,
            label(preset),
            _note(preset, found, has_key),
            provider_refused(policy, preset) or (no_local if preset.kind == "local" else ""),
        )
        for preset in dict.fromkeys(order)
    ]
    return [*options, Option(OTHER, "Another server", "OpenAI-compatible; you give its address")]


def label(preset: Preset) -> str:
    """A provider's name as people write it."""
    return "Built-in local model" if preset.name == LOCAL else preset.label


def _note(preset: Preset, found: Mapping[str, Running], has_key: Mapping[str, bool]) -> str:
    server = found.get(preset.name)
    if server is not None:
        count = len(server.models)
        return f"found on this machine, {count} model{'' if count == 1 else 's'}"
    about = ABOUT.get(preset.name, preset.base_url)
    if preset.key_env and has_key.get(preset.key_env):
        return f"{about} (key is there)"
    return (
        about
        if preset.key_needed or preset.name not in ABOUT or preset.kind == "local"
        else f"{about}; not running now"
    )


def provider_refused(policy: Policy, preset: Preset) -> str:
    """Why no model of a provider may be used on this machine, or ``""``."""
    if policy.broken:
        return policy.broken_reason()
    host = urlsplit(preset.base_url).hostname
    if host and (why := policy.host_refused(host)):
        return why
    denied = any(pattern in (f"{preset.name}/*", "*", "*/*") for pattern in policy.models.deny)
    allowed = policy.models.allow is None or any(
        fnmatch.fnmatchcase(preset.name, pattern.partition("/")[0]) for pattern in policy.models.allow
    )
    if denied or not allowed:
        return f"the machine's policy allows none of its models ({policy.path})"
    return ""


def sensible(provider: str, names: Iterable[str]) -> list[str]:
    """Models in the order in which one would look at them: those that alpi knows something of, newer version numbers first; then the
    others as they were listed; then what does not talk (embeddings, speech, pictures)."""
    listed = [name for name in dict.fromkeys(map(printable, names)) if name.strip()]
    unknown = ModelSettings()

    def rank(name: str) -> tuple[int, tuple[int, ...], int]:
        if NO_CHAT.search(name):
            return 2, (), 0
        if settings_for(f"{provider}/{name}") == unknown:
            return 1, (), 0
        dated = DATED.search(name)
        numbers = tuple(-int(part) for part in re.findall(r"\d+", name[: dated.start()] if dated else name)[:3])
        return 0, (*numbers, 0) if numbers else (0,), bool(dated)

    return sorted(listed, key=rank)


def model_options(provider: str, names: Sequence[str], policy: Policy) -> list[Option]:
    """The models on offer, each with the policy's reason where it has one against it."""
    return [
        Option(name, name, _model_note(provider, name), policy.model_refused(f"{provider}/{name}"))
        for name in sensible(provider, names)
    ]


def _model_note(provider: str, name: str) -> str:
    known = settings_for(f"{provider}/{name}")
    parts = [
        f"{known.context_window:,} tokens" if known.context_window else "",
        "sees pictures" if known.vision else "",
    ]
    return "not for conversations, by its name" if NO_CHAT.search(name) else ", ".join(filter(None, parts))


def diagnosis(error: ProviderError, preset: Preset) -> tuple[str, str]:
    """What is wrong with a connection: (``key``, ``network``, ``address`` or ``other``; one or two sentences)."""
    said = error.message
    if "needs a key" in said:
        return "key", f"There is no key yet: {said}."
    if re.search(r"refused the key|with your key|characters that no key has", said):
        return "key", f"The key is wrong: {said}."
    if "no credit left" in said:
        return "other", f"The key is right, and {said}."
    if "its name is not known" in said:
        return "network", f"No network, or a mistyped address: {said}."
    if "cannot be reached" in said or "did not begin" in said:
        return "network", f"No connection: {said}."
    if re.search(r"\(404\)|web page|not JSON|redirects", said):
        return "address", f"The address is wrong: nothing at {preset.base_url} lists models."
    return "other", f"{said[:1].upper()}{said[1:]}."
