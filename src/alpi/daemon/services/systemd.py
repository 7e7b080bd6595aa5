"""systemd: a user unit for each profile, and the ``systemctl --user`` calls that go with it."""

from __future__ import annotations

from pathlib import Path

from . import Installed

# What holds without a user namespace of the unit's own: alpi's sandbox makes those for the commands that it runs.
HARDENING = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
    "UMask=0077",
    "LimitCORE=0",
    "KeyringMode=private",
)
WATCHDOG_SECONDS = 180
LINGER = "So that it runs when you are not logged in:  loginctl enable-linger"


def unit_path(installed: Installed, config_home: Path) -> Path:
    """Where the unit lies. ``config_home`` is ``$XDG_CONFIG_HOME`` or ``~/.config``."""
    return config_home / "systemd" / "user" / f"{installed.name}.service"


def unit(installed: Installed) -> str:
    """The unit's text (systemd.service(5), systemd.exec(5))."""
    environment = "".join(f"Environment={_quoted(f'{key}={value}')}\n" for key, value in installed.environment.items())
    command = " ".join(_quoted(part) for part in installed.command)
    hardening = "\n".join(HARDENING)
    return f"""\
[Unit]
Description=alpi services of the profile {installed.profile}
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart={command}
{environment}Restart=on-failure
RestartSec=10
RestartPreventExitStatus=2
WatchdogSec={WATCHDOG_SECONDS}
TimeoutStartSec=60
TimeoutStopSec=45
{hardening}

[Install]
WantedBy=default.target
"""


def calls(action: str, installed: Installed) -> list[list[str]]:
    """The commands of an action: ``install``, ``uninstall`` (and then ``uninstalled``), ``start``, ``stop``, ``restart``, ``status``."""
    name = f"{installed.name}.service"
    control = ["systemctl", "--user"]
    return {
        "install": [[*control, "daemon-reload"], [*control, "enable", "--now", name]],
        "uninstall": [[*control, "disable", "--now", name]],
        "uninstalled": [[*control, "daemon-reload"]],
        "start": [[*control, "start", name]],
        "stop": [[*control, "stop", name]],
        "restart": [[*control, "restart", name]],
        "status": [[*control, "--no-pager", "--lines=0", "status", name]],
    }[action]


def _quoted(text: str) -> str:
    """A word as systemd.syntax(7) reads it back. ``%`` and ``$`` would be expanded."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'
