"""launchd: a property list for each profile, and the ``launchctl`` calls that go with it."""

from __future__ import annotations

import plistlib
from pathlib import Path

from . import Installed


def label(installed: Installed) -> str:
    """The job's label."""
    return f"local.alpi.{installed.profile}"


def plist_path(installed: Installed, home: Path) -> Path:
    """Where the list lies."""
    return home / "Library" / "LaunchAgents" / f"{label(installed)}.plist"


def plist(installed: Installed) -> bytes:
    """The list (launchd.plist(5)). It starts at login, and again when it ends with an error, at most once a minute."""
    log = str(installed.logs / "serve.out")
    return plistlib.dumps(
        {
            "Label": label(installed),
            "ProgramArguments": list(installed.command),
            "EnvironmentVariables": dict(installed.environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 60,
            "ProcessType": "Background",
            "Umask": 0o077,
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
    )


def calls(action: str, installed: Installed, path: Path, uid: int) -> list[list[str]]:
    """The commands of an action, see ``systemd.calls``."""
    domain = f"gui/{uid}"
    target = f"{domain}/{label(installed)}"
    return {
        "install": [["launchctl", "bootstrap", domain, str(path)]],
        "uninstall": [["launchctl", "bootout", target]],
        "uninstalled": [],
        "start": [["launchctl", "kickstart", target]],
        "stop": [["launchctl", "kill", "SIGTERM", target]],
        "restart": [["launchctl", "kickstart", "-k", target]],
        "status": [["launchctl", "print", target]],
    }[action]
