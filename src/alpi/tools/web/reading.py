"""The program of a reader's child process (``readers.py``): bodies come in, their text goes out. Run as a module; knows no network."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from ...base.errors import AlpiError
from .client import Fetched
from .reader import read

# Of memory, what a page may make it take: lxml needs some thirty times the page.
MOST_MEMORY = 2 << 30


def answered(wanted: dict[str, Any], body: bytes) -> dict[str, str]:
    """A page as the parent is told of it, or what is wrong with it."""
    try:
        page = read(Fetched(wanted["url"], 200, wanted["type"], body))
    except AlpiError as error:
        return {"problem": error.message, "hint": error.hint}
    except (MemoryError, RecursionError):
        return {"problem": f"{wanted['url']} is built in a way that takes too much to read", "hint": "Try the browser"}
    return {"title": page.title, "text": page.text, "kind": page.kind}


def bound_memory() -> None:
    """Let the system refuse more, where it can."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    except (ValueError, OSError):
        pass  # macOS knows the limit and does not take it


def main() -> None:
    """Serve until the parent closes the pipe. A parent that has gone in the middle is outlived by ``seconds`` at most."""
    bound_memory()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not be taken for an answer
    while line := source.readline():
        wanted = json.loads(line)
        body = source.read(wanted["size"])
        signal.alarm(wanted["seconds"])
        data = json.dumps(answered(wanted, body)).encode()
        signal.alarm(0)
        target.write(b"%d\n" % len(data) + data)
        target.flush()


if __name__ == "__main__":
    main()
