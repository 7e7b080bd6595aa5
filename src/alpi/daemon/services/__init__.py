"""The system's service managers: which one this machine has, and what each is given so that alpi runs in the background."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Manager = Literal["systemd", "launchd", ""]


@dataclass(frozen=True, slots=True)
class Installed:
    """What is to run: which program, for which profile. ``program`` is the command line up to ``-p``; ``environment`` holds
    what the service must know of where things lie; ``writable`` are the folders that it may write."""

    profile: str
    program: tuple[str, ...]
    home: Path
    logs: Path
    environment: Mapping[str, str]

    @property
    def command(self) -> tuple[str, ...]:
        """The whole command line."""
        return (*self.program, "-p", self.profile, "serve")

    @property
    def name(self) -> str:
        """The service's name, without a suffix."""
        return f"alpi-{self.profile}"


def find_manager(environ: Mapping[str, str]) -> tuple[Manager, str]:
    """The service manager of this machine that a user may use, or ``""`` and why there is none."""
    if sys.platform == "darwin":
        return ("launchd", "") if shutil.which("launchctl") else ("", "launchctl is missing")
    if "com.termux" in environ.get("PREFIX", ""):
        return "", "Termux has no service manager of the system"
    if not Path("/run/systemd/system").is_dir():
        return "", "systemd does not run on this machine (a container, perhaps)"
    if shutil.which("systemctl") is None:
        return "", "systemctl is missing"
    runtime = environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    if not (Path(runtime) / "systemd").is_dir():
        return "", "systemd runs no services for your user in this login"
    return "systemd", ""


def by_hand(installed: Installed, why: str) -> list[str]:
    """How to run the services where no manager can."""
    import shlex

    command = shlex.join(installed.command)
    log = shlex.quote(str(installed.logs / "serve.out"))
    return [
        f"There is nothing here to install a service with: {why}.",
        "Run it yourself instead, in one of these ways:",
        f"  in the foreground:    {command}",
        f"  in the background:    nohup {command} >{log} 2>&1 &",
        f"  inside tmux:          tmux new-session -d -s {installed.name} {shlex.quote(command)}",
        "  in a container:       make that command its entry point, and keep the profile on a volume",
        f"  on Termux, at boot:   put that command into ~/.termux/boot/{installed.name} (the Termux:Boot app runs it)",
    ]
