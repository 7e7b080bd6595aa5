"""Speak to a linked agent from the command line: is it there, ask it, stop it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from .links import ProfileLinks

EPILOG = """\
examples:
  alpi link ping nas                  is it there, and how fast
  alpi link ask nas "did the backup run tonight?"
  git log -5 | alpi link ask nas "summarise these for the changelog"
  alpi link cancel nas                stop what it is doing for this profile

In the chat and in alpi ask, a message that begins with @nas goes straight there.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi link``."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    ping = actions.add_parser("ping", help="is it there, and how fast")
    ping.add_argument("peer", metavar="PEER", help="its id or alias")
    ping.add_argument("-n", dest="count", type=int, default=1, metavar="N", help="how often (1)")
    ping.set_defaults(run=run, action="ping")
    ask = actions.add_parser("ask", help="have it run a turn, and print its answer")
    ask.add_argument("peer", metavar="PEER", help="its id or alias")
    ask.add_argument("text", metavar="TEXT", nargs="*", help="what to ask; what is piped in is added")
    ask.add_argument("--tokens", type=int, metavar="N", help="the most tokens that it may use for this")
    ask.add_argument("--usd", type=float, metavar="USD", help="the most that it may cost")
    ask.add_argument("--seconds", type=float, default=600.0, metavar="S", help="how long to wait (600)")
    ask.add_argument("--json", action="store_true", help="the whole result as one JSON object")
    ask.set_defaults(run=run, action="ask")
    cancel = actions.add_parser("cancel", help="stop what it is doing for this profile")
    cancel.add_argument("peer", metavar="PEER", help="its id or alias")
    cancel.set_defaults(run=run, action="cancel")


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Carry it out."""
    import asyncio

    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    links = runtime.links
    work = {"ping": _ping, "ask": _ask, "cancel": _cancel}[args.action]

    async def go() -> int:
        running = asyncio.ensure_future(work(args, links))
        for number in (signal.SIGINT, signal.SIGTERM):  # ours, because a parent may have had them ignored
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        try:
            return await running
        except asyncio.CancelledError:
            return 130
        finally:
            await links.aclose()

    return asyncio.run(go())


async def _ping(args: argparse.Namespace, links: ProfileLinks) -> int:
    if args.count < 1:
        raise UsageError("-n must be at least 1")
    for _ in range(args.count):
        print(await links.ping(args.peer), flush=True)
    return 0


async def _ask(args: argparse.Namespace, links: ProfileLinks) -> int:
    import msgspec

    from ..base.text import printable
    from .ask import piped_text

    text = "\n\n".join(filter(None, [" ".join(args.text), piped_text()]))
    if not text.strip():
        raise UsageError("there is nothing to ask", 'For example: alpi link ask nas "is all well?"')
    told: list[str] = []

    def show(piece: str) -> None:
        told.append(piece)
        print(printable(piece), end="", flush=True)

    result = await links.client.ask(
        links.find(args.peer),
        text,
        tokens=args.tokens,
        usd=args.usd,
        on_text=None if args.json else show,
        seconds=args.seconds,
    )
    if args.json:
        print(msgspec.json.encode(result.body()).decode())
        return int(result.interrupted)
    said = "".join(told)  # all that was said on the way; the result is the last of it
    print("" if said.endswith(result.text) else printable(result.text.removeprefix(said)))
    if result.interrupted:
        print("alpi: it was stopped before it was done", file=sys.stderr)
    return int(result.interrupted)


async def _cancel(args: argparse.Namespace, links: ProfileLinks) -> int:
    stopped = await links.cancel(args.peer)
    print("stopped" if stopped else f"{args.peer} was not doing anything for this profile")
    return 0
