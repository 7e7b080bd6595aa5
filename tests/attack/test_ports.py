"""What a web page in the person's browser, or a program of another user, can get from the ports that alpi opens: nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alpi.safety.network.guard import NetworkGuard, Opening
from alpi.safety.network.proxy import VettingProxy
from tests.support.link_nodes import running
from tests.support.links import identity, peer
from tests.support.site import Site
from tests.support.stage import in_loop

# What a page can make a browser send, and what claims more than it has. PLACE is a server that the proxy may reach.
REQUESTS = {
    "a form as text/plain": "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example\r\nContent-Type: text/plain\r\n"
    'Content-Length: 17\r\n\r\n{"method":"ping"}',
    "a rebound name": "GET / HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n",
    "an address of its own to connect to": "GET /?gatewayUrl=ws://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a socket": "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "a preflight": "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n",
    "an empty password": "GET http://PLACE/ HTTP/1.1\r\nHost: PLACE\r\nProxy-Authorization: Basic\r\n\r\n",
    "a wrong password": "GET http://PLACE/ HTTP/1.1\r\nHost: PLACE\r\nProxy-Authorization: Basic YWxwaTp3cm9uZw==\r\n\r\n",
    "a bearer that says what it may": "CONNECT PLACE HTTP/1.1\r\nHost: PLACE\r\n"
    "Proxy-Authorization: Bearer admin\r\nX-Scope: admin\r\n\r\n",
}


async def answered(host: str, port: int, request: str) -> bytes:
    """All that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request.encode())
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("what", REQUESTS)
@in_loop
async def test_the_proxy_answers_nobody_without_its_password(what: str) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        return []

    async with Site({"/": "reached"}) as site:
        guard = NetworkGuard(nowhere, lambda host, address: "", [Opening("127.0.0.1", site.port)])
        async with VettingProxy(guard) as proxy:
            host, _, port = proxy.address.partition(":")
            answer = await answered(host, int(port), REQUESTS[what].replace("PLACE", f"127.0.0.1:{site.port}"))
            assert answer.startswith((b"HTTP/1.1 407 ", b"HTTP/1.1 400 ")), answer
            assert b"Access-Control-Allow" not in answer and proxy.password.encode() not in answer
        assert site.paths == []


@pytest.mark.parametrize("what", REQUESTS)
def test_the_node_says_no_byte_to_a_browser(tmp_path: Path, what: str) -> None:
    async def scenario() -> None:
        me, caller = identity(1), identity(2)
        async with running(me, peer(caller, "caller"), folder=tmp_path / "alp") as node:
            assert (
                await answered(node.address.host, node.address.port, REQUESTS[what].replace("PLACE", "127.0.0.1:80"))
                == b""
            )
            assert node.node.last_admitted is None

    asyncio.run(scenario())
