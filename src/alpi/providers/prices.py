"""What a model call costs: the person's own prices, nothing for a model on one's own machine, else an offline price list.

The list is the data of genai-prices. Loading that takes about 0.4 s, so what was looked up once is kept in a small file, for as long as the
installed list stays the same. Nothing here contacts the network: the library's updates are never switched on.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from ..base.errors import AlpiError, StorageError
from ..base.files import private_dir, write_atomic
from ..base.message import Usage
from ..base.schema import PriceConfig
from .catalog import Preset, split_model
from .catalog import preset as catalog_preset

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice

OWN_MACHINE = "own machine"
UNKNOWN = "unknown"
CONFIG = "config.yaml"
LIBRARY = "genai_prices"
LARGEST = 1 << 20
# Our presets' names, where the list has others.
IN_THE_LIST: Mapping[str, str] = MappingProxyType({"gemini": "google", "xai": "x-ai"})
SERVERS = frozenset({"ollama", "lmstudio", "vllm", "llamacpp"})

Tiers = tuple[tuple[int, float], ...]
"""USD for a million tokens, by how many are sent: each price holds for requests with more tokens than stand before it; for all of their
tokens. The first one holds from the start."""


class Tariff(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a model's tokens cost; an empty ``cached`` or ``cache_write`` costs as much as ``input``, ``reasoning`` as ``output``.

    ``request``: USD for a thousand requests. ``since`` (a date) and ``hours`` (from, to) say when it holds, in UTC.
    """

    input: Tiers = ()
    output: Tiers = ()
    cached: Tiers = ()
    cache_write: Tiers = ()
    reasoning: Tiers = ()
    request: float = 0.0
    since: str = ""
    hours: tuple[str, str] | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it holds at a moment."""
        at = at.astimezone(UTC)
        if self.hours is not None:
            (start, end), time = self.hours, at.time().isoformat("microseconds")
            return start <= time < end if start <= end else time >= start or time < end
        return at.date().isoformat() >= self.since

    def cost(self, usage: Usage) -> float:
        """USD for what a call used."""
        cached, written = min(usage.cached, usage.input), min(usage.cache_write, max(0, usage.input - usage.cached))
        thought = min(usage.reasoning, usage.output)
        parts = (
            (self.input, usage.input - cached - written),
            (self.cached or self.input, cached),
            (self.cache_write or self.input, written),
            (self.output, usage.output - thought),
            (self.reasoning or self.output, thought),
        )
        tokens = sum(_at(tiers, usage.input) * count for tiers, count in parts)
        return tokens / 1_000_000 + self.request / 1000


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs and who says so; ``tariff`` is ``None`` where nobody does."""

    tariff: Tariff | None
    source: str

    def cost(self, usage: Usage) -> float | None:
        """USD for what a call used, or ``None``."""
        return None if self.tariff is None else self.tariff.cost(usage)

    def most(self, input_tokens: int, output_tokens: int) -> float | None:
        """USD for a call of that size at the dearer of what is sent: read anew, or written to the cache as well."""
        if self.tariff is None:
            return None
        written = Usage(input=input_tokens, cache_write=input_tokens, output=output_tokens)
        return max(self.tariff.cost(written), self.tariff.cost(Usage(input=input_tokens, output=output_tokens)))


class _Kept(msgspec.Struct, omit_defaults=True):
    """The file of prices that were looked up. ``stamp`` tells the installed list from another one; no tariffs: the list has none."""

    stamp: str = ""
    version: str = ""
    models: dict[str, tuple[Tariff, ...]] = msgspec.field(default_factory=dict)


class PriceBook:
    """The prices of a profile's models.

    Args:
        cache: the file that keeps what was looked up; may be removed at any time.
        own: the person's own prices, by ``provider/model``.
        described: what a provider's name stands for; may raise an AlpiError where it stands for nothing.
    """

    def __init__(self, cache: Path, own: Mapping[str, PriceConfig], described: Callable[[str], Preset]) -> None:
        self._cache = cache
        self._own = own
        self._described = described
        self._kept: _Kept | None = None

    def price(self, model: str, at: datetime) -> Price:
        """What a model (``provider/model``) costs at a moment. Loads the price list for one that was never looked up."""
        found = self.quick(model, at)
        if found is not None:
            return found
        preset, name = self._preset(model), split_model(model)[1]
        assert preset is not None  # quick() has answered for what nobody knows
        kept = self._load()
        kept.models[_key(preset, name)], kept.version = _look_up(preset, name)
        with contextlib.suppress(StorageError):  # then the next process looks it up once more; that costs time alone
            private_dir(self._cache.parent)
            write_atomic(self._cache, msgspec.json.encode(kept))
        return self._listed(_key(preset, name), at)

    def quick(self, model: str, at: datetime) -> Price | None:
        """The same without loading the price list: ``None`` where that would be needed."""
        if model in self._own:
            return Price(_own_tariff(self._own[model]), CONFIG)
        preset = self._preset(model)
        if preset is None:
            return Price(None, UNKNOWN)
        if is_own_machine(preset, model):
            return Price(Tariff(), OWN_MACHINE)
        key = _key(preset, split_model(model)[1])
        return self._listed(key, at) if key in self._load().models else None

    def _listed(self, key: str, at: datetime) -> Price:
        kept = self._load()
        tariffs = kept.models[key]
        if not tariffs:
            return Price(None, UNKNOWN)
        found = next((tariff for tariff in reversed(tariffs) if tariff.holds(at)), tariffs[0])
        return Price(found, f"price list {kept.version}")

    def _preset(self, model: str) -> Preset | None:
        try:
            return self._described(split_model(model)[0])
        except (AlpiError, ValueError):
            return None

    def _load(self) -> _Kept:
        """What was kept, if the installed list is still the one that it came from."""
        if self._kept is None:
            stamp = _stamp()
            self._kept = _Kept(stamp)
            try:
                data = self._cache.read_bytes() if self._cache.stat().st_size <= LARGEST else b""
                kept = msgspec.json.decode(data, type=_Kept)
            except (OSError, msgspec.DecodeError):
                return self._kept  # it is missing or broken, and made anew
            if stamp and kept.stamp == stamp and kept.version:
                self._kept = kept
        return self._kept


def is_own_machine(preset: Preset, model: str) -> bool:
    """Whether a model runs on a machine of one's own, where its calls cost nothing.

    That is the local model; the servers that people run themselves (Ollama and its like), at an address of this machine or of their own
    network; and any other server of this machine that wants no key. One that wants a key may pass on what others charge for, and so
    do Ollama's ``-cloud`` models.
    """
    if preset.kind == "local":
        return True
    host = urlsplit(preset.base_url).hostname or ""
    theirs = preset.name in SERVERS
    if (preset.key_env and not theirs) or model.endswith("cloud"):
        return False
    import ipaddress

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or (theirs and host.endswith((".local", ".lan", ".home.arpa")))
    return address.is_loopback or (theirs and not address.is_global)


def _own_tariff(price: PriceConfig) -> Tariff:
    def tiers(amount: float | None) -> Tiers:
        return () if amount is None else ((0, amount),)

    return Tariff(tiers(price.input), tiers(price.output), tiers(price.cached), tiers(price.cache_write))


def _at(tiers: Tiers, sent: int) -> float:
    price = 0.0
    for number, (start, amount) in enumerate(tiers):
        if not number or sent > start:
            price = amount
    return price


def _stamp() -> str:
    """What tells the installed price list from another version, without loading it. Empty where it cannot be found."""
    for folder in sys.path:
        try:
            state = os.stat(os.path.join(folder, LIBRARY, "data.py"))
        except OSError:
            continue
        return f"{state.st_size}-{state.st_mtime_ns}"
    return ""


def _key(preset: Preset, name: str) -> str:
    """What a price is kept under: one name may stand for different servers in different profiles."""
    return f"{preset.base_url} {name}"


def _look_up(preset: Preset, name: str) -> tuple[tuple[Tariff, ...], str]:
    """A model's tariffs in the price list, and the list's version. A later tariff goes over an earlier one while it holds."""
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    known = catalog_preset(preset.name)
    if known is not None and known.base_url == preset.base_url:
        where: tuple[str | None, str | None] = (IN_THE_LIST.get(preset.name, preset.name), None)
    else:
        where = (None, preset.base_url)  # the list knows the addresses of some more
    try:
        _, found = snapshot.find_provider_model(name, None, *where)
    except LookupError:
        return (), genai_prices.__version__
    return _tariffs(found, name), genai_prices.__version__


def _tariffs(found: ModelInfo, name: str) -> tuple[Tariff, ...]:
    from genai_prices.types import ModelPrice, StartDateConstraint, TimeOfDateConstraint

    prices = found.prices
    if isinstance(prices, ModelPrice):
        return tuple(filter(None, [_tariff(prices, name)]))
    tariffs = []
    for conditional in prices:
        when: dict[str, Any] = {}
        if isinstance(conditional.constraint, StartDateConstraint):
            when["since"] = conditional.constraint.start_date.isoformat()
        elif isinstance(conditional.constraint, TimeOfDateConstraint):
            limits = (conditional.constraint.start_time, conditional.constraint.end_time)
            day = datetime(1970, 1, 2, tzinfo=UTC)
            utc = [datetime.combine(day, limit, limit.tzinfo or UTC).astimezone(UTC).time() for limit in limits]
            when["hours"] = tuple(limit.isoformat("microseconds") for limit in utc)
        tariff = _tariff(conditional.prices, name, **when)
        if tariff is None:
            return ()
        tariffs.append(tariff)
    return tuple(tariffs)


def _tariff(price: ModelPrice, name: str, **when: Any) -> Tariff | None:
    """A tariff of the list as ours; ``None`` where it has no price for tokens of text, which is not the same as costing nothing."""

    def tiers(*keys: str) -> Tiers:
        for key in keys:
            amount = getattr(price, key)
            if amount is not None:
                base = getattr(amount, "base", amount)
                more = tuple((int(tier.start), float(tier.price)) for tier in getattr(amount, "tiers", ()))
                return ((0, float(base)), *more)
        return ()

    sent, answered = tiers("input_mtok", "input_text_mtok"), tiers("output_mtok", "output_text_mtok")
    if not sent and not answered and not name.endswith(":free"):
        return None
    per_request = tiers("requests_kcount")
    return Tariff(
        sent,
        answered,
        tiers("cache_read_mtok"),
        tiers("cache_write_mtok"),
        tiers("output_reasoning_mtok"),
        per_request[0][1] if per_request else 0.0,
        **when,
    )
