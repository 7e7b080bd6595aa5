"""How much disk an installation takes: a fresh environment with the core requirements and alpi, no extras.

Counts the bytes of all files in site-packages, compiled modules included; the environment holds no pip and no setuptools.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .measure import PYTHON, ROOT, Row

AIM_MB = 60.0
MB = 1_000_000


def run() -> list[Row]:
    """Installs over the network, or from the cache of pip or uv."""
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        wheels, target = Path(name, "wheels"), Path(name, "venv")
        quiet([PYTHON, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)])
        quiet([PYTHON, "-m", "venv", "--without-pip", str(target)])
        python = target / "bin" / "python"
        quiet([*installer(python), "--require-hashes", "-r", str(ROOT / "requirements" / "core.txt")])
        quiet([*installer(python), "--no-deps", *map(str, wheels.glob("*.whl"))])
        quiet([str(python), "-m", "compileall", "-q", str(target / "lib")])  # uv leaves that to the first start
        (packages,) = target.glob("lib/python*/site-packages")
        total, own = weight(packages), weight(packages / "alpi")
        largest = sorted(((weight(path), path.name) for path in packages.iterdir() if path.is_dir()), reverse=True)[:4]
    note = ", ".join(f"{label} {size / MB:.1f}" for size, label in largest)
    return [Row("installed size", f"{total / MB:.1f} MB, alpi {own / MB:.1f}", "", total / MB, AIM_MB, " MB", note)]


def weight(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def installer(python: Path) -> list[str]:
    """The beginning of a command that installs into another environment."""
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "-q", "--python", str(python)]
    return [PYTHON, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]


def quiet(command: list[str]) -> None:
    """Run a command; what it says is shown only when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "VIRTUAL_ENV": ""}
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
