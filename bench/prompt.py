"""How long it takes from Enter in the shell until the chat's prompt stands there, in a real pseudo-terminal."""

from __future__ import annotations

import os
import pty
import signal
import statistics
import time

from .measure import ALPI, Row, profile

AIM_MS = 300.0
ROUNDS = 12


def run() -> list[Row]:
    """Nothing listens at the model's address: the prompt must not need it."""
    config = {"model": "here/x", "providers": {"here": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}}}
    with profile(config) as (environ, workspace):
        environ["TERM"] = "xterm-256color"
        times = [painted(environ, str(workspace)) for _ in range(ROUNDS + 1)][1:]
    shown = f"{statistics.median(times):.0f} ms (best {min(times):.0f})"
    return [
        Row("alpi until its prompt is painted", shown, "", statistics.median(times), AIM_MS, " ms", f"{ROUNDS} runs")
    ]


def painted(environ: dict[str, str], folder: str) -> float:
    """Milliseconds until the prompt."""
    begin = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(ALPI, [ALPI], environ)
    seen = b""
    while b"> " not in seen.rpartition(b"\n")[2].replace(b"\x1b[0m", b""):
        seen += os.read(terminal, 4096)
    took = (time.perf_counter() - begin) * 1000
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return took
