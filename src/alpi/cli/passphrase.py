"""Where the passphrase of a backup comes from: a person who types it without echo, a file, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

SHORT = 12
"""Characters below which a passphrase is called short. Argon2id makes each guess dear, and a short one is guessed all the same."""


def option(parser: argparse.ArgumentParser) -> None:
    """The option that ``alpi backup`` and ``alpi restore`` share."""
    parser.add_argument(
        "--passphrase-file", metavar="FILE", help="read the passphrase from the first line of FILE, - is standard input"
    )


def passphrase(file: str | None, twice: bool) -> str:
    """The passphrase. ``file``: see ``option``; without it a person is asked, and ``twice`` asks again to catch a slip.

    Raises:
        UsageError: it is empty, the two differ, or nobody is there to be asked.
        StorageError: the file cannot be read.
    """
    if file is not None:
        return _first_line(file)
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to type the passphrase", "Give it with --passphrase-file FILE (or -)")
    from getpass import getpass

    try:
        typed = getpass("Passphrase: ")
        if twice and typed and getpass("Once more:  ") != typed:
            raise UsageError("the two are not the same", "Try again")
    except EOFError:
        typed = ""
    except KeyboardInterrupt:
        print(file=sys.stderr)  # what comes next does not stand behind the question
        raise
    if not typed:
        raise UsageError("the passphrase is empty", "Choose one of several words, and write it down")
    if twice and len(typed) < SHORT:
        print(f"alpi: {len(typed)} characters are few; several words are safer", file=sys.stderr)
    return typed


def _first_line(file: str) -> str:
    from ..base.files import read_text

    text = sys.stdin.readline() if file == "-" else read_text(Path(file).expanduser(), 1 << 16)
    if text is None:
        raise UsageError(f"there is no file {file}", "It must hold the passphrase on its first line")
    line = text.split("\n")[0].removesuffix("\r")
    if not line:
        where = "standard input" if file == "-" else file
        raise UsageError(f"the passphrase in {where} is empty", "It must stand on the first line")
    return line
