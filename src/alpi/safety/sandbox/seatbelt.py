"""The macOS profile for sandbox-exec: the same layout in the sandbox's own language (SBPL), where the last matching rule wins.

Written from Apple's published profiles in /System/Library/Sandbox and the operations' names; never yet run on a Mac, so the probe at
start decides whether it works there, and the limits say that it is untested.
"""

from __future__ import annotations

import json

from .layout import Access, Layout
from .policy import Mode

PROGRAM = "/usr/bin/sandbox-exec"
SERVICES = (
    "com.apple.system.opendirectoryd.libinfo", "com.apple.system.opendirectoryd.membership", "com.apple.system.notification_center",
    "com.apple.system.logger", "com.apple.logd", "com.apple.bsd.dirhelper", "com.apple.SystemConfiguration.configd",
    "com.apple.trustd", "com.apple.trustd.agent", "com.apple.SecurityServer", "com.apple.dnssd.service",
    "com.apple.cfprefsd.agent", "com.apple.cfprefsd.daemon",
)  # fmt: skip
"""Looking up users, logging, time zones and certificates. Not among them: launching programs, Apple events, the window server."""


def profile(layout: Layout, mode: Mode) -> str:
    """The profile's text. Folders are rules from the widest to the deepest, so that the deepest one decides."""
    lines = [
        "(version 1)",
        "(deny default)",
        "(allow process-exec process-fork)",
        "(allow signal process-info* (target same-sandbox))",
        "(allow process-info-pidinfo process-info-setcontrol process-info-codesignature (target self))",
        "(allow sysctl-read)",
        "(allow file-read* file-test-existence)",
        '(allow file-write-data file-ioctl (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/dtracehelper"))',
        "(allow pseudo-tty)",
        "(allow ipc-posix-sem ipc-posix-shm)",
        f"(allow mach-lookup {' '.join(f'(global-name {_quoted(name)})' for name in SERVICES)})",
    ]
    if mode is Mode.WORKSPACE:
        lines += [
            '(allow network* (local ip "*:*") (remote ip "*:*"))',
            "(allow system-socket)",
            '(allow network-outbound (literal "/private/var/run/mDNSResponder"))',
        ]
    for place in layout.places:
        lines += _rules(str(place.path), place.access, place.folder)
    return "\n".join(lines) + "\n"


def _rules(path: str, access: Access, folder: bool) -> list[str]:
    what = f"({'subpath' if folder else 'literal'} {_quoted(path)})"
    match access:
        case Access.WRITE:
            # A later rule wins: a scratch folder inside a hidden one is readable again. Its own name must stay, though.
            return [f"(allow file-read* file-write* {what})", f"(deny file-write-unlink (literal {_quoted(path)}))"]
        case Access.PROTECT:
            return [f"(deny file-write* {what})"]
        case Access.HIDE:
            return [f"(deny file-read* file-write* network-outbound {what})"]
        case Access.PRIVATE:
            return [f"(deny file-write* network-outbound {what})"]
        case Access.READ:
            return [f"(allow file-read* {what})"]


def _quoted(text: str) -> str:
    """An SBPL string: double quotes, with backslashes before quotes and backslashes. Other bytes stand for themselves."""
    return json.dumps(text, ensure_ascii=False)
