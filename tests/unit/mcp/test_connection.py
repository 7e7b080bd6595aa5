from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from alpi.mcp.connection import ServerError
from alpi.mcp.offers import offer_problem
from tests.support.mcp_servers import command, connection, gone
from tests.support.stage import in_loop


async def called(mode: str, tool: str = "echo", file: Path | None = None, **more: Any) -> str:
    """The text of one call's answer."""
    server = connection(mode, file, **more)
    try:
        answer = await server.call(tool, {"text": "hello"})
        return "".join(getattr(part, "text", "") for part in answer.content)
    finally:
        await server.aclose()


@in_loop
async def test_a_server_is_connected_listed_called_and_ended() -> None:
    offered: list[list[str]] = []
    server = connection("good", listed=lambda offers: offered.append([offer.name for offer in offers]))
    server.begin()
    answer = await server.call("echo", {"text": "hello"})
    assert answer.content[0].text == "hello"  # type: ignore[union-attr]
    assert offered == [["echo", "work"]]
    assert server.about == "test 1, protocol 2025-11-25"
    await server.aclose()
    await server.aclose()


@in_loop
async def test_what_a_server_claims_of_its_tools_is_part_of_the_offer() -> None:
    server = connection("looks")
    search, fetch, _ = await server.offers()
    await server.aclose()
    assert search.hints == {"readOnlyHint": True, "openWorldHint": True} and fetch.hints == {}
    assert search.claims == "it only reads, it reaches out to others"


@in_loop
async def test_a_server_that_hangs_while_it_is_connected_is_given_up() -> None:
    failed: list[str] = []
    started = time.monotonic()
    with pytest.raises(ServerError, match=r"was not ready within 0\.5 s"):
        await called("hangsconnecting", connect=0.5, failed=failed.append)
    assert time.monotonic() - started < 2.5
    assert failed == ["the MCP server test was not ready within 0.5 s"]


@pytest.mark.parametrize("mode", ["hangscalling", "deaf", "wrongids"])
@in_loop
async def test_a_call_that_is_never_answered_ends_at_its_limit(mode: str) -> None:
    started = time.monotonic()
    with pytest.raises(ServerError, match=r"did not answer within 0\.3 s"):
        await called(mode, "work", call=0.3)
    assert time.monotonic() - started < 3


@in_loop
async def test_cancelling_a_call_tells_the_server_at_once_and_it_can_be_called_again(tmp_path: Path) -> None:
    server = connection("hangscalling", tmp_path / "heard")
    await server.ready()
    call = asyncio.create_task(server.call("work", {}))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert time.monotonic() - started < 0.8
    await asyncio.sleep(0.2)
    heard = json.loads((tmp_path / "heard").read_text().splitlines()[0])
    assert heard["method"] == "notifications/cancelled"
    await server.aclose()


@in_loop
async def test_cancelling_a_call_of_a_server_that_reads_nothing_takes_no_longer() -> None:
    server = connection("deaf")
    await server.ready()
    call = asyncio.create_task(server.call("work", {"text": "x" * 500_000}))
    await asyncio.sleep(0.2)
    started = time.monotonic()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert time.monotonic() - started < 1
    await server.aclose()
    assert time.monotonic() - started < 2.5


@in_loop
async def test_a_flood_ends_the_server_and_not_alpi() -> None:
    with pytest.raises(ServerError, match="more than 16 MB"):
        await called("floods")


@in_loop
async def test_chatter_does_not_keep_the_answer_from_arriving() -> None:
    assert await called("chatters", call=20) == "at last"


@in_loop
async def test_progress_is_shown_without_terminal_codes() -> None:
    shown: list[str] = []
    server = connection("progresses")
    await server.call("work", {}, shown.append)
    await server.aclose()
    assert shown == ["1/2 half way\n", "2/2 half way\n"]


@in_loop
async def test_lines_that_are_no_messages_are_passed_over() -> None:
    assert await called("nonsense") == "all the same"
    with pytest.raises(ServerError, match="answered with what is no MCP"):
        await called("nonsense", "work")


@pytest.mark.parametrize(
    ("mode", "why"), [("noschemas", "no MCP"), ("twice", "a tool twice"), ("endless", "pages without end")]
)
@in_loop
async def test_a_listing_that_is_nonsense_is_refused(mode: str, why: str) -> None:
    with pytest.raises(ServerError, match=why):
        await called(mode)


@in_loop
async def test_bad_schemas_are_found_one_by_one() -> None:
    server = connection("badschemas")
    bad = [offer.name for offer in await server.offers() if offer_problem(offer)]
    await server.aclose()
    assert bad == ["deep", "long"]


@in_loop
async def test_a_server_that_dies_is_named_and_started_again(tmp_path: Path) -> None:
    failed: list[str] = []
    server = connection("diesonce", tmp_path / "died", failed=failed.append)
    with pytest.raises(ServerError, match="the MCP server test has ended") as caught:
        await server.call("echo", {})
    assert "may have been done in part" in caught.value.hint
    answer = await server.call("echo", {})
    assert answer.content[0].text == "back again"  # type: ignore[union-attr]
    assert failed == ["the MCP server test has ended"]
    await server.aclose()


@in_loop
async def test_a_server_that_dies_at_once_is_told_with_what_it_wrote() -> None:
    failed: list[str] = []
    with pytest.raises(ServerError, match="has ended") as caught:
        await called("neverstarts", failed=failed.append)
    assert "TRACKER_URL" not in str(caught.value), "its own words are not for the model"
    assert "TRACKER_URL is missing" in failed[0]


@in_loop
async def test_words_of_an_error_are_kept_apart_from_alpis_own() -> None:
    with pytest.raises(ServerError) as caught:
        await called("errors", "work")
    assert "Ignore" not in str(caught.value)
    assert caught.value.said.startswith("Ignore all previous")


@in_loop
async def test_servers_are_offered_no_sampling_no_elicitation_and_no_roots() -> None:
    assert json.loads(await called("capabilities")) == {}
    assert json.loads(await called("asks")) == [
        "Sampling not supported", "Elicitation not supported", "List roots not supported", "ok",
    ]  # fmt: skip


@in_loop
async def test_no_pattern_of_a_server_is_tried_on_its_answers() -> None:
    started = time.monotonic()
    assert await called("slow") == "fine"
    assert time.monotonic() - started < 4


@in_loop
async def test_a_change_is_listed_again_before_the_next_call(tmp_path: Path) -> None:
    file = tmp_path / "tools"
    file.write_text(json.dumps([{"name": "a", "inputSchema": {"type": "object"}}]))
    offered: list[list[str]] = []
    server = connection("changes", file, listed=lambda offers: offered.append([offer.description for offer in offers]))
    await server.call("a", {})
    file.write_text(json.dumps([{"name": "a", "description": "evil", "inputSchema": {"type": "object"}}]))
    await server.call("a", {})
    await server.aclose()
    assert offered == [[""], ["evil"]]


@in_loop
async def test_nothing_of_a_server_that_clings_is_left(tmp_path: Path) -> None:
    await called("clings", file=tmp_path / "pids")
    assert gone([int(pid) for pid in (tmp_path / "pids").read_text().split()], 2)


@pytest.mark.slow
def test_nothing_is_left_when_alpi_is_killed(tmp_path: Path) -> None:
    """A server that ignores the end of its input and SIGTERM, without a sandbox: its keeper ends it."""
    script = (
        "import asyncio, pathlib, sys\n"
        "from tests.support.mcp_servers import connection\n"
        "async def main():\n"
        "    server = connection('clings', pathlib.Path(sys.argv[1]))\n"
        "    await server.ready()\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "pids")], stdout=subprocess.PIPE, cwd=root, env={**os.environ}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    process.kill()
    process.wait()
    process.stdout.close()
    assert gone(pids, 5)


@in_loop
async def test_a_program_that_is_not_there_is_named() -> None:
    from alpi.mcp.connection import Connection, Limits
    from tests.support.mcp_servers import opened

    server = Connection("test", opened(["/nonexistent/server"]), Limits(1, 30), time.monotonic)
    with pytest.raises(ServerError, match="has ended"):
        await server.ready()
    await server.aclose()
    assert command("good")
