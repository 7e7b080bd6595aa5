"""A provider behind HTTP: one wire, one address, one key. Every failure on the way is an event."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from ..base.clock import Clock, SystemClock
from ..base.errors import ConfigError, ProviderError
from . import failures
from .exchange import TAIL_SECONDS, Exchange, TooMuch, TooSlow
from .types import Failure, Finished, ProviderEvent, Request, TimeLimits
from .wire import Parser, Place, Wire, loads

if TYPE_CHECKING:
    import httpx2

MAX_ERROR_BODY = 64 * 1024
MAX_PAGES = 20
CONNECT_SECONDS = 20.0
LISTING_SECONDS = 30.0

_KEY_CHARACTERS = frozenset(chr(code) for code in range(0x21, 0x7F))


def _made_up_id() -> str:
    """Nine letters and digits: the form that every provider takes (Mistral takes no other)."""
    import secrets

    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(9))


class HttpProvider:
    """Asks a model server over HTTP/1.1. Implements ``types.Provider``.

    Nothing but ``base_url``'s host is contacted: no redirect is followed, no proxy, certificate file or password is taken from
    the environment, and no cookie is kept. The key is sent as a header to that host and appears nowhere else.

    Args:
        name: what the configuration calls it.
        wire: OpenAIWire or AnthropicWire.
        base_url: ``http`` or ``https``.
        label: its name as people write it; default ``name``.
        api_key: ``""`` for none.
        key_name: the variable that holds the key; for messages.
        env_path: the file that variable is read from; for messages.
        key_needed: without a key, nothing is sent.
        limits: of time.
        redact: takes secrets out of the provider's own words.
        extra_headers: sent with every request.
        proxy: the address of a proxy; ``""`` for none.
        new_id: makes up ids for tool calls that come without.
        transport: for tests that need no socket.

    Raises:
        ConfigError: ``base_url`` is no address.
    """

    def __init__(
        self,
        name: str,
        wire: Wire,
        base_url: str,
        *,
        label: str = "",
        api_key: str = "",
        key_name: str = "",
        env_path: str = "",
        key_needed: bool = False,
        limits: TimeLimits | None = None,
        redact: Callable[[str], str] = str,
        extra_headers: Mapping[str, str] | None = None,
        proxy: str = "",
        clock: Clock | None = None,
        new_id: Callable[[], str] = _made_up_id,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        parts = _address(base_url)
        if parts is None:
            raise ConfigError(
                f"the base_url of provider {name} is not an http or https address",
                f"set providers.{name}.base_url, for example http://127.0.0.1:8080/v1",
            )
        self.name = name
        self._wire = wire
        self._base_url = base_url
        self._shown_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._label = label or name
        self._key = api_key.strip()
        self._key_name = key_name
        self._env_path = env_path
        self._key_needed = key_needed
        self._limits = limits or TimeLimits()
        self._outer_redact = redact
        self._headers = dict(extra_headers or {})
        self._proxy = proxy
        self._clock = clock or SystemClock()
        self._new_id = new_id
        self._transport = transport

    def __repr__(self) -> str:
        return f"HttpProvider({self.name!r}, {self._shown_url!r})"

    # -- the Provider protocol ---------------------------------------------------------------------------------------

    async def stream(self, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """See ``types.Provider``. Closing the iterator, or cancelling, closes the connection at once."""
        place = self._place(request.model)
        if (failure := self._key_failure(place)) is not None:
            yield failure
            return
        parser = self._wire.parser(place, self._new_id)
        exchange = Exchange(self._limits)
        try:
            async for event in self._answer(exchange, self._wire.encode(request), parser, place):
                yield event
        finally:
            await exchange.close()

    async def models(self) -> list[str]:
        """See ``types.Provider``."""
        place = self._place("")
        if (failure := self._key_failure(place)) is not None:
            raise ProviderError(failure.message, failure.hint)
        names: list[str] = []
        after = ""
        for _ in range(MAX_PAGES):
            page = await self._page(self._wire.models_url(self._base_url, after), place)
            found, after = self._wire.model_names(page)
            names += found
            if not after:
                break
        return list(dict.fromkeys(names))

    async def prepare(self, request: Request) -> None:
        """Nothing to make ready."""

    async def aclose(self) -> None:
        """Close kept connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _answer(
        self, exchange: Exchange, body: bytes, parser: Parser, place: Place
    ) -> AsyncIterator[ProviderEvent]:
        import httpx2

        outer = sys.exception()
        try:
            sent = self._request("POST", self._wire.chat_url(self._base_url), body)
            response = await exchange.begin(self._open_transport(), sent)
            if response.status_code != 200:
                said = await exchange.beginning(MAX_ERROR_BODY)
                yield failures.from_status(place, response.status_code, _lower(response), said, self._clock.now())
                return
            async for event in _read(exchange, parser, place):
                yield event
        except TooSlow as slow:
            for event in _or_end(parser, failures.too_slow(place, slow.which, slow.seconds)):
                yield event
        except TooMuch:
            yield failures.bad_answer(place, "more than can be taken in", retryable=False)
        except httpx2.HTTPError as error:
            for event in _or_end(parser, _transport_failure(place, error, outer)):
                yield event
        except (httpx2.InvalidURL, UnicodeError):
            yield _no_address(place)

    async def _page(self, url: str, place: Place) -> Any:
        """One page of the listing of models, parsed.

        Raises:
            ProviderError: it could not be read.
        """
        import httpx2

        limits = TimeLimits(LISTING_SECONDS, LISTING_SECONDS, LISTING_SECONDS)
        exchange = Exchange(limits)
        outer = sys.exception()
        try:
            response = await exchange.begin(self._open_transport(), self._request("GET", url))
            if response.status_code == 200:
                return loads(await exchange.all())
            body = await exchange.beginning(MAX_ERROR_BODY)
            failure = failures.from_status(place, response.status_code, _lower(response), body, self._clock.now())
        except TooSlow as slow:
            failure = failures.too_slow(place, slow.which, slow.seconds)
        except TooMuch:
            failure = failures.bad_answer(place, "more than can be taken in")
        except (httpx2.InvalidURL, UnicodeError):
            failure = _no_address(place)
        except ValueError:
            failure = failures.bad_answer(place, "something that is not JSON")
        except httpx2.HTTPError as error:
            failure = _transport_failure(place, error, outer)
        finally:
            await exchange.close()
        raise ProviderError(failure.message, failure.hint)

    def _request(self, method: str, url: str, body: bytes | None = None) -> httpx2.Request:
        import httpx2

        headers = {
            # Compressed streams arrive in bursts, and a compressed body hides how large it is.
            "accept-encoding": "identity",
            "accept": "text/event-stream, application/json" if body is not None else "application/json",
            "user-agent": "alpi",
            **({"content-type": "application/json"} if body is not None else {}),
            **self._headers,
            **self._wire.headers(self._key),
        }
        # No time limits inside the client, except to connect: the exchange keeps them, and tells which one ran out.
        connect = min(CONNECT_SECONDS, self._limits.first_byte)
        timeout = {"connect": connect, "read": None, "write": None, "pool": None}
        return httpx2.Request(method, url, headers=headers, content=body, extensions={"timeout": timeout})

    def _open_transport(self) -> httpx2.AsyncBaseTransport:
        """The connection pool, made at the first request and kept."""
        if self._transport is None:
            import httpx2

            # A context without certificates costs 0.4 ms, the real one 20 to 120 ms: plain http needs none.
            plain = self._base_url.startswith("http://") and not self._proxy.startswith("https://")
            verify: ssl.SSLContext | bool = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True
            # Tools run between two requests; the usual 5 s would close the connection under them.
            limits = httpx2.Limits(max_connections=10, keepalive_expiry=60.0)
            proxy = self._proxy or None
            self._transport = httpx2.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits, proxy=proxy)
        return self._transport

    # -- who and with what -----------------------------------------------------------------------------------------

    def _place(self, model: str) -> Place:
        return Place(
            provider=self.name,
            model=model,
            label=self._label,
            base_url=self._shown_url,
            key_name=self._key_name,
            env_path=self._env_path,
            redact=self._redact,
        )

    def _redact(self, text: str) -> str:
        # Providers like to repeat the key they refuse.
        return self._outer_redact(text.replace(self._key, "[key]") if self._key else text)

    def _key_failure(self, place: Place) -> Failure | None:
        if not self._key and self._key_needed:
            return failures.no_key(place)
        if not _KEY_CHARACTERS.issuperset(self._key):
            return failures.unusable_key(place)
        return None


def _address(base_url: str) -> SplitResult | None:
    """The parts of an http or https address with a host, a possible port, and no query; ``None`` for anything else."""
    try:
        parts = urlsplit(base_url)
        in_range = parts.port is None or parts.port > 0
    except ValueError:  # brackets without an end, or a port that is no number or too large a one
        return None
    usable = in_range and parts.scheme in ("http", "https") and parts.hostname and not parts.query + parts.fragment
    return parts if usable else None


# -- reading an answer -----------------------------------------------------------------------------------------------------


async def _read(exchange: Exchange, parser: Parser, place: Place) -> AsyncIterator[ProviderEvent]:
    """The events of an answer with status 200: an event stream, a JSON object, or something else."""
    head = b""
    while not head.strip():
        chunk = await exchange.next()
        if chunk is None:
            yield failures.broken_stream(place, "the answer was empty")
            return
        head += chunk
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if first in (b"{", b"["):
        for event in parser.whole(await exchange.all(head)):
            yield event
        return
    if first == b"<":
        yield failures.bad_answer(place, "a web page instead of an answer", head, retryable=False)
        return
    piece: bytes | None = head
    while piece is not None:
        events = parser.feed(piece)
        if parser.done and isinstance(events[-1], Finished):
            await exchange.drain()
        for event in events:
            yield event
        if parser.done:
            return
        piece = await exchange.next(TAIL_SECONDS if parser.answered else 0.0)
    for event in parser.close():
        yield event


def _or_end(parser: Parser, failure: Failure) -> list[ProviderEvent]:
    """What the stream ends with when the connection failed: nothing is lost if the model had already finished."""
    return parser.close() if parser.answered else [failure]


def _no_address(place: Place) -> Failure:
    """An address that looks like one, until it is taken apart or its host is looked up."""
    return failures.unreachable(place, "that is no valid address", "correct base_url in config.yaml", retryable=False)


def _lower(response: httpx2.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _transport_failure(place: Place, error: httpx2.HTTPError, outer: BaseException | None) -> Failure:
    """A failure of the connection, told by what lies under the client's exception.

    ``outer``: what the caller was handling already; Python hangs it under every exception, and it has nothing to do with it.
    """
    import socket

    import httpx2

    causes = _causes(error, outer)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        words = next(str(cause) for cause in causes if isinstance(cause, ssl.SSLError))
        why, hint = "the encrypted connection failed", "check the address and this machine's clock and certificates"
        return failures.unreachable(place, why, hint, retryable=False, detail=words)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return failures.unreachable(
            place, "its name is not known", "check the address, and whether this machine is online"
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return failures.unreachable(place, "nothing listens there", "is it running? Start it, or correct base_url")
    if isinstance(error, httpx2.ConnectTimeout):
        return failures.unreachable(
            place, "it does not take the connection", "check the address, and whether it is online"
        )
    if isinstance(error, httpx2.ProxyError):
        return failures.unreachable(place, "the proxy refused", "check the proxy setting", detail=str(error))
    if isinstance(error, httpx2.ConnectError | httpx2.UnsupportedProtocol):
        return failures.unreachable(
            place, "no connection", "check the address, and whether it is online", detail=str(error)
        )
    if isinstance(error, httpx2.DecodingError):
        return failures.bad_answer(place, "an answer that cannot be unpacked", str(error))
    return failures.broken_stream(place, str(error))


def _causes(error: BaseException, outer: BaseException | None) -> list[BaseException]:
    """An exception and all that it came from, as far as it happened here."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or current is outer or any(current is seen for seen in found):
            continue
        found.append(current)
        waiting += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            waiting += current.exceptions
    return found
