"""The machine under the profile: its disk and its clock."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import secrets
import shutil
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ..base.files import PRIVATE_FILE
from ..base.sizes import readable
from . import Finding, Subject

LITTLE, NOTHING = 500 << 20, 20 << 20
"""Bytes of free disk: below the first it is said, below the second it is a failure (a session and its log still fit)."""
FAR_OFF, TOO_FAR = 60.0, 300.0
"""Seconds: from the first on it is said, from the second on links and signatures of other machines are refused."""
FIRST_YEAR, LAST_YEAR = 2026, 2100


def check_disk(subject: Subject) -> list[Finding]:
    """Whether the profile's disk takes a file, and how much room there is."""
    home = subject.paths.home
    if not home.is_dir():
        return [Finding("warning", f"{home} does not exist yet", "Begin with: alpi setup")]
    probe = home / f".doctor.{os.getpid()}-{secrets.token_hex(6)}.tmp"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            os.write(descriptor, b"x" * 4096)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink()
    except OSError as error:
        hint = (
            "Free some space; nothing that was saved is lost" if error.errno == 28 else f"ls -ld {home}; df -h {home}"
        )
        return [Finding("failed", f"{home} cannot be written: {error.strerror}", hint)]
    usage = shutil.disk_usage(home)
    text = f"{readable(usage.free)} free for {home}"
    if usage.free < NOTHING:
        return [Finding("failed", text, f"Free some space: du -sh {home}/*")]
    if usage.free < LITTLE:
        return [Finding("warning", text, f"Free some space soon: du -sh {home}/*")]
    return [Finding("ok", text)]


def check_clock(subject: Subject) -> list[Finding]:
    """Whether the year is possible, the time zone known, and the time that of the provider."""
    now = subject.clock.now()
    zone = subject.settings.timezone or now.tzname() or ""
    text = f"{now:%Y-%m-%d %H:%M} {zone}".rstrip()
    if not FIRST_YEAR <= now.year <= LAST_YEAR:
        return [Finding("failed", f"{text} cannot be now", "Set the clock: timedatectl set-ntp true")]
    if now.utcoffset() is None or not zone:
        return [Finding("warning", "the machine's time zone is not known", "alpi config set timezone Europe/Madrid")]
    if not subject.address or is_here(subject.address):
        return [Finding("ok", f"{text} (compared with nobody)")]
    theirs = asyncio.run(date_of(subject.address))
    if theirs is None:
        return [Finding("ok", f"{text} (compared with nobody: the provider did not say)")]
    return [compared(text, (subject.clock.now() - theirs).total_seconds())]


def compared(text: str, seconds: float) -> Finding:
    """What a clock that is so many seconds ahead of the provider's (behind: negative) means."""
    if abs(seconds) < FAR_OFF:
        return Finding("ok", f"{text}, as the provider says")
    way = "ahead of" if seconds > 0 else "behind"
    told = f"{text} is {abs(seconds):.0f} s {way} the provider's clock"
    return Finding("failed" if abs(seconds) >= TOO_FAR else "warning", told, "Set the clock: timedatectl set-ntp true")


async def date_of(address: str, seconds: float = 5.0) -> datetime | None:
    """The time that a server gives in its answer (HTTP ``Date``), or ``None``. No key is sent, nothing is asked for."""
    import httpx2

    transport = httpx2.AsyncHTTPTransport(trust_env=False)
    try:
        async with asyncio.timeout(seconds):
            request = httpx2.Request("HEAD", address, headers={"user-agent": "alpi"})
            response = await transport.handle_async_request(request)
            await response.aclose()
        return parsedate_to_datetime(response.headers.get("date", ""))
    except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, ValueError, TypeError):
        return None  # the model check says what is wrong with the provider
    finally:
        await transport.aclose()


def is_here(address: str) -> bool:
    """Whether an address is this machine's own, whose clock is the same one."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
