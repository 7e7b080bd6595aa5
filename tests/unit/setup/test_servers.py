"""Servers of one's own: found side by side, and asked for the window of a model."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from alpi.providers.catalog import Preset, preset
from alpi.setup import servers
from alpi.setup.servers import Window, context_window, find_servers, get_json, with_environment
from tests.support.stage import in_loop
from tests.unit.setup.own_server import OwnServer


def at(name: str, url: str) -> Preset:
    found = preset(name)
    assert found is not None
    return msgspec.structs.replace(found, base_url=url)


LISTING = {"object": "list", "data": [{"id": "qwen3:8b", "object": "model"}]}


@in_loop
async def test_what_runs_is_found_and_what_is_no_model_server_is_not() -> None:
    async with (
        OwnServer({"/v1/models": LISTING}) as ollama,
        OwnServer({"/v1/models": {"hello": "world"}}) as other,
        OwnServer({"/v1/models": b"<html>"}) as page,
    ):
        found = await find_servers(
            [
                at("ollama", ollama.url),
                at("vllm", other.url),
                at("llamacpp", page.url),
                at("lmstudio", "http://127.0.0.1:9/v1"),
            ]
        )
    assert [(server.preset.name, server.models) for server in found] == [("ollama", ("qwen3:8b",))]


@in_loop
async def test_a_server_that_hangs_costs_no_more_than_the_limit() -> None:
    async with OwnServer({"/v1/models": LISTING}, delay=30) as slow, OwnServer({"/v1/models": LISTING}) as quick:
        started = time.monotonic()
        found = await find_servers([at("ollama", slow.url), at("vllm", slow.url), at("lmstudio", quick.url)])
        assert [server.preset.name for server in found] == ["lmstudio"]
        assert time.monotonic() - started < 2 * servers.PATIENCE, "they are asked side by side"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("box.lan", "http://box.lan:11434/v1"),
        ("https://box.lan", "https://box.lan:443/v1"),
        (":9999", "http://127.0.0.1:9999/v1"),
        ("", "http://127.0.0.1:11434/v1"),
        ("host:no", "http://127.0.0.1:11434/v1"),
    ],
)
def test_ollama_is_where_its_own_variable_says(given: str, url: str) -> None:
    both = with_environment(
        [at("ollama", "http://127.0.0.1:11434/v1"), at("vllm", "http://x/v1")], {"OLLAMA_HOST": given}
    )
    assert [found.base_url for found in both] == [url, "http://x/v1"]


OLLAMA = {
    "/api/show": {"model_info": {"qwen3.context_length": 40960, "qwen3.block_count": 2000}},
    "/api/ps": {"models": []},
}


@pytest.mark.parametrize(
    ("answers", "window"),
    [
        (OLLAMA, Window(40960, False, "the model's own description")),
        (
            {**OLLAMA, "/api/show": {**OLLAMA["/api/show"], "parameters": 'stop "x"\nnum_ctx    16384\n'}},
            Window(16384, True, "its Modelfile (num_ctx)"),
        ),
        (
            {**OLLAMA, "/api/ps": {"models": [{"name": "qwen3:latest", "context_length": 8192}]}},
            Window(8192, True, "Ollama, which has it loaded"),
        ),
        ({"/props": {"default_generation_settings": {"n_ctx": 12288}}}, Window(12288, True, "llama.cpp")),
        (
            {
                "/api/v0/models": {
                    "data": [{"id": "qwen3", "max_context_length": 131072, "loaded_context_length": 4096}]
                }
            },
            Window(4096, True, "LM Studio, which has it loaded"),
        ),
        (
            {"/api/v0/models": {"data": [{"id": "qwen3", "max_context_length": 131072}]}},
            Window(131072, False, "the model's own description"),
        ),
        (
            {"/v1/models": {"data": [{"id": "qwen3", "max_model_len": 65536}]}},
            Window(65536, True, "its listing of models"),
        ),
        ({"/v1/models": {"data": [{"id": "other", "max_model_len": 65536}]}}, None),
        ({"/props": {"default_generation_settings": {"n_ctx": 0}}, "/v1/models": {"data": [{"id": "qwen3"}]}}, None),
        ({"/props": [1, 2], "/api/show": "x", "/api/ps": None, "/v1/models": {"data": {"qwen3": 1}}}, None),
    ],
    ids=[
        "ollama-most",
        "ollama-set",
        "ollama-loaded",
        "llama.cpp",
        "lm-loaded",
        "lm-most",
        "vllm",
        "another",
        "none",
        "nonsense",
    ],
)
def test_the_window_that_a_server_tells(answers: dict[str, Any], window: Window | None) -> None:
    @in_loop
    async def run() -> None:
        async with OwnServer(answers) as server:
            assert await context_window(at("vllm", server.url), "qwen3") == window

    run()


@in_loop
async def test_a_key_goes_along_where_there_is_one() -> None:
    async with OwnServer({"/props": {}}) as server:
        await context_window(at("llamacpp", server.url), "m", key="k-1")
        assert all("authorization: bearer k-1" in head.lower() for _, _, head, _ in server.requests)
        assert server.requests[0][3] == '{"model":"m"}'


@in_loop
async def test_an_answer_without_end_is_not_read() -> None:
    async with OwnServer({"/v1/models": b"[" + b"1," * servers.LARGEST}) as server:
        with pytest.raises(LookupError, match="more than"):
            await get_json(f"{server.url}/models")
