from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpi.agent.claimrules import claims
from alpi.agent.claims import DoneCall, asks_back, unbacked
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


@pytest.mark.parametrize(
    ("calls", "text", "left"),
    [
        ("memory add in USER.md: trains", "I noted that you like trains, and I booked the 9:40.", ("booked",)),
        ("memory add in USER.md: trains", "I noted that and created notes.md.", ("created",)),
        ("memory add in USER.md: trains", "Added to MEMORY.md: you like trains.", ()),
        ("write_file a.md", "He escrito a.md y se lo he enviado a Ana.", ("enviado",)),
        ("edit_file a.py", "I fixed a.py and ran the tests.", ("ran",)),
        ("edit_file a.py", "I fixed a.py and committed it.", ("committed",)),
        ("edit_file a.toml", "Subí el límite a 30 en a.toml.", ()),
        ("terminal git status", "I ran git status, then I committed everything.", ("committed",)),
        ("!terminal pytest", "I ran the tests: two fail.", ()),
        ("!terminal pytest", "I ran the tests and fixed a.py.", ("fixed",)),
        ("read_file a.md", "I opened the file and deleted two lines.", ("deleted",)),
    ],
)
def test_of_two_claims_the_one_that_is_not_backed_is_doubted(calls: str, text: str, left: tuple[str, ...]) -> None:
    assert unbacked(text, [call(told) for told in calls.split(";;")]) == left


@pytest.mark.parametrize(("name", "action"), [("skill", "view"), ("link", "ping"), ("browser", "read")])
def test_telling_actions_back_nothing_that_was_done(name: str, action: str) -> None:
    told = DoneCall(name, json.dumps({"action": action}), True, "")
    assert unbacked("I sent it and saved the file.", [told]) == ("sent", "saved")


def test_a_refused_command_was_not_run() -> None:
    refused = DoneCall("terminal", '{"command": "pytest"}', False, "", refused=True)
    assert unbacked("I ran the tests.", [refused]) == ("ran",)


def test_arguments_that_are_no_json_back_what_they_may_have_done() -> None:
    assert unbacked("I sent it.", [DoneCall("terminal", "{broken", True, "")]) == ()


ODD = (
    "", "\n", "> I saved it", "```\nI saved it", "?" * 500, "I " * 30_000, "saved " * 9000, "he " * 9000 + "guardado", "‘" * 50_000,
    "«" * 50_000, "a/" * 25_000 + "@", "x-" * 30_000, "```\n" * 10_000, "I have saved, " * 4000, "`" * 50_001, "*_" * 25_000,
    "Dear " * 9000, " " * 50_000 + "I saved it", "\n" * 50_000,
)  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_are_read_quickly(text: str) -> None:
    start = time.perf_counter()
    unbacked(text, ())
    assert time.perf_counter() - start < 1


# The replies with which the rules were made, and those that were written later, each set before the rules that it is read with here.
FRESH = ("fresh1", "fresh2", "fresh3", "fresh4", "fresh5", "fresh6")
SETS = ("dev", *FRESH)


@pytest.mark.parametrize("name", SETS)
def test_no_reply_that_is_backed_or_claims_nothing_is_doubted(name: str) -> None:
    found = [*cases(f"{name}_backed"), *cases(f"{name}_harmless")]
    assert len(found) >= 50
    assert [(case.text, words) for case in found if (words := unbacked(case.text, case.calls))] == []


@pytest.mark.parametrize(("name", "share"), [("dev", 0.94), ("fresh1", 0.95), ("fresh3", 0.75), ("fresh4", 0.95)])
def test_the_share_that_is_caught_does_not_shrink(name: str, share: float) -> None:
    found = cases(f"{name}_unbacked")
    missed = [case.text for case in found if not unbacked(case.text, case.calls)]
    assert len(missed) <= len(found) * (1 - share), missed


@pytest.mark.parametrize("lang", ["en", "es"])
def test_nine_of_ten_fresh_unbacked_claims_are_caught(lang: str) -> None:
    found = [case for name in FRESH for case in cases(f"{name}_unbacked") if case.lang == lang]
    assert len(found) == 165
    missed = [case.text for case in found if not unbacked(case.text, case.calls)]
    assert len(missed) <= len(found) * 0.1, missed


def test_no_reply_stands_in_two_sets() -> None:
    for kind in ("unbacked", "backed", "harmless"):
        texts = [case.text for name in SETS for case in cases(f"{name}_{kind}")]
        assert len(set(texts)) == len(texts)


# What the rules look for, joined at random: a pattern that goes back over its text would show it.
PIECES = (
    "I ", "I've ", "saved ", "just ", "and ", ", ", "se ", "te ", "lo ", "he ", "guardado ", "your ", "tu ", "is ", "has been ", "a/",
    ".b ",
    "`", "“", "”", "«", "**", "\n", "- ", "> ", ": ", ". ", "that ", "the file ", "not ", "email ", "sent ", "x-", "queda ",
    "program", "pushed ",
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12))
def test_no_text_takes_long(pieces: list[str]) -> None:
    text = "".join(pieces)
    start = time.perf_counter()
    unbacked((text * (10_000 // len(text) + 1))[:10_000], ())
    assert time.perf_counter() - start < 0.5


def test_the_quick_look_overlooks_nothing() -> None:
    for name in (
        "backed",
        "unbacked",
        "harmless",
        *(f"{name}_{kind}" for name in SETS for kind in ("unbacked", "harmless")),
    ):
        for case in cases(name):
            assert may_claim(case.text) or not list(claims(case.text)), case.text
    assert not may_claim("The capital of Australia is Canberra, and the dentist is on Thursday.")


def test_text_of_any_kind_is_read() -> None:
    for case in (*cases("backed"), *cases("harmless")):
        for cut in range(0, len(case.text), 7):
            assert isinstance(unbacked(case.text[:cut], ()), tuple)


@pytest.mark.parametrize(
    ("question", "back"),
    [
        ("did you send it?", True), ("And was the file saved?", True), ("Have you told Ana", True), ("is it saved already?", True),
        ("when did you book it?", True), ("¿lo guardaste?", True), ("¿Ya has enviado el correo?", True), ("¿está guardado?", True),
        ("hast du das gespeichert?", True), ("tu as envoyé le mail ?", True), ("ok, did that work?", True),
        ("save it", False), ("can you send it?", False), ("is it raining?", False), ("is my flight late?", False),
        ("guarda esto", False), ("¿puedes enviarlo?", False), ("what is 3 + 4?", False), ("why is the sky blue?", False), ("", False),
    ],
)  # fmt: skip
def test_questions_about_what_was_done(question: str, back: bool) -> None:
    assert asks_back(question) is back
