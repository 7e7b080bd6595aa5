"""Budgets with the real program: what is over budget is not asked, says until when, and two processes at once never go over together."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.model_server import Reply, running
from tests.support.program import Home

pytestmark = pytest.mark.e2e

USAGE = {"input": 3000, "output": 200}


def ledger(home: Home) -> list[dict[str, object]]:
    path = home.alpi / "ledger.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_over_budget_nothing_is_asked_and_it_says_until_when(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with running([Reply(text="one", usage=USAGE), Reply(text="two", usage=USAGE)]) as server:
        home.configure(server.url, more="timezone: Europe/Madrid\nbudget: {tokens_per_day: 8000}\n")
        assert home.run("ask", "hi").code == 0
        calls = len(server.model_calls)
        refused = home.run("ask", "again")
        assert refused.code == 4, refused
        assert len(server.model_calls) == calls
    assert "3,200 is used or set aside" in refused.err
    assert re.search(r"starts afresh at 00:00 \(in \d+ (hours|minutes?)\)", refused.err)
    assert [line["record"] for line in ledger(home)] == ["reserve", "call"]
    told = home.run("cost")
    assert "3,200 of 8,000 tokens used today, 4,800 left" in " ".join(told.out.split())


def test_a_budget_in_usd_with_a_price_of_ones_own(tmp_path: Path) -> None:
    home = Home(tmp_path)
    price = "models: {home/scripted: {price: {input: 100, output: 1000}}}\nbudget: {usd_per_day: 10}\n"
    with running([Reply(text="one", usage=USAGE), Reply(text="two", usage=USAGE)]) as server:
        home.configure(server.url, more=price)
        assert home.run("ask", "hi").code == 0
        assert json.loads(home.run("cost", "--json").out)["total"]["usd"] == 0.5
        home.configure(server.url, more=price.replace("usd_per_day: 10", "usd_per_day: 0.4"))
        refused = home.run("ask", "again")
        assert refused.code == 4
        assert "0.50 is used or set aside" in refused.err


def test_the_tool_calls_of_one_turn_stop_at_the_budget_too(tmp_path: Path) -> None:
    home = Home(tmp_path)
    step = Reply(tool_calls=[{"name": "search_files", "arguments": {"query": "x"}}], usage=USAGE)
    with running([step] * 10) as server:
        home.configure(server.url, more="budget: {tokens_per_day: 14000}\n")
        done = home.run("ask", "go on and on")
        assert done.code == 4, done
        assert 1 <= len(server.model_calls) < 5
    used = sum(int(str(line.get("input", 0))) + int(str(line.get("output", 0))) for line in ledger(home))
    assert 0 < used <= 14000


def test_many_at_once_never_go_over_together(tmp_path: Path) -> None:
    """Eight programs ask at the same moment; the budget has room for some of them."""
    home = Home(tmp_path)
    with running([Reply(text="ok", usage=USAGE, delay=0.5) for _ in range(8)]) as server:
        home.configure(server.url, more="budget: {tokens_per_day: 20000}\n")
        children = [home.start("ask", "hi") for _ in range(8)]
        codes = []
        for child in children:
            _, said = child.communicate(timeout=60)
            codes.append(child.returncode)
            assert child.returncode == 0 or b"starts afresh" in said, said
        answered = len(server.model_calls)
    assert set(codes) == {0, 4} and codes.count(0) == answered
    used, held = 0, {}
    for line in ledger(home):
        if line["record"] == "reserve":
            held[line["id"]] = int(str(line["tokens"]))
            assert used + sum(held.values()) <= 20000
        else:
            del held[line["id"]]
            used += int(str(line["input"])) + int(str(line["output"]))
    assert not held and used == answered * 3200


def test_a_killed_program_leaves_what_it_had_set_aside_until_it_is_released(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with running([Reply(text="never", delay=30)]) as server:
        home.configure(server.url, more="budget: {tokens_per_day: 8000}\n")
        child: subprocess.Popen[bytes] = home.start("ask", "hi")
        for _ in range(200):
            if server.model_calls:
                break
            time.sleep(0.05)
        assert server.model_calls
        child.kill()
        child.communicate()
    assert "1 call was cut off" in " ".join(home.run("cost").out.split())
    assert "taken back" in home.run("cost", "--release").out
    assert json.loads(home.run("cost", "--json").out)["budgets"][0]["used_tokens"] == 0
