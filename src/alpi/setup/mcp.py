"""The MCP section: which servers there are and how they stand, adding one, approving what has changed, which tools only read."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import AlpiError
from ..base.schema import McpServerConfig
from ..base.text import escaped
from ..mcp.declaring import ADVICE, MEANING, declared, note_of, open_tools, withdrawn
from ..mcp.names import server_problem
from ..mcp.pins import Pins, PinStore, shown, target_of
from ..mcp.proposing import Proposal, about
from .interview import Interview, Left, Option
from .servering import ask_for, forget_wanted, wanted_of
from .site import ServerDesk, Site
from .wanted import Wanted
from .write import Change, planned, save, save_settings

ADD, APPROVE, SHOW, READS, REMOVE, DONE = "+add", "approve", "show", "reads", "remove", "+done"
AGAIN, CHANGE = "again", "change"


async def run_mcp(site: Site, ask: Interview) -> None:
    """Add a server, or look at one and change what was approved of it.

    Raises:
        Left: the person left; nothing was written.
    """
    servers = site.config().mcp.servers
    ask.say("MCP servers are other people's programs, on this machine or elsewhere, whose tools alpi can use.")
    states = {name: _state(_pins(site, name), config) for name, config in servers.items()}
    options = [Option(ADD, "Add a server", "a program or an address; you see all of it first")]
    options += [Option(name, name, f"! {text}" if lacks else text) for name, (text, lacks) in states.items()]
    first = next((name for name, (_, lacks) in states.items() if lacks), ADD)
    answer = await ask.choose("MCP servers", options, current=first)
    if answer == ADD:
        await _add(site, ask)
    else:
        await _server(site, ask, answer, servers[answer])


def state_of_mcp(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    servers = site.config().mcp.servers
    if not servers:
        return "no server", False
    waiting = [name for name, config in servers.items() if _state(_pins(site, name), config)[1]]
    named = ", ".join(servers)
    return (f"{named}; to be approved: {', '.join(waiting)}" if waiting else named), bool(waiting)


def _state(pins: Pins | None, config: McpServerConfig) -> tuple[str, bool]:
    """How a server stands by what is on the disk, and whether it has to be approved."""
    if pins is None or pins.target != target_of(config):
        return "not approved as it is configured now", True
    used, reads = sum(pin.use for pin in pins.tools), sum(map(pins.reads, pins.tools))
    more = f", {reads} of them not asked about" if reads else ""
    return f"{used} tool{'s' * (used != 1)} in use{more}{'' if config.enabled else '; switched off'}", False


def _pins(site: Site, name: str) -> Pins | None:
    """What was approved of a server; nothing, where that cannot be read."""
    try:
        return PinStore(site.paths.home / "mcp", site.paths.run).load(name)
    except AlpiError:
        return None


# -- adding ----------------------------------------------------------------------------------------------------------------


async def _add(site: Site, ask: Interview) -> None:
    desk = site.servers_desk()
    ask.say(
        "Leave with Esc whenever you like: nothing is written before your yes, and what you typed is offered again.",
        "quiet",
    )
    wanted = wanted_of(site)
    while True:
        keys = await ask_for(site, ask, desk, wanted)
        proposal = await _looked(ask, desk, wanted, keys)
        if proposal is not None:
            break
    pins = await _reviewed(site, ask, proposal, f"Add {wanted.name}?")
    settings, _ = desk.settings(wanted)
    change = Change(("mcp", "servers", wanted.name), settings)
    planned(site.paths, [change])
    desk.keep(pins)
    try:
        save(site.paths, [change], keys)
    except AlpiError:
        desk.forget(wanted.name)  # what was approved of a server that is not there
        raise
    forget_wanted(site)
    ask.say(f"{wanted.name} is added: {_state(pins, proposal.config)[0]}, from the next conversation on.", "done")


async def _looked(ask: Interview, desk: ServerDesk, wanted: Wanted, keys: dict[str, str]) -> Proposal | None:
    """Check and start the server; ``None``: the person wants to type something anew."""
    while True:
        try:
            _, config = desk.settings(wanted)
            packages = await ask.busy("asking about its packages", desk.checked(config))
            looked = await ask.busy(f"looking at what {wanted.name} offers", desk.look(wanted.name, config, keys))
        except AlpiError as error:
            ask.say(escaped(f"{error.message}. {error.hint}".strip()), "bad")
            options = [Option(AGAIN, "Try again"), Option(CHANGE, "Change what you typed", "it is offered again")]
            if await ask.choose("What now?", options, current=CHANGE) == CHANGE:
                return None
            continue
        ask.say("\n".join([*about(wanted.name, config), f"  {packages}"]))
        return Proposal(wanted.name, config, looked)


async def _reviewed(site: Site, ask: Interview, proposal: Proposal, question: str) -> Pins:
    """Show all that is new, ask, and give what is to be kept.

    Raises:
        Left: they said no.
    """
    ask.say("\n".join(proposal.lines))
    if not await ask.confirm(question, False):
        raise Left
    used = set(proposal.plain)
    for one in proposal.suspicious:
        name = escaped(one.offer.name)
        ask.say(f"{name} is suspicious: {escaped(one.flag)}\n{escaped(shown(one.offer))}", "warning")
        if await ask.confirm(f"Offer {name} to models all the same?", False):
            used.add(one.offer.name)
    pins = proposal.pins(used, site.clock.now())
    fit = open_tools(pins)
    return await _reading(site, ask, pins) if fit and site.policy.may_approve_always else pins


async def _reading(site: Site, ask: Interview, pins: Pins) -> Pins:
    """Which tools only read, by the owner's word: switched one by one, until they are done."""
    meaning = [f"- {line}" for line in MEANING]
    told = "\n".join(["Each call of a tool is asked about, unless you say that it only reads. Then:", *meaning, ADVICE])
    current = DONE
    while True:
        ask.say(told, "quiet")
        fit = [pin for pin in pins.tools if pins.reads(pin) or pin in open_tools(pins)]
        options = [Option(DONE, "Done", "what is not marked is asked about")]
        for pin in fit:
            mark = "only reads: not asked about" if pins.reads(pin) else note_of(pin.offer) or "asked about"
            options.append(Option(pin.offer.name, escaped(pin.offer.name), mark))
        current = await ask.choose(f"Which tools of {pins.server} only read?", options, current=current)
        if current == DONE:
            return pins
        pin = next(pin for pin in fit if pin.offer.name == current)
        pins = withdrawn(pins, [current]) if pins.reads(pin) else declared(pins, [current], site.clock.now())


# -- one that is there -----------------------------------------------------------------------------------------------------


async def _server(site: Site, ask: Interview, name: str, config: McpServerConfig) -> None:
    desk = site.servers_desk()
    good, told = await ask.busy(f"asking {name}", desk.examine(name))
    pins = _pins(site, name)
    while True:
        ask.say("\n".join(about(name, config)))
        ask.say(escaped(told), "good" if good else "bad")
        for line in _tools(pins):
            ask.say(line, "quiet")
        answer = await ask.choose(f"What about {name}?", _choices(site, pins, good), current=SHOW if good else APPROVE)
        if answer != SHOW:
            break
        ask.say(
            "\n\n".join(escaped(shown(pin.offer)) for pin in pins.tools) if pins is not None else "nothing was approved"
        )
    if answer == REMOVE:
        await _remove(site, ask, desk, name)
    elif answer == READS and pins is not None:
        after = await _reading(site, ask, pins)
        desk.keep(after)
        ask.say(f"{name}: {_state(after, config)[0]}; this counts in running conversations, too.", "done")
    elif answer == APPROVE:
        await _approve(site, ask, desk, name, config)


def _choices(site: Site, pins: Pins | None, good: bool) -> Sequence[Option]:
    none = "" if pins is not None else "nothing was approved yet"
    forbidden = "" if site.policy.may_approve_always else "the machine's policy lets nothing be allowed for good"
    return [
        Option(SHOW, "Show its tools in full", "as you approved them", none),
        Option(
            APPROVE, "Approve it", "look at what is new or has changed", "it offers what you approved" if good else ""
        ),
        Option(READS, "Say which tools only read", "they are not asked about", none or forbidden),
        Option(REMOVE, "Remove it", "with what you approved"),
    ]


def _tools(pins: Pins | None) -> list[str]:
    tools = pins.tools if pins is not None else ()
    reads = [escaped(pin.offer.name) for pin in tools if pins is not None and pins.reads(pin)]
    used = [escaped(pin.offer.name) for pin in tools if pin.use and escaped(pin.offer.name) not in reads]
    off = [f"{escaped(pin.offer.name)} ({escaped(pin.flag) or 'you said no'})" for pin in tools if not pin.use]
    parts = (("asked about", used), ("not asked about", reads), ("off", off))
    return [f"{what}: {', '.join(names)}" for what, names in parts if names]


async def _approve(site: Site, ask: Interview, desk: ServerDesk, name: str, config: McpServerConfig) -> None:
    before = _pins(site, name)
    if before is not None and before.target != target_of(config):
        ask.say("Its settings have changed since its tools were approved; all is shown anew.", "warning")
        before = None
    if problem := server_problem(name, site.config().mcp.servers):
        raise AlpiError(problem, f"Correct mcp.servers.{name} in config.yaml")
    if before is None:
        ask.say(await ask.busy("asking about its packages", desk.checked(config)), "quiet")
    looked = await ask.busy(f"looking at what {name} offers", desk.look(name, config, {}))
    proposal = Proposal(name, config, looked, before)
    if proposal.same:
        ask.say(f"{name} offers what you approved; nothing is to be done.", "good")
        return
    pins = await _reviewed(site, ask, proposal, f"Approve this of {name}?")
    desk.keep(pins)
    ask.say(f"Approved: {_state(pins, config)[0]}, from the next conversation on.", "done")


async def _remove(site: Site, ask: Interview, desk: ServerDesk, name: str) -> None:
    if not await ask.confirm(f"Remove {name}, and what you approved of it?", False):
        raise Left
    save_settings(site.paths, [Change(("mcp", "servers", name), remove=True)])
    desk.forget(name)
    ask.say(f"{name} is removed. A secret that it used is still in {site.shown(site.paths.env)}.", "done")
