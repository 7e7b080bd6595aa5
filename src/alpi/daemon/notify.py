"""Telling systemd how the service is (sd_notify(3)): ready, alive, stopping. Does nothing where systemd does not listen."""

from __future__ import annotations

import socket
from collections.abc import Mapping


class Notifier:
    """Sends state to the socket that ``NOTIFY_SOCKET`` names.

    Args:
        environ: the service's environment. ``WATCHDOG_USEC`` says how often systemd wants to hear of it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        try:
            self.watchdog_seconds = int(environ.get("WATCHDOG_USEC", "0")) / 2_000_000
        except ValueError:
            self.watchdog_seconds = 0.0

    def send(self, **values: str) -> None:
        """Send ``KEY=value`` lines, such as ``READY="1"`` or ``STATUS="2 services"``. A deaf socket is nobody's fault."""
        if not self._address:
            return
        text = "\n".join(f"{key}={value}" for key, value in values.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto(text.encode(), self._address)
            except OSError:
                return  # systemd will end a service that it wants to hear of and does not
