"""A peer's ask as a turn of the agent: threads, stopping, caps, settings that change, models that are let go."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from alpi.alp.core.methods import AskParams, AskResult, OverCap
from alpi.alp.core.peers import DayBudget, Peer
from alpi.alp.io.handler import AskRefused, CapReached
from alpi.base.errors import AlpiError, ConfigError
from alpi.cli.answering import PeerAnswering
from tests.support.link_nodes import until
from tests.support.links import identity, peer
from tests.support.model_server import ModelServer, Reply, running
from tests.support.program import Home
from tests.support.stage import in_loop

NAS, DESK = peer(identity(7), "nas"), peer(identity(8), "desk")
OUTSIDE = Reply(tool_calls=[{"name": "write_file", "arguments": {"path": "../a.txt", "content": "hello\n"}}])


class Stream:
    """The way back to a caller that keeps what it is sent."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.sessions: list[str] = []
        self.said = ""

    async def begin(self, session_id: str) -> None:
        self.sessions.append(session_id)

    async def text(self, delta: str) -> None:
        self.said += delta


class Desk:
    """A profile that answers, with the lines that its log got."""

    def __init__(self, home: Home, idle_seconds: float = 600.0) -> None:
        self.lines: list[str] = []
        self.answering = PeerAnswering("default", home.environ, self.lines.append, idle_seconds)

    async def ask(self, by: Peer, prompt: str, stream: Stream | None = None, tokens: int | None = None) -> AskResult:
        params = AskParams(prompt, True, tokens)
        return await self.answering.ask(by, params, stream or Stream())

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)


def talk(server: ModelServer, number: int = -1) -> str:
    """All that the model was sent in one call."""
    return json.dumps(server.model_calls[number].body["messages"])


@in_loop
async def each_peer(home: Home, server: ModelServer) -> None:
    desk, stream = Desk(home), Stream()
    first = await desk.ask(NAS, "the word is marble", stream)
    other = await desk.ask(DESK, "what is the word?")
    again = await desk.ask(NAS, "what is the word?")
    assert (first.text, stream.said, stream.sessions) == ("understood", "understood", [first.session_id])
    assert again.session_id == first.session_id != other.session_id
    assert "marble" not in talk(server, 1)
    assert "marble" in talk(server, 2)
    assert first.tokens_in > 0
    assert first.tokens_out > 0
    # A new label does not make it another caller, and another key under the old label does.
    renamed = await desk.ask(peer(identity(7), "attic"), "what is the word?")
    taken_over = await desk.ask(peer(identity(9), "nas"), "what is the word?")
    assert renamed.session_id == first.session_id
    assert taken_over.session_id not in (first.session_id, other.session_id)
    assert "marble" not in talk(server, 4)
    await desk.answering.aclose()


def test_each_peer_has_a_thread_of_its_own_found_by_its_key(home: Home) -> None:
    with running(["understood", "no idea", "marble", "marble", "no idea"]) as server:
        home.configure(server.url)
        each_peer(home, server)
        assert home.sessions() == []


def test_what_needs_a_yes_is_refused_and_said(home: Home) -> None:
    @in_loop
    async def go() -> None:
        desk, stream = Desk(home), Stream()
        result = await desk.ask(NAS, "write it", stream)
        assert result.text.startswith("I could not.")
        assert "[one tool call was refused here" in result.text
        assert stream.said == result.text
        assert desk.said("1 calls refused")
        assert not desk.said("write it")
        await desk.answering.aclose()

    with running([OUTSIDE, "I could not."]) as server:
        home.configure(server.url)
        go()
        assert not (home.workspace.parent / "a.txt").exists()


@pytest.mark.parametrize("slow", [Reply(hang=True), Reply(text=["one ", "two ", "three"], chunk_delay=20.0)])
def test_a_cancel_stops_the_turn_within_a_second(home: Home, slow: Reply) -> None:
    @in_loop
    async def go() -> None:
        desk, stream = Desk(home), Stream()
        turn = asyncio.create_task(desk.ask(NAS, "take your time", stream))
        await until(lambda: bool(server.model_calls))
        await asyncio.sleep(0.05)
        stream.cancelled.set()
        async with asyncio.timeout(1.0):
            result = await turn
        assert result.interrupted
        assert result.session_id == stream.sessions[0]
        assert (await desk.ask(NAS, "and now?")).text == "here"
        await desk.answering.aclose()

    with running([slow, "here"]) as server:
        home.configure(server.url)
        go()


@pytest.mark.parametrize(
    ("config", "by", "tokens", "over"),
    [
        ("budget: {tokens_per_day: 2000}\n", NAS, None, OverCap("tokens", "profile")),
        ("", peer(identity(7), "nas", budget=DayBudget(tokens=2000)), None, OverCap("tokens", "peer")),
        ("", NAS, 10, OverCap("tokens", "request")),
    ],
    ids=["profile", "peer", "request"],
)
def test_a_cap_that_the_next_call_does_not_fit_into(
    home: Home, config: str, by: Peer, tokens: int | None, over: OverCap
) -> None:
    @in_loop
    async def go() -> None:
        desk = Desk(home)
        assert desk.answering.over_cap(by, AskParams("hi")) is None
        with pytest.raises(CapReached) as caught:
            for _ in range(3):
                await desk.ask(by, "tell me " * 200, tokens=tokens)
        assert caught.value.cap == over
        await desk.answering.aclose()

    used = {"input": 1500, "output": 100}
    with running([Reply(text="ok", usage=used, repeat=True)]) as server:
        home.configure(server.url, more=config)
        go()


def test_what_is_used_up_is_known_at_the_gate(home: Home) -> None:
    @in_loop
    async def go() -> None:
        desk = Desk(home)
        small = peer(identity(7), "nas", budget=DayBudget(tokens=100_000))
        assert (await desk.ask(small, "hi")).text == "ok"
        over_cap = desk.answering.over_cap
        assert over_cap(small, AskParams("hi")) == OverCap("tokens", "peer")
        assert over_cap(DESK, AskParams("hi")) is None, "another peer's use does not count"
        assert over_cap(DESK, AskParams("hi", tokens=0)) == OverCap("tokens", "request")
        assert over_cap(DESK, AskParams("hi", usd=0.0)) == OverCap("usd", "request")
        await desk.answering.aclose()

    with running([Reply(text="ok", usage={"input": 99_900, "output": 200})]) as server:
        home.configure(server.url)
        go()


def test_settings_are_read_again_when_nobody_uses_them(home: Home) -> None:
    @in_loop
    async def go() -> None:
        desk = Desk(home)
        assert desk.answering.agent_name == "default"
        stream = Stream()
        turn = asyncio.create_task(desk.ask(NAS, "wait", stream))
        await until(lambda: bool(old.model_calls))
        home.configure(new.url, more="alp: {name: attic}\n")
        # Somebody uses them: a second peer's turn goes on with what was read.
        assert (await desk.ask(DESK, "hi")).text == "from the old one"
        stream.cancelled.set()
        await turn
        assert (await desk.ask(NAS, "hi")).text == "from the new one"
        assert desk.answering.agent_name == "attic"
        await desk.answering.aclose()

    with running([Reply(hang=True), "from the old one"]) as old, running(["from the new one"]) as new:
        home.configure(old.url)
        go()


def test_broken_settings_stop_asks_and_nothing_else(home: Home) -> None:
    @in_loop
    async def go() -> None:
        desk = Desk(home)
        assert desk.answering.agent_name == "default"
        path.write_text("model: [\n")
        for _ in range(2):
            with pytest.raises(ConfigError):
                desk.answering.over_cap(NAS, AskParams("hi"))
            with pytest.raises(AlpiError):
                await desk.ask(NAS, "hi")
        assert desk.answering.agent_name == "default"
        assert len([line for line in desk.lines if "until this is mended" in line]) == 1
        home.configure(server.url)
        assert (await desk.ask(NAS, "hi")).text == "mended"
        await desk.answering.aclose()

    with running(["mended"]) as server:
        path = home.configure(server.url)
        go()


def test_models_are_let_go_when_nobody_asks_any_more(home: Home) -> None:
    @in_loop
    async def go() -> None:
        desk = Desk(home, idle_seconds=0.3)
        await desk.ask(NAS, "one")
        await desk.ask(NAS, "two")
        assert server.connections == 1, "kept from ask to ask"
        await asyncio.sleep(0.6)
        await desk.ask(NAS, "three")
        assert server.connections == 2
        await desk.answering.aclose()

    with running([Reply(text="ok", repeat=True)]) as server:
        home.configure(server.url)
        go()


def test_a_thread_that_another_process_uses_is_busy(home: Home) -> None:
    @in_loop
    async def go() -> None:
        desk, stream = Desk(home), Stream()
        turn = asyncio.create_task(desk.ask(NAS, "wait", stream))
        await until(lambda: bool(server.model_calls))
        with pytest.raises(AskRefused):
            await desk.ask(NAS, "me too")
        assert desk.said("nas cannot be answered now")
        stream.cancelled.set()
        await turn
        await desk.answering.aclose()

    with running([Reply(hang=True)]) as server:
        home.configure(server.url)
        go()


def test_a_turn_that_fails_says_why_to_the_log_alone_and_without_keys(home: Home, tmp_path: Path) -> None:
    @in_loop
    async def go() -> None:
        desk, stream = Desk(home), Stream()
        started = time.monotonic()
        with pytest.raises(AlpiError) as caught:
            await desk.ask(NAS, "hi", stream)
        assert time.monotonic() - started < 30
        assert not isinstance(caught.value, CapReached | AskRefused)
        assert "sk-verysecret-0123456789" not in desk.answering.redact(f"{caught.value} sk-verysecret-0123456789")
        await desk.answering.aclose()

    with running(
        [Reply(status=401, body={"error": {"message": "no: sk-verysecret-0123456789"}}, repeat=True)]
    ) as server:
        path = home.configure(server.url)
        path.write_text(path.read_text().replace("kind: openai,", "kind: openai, api_key_env: HOME_KEY,"))
        (home.alpi / ".env").write_text("HOME_KEY=sk-verysecret-0123456789\n")
        (home.alpi / ".env").chmod(0o600)
        go()
