"""The local provider with a child that needs no model: getting ready, kept states, restarts, failures, the child's end."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from alpi.base.errors import NotConfigured, ProviderError
from alpi.base.message import AssistantMessage, Message, ToolMessage, UserMessage
from alpi.providers.examples import example_names, examples
from alpi.providers.local import server as local_server
from alpi.providers.local.provider import LocalProvider
from alpi.providers.local.states import States, state_key
from alpi.providers.local.template import qwen_template
from alpi.providers.types import (
    Failure,
    Finished,
    ModelSettings,
    Preparing,
    ProviderEvent,
    Request,
    TextDelta,
    ToolSpec,
)

CHILD = Path(__file__).with_name("local_child.py")
TOOLS = (ToolSpec("read_file", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}}),)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that runs in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def request(text: str = "hello", system: str = "s" * 1200) -> Request:
    first = examples("files", [tool.name for tool in TOOLS])
    return Request("m", system, (*first, UserMessage("u", NOW, text)), TOOLS, ModelSettings(), len(first))


@asynccontextmanager
async def provider(folder: Path, model: str = "good") -> AsyncIterator[LocalProvider]:
    path = folder / f"{model}.gguf"
    path.write_bytes(b"GGUF")
    made = LocalProvider(folder / "cache", model_file=path, program=CHILD)
    try:
        yield made
    finally:
        await made.aclose()


async def answer(made: LocalProvider, asked: Request) -> list[ProviderEvent]:
    return [event async for event in made.stream(asked)]


def asked(folder: Path) -> list[str]:
    return (folder / "cache/prefix/asked").read_text().split()


@in_loop
async def test_first_the_prefix_is_computed_and_kept_then_restored(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        events = await answer(made, request())
        assert [event for event in events if not isinstance(event, Preparing)][:1] == [TextDelta("hi")]
        assert events[-1] == Finished("end")
        assert isinstance(events[0], Preparing)
        await answer(made, request("again"))
    assert asked(tmp_path) == ["prefix", "save", "chat", "chat"]
    async with provider(tmp_path) as made:
        await answer(made, request())
    assert asked(tmp_path)[4:] == ["restore", "chat"]
    states = list((tmp_path / "cache/prefix").glob("*.bin"))
    assert [oct(path.stat().st_mode & 0o777) for path in states] == ["0o600"]


@in_loop
async def test_prepare_in_the_background_is_joined_by_the_stream(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        task = asyncio.create_task(made.prepare(request()))
        await asyncio.sleep(0)
        events = await answer(made, request())
        await task
        assert events[-1] == Finished("end")
    assert asked(tmp_path) == ["prefix", "save", "chat"]


@in_loop
async def test_another_prefix_is_another_state(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        await answer(made, request())
        await answer(made, request(system="t" * 1200))
        await answer(made, request())
    # The third needs nothing: the server keeps the conversations of its life in memory.
    assert asked(tmp_path) == ["prefix", "save", "chat", "prefix", "save", "chat", "chat"]


@in_loop
async def test_a_conversation_is_put_by_before_a_state_takes_its_place(tmp_path: Path) -> None:
    for first in ("s", "t"):
        async with provider(tmp_path) as made:
            await answer(made, request(system=first * 1200))
            await answer(made, request(system="u" * 1200))
    assert asked(tmp_path)[6:] == ["prefix", "save", "chat", "other", "restore", "chat"]


@in_loop
async def test_two_streams_with_different_prefixes_both_answer(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        both = await asyncio.gather(answer(made, request()), answer(made, request(system="t" * 1200)))
        assert [events[-1] for events in both] == [Finished("end")] * 2


@in_loop
async def test_a_short_prefix_is_not_kept(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        await answer(made, Request("m", "short", (UserMessage("u", NOW, "hello"),)))
    assert asked(tmp_path) == ["chat"]


@pytest.mark.parametrize("damage", ["truncate", "change", "unmarked"])
@in_loop
async def test_a_damaged_state_is_made_anew(tmp_path: Path, damage: str) -> None:
    async with provider(tmp_path) as made:
        await answer(made, request())
    (state,) = (tmp_path / "cache/prefix").glob("*.bin")
    if damage == "truncate":
        state.write_bytes(state.read_bytes()[:100])
    elif damage == "change":
        state.write_bytes(b"S" + state.read_bytes()[1:])
    else:
        state.with_suffix(".ok").unlink()
    async with provider(tmp_path) as made:
        assert (await answer(made, request()))[-1] == Finished("end")
    assert asked(tmp_path)[3:] == ["prefix", "save", "chat"]


@in_loop
async def test_a_state_that_the_server_refuses_is_made_anew(tmp_path: Path) -> None:
    for _ in range(2):
        async with provider(tmp_path, "refuse") as made:
            assert (await answer(made, request()))[-1] == Finished("end")
    assert asked(tmp_path)[3:] == ["restore", "prefix", "save", "chat"]


@in_loop
async def test_a_child_that_died_between_requests_is_started_again(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        await answer(made, request())
        child = made._server._process  # type: ignore[union-attr]
        assert child is not None
        child.kill()
        child.wait()
        assert (await answer(made, request()))[-1] == Finished("end")
    assert asked(tmp_path)[3:] == ["restore", "chat"]


@in_loop
async def test_a_child_that_dies_in_its_answer_is_a_failure_that_says_so(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        events = await answer(made, request("die"))
        failure = events[-1]
        assert isinstance(failure, Failure)
        assert failure.kind == "broken_stream", failure
        assert "memory" in failure.message
        assert str(tmp_path / "cache/logs") in failure.hint
        assert (await answer(made, request()))[-1] == Finished("end")


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [("missing", "not_found", "xllamacpp"), ("broken", "unreachable", "bad file"), ("dies", "unreachable", "AVX2")],
)
@in_loop
async def test_what_keeps_it_from_starting_is_named(tmp_path: Path, model: str, kind: str, words: str) -> None:
    async with provider(tmp_path, model) as made:
        failure = (await answer(made, request()))[-1]
        assert isinstance(failure, Failure)
        assert failure.kind == kind
        assert words in failure.message
        with pytest.raises((NotConfigured, ProviderError)):
            await made.prepare(request())


@in_loop
async def test_missing_weights_are_named_with_the_command(tmp_path: Path) -> None:
    made = LocalProvider(tmp_path, slices=[tmp_path], program=CHILD)
    failure = (await answer(made, request()))[-1]
    assert isinstance(failure, Failure)
    assert "alpi models fetch" in failure.hint
    assert await made.models() == []


@in_loop
async def test_progress_is_told(tmp_path: Path) -> None:
    told: list[Preparing] = []
    path = tmp_path / "good.gguf"
    path.write_bytes(b"GGUF")
    made = LocalProvider(tmp_path / "cache", model_file=path, program=CHILD, on_progress=told.append)
    await made.prepare(request())
    await made.aclose()
    assert Preparing("reading the instructions", 0.5) in told
    assert await made.models() == ["good"]


@in_loop
async def test_closing_while_it_starts_leaves_no_process(tmp_path: Path) -> None:
    async with provider(tmp_path) as made:
        task = asyncio.create_task(made.prepare(request()))
        await asyncio.sleep(0.05)
        await made.aclose()
        with pytest.raises(ProviderError):
            await task
        assert made._server is None or not made._server.alive()


PARENT = """
import asyncio, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from alpi.providers.local.server import Server
server = Server(Path(sys.argv[2]), Path(sys.argv[3]), program=Path(sys.argv[4]))
asyncio.run(server.start())
print(server._process.pid, flush=True)
time.sleep(60)
"""


def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    model = tmp_path / "good.gguf"
    model.write_bytes(b"GGUF")
    source = Path(local_server.__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, source, model, tmp_path / "cache", CHILD], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while local_server._runs(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not local_server._runs(child)


def test_the_key_is_in_no_argument_and_no_variable(tmp_path: Path) -> None:
    source = Path(local_server.__file__).with_name("child.py").read_text()
    assert "sys.argv" not in source
    assert "environ" not in source


# -- states and small things -------------------------------------------------------------------------------------------


def save(states: States, key: str) -> None:
    (states.folder / states.fresh_name(key)).write_bytes(key.encode())
    states.keep(key)


def test_only_the_last_used_states_are_kept(tmp_path: Path) -> None:
    states = States(tmp_path, keep=2)
    for age, key in enumerate(["a", "b"]):
        save(states, key)
        os.utime(states.path(key), (1000 + age, 1000 + age))
    states.used("a")
    save(states, "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "a.ok", "c.bin", "c.ok"]
    assert states.usable("a")
    assert not states.usable("b")


def test_keys_differ_by_each_part_and_its_borders() -> None:
    keys = {
        state_key("a", "bc"),
        state_key("ab", "c"),
        state_key("abc"),
        state_key("a", "bc", 1),
        state_key(b"", "abc"),
    }
    assert len(keys) == 5
    assert state_key("a", 1) == state_key(b"a", "1")


@pytest.mark.parametrize(
    ("text", "found"), [("MemTotal: 9 kB\nMemAvailable:   20 kB\n", 20480), ("", None), ("MemAvailable: x kB", None)]
)
def test_free_memory(text: str, found: int | None) -> None:
    assert local_server.free_memory(text) == found


def test_too_little_memory_is_said_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "m.gguf"
    model.write_bytes(b"GGUF")
    monkeypatch.setattr(local_server, "_WORKING_MEMORY", 1 << 60)
    if sys.platform == "linux":
        with pytest.raises(ProviderError, match="not enough free memory"):
            local_server._check_memory(model)


def test_the_template_renders_calls_as_it_asks_for_them() -> None:
    template = qwen_template()
    assert template.count("```call\\n{") == 2  # how to call, and how an earlier call looks
    assert "add_generation_prompt" in template
    assert "<|im_start|>" in template


EXAMPLE_TOOLS = ("memory", "read_file", "edit_file", "search_files", "skill")


def test_examples_are_the_same_each_time_and_close_the_loop() -> None:
    for name in example_names():
        messages = examples(name, EXAMPLE_TOOLS)
        assert messages == examples(name, EXAMPLE_TOOLS)
        assert messages[-1].text
        assert len({message.id for message in messages}) == len(messages)
        assert calls_in(messages) == set(EXAMPLE_TOOLS)
        for before, after in pairwise(messages):
            called = isinstance(before, AssistantMessage) and bool(before.calls)
            assert called == isinstance(after, ToolMessage), "a call without its result, or a result without its call"
            assert not isinstance(before, ToolMessage) or isinstance(after, AssistantMessage)
    assert examples("", EXAMPLE_TOOLS) == ()


def test_examples_show_no_tool_that_is_not_offered() -> None:
    for name in example_names():
        whole = examples(name, EXAMPLE_TOOLS)
        for left_out in EXAMPLE_TOOLS:
            fewer = examples(name, [tool for tool in EXAMPLE_TOOLS if tool != left_out])
            assert calls_in(fewer) == set(EXAMPLE_TOOLS) - {left_out}
            assert all(message in whole for message in fewer) and isinstance(fewer[0], UserMessage)
        assert calls_in(examples(name, ())) == set()


def calls_in(messages: Sequence[Message]) -> set[str]:
    return {call.name for message in messages if isinstance(message, AssistantMessage) for call in message.calls}
