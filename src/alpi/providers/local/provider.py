"""The local model as a provider: makes itself ready (process, prompt prefix), then asks its server like any other."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

from msgspec.structs import replace

from ...base.errors import AlpiError, NotConfigured, ProviderError
from ..http import HttpProvider
from ..openai_wire import OpenAIWire
from ..types import Failure, FailureKind, Preparing, ProviderEvent, Request, TimeLimits
from . import weights
from .server import Server, library_version
from .states import States, state_key
from .template import qwen_template

LOCAL_LIMITS = TimeLimits(first_byte=900.0, silence=300.0, whole=3600.0)
"""A full context takes minutes on two cores, so the limits are wide; whether the process lives is known without them."""

_CONTEXT = 8192
_WORTH_KEEPING = 1000
"""Characters of a prefix below which its state is not kept: computing it takes no longer than a few seconds."""

_WARM_SECONDS = 900.0
_TICK = 0.1

OnProgress = Callable[[Preparing], None]


class LocalProvider:
    """Runs a model on this machine. Implements ``types.Provider``.

    Nothing is started before ``prepare`` or ``stream``. ``prepare`` may run in the background while a person types:
    ``stream`` joins it and shows its progress. The child process is ended by ``aclose`` and, however this program ends, with
    it. Use one event loop, on the thread that lives longest (see ``server.Server.start``).

    Args:
        cache: alpi's cache folder: weights, states and logs lie in it.
        name: what the configuration calls it.
        model_file: a GGUF file instead of the built-in model; it is asked with its own chat template.
        context: tokens of the context window.
        slices: where to search the built-in model's parts; ``None`` for the installed packages.
        redact: takes secrets out of error texts.
        on_progress: told of each step of getting ready, also while nobody streams; called from several threads.
        program: see ``server.Server``.
    """

    def __init__(
        self,
        cache: Path,
        *,
        name: str = "local",
        model_file: Path | None = None,
        context: int = _CONTEXT,
        slices: list[Path] | None = None,
        redact: Callable[[str], str] = str,
        on_progress: OnProgress | None = None,
        program: Path | None = None,
    ) -> None:
        self.name = name
        self._cache = cache
        self._model_file = model_file
        self._context = context
        self._slices = slices
        self._redact = redact
        self._on_progress = on_progress
        self._program = program
        self._server: Server | None = None
        self._http: HttpProvider | None = None
        self._model_sha = ""
        # Prefixes that this server process has read. It keeps their conversations in memory itself; a state from the disk
        # would only take their place.
        self._read: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._task_for = ""
        self._step = Preparing("starting the local model")

    # -- the Provider protocol -----------------------------------------------------------------------------------------

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """See ``types.Provider``. ``Preparing`` events come first where the model is not ready yet."""
        try:
            async for step in self._until_ready(request):
                yield step
        except AlpiError as error:
            kind: FailureKind = "not_found" if isinstance(error, NotConfigured) else "unreachable"
            yield Failure(self.name, request.model, kind, error.message, error.hint)
            return
        assert self._http is not None
        yield Preparing("reading your message")
        async with aclosing(self._http.stream(request)) as events:
            async for event in events:
                yield await self._explained(event) if isinstance(event, Failure) else event

    async def models(self) -> list[str]:
        """The configured file, or the built-in models whose weights are joined already."""
        if self._model_file is not None:
            return [self._model_file.stem]
        found = await asyncio.to_thread(weights.installed, self._cache)
        return [known.name for known in found]

    async def prepare(self, request: Request) -> None:
        """Start the model and have the request's prefix ready: instructions, tools and examples.

        Raises:
            NotConfigured: the library or the weights are missing.
            ProviderError: not enough memory, or the process did not come up.
            StorageError: the cache folder cannot be written.
        """
        async for _ in self._until_ready(request):
            pass

    async def aclose(self) -> None:
        """End the process."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        if self._server is not None:
            self._server.stop()

    # -- getting ready -------------------------------------------------------------------------------------------------

    async def _until_ready(self, request: Request) -> AsyncIterator[Preparing]:
        """The steps, as they happen, until the server has the request's prefix.

        Raises:
            AlpiError: see ``prepare``.
        """
        prefix = _prefix_body(request)
        wanted = hashlib.sha256(prefix).hexdigest()
        while not (wanted in self._read and self._server is not None and self._server.alive()):
            mine = self._task is None or self._task.done()
            if mine:
                # A task of its own: a stream that is interrupted does not take the loading of the model with it.
                self._task, self._task_for = asyncio.create_task(self._make_ready(prefix, wanted)), wanted
            task, task_for = self._task, self._task_for
            assert task is not None
            shown: Preparing | None = None
            while not task.done():
                await asyncio.wait({task}, timeout=_TICK)
                if self._step != shown and not task.done():
                    shown = self._step
                    yield shown
            if task.cancelled():
                raise ProviderError("the local model was closed while it was being made ready")
            if (error := task.exception()) is not None and task_for == wanted:
                raise error
            if mine:
                return

    async def _make_ready(self, prefix: bytes, wanted: str) -> None:
        if self._server is None or not self._server.alive():
            await self._start()
        assert self._server is not None
        if len(prefix) >= _WORTH_KEEPING:
            await self._load_prefix(self._server, prefix)
        self._read.add(wanted)

    async def _start(self) -> None:
        self._read.clear()
        self._tell("starting the local model")
        path = await asyncio.to_thread(self._find_model)
        own = self._model_file is not None
        self._tell("starting the local model")
        template = "" if own else qwen_template()
        server = self._server = Server(path, self._cache, template, self._context, program=self._program)
        await server.start()
        if self._http is not None:
            await self._http.aclose()
        self._http = HttpProvider(
            self.name,
            OpenAIWire(),
            f"{server.address}/v1",
            label="the local model",
            api_key=server.key,
            limits=LOCAL_LIMITS,
            redact=self._redact,
        )

    def _find_model(self) -> Path:
        """The model's file, joined or hashed where that was not done yet. Blocks: runs in a thread."""
        if self._model_file is not None:
            path = self._model_file
            self._model_sha = weights.fingerprint(
                self._cache, path, lambda share: self._tell("checking the model file", share)
            )
            return path
        path = weights.join(self._cache, self._slices, lambda share: self._tell("joining the model's parts", share))
        self._model_sha = weights.QWEN_CODER.sha256
        return path

    async def _load_prefix(self, server: Server, prefix: bytes) -> None:
        """Have the prefix in the server's slot: from its kept state, else computed and kept."""
        states = States(server.states)
        key = state_key(self._model_sha, library_version(), qwen_template(), self._context, prefix)
        if await asyncio.to_thread(states.usable, key):
            self._tell("restoring the prompt")
            if self._read:
                await self._put_by(server)
            if await self._slot(server, "restore", states.path(key).name):
                await asyncio.to_thread(states.used, key)
                return
            await asyncio.to_thread(states.forget, key)
        await self._compute(server, prefix)
        if await self._slot(server, "save", states.fresh_name(key)):
            try:
                await asyncio.to_thread(states.keep, key)
            except AlpiError:
                pass  # a full disk costs time at the next start, and nothing now

    async def _put_by(self, server: Server) -> None:
        """Make the server put the conversation in its slot into its own memory, which it does when another prompt comes.

        A restored state would overwrite it, and reading a long conversation again takes minutes.
        """
        async for _ in _post_lines(server, "/completion", b'{"prompt":"-","n_predict":1,"cache_prompt":true}'):
            pass

    async def _compute(self, server: Server, prefix: bytes) -> None:
        """Run the prefix through the model once, telling how far it is."""
        self._tell("reading the instructions", 0.0)
        async for line in _post_lines(server, "/v1/chat/completions", prefix):
            share = _progress_of(line)
            if share is not None:
                self._tell("reading the instructions", share)

    async def _slot(self, server: Server, action: str, filename: str) -> bool:
        """Save or restore the slot; whether it worked. Without a state all works, only slower."""
        body = json.dumps({"filename": filename}).encode()
        try:
            async for _ in _post_lines(server, f"/slots/0?action={action}", body):
                pass
        except ProviderError:
            if not server.alive():
                raise
            return False
        return True

    def _tell(self, what: str, share: float | None = None) -> None:
        # Also called from threads: one assignment, which readers see whole.
        self._step = Preparing(what, share if share is None else round(share, 2))
        if self._on_progress is not None:
            self._on_progress(self._step)

    # -- when it fails -------------------------------------------------------------------------------------------------

    async def _explained(self, failure: Failure) -> Failure:
        """A failure of the connection, told as what it is where the process has died."""
        server = self._server
        if server is None or failure.kind not in ("broken_stream", "unreachable", "bad_answer"):
            return failure
        for _ in range(10):  # the connection breaks a moment before the process counts as dead
            if not server.alive():
                what, hint = server.why_dead()
                return replace(failure, kind="broken_stream", message=f"{what}", hint=hint, retryable=False)
            await asyncio.sleep(0.05)
        return replace(failure, hint=f"{failure.hint}; its log: {server.log}")


def _prefix_body(request: Request) -> bytes:
    """The request for the part that stays the same: its bytes name the state, and sending it computes the state."""
    settings = replace(request.settings, max_output_tokens=1, temperature=0.0, reasoning_effort="")
    first = replace(request, model="", messages=tuple(request.messages[: request.prefix]), settings=settings, prefix=0)
    body = json.loads(OpenAIWire().encode(first))
    if not body["messages"]:
        return b""
    body["return_progress"] = True  # llama.cpp's own: events that tell how much of the prompt is done
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _progress_of(line: str) -> float | None:
    """The share that one line of a stream tells, or ``None``."""
    if not line.startswith("data: {"):
        return None
    try:
        progress = json.loads(line[6:]).get("prompt_progress")
        return min(1.0, progress["processed"] / max(1, progress["total"])) if progress else None
    except (ValueError, KeyError, TypeError):
        return None


async def _post_lines(server: Server, path: str, body: bytes) -> AsyncIterator[str]:
    """The lines of an answer.

    Raises:
        ProviderError: no answer, or a status other than 200.
    """
    import httpx2

    headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    try:
        async with (
            httpx2.AsyncClient(
                base_url=server.address, headers=headers, timeout=_WARM_SECONDS, trust_env=False
            ) as client,
            client.stream("POST", path, content=body) as response,
        ):
            if response.status_code != 200:
                raise ProviderError(f"the local model's server answered {response.status_code} to {path}")
            async for line in response.aiter_lines():
                yield line
    except httpx2.HTTPError as error:
        if not server.alive():
            raise ProviderError(*server.why_dead()) from error
        raise ProviderError(f"the local model's server did not answer: {error}", f"The log: {server.log}") from error


__all__ = ["LOCAL_LIMITS", "LocalProvider"]
