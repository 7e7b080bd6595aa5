"""sd_notify over a real datagram socket."""

from __future__ import annotations

import socket
from pathlib import Path

from alpi.daemon.notify import Notifier


def test_state_reaches_the_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(2)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"})
        notifier.send(READY="1", STATUS="alp: running")
        assert listener.recv(1000) == b"READY=1\nSTATUS=alp: running"
    assert notifier.watchdog_seconds == 30.0  # half of what systemd waits for


def test_nobody_listens(tmp_path: Path) -> None:
    Notifier({}).send(READY="1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "x"}).send(READY="1")
    assert Notifier({"WATCHDOG_USEC": "x"}).watchdog_seconds == 0.0
