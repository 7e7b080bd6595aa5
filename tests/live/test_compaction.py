"""A long conversation and an old one, on the real local model: after a compaction the goal is still known, and what was said ten sessions
ago is found. Judged by events, the disk and single words."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alpi.agent import events
from alpi.agent.surface import Unattended
from alpi.agent.turn import Draft
from alpi.base.clock import SystemClock
from alpi.base.message import AssistantMessage, UserMessage
from alpi.cli.building import build_agent
from alpi.cli.runtime import Runtime
from alpi.state.sessions import SessionStore, new_id

sys.path.insert(0, str(Path(__file__).parent))
from test_scenarios import MODEL, Bench

pytestmark = pytest.mark.live

GOAL = "We plan the birthday of my daughter Nora: a dinosaur party on June 14. Always write prices in euros. Say OK."
NOTES = (
    "The garden has room for twelve children and two long tables; my brother Karl lends us a tent in case of rain.",
    "The cake comes from the bakery Krume: chocolate with green icing, 38 euros, to be fetched on Saturday at 9:30.",
    "Ben is allergic to nuts, so there must be none at all, neither in the cake nor in the snacks.",
    "We decided against balloons because of the dog, and for paper fossils that the children dig out of a sandbox.",
    "The invitations are green and yellow; the neighbours get one too, so that nobody complains about the noise.",
    "Ada, Carla and Dario come by bus and are fetched at the stop; all others are brought by their parents.",
    "At four o'clock there is a treasure hunt through the park, with a map that Karl draws and ten small prizes.",
)
WINDOW = 4608


def alpi(bench: Bench, texts: list[str]) -> tuple[list[list[events.Event]], Any]:
    """Turns of one conversation, as the program runs them, in one process. Gives their events, and the session."""

    async def main() -> tuple[list[list[events.Event]], Any]:
        runtime = Runtime(None, bench.environ)
        session = runtime.session(False, None, "ask")
        agent = build_agent(runtime, runtime.chain(), session, bench.workspace)
        try:
            return [[e async for e in agent.turn(session, Draft(text), Unattended("ask"))] for text in texts], session
        finally:
            await agent.aclose()

    return asyncio.run(main())


def said(turn: list[events.Event]) -> str:
    end = turn[-1]
    assert isinstance(end, events.TurnEnded)
    return end.text


def test_thirty_turns_are_compacted_and_the_goal_is_still_known(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.alpi("config", "set", f"models.{MODEL}.context_window", str(WINDOW))
    bench.alpi("config", "set", f"models.{MODEL}.max_output_tokens", "300")
    notes = [f"{NOTES[n % len(NOTES)]} This is note {n + 1}. Answer with the one word: noted." for n in range(28)]
    turns, session = alpi(bench, [GOAL, *notes, "For whom is the party that we plan, and what is its theme?"])
    compacted = [event for turn in turns for event in turn if isinstance(event, events.Compacted)]
    assert compacted
    assert all(event.after < event.before for event in compacted)
    used = [event for turn in turns for event in turn if isinstance(event, events.ContextUsed)]
    assert len(used) >= 30
    assert all(0 < event.tokens <= WINDOW and not event.estimated for event in used)
    assert [turn[-1].stop for turn in turns] == ["end"] * 30  # type: ignore[union-attr]
    answer = said(turns[-1]).lower()
    assert "nora" in answer
    assert "dinosaur" in answer
    assert GOAL in session.active()[0].text
    assert session.messages[0].text == GOAL, "the original is not on the disk any more"
    assert len(session.active()) < len(session.messages)


def test_what_was_said_ten_sessions_ago_is_found(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.alpi("config", "set", f"models.{MODEL}.tools", "[session_search]")
    for number in range(11):
        clock = Past(days=30 - number)
        session = SessionStore(bench.home / "sessions", clock, str).create("chat")
        session.begin_turn()
        about = (
            "The engine number of my boat is KX-4471." if number == 0 else f"Write two lines about the month {number}."
        )
        session.append(UserMessage(new_id(), clock.now(), about, surface="chat"))
        session.append(AssistantMessage(new_id(), clock.now(), "Noted." if number == 0 else "The month goes by."))
        session.end_turn()
    turns, _ = alpi(
        bench,
        ['Use session_search with the query "boat engine number" and no other argument. Then tell me the number.'],
    )
    results = [event for event in turns[0] if isinstance(event, events.ToolFinished)]
    assert any(event.name == "session_search" and event.ok and "KX-4471" in event.output for event in results), results
    assert "4471" in said(turns[0])


class Past(SystemClock):
    """The machine's time, some days back."""

    def __init__(self, days: int) -> None:
        super().__init__(UTC)
        self._back = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() - self._back
