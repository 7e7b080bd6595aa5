"""The Personality section: how alpi talks, from a few texts that are shown before they are taken."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..base.errors import UsageError
from ..base.text import printable
from .interview import Interview, Left, Option
from .site import Site

ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "personal": "a companion for everyday things",
        "coder": "a colleague who works on code with you",
        "ops": "careful with machines, says what it will do before it does it",
        "research": "looks things up, compares, names its sources",
    }
)


async def run_personality(site: Site, ask: Interview) -> None:
    """Ask for a preset, show its text, and install it.

    Raises:
        Left: the person left; nothing was written.
    """
    store = site.personalities()
    texts = store.presets()
    ask.say(
        "The personality is a short text that is part of every request. It is a file: you can edit it, and alpi can."
    )
    known = [name for name in ABOUT if name in texts]
    options = [Option(name, name, ABOUT.get(name, "")) for name in dict.fromkeys([*known, *texts])]
    name = await ask.choose("Which one?", options, current=name_of(store.current(), texts))
    ask.say(printable(texts[name]).strip(), "quiet")
    now = store.current().strip()
    if now and now not in {text.strip() for text in texts.values()}:
        ask.say("There is a text of your own now; it stays in the memory's history, and can be taken back.", "warning")
    if not await ask.confirm("Take this text?", True):
        raise Left
    set_personality(site, name)
    ask.say(f"The personality is {name}.", "done")


def set_personality(site: Site, name: str) -> None:
    """Install a preset.

    Raises:
        UsageError: there is none of that name.
        StorageError: it could not be written.
    """
    store = site.personalities()
    if name not in store.presets():
        raise UsageError(f"there is no personality {name!r}", f"Presets: {', '.join(store.presets())}")
    site.paths.make()
    store.install(name)


def name_of(text: str, texts: Mapping[str, str]) -> str:
    """Which preset a text is, or ``""``."""
    return next((name for name, preset in texts.items() if text.strip() and preset.strip() == text.strip()), "")


def state_of_personality(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    store = site.personalities()
    text = store.current()
    if not text.strip():
        return "none: plain and short", False
    return name_of(text, store.presets()) or "a text of your own", False
