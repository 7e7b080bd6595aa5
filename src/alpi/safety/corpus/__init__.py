"""The attack corpus and the ordinary commands, as data, and a runner that says which verdicts are weaker than they must be.

Tests run it against the scratch tree of `tree`; a self-test on a person's machine runs it against the real path guard.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alpi.safety.risk import Assessment, Guard, RealFiles, Scene, assess
from alpi.safety.tiers import Tier

DAEMON_PID = 424242
NAG_SHARE = 0.02
"""The share of ordinary commands that may be asked about although they need not be."""

_ALLOWED = MappingProxyType(
    {
        "dangerous": frozenset({Tier.DANGEROUS}),
        "not-safe": frozenset({Tier.CAUTION, Tier.DANGEROUS}),
        "caution": frozenset({Tier.CAUTION}),
        "safe": frozenset({Tier.SAFE}),
    }
)


@dataclass(frozen=True)
class Case:
    """One command and the verdict that must hold. ``%C%``, ``%H%`` and ``%W%`` in it stand for places of the scratch tree."""

    id: str
    source: str
    command: str
    must: str
    """``dangerous``, ``not-safe``, ``caution`` or ``safe``."""
    canary: bool
    """The command would make the canary if it ran."""
    ordinary: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    """Files to make in the workspace first."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Links to make in the workspace first."""


@dataclass(frozen=True)
class Failure:
    """A case whose verdict is not what it must be. ``nag``: it is only stricter than an ordinary command needs."""

    case: Case
    command: str
    tier: Tier
    reasons: tuple[str, ...]
    nag: bool


@dataclass(frozen=True)
class Tree:
    """A scratch home with a workspace in it."""

    root: Path

    @property
    def home(self) -> Path:
        """A home folder with credentials, start files and a profile of the agent."""
        return self.root / "home"

    @property
    def workspace(self) -> Path:
        """A small project."""
        return self.home / "proj"

    @property
    def canary(self) -> Path:
        """Must never appear."""
        return self.root / "canary"

    def fill(self, text: str) -> str:
        """Put the places of this tree into a command or a file."""
        return text.replace("%C%", str(self.canary)).replace("%H%", str(self.home)).replace("%W%", str(self.workspace))

    def scene(self, guard: Guard) -> Scene:
        """The scene of a command that runs in the workspace."""
        own = self.home / ".alpi"
        return Scene(
            cwd=self.workspace,
            workspace=self.workspace,
            home=self.home,
            profile_home=own,
            alpi_root=own,
            files=RealFiles(),
            protected=guard,
            daemon_pids=frozenset({DAEMON_PID}),
        )


_HOME = MappingProxyType({
    ".bashrc": "#\n", ".ssh/id_rsa": "KEY\n", ".aws/credentials": "KEY\n", ".alpi/.env": "KEY=1\n",
    ".alpi/config.yaml": "a: 1\n", ".alpi/memory/MEMORY.md": "x\n", ".alpi/logs/approval.log": "x\n",
    "notes.txt": "n\n", "other/x.pdf": "x\n", "bin/x": "x\n",
})  # fmt: skip
_WORKSPACE = MappingProxyType({
    "README.md": "hi\n", "a.txt": "a\n", "b.txt": "b\n", "data.csv": "a,b\n1,2\n", "data.json": "{}\n",
    "package.json": "{}\n", "run.sh": "echo hi\n", "script.py": "print(1)\n", "Makefile": "all:\n",
    "src/main.py": "print(1)\n", "tests/test_a.py": "\n", "docs/guide.md": "hi\n", "build/app.log": "x\n",
    "archive.tar.gz": "x", "docs/pack.zip": "x", "docs/old/x": "x", "node_modules/m/index.js": "x",
    ".git/config": "", ".git/hooks/x": "", "~/x": "x",
})  # fmt: skip


@contextmanager
def scratch() -> Iterator[Tree]:
    """A fresh tree, removed afterwards."""
    root = Path(tempfile.mkdtemp(prefix="alpi-corpus-"))
    try:
        tree = Tree(Path(root).resolve())
        for base, contents in ((tree.home, _HOME), (tree.workspace, _WORKSPACE)):
            for name, text in contents.items():
                (base / name).parent.mkdir(parents=True, exist_ok=True)
                (base / name).write_text(text)
        yield tree
    finally:
        shutil.rmtree(root, ignore_errors=True)


def load() -> tuple[Case, ...]:
    """Every case: the attacks first, then the ordinary commands."""
    return (*attacks(), *ordinary())


def attacks() -> tuple[Case, ...]:
    """The known attacks and their variations."""
    cases: list[Case] = []
    counts: dict[str, int] = {}
    for group in _read("attacks.toml")["group"]:
        source = f"case {group['case']}: {group['about']}" if group["case"] else f"lesson 13: {group['about']}"
        label = f"{group['case']:02}"
        setup = group.get("setup", {})
        for command in group["commands"]:
            counts[label] = counts.get(label, 0) + 1
            whole = group.get("prefix", "") * group.get("repeat", 0) + command
            cases.append(
                Case(
                    id=f"attack-{label}-{counts[label]:02}",
                    source=source,
                    command=whole,
                    must=group["must"],
                    canary="%C%" in whole,
                    files=setup.get("files", {}),
                    links=setup.get("links", {}),
                )
            )
    return tuple(cases)


def ordinary() -> tuple[Case, ...]:
    """Ordinary commands with the tier that a careful colleague expects."""
    cases: list[Case] = []
    for tier, groups in _read("ordinary.toml").items():
        for name, commands in groups.items():
            for number, command in enumerate(commands, 1):
                cases.append(
                    Case(
                        f"ordinary-{tier}-{name}-{number:02}",
                        f"everyday: {name}",
                        command,
                        tier,
                        canary=False,
                        ordinary=True,
                    )
                )
    return tuple(cases)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text("utf-8"))


@contextmanager
def prepared(case: Case, tree: Tree) -> Iterator[None]:
    """Put the files and links of a case into the workspace, and take them away again."""
    made: list[Path] = []
    kept: dict[Path, str] = {}
    for name, text in case.files.items():
        path = tree.workspace / name
        if path.is_file():
            kept[path] = path.read_text()
        made.append(path)
        path.write_text(tree.fill(text))
    for name, target in case.links.items():
        path = tree.workspace / name
        made.append(path)
        path.symlink_to(tree.fill(target))
    try:
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)
        for path, text in kept.items():
            path.write_text(text)


def run(
    guard_of: Callable[[Tree], Guard],
    cases: tuple[Case, ...] | None = None,
    judge: Callable[[str, Scene], Assessment] = assess,
) -> list[Failure]:
    """Judge every case in a scratch tree with the path guard that ``guard_of`` makes for it; gives what did not hold."""
    failures: list[Failure] = []
    with scratch() as tree:
        scene = tree.scene(guard_of(tree))
        for case in load() if cases is None else cases:
            with prepared(case, tree):
                command = tree.fill(case.command)
                verdict = judge(command, scene)
            if verdict.tier not in _ALLOWED[case.must]:
                nag = case.ordinary and verdict.tier > max(_ALLOWED[case.must])
                failures.append(Failure(case, command, verdict.tier, verdict.reasons, nag))
    return failures
