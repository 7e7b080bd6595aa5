"""session_search: hits with where they stand, a window around one, and what it says when there is nothing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from alpi.agent.prompt import schema_text
from alpi.agent.tool import spec_of
from alpi.state.search import SessionIndex
from alpi.tools.session_search import MOST_HITS, SessionSearch
from tests.support.fakes import FakeClock
from tests.support.talks import BEGIN, header, put, said
from tests.support.workbench import Workbench


def make(folder: Path, current: str = "now") -> Workbench:
    """The tool over ``folder/sessions``, 45 days after their beginning."""
    clock = FakeClock(BEGIN + timedelta(days=45))
    index = SessionIndex(folder / "sessions", folder / "index")
    return Workbench(folder, tools=(SessionSearch(lambda: index, current, clock),))


def test_a_hit_says_where_and_when(tmp_path: Path) -> None:
    put(tmp_path / "sessions", "s1", ("my partner's birthday is march 14th", "Noted."), ("thanks", "You're welcome."))
    put(tmp_path / "sessions", "now", ("when is the birthday?", "Let me look."))
    done = make(tmp_path).do("session_search", query="birthday")
    assert (done.ok, done.summary) == (True, "1 hit")
    assert done.text == (
        "1. 2026-10-01 12:00 session s1 message s1-0q (my partner's birthday is march 14th)\n"
        "   user: my partner's birthday is march 14th\n"
        "   you: Noted."
    )


def test_reading_on_around_a_hit(tmp_path: Path) -> None:
    put(tmp_path / "sessions", "s1", *[(f"question {n}", f"answer {n}") for n in range(9)], ("the cake", "chocolate"))
    bench = make(tmp_path)
    assert "message s1-4q" in bench.text("session_search", query='"question 4"')
    text = bench.text("session_search", around="1", size=1)
    assert text.startswith(
        "Session s1 (question 0)\n[3 turns before]\n\n2026-10-01 15:00 message s1-3q\nuser: question 3\n"
    )
    assert text.endswith("you: answer 5\n\n[4 turns after]")
    assert bench.text("session_search", session="s1", around="s1-4a", size=1) == text
    assert "chocolate" in bench.text("session_search", session="s1")
    for wrong in (
        {"around": "2"},
        {"around": "0"},
        {"around": "s1-4a"},
        {"session": "s2"},
        {"session": "../x"},
        {"session": "s1", "around": "no"},
    ):
        assert bench.error("session_search", **wrong)


def test_dates(tmp_path: Path) -> None:
    put(tmp_path / "sessions", "old", ("invoice one", "paid"))
    put(tmp_path / "sessions", "new", ("invoice two", "paid"), hours=40 * 24)
    bench = make(tmp_path)
    assert "invoice one" in bench.text("session_search", query="invoice", since="last month", until="last month")
    assert "invoice two" not in bench.text("session_search", query="invoice", until="2026-10")
    assert "invoice one" not in bench.text("session_search", query="invoice", since="5 days ago")
    assert bench.text("session_search", query="invoice", since="today") == (
        "Nothing found for 'invoice' in that time. Try fewer or other words."
    )
    assert "'soon' is not a date" in bench.error("session_search", query="invoice", since="soon")


def test_without_words_the_newest(tmp_path: Path) -> None:
    bench = make(tmp_path)
    assert bench.text("session_search") == "No sessions."
    for n in range(MOST_HITS + 2):
        put(tmp_path / "sessions", f"s{n}", (f"question {n}", "a"), hours=n)
    text = bench.text("session_search")
    assert text.startswith(f"1. 2026-10-01 19:00 session s{MOST_HITS + 1} ")
    assert text.endswith("[more fit; add a word, or narrow it with since and until]")


def test_what_tools_gave_is_found_and_shown_as_that(tmp_path: Path) -> None:
    put(tmp_path / "sessions", "s1").write_bytes(
        header("s1")
        + said("user", "q", "what is in the log?")
        + said("assistant", "c", "", calls=[{"id": "c", "name": "terminal", "arguments": '{"command": "tail syslog"}'}])
        + said("tool", "t", "kernel: oom\x1b[31m-killer " + "x " * 500 + "late")
        + said("assistant", "a", "It ran out of memory.")
    )
    bench = make(tmp_path)
    text = bench.text("session_search", query="killer")
    assert "tools: " in text
    assert "oom-killer" in text
    assert "tail syslog" in bench.text("session_search", around="1")
    assert "Nothing found" in bench.text("session_search", query="late")


def test_cancelling_ends_the_thread(tmp_path: Path) -> None:
    for n in range(400):
        put(tmp_path / "sessions", f"s{n}", ("question", "answer " * 200))
    bench = make(tmp_path)

    async def run() -> list[str]:
        told: list[str] = []
        loop = asyncio.get_running_loop()
        begun = asyncio.Event()

        def progress(text: str) -> None:
            told.append(text)
            loop.call_soon(begun.set)

        task = asyncio.create_task(bench.start("session_search", progress, query="answer"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return told

    assert asyncio.run(run())[0] == "indexing sessions: 0 of 400\n"
    assert bench.text("session_search", query="answer").count("session s") == MOST_HITS


def test_its_schema_is_small(tmp_path: Path) -> None:
    assert (
        len(schema_text(spec_of(SessionSearch(lambda: SessionIndex(tmp_path, tmp_path), "", FakeClock())))) / 4 <= 170
    )
