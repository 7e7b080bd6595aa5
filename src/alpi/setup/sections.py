"""All sections of setup, in the order in which a person wants them, and the menu that shows where each stands.

A new section is a module with ``run_X(site, ask)`` and ``state_of_X(site)`` and one line in ``SECTIONS``; its options without a
terminal are a function in cli/setup.py. To come with its feature: Gateways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..base.errors import AlpiError
from ..base.paths import DEFAULT
from .budget import run_budget, state_of_budget
from .interview import Interview, Left, Option
from .links import run_peers, run_services, state_of_peers, state_of_services
from .mcp import run_mcp, state_of_mcp
from .model import run_model, state_of_model
from .personality import run_personality, state_of_personality
from .sandbox import run_sandbox, state_of_sandbox
from .site import Site
from .workspace import run_workspace, state_of_workspace

DONE = "+done"


@dataclass(frozen=True, slots=True)
class Section:
    """One section. ``state``: (what is set, whether something is missing). ``run`` writes at its end, or not at all."""

    name: str
    title: str
    state: Callable[[Site], tuple[str, bool]]
    run: Callable[[Site, Interview], Awaitable[None]]


SECTIONS: tuple[Section, ...] = (
    Section("model", "Model / Provider", state_of_model, run_model),
    Section("workspace", "Workspace", state_of_workspace, run_workspace),
    Section("personality", "Personality", state_of_personality, run_personality),
    Section("budget", "Budget", state_of_budget, run_budget),
    Section("sandbox", "Sandbox", state_of_sandbox, run_sandbox),
    Section("services", "Services", state_of_services, run_services),
    Section("peers", "Peers", state_of_peers, run_peers),
    Section("mcp", "MCP", state_of_mcp, run_mcp),
)


def section(name: str) -> Section:
    """The section of that name; it is one of ``SECTIONS``."""
    return next(found for found in SECTIONS if found.name == name)


async def run_section(site: Site, ask: Interview, name: str) -> bool:
    """One section by itself. Returns whether it came to its end; leaving it has changed nothing."""
    try:
        await section(name).run(site, ask)
    except Left:
        ask.say("Left; nothing was changed.", "quiet")
        return False
    except AlpiError as error:
        ask.say(f"{error.message}. {error.hint}".strip(), "bad")
        return False
    return True


async def run_menu(site: Site, ask: Interview) -> bool:
    """The menu, until the person is done. Where no model is set yet, the first step is opened at once. Returns true."""
    if not site.config().model:
        ask.say("Welcome. alpi needs a model to talk to; everything else can wait.")
        await run_section(site, ask, "model")
    while True:
        missing = [found.name for found in SECTIONS if found.state(site)[1]]
        options = []
        for found in SECTIONS:
            text, lacks = found.state(site)
            options.append(Option(found.name, found.title, f"! {text}" if lacks else text))
        options.append(Option(DONE, "Done", done_words(site)))
        try:
            answer = await ask.choose("What shall be set up?", options, current=missing[0] if missing else DONE)
        except Left:
            return True
        if answer == DONE:
            return True
        await run_section(site, ask, answer)


def done_words(site: Site) -> str:
    """What leaving the menu means now."""
    command = "alpi" if site.paths.name == DEFAULT else f"alpi -p {site.paths.name}"
    return f"then run: {command}" if site.config().model else "without a model alpi cannot answer"
