"""Logging in at a server, and using what that gave. The flow is the SDK's; here is what it leaves open: where each thing is kept, who is
asked, which process renews a token. Imported only with the first server that is an address.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.client.auth.utils import extract_field_from_www_auth, is_valid_client_metadata_url
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from mcp_types import LATEST_PROTOCOL_VERSION
from msgspec.structs import replace

from ..base.errors import AlpiError, UsageError
from ..base.text import escaped, one_line
from .courier import Courier
from .logins import LARGEST_CHALLENGE, Challenge, Login, LoginStore
from .problems import quiet
from .redirects import Redirected

FLOW_ERRORS = (OAuthFlowError, OAuthRegistrationError, OAuthTokenError, ValueError, OverflowError)
"""What the SDK raises when the other side is at fault."""
OVER = (400, 401)
"""The answers to a renewal that say: this refresh token is good for nothing any more."""


@dataclass(frozen=True)
class Identity:
    """Who alpi is at an authorization server: registered beforehand (``client_id``, and its secret where it has one), or a document at an
    address that describes it, or neither: then it registers."""

    client_id: str = ""
    client_secret: str = ""
    metadata_url: str = ""

    def __repr__(self) -> str:
        return f"Identity({self.client_id!r})"


class Person(Protocol):
    """Whoever logs in. ``redirect_uri`` is where their browser will be sent in the end."""

    redirect_uri: str

    async def authorise(self, address: str, state: str) -> Redirected:
        """Have the address opened, and wait for the redirect.

        Raises:
            AlpiError: nothing was granted, or not in time.
        """
        ...


class _Provider(OAuthClientProvider):
    """The SDK's provider with our storage, and what it does not check."""

    def __init__(
        self, login: Login, store: LoginStore, courier: Courier, identity: Identity, person: Person | None = None
    ) -> None:
        if identity.metadata_url and not is_valid_client_metadata_url(identity.metadata_url):
            raise UsageError("client_metadata_url must be an https address with a path")
        self._login = login
        self._store = store
        self._courier = courier
        self._identity = identity
        self._person = person
        self._state = self._address = ""
        quiet()
        super().__init__(
            login.url,
            OAuthClientMetadata.model_validate(
                {"redirect_uris": [person.redirect_uri] if person is not None else None, "client_name": "alpi"}
            ),
            self,
            self._show,
            self._redirected,
            identity.metadata_url or None,
        )

    # -- what the SDK calls its storage -----------------------------------------------------------------------------

    async def get_tokens(self) -> OAuthToken | None:
        login = self._login
        if not login.access_token:
            return None
        return OAuthToken(
            access_token=login.access_token, refresh_token=login.refresh_token or None, scope=login.scope or None
        )

    async def set_tokens(self, tokens: OAuthToken) -> None:
        context = self.context
        if not all("!" <= character <= "~" for character in tokens.access_token):
            raise OAuthTokenError("the token is none that could be sent")
        renewed = self._person is None  # what a step up has to answer, it has to answer all the same
        self._login = Login(
            server=self._login.server,
            url=self._login.url,
            places=self._courier.places,
            client=None if self._identity.client_id else _dumped(context.client_info),
            metadata=_dumped(context.oauth_metadata),
            resource=_dumped(context.protected_resource_metadata),
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or "",
            scope=tokens.scope or "",
            expires=time.time() + tokens.expires_in if tokens.expires_in is not None else None,
            wanted=self._login.wanted if renewed else None,
        )
        if renewed:
            self._store.save(self._login)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        identity = self._identity
        if identity.client_id:
            return OAuthClientInformationFull(
                client_id=identity.client_id, client_secret=identity.client_secret or None
            )
        if self._login.client is None:
            return None
        info = OAuthClientInformationFull.model_validate(self._login.client)
        if self._person is None:
            return info
        gone = info.client_secret_expires_at and info.client_secret_expires_at <= time.time()
        fits = self._person.redirect_uri in map(str, info.redirect_uris or ())
        return info if fits and not gone and not identity.metadata_url else None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        if client_info.client_secret:
            self._store.learn({f"{self._login.server} client secret": client_info.client_secret})

    # -- what the SDK's own flow does not do -------------------------------------------------------------------------

    async def _initialize(self) -> None:
        """Also what was found out at the login: without it, a token would be renewed at the server itself."""
        await super()._initialize()
        context, login = self.context, self._login
        if login.metadata is not None:
            context.oauth_metadata = OAuthMetadata.model_validate(login.metadata)
        if login.resource is not None:
            context.protected_resource_metadata = ProtectedResourceMetadata.model_validate(login.resource)
            context.auth_server_url = str(context.protected_resource_metadata.authorization_servers[0])
        if self._person is None:
            self._settle_method()

    async def _perform_authorization(self) -> httpx2.Request:
        metadata = self.context.oauth_metadata
        if metadata is not None and "S256" not in (metadata.code_challenge_methods_supported or ()):
            raise OAuthFlowError("the authorization server does not say that it checks PKCE (S256)")
        self._settle_method()
        return await super()._perform_authorization()

    def _settle_method(self) -> None:
        """How a client with a secret shows it, where nobody has said so: as the server takes it."""
        info, metadata = self.context.client_info, self.context.oauth_metadata
        if info is not None and info.client_secret and info.token_endpoint_auth_method is None:
            taken = (metadata.token_endpoint_auth_methods_supported if metadata is not None else None) or ()
            only_post = "client_secret_post" in taken and "client_secret_basic" not in taken
            info.token_endpoint_auth_method = "client_secret_post" if only_post else "client_secret_basic"

    async def _show(self, address: str) -> None:
        await self._courier.check(address)
        self._state = parse_qs(urlsplit(address).query).get("state", [""])[-1]
        self._address = address

    async def _redirected(self) -> AuthorizationCodeResult:
        assert self._person is not None
        found = await self._person.authorise(self._address, self._state)
        return AuthorizationCodeResult(code=found.code, state=found.state, iss=found.iss)

    # -- what this module uses ---------------------------------------------------------------------------------------

    async def log_in(self, challenge: Challenge) -> Login:
        """Answer a challenge with the SDK's whole flow. What it asks of the MCP server is not sent: the challenge is the answer."""
        request = httpx2.Request("POST", self._login.url, headers={"MCP-Protocol-Version": LATEST_PROTOCOL_VERSION})
        header = {"WWW-Authenticate": challenge.header} if challenge.header else {}
        flow = self.async_auth_flow(request)
        try:
            await anext(flow)
            outgoing = await flow.asend(httpx2.Response(challenge.status, headers=header, request=request))
            while outgoing is not request:
                outgoing = await flow.asend(await self._courier.send(outgoing))
        finally:
            await flow.aclose()
        return self._login

    async def revoke(self) -> bool:
        """Tell the authorization server that the tokens are over; gives whether it took that. Its refresh token takes the other along."""
        await self._initialize()
        context, login = self.context, self._login
        endpoint = context.oauth_metadata.revocation_endpoint if context.oauth_metadata is not None else None
        token = login.refresh_token or login.access_token
        if endpoint is None or not token or context.client_info is None:
            return False
        hint = "refresh_token" if login.refresh_token else "access_token"
        data = {"token": token, "token_type_hint": hint, "client_id": context.client_info.client_id}
        data, headers = context.prepare_token_auth(data, {})
        answer = await self._courier.send(httpx2.Request("POST", str(endpoint), data=data, headers=headers))
        return answer.status_code == 200

    async def renew(self) -> Login | None:
        """Use the refresh token; ``None`` where it is good for nothing any more.

        Raises:
            AlpiError: it could not be asked, so that it may work later.
        """
        await self._initialize()
        answer = await self._courier.send(await self._refresh_token())
        if await self._handle_refresh_response(answer):
            return self._login
        if answer.status_code in OVER:
            self._store.save(replace(self._login, access_token="", refresh_token=""))
            return None
        raise AlpiError(f"the authorization server answered the renewal with {answer.status_code}")


async def log_in(
    login: Login, challenge: Challenge, identity: Identity, person: Person, courier: Courier, store: LoginStore
) -> Login:
    """Log in at a server, and keep what that gives.

    Args:
        login: what is known of it so far.
        challenge: what the server has said when it refused a request.

    Raises:
        AlpiError: it did not come to a login; what the other side has said is made safe to show.
    """
    # A step up asks for what was granted, too. Nothing is renewed on the way: the person is there to grant it anew.
    granted = login.access_token if challenge.status == 403 else ""
    begun = replace(login, access_token=granted, refresh_token="", metadata=None, resource=None)
    await courier.check(login.url)  # the token will go there
    try:
        found = await _Provider(begun, store, courier, identity, person).log_in(challenge)
    except FLOW_ERRORS as error:
        raise AlpiError(f"the login did not succeed: {one_line(escaped(str(error)), 400)}", HEADER_HINT) from error
    async with store.held(login.server):
        store.save(found)
    return found


async def revoke(login: Login, identity: Identity, courier: Courier, store: LoginStore) -> bool:
    """Have a login's tokens declared void by the server that gave them; gives whether it did. It is only asked where it offers that.

    Raises:
        AlpiError: it could not be asked.
    """
    try:
        return await _Provider(login, store, courier, identity).revoke()
    except FLOW_ERRORS as error:
        raise AlpiError(f"the tokens could not be revoked: {one_line(escaped(str(error)), 200)}") from error


HEADER_HINT = "Where a server takes a key instead: --header 'Authorization: Bearer $NAME' when it is added"


class KeptLogin(httpx2.Auth):
    """Adds a kept token to the requests of one connection, and renews it. It never begins a login.

    Args:
        server, url: whose login it is, and the address that is connected to.
        store: where the login is. It is read for each request: a login in another terminal counts at once.
        courier: carries what renews a token; it may speak only to what the person has approved at the login.
        identity: who alpi is there.
        wants: told what the person has to do before the server is of use, and ``""`` when it is.
    """

    def __init__(
        self,
        server: str,
        url: str,
        store: LoginStore,
        courier: Callable[[Login], Courier],
        identity: Identity,
        wants: Callable[[str, Challenge | None], None],
    ) -> None:
        self._server = server
        self._url = url
        self._store = store
        self._courier = courier
        self._identity = identity
        self._wants = wants
        self._renewing: set[asyncio.Task[tuple[Login | None, str]]] = set()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """See ``httpx2.Auth``."""
        login, trouble = self._store.load(self._server, self._url), ""
        if login is not None and login.refresh_token and not login.fresh(time.time()):
            login, trouble = await self._renewed(login)
        response = yield _with_token(request, login)
        if response.status_code == 401 and login is not None and login.refresh_token and not trouble:
            used = login.access_token
            login, trouble = await self._renewed(login)
            if login is not None and login.access_token not in ("", used):
                response = yield _with_token(request, login)
        challenge = challenge_of(response)
        if challenge is not None:
            await self._note(challenge)
            self._wants(self._words(login, challenge, trouble), challenge)
        elif response.is_success:
            self._wants("", None)

    async def _renewed(self, login: Login) -> tuple[Login | None, str]:
        """The login with a token that is good again, whichever process renewed it; where nobody could be asked, as it is, and why.

        A call that is stopped meanwhile does not stop this: the old refresh token may be void already, and the new one would be lost.
        """
        task = asyncio.create_task(self._renew(login))
        self._renewing.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[tuple[Login | None, str]]) -> None:
        self._renewing.discard(task)
        if not task.cancelled():
            task.exception()  # where nobody waits for it any more, the next request finds out anew

    async def _renew(self, login: Login) -> tuple[Login | None, str]:
        async with self._store.held(self._server):
            now = self._store.load(self._server, self._url)
            if now is None or not now.refresh_token or now.access_token != login.access_token:
                return now, ""
            try:
                return await _Provider(now, self._store, self._courier(now), self._identity).renew(), ""
            except AlpiError as error:
                return now, one_line(error.message, 200)
            except FLOW_ERRORS:  # its words are the other side's, and this may go to a model
                return now, "the authorization server's answer is of no use"

    async def _note(self, challenge: Challenge) -> None:
        """Keep what the next login has to answer."""
        async with self._store.held(self._server):
            login = self._store.load(self._server, self._url) or Login(self._server, self._url)
            if login.wanted != challenge:
                self._store.save(replace(login, wanted=challenge))

    def _words(self, login: Login | None, challenge: Challenge, trouble: str) -> str:
        command = f"alpi mcp login {self._server}"
        if trouble:
            return f"wants a login, and the one that is kept could not be renewed ({trouble}): {command}"
        if challenge.status == 403:
            return f"wants a login that covers more: {command}"
        return f"wants a {'new ' if login is not None and login.access_token else ''}login: {command}"


def _with_token(request: httpx2.Request, login: Login | None) -> httpx2.Request:
    if login is not None and login.access_token:
        request.headers["Authorization"] = f"Bearer {login.access_token}"
    return request


class FixedHeader(httpx2.Auth):
    """For a server that is authorised by a header of its settings: says so when that is refused."""

    def __init__(self, wants: Callable[[str, Challenge | None], None]) -> None:
        self._wants = wants

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """See ``httpx2.Auth``."""
        response = yield request
        if response.status_code == 401:
            self._wants("refuses the Authorization header of its settings (401)", None)
        elif response.is_success:
            self._wants("", None)


def challenge_of(response: httpx2.Response) -> Challenge | None:
    """What a response wants of a login: it is refused without one, or with one of too little scope."""
    header = response.headers.get("WWW-Authenticate", "")
    kept = header if len(header) <= LARGEST_CHALLENGE else ""
    if response.status_code == 401:
        return Challenge(401, kept)
    if response.status_code == 403 and extract_field_from_www_auth(response, "error") == "insufficient_scope":
        return Challenge(403, kept)
    return None


def _dumped(model: Any) -> dict[str, Any] | None:
    return model.model_dump(mode="json", exclude_none=True) if model is not None else None
