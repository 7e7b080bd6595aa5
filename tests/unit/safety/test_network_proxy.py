"""The vetting proxy, used by a real HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx2

from alpi.safety.network.guard import NetworkGuard, Opening
from alpi.safety.network.proxy import VettingProxy
from tests.support.stage import in_loop

from .test_network import nothing_refused, site


async def resolve(host: str, port: int) -> Sequence[str]:
    return {"open.example": ["127.0.0.2"], "inside.example": ["127.0.0.1"]}.get(host, [])


GUARD = NetworkGuard(resolve, nothing_refused, [Opening("127.0.0.2")])


@in_loop
async def test_a_request_reaches_a_vetted_host_and_no_other() -> None:
    refused: list[tuple[str, str]] = []
    with site("127.0.0.2") as outside, site("127.0.0.1") as inside:
        async with (
            VettingProxy(GUARD, lambda host, why: refused.append((host, why))) as proxy,
            httpx2.AsyncClient(proxy=proxy.url, trust_env=False) as client,
        ):
            assert (await client.get(f"http://open.example:{outside.server_port}/a?b=1")).text == "ok"
            # On the same client: a kept connection must not carry the next request to another place unjudged.
            answer = await client.get(f"http://inside.example:{inside.server_port}/secret")
            assert answer.status_code == 403 and "this machine itself" in answer.text
            assert (await client.get("http://nowhere.example/")).status_code == 502
        assert outside.asked == ["/a?b=1"] and inside.asked == []
        assert [host for host, _ in refused] == ["inside.example"]


async def raw(proxy: VettingProxy, request: str) -> bytes:
    host, _, port = proxy.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


def with_password(proxy: VettingProxy, request: str) -> str:
    import base64

    token = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
    return f"{request}\r\nProxy-Authorization: Basic {token}\r\n\r\n"


@in_loop
async def test_strangers_and_nonsense_get_nowhere() -> None:
    with site("127.0.0.2") as outside:
        async with VettingProxy(GUARD) as proxy:
            line = f"GET http://open.example:{outside.server_port}/ HTTP/1.1"
            assert b" 407 " in await raw(proxy, f"{line}\r\n\r\n")
            assert b" 407 " in await raw(proxy, f"{line}\r\nProxy-Authorization: Basic YWxwaTp3cm9uZw==\r\n\r\n")
            for wrong in ("nonsense", "GET / HTTP/1.1", "GET ftp://open.example/ HTTP/1.1", "CONNECT open.example HTTP/1.1",
                          "GET http://user@open.example/ HTTP/1.1", "GET http://[bad/ HTTP/1.1"):  # fmt: skip
                assert b" 400 " in await raw(proxy, with_password(proxy, wrong)), wrong
            assert b" 403 " in await raw(proxy, with_password(proxy, "CONNECT inside.example:443 HTTP/1.1"))
        assert outside.asked == []


@in_loop
async def test_a_tunnel_carries_bytes_both_ways() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.2", 0)
    port = server.sockets[0].getsockname()[1]
    async with VettingProxy(GUARD) as proxy:
        host, _, proxy_port = proxy.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(proxy_port))
        writer.write(with_password(proxy, f"CONNECT open.example:{port} HTTP/1.1").encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        writer.close()
    server.close()
    await server.wait_closed()
