"""The Model section: from nothing to a model that answers, with every way to leave it, and every way it can go wrong."""

from __future__ import annotations

import dataclasses
import stat
from typing import Any

import pytest
import yaml

from alpi.base.config import load_config
from alpi.base.errors import ProviderError
from alpi.base.paths import profile_paths
from alpi.cli.runtime import Runtime
from alpi.providers.catalog import preset
from alpi.safety.policy import Policy, parse_policy
from alpi.setup import choices
from alpi.setup.draft import name_of_server, open_to_readers, wrong_address
from alpi.setup.interview import Left
from alpi.setup.model import run_model, state_of_model
from tests.support.model_server import ModelServer
from tests.support.program import Home
from tests.support.stage import in_loop
from tests.unit.setup.own_server import OwnServer
from tests.unit.setup.people import DEFAULT, LEAVES, Scripted, config, files, site

COUNT = "one, two, three, four, five, six, seven, eight, nine, ten"
CALL = {"tool_calls": [{"name": "note", "arguments": {"word": "kestrel"}}]}
GOOD = (COUNT, CALL, "red")


def cloud(url: str, more: str = "") -> str:
    """The settings of a profile for which OpenAI lives elsewhere."""
    return f'providers:\n  cloud: {{kind: openai, base_url: "{url}", api_key_env: CLOUD_KEY}}\n{more}'


def write(home: Home, text: str) -> None:
    home.alpi.mkdir(mode=0o700, exist_ok=True)
    (home.alpi / "config.yaml").write_text(text)


def test_from_nothing_to_ollama(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer(GOOD, models=["llama3.2:latest", "qwen3:8b"]) as server:
            ask = Scripted("Ollama", "qwen3:8b", DEFAULT)
            await run_model(site(home, {"ollama": server.url}), ask)
            assert not ask.answers
            options = ask.offered[0]
            assert options[0].value == "local", "the local model comes first where nothing is configured"
            assert options[1].note == "found on this machine, 2 models"
            assert "calls tools    yes" in ask.told("good")
            assert yaml.safe_load(config(home)) == {
                "providers": {"ollama": {"base_url": server.url}},
                "models": {"ollama/qwen3:8b": {"vision": True}},
                "model": "ollama/qwen3:8b",
            }

    run()
    assert stat.S_IMODE((home.alpi / "config.yaml").stat().st_mode) == 0o600
    assert not (home.alpi / ".env").exists()


def test_ollama_elsewhere_keeps_its_address(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer(models=["m"]) as server:
            made = site(home)
            made = dataclasses.replace(made, environ={**made.environ, "OLLAMA_HOST": f"127.0.0.1:{server.port}"})
            await run_model(made, Scripted("ollama", "m", False))
            assert yaml.safe_load(config(home))["providers"] == {"ollama": {"base_url": server.url}}

    run()


def test_leaving_at_any_question_writes_nothing(home: Home) -> None:
    write(home, cloud("http://127.0.0.1:1/v1", "# mine\n"))

    @in_loop
    async def run() -> None:
        async with ModelServer(GOOD * 9, key="sk-right", models=["m"]) as server:
            write(home, cloud(server.url, "# mine\n"))
            before = files(home)
            answers = ["cloud", "sk-wrong", "key", "sk-right", "m", True]
            for place in range(len(answers)):
                with pytest.raises(Left):
                    await run_model(site(home), Scripted(*answers[:place], LEAVES))
                assert files(home) == before, f"something was written before question {place}"
            ask = Scripted(*answers)
            await run_model(site(home), ask)
            assert not ask.answers

    run()
    assert config(home).endswith("models:\n  cloud/m:\n    vision: true\nmodel: cloud/m\n# mine\n")
    assert (home.alpi / ".env").read_text() == "CLOUD_KEY=sk-right\n"
    assert stat.S_IMODE((home.alpi / ".env").stat().st_mode) == 0o600


def test_keys_are_never_told_and_only_the_one_that_is_kept_is_stored(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer(GOOD, key="sk-right", models=["m"]) as server:
            write(home, cloud(server.url))
            ask = Scripted("cloud", "sk-wrong", "key", "sk-right", "m", True)
            await run_model(site(home), ask)
            assert "The key is wrong" in ask.told("bad")
            shown = ask.told() + "".join(ask.asked + ask.work) + config(home)
            assert "sk-" not in shown

    run()
    assert "sk-wrong" not in "".join(content.decode(errors="replace") for content in files(home).values())


@pytest.mark.parametrize("place", ["network", "address"])
def test_what_is_wrong_is_said(home: Home, place: str) -> None:
    @in_loop
    async def run() -> None:
        async with OwnServer({}) as empty:
            url = "http://127.0.0.1:9/v1" if place == "network" else empty.url
            write(home, cloud(url))
            ask = Scripted("cloud", "sk-1", "again", LEAVES)
            with pytest.raises(Left):
                await run_model(site(home), ask)
            words = {"network": "No connection", "address": "The address is wrong"}[place]
            assert ask.told("bad").count(words) == 2

    run()


def test_a_choice_that_cannot_be_checked_may_be_kept_anyway(home: Home) -> None:
    write(home, cloud("http://127.0.0.1:9/v1"))
    ask = Scripted("cloud", "sk-1", "anyway", "two words", "m", False)
    in_loop(run_model)(site(home), ask)
    assert ask.objections == ["A model's name has no blanks"]
    assert load_config(home.alpi / "config.yaml").config.model == "cloud/m"
    assert (home.alpi / ".env").read_text() == "CLOUD_KEY=sk-1\n"


def test_another_provider_may_be_chosen_after_a_failure(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer(models=["m"]) as server:
            write(home, cloud("http://127.0.0.1:9/v1"))
            ask = Scripted("cloud", "sk-1", "back", "ollama", "m", False)
            await run_model(site(home, {"ollama": server.url}), ask)

    run()
    assert load_config(home.alpi / "config.yaml").config.model == "ollama/m"
    assert not (home.alpi / ".env").exists(), "the key of the other provider was dropped with it"


def test_a_model_that_does_not_answer_is_not_kept_unless_wanted(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer([{"status": 500}] * 3, models=["m"]) as server:
            before = files(home)
            with pytest.raises(Left):
                await run_model(site(home, {"ollama": server.url}), Scripted("ollama", "m", True, LEAVES))
            assert files(home) == before
            await run_model(site(home, {"ollama": server.url}), Scripted("ollama", "m", True, DEFAULT, True, "anyway"))

    run()
    assert "model: ollama/m" in config(home)


def test_what_is_wrong_with_a_model_decides_what_is_proposed(home: Home) -> None:
    refused = {"status": 401, "body": {"error": {"message": "no"}}}
    unknown = {"status": 404, "body": {"error": {"message": "no such model"}}}

    @in_loop
    async def run() -> None:
        async with ModelServer([refused, unknown, *GOOD], models=["m", "n"]) as server:
            write(home, cloud(server.url))
            ask = Scripted("cloud", "sk-1", "m", True, DEFAULT, "sk-2", True, DEFAULT, "n", True)
            await run_model(site(home), ask)
            assert not ask.answers
            assert [request.headers["authorization"] for request in server.model_calls] == ["Bearer sk-1"] + [
                "Bearer sk-2"
            ] * 4

    run()
    assert (home.alpi / ".env").read_text() == "CLOUD_KEY=sk-2\n"
    assert "model: cloud/n" in config(home)


def test_a_budget_that_is_used_up_does_not_hinder_the_choice(home: Home) -> None:
    write(home, "budget: {tokens_per_day: 10}\n")

    @in_loop
    async def run() -> None:
        async with ModelServer(models=["m"]) as server:
            ask = Scripted("ollama", "m", True)
            await run_model(site(home, {"ollama": server.url}), ask)
            assert "It is not tried" in ask.told("warning")
            assert not [request for request in server.model_calls if request.path.endswith("/completions")]

    run()
    assert "model: ollama/m" in config(home)


def test_a_server_of_ones_own(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer(GOOD, key="k-9", models=["m"]) as server:
            ask = Scripted(
                "+other", "ftp://x", "http://u:p@x/v1", server.url + "/", "Box!", "box", True, "k-9", "m", True
            )
            await run_model(site(home), ask)
            assert len(ask.objections) == 3
            assert yaml.safe_load(config(home))["providers"] == {
                "box": {"kind": "openai", "base_url": server.url, "api_key_env": "BOX_API_KEY"}
            }

    run()
    assert (home.alpi / ".env").read_text() == "BOX_API_KEY=k-9\n"


@pytest.mark.parametrize(("window", "exact"), [({"n_ctx": 12288}, True), (None, False)])
def test_the_window_is_offered_where_the_server_tells_it(home: Home, window: Any, exact: bool) -> None:
    answers: dict[str, Any] = {"/v1/models": {"data": [{"id": "m"}]}}
    if window:
        answers["/props"] = {"default_generation_settings": window}
    else:
        answers |= {"/api/show": {"model_info": {"x.context_length": 40960}}, "/api/ps": {}}

    @in_loop
    async def run() -> None:
        async with OwnServer(answers) as server:
            ask = Scripted("llamacpp", "m", False, DEFAULT)
            await run_model(site(home, {"llamacpp": server.url}), ask)
            assert not ask.answers

    run()
    found = load_config(home.alpi / "config.yaml").config.models
    assert (found["llamacpp/m"].context_window if found else None) == (12288 if exact else None)


POLICY = "models: {allow: ['ollama/qwen*', 'groq/*'], deny: ['groq/llama*']}\nhosts: {deny: ['api.groq.com']}\n"


def test_what_the_machine_forbids_is_not_on_offer_and_says_why(home: Home) -> None:
    policy = parse_policy(POLICY, profile_paths(None, home.environ).config)

    @in_loop
    async def run() -> None:
        async with ModelServer(models=["qwen3", "llama3"]) as server:
            made = site(home, {"ollama": server.url}, policy=policy)
            ask = Scripted("ollama", "qwen3", False)
            await run_model(made, ask)
            reasons = {option.value: option.refused for option in ask.offered[0]}
            assert "allows none of its models" in reasons["anthropic"]
            assert "the host api.groq.com is denied" in reasons["groq"]
            assert not reasons["ollama"]
            assert {option.value: bool(option.refused) for option in ask.offered[1]} == {"qwen3": False, "llama3": True}
            ask = Scripted("ollama", "llama-typed", "qwen3", False)
            await run_model(made, ask)
            assert "not among what the machine's policy allows" in ask.told("bad")

    run()


def test_the_local_model_is_fetched_when_it_is_chosen(home: Home) -> None:
    fetched: list[str] = []

    async def fetch(report: Any) -> None:
        report("fetching 10%")
        fetched.append("yes")
        raise ProviderError("no network", "try again")

    ask = Scripted("local", True, LEAVES)
    with pytest.raises(Left):
        in_loop(run_model)(site(home, fetch_local=fetch), ask)
    assert fetched == ["yes"]
    assert "no network" in ask.told("bad")
    assert ask.asked[-1] == "Where does your model run?", "and one is back at the choice"
    assert config(home) == ""


def test_where_its_library_is_missing_the_local_model_is_not_on_offer() -> None:
    options = choices.provider_options([], [], Policy(), False, {}, "no library")
    assert {option.value: option.refused for option in options}["local"] == "no library"


@pytest.mark.parametrize(
    ("text", "env", "state", "missing"),
    [
        ("", "", "none yet", True),
        ("model: ollama/x\n", "", "ollama/x", False),
        ("model: openai/x\n", "", "openai/x, and its key (OPENAI_API_KEY) is missing", True),
        ("model: openai/x\n", "OPENAI_API_KEY=sk-1\n", "openai/x", False),
        ("model: nobody/x\n", "", "nobody/x: there is no provider 'nobody'", True),
    ],
)
def test_the_state_says_what_is_missing(home: Home, text: str, env: str, state: str, missing: bool) -> None:
    write(home, text)
    (home.alpi / ".env").write_text(env)
    assert state_of_model(site(home)) == (state, missing)


@pytest.mark.parametrize(
    ("listed", "first", "last"),
    [
        (["text-embedding-3", "gpt-4.1-2025-04-14", "gpt-4.1", "gpt-5", "whisper-1"], "gpt-5", "whisper-1"),
        (
            ["claude-haiku-4-5", "claude-sonnet-4-6-20260101", "claude-sonnet-4-6"],
            "claude-sonnet-4-6",
            "claude-haiku-4-5",
        ),
        (["zeta", "alpha", "nomic-embed-text"], "zeta", "nomic-embed-text"),
    ],
)
def test_models_come_in_a_sensible_order(listed: list[str], first: str, last: str) -> None:
    ordered = choices.sensible("openai", listed)
    assert (ordered[0], ordered[-1]) == (first, last)
    assert sorted(ordered) == sorted(listed), "none is left out"


def test_names_of_servers_cannot_drive_the_terminal() -> None:
    assert choices.sensible("x", ["a\x1b[2Jb", "", "  "]) == ["ab"]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("OpenAI refused the key (401)", "key"),
        ("OpenAI says that the account has no credit left (402)", "other"),
        ("OpenAI cannot be reached at https://x: its name is not known", "network"),
        ("x cannot be reached at http://x: nothing listens there", "network"),
        ("x does not know the model  (404)", "address"),
        ("x sent something that is not JSON", "address"),
        ("x is overloaded (529)", "other"),
    ],
)
def test_a_failure_is_put_in_plain_words(said: str, what: str) -> None:
    found = preset("openai")
    assert found is not None
    assert choices.diagnosis(ProviderError(said), found)[0] == what


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:80/v1", "server"),
        ("https://api.together.example/v1", "together"),
        ("http://box.lan/v1", "box"),
    ],
)
def test_a_server_is_given_a_name(url: str, name: str) -> None:
    assert name_of_server(url, []) == name
    assert name_of_server(url, [name]) == f"{name}2"
    assert wrong_address(url) == ""


def test_the_profile_that_was_set_up_can_be_used(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer(models=["m"]) as server:
            await run_model(site(home, {"ollama": server.url}), Scripted("ollama", "m", False))

    run()
    assert Runtime(None, home.environ).model_names() == ["ollama/m"]


def test_a_provider_that_lists_its_models_to_anybody_is_asked_about_the_key(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with OwnServer({"/v1/models": {"data": [{"id": "m"}]}}) as server:
            write(home, f'providers:\n  openrouter: {{base_url: "{server.url}", api_key_env: OPENROUTER_API_KEY}}\n')
            ask = Scripted("openrouter", "sk-1", "m", False)
            await run_model(site(home), ask)  # 404 says nothing about the key
            assert any("bearer sk-1" in head.lower() for _, path, head, _ in server.requests if path == "/v1/key")
        async with OwnServer({"/v1/models": {"data": [{"id": "m"}]}}, refused="/v1/key") as server:
            write(home, f'providers:\n  openrouter: {{base_url: "{server.url}", api_key_env: OPENROUTER_API_KEY}}\n')
            (home.alpi / ".env").unlink()
            ask = Scripted("openrouter", "sk-2", LEAVES)
            with pytest.raises(Left):
                await run_model(site(home), ask)
            assert "The key is wrong" in ask.told("bad")

    run()


def test_a_stored_key_is_used_and_named(home: Home) -> None:
    @in_loop
    async def run() -> None:
        async with ModelServer(key="sk-right", models=["m"]) as server:
            write(home, cloud(server.url))
            (home.alpi / ".env").write_text("CLOUD_KEY=sk-right\n")
            ask = Scripted("cloud", "m", False)
            await run_model(site(home), ask)
            assert "alpi config key CLOUD_KEY" in ask.told("quiet")

    run()


@pytest.mark.parametrize(
    ("url", "open_"),
    [
        ("http://box.lan/v1", True), ("http://192.168.1.5:8080/v1", True), ("https://box.lan/v1", False),
        ("http://127.0.0.1/v1", False), ("http://[::1]:1/v1", False), ("http://localhost/v1", False),
        ("http://127.0.0.1.evil.example/v1", True),
    ],
)  # fmt: skip
def test_what_leaves_the_machine_in_the_open_is_known(url: str, open_: bool) -> None:
    assert open_to_readers(url) is open_


def test_a_small_window_is_warned_of(home: Home) -> None:
    answers = {"/v1/models": {"data": [{"id": "m"}]}, "/props": {"default_generation_settings": {"n_ctx": 4096}}}

    @in_loop
    async def run() -> None:
        async with OwnServer(answers) as server:
            ask = Scripted("llamacpp", "m", False, DEFAULT)
            await run_model(site(home, {"llamacpp": server.url}), ask)
            assert "That is little" in ask.told("warning")

    run()


def test_a_host_that_the_machine_forbids_is_not_even_looked_at(home: Home) -> None:
    policy = parse_policy("hosts: {deny: ['127.0.0.0/8']}\n", home.folder / "policy.yaml")

    @in_loop
    async def run() -> None:
        async with OwnServer({"/v1/models": {"data": [{"id": "m"}]}}) as server:
            with pytest.raises(Left):
                await run_model(site(home, {"ollama": server.url}, policy=policy), Scripted(LEAVES))
            assert server.requests == []

    run()
