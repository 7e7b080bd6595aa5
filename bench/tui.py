"""The chat's screen: first paint beside a bare Textual app, a key's echo while an answer streams, scrolling, resident memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .measure import ALPI, PYTHON, ROOT, Row, profile

PAINT_AIM, PAINT_SECONDS_AIM, ECHO_AIM_MS, MEMORY_AIM_MB = 1.2, 0.35, 50.0, 110.0
ROUNDS, KEYS, PAGES = 15, 150, 80
TOKENS_A_SECOND, LINES = 5_000, 10_000
ROWS, COLUMNS = 40, 110
# The least that shows a text and a field to type into.
BARE = """
from textual.app import App
from textual.widgets import Input, Static
class Bare(App):
    def compose(self):
        yield Static("alpi")
        yield Input(placeholder="Ask, or / for commands")
Bare().run()
"""
# The first letter of the hint stands under the cursor, with codes between it and the rest.
HINT = b"sk, or / for commands"
# Letters that stand in no answer, so that they are seen only when they were typed.
LETTERS = "ξψφζ"


class Window:
    """A program in a terminal of its own that answers nothing, as its first paint must not wait for an answer."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> None:
        self.started = time.perf_counter()
        self.pid, self._screen = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(argv[0], list(argv), {**environ, "TERM": "xterm-256color"})
        fcntl.ioctl(self._screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def until(self, ready: Callable[[bytes], bool], seconds: float = 20.0) -> float:
        """Read until what came is as it should be; gives how long that took, in seconds.

        Raises:
            RuntimeError: it did not come.
        """
        began, seen = time.perf_counter(), b""
        while not ready(seen):
            if time.perf_counter() - began > seconds:
                raise RuntimeError(f"waited {seconds:g} s; this came: {seen[-400:]!r}")
            if select.select([self._screen], [], [], 0.05)[0]:
                seen += os.read(self._screen, 1 << 16)
        return time.perf_counter() - began

    def read_for(self, seconds: float) -> None:
        """Read whatever comes for a while."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if select.select([self._screen], [], [], left)[0]:
                os.read(self._screen, 1 << 16)

    def press(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    @property
    def memory_mb(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found is not None
        return int(found[1]) / 1024

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._screen)


@contextlib.contextmanager
def window(argv: Sequence[str], environ: Mapping[str, str], cwd: Path = ROOT) -> Iterator[Window]:
    """Open a window for a while."""
    opened = Window(argv, environ, cwd)
    try:
        yield opened
    finally:
        opened.close()


def stage(*arguments: str) -> list[str]:
    """The command that opens the chat over a made-up conversation."""
    return [PYTHON, "-m", "bench.chat_stage", *arguments]


def paint(argv: Sequence[str], environ: Mapping[str, str], cwd: Path = ROOT) -> float:
    """Seconds from the start of a program until its prompt is on the screen."""
    with window(argv, environ, cwd) as opened:
        opened.until(lambda seen: HINT in seen)
        return time.perf_counter() - opened.started


def first_paint() -> list[Row]:
    """Bare app, chat and the whole program in turn."""
    with profile(
        {"model": "here/none", "providers": {"here": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}}}
    ) as (
        environ,
        workspace,
    ):
        whole_environ = {**environ, "ALPI_HOME": f"{environ['HOME']}/.alpi"}
        bare: list[float] = []
        chat: list[float] = []
        whole: list[float] = []
        for number in range(ROUNDS + 1):
            times = (
                paint([PYTHON, "-c", BARE], environ),
                paint(stage("prompt"), environ),
                paint([ALPI], whole_environ, workspace),
            )
            if number:
                for kept, seconds in zip((bare, chat, whole), times, strict=True):
                    kept.append(seconds)
    ratio = statistics.median(a / b for a, b in zip(chat, bare, strict=True))
    return [
        Row("chat's first paint to a bare Textual app", shown(chat), shown(bare), ratio, PAINT_AIM, "x"),
        Row(
            "alpi until its prompt can be typed into",
            shown(whole),
            shown(bare),
            statistics.median(whole),
            PAINT_SECONDS_AIM,
            " s",
            "the whole program, with a configured profile",
        ),
    ]


def shown(seconds: Sequence[float]) -> str:
    """Median and best in milliseconds."""
    return f"{statistics.median(seconds) * 1000:.0f} ms (best {min(seconds) * 1000:.0f})"


def echo(rate: int, environ: Mapping[str, str]) -> tuple[list[float], float]:
    """How long each key took to appear, in ms, sorted; and the memory at the end."""
    pauses = random.Random(1)
    took = []
    with window(stage("stream", str(rate)), environ) as opened:
        opened.until(lambda seen: HINT in seen)
        opened.read_for(1.0)
        opened.press("go\r")
        opened.read_for(1.5)
        for number in range(KEYS):
            letter = LETTERS[number % len(LETTERS)]
            opened.read_for(0)
            opened.press(letter)
            took.append(opened.until(holding(letter)) * 1000)
            if number % 20 == 19:
                opened.press("\x15")
            opened.read_for(pauses.uniform(0.02, 0.08))
        return sorted(took), opened.memory_mb


def holding(text: str) -> Callable[[bytes], bool]:
    """Whether a text is among what came."""
    return lambda seen: text.encode() in seen


def quantiles(took: Sequence[float]) -> str:
    """Median and 99th percentile."""
    return f"p50 {statistics.median(took):.0f} ms, p99 {percentile(took):.0f} ms"


def percentile(took: Sequence[float]) -> float:
    return took[min(len(took) - 1, int(len(took) * 0.99))]


def keys_while_streaming(environ: Mapping[str, str]) -> list[Row]:
    """A key's echo, with and without an answer arriving."""
    quiet, _ = echo(0, environ)
    busy, memory = echo(TOKENS_A_SECOND, environ)
    return [
        Row(
            f"a key's echo at {TOKENS_A_SECOND:,} tokens/s",
            quantiles(busy),
            quantiles(quiet),
            percentile(busy),
            ECHO_AIM_MS,
            " ms",
            "p99; the floor is the same with nothing arriving",
        ),
        Row("memory after streaming", f"{memory:.0f} MB", "", memory, MEMORY_AIM_MB, " MB"),
    ]


def long_session(environ: Mapping[str, str]) -> list[Row]:
    """A session of many lines: how soon it is there, how it scrolls, what it takes."""
    took = []
    with window(stage("long", str(LINES)), environ) as opened:
        opened.until(lambda seen: b"messages so far" in seen)
        there = time.perf_counter() - opened.started
        opened.read_for(1.0)
        for _ in range(PAGES):
            opened.press("\x1b[5~")
            took.append(opened.until(bool) * 1000)
            opened.read_for(0.05)
        opened.read_for(6.0)
        memory = opened.memory_mb
    took.sort()
    return [
        Row(f"a session of {LINES:,} lines is there", f"{there * 1000:.0f} ms"),
        Row("a page further up in it", quantiles(took), "", percentile(took), ECHO_AIM_MS, " ms", "p99"),
        Row("memory with it open", f"{memory:.0f} MB", "", memory, MEMORY_AIM_MB, " MB"),
    ]


def run() -> list[Row]:
    """All of it. Ends no program but those that it started."""
    with profile({}) as (environ, _):
        return [*first_paint(), *keys_while_streaming(environ), *long_session(environ)]
