"""Say which version runs, how it was installed, and how to update it. Nobody is asked: alpi phones no one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

EPILOG = """\
examples:
  alpi update                         what runs, and the commands that update it
  alpi backup ~/alpi.backup           a good thing to do before

It looks at how this copy was installed and prints commands; it runs nothing and contacts nobody. What changed: CHANGELOG.md
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """How this copy came here: in words, where it is, and the commands that update it."""

    how: str
    place: Path
    commands: tuple[str, ...]


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi update``."""
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print how to update."""
    from .. import __version__

    found = installed(Path(__file__).resolve().parents[1], Path(sys.prefix), _source())
    python = ".".join(map(str, sys.version_info[:3]))
    print(f"alpi {__version__}, Python {python}")
    print(f"installed: {found.how}, in {found.place}")
    print("to update:")
    for command in found.commands:
        print(f"  {command}")
    print("Your profiles stay as they are. Before a large step: alpi backup FILE. Afterwards: alpi doctor")
    return 0


def installed(package: Path, prefix: Path, source: str) -> Installed:
    """How a copy was installed.

    Args:
        package: the folder of the package ``alpi``.
        prefix: the environment that Python runs in.
        source: where the installer took it from, as an address or a path, or ``""`` where it took it from a package index.
    """
    checkout = package.parents[1]
    if (checkout / ".git").exists() and (checkout / "pyproject.toml").is_file():
        return Installed("from a checkout", checkout, (f"cd {checkout}", "git pull", "make install"))
    again = source or "alpi"
    if (prefix / "uv-receipt.toml").is_file():
        command = f"uv tool install --force {again}" if source else "uv tool upgrade alpi"
        return Installed("by uv, as a tool", prefix, (*_pull(source), command))
    if (prefix / "pipx_metadata.json").is_file():
        command = f"pipx install --force {again}" if source else "pipx upgrade alpi"
        return Installed("by pipx", prefix, (*_pull(source), command))
    how = "by pip" if (package.parent / "pip").is_dir() or not (prefix / "pyvenv.cfg").is_file() else "by pip or uv"
    return Installed(how, prefix, (*_pull(source), f"{prefix / 'bin' / 'python'} -m pip install --upgrade {again}"))


def _pull(source: str) -> tuple[str, ...]:
    return (f"git -C {source} pull",) if source and (Path(source) / ".git").exists() else ()


def _source() -> str:
    """Where the installer says it took this copy from (direct_url.json, PEP 610), or ``""``."""
    from importlib import metadata

    import msgspec

    try:
        text = metadata.distribution("alpi").read_text("direct_url.json")
        found = msgspec.json.decode(text or "{}", type=dict[str, object])
    except (metadata.PackageNotFoundError, msgspec.DecodeError):
        return ""
    return str(found.get("url", "")).removeprefix("file://")
