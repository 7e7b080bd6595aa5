"""HttpProvider over real sockets, against the scripted model server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from alpi.base.errors import ConfigError, ProviderError
from alpi.base.message import ToolCall, Usage
from alpi.providers.anthropic_wire import AnthropicWire
from alpi.providers.build import http_provider
from alpi.providers.catalog import Kind, custom
from alpi.providers.http import HttpProvider
from alpi.providers.openai_wire import OpenAIWire
from alpi.providers.types import Failure, TextDelta, TimeLimits
from alpi.providers.wire import Wire
from tests.support.collect import Answer, collect
from tests.support.model_server import ModelServer, Reply, ReplyLike

from .conversation import assistant, call, request, result, user

KEY = "sk-do-not-show-42"
WIRES: dict[str, Wire] = {"openai": OpenAIWire(), "anthropic": AnthropicWire()}
BEFORE_TEXT = {"openai": 1, "anthropic": 3}
"""Events that the scripted server sends before the first piece of text."""
both = pytest.mark.parametrize("wire", ["openai", "anthropic"])


def provider(url: str, wire: str = "openai", **more: Any) -> HttpProvider:
    options = {"label": "Home", "api_key": KEY, "key_name": "HOME_KEY", "env_path": "/p/.env", **more}
    return HttpProvider("home", WIRES[wire], url, **options)


async def ask(asked: HttpProvider, *messages: Any) -> Answer:
    answer = collect([event async for event in asked.stream(request(*(messages or [user("x")])))])
    assert answer.last_is_end
    assert len(answer.ends) == 1
    assert KEY not in repr(answer)
    return answer


def one_answer(reply: ReplyLike, wire: str = "openai", **more: Any) -> Answer:
    async def main() -> Answer:
        async with ModelServer([reply]) as server, closing(provider(server.url, wire, **more)) as asked:
            return await ask(asked)

    return asyncio.run(main())


@contextlib.asynccontextmanager
async def closing(asked: HttpProvider) -> AsyncIterator[HttpProvider]:
    try:
        yield asked
    finally:
        await asked.aclose()


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


@both
def test_a_turn_with_a_tool_on_one_connection(wire: str) -> None:
    async def main() -> None:
        replies = [
            Reply(
                reasoning="Look first.",
                tool_calls=[{"id": "c1", "name": "read_file", "arguments": {"path": "ä"}}],
                usage={"input": 900, "cached": 800, "cache_write": 0, "output": 12, "reasoning": 0},
            ),
            Reply(text="It says hello.", bytes_per_write=7),
        ]
        async with ModelServer(replies) as server, closing(provider(server.url, wire)) as asked:
            first = await ask(asked, user("Read ä."))
            assert first.calls == [ToolCall("c1", "read_file", '{"path": "ä"}')]
            assert (first.thinking, first.stop) == ("Look first.", "tools")
            assert first.usage == Usage(900, 800, 0, 12, 0)
            second = await ask(asked, user("Read ä."), assistant("", call("c1")), result("c1", "hello"))
            assert (second.text, second.stop) == ("It says hello.", "end")
            assert server.connections == 1
            headers = server.requests[0].headers
            assert KEY in (headers.get("authorization", "") + headers.get("x-api-key", ""))
            assert headers["accept-encoding"] == "identity"
            assert "cookie" not in headers

    asyncio.run(main())


@both
def test_text_comes_as_it_is_written(wire: str) -> None:
    async def main() -> None:
        script = [Reply(text=["one", "two", "three"], chunk_delay=0.08)]
        async with ModelServer(script) as server, closing(provider(server.url, wire)) as asked:
            stream = asked.stream(request(user("x")))
            times = [time.monotonic() async for event in stream if isinstance(event, TextDelta)]
            assert len(times) == 3
            assert times[2] - times[0] > 0.12

    asyncio.run(main())


@both
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request"),
        (401, "auth"),
        (403, "auth"),
        (404, "not_found"),
        (429, "rate_limit"),
        (500, "server"),
        (529, "overloaded"),
    ],
)
def test_each_status_is_one_failure(wire: str, status: int, kind: str) -> None:
    message = {"error": {"type": "x", "message": f"no, not with {KEY}"}}
    answer = one_answer(Reply(status=status, body=message, headers={"Retry-After": "3"}), wire)
    assert (answer.failure.kind, answer.failure.status) == (kind, status)
    assert answer.failure.detail == "no, not with [key]"
    assert answer.failure.retry_after == (3.0 if status in {429, 500, 529} else None)


def test_without_a_key_nothing_is_sent() -> None:
    async def main() -> None:
        async with ModelServer() as server:
            for key, kind in (("", "no_key"), ("two\nlines", "auth"), ("schlüssel", "auth")):
                answer = await ask(provider(server.url, api_key=key, key_needed=True))
                assert answer.failure.kind == kind
                assert "alpi config key HOME_KEY" in answer.failure.hint
                assert not key or key not in repr(answer)
                with pytest.raises(ProviderError):
                    await provider(server.url, api_key=key, key_needed=True).models()
            assert server.connections == 0

    asyncio.run(main())


def test_a_key_loses_the_line_end_it_was_pasted_with() -> None:
    async def main() -> None:
        async with ModelServer(["yes"], key=KEY) as server, closing(provider(server.url, api_key=f" {KEY}\n")) as asked:
            assert (await ask(asked)).text == "yes"

    asyncio.run(main())


@both
def test_each_time_limit_is_told_apart(wire: str) -> None:
    def limited(reply: Reply, **limits: float) -> Failure:
        return one_answer(
            reply, wire, limits=TimeLimits(**{"first_byte": 5, "silence": 5, "whole": 9, **limits})
        ).failure

    assert "did not begin" in limited(Reply(hang=True), first_byte=0.15).message
    assert "did not begin to answer within 0.15 s" in limited(Reply("x", body_delay=9), first_byte=0.15).message
    assert "fell silent" in limited(Reply(["a", "b", "c"], silence_after=3), silence=0.15).message
    assert "still answering after 0.3 s" in limited(Reply(["a"] * 99, chunk_delay=0.05), whole=0.3).message
    assert limited(Reply(hang=True), whole=0.15).kind == "timeout"


@both
def test_what_arrived_before_silence_is_not_lost(wire: str) -> None:
    script = Reply(["half ", "an answer"], silence_after=BEFORE_TEXT[wire] + 1)
    answer = one_answer(script, wire, limits=TimeLimits(silence=0.15))
    assert answer.text == "half "
    assert answer.failure.kind == "timeout"


@both
def test_cancelling_closes_the_connection_at_once(wire: str) -> None:
    async def main() -> None:
        after_text = Reply(["a", "b"], silence_after=BEFORE_TEXT[wire] + 1)
        async with ModelServer([Reply(hang=True), after_text]) as server:
            asked = provider(server.url, wire)
            for text in ("", "a"):
                begun = asyncio.Event()

                async def reading(begun: asyncio.Event = begun) -> None:
                    async for event in asked.stream(request(user("x"))):
                        if isinstance(event, TextDelta):
                            begun.set()

                task = asyncio.create_task(reading())
                await (begun.wait() if text else asyncio.sleep(0.1))
                stopped = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                async with asyncio.timeout(1):
                    while server.requests[-1].disconnected is None:
                        await asyncio.sleep(0.005)
                assert server.requests[-1].disconnected - stopped < 0.5
            await asked.aclose()

    asyncio.run(main())


@in_loop
async def test_leaving_the_stream_early_closes_the_connection() -> None:
    async with ModelServer([Reply(["a", "b"], silence_after=3)]) as server, closing(provider(server.url)) as asked:
        async with contextlib.aclosing(asked.stream(request(user("x")))) as events:
            async for _ in events:
                break
        async with asyncio.timeout(1):
            while server.requests[-1].disconnected is None:
                await asyncio.sleep(0.005)


@both
def test_broken_streams(wire: str) -> None:
    torn = Reply("some text", truncate=3 if wire == "openai" else 2)
    for reply in (Reply("some text that is cut", cut_after=400), torn, Reply(raw="")):
        failure = one_answer(reply, wire).failure
        assert failure.kind == "broken_stream"
        assert failure.retryable


@both
def test_an_answer_is_whole_once_the_model_said_why_it_stopped(wire: str) -> None:
    # Only the end mark (and for chat completions the usage before it) is missing.
    answer = one_answer(Reply("all of it", truncate=1), wire)
    assert (answer.text, answer.stop) == ("all of it", "end")


@both
def test_a_connection_cut_after_the_end_mark_takes_nothing_back(wire: str) -> None:
    vector = {"openai": "openai_text", "anthropic": "anthropic_text"}[wire]
    body = (Path(__file__).resolve().parents[2] / "vectors" / "wires" / f"{vector}.sse").read_bytes()
    answer = one_answer(Reply(raw=body, cut_after=len(body)), wire)
    assert (answer.text.strip(), answer.stop) == ("The lake is frozen.", "end")


@both
def test_answers_that_are_something_else(wire: str) -> None:
    page = one_answer(Reply(raw="<!doctype html><title>Welcome</title>", content_type="text/html"), wire).failure
    assert (page.kind, page.retryable) == ("bad_answer", False)
    assert page.message == "Home sent a web page instead of an answer"
    assert "is a model server's address" in page.hint
    assert page.detail == "Welcome"
    assert one_answer(Reply("x", garbage="data: }{\n\n"), wire).failure.kind == "bad_answer"
    # A line that is no event is nothing to a reader of events; the answer goes on.
    assert one_answer(Reply("x", garbage=b"\xff\xfe\x00nonsense\n\n"), wire).text == "x"
    assert one_answer(Reply(raw='{"hello": 1}', content_type="application/json"), wire).failure.kind == "bad_answer"
    assert one_answer(Reply(raw='{"error": {"message": "no"}}'), wire).failure.detail == "no"
    assert one_answer(Reply(raw="x" * 9 * 1024 * 1024), wire).failure.kind == "bad_answer"


@both
def test_a_server_that_does_not_stream_is_understood(wire: str) -> None:
    reply = Reply(text="whole", tool_calls=[{"id": "c", "name": "f", "arguments": {}}], ignore_stream=True)
    answer = one_answer(reply, wire)
    assert (answer.text, answer.calls, answer.stop) == ("whole", [ToolCall("c", "f", "{}")], "tools")


def test_a_body_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alpi.providers.exchange.MAX_BODY", 100_000)
    answer = one_answer(Reply(text="x" * 300_000, chunk_size=1000))
    assert answer.failure.kind == "bad_answer"
    assert not answer.failure.retryable


@in_loop
async def test_redirects_are_not_followed() -> None:
    async with ModelServer(["never"]) as other:
        moved = Reply(status=307, headers={"Location": f"{other.url}/chat/completions"}, body="moved")
        async with ModelServer([moved]) as server, closing(provider(server.url)) as asked:
            failure = (await ask(asked)).failure
            assert failure.kind == "bad_answer"
            assert f"redirects to 127.0.0.1:{other.port}" in failure.message
        assert other.connections == 0


@in_loop
async def test_cookies_are_not_kept_and_the_environment_is_not_asked() -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            patch.setenv(name, "http://127.0.0.1:9")
        script = [Reply("a", headers={"Set-Cookie": "id=1; Path=/"}), Reply("b")]
        async with ModelServer(script) as server, closing(provider(server.url)) as asked:
            assert (await ask(asked)).text == "a"
            assert (await ask(asked)).text == "b"
            assert "cookie" not in server.requests[1].headers


@in_loop
async def test_an_explicit_proxy_is_used() -> None:
    # To plain http a proxy is an ordinary server that is asked with the whole address.
    async with ModelServer(["through"]) as server:
        address = server.url.removesuffix("/v1")
        asked = provider("http://model.invalid/v1", proxy=address)
        failure = (await ask(asked)).failure
        assert failure.status == 404  # the scripted server got the request, and knows no such path
        assert server.requests[0].path == "http://model.invalid/v1/chat/completions"
        await asked.aclose()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def failure_at(url: str, **more: Any) -> Failure:
    async def main() -> Failure:
        async with closing(provider(url, **more)) as asked:
            return (await ask(asked)).failure

    return asyncio.run(main())


def test_nothing_listens() -> None:
    failure = failure_at(f"http://127.0.0.1:{free_port()}/v1")
    assert (failure.kind, failure.retryable) == ("unreachable", True)
    assert "nothing listens there" in failure.message
    assert "is it running?" in failure.hint


def test_what_the_caller_was_handling_is_not_taken_for_the_cause() -> None:
    async def main() -> Failure:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.close()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, closing(provider(f"http://127.0.0.1:{port}/v1")) as asked:
            try:
                raise ConnectionRefusedError
            except ConnectionRefusedError:
                return (await ask(asked)).failure

    assert asyncio.run(main()).kind == "broken_stream"


def test_a_name_that_does_not_exist() -> None:
    failure = failure_at("http://no-such-host.invalid/v1")
    assert failure.kind == "unreachable"
    assert "its name is not known" in failure.message


def test_a_server_that_hangs_up_without_a_word() -> None:
    async def main() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.close()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, closing(provider(f"http://127.0.0.1:{port}/v1")) as asked:
            assert (await ask(asked)).failure.kind == "broken_stream"

    asyncio.run(main())


def test_a_server_that_speaks_no_http() -> None:
    async def main() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, closing(provider(f"http://127.0.0.1:{port}/v1")) as asked:
            assert (await ask(asked)).failure.kind == "broken_stream"

    asyncio.run(main())


def test_https_to_a_server_without_it_and_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    async def main() -> list[Failure]:
        found = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        plain = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = plain.sockets[0].getsockname()[1]
        async with plain, closing(provider(f"https://127.0.0.1:{port}/v1")) as asked:
            found.append((await ask(asked)).failure)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        vectors = Path(__file__).resolve().parents[2] / "vectors" / "tls"
        context.load_cert_chain(vectors / "self-signed.pem")
        async with ModelServer(["x"], tls=context) as server, closing(provider(server.url)) as asked:
            found.append((await ask(asked)).failure)
        return found

    for failure in asyncio.run(main()):
        assert (failure.kind, failure.retryable) == ("unreachable", False)
        assert "the encrypted connection failed" in failure.message
        assert failure.detail


@pytest.mark.parametrize(
    "url",
    [
        "",
        "home:8080",
        "ftp://h/v1",
        "http://",
        "/v1",
        "http://h/v1?key=1",
        "http://h:99999/v1",
        "http://[::1/v1",
        "http://h:x/v1",
    ],
)
def test_an_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url of provider home"):
        provider(url)


@pytest.mark.parametrize("url", [f"http://{'a' * 70}.example/v1", "http://a b/v1", "http://a..b/v1"])
def test_an_address_that_only_looks_like_one(url: str) -> None:
    assert failure_at(url).kind == "unreachable"
    with pytest.raises(ProviderError, match="cannot be reached"):
        asyncio.run(provider(url).models())


def test_a_provider_shows_neither_key_nor_password() -> None:
    asked = provider("http://a:hidden@127.0.0.1:1/v1")
    assert KEY not in repr(asked)
    assert "hidden" not in repr(asked)
    assert "hidden" not in repr(failure_at(f"http://a:hidden@127.0.0.1:{free_port()}/v1"))


@both
def test_models_are_listed(wire: str) -> None:
    async def main() -> None:
        async with ModelServer(models=["b", "a", "b"], key=KEY) as server:
            async with closing(provider(server.url, wire)) as asked:
                assert await asked.models() == ["b", "a"]
            async with closing(provider(server.url, wire, api_key="wrong")) as asked:
                with pytest.raises(ProviderError, match="Home refused the key") as caught:
                    await asked.models()
                assert "HOME_KEY" in caught.value.hint
        async with closing(provider(f"http://127.0.0.1:{free_port()}/v1", wire)) as asked:
            with pytest.raises(ProviderError, match="nothing listens"):
                await asked.models()

    asyncio.run(main())


def test_a_preset_makes_a_provider() -> None:
    async def main() -> None:
        async with ModelServer(["hello"], key=KEY) as server:
            kinds: tuple[Kind, ...] = ("openai", "anthropic")
            for kind in kinds:
                preset = custom("home", kind, server.url, "HOME_KEY")
                assert (await ask(http_provider(preset))).failure.kind == "no_key"
            async with closing(http_provider(preset, api_key=KEY)) as asked:
                assert (await ask(asked)).text == "hello"

    asyncio.run(main())
