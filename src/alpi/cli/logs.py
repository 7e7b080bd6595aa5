"""Show the logs of a profile: what turns and tools did (agent), and what was asked and refused (approval)."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

EPILOG = """\
examples:
  alpi logs                           the last turns and tool calls
  alpi logs -f                        and those to come, until Ctrl-C
  alpi logs -n 200 --failed --since 2d
  alpi logs approval --since "2026-11-24 18:00"
  alpi logs --json | jq -r 'select(.event == "turn").tokens.output'

--since takes a date, a date and time, or an age: 30m, 12h, 7d. The agent log holds no word of a conversation.
"""
PAUSE = 0.3
AGE = re.compile(r"([0-9]{1,6})\s*([smhdw])")
UNITS = "smhdw"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are shown. ``since`` is aware of its zone; empty texts leave all in."""

    since: datetime | None = None
    session: str = ""
    surface: str = ""
    failed: bool = False

    def fits(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is one of them."""
        when = moment(record)
        return (
            (self.since is None or (when is not None and when >= self.since))
            and str(record.get("session", "")).startswith(self.session)
            and (not self.surface or record.get("surface") == self.surface)
            and (not self.failed or is_failure(record))
        )


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi logs``."""
    parser.add_argument(
        "log",
        metavar="LOG",
        nargs="?",
        choices=["agent", "approval"],
        default="agent",
        help="agent (the default) or approval",
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on showing what is added, also when the log is rotated"
    )
    parser.add_argument("-n", "--lines", type=int, default=20, metavar="N", help="how many of the last ones (20)")
    parser.add_argument("--since", metavar="WHEN", help="only from then on: a date, a time, or an age such as 2h")
    parser.add_argument(
        "--session", metavar="ID", default="", help="only of this session; the beginning of its id is enough"
    )
    parser.add_argument("--surface", metavar="NAME", default="", help="only from this surface: chat, ask, ...")
    parser.add_argument("--failed", action="store_true", help="only what failed or was refused")
    parser.add_argument("--json", action="store_true", help="the lines as they stand in the file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a log. The settings are not read: a broken config.yaml must not keep anybody from looking."""
    from ..base.clock import SystemClock
    from ..base.paths import profile_paths

    if args.lines < 0:
        raise UsageError("-n must be 0 or more")
    now = SystemClock().now()
    wanted = Wanted(_since(args.since, now) if args.since else None, args.session, args.surface, args.failed)
    path = profile_paths(args.profile, environ).logs / f"{args.log}.log"
    show = _raw if args.json else agent_line if args.log == "agent" else approval_line
    tail = Tail(path)
    shown = 0
    for record in deque((record for record in tail.written() if wanted.fits(record)), maxlen=args.lines):
        print(show(record))
        shown += 1
    if not args.follow:
        if not shown and not args.json:
            print(
                "nothing of that kind is in the log" if path.exists() else "nothing has been logged yet",
                file=sys.stderr,
            )
        return 0
    sys.stdout.flush()
    for record in tail.follow(time.sleep):
        if wanted.fits(record):
            print(show(record), flush=True)
    return 0


class Tail:
    """Reads a log from its oldest file to its newest, and then what is added. Each line is given once; torn ones are waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._begun = b""

    def written(self) -> Iterator[dict[str, Any]]:
        """All records that are there now."""
        from ..state.rotation import rotated

        for path in rotated(self._path):
            with path.open("rb") as file:
                for line in file:
                    yield from _record(line)
        self._open()
        yield from self._new()

    def follow(self, sleep: Callable[[float], None]) -> Iterator[dict[str, Any]]:
        """Records as they come; never ends. When the log is rotated, what was added before is read first, in its order."""
        while True:
            yield from self._new()
            if self._moved():
                yield from self._new()  # what came before it got its number
                yield from self._passed_over()
                yield from self._new()
            sleep(PAUSE)

    def _open(self) -> None:
        if self._file is not None:
            self._file.close()
        self._begun = b""
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            self._file = None

    def _moved(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False  # between two names; the new file comes with the next line
        return self._file is None or not os.path.samestat(os.fstat(self._file.fileno()), there)

    def _passed_over(self) -> Iterator[dict[str, Any]]:
        """Open the new file; first the records of those that came and got their number while nobody looked."""
        from ..state.rotation import rotated

        former = os.fstat(self._file.fileno()) if self._file is not None else None
        self._open()
        present = os.fstat(self._file.fileno()) if self._file is not None else None
        between = former is None
        for path in rotated(self._path):
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue  # old enough to be deleted
            with file:
                state = os.fstat(file.fileno())
                if present is not None and os.path.samestat(state, present):
                    return
                if between:
                    for line in file:
                        yield from _record(line)
                between = between or (former is not None and os.path.samestat(state, former))

    def _new(self) -> Iterator[dict[str, Any]]:
        if self._file is None:
            return
        while line := self._file.readline():
            self._begun += line
            if self._begun.endswith(b"\n"):
                whole, self._begun = self._begun, b""
                yield from _record(whole)


def _record(line: bytes) -> Iterator[dict[str, Any]]:
    """The record of a line; nothing where it is damaged: ``alpi doctor`` and ``alpi audit`` tell of those."""
    import msgspec

    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return
    if isinstance(record, dict):
        yield record


def moment(record: Mapping[str, Any]) -> datetime | None:
    """When a record was written."""
    try:
        found = datetime.fromisoformat(str(record.get("time", "")))
    except ValueError:
        return None
    return found if found.tzinfo else found.astimezone()


def is_failure(record: Mapping[str, Any]) -> bool:
    """Whether a record tells of something that failed or was refused."""
    if "decision" in record:
        return str(record["decision"]).startswith(("no", "refused"))
    return record.get("ok") is False or record.get("refused") is True


def agent_line(record: Mapping[str, Any]) -> str:
    """A line of the agent log for a person."""
    from ..base.text import escaped

    state = "refused" if record.get("refused") else "ok" if record.get("ok") else "failed"
    seconds = float(record.get("seconds") or 0)
    if record.get("event") == "tool":
        what = f"tool  {escaped(str(record.get('tool', '')))}"
    else:
        tokens = record.get("tokens")
        tokens = tokens if isinstance(tokens, dict) else {}
        counts = f"{tokens.get('input', 0):,} tokens in ({tokens.get('cached', 0):,} cached), {tokens.get('output', 0):,} out"
        stop = escaped(str(record.get("stop", "")))
        what = f"turn  {escaped(str(record.get('model', '')))}, {record.get('steps', 0)} steps, {counts}, {stop}"
    where = f"{escaped(str(record.get('surface', '')))} {escaped(str(record.get('session', '')))}"
    return f"{_when(record)}  {state:7} {seconds:7.2f} s  {what}  [{where}]"


def approval_line(record: Mapping[str, Any]) -> str:
    """A line of the audit log for a person."""
    from ..base.text import escaped, one_line

    what = f"{record.get('tool', '')}: {one_line(escaped(str(record.get('what', ''))), 160)}"
    reason = one_line(escaped(str(record.get("reason") or "")), 200)
    head = f"{_when(record)}  {record.get('tier', '')!s:9} {escaped(str(record.get('decision', '')))}"
    where = f"{escaped(str(record.get('surface', '')))} {escaped(str(record.get('session', '')))}"
    return f"{head}  {what}{f' ({reason})' if reason else ''}  [{where}]"


def _raw(record: Mapping[str, Any]) -> str:
    from ..tui.terminal import json_line

    return json_line(record, sys.stdout)


def _when(record: Mapping[str, Any]) -> str:
    found = moment(record)
    return f"{found.astimezone():%Y-%m-%d %H:%M:%S}" if found else " " * 19


def _since(text: str, now: datetime) -> datetime:
    age = AGE.fullmatch(text.strip())
    if age:
        seconds = dict(zip(UNITS, (1, 60, 3600, 86400, 604800), strict=True))[age[2]]
        return now - timedelta(seconds=int(age[1]) * seconds)
    try:
        return datetime.fromisoformat(text.strip()).astimezone()
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no time", "For example: --since 2h, --since 2026-11-24, --since '2026-11-24 18:00'"
        ) from error
