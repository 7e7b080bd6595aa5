"""Which packages a server's command would run, exactly: OSV is asked about them before it is started. Reads files, runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..base.errors import UsageError
from ..safety.osv import Package

NPM, PYPI = "npm", "PyPI"
NPM_NAME = re.compile(r"((?:@[a-z0-9._~-]+/)?[a-zA-Z0-9._~-]+)(?:@(.+))?")
NPM_EXACT = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
PYPI_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[^\]]*\])?\s*(?:(==|@)\s*(.+))?")
PYPI_EXACT = re.compile(r"\d[0-9A-Za-z.!+_-]*")
MOST_NODE_PACKAGES = 5000


@dataclass(frozen=True, slots=True)
class _Runner:
    """A program that fetches a package and runs it. ``words``: what follows its name; ``naming``: options that name the package to
    fetch; ``adding``: those that name a further one; ``valued``: those that take another value."""

    ecosystem: str
    words: tuple[tuple[str, ...], ...]
    naming: frozenset[str]
    adding: frozenset[str] = frozenset()
    valued: frozenset[str] = frozenset()


_UV_VALUES = frozenset(
    {"-p", "--python", "--index", "--default-index", "--index-url", "-i", "--cache-dir", "--directory"}
)
RUNNERS = MappingProxyType(
    {
        "npx": _Runner(NPM, ((),), frozenset({"-p", "--package"})),
        "bunx": _Runner(NPM, ((),), frozenset({"-p", "--package"})),
        "npm": _Runner(NPM, (("exec",), ("x",)), frozenset({"-p", "--package"})),
        "bun": _Runner(NPM, (("x",),), frozenset({"-p", "--package"})),
        "pnpm": _Runner(NPM, (("dlx",),), frozenset({"--package"})),
        "pnpx": _Runner(NPM, ((),), frozenset({"--package"})),
        "yarn": _Runner(NPM, (("dlx",),), frozenset({"-p", "--package"})),
        "uvx": _Runner(PYPI, ((),), frozenset({"--from"}), frozenset({"--with", "-w"}), _UV_VALUES),
        "uv": _Runner(PYPI, (("tool", "run"),), frozenset({"--from"}), frozenset({"--with", "-w"}), _UV_VALUES),
        "pipx": _Runner(PYPI, (("run",),), frozenset({"--spec"}), frozenset(), frozenset({"--python"})),
    }
)
SHELLS = frozenset({"sh", "bash", "zsh", "dash", "fish", "ksh"})
FLAGS = frozenset(
    {"-y", "--yes", "--no", "-q", "--quiet", "--silent", "--offline", "--prefer-offline", "--isolated", "--no-cache"}
    | {"--refresh", "--no-config", "--native-tls", "--verbose", "-v", "--bun", "--"}
)


@dataclass(frozen=True, slots=True)
class Installed:
    """A program that is installed already. ``python``: the interpreter that runs it, ``module`` or ``script`` what it runs."""

    python: str
    module: str = ""
    script: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a command runs. ``packages`` are known exactly; ``installed`` must be looked up with its interpreter; with neither, it is a
    program of the person's own, or ``unknown`` says what else."""

    packages: tuple[Package, ...] = ()
    installed: Installed | None = None
    unknown: str = ""


def sources_of(command: Sequence[str], found: str) -> Sources:
    """What a command runs.

    Args:
        found: where its program lies, links resolved or not.

    Raises:
        UsageError: a package without an exact version, or a command that cannot be looked into.
    """
    name = Path(command[0]).name
    if name == "env" or (name in SHELLS and any(word.startswith("-") and "c" in word for word in command[1:2])):
        raise UsageError(
            f"what {name} would start cannot be looked into",
            "Give the program itself and its arguments; variables with --env",
        )
    runner = RUNNERS.get(name)
    if runner is not None:
        for words in runner.words:
            if tuple(command[1 : 1 + len(words)]) == words:
                return Sources(_fetched(runner, list(command[1 + len(words) :])))
    if name in ("docker", "podman", "nerdctl"):
        return Sources(unknown="a container image; nothing is known of what is in it")
    if re.fullmatch(r"python[0-9.]*", name):
        rest = [word for word in command[1:] if word not in ("-u", "-I", "-E", "-s", "-B", "-O")]
        return Sources(installed=Installed(found, module=rest[1])) if rest[:1] == ["-m"] and rest[1:] else Sources()
    if name in ("node", "nodejs", "bun", "deno"):
        script = next((word for word in command[1:] if not word.startswith("-")), "")
        return Sources(_node_packages(Path(script)) if script else ())
    return _installed(Path(found), name)


def _fetched(runner: _Runner, words: list[str]) -> tuple[Package, ...]:
    """The packages that a runner's arguments name."""
    named: list[str] = []
    added: list[str] = []
    while words:
        word = words.pop(0)
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            named = named or [word]
            break
        if option in runner.naming or option in runner.adding or option in runner.valued:
            value = value if equals else (words.pop(0) if words else "")
            if option in runner.naming:
                named.append(value)
            elif option in runner.adding:
                added += value.split(",")
        elif word not in FLAGS and not equals:
            raise UsageError(f"the option {word} is not known here", f"Leave it out, or write it as {word}=VALUE")
    if not named:
        raise UsageError("the command names no package to run")
    read = _npm if runner.ecosystem == NPM else _pypi
    return tuple(read(text) for text in (*named, *added))


def _npm(text: str) -> Package:
    match = NPM_NAME.fullmatch(text)
    if match is None or match[1].startswith("."):
        raise UsageError(f"{text!r} is no package of npm", "OSV can be asked about NAME@VERSION only")
    if not NPM_EXACT.fullmatch(match[2] or ""):
        raise _inexact(text, f"{match[1]}@1.2.3")
    return Package(NPM, match[1], match[2])


def _pypi(text: str) -> Package:
    match = PYPI_NAME.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no package of PyPI", "OSV can be asked about NAME==VERSION only")
    if not PYPI_EXACT.fullmatch(match[3] or ""):
        raise _inexact(text, f"{match[1]}==1.2.3")
    return Package(PYPI, _plain(match[1]), match[3])


def _inexact(text: str, example: str) -> UsageError:
    return UsageError(
        f"{text} does not say which version",
        f"Write the exact one, such as {example}: OSV is asked about that one, and no other can come in its place later",
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed(path: Path, name: str) -> Sources:
    """A script that a package has installed: its first line names the interpreter."""
    try:
        real = path.resolve()
        with real.open("rb") as file:
            first = file.readline(300)
    except OSError:
        return Sources()
    if (match := re.match(rb"#!\s*(\S*/python[0-9.]*)\s*$", first)) is not None:
        return Sources(installed=Installed(match[1].decode(), script=name))
    return Sources(_node_packages(real)) if b"node" in first else Sources()


def _node_packages(script: Path) -> tuple[Package, ...]:
    """The package that a script of Node's belongs to, with all that it needs, as far as it lies in a ``node_modules``."""
    script = script.expanduser().resolve()
    own = next((folder for folder in script.parents if (folder / "package.json").is_file()), None)
    if own is None or "node_modules" not in own.parts:
        return ()
    found: dict[Path, Package] = {}
    waiting = [own]
    while waiting and len(found) < MOST_NODE_PACKAGES:
        folder = waiting.pop()
        if folder in found:
            continue
        about = _package_json(folder)
        name, version, needs = about.get("name"), about.get("version"), about.get("dependencies")
        if isinstance(name, str) and isinstance(version, str):
            found[folder] = Package(NPM, name, version)
        for need in needs if isinstance(needs, dict) else ():
            places = (above / "node_modules" / str(need) for above in (folder, *folder.parents))
            waiting += [place for place in places if (place / "package.json").is_file()][:1]
    return tuple(dict.fromkeys(found.values()))


def _package_json(folder: Path) -> dict[str, object]:
    try:
        about = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


# Run by a server's own interpreter: the distribution of a module or script with all that it needs, as "name version" lines.
LOOKUP = """\
import re, sys
from importlib import metadata as m
kind, wanted = sys.argv[1:3]
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
if kind == "module":
    waiting = list(m.packages_distributions().get(wanted.partition(".")[0], []))
else:
    waiting = [e.dist.name for e in m.entry_points(group="console_scripts", name=wanted) if e.dist]
seen = set()
while waiting:
    name = plain(waiting.pop())
    if name in seen:
        continue
    seen.add(name)
    try:
        d = m.distribution(name)
    except m.PackageNotFoundError:
        continue
    print(name, d.version)
    for r in d.requires or []:
        if "extra ==" not in r:
            waiting.append(re.match(r"[A-Za-z0-9._-]+", r)[0])
"""


def looked_up(output: str) -> tuple[Package, ...]:
    """The packages that ``LOOKUP`` printed."""
    pairs = (line.split(" ", 1) for line in output.splitlines() if " " in line)
    return tuple(Package(PYPI, name, version.strip()) for name, version in pairs)
