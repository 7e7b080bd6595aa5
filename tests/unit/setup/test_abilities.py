"""The probe: what a model does with three small requests, told plainly and charged."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import pytest

from alpi.agent.accounts import CallCost, CallPlan
from alpi.base.errors import OverBudget
from alpi.base.message import Usage
from alpi.providers.build import http_provider
from alpi.providers.catalog import custom
from alpi.providers.retry import ChainEntry
from alpi.providers.types import ModelSettings
from alpi.setup.abilities import Ability, Trial, red_square, sentence
from tests.support.fakes import FakeClock
from tests.support.model_server import ModelServer
from tests.support.scripted import ReplyLike
from tests.support.stage import in_loop

COUNT = "one, two, three, four, five, six, seven, eight, nine, ten"
CALL = {"tool_calls": [{"name": "note", "arguments": {"word": "kestrel"}}]}


class Book:
    """Accounts that only write down what happens to them."""

    def __init__(self, most: int = 99) -> None:
        self.plans: list[CallPlan] = []
        self.settled: list[tuple[str, Usage | None]] = []
        self._most = most

    def reserve(self, plan: CallPlan) -> str:
        if len(self.plans) >= self._most:
            raise OverBudget("the day is used up")
        self.plans.append(plan)
        return f"r{len(self.plans)}"

    def settle(self, reservation: str, usage: Usage | None) -> CallCost:
        self.settled.append((reservation, usage))
        return CallCost(None, "")


async def tried(
    *replies: ReplyLike, kind: str = "openai", book: Book | None = None, **settings: Any
) -> tuple[list[Ability], ModelServer]:
    async with ModelServer(replies) as server:
        provider = http_provider(custom("home", kind, server.url))  # type: ignore[arg-type]
        entry = ChainEntry(provider, "scripted", ModelSettings(**settings))
        seen = [ability async for ability in Trial(entry, FakeClock(), book).run()]
        await provider.aclose()
        return seen, server


def states(seen: list[Ability]) -> dict[str, str]:
    return {ability.name: ability.state for ability in seen}


@in_loop
async def test_a_model_that_can_do_all(kind: str) -> None:
    book = Book()
    seen, server = await tried(COUNT, CALL, "It is Red.", kind=kind, book=book)
    assert states(seen) == {"answers": "yes", "streams": "yes", "calls tools": "yes", "sees pictures": "yes"}
    assert len(server.model_calls) == 3
    assert [plan.purpose for plan in book.plans] == ["probe"] * 3
    assert book.plans[0].model == "home/scripted"
    assert [name for name, usage in book.settled] == ["r1", "r2", "r3"]
    assert all(usage is not None and usage.input for _, usage in book.settled)


@pytest.mark.parametrize(
    ("reply", "state", "words"),
    [
        (
            '<tool_call>{"name": "note", "arguments": {"word": "kestrel"}}</tool_call>',
            "yes",
            "prints its calls as text",
        ),
        ("I would call the note tool with kestrel.", "no", "answered in words"),
        ({"tool_calls": [{"name": "note", "arguments": {"word": "robin"}}]}, "unclear", "other arguments"),
        (
            {"status": 400, "body": {"error": {"message": "tools are not supported by this model"}}},
            "no",
            "tools are not supported",
        ),
    ],
)
def test_calling_a_tool(reply: Any, state: str, words: str) -> None:
    @in_loop
    async def run() -> None:
        seen, _ = await tried(COUNT, reply, "red")
        found = next(ability for ability in seen if ability.name == "calls tools")
        assert found.state == state
        assert words in found.note
        assert words in sentence(found)
        assert states(seen)["sees pictures"] == "yes", "what comes after it is tried all the same"

    run()


@in_loop
async def test_printed_calls_count_only_where_they_are_read() -> None:
    printed = '<tool_call>{"name": "note", "arguments": {"word": "kestrel"}}</tool_call>'
    seen, _ = await tried(COUNT, printed, "red", text_calls=False)
    assert states(seen)["calls tools"] == "no"


@in_loop
async def test_an_answer_in_one_piece_is_no_stream() -> None:
    seen, _ = await tried({"text": COUNT, "ignore_stream": True}, CALL, "red")
    assert states(seen)["streams"] == "no"


@pytest.mark.parametrize(
    "reply", ["It is blue.", "I cannot see pictures; a hundred things could be shown.", {"status": 400}]
)
def test_a_model_that_does_not_see(reply: Any) -> None:
    @in_loop
    async def run() -> None:
        seen, server = await tried(COUNT, CALL, reply)
        assert states(seen)["sees pictures"] == "no"
        picture = server.model_calls[2].body["messages"][-1]["content"][1]
        assert picture["image_url"]["url"].startswith("data:image/png;base64,"), "it was shown one"

    run()


@in_loop
async def test_a_model_that_does_not_answer_is_asked_once(kind: str) -> None:
    book = Book()
    seen, server = await tried({"status": 401, "body": {"error": {"message": "no"}}}, kind=kind, book=book)
    assert states(seen) == {"answers": "no"}
    assert seen[0].failure is not None and seen[0].failure.kind == "auth"
    assert len(server.model_calls) == 1
    assert book.settled == [("r1", None)], "a call without an answer is settled too"


@in_loop
async def test_a_model_that_only_thinks() -> None:
    seen, server = await tried({"text": "", "reasoning": "hm " * 40, "stop": "length"})
    assert states(seen) == {"answers": "unclear"}
    assert server.model_calls[0].body["max_tokens"] == 2048, "what it may cost is bounded"


@in_loop
async def test_a_budget_that_is_used_up_ends_it() -> None:
    with pytest.raises(OverBudget):
        await tried(COUNT, book=Book(most=1))


def test_the_picture_is_a_red_png(tmp_path: Path) -> None:
    data = base64.b64decode(red_square(2).data)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    start = data.index(b"IDAT") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big")
    assert zlib.decompress(data[start : start + length]) == (b"\0" + b"\xe0\x10\x10" * 2) * 2
