"""Logins on the disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from alpi.base.errors import ConfigError
from alpi.mcp.logins import Challenge, Login, LoginStore
from tests.support.stage import in_loop

LOGIN = Login(
    "tracker",
    "https://mcp.example.com/mcp",
    places=("https://auth.example.com",),
    client={"client_id": "me", "client_secret": "canary-client-secret"},
    access_token="canary-access-token",
    refresh_token="canary-refresh-token",
    expires=1000.0,
    wanted=Challenge(403, "Bearer"),
)


def a_store(folder: Path, learnt: dict[str, str] | None = None) -> LoginStore:
    return LoginStore(folder / "mcp" / "logins", folder / "run", (learnt if learnt is not None else {}).update)


def test_a_login_is_kept_for_the_owner_alone_and_known_as_secret(tmp_path: Path) -> None:
    written: dict[str, str] = {}
    a_store(tmp_path, written).save(LOGIN)
    read: dict[str, str] = {}
    store = a_store(tmp_path, read)
    assert store.load("tracker", LOGIN.url) == LOGIN
    assert written == read == LOGIN.secrets() and len(read) == 3
    assert stat.S_IMODE(store.path("tracker").stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path("tracker").parent.stat().st_mode) == 0o700
    assert list(store.all()) == [LOGIN]
    assert store.forget("tracker") and not store.forget("tracker")
    assert store.load("tracker", LOGIN.url) is None


@pytest.mark.parametrize(
    "url", ["https://mcp.example.com/mcp/", "http://mcp.example.com/mcp", "https://evil.example.com/mcp", ""]
)
def test_a_login_is_for_one_address(tmp_path: Path, url: str) -> None:
    store = a_store(tmp_path)
    store.save(LOGIN)
    assert store.load("tracker", url) is None


@pytest.mark.parametrize("text", ["", "{", '{"server": "tracker"}', "[" * 100_000])
def test_a_file_that_is_none_is_said_without_its_content(tmp_path: Path, text: str) -> None:
    store = a_store(tmp_path)
    store.save(LOGIN)
    store.path("tracker").write_text(text + "canary")
    with pytest.raises(ConfigError, match="no login") as caught:
        store.load("tracker", LOGIN.url)
    assert "canary" not in str(caught.value) and "alpi mcp login tracker" in caught.value.hint
    assert list(store.all()) == []


def test_the_file_of_another_server_counts_for_nothing(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.save(LOGIN)
    store.path("tracker").rename(store.path("other"))
    with pytest.raises(ConfigError, match="another server"):
        store.load("other", LOGIN.url)


def test_an_ordinary_word_as_a_token_does_not_garble_what_is_written() -> None:
    assert Login("x", "https://x.example", access_token="function").secrets() == {}


def test_a_token_is_over_a_little_before_its_end() -> None:
    assert LOGIN.fresh(900) and not LOGIN.fresh(995) and not LOGIN.fresh(2000)
    assert Login("x", "https://x.example", access_token="a").fresh(1e12)
    assert not Login("x", "https://x.example").fresh(0)


@in_loop
async def test_one_at_a_time_has_a_login(tmp_path: Path) -> None:
    import asyncio

    order: list[str] = []

    async def work(name: str) -> None:
        async with a_store(tmp_path).held("tracker"):
            order.append(f"{name} begins")
            await asyncio.sleep(0.02)
            order.append(f"{name} ends")

    await asyncio.gather(work("one"), work("two"))
    assert [line.split()[1] for line in order] == ["begins", "ends"] * 2
