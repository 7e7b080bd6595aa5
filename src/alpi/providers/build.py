"""Puts a preset, a key and the person's settings together to a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..base.clock import Clock
from .catalog import Preset
from .http import HttpProvider
from .types import TimeLimits


def http_provider(
    preset: Preset,
    *,
    api_key: str = "",
    env_path: str = "",
    limits: TimeLimits | None = None,
    redact: Callable[[str], str] = str,
    extra_headers: Mapping[str, str] | None = None,
    proxy: str = "",
    clock: Clock | None = None,
) -> HttpProvider:
    """The provider that a preset describes, for kinds ``openai`` and ``anthropic``. Arguments as for HttpProvider.

    Raises:
        ConfigError: the preset's ``base_url`` is no address.
    """
    return HttpProvider(
        preset.name,
        preset.wire(),
        preset.base_url,
        label=preset.label,
        api_key=api_key,
        key_name=preset.key_env,
        env_path=env_path,
        key_needed=preset.key_needed,
        limits=limits,
        redact=redact,
        extra_headers=extra_headers,
        proxy=proxy,
        clock=clock,
    )
