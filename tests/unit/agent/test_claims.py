from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from alpi.agent.claimrules import claims
from alpi.agent.claims import DoneCall, unbacked
from alpi.agent.claimwords import may_claim

FOLDER = Path(__file__).parent / "claims"


@dataclass(frozen=True)
class Case:
    """A reply and the calls of its turn. In the files a call is its tool's name and what it was about; ``!``: it failed."""

    lang: str
    text: str
    calls: tuple[DoneCall, ...]


def call(told: str) -> DoneCall:
    name, _, what = told.lstrip("!").partition(" ")
    arguments = {"command": what} if name == "terminal" else {"path": what}
    return DoneCall(name, json.dumps(arguments), not told.startswith("!"), "done")


def cases(name: str) -> Sequence[Case]:
    rows = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [Case(row["lang"], row["text"], tuple(map(call, row["calls"]))) for row in rows]


def test_a_backed_claim_is_never_doubted() -> None:
    found = cases("backed")
    assert len(found) == 200
    assert [(case.text, words) for case in found if (words := unbacked(case.text, case.calls))] == []


def test_nine_of_ten_unbacked_claims_are_caught() -> None:
    found = cases("unbacked")
    assert len(found) >= 100
    missed = [case.text for case in found if not unbacked(case.text, case.calls)]
    assert len(missed) <= len(found) * 0.1, missed


def test_replies_that_claim_nothing_are_left_alone() -> None:
    found = cases("harmless")
    assert len(found) >= 200
    doubted = [(case.text, words) for case in found if (words := unbacked(case.text, case.calls))]
    assert len(doubted) <= len(found) * 0.02, doubted


@pytest.mark.parametrize("name", ["backed", "unbacked", "harmless"])
def test_the_sets_are_of_several_languages_and_hold_nothing_twice(name: str) -> None:
    found = cases(name)
    assert len({case.text for case in found}) == len(found)
    share = {lang: sum(case.lang == lang for case in found) / len(found) for lang in ("en", "es", "de", "fr")}
    assert 0.4 <= share["en"] <= 0.55 and share["es"] >= 0.35 and share["de"] >= 0.04 and share["fr"] >= 0.04


def test_most_backed_replies_are_caught_without_their_calls() -> None:
    """The other way round: were the rules blind, the first test would not show it. Some of these replies claim nothing."""
    found = cases("backed")
    caught = [case for case in found if unbacked(case.text, ())]
    assert len(caught) >= 0.85 * len(found), [case.text for case in found if case not in caught]


def test_the_claiming_words_are_given_once_each_as_they_stand() -> None:
    text = "Saved! I've sent it to Ana, and I've sent it to Tom. Le he enviado una copia."
    assert unbacked(text, ()) == ("Saved", "sent", "enviado")


@pytest.mark.parametrize(
    ("calls", "left"),
    [
        ((), ("saved", "sent", "scheduled")),
        (("write_file notes.md",), ("sent", "scheduled")),
        (("memory add",), ("sent", "scheduled")),
        (("schedule add",), ("sent",)),
        (("!terminal mail", "read_file a", "search_files b"), ("saved", "sent", "scheduled")),
        (("terminal ls -la | grep x; git status",), ("saved", "sent", "scheduled")),
        (("terminal ls > list.txt",), ()),
        (("terminal cat $(make list)",), ()),
        (("terminal python anything.py",), ()),
        (("some_tool_of_an_mcp_server x",), ()),
        (("link nas",), ()),
        (("schedule add", "mail x"), ()),
    ],
)
def test_what_backs_what(calls: tuple[str, ...], left: tuple[str, ...]) -> None:
    text = "I saved the list, I sent the mail, and I scheduled the job."
    assert unbacked(text, [call(told) for told in calls]) == left


def test_arguments_that_are_no_json_back_what_they_may_have_done() -> None:
    assert unbacked("I sent it.", [DoneCall("terminal", "{broken", True, "")]) == ()


ODD = (
    "", "\n", "> I saved it", "```\nI saved it", "?" * 500, "I " * 30_000, "saved " * 9000, "he " * 9000 + "guardado", "‘" * 50_000,
    "«" * 50_000, "a/" * 25_000 + "@", "x-" * 30_000, "```\n" * 10_000, "I have saved, " * 4000, "`" * 50_001, "*_" * 25_000,
    "Dear " * 9000, " " * 50_000 + "I saved it", "\n" * 50_000,
)  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_are_read_quickly(text: str) -> None:
    import time

    start = time.perf_counter()
    unbacked(text, ())
    assert time.perf_counter() - start < 1


def test_the_quick_look_overlooks_nothing() -> None:
    for name in ("backed", "unbacked", "harmless"):
        for case in cases(name):
            assert may_claim(case.text) or not list(claims(case.text)), case.text
    assert not may_claim("The capital of Australia is Canberra, and the dentist is on Thursday.")


def test_text_of_any_kind_is_read() -> None:
    for case in (*cases("backed"), *cases("harmless")):
        for cut in range(0, len(case.text), 7):
            assert isinstance(unbacked(case.text[:cut], ()), tuple)
