"""What all measurements share: running programs beside each other, and one table for the results."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
ALPI = str(Path(sys.executable).with_name("alpi"))


@dataclass(frozen=True)
class Row:
    """One line of the table. ``value`` is judged against ``aim``: at most that much. ``floor`` is what it was compared with."""

    what: str
    shown: str
    floor: str = ""
    value: float | None = None
    aim: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def met(self) -> bool:
        return self.value is None or self.aim is None or self.value <= self.aim

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        value = "" if self.value is None else f"{self.value:,.2f}{self.unit}"
        aim = "" if self.aim is None else f"≤ {self.aim:,.10g}{self.unit}"
        verdict = "" if self.aim is None else "met" if self.met else "MISSED"
        return self.what, self.shown, self.floor, value, aim, verdict, self.note


def table(rows: Sequence[Row]) -> str:
    """Rows as aligned text."""
    lines = [("", "alpi", "floor", "result", "aim", "", ""), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


@dataclass
class Runs:
    """What several runs of one command took: seconds that went by, seconds of work (all cores), peak memory in kB."""

    seconds: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def noise(self) -> float:
        """Half of the runs lie within a band this wide, as a share of the median."""
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / self.median

    @property
    def peak_mb(self) -> float:
        """The peak of resident memory, the median of the runs."""
        return statistics.median(self.peaks) / 1024

    def shown(self) -> str:
        """Median and best in milliseconds."""
        return f"{self.median * 1000:.0f} ms (best {self.best * 1000:.0f})"


class Launcher:
    """Starts commands from a small process of its own.

    A child's peak of memory counts from before it has become another program, so a large parent would be measured instead of it; and
    a small one forks faster, too.
    """

    def __init__(self) -> None:
        command = [PYTHON, "-I", "-S", str(ROOT / "bench" / "launch.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> tuple[float, float, int]:
        """Run a command to its end; gives seconds, seconds of work, and its peak of resident memory in kB.

        Raises:
            RuntimeError: it failed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"argv": list(argv), "environ": dict(environ), "cwd": str(cwd)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        if said["status"]:
            raise RuntimeError(f"{' '.join(argv)} ended with status {said['status']}: {said['stderr']}")
        return float(said["seconds"]), float(said["work"]), int(said["peak"])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@dataclass(frozen=True)
class Command:
    """A command to measure. ``environ`` is its whole environment."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    cwd: Path


def interleaved(commands: Mapping[str, Command], rounds: int) -> dict[str, Runs]:
    """Run commands in turn, round after round, so that a busy machine slows down all of them; the first round only warms up."""
    runs = {name: Runs() for name in commands}
    launcher = Launcher()
    try:
        for number in range(rounds + 1):
            for name, command in commands.items():
                seconds, work, peak = launcher.run(command.argv, command.environ, command.cwd)
                if number:
                    runs[name].seconds.append(seconds)
                    runs[name].work.append(work)
                    runs[name].peaks.append(peak)
    finally:
        launcher.close()
    return runs


def ratio(what: Runs, floor: Runs) -> float:
    """How many times as long one takes: the median over the rounds, each with its neighbour."""
    return statistics.median(a / b for a, b in zip(what.seconds, floor.seconds, strict=True))


def ratio_row(what: str, runs: Runs, floor: Runs, aim: float) -> Row:
    """The row for a comparison of two commands."""
    work = statistics.median(runs.work) / statistics.median(floor.work)
    note = f"best to best {runs.best / floor.best:.2f}, by work {work:.2f}; noise {floor.noise:.0%}, {len(runs.seconds)} runs"
    return Row(what, runs.shown(), floor.shown(), ratio(runs, floor), aim, "x", note)


@contextlib.contextmanager
def profile(config: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], Path]]:
    """A profile and a workspace of their own; gives the environment and the workspace."""
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        home, workspace = Path(name, "home"), Path(name, "work")
        (home / ".alpi").mkdir(parents=True, mode=0o700)
        workspace.mkdir()
        (workspace / "notes.md").write_text("The dentist is on Thursday at 9:30.\n" * 20, encoding="utf-8")
        (home / ".alpi" / "config.yaml").write_text(
            json.dumps({**config, "workspace": str(workspace)}), encoding="utf-8"
        )
        yield {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, workspace
