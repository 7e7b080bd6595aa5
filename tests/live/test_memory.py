"""What is told in one conversation is known in the next, weeks later: on the real local model, judged by the disk and by one number."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alpi.agent import events
from alpi.agent.surface import Unattended
from alpi.agent.turn import Draft
from alpi.base.clock import SystemClock
from alpi.cli.building import build_agent
from alpi.cli.runtime import Runtime

sys.path.insert(0, str(Path(__file__).parent))
from test_scenarios import Bench

pytestmark = pytest.mark.live


class Later(SystemClock):
    """The machine's time, some weeks ahead."""

    def now(self) -> Any:
        return super().now() + timedelta(weeks=3)


def ask_later(bench: Bench, text: str) -> list[events.Event]:
    """A turn in a fresh session, as the program runs it, with the later clock."""

    async def main() -> list[events.Event]:
        runtime = Runtime(None, bench.environ)
        runtime.clock = Later()
        chain = runtime.chain()
        session = runtime.session(False, None, "ask")
        agent = build_agent(runtime, chain, session, bench.workspace)
        try:
            return [event async for event in agent.turn(session, Draft(text), Unattended("ask"))]
        finally:
            await agent.aclose()

    return asyncio.run(main())


def test_a_birthday_is_noted_and_known_three_weeks_later(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    answer = bench.ask("my partner's birthday is march 14th")
    kept = "\n".join(path.read_text(encoding="utf-8") for path in sorted((bench.home / "memory").glob("*.md")))
    assert "birthday" in kept.lower()
    assert "14" in kept
    assert len(bench.called("memory")) == 1
    [line] = (bench.home / "memory" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["action"] == "add"
    assert json.loads(line)["surface"] == "ask"
    assert answer

    seen = ask_later(bench, "When is my partner's birthday?")
    [end] = [event for event in seen if isinstance(event, events.TurnEnded)]
    assert "14" in end.text
    assert not [event for event in seen if isinstance(event, events.ToolStarted)]
    assert len(list((bench.home / "sessions").glob("*.jsonl"))) == 2


def test_ordinary_requests_are_not_noted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for text in ("hola", "What is 17 * 3?", "Write a haiku about the sea."):
        bench.ask(text)
    assert not (bench.home / "memory").exists()
