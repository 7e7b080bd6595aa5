"""The end of a login: the address that the authorization server sends the browser to, heard on loopback or pasted by the person."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from ..base.errors import AlpiError
from ..base.text import escaped, one_line

HOST = "127.0.0.1"
PATH = "/callback"
LARGEST_REQUEST = 16 << 10
LARGEST_ADDRESS = 16_000
PATIENCE = 5.0
"""Seconds that whoever connects has to say what it wants."""
MOST_AT_ONCE = 20
DONE = "This login has reached alpi. You can close this page."
NOT_OURS = "This is not the login that alpi is waiting for."


class Redirected(Struct, frozen=True):
    """What the redirect brought: the code, the state that it is for, and the issuer where the server names itself."""

    code: str
    state: str
    iss: str | None = None


class NoRedirect(AlpiError):
    """An address that is not the redirect of this login."""


class LoginRefused(AlpiError):
    """The authorization server, or the person there, said no."""


def read_redirect(address: str, redirect_uri: str, state: str) -> Redirected:
    """What a redirect of this login says. Nothing else is taken for one: another place, another state, anything that stands twice.

    Raises:
        NoRedirect: it is none. LoginRefused: it is one, and says that nothing was granted.
    """
    text = address.strip()
    if text.startswith(f"{HOST}:"):
        text = f"http://{text}"  # some browsers leave that out of what they copy
    if len(text) > LARGEST_ADDRESS or any(ord(character) < 33 for character in text):
        raise NoRedirect("that is no address", "Copy the whole address of the page that could not be shown")
    try:
        given, ours = urlsplit(text), urlsplit(redirect_uri)
        same = (given.scheme, given.netloc, given.path) == (ours.scheme, ours.netloc, ours.path)
        fields = parse_qs(given.query, strict_parsing=bool(given.query), max_num_fields=50)
    except ValueError as error:
        raise NoRedirect("that is no address", "Copy the whole address of the page that could not be shown") from error
    if not same:
        raise NoRedirect(f"the address does not begin with {redirect_uri}", "Copy that of the last page of the login")
    if any(len(fields.get(name, ())) > 1 for name in ("code", "state", "iss", "error")):
        raise NoRedirect("the address says something twice", "Begin anew")
    said = {name: values[0] for name, values in fields.items()}
    if not secrets.compare_digest(said.get("state", "").encode(), state.encode()):
        raise NoRedirect("the address belongs to another login", "Open the address above, and copy what comes of it")
    if "error" in said:
        words = one_line(escaped(f"{said['error']} {said.get('error_description', '')}".strip()), 300)
        raise LoginRefused(f"the authorization server granted nothing: {words}")
    if not said.get("code"):
        raise NoRedirect("the address holds no code", "Copy the whole address")
    return Redirected(said["code"], said["state"], said.get("iss"))


class Listener:
    """Waits on loopback for the browser. Whoever comes without the state of this login is turned away, and changes nothing."""

    def __init__(self) -> None:
        self.uri = ""
        """The address that the browser is to be sent to."""
        self._server: asyncio.Server | None = None
        self._state = ""
        self._found: asyncio.Future[Redirected] | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        """Listen; 0 stands for a port that is free.

        Raises:
            AlpiError: the port is taken.
        """
        try:
            self._server = await asyncio.start_server(self._connected, HOST, port, limit=LARGEST_REQUEST)
        except OSError as error:
            raise AlpiError(f"port {port} is taken, and the login needs it", "End what listens there") from error
        self.uri = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}{PATH}"

    def expect(self, state: str) -> None:
        """Begin to wait for the redirect with this state."""
        self._state = state
        self._found = asyncio.get_running_loop().create_future()

    async def wait(self) -> Redirected:
        """What the redirect brings.

        Raises:
            LoginRefused: nothing was granted.
        """
        assert self._found is not None
        return await asyncio.shield(self._found)

    async def aclose(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
        if self._found is not None and self._found.done() and not self._found.cancelled():
            self._found.exception()  # it was heard, whether or not anybody asked
        for task in self._open:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= MOST_AT_ONCE:
            writer.close()
            return
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
                async with asyncio.timeout(PATIENCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                    status, text = self._answer(head.decode("latin-1").split("\r\n"))
                    writer.write(_page(status, text))
                    await writer.drain()
        except asyncio.LimitOverrunError:
            pass  # more than any browser sends
        finally:
            self._open.discard(task)
            writer.close()

    def _answer(self, lines: list[str]) -> tuple[str, str]:
        """The status and text for a request, given as its head's lines."""
        method, _, rest = lines[0].partition(" ")
        target = rest.partition(" ")[0]
        hosts = [line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("host:")]
        ours = urlsplit(self.uri).netloc
        if method != "GET" or hosts != [ours] or self._found is None:  # another host: a page that a name was bent for
            return "400 Bad Request", NOT_OURS
        try:
            found: Any = read_redirect(f"http://{ours}{target}", self.uri, self._state)
        except NoRedirect:
            return "400 Bad Request", NOT_OURS
        except LoginRefused as error:
            found = error
        if not self._found.done():
            if isinstance(found, LoginRefused):
                self._found.set_exception(found)
            else:
                self._found.set_result(found)
        return "200 OK", "Nothing was granted." if isinstance(found, LoginRefused) else DONE


def _page(status: str, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
