"""The Workspace section: the folder that alpi may read and write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..base.errors import Refused, StorageError, UsageError
from ..base.files import storage_errors
from ..safety.paths import looks_secret
from ..safety.places import CREDENTIALS, SYSTEM
from .interview import Interview, Left, Option
from .site import Site
from .write import Change, save_settings

USUAL = ("projects", "src", "code", "work", "Documents", "notes")
TYPE = "+type"
MOST_LOOKED_AT = 2000
"""How many entries of a folder are looked at for files that hold keys: enough for any project's top level."""


async def run_workspace(site: Site, ask: Interview) -> None:
    """Ask for a folder, warn where it is an unwise one, and set it.

    Raises:
        Left: the person left; nothing was written.
    """
    ask.say("alpi reads and writes files in its workspace without asking; elsewhere it asks before it writes.")
    options = [
        Option(str(folder), site.shown(folder), note, refused(folder, site)) for folder, note in suggestions(site)
    ]
    options.append(Option(TYPE, "Another folder", "you type its path"))
    current = site.config().workspace
    current = current if any(option.value == current and not option.refused for option in options) else ""
    answer = await ask.choose("Which folder?", options, current=current)
    if answer == TYPE:
        answer = await ask.text(
            "Path of the folder", check=lambda text: unusable(text, site) or refused(full(text, site), site)
        )
    folder = full(answer, site)
    for warning in warnings(folder, site):
        ask.say(warning, "warning")
    if warnings(folder, site) and not await ask.confirm("Use it all the same?", False):
        raise Left
    make = not folder.exists()
    if make and not await ask.confirm(f"{site.shown(folder)} does not exist. Make it?", True):
        raise Left
    set_workspace(site, folder, make)
    ask.say(f"The workspace is {site.shown(folder)}.", "done")


def set_workspace(site: Site, folder: Path, make: bool) -> None:
    """Write it into the settings, after making the folder where that was wanted.

    Raises:
        Refused: alpi's own home, or a place that holds credentials.
        UsageError: there is no such folder.
        StorageError: it could not be made.
    """
    if why := refused(folder, site):
        raise Refused(why, "Choose a folder with the files that alpi is to work on")
    if make:
        with storage_errors(folder, "make the folder"):
            folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", "Make it, or add --create")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise StorageError(f"{folder} cannot be read", f"Check who owns it: ls -ld {folder}")
    save_settings(site.paths, [Change(("workspace",), str(folder))])


def suggestions(site: Site) -> Iterator[tuple[Path, str]]:
    """Folders that make sense, each with a word about it."""
    given: set[Path] = set()
    candidates: list[tuple[Path, str]] = []
    if set_now := site.config().workspace:
        candidates.append((full(set_now, site), "set now"))
    if site.here is not None and not warnings(site.here, site):
        candidates.append((site.here, "this folder"))
    candidates += [(site.home / name, "") for name in USUAL if (site.home / name).is_dir()]
    candidates.append((site.home / "alpi", "" if (site.home / "alpi").exists() else "a new folder"))
    for folder, note in candidates:
        if folder not in given and not refused(folder, site):
            given.add(folder)
            yield folder, note


def full(text: str, site: Site) -> Path:
    """What was typed as an absolute path: ``~`` is the home folder, and a relative path begins where alpi was started."""
    text = text.strip()
    if text == "~" or text.startswith("~/"):
        return Path(os.path.normpath(site.home / text[2:]))
    return Path(os.path.normpath((site.here or site.home) / text))


def unusable(text: str, site: Site) -> str:
    """Why what was typed cannot be a workspace, or ``""``. It need not exist yet."""
    folder = full(text, site)
    if "\0" in text or not text.isprintable():
        return "That is no path"
    if folder.exists() and not folder.is_dir():
        return f"{folder} is a file, not a folder"
    return ""


def refused(folder: Path, site: Site) -> str:
    """Why a folder cannot be the workspace, or ``""``: alpi's own home, places of credentials, what other programs run at their start,
    and what the machine's policy protects. The gate would refuse its files anyway, one by one."""
    from ..safety.tiers import Tier

    real = Path(os.path.realpath(folder))
    verdict = site.guard(real).protection(real, "write")
    return verdict.reason if verdict is not None and verdict.tier is Tier.DANGEROUS else ""


def warnings(folder: Path, site: Site) -> list[str]:
    """What is unwise about a folder, one sentence each."""
    real, home = Path(os.path.realpath(folder)), Path(os.path.realpath(site.home))
    if real == Path("/"):
        return ["This is the whole disk: alpi could change almost any file of yours without asking."]
    found = []
    if real == home:
        found.append("This is your home folder: everything of yours would be open to alpi. A folder below it is wiser.")
    elif home.is_relative_to(real):
        found.append("Your home folder lies in it: everything of yours would be open to alpi.")
    else:
        if any(real.is_relative_to(place) for place in SYSTEM):
            found.append("It belongs to the system: what is changed here can break other programs.")
        inside = [name for name in CREDENTIALS if (home / name).is_relative_to(real) and (home / name).exists()]
        if inside:
            found.append(
                f"It holds {', '.join(f'~/{name}' for name in inside[:3])}: places of keys, which alpi will not touch."
            )
        secret = secret_files(folder)
        if secret:
            found.append(
                f"It holds files that look like keys ({', '.join(secret[:3])}): alpi asks before it reads them."
            )
    return found


def secret_files(folder: Path) -> list[str]:
    """Names at a folder's top level that look as if they held keys."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MOST_LOOKED_AT), strict=False)]
    except OSError:
        return []  # it does not exist yet, or cannot be listed; making and reading it says so
    return sorted(name for name in names if looks_secret(name))


def state_of_workspace(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    text = site.config().workspace
    if not text:
        return "none: alpi works in the folder it is started in", True
    folder = full(text, site)
    return (site.shown(folder), False) if folder.is_dir() else (f"{site.shown(folder)} is not there", True)
