"""Resolves the requirements into hash-pinned files without URLs, one file for each use. Needs ``uv``.

    python scripts/lock.py

core.txt    what alpi needs          extras.txt  web and mcp             local.txt   the engine of the local model
build.txt   what builds it           browser.txt playwright              dev.txt     what tests need

The weights have a lock of their own, src/alpi/providers/local/weights.txt.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"


def resolve(name: str, requirements: list[str], *constraints: str) -> None:
    """Write one lock file. ``constraints``: other lock files whose versions it must share."""
    command = [
        "uv",
        "pip",
        "compile",
        "-",
        "--generate-hashes",
        "--universal",
        "--python-version",
        "3.11",
        "--no-header",
        "--no-annotate",
        "-q",
    ]
    for other in constraints:
        command += ["-c", str(FOLDER / other)]
    done = subprocess.run(command, input="\n".join(requirements), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr}")
    (FOLDER / name).write_text(done.stdout, encoding="utf-8")
    print(f"{name}: {done.stdout.count('==')} packages")


def main() -> None:
    """Resolve them all."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core = project["project"]["dependencies"]
    resolve("core.txt", core)
    resolve("build.txt", [*project["build-system"]["requires"], "editables"])
    extras = project["project"]["optional-dependencies"]
    resolve("extras.txt", [*extras["web"], *extras["mcp"]], "core.txt")
    resolve("browser.txt", extras["browser"], "core.txt", "extras.txt")
    resolve("local.txt", extras["local"], "core.txt", "extras.txt")
    resolve("dev.txt", project["dependency-groups"]["dev"], "core.txt", "extras.txt", "browser.txt", "local.txt")


if __name__ == "__main__":
    main()
