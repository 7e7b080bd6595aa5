"""Taking the owner's word that tools of MCP servers only read: asked for, written down in the audit log, kept beside what was approved."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..base.errors import AlpiError, NotConfigured, Refused, UsageError
from ..base.text import escaped

if TYPE_CHECKING:
    from ..base.paths import ProfilePaths
    from ..mcp.pins import Pins
    from .runtime import Runtime


def trust(runtime: Runtime, name: str, tools: Sequence[str], agreed: Callable[[str], bool]) -> int:
    """Show single tools and what the word means, ask, and keep it."""
    from ..mcp.declaring import declared, note_of
    from ..mcp.pins import shown

    if not runtime.policy.may_approve_always:
        raise Refused("this machine's policy does not let anything be allowed for good", "Each call is asked about")
    pins = _approved(runtime, name)
    after = declared(pins, tools, runtime.clock.now())  # what cannot be, is told before anybody reads on
    for tool in dict.fromkeys(tools):
        pin = pins.find(tool)
        assert pin is not None
        note = note_of(pin.offer)
        print(f"{escaped(shown(pin.offer))}\n{f'({note})' if note else ''}")
    print("\n".join(["When you say that a tool only reads:", *_meaning()]))
    if not agreed(f"Say of {name} that this only reads: {', '.join(map(escaped, dict.fromkeys(tools)))}?"):
        print("nothing was changed")
        return 0
    keep(runtime, after)
    print(
        f"kept; their calls are not asked about any more, in running conversations too. To take it back: alpi mcp untrust {name}"
    )
    return 0


def untrust(runtime: Runtime, name: str, tools: Sequence[str]) -> int:
    """Take the word back: from single tools, or from all of a server."""
    from ..mcp.declaring import withdrawn
    from .mcpwiring import pin_store

    pins = pin_store(runtime).load(name)
    if pins is None:
        raise UsageError(f"nothing was approved of a server {escaped(name)!r}", "alpi mcp lists them")
    before = sum(map(pins.reads, pins.tools))
    after = withdrawn(pins, tools)
    keep(runtime, after)
    gone = before - sum(map(after.reads, after.tools))
    print(f"taken back; {gone} tools of {name} are asked about again")
    return 0


def keep(runtime: Runtime, pins: Pins, surface: str = "terminal") -> None:
    """Write what was approved of a server. What the owner says of single tools, or no longer says, is in the audit log first.

    Raises:
        StorageError: it could not be written; nothing was changed.
    """
    from .mcpwiring import pin_store

    runtime.paths.make()
    store = pin_store(runtime)
    try:
        old = store.load(pins.server)
    except AlpiError:  # it cannot be read, and is replaced
        old = None
    before = {pin.offer.name: pin.declared for pin in old.tools if old.reads(pin)} if old is not None else {}
    now = {pin.offer.name: pin.declared for pin in pins.tools if pins.reads(pin)}
    for tool, word in now.items():
        if before.get(tool) != word:
            _record(runtime, pins, tool, "always", surface)
    for tool in before.keys() - now.keys():
        _record(runtime, pins, tool, "taken back", surface)
    store.save(pins)


def _record(runtime: Runtime, pins: Pins, tool: str, decision: str, surface: str) -> None:
    from ..state.audit import AuditEntry, AuditLog

    pin = pins.find(tool)
    stamp = pins.stamp(pin)[:16] if pin is not None else ""
    entry = AuditEntry(
        session="",
        surface=surface,
        asker="person",
        tool=f"mcp {pins.server}",
        what=f"The tool {tool} of the MCP server {pins.server} only reads",
        tier="caution",
        decision=decision,
        scope=f"mcp reads {pins.server} {tool} {stamp}",
        reason="its calls are not asked about" if decision == "always" else "its calls are asked about again",
    )
    AuditLog(runtime.paths.logs, runtime.clock, runtime.redact_late).record(entry)


def forget(runtime: Runtime, name: str, surface: str = "terminal") -> None:
    """A server is removed, and with it what was approved and said of it, and the login there."""
    from .mcpwiring import login_store, pin_store

    store = pin_store(runtime)
    try:
        old = store.load(name)
    except AlpiError:
        old = None
    for pin in old.tools if old is not None else ():
        if old is not None and old.reads(pin):
            _record(runtime, old, pin.offer.name, "taken back", surface)
    store.forget(name)
    login_store(runtime).forget(name)


def reading_tools(paths: ProfilePaths) -> list[str]:
    """The tools that the owner's word covers, a line for each server. Settings are not read, so that a mistake in them hides nothing."""
    if not (paths.home / "mcp").is_dir():
        return []
    from ..mcp.pins import PinStore

    store = PinStore(paths.home / "mcp", paths.run)
    lines = []
    for name in store.servers():
        try:
            pins = store.load(name)
        except AlpiError:  # what cannot be read covers nothing; alpi mcp says what is wrong with it
            continue
        names = [escaped(pin.offer.name) for pin in pins.tools if pins.reads(pin)] if pins is not None else []
        if names:
            lines.append(
                f"MCP server {name}: not asked about, because they only read: {', '.join(names)} (alpi mcp untrust {name})"
            )
    return lines


def asked_which(runtime: Runtime, pins: Pins) -> Pins:
    """Ask at the terminal which of the tools only read. Enter says it of none, and what is no tool's name is asked again."""
    from ..mcp.declaring import declared, note_of, open_tools
    from .undo import typed

    fit = open_tools(pins)
    if not fit or not runtime.policy.may_approve_always:
        return pins
    print("\nEach call of a tool is asked about, unless you say here that it only reads:")
    print("\n".join(_meaning()))
    for pin in fit:
        note = note_of(pin.offer)
        print(f"    {escaped(pin.offer.name)}{f'   ({note})' if note else ''}")
    while True:
        names = typed("Which of them only read? Their names, or Enter for none: ").replace(",", " ").split()
        try:
            return declared(pins, names, runtime.clock.now())
        except UsageError as error:
            print(f"{error.message}. {error.hint}".strip(), file=sys.stderr)


def _meaning() -> list[str]:
    """What the word means, in lines as wide as the terminal."""
    from ..mcp.declaring import ADVICE, MEANING
    from ..tui.terminal import columns, hanging

    return [line for text in MEANING for line in hanging("  - ", 4, text, columns())] + hanging(
        "", 0, ADVICE, columns()
    )


def _approved(runtime: Runtime, name: str) -> Pins:
    """What was approved of a server as it is configured now."""
    from ..mcp.pins import target_of
    from .mcpwiring import pin_store

    pins = pin_store(runtime).load(name)
    if pins is None or pins.target != target_of(runtime.config.mcp.servers[name]):
        raise NotConfigured(f"{name} was not approved as it is configured now", f"alpi mcp approve {name}")
    return pins
