"""From a provider's name to an object that answers: presets, the person's own entries, keys and time limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from ..base.clock import Clock
from ..base.dotenv import Secrets
from ..base.errors import ConfigError, NotConfigured, UsageError
from ..base.paths import ProfilePaths
from ..base.schema import Config, ModelConfig, ProviderConfig
from ..providers.catalog import PRESETS, Preset, custom, preset, settings_for, split_model
from ..providers.types import ModelSettings, Preparing, Provider, TimeLimits


def split(full_name: str) -> tuple[str, str]:
    """``provider/model`` in two.

    Raises:
        UsageError: it is not of that form.
    """
    try:
        return split_model(full_name)
    except ValueError as error:
        raise UsageError(str(error), "alpi models providers lists what stands before the slash") from error


@dataclass(frozen=True)
class Connections:
    """Makes providers and model settings for one profile."""

    config: Config
    secrets: Secrets
    paths: ProfilePaths
    clock: Clock
    redact: Callable[[str], str]
    on_progress: Callable[[Preparing], None] | None = None

    def settings(self, full_name: str) -> ModelSettings:
        """How a model wants to be asked: the catalog's knowledge, with the person's own entry on top."""
        own = self.config.models.get(full_name, ModelConfig())
        given = {
            name: getattr(own, name)
            for name in own.__struct_fields__
            if name != "price" and getattr(own, name) is not None
        }
        if "tools" in given:
            given["tools"] = tuple(given["tools"])
        return replace(settings_for(full_name), **given)

    def described(self, name: str) -> Preset:
        """What a provider's name stands for: a preset, an entry of ``providers``, or the one with the other on top.

        Raises:
            NotConfigured: neither knows it.
            ConfigError: an entry without an address.
        """
        known = preset(name)
        own = self.config.providers.get(name)
        if own is None:
            if known is None:
                raise NotConfigured(
                    f"there is no provider {name!r}",
                    f"Presets: {', '.join(found.name for found in PRESETS)}. Others stand under providers: in config.yaml",
                )
            return known
        kind = own.kind or (known.kind if known else "openai")
        found = custom(name, kind, own.base_url, own.api_key_env)
        if kind != "local" and not found.base_url:
            hint = f"alpi config set providers.{name}.base_url http://127.0.0.1:8080/v1"
            raise ConfigError(f"providers.{name} has no base_url", hint)
        return found

    def connect(self, name: str) -> Provider:
        """A provider by its name, ready to be asked. Nothing is contacted yet.

        Raises:
            NotConfigured, ConfigError: it is unknown, or lacks something.
        """
        found = self.described(name)
        own = self.config.providers.get(name, ProviderConfig())
        if found.kind == "local":
            return self.local(name, Path(own.model_file).expanduser() if own.model_file else None)
        from ..providers.build import http_provider

        return http_provider(
            found,
            api_key=self.secrets.get(found.key_env) if found.key_env else "",
            env_path=str(self.paths.env),
            limits=self._limits(),
            redact=self.redact,
            extra_headers=own.headers,
            proxy=own.proxy,
            clock=self.clock,
        )

    def local(self, name: str, model_file: Path | None) -> Provider:
        """The model that runs in a child process of alpi's own."""
        from ..providers.local.provider import LocalProvider

        return LocalProvider(
            self.paths.cache, name=name, model_file=model_file, redact=self.redact, on_progress=self.on_progress
        )

    def _limits(self) -> TimeLimits:
        limits = self.config.limits
        return TimeLimits(limits.first_byte_seconds, limits.silence_seconds, limits.request_seconds)
