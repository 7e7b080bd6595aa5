"""The Sandbox section: the wall around commands, as far as this machine can build one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..base.errors import Refused, UsageError
from ..safety.policy import MODES
from ..safety.sandbox import Backend, Mode
from .interview import Interview, Option
from .site import Site
from .write import Change, save_settings

AUTO = "auto"
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        AUTO: "`workspace` where the machine can do it, else commands run without a wall (the default)",
        "workspace": "commands write only in the workspace and a private temporary folder",
        "strict": "as workspace, and without the network",
        "off": "commands may do what you may do; the gate still asks before risky ones",
    }
)


async def run_sandbox(site: Site, ask: Interview) -> None:
    """Show what this machine can do, ask for a mode, and set it.

    Raises:
        Left: the person left; nothing was written.
    """
    backends = await ask.busy("trying what this machine can do", _backends(site))
    for line in findings(backends):
        ask.say(line)
    options = [Option(mode, mode, ABOUT[mode], refused(mode, site, backends)) for mode in ABOUT]
    answer = await ask.choose("How much are commands held back?", options, current=site.config().sandbox.mode or AUTO)
    set_sandbox(site, answer, backends)
    ask.say(f"The sandbox is {answer}.", "done")


async def _backends(site: Site) -> Sequence[Backend]:
    import asyncio

    return await asyncio.to_thread(site.backends)


def set_sandbox(site: Site, mode: str, backends: Sequence[Backend]) -> None:
    """Write the mode into the settings.

    Raises:
        UsageError: no such mode, or one that this machine cannot do.
        Refused: the machine's policy demands more.
    """
    if mode not in ABOUT:
        raise UsageError(f"there is no sandbox mode {mode!r}", f"Modes: {', '.join(ABOUT)}")
    if why := refused(mode, site, backends):
        kind = Refused if "policy" in why else UsageError
        raise kind(f"sandbox mode {mode} is not on offer: {why}", "alpi doctor sandbox says more")
    save_settings(site.paths, [Change(("sandbox", "mode"), mode, remove=mode == AUTO)])


def refused(mode: str, site: Site, backends: Sequence[Backend]) -> str:
    """Why a mode is not on offer, or ``""``."""
    demanded = site.policy.sandbox_at_least("off")
    if mode != AUTO and MODES.index(Mode(mode).value) < MODES.index(demanded):
        return site.policy.broken_reason() or f"the machine's policy demands {demanded} ({site.policy.path})"
    if mode in (AUTO, "off"):
        return ""
    if any(backend.usable and not backend.missing(Mode(mode)) for backend in backends):
        return ""
    return "no sandbox on this machine can do it; installing bubblewrap may help"


def findings(backends: Sequence[Backend]) -> list[str]:
    """What was found on this machine, a line for each backend."""
    if not backends:
        return ["No sandbox is known for this system."]
    lines = []
    for backend in backends:
        if not backend.usable:
            lines.append(f"{backend.name}: does not work here: {backend.reason}")
            continue
        can = [str(mode) for mode in (Mode.WORKSPACE, Mode.STRICT) if not backend.missing(mode)]
        lines.append(f"{backend.name}: works here ({' and '.join(can) or 'for neither mode'})")
    return lines


def state_of_sandbox(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    mode = site.config().sandbox.mode
    demanded = site.policy.sandbox_at_least(mode or "off")
    if demanded not in (mode or "off", "off"):
        return f"{demanded}, by the machine's policy", False
    return mode or "workspace where the machine can do it", False
