"""The files that service managers are given."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from alpi.daemon.services import Installed, by_hand, find_manager, launchd, systemd


def installed(profile: str = "nas", **environment: str) -> Installed:
    return Installed(
        profile, ("/opt/my alpi/bin/python", "-m", "alpi"), Path("/h/.alpi"), Path("/h/.alpi/logs"), environment
    )


def test_the_unit_starts_the_profile_and_is_hardened() -> None:
    text = systemd.unit(installed(PATH="/usr/bin:/bin"))
    lines = text.splitlines()
    assert 'ExecStart="/opt/my alpi/bin/python" "-m" "alpi" "-p" "nas" "serve"' in lines
    assert 'Environment="PATH=/usr/bin:/bin"' in lines
    for wanted in ("Type=notify", "NoNewPrivileges=yes", "UMask=0077", "WantedBy=default.target"):
        assert wanted in lines
    assert systemd.unit_path(installed(), Path("/h/.config")) == Path("/h/.config/systemd/user/alpi-nas.service")


@pytest.mark.parametrize(
    ("value", "quoted"),
    [("50%", '"A=50%%"'), ("$HOME", '"A=$$HOME"'), ('say "hi"', '"A=say \\"hi\\""'), ("a\\b", '"A=a\\\\b"')],
)
def test_values_reach_the_service_as_they_are(value: str, quoted: str) -> None:
    assert f"Environment={quoted}" in systemd.unit(installed(A=value)).splitlines()


def test_the_property_list_is_one() -> None:
    data = plistlib.loads(launchd.plist(installed(TZ="Europe/Madrid")))
    assert data["Label"] == "local.alpi.nas"
    assert data["ProgramArguments"][-3:] == ["-p", "nas", "serve"]
    assert data["EnvironmentVariables"] == {"TZ": "Europe/Madrid"}
    assert data["KeepAlive"] == {"SuccessfulExit": False}
    assert data["Umask"] == 0o077
    assert launchd.plist_path(installed(), Path("/h")) == Path("/h/Library/LaunchAgents/local.alpi.nas.plist")


@pytest.mark.parametrize("action", ["install", "uninstall", "uninstalled", "start", "stop", "restart", "status"])
def test_every_action_has_its_calls(action: str) -> None:
    path = Path("/h/x.plist")
    for call in [*systemd.calls(action, installed()), *launchd.calls(action, installed(), path, 501)]:
        assert call[0] in ("systemctl", "launchctl")
        assert any("nas" in word or word in ("daemon-reload", str(path)) for word in call)


def test_without_a_manager_it_says_how() -> None:
    manager, why = find_manager({"PREFIX": "/data/data/com.termux/files/usr"})
    assert manager == ""
    told = "\n".join(by_hand(installed(), why))
    assert "Termux has no service manager" in told
    assert "'/opt/my alpi/bin/python' -m alpi -p nas serve" in told
    assert "nohup" in told and "tmux new-session" in told
