"""Measures alpi. Prints tables and writes nothing else; docs/PERFORMANCE.md says what each number means.

python -m bench            all of it
python -m bench ask size   some of it
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from .measure import Row, table

NAMES = (
    "start",
    "prompt",
    "ask",
    "tool",
    "memory",
    "tokens",
    "session",
    "remember",
    "ledger",
    "search",
    "compaction",
    "size",
    "tui",
    "links",
    "mcp",
    "web",
    "skills",
    "browser",
)
# These print tables of their own.
OWN_TABLES = ("risk", "sandbox")


def main() -> int:
    """Run what was asked for. Returns 1 when an aim was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measures alpi, beside a floor in the same run."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES + OWN_TABLES)}; all when left out"
    )
    names: list[str] = parser.parse_args().names or [*NAMES, *OWN_TABLES]
    unknown = set(names) - {*NAMES, *OWN_TABLES}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES + OWN_TABLES)}")
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}\n",
        flush=True,
    )
    rows: list[Row] = []
    for name in names:
        if name in NAMES:
            print(f"{name} ...", file=sys.stderr, flush=True)
            measure: Callable[[], list[Row]] = import_module(f"bench.{name}").run
            rows += measure()
    if rows:
        print(table(rows))
    code = int(not all(row.met for row in rows))
    for name in names:
        if name in OWN_TABLES:
            print(f"\n{name}", flush=True)
            sys.argv = [name]
            own: Mapping[str, Callable[[], int]] = vars(import_module(f"bench.{name}"))
            code |= own["main"]()
    return code


if __name__ == "__main__":
    sys.exit(main())
