from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alpi.cli.accounts import ProfileAccounts
from alpi.cli.cost import View, bar_of, gather, render, short
from alpi.providers.catalog import preset
from alpi.providers.prices import PriceBook
from alpi.state.budget import Cap
from alpi.state.ledger import Ledger
from alpi.tui.terminal import Style
from tests.support.fakes import FakeClock
from tests.support.program import Home

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TODAY = NOW.date()


def line(id: str, at: datetime, **more: Any) -> str:
    told = {
        "record": "call",
        "id": id,
        "time": at.isoformat(),
        "model": "openai/gpt-5.2",
        "surface": "ask",
        "asker": "person",
    }
    return json.dumps({**told, "session": "s", "input": 1000, "output": 100, **more}) + "\n"


LINES = (
    line("a", NOW - timedelta(hours=1), usd=0.5, cached=600)
    + line("b", NOW - timedelta(hours=2), usd=0.25, surface="chat")
    + line("c", NOW - timedelta(hours=3), model="home/scripted", asker="nas")
    + line("d", NOW - timedelta(days=1), usd=1.0)
    + line("e", NOW - timedelta(days=3), usd=0.0, model="ollama/qwen3")
    + line("f", NOW - timedelta(days=40), usd=9.0)
)
DEAD = json.dumps(
    {
        "record": "reserve", "id": "z", "time": NOW.isoformat(), "model": "openai/gpt-5.2", "tokens": 5000, "usd": 0.2,
        "pid": 2**30, "born": "1",
    }
)  # fmt: skip


def accounts(folder: Path, lines: str = LINES, caps: tuple[Cap, ...] = ()) -> ProfileAccounts:
    (folder / "ledger.jsonl").write_text(lines)
    clock = FakeClock(NOW)

    def described(name: str):  # type: ignore[no-untyped-def]
        return preset(name)

    ledger = Ledger(folder / "ledger.jsonl", clock, str, UTC)
    return ProfileAccounts(ledger, PriceBook(folder / "prices.json", {}, described), caps, clock, lambda text: None)


def shown(view: View, width: int = 80, plain: bool = False) -> str:
    return "\n".join(render(view, NOW, width, plain, Style(False)))


def test_today_by_model(tmp_path: Path) -> None:
    view = gather(accounts(tmp_path), TODAY, TODAY, TODAY, None)
    rows = shown(view).split("\n")
    assert rows[:2] == ["Monday, 23 November 2026", "0.75 USD and more · 3,300 tokens · 20% cached · 3 calls"]
    assert rows[4].split() == ["openai/gpt-5.2", rows[4].split()[1], "0.75", "2200", "30%"]
    assert set(rows[4].split()[1]) == {"█"}
    assert rows[5].split() == ["home/scripted", "unknown", "1100"]


def test_days_stand_in_order_and_empty_ones_too(tmp_path: Path) -> None:
    view = gather(accounts(tmp_path), TODAY - timedelta(days=4), TODAY, TODAY, None)
    assert list(view.groups) == ["2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]
    assert [found.usd for found in view.groups.values()] == [0.0, 0.0, 0.0, 1.0, 0.75]
    text = shown(view)
    assert "Thu 19 Nov" in text and "19 November to 23 November 2026" in text


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("surface", {"ask": 0.5, "chat": 0.25}),
        ("asker", {"person": 0.75, "nas": None}),
        ("model", {"openai/gpt-5.2": 0.75, "home/scripted": None}),
        ("day", {"2026-11-23": 0.75}),
    ],
)
def test_groups(tmp_path: Path, by: str, expected: dict[str, float | None]) -> None:
    view = gather(accounts(tmp_path), TODAY, TODAY, TODAY, by)
    assert {name: found.usd for name, found in view.groups.items()} == expected


@pytest.mark.parametrize("width", [40, 52, 64, 80, 120, 200])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("by", ["model", "day", "asker"])
def test_it_fits_the_terminal(tmp_path: Path, width: int, plain: bool, by: str) -> None:
    long = line("g", NOW, usd=12345.678, input=999_999_999, model="openrouter/" + "a-very-long-name-" * 6)
    caps = (Cap(usd=2.0, hint="x"), Cap(tokens=1_000_000))
    view = gather(accounts(tmp_path, LINES + long + DEAD + "\n", caps), TODAY - timedelta(days=3), TODAY, TODAY, by)
    text = shown(view, width, plain)
    # A word of a command that is to be copied is never broken.
    over = [row for row in text.split("\n") if len(row) > width and len(max(row.split(), key=len)) < width - 2]
    assert over == []
    if plain:
        assert text.isascii()


def test_the_budget_is_shown_with_what_is_left_and_when_it_resets(tmp_path: Path) -> None:
    view = gather(accounts(tmp_path, caps=(Cap(usd=1.0), Cap(tokens=3000))), TODAY, TODAY, TODAY, None)
    text = shown(view, 120)
    assert "0.75 of 1.00 USD used today, 0.25 left; it starts afresh at 00:00 (in 14 hours)" in text
    assert "3,300 of 3,000 tokens used today, 0 left" in text
    assert (
        gather(
            accounts(tmp_path, caps=(Cap(usd=1.0),)), TODAY - timedelta(days=9), TODAY - timedelta(days=1), TODAY, None
        ).budgets
        == ()
    )


def test_calls_that_were_cut_off_are_said(tmp_path: Path) -> None:
    view = gather(accounts(tmp_path, LINES + DEAD + "\n"), TODAY, TODAY, TODAY, None)
    assert "1 call was cut off when the program ended; at most 5,000 tokens, 0.20 USD." in shown(view, 200)


def test_nothing_used_is_said(tmp_path: Path) -> None:
    assert "No model was called." in shown(gather(accounts(tmp_path, ""), TODAY, TODAY, TODAY, None))


def test_only_free_calls_are_drawn_by_their_tokens(tmp_path: Path) -> None:
    day = TODAY - timedelta(days=3)
    text = shown(gather(accounts(tmp_path), day, day, TODAY, None))
    assert "0.00 USD · 1,100 tokens" in text and "█" in text


@pytest.mark.parametrize(
    ("share", "width", "drawn"),
    [(0, 8, ""), (1, 4, "████"), (0.5, 4, "██"), (0.0001, 4, "▏"), (0.53, 4, "██▏"), (0.99, 2, "██")],
)
def test_bars(share: float, width: int, drawn: str) -> None:
    assert bar_of(share, width, plain=False) == drawn
    assert set(bar_of(share, width, plain=True)) <= {"#"}
    assert bool(bar_of(share, width, plain=True)) == bool(share)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9999, "9999"), (10_400, "10k"), (999_499, "999k"), (999_500, "1.0M"), (99_950_000, "100M")],
)
def test_counts_are_short(count: int, text: str) -> None:
    assert short(count) == text


def test_the_command(home: Home) -> None:
    path = home.configure("http://127.0.0.1:9", more="timezone: UTC\nbudget: {usd_per_day: 5}\n")
    now = datetime.now(UTC)
    (path.parent / "ledger.jsonl").write_text(
        line("a", now, usd=0.5) + line("b", now - timedelta(days=2), usd=0.25)
        + json.dumps({**json.loads(DEAD), "time": now.isoformat()}) + "\n"
    )  # fmt: skip
    told = home.call("cost")
    assert told.code == 0 and "0.50 USD" in told.out and "\x1b" not in told.out, told
    found = json.loads(home.call("cost", "--json", "--days", "3").out)
    assert (found["by"], found["total"]["usd"], found["total"]["calls"], found["cut_off"]) == ("day", 0.75, 2, 1)
    assert found["budgets"][0]["used_usd"] == 0.7
    assert home.call("cost", "--plain").out.isascii()
    day = date.isoformat((now - timedelta(days=2)).date())
    assert json.loads(home.call("cost", day, "--json").out)["total"]["usd"] == 0.25
    assert "taken back: 5,000 tokens" in home.call("cost", "--release").out
    assert "nothing was set aside" in home.call("cost", "--release").out
    assert json.loads(home.call("cost", "--json").out)["budgets"][0]["used_usd"] == 0.5


@pytest.mark.parametrize(
    "argv",
    [["--days", "0"], ["--days", "99999"], ["yesterday"], ["2026-11-02", "2026-11-01"], ["2026-11-01"] * 3, ["--days", "2", "2026-11-01"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_understood(home: Home, argv: list[str]) -> None:
    home.configure("http://127.0.0.1:9")
    assert home.call("cost", *argv).code == 2


def test_a_profile_without_a_ledger(home: Home) -> None:
    home.configure("http://127.0.0.1:9")
    told = home.call("cost")
    assert told.code == 0 and "No model was called." in told.out
