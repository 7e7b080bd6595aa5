"""Fetching one address: every hop vetted, every size and time bounded, nothing kept between two fetches."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from ...base.errors import AlpiError, Refused
from ...base.text import one_line

if TYPE_CHECKING:
    import httpx2

    from ...safety.network.guard import NetworkGuard

MOST_HOPS = 8
LONGEST_URL = 4096
# How much of a packed body is unpacked at a time: a bomb is noticed after this much, not after it has filled the memory.
STEP = 256 << 10
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "User-Agent": "alpi (a personal agent; fetches what its user asks for)",
        "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/pdf;q=0.9,application/json;q=0.9,*/*;q=0.5",
        "Accept-Encoding": "gzip, deflate",
    }
)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class WebError(AlpiError):
    """A page could not be had; the message says why."""


class Fetched(msgspec.Struct, frozen=True):
    """What an address gave. ``url`` is where it ended up; ``hops`` the addresses on the way; ``body`` is unpacked."""

    url: str
    status: int
    content_type: str
    body: bytes
    hops: tuple[str, ...] = ()


def checked_url(text: str) -> str:
    """An address as it is fetched: http or https, without user or fragment.

    Raises:
        WebError: it is none.
    """
    text = text.strip()
    if "://" not in text and "." in text.partition("/")[0]:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise WebError(f"{text[:100]!r} is no web address: {error}") from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise WebError(
            f"{text[:100]!r} is no web address", "It begins with https:// or http://; files are read with read_file"
        )
    if parts.username is not None or parts.password is not None:
        raise WebError("a web address with a user name in it is not fetched", "Leave out what stands before the @")
    if len(text) > LONGEST_URL or any(ord(character) < 33 for character in text):
        raise WebError("the web address is too long, or has blanks in it", f"At most {LONGEST_URL} characters")
    return urlunsplit((parts.scheme.lower(), parts.netloc, parts.path or "/", parts.query, ""))


class WebClient:
    """Fetches addresses.

    Args:
        guard: judges each hop's address.
        seconds: how long one fetch may take in all.
        largest: bytes that a body may have, unpacked.
    """

    def __init__(self, guard: NetworkGuard, seconds: float = 30.0, largest: int = 10_000_000) -> None:
        self._guard = guard
        self._seconds = seconds
        self._largest = largest

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Fetched:
        """Fetch an address, following redirects.

        Raises:
            Refused: it, or one that it leads to, must not be spoken to.
            WebError: anything else that goes wrong.
        """
        import httpx2

        from ...safety.network.transport import VettedTransport

        try:
            async with (
                asyncio.timeout(self._seconds),
                httpx2.AsyncClient(
                    transport=VettedTransport(self._guard),
                    timeout=self._seconds,
                    headers={**HEADERS, **(headers or {})},
                ) as client,
            ):
                return await self._follow(client, checked_url(url))
        except TimeoutError as error:
            raise WebError(f"{url} did not answer whole within {self._seconds:g} s") from error
        except httpx2.InvalidURL as error:
            raise WebError(f"{url!r} is no web address: {error}") from error
        except httpx2.HTTPError as error:
            raise WebError(f"{url} could not be fetched: {_words(error)}") from error

    async def _follow(self, client: httpx2.AsyncClient, url: str) -> Fetched:
        hops: list[str] = []
        while True:
            try:
                async with client.stream("GET", url) as answer:
                    where = answer.headers.get("location", "")
                    if answer.status_code not in REDIRECTS or not where:
                        body = await self._body(answer, url)
                        kind = answer.headers.get("content-type", "")
                        return Fetched(url, answer.status_code, kind, body, tuple(hops))
            except Refused as error:
                if not hops:
                    raise
                # Without the guard's words on how to open the place: it is a page that asks for it, not the person.
                raise Refused(f"a redirect leads where alpi does not go: {error.message}") from error
            hops.append(url)
            if len(hops) > MOST_HOPS:
                raise WebError(f"{hops[0]} leads on and on ({MOST_HOPS} redirects)")
            # What is said of a redirect goes to the model, so nothing of its text does: whoever wrote that is not alpi.
            try:
                following = checked_url(urljoin(url, where))
            except (WebError, ValueError) as error:
                raise WebError(f"{url} leads to something that is no web address") from error
            if url.startswith("https:") and following.startswith("http:"):
                raise Refused(f"{url} leads from an encrypted address to one that is not")
            url = following

    async def _body(self, answer: httpx2.Response, url: str) -> bytes:
        """The body, unpacked piece by piece, and never more than the bound.

        Raises:
            WebError: larger than that, or packed in a way that was not asked for.
        """
        packing = answer.headers.get("content-encoding", "").strip().lower()
        if packing not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise WebError(f"{url} is packed as {one_line(packing, 20)}, which nobody asked for")
        unpacker = _Unpacker(packing) if packing not in ("", "identity") else None
        body = bytearray()
        async for piece in answer.aiter_raw():
            for part in unpacker.feed(piece) if unpacker is not None else (piece,):
                body += part
                if len(body) > self._largest:
                    raise WebError(
                        f"{url} is larger than {self._largest / 1e6:g} MB unpacked",
                        "Download it with the terminal if the user wants that, and look at parts of it",
                    )
        if unpacker is not None and not unpacker.whole:
            raise WebError(f"{url} ended in the middle of its packed body")
        return bytes(body)


class _Unpacker:
    """gzip and deflate, at most ``STEP`` bytes at a time."""

    def __init__(self, packing: str) -> None:
        # 47: gzip or zlib, whichever it is. Some servers send deflate without zlib's frame.
        self._raw_too = packing == "deflate"
        self._engine = zlib.decompressobj(47)
        self._head = b""
        self._begun = False

    @property
    def whole(self) -> bool:
        """Whether the packed data came to its end; nothing at all is whole, too."""
        return self._engine.eof or not (self._begun or self._head)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The unpacked pieces of some more data."""
        if not self._begun:
            self._head += data
            if len(self._head) < 2:  # what it is shows in two bytes
                return
            data, self._begun = self._head, True
            framed = data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
            if self._raw_too and not framed and data[:2] != b"\x1f\x8b":
                self._engine = zlib.decompressobj(-15)
        full = True
        while (data or full) and not self._engine.eof:
            try:
                part = self._engine.decompress(data, STEP)
            except zlib.error as error:
                raise WebError(f"the page's packed body is broken: {error}") from error
            data, full = self._engine.unconsumed_tail, len(part) == STEP
            if part:
                yield part


def _words(error: Exception) -> str:
    text = str(error).strip()
    return text or type(error).__name__
