"""Five tasks on the real local model, through the real command. Judged by what happened on the disk, not by prose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live

ALPI = Path(sys.executable).with_name("alpi")
MODEL = "local/qwen2.5-coder-1.5b"


class Bench:
    """A throwaway profile on the local model, with a small workspace."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.environ = {**os.environ, "ALPI_HOME": str(self.home)}
        self.environ.pop("ALPI_PROFILE", None)
        self.alpi("config", "set", "model", MODEL)
        self.alpi("config", "set", "workspace", str(self.workspace))

    def alpi(self, *words: str) -> str:
        done = subprocess.run(
            [ALPI, *words], env=self.environ, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"alpi {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def write(self, name: str, text: str) -> Path:
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def ask(self, text: str, *options: str) -> str:
        """Ask, and give the final answer."""
        events = [json.loads(line) for line in self.alpi("ask", "--json", *options, text).splitlines()]
        return str(next(event["text"] for event in events if event["type"] == "turn_ended"))

    def records(self) -> list[dict[str, Any]]:
        """All messages of the newest session, as they are on the disk."""
        newest = max((self.home / "sessions").glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        lines = [json.loads(line) for line in newest.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if line["record"] == "message"]

    def called(self, name: str) -> list[dict[str, Any]]:
        """The arguments of the calls of one tool that succeeded."""
        calls = {c["id"]: c for m in self.records() for c in m.get("calls", ()) if c["name"] == name}
        done = [m["call_id"] for m in self.records() if m["role"] == "tool" and m.get("ok", True)]
        return [json.loads(calls[id]["arguments"]) for id in done if id in calls]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_reads_the_file_that_is_named(bench: Bench) -> None:
    bench.write("trips/lisbon.md", "# Lisbon\n\nFlight TP 1047, departs 07:25, seat 14C.\nHotel: Casa do Largo.\n")
    answer = bench.ask("Read trips/lisbon.md: when does the flight depart?")
    assert [call["path"] for call in bench.called("read_file")] == ["trips/lisbon.md"]
    assert any(m["role"] == "tool" and "07:25" in m["text"] for m in bench.records())
    assert "7:25" in answer


def test_finds_a_word_in_many_files(bench: Bench) -> None:
    for month in ("january", "february", "march", "april"):
        bench.write(f"diary/{month}.md", f"# {month}\n\nNothing much happened in {month}.\n")
    bench.write("diary/march.md", "# march\n\nThe plumber comes on Monday.\n")
    answer = bench.ask("Which file mentions the plumber?")
    assert bench.called("search_files")
    assert any(m["role"] == "tool" and "diary/march.md" in m["text"] for m in bench.records())
    assert "march" in answer


def test_writes_a_new_file(bench: Bench) -> None:
    bench.ask("Create the file shopping.txt with the lines: milk, bread, apples.")
    assert bench.called("write_file")
    text = (bench.workspace / "shopping.txt").read_text(encoding="utf-8").lower()
    assert "milk" in text and "bread" in text and "apples" in text


def test_changes_one_place_and_nothing_else(bench: Bench) -> None:
    path = bench.write("server.ini", "[server]\nhost = example.test\nport = 8080\n\n[log]\nlevel = info\n")
    bench.ask("In server.ini change the port from 8080 to 9090.")
    assert path.read_text(encoding="utf-8") == "[server]\nhost = example.test\nport = 9090\n\n[log]\nlevel = info\n"


def test_goes_on_with_a_conversation_and_asks_no_tool_for_what_needs_none(bench: Bench) -> None:
    first = bench.ask("What is the capital of France? Answer in one word.")
    assert "paris" in first.lower()
    bench.ask("And of Spain?", "-c")
    messages = bench.records()
    assert [m["role"] for m in messages] == ["user", "assistant", "user", "assistant"]
    assert "madrid" in messages[-1]["text"].lower()
