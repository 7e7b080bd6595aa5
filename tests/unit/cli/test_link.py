"""alpi link: what is refused before anything is sent, and what a profile of this machine answers."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from alpi.alp.core.methods import OverCap
from alpi.alp.io.keyfile import IdentityFiles
from tests.support import link_nodes
from tests.support.links import identity, peer
from tests.support.program import Home

AWAY = f"alp1 {identity(5).name} - nas"


@contextmanager
def answering(home: Home, **entry: Any) -> Iterator[link_nodes.Running]:
    """Another profile of this machine, ``nas``, whose node answers; this profile has pinned it."""
    mine = IdentityFiles(home.alpi / "alp").load_or_make(lambda size: identity(8).seed)
    folder = home.alpi / "profiles" / "nas" / "alp"
    folder.parent.mkdir(parents=True, mode=0o700)
    theirs = IdentityFiles(folder).load_or_make(lambda size: identity(9).seed)
    assert home.call("peers", "add", f"alp1 {theirs.name} - nas", "--yes").code == 0
    started, over = threading.Event(), threading.Event()
    made: list[link_nodes.Running] = []

    async def serve() -> None:
        async with link_nodes.running(theirs, peer(mine, "caller", **entry), folder=folder, listen=None) as running:
            made.append(running)
            started.set()
            while not over.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(5)
        yield made[0]
    finally:
        over.set()
        thread.join()


def test_ping_as_often_as_one_likes(home: Home) -> None:
    with answering(home):
        done = home.call("link", "ping", "nas", "-n", "3")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("nas answers as 'tested' in ") == 3


def test_ask_prints_the_answer_once(home: Home) -> None:
    with answering(home) as nas:
        done = home.run("link", "ask", "nas", "say", "well", stdin=b"")
        piped = home.run("link", "ask", "nas", "say", stdin=b"from a pipe\n")
        longer = home.run("link", "ask", "nas", "flood 1", stdin=b"")
    assert (done.code, done.out, done.err) == (0, "well\n", "")
    assert piped.code == 0
    assert [params.prompt for _, params in nas.handler.asked][:2] == ["say well", "say\n\nfrom a pipe"]
    assert longer.out == "x" * 100_000 + "1\n", "what was said before the answer does not make it come twice"


def test_json_is_the_whole_result(home: Home) -> None:
    with answering(home) as nas:
        done = home.run("link", "ask", "--json", "--tokens", "900", "--usd", "0.5", "nas", "say yes", stdin=b"")
        (_, params), *_ = nas.handler.asked
    assert json.loads(done.out) == {
        "text": "yes",
        "session_id": "session-caller",
        "tokens_in": 10,
        "tokens_out": 5,
        "cost": 0.25,
        "interrupted": False,
    }
    assert (params.tokens, params.usd) == (900, 0.5)


def test_cancel_says_whether_there_was_something(home: Home) -> None:
    with answering(home) as nas:
        assert "was not doing anything" in home.call("link", "cancel", "nas").out
        asking = home.start("link", "ask", "nas", "wait")
        assert asking.stdout is not None
        assert asking.stdout.read(5) == b"begun"
        assert home.call("link", "cancel", "nas").out == "stopped\n"
        out, err = asking.communicate(timeout=10)
        assert (asking.returncode, b"stopped before it was done" in err) == (1, True), out
        assert nas.handler.stopped == ["caller"]


def test_what_the_peer_does_not_allow_has_its_exit_code(home: Home) -> None:
    with answering(home, allow=("link.ping", "link.ask")) as nas:
        denied = home.call("link", "cancel", "nas")
        nas.handler.cap = OverCap("tokens", "peer")
        over = home.run("link", "ask", "nas", "say x", stdin=b"")
    assert (denied.code, "does not let this profile use link.cancel" in denied.err) == (3, True)
    assert (over.code, "used up the tokens" in over.err) == (4, True)
    assert nas.handler.asked == []


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["ping", "attic"], "there is no peer 'attic'"),
        (["ping", "nas", "-n", "0"], "-n must be at least 1"),
        (["ask", "nas", "  "], "there is nothing to ask"),
    ],
)
def test_wrong_usage_sends_nothing(home: Home, argv: list[str], said: str) -> None:
    assert home.call("peers", "add", AWAY, "--yes").code == 0
    done = home.run("link", *argv, stdin=b"")
    assert (done.code, said in done.err) == (2, True), done.err


def test_a_key_that_no_profile_here_has_is_offline_and_says_what_to_look_at(home: Home) -> None:
    assert home.call("peers", "add", AWAY, "--yes").code == 0
    done = home.call("link", "ping", "nas")
    assert done.code == 1
    assert "no profile of this machine has the key of nas" in done.err
    assert "pin its new card" in done.err


def test_a_profile_whose_service_goes_on_with_its_old_key(home: Home) -> None:
    with answering(home):
        card = home.call("-p", "nas", "id", "rotate", "--yes").out.split("the new card  ")[1].splitlines()[0]
        assert home.call("peers", "remove", "nas", "--yes").code == 0
        assert home.call("peers", "add", card, "--yes").code == 0
        done = home.call("link", "ping", "nas")
    assert done.code == 1
    assert "alpi service restart" in done.err


def test_an_action_is_needed(home: Home) -> None:
    assert home.call("link").code == 2
    assert home.call("link", "list").code == 2


def test_a_broken_list_of_peers_asks_nobody(home: Home) -> None:
    assert home.call("peers", "add", AWAY, "--yes").code == 0
    (home.alpi / "alp" / "peers.yaml").write_text("- id: nas\n")
    done = home.call("link", "ping", "nas")
    assert done.code == 2
    assert "until it is mended" in done.err
