"""Lines that fit a regular expression, found in a child process.

A pattern of a model's can take for ever (``(a+)+$``), nothing stops one inside Python, and while it runs nothing else does: no
Ctrl-C either. A child can be killed. It runs this file's own few lines and nothing that a model has chosen but the pattern.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import threading
import time
from types import TracebackType

WORKER = """
import json, re, sys
source = sys.stdin.buffer
wanted = json.loads(source.readline())
pattern = re.compile(wanted["pattern"], wanted["flags"])
while size := source.readline():
    found = []
    for number, line in enumerate(source.read(int(size)).decode().split("\\n"), 1):
        if pattern.search(line.removesuffix("\\r")):
            found.append(number)
            if len(found) == wanted["most"]:
                break
    sys.stdout.write(json.dumps(found) + "\\n")
    sys.stdout.flush()
"""
LOOK_EVERY = 0.05


class Gone(Exception):
    """The search was stopped, or its time is up."""


class Matcher:
    """Searches texts for a pattern until ``deadline`` (monotonic) or ``stop``. A context manager: the child ends with it.

    Args:
        most: how many lines of one text are wanted.
    """

    def __init__(self, pattern: str, flags: int, most: int, deadline: float, stop: threading.Event) -> None:
        self._deadline = deadline
        self._stop = stop
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
        self._send(json.dumps({"pattern": pattern, "flags": flags, "most": most}).encode() + b"\n")

    def lines(self, text: str) -> list[int]:
        """The numbers of the lines that fit, counted from 1.

        Raises:
            Gone: it was stopped.
        """
        data = text.encode()
        self._send(b"%d\n" % len(data) + data)
        assert self._child.stdout is not None
        while not select.select([self._child.stdout], [], [], LOOK_EVERY)[0]:
            if self._stop.is_set() or time.monotonic() > self._deadline:
                raise Gone
        answer = self._child.stdout.readline()
        if not answer:
            raise Gone
        found: list[int] = json.loads(answer)
        return found

    def _send(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError as error:
            raise Gone from error

    def __enter__(self) -> Matcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # what was still to be sent has no reader any more
