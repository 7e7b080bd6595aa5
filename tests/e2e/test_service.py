"""The background service's files, checked by the programs that read them, and the commands around it where no manager runs."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from pathlib import Path

import pytest

from alpi.daemon.services import Installed, launchd, systemd
from tests.support.program import Home

pytestmark = pytest.mark.e2e


def alpi(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alpi", *words],
        env=home.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")},
        cwd=home.workspace,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("profile", ["default", "nas"])
def test_systemd_accepts_the_unit(tmp_path: Path, profile: str) -> None:
    installed = Installed(
        profile,
        (sys.executable, "-m", "alpi"),
        tmp_path,
        tmp_path / "logs",
        {"PATH": os.environ["PATH"], "ODD": '50% "quoted" $HOME \\ back'},
    )
    path = systemd.unit_path(installed, tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text(systemd.unit(installed))
    (tmp_path / "run").mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(path)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if path.name in line]
    assert done.returncode == 0 and not said, done.stdout + done.stderr


def test_a_wrong_unit_would_be_noticed(tmp_path: Path) -> None:
    """The check above can fail: the same program refuses a unit that is wrong."""
    path = tmp_path / "alpi-wrong.service"
    path.write_text("[Service]\nType=notify\nExecStart=not-absolute\nNoSuchKey=1\n")
    (tmp_path / "run").mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(path)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NoSuchKey" in done.stderr


def test_show_prints_what_would_be_installed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure("http://127.0.0.1:9/v1")
    done = alpi(home, "service", "show")
    assert done.returncode == 0
    text = done.stdout.partition("\n")[2]
    if sys.platform == "darwin":
        assert plistlib.loads(text.encode())["Label"] == "local.alpi.default"
    else:
        assert "ExecStart=" in text and f'"{sys.executable}" "-m" "alpi" "-p" "default" "serve"' in text


@pytest.mark.skipif(
    Path("/run/systemd/system").is_dir() or sys.platform == "darwin", reason="a service manager runs here"
)
def test_without_a_manager_install_says_how_to_run_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure("http://127.0.0.1:9/v1", "openai", "alp:\n  enabled: true\n")
    done = alpi(home, "service", "install")
    assert done.returncode == 1
    assert "systemd does not run on this machine" in done.stdout
    assert "nohup" in done.stdout and "-p default serve" in done.stdout
    assert not list(home.folder.rglob("*.service"))


def test_the_property_list_is_what_plutil_would_read(tmp_path: Path) -> None:
    installed = Installed("nas", (sys.executable, "-m", "alpi"), tmp_path, tmp_path / "logs", {})
    assert plistlib.loads(launchd.plist(installed))["RunAtLoad"] is True


def test_nothing_enabled_is_said(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure("http://127.0.0.1:9/v1")
    done = alpi(home, "serve")
    assert done.returncode == 2
    assert "no service is enabled" in done.stderr and "alp.enabled true" in done.stderr


def test_status_and_logs_of_a_service_that_does_not_run(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure("http://127.0.0.1:9/v1")
    assert alpi(home, "service").returncode == 1
    assert "does not run" in alpi(home, "service", "status").stdout
    assert alpi(home, "service", "status", "--json").stdout == '{"running":false}\n'
    assert "nothing has been written" in alpi(home, "service", "logs").stdout
    assert alpi(home, "service", "status", "--profile", "nowhere").returncode == 2
