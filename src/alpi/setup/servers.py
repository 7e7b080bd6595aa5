"""Model servers on this machine: which ones answer, and what they say about a model's context window."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..providers.catalog import Preset
from ..providers.wire import Wire, dict_of, list_of, loads, text_of

PATIENCE = 1.5
"""Seconds that a server on this machine has to answer; what listens there does so in milliseconds."""
LARGEST = 8 << 20


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answered: the preset with the address it was found at, and its models."""

    preset: Preset
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A context window in tokens. ``exact``: the server runs the model with it; else it is the most that the model could take."""

    tokens: int
    exact: bool
    source: str


def with_environment(presets: Sequence[Preset], environ: Mapping[str, str]) -> tuple[Preset, ...]:
    """The presets, Ollama's with the address that ``OLLAMA_HOST`` names, as its own client reads it."""
    host = environ.get("OLLAMA_HOST", "").strip()
    if not host:
        return tuple(presets)
    parts = urlsplit(host if "://" in host else f"http://{host}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 11434)
    except ValueError:
        return tuple(presets)
    # 0.0.0.0 is where the server listens; one asks it at the loopback.
    name = {"0.0.0.0": "127.0.0.1", None: "127.0.0.1", "::": "[::1]"}.get(parts.hostname, parts.hostname)
    url = f"{parts.scheme}://{name}:{port}/v1"
    return tuple(
        msgspec.structs.replace(found, base_url=url) if found.name == "ollama" and found.base_url != url else found
        for found in presets
    )


async def find_servers(presets: Sequence[Preset]) -> list[Running]:
    """Those of the servers that answer within ``PATIENCE``, asked side by side; what is no model server is left out."""
    answers = await asyncio.gather(*(_running(found) for found in presets))
    return [answer for answer in answers if answer is not None]


async def _running(found: Preset) -> Running | None:
    wire = found.wire()
    try:
        page = await get_json(wire.models_url(found.base_url))
    except NoAnswer:
        return None
    listed = dict_of(page).get("data")
    if not isinstance(listed, list):
        return None  # some other program uses the port
    return Running(found, tuple(dict.fromkeys(_names(wire, page))))


def _names(wire: Wire, page: Any) -> list[str]:
    return wire.model_names(page)[0]


async def context_window(found: Preset, model: str, key: str = "") -> Window | None:
    """What the server of one's own says about a model's window, or ``None`` where it does not tell.

    Asked in this order: Ollama's ``/api/ps`` and ``/api/show``, llama.cpp's ``/props``, LM Studio's ``/api/v0/models``, and the
    listing of models, where vLLM says ``max_model_len``.
    """
    root = found.base_url.rstrip("/").removesuffix("/v1")
    for ask in (_ollama, _llamacpp, _lmstudio):
        try:
            window = await ask(root, model, key)
        except NoAnswer:
            continue
        if window is not None:
            return window
    try:
        page = dict_of(await get_json(f"{found.base_url.rstrip('/')}/models", key=key))
    except NoAnswer:
        return None
    entry = _entry(list_of(page.get("data")), model)
    tokens = _whole(entry.get("max_model_len"))
    return Window(tokens, True, "its listing of models") if tokens else None


async def _ollama(root: str, model: str, key: str) -> Window | None:
    shown = dict_of(await get_json(f"{root}/api/show", {"model": model}, key=key))
    running = dict_of(await get_json(f"{root}/api/ps", key=key))
    entry = _entry(list_of(running.get("models")), model)
    if tokens := _whole(entry.get("context_length")):
        return Window(tokens, True, "Ollama, which has it loaded")
    for line in text_of(shown.get("parameters")).splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "num_ctx" and value.strip().isdecimal():
            return Window(int(value), True, "its Modelfile (num_ctx)")
    info = dict_of(shown.get("model_info"))
    most = max((_whole(value) for name, value in info.items() if name.endswith(".context_length")), default=0)
    return Window(most, False, "the model's own description") if most else None


async def _llamacpp(root: str, model: str, key: str) -> Window | None:
    props = dict_of(await get_json(f"{root}/props", key=key))
    tokens = _whole(dict_of(props.get("default_generation_settings")).get("n_ctx"))
    return Window(tokens, True, "llama.cpp") if tokens else None


async def _lmstudio(root: str, model: str, key: str) -> Window | None:
    page = dict_of(await get_json(f"{root}/api/v0/models", key=key))
    entry = _entry(list_of(page.get("data")), model)
    if tokens := _whole(entry.get("loaded_context_length")):
        return Window(tokens, True, "LM Studio, which has it loaded")
    most = _whole(entry.get("max_context_length"))
    return Window(most, False, "the model's own description") if most else None


def _entry(listed: Sequence[Any], model: str) -> dict[str, Any]:
    wanted = {model, f"{model}:latest"}
    return next((dict_of(item) for item in listed if {dict_of(item).get("id"), dict_of(item).get("name")} & wanted), {})


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1024 else 0


class NoAnswer(LookupError):
    """A server gave nothing that can be used. ``status``: the HTTP status where it was not 200, else 0."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


async def get_json(url: str, body: Any = None, *, key: str = "", patience: float = PATIENCE) -> Any:
    """JSON from a server; with ``body``, it is posted. Nothing but that host is contacted. ``patience``: seconds, for all of it.

    Raises:
        NoAnswer: no answer in time, a status other than 200, or no JSON.
    """
    import ssl

    import httpx2

    # Certificates take 20 to 120 ms to load; plain http needs none.
    verify: ssl.SSLContext | bool = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.startswith("http://") else True
    headers = {"user-agent": "alpi", **({"authorization": f"Bearer {key}"} if key else {})}
    try:
        async with (
            asyncio.timeout(patience),
            httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=patience, verify=verify) as client,
            client.stream("GET" if body is None else "POST", url, json=body, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise NoAnswer(f"status {response.status_code}", response.status_code)
            data = b""
            async for piece in response.aiter_bytes():
                data += piece
                if len(data) > LARGEST:
                    raise NoAnswer("more than can be taken in")
            return loads(data)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError, UnicodeError) as error:
        raise NoAnswer(str(error)) from error
