"""The Budget section: what a day may cost at most."""

from __future__ import annotations

from ..base.errors import UsageError
from .interview import Check, Interview, Left, Option
from .site import Site
from .write import Change, save_settings

USD, TOKENS, NONE = "usd", "tokens", "none"


async def run_budget(site: Site, ask: Interview) -> None:
    """Explain what a bound does, ask for one, and set it.

    Raises:
        Left: the person left; nothing was written.
    """
    ask.say(
        "Before each call to a model alpi sets aside what it may cost: the request, and an answer of up to 4,096 tokens. What does not fit "
        "into the day's rest is not sent, however many turns run at once. So a day costs at most this, and what a longer answer is longer."
    )
    ask.say(
        "Tokens count always, dollars where the price of the model is known; a model on your own machine costs nothing. A day begins at "
        "midnight in the profile's time zone.",
        "quiet",
    )
    for line in caps(site):
        ask.say(line, "warning")
    if today := site.spent():
        ask.say(f"Today so far: {today}.")
    now = site.config().budget
    options = [
        Option(USD, "Dollars a day", "none now" if now.usd_per_day is None else f"{now.usd_per_day:g} now"),
        Option(TOKENS, "Tokens a day", "none now" if now.tokens_per_day is None else f"{now.tokens_per_day:,} now"),
        Option(NONE, "No bound", "the provider's own limit is then the only one"),
    ]
    kind = await ask.choose("What bounds a day?", options, current=USD)
    usd, tokens = now.usd_per_day, now.tokens_per_day
    if kind == NONE:
        usd = tokens = None
    elif kind == USD:
        default = f"{usd:g}" if usd is not None else "2"
        usd = amount(await ask.text("At most how many dollars a day?", default=default, check=_objection(site, False)))
    else:
        default = str(tokens) if tokens is not None else "2000000"
        tokens = int(
            amount(await ask.text("At most how many tokens a day?", default=default, check=_objection(site, True)))
        )
    if usd == 0 or tokens == 0:
        ask.say("Nothing at all: alpi will not call any model that costs something.", "warning")
        if not await ask.confirm("Set it so?", False):
            raise Left
    set_budget(site, usd, tokens)
    ask.say(f"The budget is {state_of_budget(site)[0]}.", "done")


def set_budget(site: Site, usd: float | None, tokens: int | None) -> None:
    """Write both bounds; ``None`` for none.

    Raises:
        UsageError: more than the machine's policy allows, or a negative number.
    """
    limits = site.policy.budget_caps()
    for value, most, unit in ((usd, limits.usd_per_day, "USD"), (tokens, limits.tokens_per_day, "tokens")):
        if value is not None and (value < 0 or value != value or value == float("inf")):
            raise UsageError(f"{value} {unit} is no amount", "Give a number, at least 0")
        if value is not None and most is not None and value > most:
            raise UsageError(
                f"{value:g} {unit} a day is more than the {most:g} that the machine's policy allows ({site.policy.path})",
                "Choose less, or none: the policy's own bound holds either way",
            )
    save_settings(
        site.paths,
        [
            Change(("budget", "usd_per_day"), whole_where_it_is(usd), remove=usd is None),
            Change(("budget", "tokens_per_day"), tokens, remove=tokens is None),
        ],
    )


def whole_where_it_is(value: float | None) -> float | None:
    """``2`` for ``2.0``: as a person would write it into the file."""
    return int(value) if value is not None and value == int(value) else value


def amount(text: str) -> float:
    """A number as people write it: ``2``, ``0.50``, ``$2``, ``2 000 000``, ``2,000,000``, ``2M``.

    Raises:
        ValueError: it is none.
    """
    plain = text.strip().removeprefix("$").replace(" ", "").replace("_", "").lower()
    scale = {"k": 1e3, "m": 1e6}.get(plain[-1:], 1.0)
    plain = plain[:-1] if scale > 1 else plain
    head, *groups = plain.split(",")
    if groups and all(len(group.partition(".")[0]) == 3 for group in groups):
        plain = head + "".join(groups)
    value = float(plain) * scale
    if not 0 <= value < 1e15:
        raise ValueError(text)
    return value


def _objection(site: Site, whole: bool) -> Check:
    limits = site.policy.budget_caps()
    most = limits.tokens_per_day if whole else limits.usd_per_day

    def check(text: str) -> str:
        try:
            value = amount(text)
        except ValueError:
            return "That is no number; for example 2 or 0.50"
        if whole and value != int(value):
            return "Tokens are whole"
        return f"The machine's policy allows at most {most:g}" if most is not None and value > most else ""

    return check


def caps(site: Site) -> list[str]:
    """What the machine's policy allows at most, a sentence each."""
    limits = site.policy.budget_caps()
    found = []
    if limits.usd_per_day is not None:
        found.append(f"The machine's policy allows at most {limits.usd_per_day:g} USD a day ({site.policy.path}).")
    if limits.tokens_per_day is not None:
        found.append(
            f"The machine's policy allows at most {limits.tokens_per_day:,} tokens a day ({site.policy.path})."
        )
    return found


def state_of_budget(site: Site) -> tuple[str, bool]:
    """(what is set, whether something is missing)."""
    now = site.config().budget
    parts = []
    if now.usd_per_day is not None:
        parts.append(f"{now.usd_per_day:g} USD a day")
    if now.tokens_per_day is not None:
        parts.append(f"{now.tokens_per_day:,} tokens a day")
    limits = site.policy.budget_caps()
    if not parts and (limits.usd_per_day is not None or limits.tokens_per_day is not None):
        return "no bound of your own; the machine's policy has one", False
    return " and ".join(parts) or "no bound", False
