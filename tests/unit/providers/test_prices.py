from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import genai_prices
import pytest
from genai_prices.data import providers
from genai_prices.types import ModelPrice

from alpi.base.errors import NotConfigured
from alpi.base.message import Usage
from alpi.base.schema import PriceConfig
from alpi.providers import prices as module
from alpi.providers.catalog import Preset, custom, preset
from alpi.providers.prices import PriceBook, Tariff, is_own_machine

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LIST = f"price list {genai_prices.__version__}"


def described(name: str) -> Preset:
    found = preset(name)
    if found is None:
        raise NotConfigured(f"there is no provider {name!r}")
    return found


def book(folder: Path, own: Mapping[str, PriceConfig] | None = None, where: Any = described) -> PriceBook:
    return PriceBook(folder / "prices.json", own or {}, where)


def oracle(usage: Usage, model: str, provider: str, at: datetime = NOW) -> float:
    asked = genai_prices.Usage(
        input_tokens=usage.input, cache_read_tokens=usage.cached, cache_write_tokens=usage.cache_write,
        output_tokens=usage.output, output_reasoning_tokens=usage.reasoning,
    )  # fmt: skip
    return float(genai_prices.calc_price(asked, model, provider_id=provider, genai_request_timestamp=at).total_price)


@pytest.mark.parametrize(
    ("full", "provider", "model"),
    [
        ("anthropic/claude-sonnet-4-6", "anthropic", "claude-sonnet-4-6"),
        ("openai/gpt-5.2", "openai", "gpt-5.2"),
        ("openrouter/anthropic/claude-sonnet-4.6", "openrouter", "anthropic/claude-sonnet-4.6"),
        ("gemini/gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("xai/grok-4", "x-ai", "grok-4"),
        ("deepseek/deepseek-chat", "deepseek", "deepseek-chat"),
        ("mistral/mistral-large-latest", "mistral", "mistral-large-latest"),
        ("groq/llama-3.3-70b-versatile", "groq", "llama-3.3-70b-versatile"),
    ],
)
def test_the_presets_models_cost_what_the_list_says(tmp_path: Path, full: str, provider: str, model: str) -> None:
    price = book(tmp_path).price(full, NOW)
    assert price.source == LIST
    for usage in (Usage(1000, 100, 10, 500, 50), Usage(300_000, 0, 0, 10_000), Usage(5000, 5000), Usage(output=3)):
        cost = price.cost(usage)
        assert cost == pytest.approx(oracle(usage, model, provider), rel=1e-9)
    most, plain = price.most(10_000, 4096), price.cost(Usage(10_000, output=4096))
    assert most is not None and plain is not None and most >= plain > 0


def text_models() -> list[tuple[str, Any]]:
    return [(found.id, model) for found in providers for model in found.models]


def test_every_tariff_of_the_list_gives_what_the_library_gives() -> None:
    """All models of the list, at several times of day and year, with random usage: the library is the oracle."""
    chance = random.Random(4)
    compared = 0
    for provider, model in text_models():
        tariffs = module._tariffs(model, model.id)
        if not tariffs:
            continue
        for _ in range(2):
            at = NOW - timedelta(hours=chance.randrange(24 * 900))
            standard = model.get_prices(at)
            if isinstance(standard, ModelPrice) and set(_keys(standard)) - TEXT:
                continue  # priced by what we never send as well
            sent = chance.choice((10, 5000, 150_000, 600_000))
            usage = Usage(sent, sent // 3, sent // 7, chance.randrange(5000))
            found = next((tariff for tariff in reversed(tariffs) if tariff.holds(at)), tariffs[0])
            asked = genai_prices.Usage(
                input_tokens=usage.input, cache_read_tokens=usage.cached, cache_write_tokens=usage.cache_write,
                output_tokens=usage.output,
            )  # fmt: skip
            expected = float(standard.calc_price(asked)["total_price"])
            assert found.cost(usage) == pytest.approx(expected, rel=1e-9), (provider, model.id, at)
            compared += 1
    assert compared > 2000


TEXT = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "requests_kcount", "web_searches_kcount",
        "storage_searches_kcount", "cache_write_1h_mtok"}  # fmt: skip


def _keys(price: ModelPrice) -> list[str]:
    return [key for key, value in price.__dict__.items() if value is not None]


def test_an_unknown_model_or_provider_is_unknown_and_not_free(tmp_path: Path) -> None:
    found = book(tmp_path)
    for name in ("openai/no-such-model", "nowhere/gpt-5.2", "nothing", "openrouter/no/such"):
        price = found.price(name, NOW)
        assert (price.tariff, price.source, price.cost(Usage(5)), price.most(1, 1)) == (None, "unknown", None, None)


def test_a_model_that_the_list_prices_in_no_tokens_is_unknown_but_a_free_one_is_free() -> None:
    empty = ModelPrice()
    assert module._tariff(empty, "speech-1") is None
    assert module._tariff(empty, "qwen/qwen3-coder:free") == Tariff()


def test_the_persons_own_price_goes_over_all(tmp_path: Path) -> None:
    own = {
        "openai/gpt-5.2": PriceConfig(input=1.0, output=10.0),
        "local/x": PriceConfig(input=2.0, output=4.0, cached=0.5, cache_write=3.0),
    }
    found = book(tmp_path, own)
    plain = found.price("openai/gpt-5.2", NOW)
    assert (plain.source, plain.cost(Usage(1_000_000, 400_000, 100_000, 100_000))) == ("config.yaml", 2.0)
    full = found.price("local/x", NOW).cost(Usage(1_000_000, 400_000, 100_000, 500_000, 1000))
    assert full == pytest.approx(0.5 * 2 + 0.4 * 0.5 + 0.1 * 3 + 0.5 * 4)


@pytest.mark.parametrize(
    ("found", "model", "own"),
    [
        (preset("local"), "local/x", True),
        (preset("ollama"), "ollama/qwen3", True),
        (preset("ollama"), "ollama/gpt-oss:120b-cloud", False),
        (preset("openai"), "openai/gpt-5.2", False),
        (custom("ollama", "openai", "http://192.168.1.7:11434/v1"), "ollama/qwen3", True),
        (custom("ollama", "openai", "http://nas.local:11434/v1"), "ollama/qwen3", True),
        (custom("ollama", "openai", "http://100.101.2.3:11434/v1"), "ollama/qwen3", True),
        (custom("vllm", "openai", "https://vllm.example.com/v1"), "vllm/x", False),
        (custom("llamacpp", "openai", "http://127.0.0.1:8080/v1", "LLAMA_KEY"), "llamacpp/x", True),
        (custom("home", "openai", "http://127.0.0.1:9000/v1"), "home/x", True),
        (custom("home", "openai", "http://localhost:9000/v1"), "home/x", True),
        (custom("home", "openai", "http://[::1]:9000/v1"), "home/x", True),
        (custom("proxy", "openai", "http://127.0.0.1:4000/v1", "PROXY_KEY"), "proxy/gpt-5.2", False),
        (custom("home", "openai", "http://192.168.1.7:9000/v1"), "home/x", False),
    ],
)
def test_what_runs_on_ones_own_machine_costs_nothing(tmp_path: Path, found: Preset, model: str, own: bool) -> None:
    assert is_own_machine(found, model) is own
    price = book(tmp_path, where=lambda name: found).price(model, NOW)
    assert (price.source == "own machine") is own
    if own:
        assert price.cost(Usage(10**6, output=10**6)) == 0


def test_a_known_name_at_another_address_does_not_have_the_makers_price(tmp_path: Path) -> None:
    elsewhere = custom("openai", "openai", "https://proxy.example.com/v1", "OPENAI_API_KEY")
    assert book(tmp_path, where=lambda name: elsewhere).price("openai/gpt-5.2", NOW).source == "unknown"
    together = custom("mine", "openai", "https://api.anthropic.com/v1", "KEY")
    assert book(tmp_path, where=lambda name: together).price("mine/claude-sonnet-4-6", NOW).source == LIST


def test_prices_change_with_the_date_and_the_time_of_day() -> None:
    first, later = Tariff(((0, 1.0),)), Tariff(((0, 2.0),), since="2026-03-13")
    assert later.holds(datetime(2026, 3, 13, tzinfo=UTC)) and not later.holds(datetime(2026, 3, 12, 23, 59, tzinfo=UTC))
    night = Tariff(((0, 0.5),), hours=("16:30:00.000000", "00:30:00.000000"))
    assert [night.holds(datetime(2026, 1, 1, hour, 29, tzinfo=UTC)) for hour in (0, 1, 16, 17)] == [
        True,
        False,
        False,
        True,
    ]
    assert first.cost(Usage(1_000_000)) == 1.0


def test_counts_that_contradict_each_other_never_cost_less_than_nothing() -> None:
    tariff = Tariff(((0, 3.0),), ((0, 15.0),), ((0, 0.3),), ((0, 4.0),), ((0, 20.0),))
    assert tariff.cost(Usage(100, 500, 500, 10, 90)) == pytest.approx((100 * 0.3 + 10 * 20) / 1e6)


def test_what_was_looked_up_is_kept_for_as_long_as_the_list_is_the_same(tmp_path: Path) -> None:
    assert book(tmp_path).quick("openai/gpt-5.2", NOW) is None
    price = book(tmp_path).price("openai/gpt-5.2", NOW)
    book(tmp_path).price("openai/no-such", NOW)
    again = book(tmp_path)
    assert again.quick("openai/gpt-5.2", NOW) == price
    unknown = again.quick("openai/no-such", NOW)
    assert unknown is not None and unknown.source == "unknown"
    path = tmp_path / "prices.json"
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "stamp": "another version"}))
    assert book(tmp_path).quick("openai/gpt-5.2", NOW) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"stamp": 5}', "\0" * 100, "x" * (2 << 20)])
def test_a_broken_cache_is_made_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "prices.json").write_text(content)
    assert book(tmp_path).price("openai/gpt-5.2", NOW).source == LIST
    assert book(tmp_path).quick("openai/gpt-5.2", NOW) is not None


def test_a_cache_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = PriceBook(tmp_path / "file" / "prices.json", {}, described)
    assert found.price("openai/gpt-5.2", NOW).source == LIST


WATCHED = """
import sys
def watch(event, args):
    if event.startswith("socket.") and event != "socket.__new__":
        raise SystemExit(f"the network was used: {event}")
sys.addaudithook(watch)
from datetime import UTC, datetime
from pathlib import Path
from alpi.providers.catalog import preset
from alpi.providers.prices import PriceBook
book = PriceBook(Path(sys.argv[1]), {}, preset)
before = "genai_prices" in sys.modules
price = book.quick("openai/gpt-5.2", datetime.now(UTC))
quick = (price is not None, "genai_prices" in sys.modules)
print(before, *quick, book.price("openai/gpt-5.2", datetime.now(UTC)).source, "genai_prices" in sys.modules)
"""


def test_nothing_contacts_the_network_and_a_kept_price_loads_no_list(tmp_path: Path) -> None:
    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, str(tmp_path / "prices.json")], capture_output=True, text=True, env=dict(os.environ)
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run() == f"False False False {LIST} True"
    assert run() == f"False True False {LIST} False"
