"""Reading in child processes: what is given up is really over, however often, and what breaks is named."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from alpi.tools.web.client import Fetched, WebError
from alpi.tools.web.readers import MOST, Readers
from tests.support.pdfs import pdf
from tests.support.stage import in_loop

PAGE = Fetched("https://site.example/", 200, "text/html", b"<p>hello there</p>")
# Children that are slow on purpose, die, or answer with half of what they announce. Each says in its command line whose it is.
SLOW = "import sys, time; sys.stdin.buffer.readline(); time.sleep(60)"
DIES = "import sys; sys.stdin.buffer.readline()"
HALF = "import sys; sys.stdin.buffer.readline(); print(100); print('{}', flush=True)"
ECHO = """
import json, os, sys
while line := sys.stdin.buffer.readline():
    sys.stdin.buffer.read(json.loads(line)["size"])
    data = json.dumps({"title": "", "text": str(os.getpid()), "kind": "page"})
    print(len(data), data, sep="\\n", end="", flush=True)
"""


def program(code: str, folder: Path) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code, str(folder))


def running(folder: Path) -> int:
    """How many children of a test there are."""
    found = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    return sum(line.endswith(str(folder)) and "-I -S -c" in line for line in found.splitlines())


@in_loop
async def test_pages_and_pdfs_are_read_by_a_child_and_plain_text_needs_none() -> None:
    readers = Readers()
    try:
        assert "alpi.tools.web.reading" in readers._command
        assert (await readers.read(Fetched("u", 200, "text/plain", b"only text"))).text == "only text"
        assert not readers._idle
        assert "hello there" in (await readers.read(PAGE)).text
        assert (await readers.read(Fetched("u", 200, "", pdf("A page")))).kind == "pdf"
        with pytest.raises(WebError, match="PDF that cannot be read") as caught:
            await readers.read(Fetched("https://site.example/x.pdf", 200, "", b"%PDF-1.7\n"))
        assert "https://site.example/x.pdf" in caught.value.message
        assert len(readers._idle) == 1, "one child has done all of it"
    finally:
        await readers.aclose()


@in_loop
async def test_however_often_it_is_interrupted_nothing_goes_on(tmp_path: Path) -> None:
    readers = Readers(program(SLOW, tmp_path))
    threads = threading.active_count()
    for _ in range(5):
        tasks = [asyncio.ensure_future(readers.read(PAGE)) for _ in range(3)]
        await asyncio.sleep(0.02)
        assert running(tmp_path) <= MOST
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*tasks, return_exceptions=True)
        )
    assert running(tmp_path) == 0
    await asyncio.get_running_loop().shutdown_default_executor()
    assert threading.active_count() <= threads, "a thread still waits for a page"


@in_loop
async def test_what_takes_too_long_is_ended_and_said(tmp_path: Path) -> None:
    readers = Readers(program(SLOW, tmp_path), seconds=0.1)
    began = time.monotonic()
    with pytest.raises(WebError, match=r"takes more than 0\.1 s to be made text"):
        await readers.read(PAGE)
    assert time.monotonic() - began < 5
    assert running(tmp_path) == 0


@pytest.mark.parametrize("code", [DIES, HALF, "pass"], ids=["dies", "half", "cannot-start"])
@in_loop
async def test_a_child_that_breaks_is_said_and_not_used_again(tmp_path: Path, code: str) -> None:
    readers = Readers(program(code, tmp_path), seconds=10)
    with pytest.raises(WebError, match="broke its reader"):
        await readers.read(PAGE)
    assert not readers._idle and running(tmp_path) == 0


@in_loop
async def test_a_child_is_used_again_until_it_has_been_idle_for_long(tmp_path: Path) -> None:
    readers = Readers(program(ECHO, tmp_path), idle_seconds=0.05)
    first, second = await readers.read(PAGE), await readers.read(PAGE)
    assert first.text == second.text
    while running(tmp_path):
        await asyncio.sleep(0.02)
    assert (await readers.read(PAGE)).text != first.text
    await readers.aclose()
    assert running(tmp_path) == 0
