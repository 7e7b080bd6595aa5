"""The real git, away from the settings of whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    """Run git in a folder; what it prints. A failure is an error."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments],
        cwd=folder,
        env=environ,
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def not_ignored(folder: Path) -> set[str]:
    """The files below a folder of a repository that git would add, by their names relative to it."""
    return set(git(folder, "ls-files", "-z", "--others", "--exclude-standard").split("\0")) - {""}
