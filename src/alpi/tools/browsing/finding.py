"""Whether this machine has what the browser tool needs. Loads nothing."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find_chromium(environ: Mapping[str, str]) -> str:
    """The program, or ``""`` where there is none."""
    for name in NAMES:
        found = shutil.which(name, path=environ.get("PATH"))
        if found:
            return found
    return next((path for path in MAC if Path(path).exists()), "")


def has_playwright() -> bool:
    """Whether the library that drives it is installed."""
    return importlib.util.find_spec("playwright") is not None


def find_browser(environ: Mapping[str, str]) -> str:
    """The program where both are there, else ``""``."""
    return find_chromium(environ) if has_playwright() else ""
