"""A choice of a model in the making: provider, key, model and what was learned, all in memory until it is kept."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..base.errors import ProviderError
from ..base.schema import Config
from ..providers.catalog import Preset, preset
from ..providers.retry import ChainEntry
from .abilities import Ability, Trial, sentence
from .choices import diagnosis
from .servers import NoAnswer, Window, context_window, get_json
from .site import Connections, Site
from .write import Change, PendingSecrets, planned, save

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
KEY_SECONDS = 15.0


@dataclass
class Draft:
    """What was chosen so far. Nothing of it is written before ``keep``."""

    provider: str = ""
    model: str = ""
    changes: list[Change] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.provider}/{self.model}"

    def set(self, *path: str, value: object) -> None:
        """Note one setting."""
        self.changes.append(Change(path, value))

    def config(self, site: Site) -> Config:
        """The settings as they would be."""
        return planned(site.paths, self.changes).config

    def connections(self, site: Site) -> Connections:
        """What makes providers of them, with the keys that were typed."""
        return site.connections(self.config(site), PendingSecrets(site.secrets, self.keys))

    def entry(self, site: Site) -> ChainEntry:
        """The chosen model, ready to be asked."""
        connections = self.connections(site)
        return ChainEntry(connections.connect(self.provider), self.model, connections.settings(self.full_name))

    def key_of(self, site: Site, asked: Preset) -> str:
        """The key that the provider would be asked with."""
        return PendingSecrets(site.secrets, self.keys).get(asked.key_env) if asked.key_env else ""

    def keep(self, site: Site) -> None:
        """Write it all: keys to .env, settings to config.yaml."""
        save(site.paths, [*self.changes, Change(("model",), self.full_name)], self.keys)


def use_server(draft: Draft, found: Preset, config: Config) -> None:
    """Choose a provider; its address goes into the settings where it is neither the usual one nor there already."""
    draft.provider = found.name
    own, usual = config.providers.get(found.name), preset(found.name)
    address = own.base_url if own is not None and own.base_url else usual.base_url if usual is not None else ""
    if found.base_url and found.base_url != address:
        draft.set("providers", found.name, "base_url", value=found.base_url)


def add_server(draft: Draft, url: str, name: str, needs_key: bool) -> None:
    """Choose another OpenAI-compatible server by its address."""
    draft.provider = name
    draft.set("providers", name, "kind", value="openai")
    draft.set("providers", name, "base_url", value=url)
    if needs_key:
        draft.set("providers", name, "api_key_env", value=key_name(name))


def key_name(provider: str) -> str:
    """The variable for the key of a provider of one's own."""
    return re.sub(r"[^A-Z0-9]", "_", provider.upper()) + "_API_KEY"


def wrong_address(text: str) -> str:
    """Why a text is no server's address, or ``""``."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return "An address begins with http:// or https://, such as http://127.0.0.1:8080/v1"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "Give the address alone, without a name, a password or anything after a question mark"
    return ""


def open_to_readers(url: str) -> bool:
    """Whether what goes to an address leaves this machine without encryption."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost" or host.endswith(".localhost")
    return parts.scheme == "http" and not loopback


def name_of_server(url: str, taken: Sequence[str]) -> str:
    """A name for a server of one's own, from its host."""
    host = urlsplit(url).hostname or "server"
    words = [word for word in host.lower().split(".") if word not in ("www", "api")] or [host]
    base = (
        "server" if host[:1].isdigit() or ":" in host or host == "localhost" else re.sub(r"[^a-z0-9-]", "-", words[0])
    )
    base = base if NAME.fullmatch(base) else "server"
    return next(name for name in (base, *(f"{base}{n}" for n in range(2, 1000))) if name not in taken)


# -- asking the provider ---------------------------------------------------------------------------------------------------


async def list_models(site: Site, draft: Draft) -> list[str]:
    """The names of the provider's models. This is the live check of address and key.

    Raises:
        ProviderError: it could not be asked; ``choices.diagnosis`` says what is wrong.
    """
    provider = draft.connections(site).connect(draft.provider)
    try:
        names = await provider.models()
    finally:
        await provider.aclose()
    await _check_key(site, draft)
    return names


async def _check_key(site: Site, draft: Draft) -> None:
    """Ask where listing models needs no key, as at OpenRouter: GET /key answers 401 to a wrong one (its API reference, "Get current API
    key"). What cannot be asked is left for the first request to show.

    Raises:
        ProviderError: the key is refused.
    """
    described = draft.connections(site).described(draft.provider)
    if described.name != "openrouter" and urlsplit(described.base_url).hostname != "openrouter.ai":
        return
    try:
        await get_json(f"{described.base_url.rstrip('/')}/key", key=draft.key_of(site, described), patience=KEY_SECONDS)
    except NoAnswer as error:
        if error.status == 401:
            raise ProviderError(f"{described.label} refused the key (401)", "Paste another one") from error


async def checked_models(site: Site, draft: Draft) -> list[str]:
    """The same for a choice that came with the command line.

    Raises:
        ProviderError: says in words whether key, network or address are wrong.
    """
    described = draft.connections(site).described(draft.provider)
    try:
        return await list_models(site, draft)
    except ProviderError as error:
        what, words = diagnosis(error, described)
        hint = "Give the key with --key-stdin or --key-file. " if what == "key" else ""
        raise ProviderError(words.rstrip("."), f"{hint}Nothing was changed. --no-check stores it as it is") from error


async def try_model(site: Site, draft: Draft, report: Callable[[str], None]) -> list[Ability]:
    """Try what the chosen model can do; ``report`` is told each ability as it is found.

    Raises:
        OverBudget, StorageError: as ``Trial.run``.
    """
    entry = draft.entry(site)
    seen = []
    try:
        async for ability in Trial(entry, site.clock, site.accounts()).run():
            seen.append(ability)
            report(sentence(ability))
    finally:
        await entry.provider.aclose()
    return seen


def learn_abilities(site: Site, draft: Draft, seen: Sequence[Ability]) -> None:
    """Note that the model sees pictures, where the settings did not know it."""
    sees = any(ability.name == "sees pictures" and ability.state == "yes" for ability in seen)
    if sees and not draft.connections(site).settings(draft.full_name).vision:
        draft.set("models", draft.full_name, "vision", value=True)


async def unknown_window(site: Site, draft: Draft, asked: Preset) -> Window | None:
    """What a server of one's own says about the model's window, where the settings do not know it."""
    if draft.connections(site).settings(draft.full_name).context_window:
        return None
    return await context_window(asked, draft.model, draft.key_of(site, asked))


def set_window(draft: Draft, tokens: int) -> None:
    """Note the model's window."""
    draft.set("models", draft.full_name, "context_window", value=tokens)
