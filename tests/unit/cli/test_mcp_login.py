"""``alpi mcp login`` and what is left of it: the desk where a person logs in, the profile's files, what an unattended run is told."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from alpi.base.errors import AlpiError
from alpi.cli.mcplogin import Desk, browser
from alpi.cli.mcpwiring import identity, login_store
from alpi.cli.runtime import Runtime
from alpi.mcp.logins import Login, LoginStore
from alpi.mcp.redirects import LoginRefused, Redirected
from alpi.state.archive.tree import Tree
from alpi.tui.terminal import LineReader
from tests.support.logins import Visitor
from tests.support.oauth_server import OAuthServers, oauth_servers
from tests.support.program import Home
from tests.support.stage import in_loop

ADDRESS = "https://auth.example/authorize?scope=read+write&state=right"


@contextmanager
def a_desk(opener: list[str] | None = None, seconds: float = 5.0) -> Iterator[tuple[Desk, Callable[[str], None]]]:
    """A desk, and what types there."""
    reading, writing = os.pipe()
    try:
        desk = Desk("tracker", opener or [], seconds, {"PATH": os.environ["PATH"]}, LineReader(reading))
        yield desk, lambda text: (os.write(writing, text.encode()), None)[1]
    finally:
        os.close(reading)
        os.close(writing)


@in_loop
async def test_a_pasted_address_ends_the_login_and_others_are_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    with a_desk() as (desk, type):
        await desk.start(0)
        type(f"\nhello\n{desk.redirect_uri}?code=evil&state=wrong\n{desk.redirect_uri}?code=abc&state=right\n")
        assert await desk.authorise(ADDRESS, "right") == Redirected("abc", "right")
        await desk.aclose()
    told = capsys.readouterr()
    assert "https://auth.example, for: read write" in told.out and ADDRESS in told.out
    assert "on any machine" in told.out and desk.redirect_uri in told.out
    assert "does not begin with" in told.err and "another login" in told.err


@in_loop
async def test_the_browser_on_this_machine_is_opened_and_heard(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new; mv {opened}.new {opened}\n')
    program.chmod(0o755)
    with a_desk([str(program)]) as (desk, _):
        await desk.start(0)
        waiting = asyncio.create_task(desk.authorise(ADDRESS, "right"))
        while not opened.exists():
            await asyncio.sleep(0.01)
        place = urlsplit(desk.redirect_uri)
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(f"GET /callback?code=abc&state=right HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
        assert await waiting == Redirected("abc", "right")
        writer.close()
        await desk.aclose()
    assert opened.read_text() == ADDRESS


@in_loop
async def test_a_login_ends_in_time_and_when_the_terminal_has_gone() -> None:
    with a_desk(seconds=0.05) as (desk, type):
        await desk.start(0)
        with pytest.raises(AlpiError, match=r"within 0\.05 s"):
            await desk.authorise(ADDRESS, "right")
        type(f"{desk.redirect_uri}?error=access_denied&state=right\n")
        with pytest.raises(LoginRefused):
            await desk.authorise(ADDRESS, "right")
        await desk.aclose()


@pytest.mark.parametrize(("typed", "agreed"), [("\n", False), ("no\n", False), ("y\n", True), ("YES\n", True)])
@in_loop
async def test_only_a_typed_yes_lets_a_login_go_elsewhere(typed: str, agreed: bool) -> None:
    with a_desk() as (desk, type):
        asking = asyncio.create_task(desk.agree("https://auth.example"))
        await asyncio.sleep(0.02)
        type(typed)
        assert await asking is agreed


def test_there_is_a_browser_only_where_the_person_sits(tmp_path: Path) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text("#!/bin/sh\n")
    opener.chmod(0o755)
    here = {"PATH": str(tmp_path), "DISPLAY": ":0"}
    assert browser(here, "linux") == [str(opener)]
    assert browser({"PATH": str(tmp_path), "WAYLAND_DISPLAY": "wayland-0"}, "linux") == [str(opener)]
    assert browser({"PATH": str(tmp_path)}, "linux") == []
    assert browser({**here, "PATH": "/nowhere"}, "linux") == []
    assert browser({**here, "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "linux") == []
    assert browser({}, "darwin") == ["/usr/bin/open"]
    assert browser({"SSH_TTY": "/dev/pts/1"}, "darwin") == []


# -- the profile ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def there() -> Iterator[OAuthServers]:
    with oauth_servers() as servers:
        yield servers


@pytest.fixture
def used(home: Home, there: OAuthServers) -> Home:
    """A profile that has the server added, and is logged in at it."""
    home.configure("http://127.0.0.1:1", more=f'mcp: {{servers: {{tracker: {{url: "{there.url}"}}}}}}\n')
    visitor = Visitor(there, home.alpi)
    asyncio.run(visitor.log_in())
    approved = home.call("mcp", "approve", "tracker", "--yes")
    assert approved.code == 0, approved.err
    return home


def token(home: Home) -> str:
    return str(json.loads((home.alpi / "mcp" / "logins" / "tracker.json").read_text())["access_token"])


def test_a_login_is_used_by_what_runs_unattended(used: Home, there: OAuthServers) -> None:
    assert used.call("mcp", "test").out.startswith("ok      tracker: behind a login 1")
    there.tokens.clear()
    there.refresh.clear()
    tested = used.call("mcp", "test")
    assert tested.code == 1 and "wants a login: alpi mcp login tracker" in tested.out
    assert "authorization" not in there.seen[-1].headers


def test_nobody_watching_no_login_begins(used: Home, there: OAuthServers) -> None:
    there.tokens.clear()
    there.refresh.clear()
    before = len(there.seen)
    done = used.call("mcp", "login", "tracker")
    assert done.code == 2 and "nobody can be asked here" in done.err and "on a terminal" in done.err
    added = used.call("mcp", "add", "other", "--url", there.url, "--yes")
    assert added.code == 2 and "other wants a login, and nobody can be asked here" in added.err
    assert {one.path for one in there.seen[before:]} == {"/mcp"}
    assert not (used.alpi / "mcp" / "logins" / "other.json").exists()


def test_another_address_in_the_settings_is_another_server(used: Home, there: OAuthServers) -> None:
    config = used.alpi / "config.yaml"
    config.write_text(config.read_text().replace(there.url, there.url.replace("127.0.0.1", "localhost")))
    before = len(there.seen)
    done = used.call("mcp", "login", "tracker")
    assert done.code == 2 and "not approved as it is configured now" in done.err and "alpi mcp approve" in done.err
    assert used.call("mcp", "test").code == 1 and len(there.seen) == before
    assert used.call("mcp", "approve", "tracker", "--yes").code == 2
    assert not any("authorization" in one.headers for one in there.seen[before:])


def test_a_token_is_in_no_output_and_in_no_transcript(used: Home, there: OAuthServers) -> None:
    runtime = Runtime(None, used.environ)
    secret = token(used)
    assert runtime.redact(f"it said {secret}") == "it said [secret tracker access token]"
    login_store(runtime).save(Login("tracker", there.url, access_token="a-newer-token-0123"))
    assert "a-newer" not in runtime.redact("a-newer-token-0123") and secret not in runtime.redact(secret)


def test_what_alpi_is_registered_as_comes_from_the_settings_and_env(home: Home) -> None:
    with oauth_servers(open_lists=True) as there:
        home.configure("http://127.0.0.1:1")
        (home.alpi / ".env").write_text("CLIENT=canary-of-the-client\n")
        (home.alpi / ".env").chmod(0o600)
        names = ("--client-id", "me", "--client-secret", "$CLIENT")
        done = home.call("mcp", "add", "one", "--url", there.url, *names, "--yes")
        assert done.code == 0, done.err
        literal = home.call(
            "mcp", "add", "two", "--url", there.url, "--client-id", "me", "--client-secret", "hush", "--yes"
        )
        assert literal.code == 2 and "must stand for a secret" in literal.err and "hush" not in literal.err
    assert "canary" not in (home.alpi / "config.yaml").read_text()
    runtime = Runtime(None, home.environ)
    found = identity(runtime, "one", runtime.config.mcp.servers["one"])
    assert (found.client_id, found.client_secret) == ("me", "canary-of-the-client")


def test_no_tool_and_no_other_name_reaches_a_login(used: Home, tmp_path: Path) -> None:
    guard = Runtime(None, used.environ).guard(used.workspace)
    path = used.alpi / "mcp" / "logins" / "tracker.json"
    assert path in guard.protected_files()
    assert guard.judge(path, "read").tier.name == "DANGEROUS" and guard.judge(path, "write").tier.name == "DANGEROUS"


def test_a_backup_has_the_logins_and_a_readable_export_does_not(used: Home, tmp_path: Path) -> None:
    assert "mcp/logins/tracker.json" in {part.name for part in Tree(used.alpi).parts()}
    done = used.call("profile", "export", "default", str(tmp_path / "out"))
    assert done.code == 0, done.err
    secret = token(used).encode()
    assert not any(secret in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_logging_out_forgets_and_revokes(used: Home, there: OAuthServers) -> None:
    done = used.call("mcp", "logout", "tracker")
    assert done.out == "you are logged out of tracker; its tokens are revoked\n"
    assert not there.tokens and not (used.alpi / "mcp" / "logins" / "tracker.json").exists()
    assert used.call("mcp", "logout", "tracker").out == "you are not logged in at tracker\n"


def test_logging_out_works_without_the_server(used: Home, there: OAuthServers) -> None:
    there.faults["/revoke"] = 500
    assert "no way to revoke" in used.call("mcp", "logout", "tracker").out
    path = used.alpi / "mcp" / "logins" / "tracker.json"
    path.write_text("{broken")
    assert "is removed" in used.call("mcp", "logout", "tracker").out and not path.exists()


def test_removing_a_server_forgets_its_login(used: Home) -> None:
    assert used.call("mcp", "remove", "tracker", "--yes").code == 0
    assert not list((used.alpi / "mcp" / "logins").iterdir())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{command: [x], oauth: {client_id: x}}", "oauth is for addresses"),
        ("{command: [x]}", "nobody logs in there"),
        ('{url: "https://x.example", oauth: {client_id: x, client_secret: hush-hush}}', "must stand for a secret"),
        ('{url: "https://x.example", oauth: {client_secret: $X}}', "needs the oauth.client_id"),
        ('{url: "https://x.example", oauth: {client_metadata_url: "http://x"}}', "https address with a path"),
        ('{url: "https://x.example", headers: {authorization: Bearer $X}}', "authorised by a header"),
    ],
)
def test_where_nobody_can_log_in_the_reason_is_said(home: Home, settings: str, words: str) -> None:
    home.configure("http://127.0.0.1:1", more=f"mcp: {{servers: {{one: {settings}}}}}\n")
    done = home.call("mcp", "login", "one")
    assert done.code == 2 and words in done.err and "hush" not in done.err


def test_a_header_that_is_refused_is_no_login(home: Home, there: OAuthServers) -> None:
    home.configure("http://127.0.0.1:1")
    (home.alpi / ".env").write_text("KEY=not-the-right-one\n")
    (home.alpi / ".env").chmod(0o600)
    done = home.call("mcp", "add", "one", "--url", there.url, "--header", "Authorization: Bearer $KEY", "--yes")
    assert done.code == 1 and "refuses the Authorization header" in done.err and "mcp login" not in done.err
    assert not (home.alpi / "mcp").exists()


def test_lax_permissions_of_a_login_are_put_right_by_the_next_write(used: Home, there: OAuthServers) -> None:
    path = used.alpi / "mcp" / "logins" / "tracker.json"
    path.chmod(0o644)
    store = LoginStore(path.parent, used.alpi / "run", lambda values: None)
    login = store.load("tracker", there.url)
    assert login is not None
    store.save(login)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
