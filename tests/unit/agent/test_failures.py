"""A provider's failure ends the turn with one event that says who, what and what to do; what had arrived is kept."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from alpi.agent import events
from alpi.base.message import AssistantMessage, UserMessage
from alpi.base.redact import Redactor
from alpi.providers.types import TimeLimits
from tests.support.disks import no_larger_than
from tests.support.model_server import ModelServer, Reply
from tests.support.stage import Stage, ended, in_loop, of, said
from tests.support.transcripts import is_well_formed

FAILURES = {
    "wrong key": Reply(status=401),
    "forbidden": Reply(status=403),
    "no such model": Reply(status=404),
    "bad request": Reply(status=400),
    "too many": Reply(status=429),
    "broken": Reply(status=500),
    "overloaded": Reply(status=529),
    "html": Reply(status=502, body="<html>Bad gateway</html>", content_type="text/html"),
    "no stream": Reply(raw="<html>hello</html>", content_type="text/html"),
    "empty": Reply(raw=": nothing\n\n"),
    "garbage": Reply(raw="data: {not json\n\n"),
    "closed at once": Reply(text="x", cut_after=0),
}


@pytest.mark.parametrize("reply", FAILURES.values(), ids=FAILURES.keys())
@in_loop
async def test_a_failure_is_told_and_the_next_turn_works(reply: Reply, kind: str, tmp_path: Path) -> None:
    async with ModelServer([reply]) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await stage.turn("hi")
        (failed,) = of(events.Failed, seen)
        assert "home" in failed.message
        assert failed.hint
        assert failed.exit_code == 1
        end = ended(seen)
        assert (end.stop, end.text) == ("failed", "")
        assert seen.index(failed) == len(seen) - 2
        assert [type(message) for message in stage.on_disk()] == [UserMessage]
        server.add("fine")
        assert ended(await stage.turn("again")).text == "fine"


@in_loop
async def test_a_server_that_is_not_there(kind: str, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and not listening
        server = ModelServer(port=nobody.getsockname()[1])
        server.__class__ = type("Absent", (ModelServer,), {"port": nobody.getsockname()[1]})
        async with Stage(server, kind=kind, folder=tmp_path) as stage:
            (failed,) = of(events.Failed, await stage.turn("hi"))
            assert "home" in failed.message
            assert failed.hint


@in_loop
async def test_a_stream_that_stops_midway_keeps_what_had_come(kind: str, tmp_path: Path) -> None:
    script = [Reply(text=["half ", "an ", "answer, and more"], truncate=3), "the whole"]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path, attempts=3) as stage:
        seen = await stage.turn("hi")
        assert ended(seen).stop == "failed"
        assert len(of(events.Failed, seen)) == 1
        assert of(events.Retrying, seen) == [], "the person has seen a part: it must not begin anew"
        kept = stage.on_disk()[-1]
        assert isinstance(kept, AssistantMessage)
        assert kept.stop == "failed"
        assert kept.text == said(seen)
        assert kept.text.startswith("half an ")
        assert ended(await stage.turn("go on")).text == "the whole"
        assert kept.text.strip() in server.model_calls[1].raw.decode(), "the model does not know what it had said"


@in_loop
async def test_a_call_in_an_answer_that_broke_off_is_not_made(kind: str, tmp_path: Path) -> None:
    made = [{"name": "write_file", "arguments": {"path": "a", "content": "x"}}]
    script = [Reply(text="I write.", tool_calls=made, truncate=3)]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        seen = await stage.turn("hi")
        assert ended(seen).stop == "failed"
        assert of(events.ToolStarted, seen) == []
        assert not (stage.workspace / "a").exists()
        assert is_well_formed(stage.on_disk())


@in_loop
async def test_what_may_pass_is_tried_again(kind: str, tmp_path: Path) -> None:
    script = [Reply(status=503), Reply(status=429, headers={"Retry-After": "7"}), "at last"]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path, attempts=3) as stage:
        seen = await stage.turn("hi")
        assert said(seen) == "at last"
        retries = of(events.Retrying, seen)
        assert len(retries) == 2
        assert retries[1].wait_seconds >= 7
        assert stage.clock.slept == [retry.wait_seconds for retry in retries]
        bodies = {call.raw for call in server.model_calls}
        assert len(bodies) == 1, "the same question was put in different words"


@in_loop
async def test_the_next_model_of_the_chain_takes_over(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer([Reply(status=500)]) as first,
        ModelServer(["from the spare one", Reply(status=500)]) as second,
        Stage(first, second, kind=kind, folder=tmp_path) as stage,
    ):
        seen = await stage.turn("hi")
        assert said(seen) == "from the spare one"
        (retry,) = of(events.Retrying, seen)
        assert retry.next_model == "spare1/scripted"
        answer = stage.on_disk()[-1]
        assert isinstance(answer, AssistantMessage)
        assert answer.model == "spare1/scripted"
        first.add(Reply(status=500))
        (failed,) = of(events.Failed, await stage.turn("again"))
        assert "home" in failed.message
        assert "spare1" in failed.message


@in_loop
async def test_a_model_that_does_not_begin_is_given_up(kind: str, tmp_path: Path) -> None:
    limits = TimeLimits(first_byte=0.05, silence=5, whole=5)
    async with (
        ModelServer([Reply(hang=True)]) as server,
        Stage(server, kind=kind, folder=tmp_path, limits=limits) as stage,
    ):
        (failed,) = of(events.Failed, await stage.turn("hi"))
        assert "home" in failed.message


@in_loop
async def test_a_full_disk_ends_the_turn_and_what_was_saved_stays(kind: str, tmp_path: Path) -> None:
    script = ["short", Reply(text="x" * 20_000), "short again"]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path) as stage:
        await stage.turn("one")
        with no_larger_than(4000):
            seen = await stage.turn("two")
        (failed,) = of(events.Failed, seen)
        assert "could not write to" in failed.message
        assert ended(seen).stop == "failed"
        assert [m.text for m in stage.on_disk()] == ["one", "short", "two"]
        assert ended(await stage.turn("three")).text == "short again"


@in_loop
async def test_an_output_that_cannot_be_kept_whole_is_still_shown_in_part(tmp_path: Path) -> None:
    from tests.support.fakes import FakeTool

    script = [Reply(tool_calls=[{"name": "look", "arguments": {}}]), "done"]
    tools = [FakeTool("look", lambda value: "line\n" * 5000)]
    async with (
        ModelServer(script) as server,
        Stage(server, kind="openai", folder=tmp_path, tools=tools, output_chars=1000) as stage,
    ):
        with no_larger_than(8000):
            seen = await stage.turn("one")
        (done,) = of(events.ToolFinished, seen)
        assert done.ok
        assert "the whole could not be kept: could not write" in done.output
        assert ended(seen).text == "done"


@in_loop
async def test_no_secret_reaches_the_model_the_events_or_the_file(kind: str, tmp_path: Path) -> None:
    secret = "hunter2-hunter2"
    script = [
        Reply(text=f"I saw {secret}.", tool_calls=[{"name": "read_file", "arguments": {"path": "a.txt"}}]),
        Reply(status=400, body={"error": {"message": f"bad key {secret}", "type": "x"}, "type": "error"}),
    ]
    async with (
        ModelServer(script) as server,
        Stage(server, kind=kind, folder=tmp_path, redact=Redactor({"KEY": secret})) as stage,
    ):
        stage.write("a.txt", f"password={secret}\n")
        seen = await stage.turn(f"what is {secret}?")
        assert ended(seen).stop == "failed"
        assert all(secret not in call.raw.decode() for call in server.model_calls)
        assert secret not in stage.session.path.read_text()
        assert all(secret not in str(event) for event in seen if not isinstance(event, events.Text))
