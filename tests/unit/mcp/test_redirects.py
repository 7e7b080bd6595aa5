"""How a login ends: the listener on loopback, with real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from alpi.base.errors import AlpiError
from alpi.mcp.redirects import DONE, NOT_OURS, Listener, LoginRefused, NoRedirect, Redirected, read_redirect
from tests.support.stage import in_loop

URI = "http://127.0.0.1:4321/callback"


@asynccontextmanager
async def listening(state: str = "right") -> AsyncIterator[Listener]:
    listener = Listener()
    await listener.start()
    listener.expect(state)
    try:
        yield listener
    finally:
        await listener.aclose()


async def sent(listener: Listener, target: str, method: str = "GET", host: str = "") -> str:
    place = urlsplit(listener.uri)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: {host or place.netloc}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.decode()


@in_loop
async def test_the_browser_comes_back_to_loopback() -> None:
    async with listening() as listener:
        assert listener.uri.startswith("http://127.0.0.1:")
        answer = await sent(listener, "/callback?code=abc&state=right&iss=https%3A%2F%2Fauth.example")
        assert answer.startswith("HTTP/1.1 200") and DONE in answer and "no-store" in answer
        assert await listener.wait() == Redirected("abc", "right", "https://auth.example")


@in_loop
async def test_whoever_does_not_know_the_state_changes_nothing() -> None:
    async with listening() as listener:
        for target, method, host in (
            ("/callback?code=evil&state=wrong", "GET", ""),
            ("/callback?code=evil", "GET", ""),
            ("/callback?error=access_denied&state=wrong", "GET", ""),
            ("/callback?code=evil&code=abc&state=right", "GET", ""),
            ("/other?code=evil&state=right", "GET", ""),
            ("@evil.example/callback?code=evil&state=right", "GET", ""),
            ("/callback?code=evil&state=right", "POST", ""),
            ("/callback?code=evil&state=right", "GET", "evil.example:80"),
        ):
            answer = await sent(listener, target, method, host)
            assert answer.startswith("HTTP/1.1 400") and NOT_OURS in answer
        assert DONE in await sent(listener, "/callback?code=abc&state=right")
        assert (await listener.wait()).code == "abc"


@in_loop
async def test_a_no_at_the_authorization_server_ends_the_login_in_its_words() -> None:
    async with listening() as listener:
        await sent(listener, "/callback?error=access_denied&error_description=not%20you%1b%5B2J&state=right")
        with pytest.raises(LoginRefused, match="access_denied not you") as caught:
            await listener.wait()
        assert "\x1b" not in str(caught.value)


@in_loop
async def test_what_is_too_long_or_says_nothing_does_not_hold_up_the_browser() -> None:
    async with listening() as listener:
        place = urlsplit(listener.uri)
        silent = await asyncio.open_connection(place.hostname, place.port)
        long = await asyncio.open_connection(place.hostname, place.port)
        long[1].write(b"GET /callback?" + b"x" * 40_000)
        assert await long[0].read() == b""
        assert DONE in await sent(listener, "/callback?code=abc&state=right")
        for _, writer in (silent, long):
            writer.close()


@in_loop
async def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(AlpiError, match="is taken"):
            await Listener().start(other.getsockname()[1])


@pytest.mark.parametrize(
    "pasted",
    [f"{URI}?code=abc&state=right", f"  {URI}?state=right&code=abc\n", f"{URI[7:]}?code=abc&state=right"],
)
def test_an_address_is_taken_as_browsers_give_it(pasted: str) -> None:
    assert read_redirect(pasted, URI, "right") == Redirected("abc", "right")


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "abc",
        URI,
        f"{URI}?code=&state=right",
        f"{URI}?code=abc&state=right&state=right",
        f"https{URI[4:]}?code=abc&state=right",
        "http://127.0.0.1:4322/callback?code=abc&state=right",
        f"{URI}/x?code=abc&state=right",
        f"{URI}?code=a\x1bbc&state=right",
        f"{URI}?code={'x' * 20_000}&state=right",
        "http://[::1",
    ],
)
def test_what_is_no_redirect_of_this_login_is_none(pasted: str) -> None:
    with pytest.raises(NoRedirect):
        read_redirect(pasted, URI, "right")
