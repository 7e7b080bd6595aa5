"""What keeping an eye on the window costs: the accounting before each model call beside writing the request down, and loading a
session that was summed up beside loading it without."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from alpi.agent.calls import ModelCalls
from alpi.agent.context import ContextRules
from alpi.agent.dispatch import Toolbox
from alpi.agent.history import History
from alpi.agent.outputs import OutputStore
from alpi.agent.parts import Parts
from alpi.agent.prompt import PromptBuilder
from alpi.agent.surface import Unattended
from alpi.base.clock import SystemClock
from alpi.base.message import AssistantMessage, Summary, ToolCall, ToolMessage, Usage, UserMessage
from alpi.providers.openai_wire import OpenAIWire
from alpi.providers.retry import ChainEntry, ModelChain
from alpi.providers.textcalls import TextCalls
from alpi.providers.types import ModelSettings, ProviderEvent, Request
from alpi.safety.paths import PathGuard
from alpi.state.sessions import Session, SessionStore, new_id, well_formed
from tests.support.fakes import make_gate

from .measure import Row, Runs, ratio

ROUNDS = 40
TURNS = 500
ACCOUNTING_AIM_MS = 25.0
LOADING_AIM = 1.1
TEXT = "The bees flew over the meadow, and 412 of them came home: {'hive': 7}. " * 6


class Silent:
    """A provider that is never asked."""

    name = "here"

    async def stream(self, request: Request) -> AsyncIterator[ProviderEvent]:
        raise NotImplementedError
        yield

    async def models(self) -> list[str]:
        return []

    async def prepare(self, request: Request) -> None: ...

    async def aclose(self) -> None: ...


def fill(session: Session, turns: int) -> None:
    """Turns of four messages: a request, a call, its result, an answer."""
    clock = SystemClock()
    session.begin_turn()
    for number in range(turns):
        call = ToolCall(f"c{number}", "read_file", json.dumps({"path": f"notes/{number}.md"}))
        session.append(UserMessage(new_id(), clock.now(), f"Question {number}: {TEXT}", "[Now]", "bench"))
        session.append(AssistantMessage(new_id(), clock.now(), "", (call,), model="here/x", usage=Usage(1, 0, 0, 1)))
        session.append(ToolMessage(new_id(), clock.now(), call.id, call.name, TEXT))
        session.append(AssistantMessage(new_id(), clock.now(), TEXT, model="here/x", usage=Usage(1, 0, 0, 1)))
    session.end_turn()


def history(session: Session, folder: Path) -> tuple[History, Parts]:
    """What a turn keeps an eye on the window with, for a model whose window holds the whole conversation."""
    clock = SystemClock()
    chain = ModelChain(
        [ChainEntry(Silent(), "x", ModelSettings(context_window=1_000_000))], clock=clock, random=lambda: 0.5
    )
    gate = make_gate(PathGuard(folder, folder, folder, folder))
    parts = Parts(
        model=chain,
        toolbox=Toolbox({}, gate, folder, OutputStore(session.files, str, 16_000), clock, 16_000),
        prompt=PromptBuilder(()),
        clock=clock,
        new_id=new_id,
        steps=50,
        textcalls=lambda offered: TextCalls(offered, new_id),
        examples=lambda name, tools: (),
        well_formed=lambda messages: well_formed(messages, clock.now()),
        context=ContextRules(),
    )
    return History(parts, session, ModelCalls(parts, session.id, Unattended("bench")), lambda event: None), parts


def run() -> list[Row]:
    """Both comparisons, their sides in turn."""
    import asyncio

    accounting, first, encoding, with_summaries, without = Runs(), Runs(), Runs(), Runs(), Runs()
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        folder = Path(name)
        store = SessionStore(folder / "sessions", SystemClock(), str)
        plain, summed = store.create("bench"), store.create("bench")
        for session in (plain, summed):
            fill(session, TURNS)
        for number in range(1, 6):
            covers = summed.messages[len(summed.messages) * number // 6]
            summed.append_summary(Summary(new_id(), SystemClock().now(), covers.id, TEXT * 4, 80))
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            store.open(plain.id).active()
            middle = time.perf_counter()
            store.open(summed.id).active()
            with_summaries.seconds.append(time.perf_counter() - middle)
            without.seconds.append(middle - begin)
        kept, parts = history(plain, folder)
        entry, loop = parts.model.entries[0], asyncio.new_event_loop()
        loop.run_until_complete(kept.make_room())
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            loop.run_until_complete(kept.make_room())
            messages = kept.messages_for(entry)
            middle = time.perf_counter()
            OpenAIWire().encode(parts.request(entry, messages))
            encoding.seconds.append(time.perf_counter() - middle)
            accounting.seconds.append(middle - begin)
            kept, parts = history(plain, folder)
            begin = time.perf_counter()
            loop.run_until_complete(kept.make_room())
            kept.messages_for(entry)
            first.seconds.append(time.perf_counter() - begin)
        loop.close()

    def shown(runs: Runs) -> str:
        return f"{runs.median * 1000:.1f} ms (best {runs.best * 1000:.1f})"

    note = f"{4 * TURNS} messages; noise {{:.0%}}, {ROUNDS} runs"
    return [
        Row(
            "watching the window, before a turn's first call",
            shown(first),
            f"encoding {shown(encoding)}",
            first.median * 1000,
            ACCOUNTING_AIM_MS,
            " ms",
            note.format(first.noise),
        ),
        Row(
            "the same before its later calls",
            shown(accounting),
            f"encoding {shown(encoding)}",
            accounting.median * 1000,
            ACCOUNTING_AIM_MS,
            " ms",
        ),
        Row(
            "a session with 5 summaries to one without",
            shown(with_summaries),
            shown(without),
            ratio(with_summaries, without),
            LOADING_AIM,
            "x",
            note.format(without.noise),
        ),
    ]
