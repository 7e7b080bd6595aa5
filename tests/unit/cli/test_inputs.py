"""The input history: kept across processes, bounded, without secrets, and never in the way."""

from __future__ import annotations

from pathlib import Path

from alpi.base.redact import Redactor
from alpi.cli.inputs import KEPT, MOST, InputHistory


def history(folder: Path, redact: object = str) -> InputHistory:
    return InputHistory(folder / "input.jsonl", folder / "input.lock", redact)  # type: ignore[arg-type]


def test_lines_come_back_oldest_first(tmp_path: Path) -> None:
    history(tmp_path).add("one")
    history(tmp_path).add("two\nlines")
    assert history(tmp_path).lines() == ["one", "two\nlines"]
    assert (tmp_path / "input.jsonl").stat().st_mode & 0o777 == 0o600


def test_the_same_line_in_a_row_is_kept_once(tmp_path: Path) -> None:
    kept = history(tmp_path)
    for text in ("a", "a", "b", "a"):
        kept.add(text)
    assert kept.lines() == ["a", "b", "a"]


def test_secrets_are_not_kept(tmp_path: Path) -> None:
    secret = "sk-canary-0123456789abcdef"
    history(tmp_path, Redactor({"KEY": secret})).add(f"my key is {secret}")
    assert secret not in (tmp_path / "input.jsonl").read_text()


def test_it_stays_bounded(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_text("".join(f'{{"text":"{n}"}}\n' for n in range(MOST)))
    history(tmp_path).add("new")
    assert len(path.read_text().splitlines()) == KEPT + 1
    assert history(tmp_path).lines()[-2:] == [str(MOST - 1), "new"]


def test_a_history_that_cannot_be_written_is_empty(tmp_path: Path) -> None:
    (tmp_path / "input.jsonl").mkdir()
    kept = history(tmp_path)
    kept.add("x")
    assert kept.lines() == []


def test_broken_lines_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "input.jsonl").write_text('{"text":"a"}\nnonsense\n{"text":3}\n{"text":"b"}\n')
    assert history(tmp_path).lines() == ["a", "b"]
