"""Show what model calls used and cost: today, over days, by model, surface or asker; and what is left of the budgets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ..state.budget import Cap, Used
    from ..state.ledger import Call, Ledger, Reserve, Sum
    from .accounts import ProfileAccounts

EPILOG = """\
examples:
  alpi cost                           today, by model, and what is left of the budgets
  alpi cost --days 7                  the last seven days, today among them
  alpi cost 2026-11-01 2026-11-15 --by surface
  alpi cost --days 30 --by model --json | jq .total.usd

A day begins at midnight in the profile's time zone (timezone in config.yaml). Amounts are in USD. A call whose price is not known is
counted in tokens alone and said to be; it never counts as free. Budgets are set with: alpi config set budget.usd_per_day 2
"""
GROUPS = ("model", "surface", "asker", "day")
MOST_DAYS = 3660
WIDEST_BAR = 60


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi cost``."""
    parser.add_argument("dates", metavar="DATE", nargs="*", help="a day, or the first and the last one, as 2026-11-25")
    parser.add_argument("--days", metavar="N", type=int, help="so many days up to today")
    parser.add_argument("--by", choices=GROUPS, help="what to group by (else: model for one day, day for several)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plain", action="store_true", help="letters and digits only: no colours, no blocks")
    parser.add_argument(
        "--release", action="store_true", help="take back what is set aside for calls of today that were cut off"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the costs. Returns the exit code."""
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    for warning in runtime.warnings:
        print(f"alpi: {warning}", file=sys.stderr)
    accounts = runtime.accounts
    if args.release:
        return _release(accounts.ledger)
    today = accounts.ledger.date_of(runtime.clock.now())
    view = gather(accounts, *_dates(args, today), today, args.by)
    if args.json:
        print(_json(view))
        return 0
    from ..tui.terminal import Style, columns, has_colour

    plain = args.plain or (sys.stdout.encoding or "ascii").lower().replace("-", "") != "utf8"
    style = Style(has_colour(environ) and not args.plain)
    print("\n".join(render(view, runtime.clock.now(), columns(), plain, style)))
    return 0


@dataclass(frozen=True)
class View:
    """What is shown: sums by group in the order of showing, the budgets where today is among the days, and calls that were cut off."""

    first: date
    last: date
    by: str
    groups: dict[str, Sum]
    total: Sum
    unpriced: tuple[str, ...]
    budgets: tuple[tuple[Cap, Used], ...]
    running: int
    cut_off: tuple[Reserve, ...]
    ledger: Ledger


def gather(accounts: ProfileAccounts, first: date, last: date, today: date, by: str | None) -> View:
    """Sum up the days from ``first`` to ``last``, both included."""
    from ..state.ledger import Call, Sum

    ledger = accounts.ledger
    by = by or ("model" if first == last else "day")
    calls = ledger.calls(ledger.day_on(first).start, ledger.day_on(last).end)
    key: dict[str, Callable[[Call | Reserve], str]] = {
        "model": lambda call: call.model,
        "surface": lambda call: call.surface,
        "asker": lambda call: call.asker,
        "day": lambda call: ledger.date_of(call.time).isoformat(),
    }
    groups: dict[str, Sum] = {}
    if by == "day" and (last - first).days < 62:
        groups = {(first + timedelta(days=n)).isoformat(): Sum() for n in range((last - first).days + 1)}
    total = Sum()
    for call in calls:
        groups.setdefault(key[by](call), Sum()).add(call)
        total.add(call)
    ordered = (
        sorted(groups)
        if by == "day"
        else sorted(groups, key=lambda name: (-groups[name].nano, -groups[name].tokens, name))
    )
    held = [call for call in calls if not isinstance(call, Call)]
    return View(
        first, last, by, {name: groups[name] for name in ordered}, total,
        unpriced=tuple(sorted({call.model for call in calls if isinstance(call, Call) and call.usd is None})),
        budgets=tuple((cap, ledger.used(cap)) for cap in accounts.caps) if first <= today <= last else (),
        running=sum(ledger.is_running(call) for call in held),
        cut_off=tuple(call for call in held if not ledger.is_running(call)),
        ledger=ledger,
    )  # fmt: skip


def _dates(args: argparse.Namespace, today: date) -> tuple[date, date]:
    if args.days is not None and args.dates:
        raise UsageError("say either --days or dates, not both")
    if args.days is not None:
        if not 1 <= args.days <= MOST_DAYS:
            raise UsageError(f"--days must be from 1 to {MOST_DAYS}")
        return today - timedelta(days=args.days - 1), today
    if len(args.dates) > 2:
        raise UsageError("at most two dates: the first day and the last one")
    try:
        found = [date.fromisoformat(text) for text in args.dates] or [today]
    except ValueError as error:
        raise UsageError(
            f"a date is not understood ({error})", "For example: alpi cost 2026-11-01 2026-11-15"
        ) from error
    if found[0] > found[-1]:
        raise UsageError(f"{found[0]} comes after {found[-1]}", "The first day stands first")
    return found[0], found[-1]


def _release(ledger: Ledger) -> int:
    gone = ledger.release()
    for call in gone:
        print(
            f"taken back: {call.tokens:,} tokens for a call of {call.model} at {call.time.astimezone(ledger.zone):%H:%M}"
        )
    if not gone:
        print("nothing was set aside for calls that were cut off")
    return 0


# --- as text


def render(view: View, now: datetime, width: int, plain: bool, style: object) -> list[str]:
    """The view as lines of at most ``width`` columns."""
    from ..tui.terminal import Style, hanging

    assert isinstance(style, Style)
    span = f"{view.first:%A, %-d %B %Y}" if view.first == view.last else f"{view.first:%-d %B} to {view.last:%-d %B %Y}"
    total = view.total
    if not total.calls and not total.held:
        lines = [style.paint(style.bold, span), "No model was called."]
    else:
        dot = " - " if plain else " · "
        told = [
            amount(total, " USD"),
            f"{total.tokens:,} tokens",
            *_cached(total),
            f"{total.calls:,} call{'s' * (total.calls != 1)}",
        ]
        lines = [style.paint(style.bold, span), *_joined(told, dot, width), "", *_chart(view, width, plain, style)]
    notes = [*_notes(view)]
    for note in notes:
        lines += ["", *hanging("! ", 2, note, min(width, 110))]
    for cap, used in view.budgets:
        lines += ["", *_budget(cap, used, view, now, width, plain, style)]
    return lines


def _joined(parts: Sequence[str], dot: str, width: int) -> list[str]:
    """Parts on as few lines as they need."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(dot) + len(part) <= width:
            lines[-1] += dot + part
        else:
            lines.append(part)
    return lines


def amount(found: Sum, unit: str = "") -> str:
    """What some calls cost: never a number where a price is not known, and never less than is known to be missing."""
    from ..state.budget import usd

    if found.usd is None:
        return "price unknown" if unit else "unknown"
    shown = usd(found.usd) + unit
    return f"{shown} and more" if found.unknown and unit else f"{shown} + ?" if found.unknown else shown


def _cached(found: Sum) -> list[str]:
    return [f"{found.cached_share:.0%} cached"] if found.cached else []


def short(count: int) -> str:
    """A number of tokens in at most five characters."""
    if count < 10_000:
        return str(count)
    if count < 999_500:
        return f"{count / 1000:.0f}k"
    return f"{count / 1e6:.1f}M" if count < 99_950_000 else f"{count / 1e6:.0f}M"


def _chart(view: View, width: int, plain: bool, style: object) -> list[str]:
    from ..base.text import escaped
    from ..tui.terminal import Style

    assert isinstance(style, Style)
    by_price = view.total.nano > 0
    names = {
        name: f"{date.fromisoformat(name):%a %d %b}" if view.by == "day" else escaped(name) or "-"
        for name in view.groups
    }
    amounts = {name: amount(found) if found.calls else "" for name, found in view.groups.items()}
    if any(shown.endswith("?") for shown in amounts.values()):  # the digits stay below each other
        amounts = {name: shown if shown[-1:] in ("?", "n", "") else f"{shown}    " for name, shown in amounts.items()}
    counts = {name: short(found.tokens) if found.calls else "" for name, found in view.groups.items()}
    shares = {name: f"{found.cached_share:.0%}" if found.cached else "" for name, found in view.groups.items()}
    wide = width >= 64
    right = [
        max(map(len, (*column.values(), head)))
        for column, head in ((amounts, "USD"), (counts, "tokens"), (shares, "cached"))
    ]
    room = width - sum(size + 2 for size in right[: 3 if wide else 2]) - 2
    left = min(max(map(len, names.values())), max(10, room - (20 if wide else 6)))
    bar = max(1, min(WIDEST_BAR, room - left - 2))
    most = max((found.nano if by_price else found.tokens for found in view.groups.values()), default=0)

    def row(name: str, drawn: str, *cells: str) -> str:
        shown = [cell.rjust(size) for cell, size in zip(cells, right, strict=True)][: 3 if wide else 2]
        cut = name if len(name) <= left else name[: left - 1] + ("~" if plain else "…")
        return "  ".join(
            [f"  {cut:<{left}}", style.paint(style.green, drawn) + " " * (bar - len(drawn)), *shown]
        ).rstrip()

    lines = [style.paint(style.dim, row("", "", "USD", "tokens", "cached"))]
    for name, found in view.groups.items():
        drawn = bar_of((found.nano if by_price else found.tokens) / most if most else 0.0, bar, plain)
        lines.append(row(names[name], drawn, amounts[name], counts[name], shares[name]))
    return lines


def bar_of(share: float, width: int, plain: bool) -> str:
    """A bar for a share of 0..1; what is not nothing is seen."""
    if plain:
        return "#" * max(round(share * width), int(share > 0))
    eighths = max(round(share * width * 8), int(share > 0))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _notes(view: View) -> list[str]:
    from ..state.budget import usd
    from ..state.ledger import Sum

    notes = []
    if view.total.unknown:
        models = ", ".join(view.unpriced[:3]) + (" and others" if len(view.unpriced) > 3 else "")
        many = view.total.unknown != 1
        notes.append(
            f"The price of {view.total.unknown:,} call{'s' * many} ({view.total.unknown_tokens:,} tokens of {models}) is not "
            f"known; {'they are' if many else 'it is'} not in the USD. Set it: "
            f"alpi config set models.{view.unpriced[0]}.price '{{input: 3, output: 15}}'"
        )
    if view.running:
        notes.append(
            f"{view.running} call{'s are' if view.running != 1 else ' is'} running; what may be used is set aside."
        )
    if view.cut_off:
        held = Sum()
        for call in view.cut_off:
            held.add(call)
        worth = f"{held.held_tokens:,} tokens" + (f", {usd(held.held_nano / 1e9)} USD" if held.held_nano else "")
        many = len(view.cut_off) != 1
        notes.append(
            f"{len(view.cut_off)} call{'s were' if many else ' was'} cut off when the program ended; at most {worth}. Towards the "
            "budget of that day this counts in full, because it may have been paid for. To take back today's: alpi cost --release"
        )
    return notes


def _budget(cap: Cap, used: Used, view: View, now: datetime, width: int, plain: bool, style: object) -> list[str]:
    from ..state.budget import NANO, resets, usd
    from ..tui.terminal import Style, hanging

    assert isinstance(style, Style)
    if cap.usd is not None:
        share = used.nano / NANO / cap.usd if cap.usd else 1.0
        told = f"{usd(used.nano / NANO)} of {usd(cap.usd)} USD used today, {usd(max(0.0, cap.usd - used.nano / NANO))} left"
    else:
        most = cap.tokens or 0
        share = used.tokens / most if most else 1.0
        told = f"{used.tokens:,} of {most:,} tokens used today, {max(0, most - used.tokens):,} left"
    size = min(24, width - 12)
    drawn = bar_of(min(1.0, share), size, plain)
    colour = style.red if share >= 1 else style.yellow if share >= 0.8 else style.green
    gauge = style.paint(colour, drawn) + style.paint(style.dim, ("." if plain else "░") * (size - len(drawn)))
    text = f"{told}; it starts afresh {resets(now, view.ledger.day())}"
    return [f"  budget  {gauge}", *hanging("  ", 2, text, width)]


# --- as JSON


def _json(view: View) -> str:
    import msgspec

    told = {
        "from": view.first.isoformat(),
        "to": view.last.isoformat(),
        "by": view.by,
        "groups": [{view.by: name, **_figures(found)} for name, found in view.groups.items()],
        "total": _figures(view.total),
        "unpriced_models": view.unpriced,
        "running": view.running,
        "cut_off": len(view.cut_off),
        "budgets": [
            {"usd": cap.usd, "tokens": cap.tokens, "used_usd": used.nano / 1e9, "used_tokens": used.tokens, "resets": view.ledger.day().end}
            for cap, used in view.budgets
        ],
    }  # fmt: skip
    return msgspec.json.encode(told).decode()


def _figures(found: Sum) -> dict[str, object]:
    return {
        "calls": found.calls,
        "input_tokens": found.input,
        "output_tokens": found.output,
        "cached_tokens": found.cached,
        "usd": found.usd,
        "unknown_price_calls": found.unknown,
        "held_tokens": found.held_tokens,
    }
