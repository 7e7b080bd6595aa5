"""Logging in at a small authorization server on loopback, and using what that gave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from alpi.base.errors import AlpiError, Refused
from alpi.mcp.connection import LoginNeeded
from alpi.mcp.logins import Challenge, Login
from alpi.mcp.oauth import Identity, revoke
from alpi.mcp.redirects import NoRedirect
from tests.support.logins import NAME, Visitor, yes
from tests.support.oauth_server import OAuthServers, oauth_servers
from tests.support.stage import in_loop


@pytest.fixture
def there() -> Iterator[OAuthServers]:
    with oauth_servers() as servers:
        yield servers


@pytest.fixture
def visitor(there: OAuthServers, tmp_path: Path) -> Visitor:
    return Visitor(there, tmp_path)


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def offered(visitor: Visitor, url: str = "") -> list[str]:
    connection = visitor.connection(url)
    try:
        return [offer.name for offer in await connection.offers()]
    finally:
        await connection.aclose()


async def called(visitor: Visitor) -> Any:
    connection = visitor.connection()
    try:
        return await connection.call("echo", {"text": "hello"})
    finally:
        await connection.aclose()


@in_loop
async def test_without_a_login_nothing_is_asked_of_anybody_but_the_server(visitor: Visitor) -> None:
    with pytest.raises(LoginNeeded, match=f"wants a login: alpi mcp login {NAME}") as caught:
        await offered(visitor)
    assert "resource_metadata=" in caught.value.challenge.header
    assert {one.path for one in visitor.there.seen} == {"/mcp"}


@in_loop
async def test_a_login_registers_proves_itself_and_names_the_resource(visitor: Visitor) -> None:
    there = visitor.there
    login = await visitor.log_in()
    asked = query(visitor.browser.opened[0])
    assert asked["code_challenge_method"] == "S256" and asked["resource"] == there.url and asked["scope"] == "read"
    (exchanged,) = there.forms("authorization_code")
    assert exchanged["resource"] == there.url and exchanged["code_verifier"]
    assert login == visitor.login
    assert login.access_token in there.tokens and login.places == (there.issuer,)
    assert set(visitor.learnt.values()) == {login.access_token, login.refresh_token}
    assert await offered(visitor) == ["echo"]
    assert (await called(visitor)).content[0].text == f"done, with Bearer {login.access_token}"


@in_loop
async def test_a_login_in_another_terminal_counts_for_a_connection_that_failed(visitor: Visitor) -> None:
    visitor.there.open_lists = True
    connection = visitor.connection()
    try:
        with pytest.raises(LoginNeeded):
            await connection.call("echo", {"text": "hello"})
        await visitor.log_in()
        assert (await connection.call("echo", {"text": "hello"})).content
    finally:
        await connection.aclose()


@in_loop
async def test_the_person_is_asked_before_anything_goes_to_another_place(visitor: Visitor) -> None:
    asked: list[str] = []

    async def no(origin: str) -> bool:
        asked.append(origin)
        assert not any(one.headers["host"] == urlsplit(origin).netloc for one in visitor.there.seen)
        return False

    with pytest.raises(Refused, match="nobody has agreed"):
        await visitor.log_in(agree=no)
    with pytest.raises(Refused, match="nobody has agreed"):
        await visitor.log_in(agree=None)
    assert asked == [visitor.there.issuer]
    assert visitor.login is None and not visitor.browser.opened


@in_loop
async def test_a_token_is_of_no_use_at_another_address(visitor: Visitor) -> None:
    there = visitor.there
    await visitor.log_in()
    before = len(there.seen)
    with pytest.raises(LoginNeeded):
        await offered(visitor, there.url.replace("127.0.0.1", "localhost"))
    assert not any("authorization" in one.headers for one in there.seen[before:])


@pytest.mark.parametrize("expires", [0, 3600])
@in_loop
async def test_a_token_that_is_over_is_renewed_where_it_was_given(visitor: Visitor, expires: int) -> None:
    there = visitor.there
    there.expires = expires
    first = await visitor.log_in()
    if expires:
        there.tokens.clear()  # revoked, although it would be good for long
    there.expires = 3600
    assert await offered(visitor) == ["echo"]
    (renewal,) = there.forms("refresh_token")
    assert renewal["refresh_token"] == first.refresh_token and renewal["resource"] == there.url
    again = visitor.login
    assert again is not None and again.access_token != first.access_token and again.places == first.places
    assert not [one for one in there.asked("/token") if one.headers["host"] != urlsplit(there.issuer).netloc]


@in_loop
async def test_a_refresh_token_that_is_void_ends_the_login_and_is_sent_once(visitor: Visitor) -> None:
    there = visitor.there
    await visitor.log_in()
    there.tokens.clear()
    there.refresh.clear()
    for _ in range(2):
        with pytest.raises(LoginNeeded, match="wants a login"):
            await offered(visitor)
    assert len(there.forms("refresh_token")) == 1
    assert visitor.login is not None and not visitor.login.access_token + visitor.login.refresh_token


@in_loop
async def test_a_renewal_that_fails_for_now_is_tried_again_later(visitor: Visitor) -> None:
    there = visitor.there
    there.expires = 0
    await visitor.log_in()
    there.tokens.clear()
    there.faults["/token"] = 503
    with pytest.raises(LoginNeeded, match=r"could not be renewed .*503"):
        await offered(visitor)
    del there.faults["/token"]
    there.expires = 3600
    assert await offered(visitor) == ["echo"]


@in_loop
async def test_two_processes_renew_a_token_once(there: OAuthServers, tmp_path: Path) -> None:
    there.expires = 0
    await Visitor(there, tmp_path).log_in()
    there.expires, there.slow = 3600, 0.1
    found = await asyncio.gather(*(offered(Visitor(there, tmp_path)) for _ in range(4)))
    assert found == [["echo"]] * 4
    assert len(there.forms("refresh_token")) == 1


@in_loop
async def test_a_call_that_is_stopped_while_a_token_is_renewed_does_not_lose_the_login(visitor: Visitor) -> None:
    there = visitor.there
    first = await visitor.log_in()
    there.tokens.clear()
    there.slow, there.open_lists = 0.1, True
    connection = visitor.connection()
    try:
        await connection.offers()
        call = asyncio.create_task(connection.call("echo", {"text": "hello"}))
        while not there.forms("refresh_token"):
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.wait({call})
        while visitor.login is None or visitor.login.refresh_token == first.refresh_token:
            await asyncio.sleep(0.01)
        there.slow = 0
        assert (await connection.call("echo", {"text": "hello"})).content
    finally:
        await connection.aclose()
    assert len(there.forms("refresh_token")) == 1


@in_loop
async def test_a_call_that_needs_more_scope_is_a_step_up_that_keeps_what_was_granted(visitor: Visitor) -> None:
    there = visitor.there
    await visitor.log_in()
    there.needs = "write"
    with pytest.raises(LoginNeeded, match="covers more") as caught:
        await called(visitor)
    kept = visitor.login
    assert kept is not None and kept.wanted == caught.value.challenge and kept.access_token in there.tokens
    there.tokens.clear()
    there.expires = 0  # a renewal in between does not lose what is wanted
    await offered(visitor)
    assert visitor.login is not None and visitor.login.wanted is not None
    login = await visitor.log_in(visitor.login.wanted)
    assert set(query(visitor.browser.opened[-1])["scope"].split()) == {"read", "write"}
    assert login.wanted is None
    assert (await called(visitor)).content


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata": {"code_challenge_methods_supported": None}}, "PKCE"),
        ({"metadata": {"code_challenge_methods_supported": ["plain"]}}, "PKCE"),
        ({"metadata": {"issuer": "http://127.0.0.1:1"}}, "issuer mismatch"),
        ({"resource": {"resource": "https://evil.example.com/mcp"}}, "does not match"),
        ({"faults": {"/register": 403}}, "Registration failed"),
        ({"faults": {"/token": 500}}, "Token exchange failed"),
    ],
)
@in_loop
async def test_what_does_not_fit_ends_the_login(
    visitor: Visitor, changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("mcp")
    monkeypatch.setattr(logger, "propagate", True)
    for name, value in changes.items():
        setattr(visitor.there, name, value)
    with pytest.raises(AlpiError, match=words):
        await visitor.log_in()
    assert visitor.login is None
    assert not logger.propagate  # what the SDK logs of a failure would be on the terminal, with the other side's words


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("authorization_endpoint", "http://169.254.169.254/latest"),
        ("authorization_endpoint", "https://user:secret@127.0.0.1/"),
        ("authorization_endpoint", "file:///etc/passwd"),
        ("registration_endpoint", "https://169.254.169.254/"),
        ("token_endpoint", "http://10.0.0.1/token"),
    ],
)
@in_loop
async def test_nothing_leads_to_forbidden_places(visitor: Visitor, field: str, place: str) -> None:
    visitor.there.metadata = {field: place}
    with pytest.raises(AlpiError):
        await visitor.log_in()
    assert visitor.login is None
    assert field != "authorization_endpoint" or not visitor.browser.opened


@in_loop
async def test_a_pointer_or_a_redirect_to_a_forbidden_place_is_not_followed(visitor: Visitor) -> None:
    pointer = Challenge(401, 'Bearer resource_metadata="http://169.254.169.254/x"')
    with pytest.raises(Refused, match=r"169\.254"):
        await visitor.log_in(pointer)
    visitor.there.redirects["/token"] = "http://169.254.169.254/token"
    with pytest.raises(AlpiError, match="not followed"):
        await visitor.log_in()
    assert visitor.login is None


@in_loop
async def test_a_server_that_is_public_cannot_lead_a_login_inside(visitor: Visitor) -> None:
    from alpi.mcp.courier import Courier
    from alpi.safety.network.guard import NetworkGuard, Opening, system_resolver

    def guard(place: tuple[str, int] | None) -> NetworkGuard:
        return NetworkGuard(system_resolver, lambda name, address: "", [Opening(*place)] if place else [])

    courier = Courier("https://mcp.example.com/mcp", False, guard, agree=yes)
    for url in (visitor.there.issuer, "https://127.0.0.1/x", "https://10.1.2.3/x"):
        with pytest.raises(Refused):
            await courier.check(url)
    assert not visitor.there.seen


@in_loop
async def test_another_state_or_a_code_of_somebody_else_is_no_login(visitor: Visitor) -> None:
    visitor.browser._then = lambda address: address.replace("state=", "state=x")
    with pytest.raises(NoRedirect):
        await visitor.log_in()
    visitor.browser._then = lambda address: address.replace("code=", "code=x")
    with pytest.raises(AlpiError, match="invalid_grant"):
        await visitor.log_in()
    assert visitor.login is None


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@in_loop
async def test_who_is_registered_beforehand_does_not_register(there: OAuthServers, tmp_path: Path, method: str) -> None:
    there.metadata = {"registration_endpoint": None, "token_endpoint_auth_methods_supported": [method]}
    visitor = Visitor(there, tmp_path, Identity("me", "hush-hush-hush"))
    await visitor.log_in()
    assert not there.asked("/register") and query(visitor.browser.opened[0])["client_id"] == "me"
    (asked,) = there.asked("/token")
    shown = asked.headers.get("authorization", "").startswith("Basic ")
    assert shown == (method == "client_secret_basic") and ("client_secret" in asked.fields) == (not shown)
    assert "hush" not in visitor.store.path(NAME).read_text()  # it stays in .env


@in_loop
async def test_a_document_at_an_address_stands_for_alpi_where_the_server_takes_one(
    there: OAuthServers, tmp_path: Path
) -> None:
    document = "https://alpi.example.com/client.json"
    visitor = Visitor(there, tmp_path, Identity(metadata_url=document))
    await visitor.log_in()
    assert query(visitor.browser.opened[0])["client_id"] != document
    there.metadata = {"client_id_metadata_document_supported": True}
    await visitor.log_in()
    assert query(visitor.browser.opened[1])["client_id"] == document


@in_loop
async def test_a_registration_is_used_again_while_the_browser_comes_back_to_the_same_place(visitor: Visitor) -> None:
    await visitor.log_in()
    await visitor.log_in()
    assert len(visitor.there.asked("/register")) == 1
    visitor.browser.redirect_uri = "http://127.0.0.1:10/callback"
    await visitor.log_in()
    assert len(visitor.there.asked("/register")) == 2


@in_loop
async def test_logging_out_revokes_where_the_server_offers_that(visitor: Visitor) -> None:
    login = await visitor.log_in()
    assert await revoke(login, visitor.identity, visitor.courier(login), visitor.store)
    assert not visitor.there.tokens
    without = replace(login, metadata={**(login.metadata or {}), "revocation_endpoint": None})
    assert not await revoke(without, visitor.identity, visitor.courier(login), visitor.store)
    elsewhere = replace(login, metadata={**(login.metadata or {}), "revocation_endpoint": "https://127.0.0.2/revoke"})
    with pytest.raises(Refused):
        await revoke(elsewhere, visitor.identity, visitor.courier(login), visitor.store)


@in_loop
async def test_an_old_server_without_resource_metadata(visitor: Visitor) -> None:
    there = visitor.there
    there.faults["/.well-known/oauth-protected-resource/mcp"] = 404
    there.auth_port, real = there.mcp_port, there.auth_port
    with pytest.raises(AlpiError, match="Registration failed"):  # it looks at the server itself, and nowhere else
        await visitor.log_in()
    assert {one.headers["host"] for one in there.seen} == {urlsplit(there.url).netloc} and real


def test_a_login_says_nothing_of_its_tokens() -> None:
    login = Login(NAME, "https://x.example", access_token="canary-access", refresh_token="canary-refresh")
    assert "canary" not in repr(login) and "canary" not in str(login)
    assert "canary" not in repr(Identity("me", "canary-secret"))
