"""The chat's screen over a conversation that is made up, as a program of its own.

python -m tests.support.chat_alone broken    the first event of each turn is one that the screen does not know, and it breaks
"""

from __future__ import annotations

import os
import sys
from typing import Any, cast

from alpi.base.errors import AlpiError
from alpi.tui.app import run_app

from .made_up import Talk

TALKS: dict[str, list[Any]] = {"broken": [[cast(Any, object())]]}


def main() -> int:
    """Open it; an error is told as ``alpi`` tells it."""
    try:
        run_app(lambda: Talk(TALKS[sys.argv[1]]), theme="dark", environ=os.environ)
    except AlpiError as error:
        print(f"alpi: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
