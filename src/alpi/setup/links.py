"""The Services and Peers sections: what runs in the background, and which other agents are pinned."""

from __future__ import annotations

from ..base.errors import AlpiError, UsageError
from .interview import Check, Interview, Left, Option
from .site import Site
from .write import Change, save_settings

INSTALL, LISTEN, OFF, ADD, CARD = "install", "listen", "off", "add", "card"
ALL = ("link.ping", "link.ask", "link.cancel")
GRANTS = (
    Option(
        "ask",
        "It may ask",
        "run turns here: with this profile's model, memory, files and tools; what needs a yes is refused",
    ),
    Option("ping", "It may see that this profile is there", "this profile can ask it all the same"),
    Option("none", "Nothing", "this profile can ask it all the same"),
)


async def run_services(site: Site, ask: Interview) -> None:
    """Whether this profile answers its peers, where it listens, and whether the system runs it.

    Raises:
        Left: the person left; nothing was written.
    """
    desk, alp = site.links(), site.config().alp
    ask.say(
        "The ALP service answers the agents that you have pinned. Nothing listens without it, and nobody who is not pinned gets a word."
    )
    ask.say(f"Now: {desk.service()}.", "quiet")
    options = [
        Option(INSTALL, "ALP service -> Install", "answer peers, now and at every login"),
        Option(LISTEN, "Where other machines reach it", alp.listen or "this machine only"),
        Option(OFF, "Off", "answer nobody"),
    ]
    answer = await ask.choose("What shall it do?", options, current=INSTALL)
    if answer == OFF:
        save_settings(site.paths, [Change(("alp", "enabled"), False)])
        ask.say("This profile answers nobody. A running service ends with: alpi service uninstall", "done")
        return
    if answer == LISTEN:
        check: Check = lambda text: "" if text == "none" else desk.address_problem(text)  # noqa: E731 - a question's own rule
        text = await ask.text(
            "Address and port of this machine in your private network (none: this machine only)",
            default=alp.listen or "none",
            check=check,
        )
        ask.say(set_listen(site, text), "done")
        return
    save_settings(site.paths, [Change(("alp", "enabled"), True)])
    for line in desk.install():
        ask.say(line, "done")


def set_listen(site: Site, text: str) -> str:
    """Write where the service listens; ``none``: for this machine only. What was done, in one line.

    Raises:
        UsageError: it is no address.
    """
    listen = "" if text == "none" else text
    if listen and (why := site.links().address_problem(listen)):
        raise UsageError(f"{listen!r} is no address: {why}")
    save_settings(site.paths, [Change(("alp", "listen"), listen, remove=not listen)])
    return f"the service listens {f'on {listen}' if listen else 'for this machine only'}, once it is (re)started"


async def run_peers(site: Site, ask: Interview) -> None:
    """Show this profile's card, and pin another agent's.

    Raises:
        Left: the person left; nothing was written.
    """
    desk = site.links()
    for line in desk.peers():
        ask.say(line, "quiet")
    card, words = desk.card()
    options = [
        Option(ADD, "Pin another agent", "with the card that alpi id --card prints there"),
        Option(CARD, "Show this profile's card", "to be given to the other side"),
    ]
    if await ask.choose("Peers", options, current=ADD) == CARD:
        ask.say(f"{card}\nIts words, to be compared by the other side: {words}", "done")
        return

    def wrong(text: str) -> str:
        try:
            desk.proposed(text, "", ())
        except AlpiError as error:
            return f"{error.message}. {error.hint}".strip()
        return ""

    theirs = await ask.text("Their card, the whole line", check=wrong)
    named = theirs.split()[-1].casefold()
    id = await ask.text("What shall it be called here?", default=named)
    grant = await ask.choose("What may it do here?", GRANTS, current="ping")
    allow = {"ask": ALL, "ping": ALL[:1]}.get(grant, ())
    for line in desk.proposed(theirs, id, allow):
        ask.say(line)
    ask.say("Compare the words with the other side, on the phone for example: they are the key.", "warning")
    if not await ask.confirm("Are they the same?", False):
        raise Left
    ask.say(desk.pin(theirs, id, allow), "done")


def state_of_services(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    alp = site.config().alp
    return (f"answers peers{f' on {alp.listen}' if alp.listen else ''}" if alp.enabled else "answers nobody"), False


def state_of_peers(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    try:
        count = len(site.links().peers())
    except AlpiError as error:
        return error.message, True
    return (f"{count} pinned" if count else "none pinned"), False
