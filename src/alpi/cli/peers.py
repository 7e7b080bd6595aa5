"""Pin the agents that this profile speaks to and answers, and say what each may do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ..alp.core.peers import Peer, PeerBook
    from ..base.paths import ProfilePaths

EPILOG = """\
examples:
  alpi peers                          who is pinned, and what each may do here
  alpi peers add 'alp1 KEY nas.lan:7423 nas'                        shows what is granted, and asks
  alpi peers add 'alp1 …' --allow link.ping link.ask link.cancel    it may also run turns here
  alpi peers allow nas link.ping link.ask link.cancel --usd-per-day 0.50
  alpi peers allow nas --none         it may do nothing here; this profile can still ask it
  alpi peers remove nas

The card comes from the other side (alpi id --card). Compare the words before you say yes: they are the key.
"""
STANDARD = ("link.ping",)
OWN_BUDGET = "only the profile's own"


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi peers``."""
    parser.set_defaults(run=run_list, json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="who is pinned (the default)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    adding = actions.add_parser("add", help="pin the agent of a card")
    adding.add_argument("card", metavar="CARD", nargs="+", help="the line that alpi id --card prints there")
    adding.add_argument("--id", metavar="ID", help="what it is called here (else the card's name)")
    adding.add_argument("--alias", metavar="TEXT", default="", help="a longer label")
    _grants(adding, STANDARD)
    adding.add_argument("--yes", action="store_true", help="do not ask")
    adding.set_defaults(run=run_add)
    show = actions.add_parser("show", help="all that is known of one")
    show.add_argument("id", metavar="ID", help="its id or alias")
    show.set_defaults(run=run_show)
    allow = actions.add_parser("allow", help="change what one may do here")
    allow.add_argument("id", metavar="ID", help="its id or alias")
    allow.add_argument("methods", metavar="METHOD", nargs="*", help="link.ping, link.ask, link.cancel: exactly these")
    allow.add_argument("--none", action="store_true", help="nothing at all")
    _budgets(allow)
    allow.add_argument("--yes", action="store_true", help="do not ask")
    allow.set_defaults(run=run_allow)
    remove = actions.add_parser("remove", help="unpin one; it is dropped from then on")
    remove.add_argument("id", metavar="ID", help="its id or alias")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=run_remove)


def _grants(parser: argparse.ArgumentParser, standard: Sequence[str]) -> None:
    parser.add_argument(
        "--allow",
        metavar="METHOD",
        nargs="*",
        default=list(standard),
        help=f"what it may do here ({' '.join(standard)})",
    )
    _budgets(parser)


def _budgets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--usd-per-day", type=float, metavar="USD", help="what its turns here may cost a day")
    parser.add_argument("--tokens-per-day", type=int, metavar="N", help="how many tokens they may use a day")
    parser.add_argument("--per-minute", type=int, metavar="N", help="how many requests a minute (60)")


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the peers."""
    import msgspec

    book, _ = _book(args, environ)
    for peer in book:
        if args.json:
            print(msgspec.json.encode(_record(peer)).decode())
        else:
            where = str(peer.address or "this machine")
            print(f"{peer.label:24} {where:24} may: {', '.join(peer.allow) or 'nothing'}")
    if not book and not args.json:
        print("no peer is pinned; add one with: alpi peers add CARD")
    return 0


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print one peer."""
    book, _ = _book(args, environ)
    print("\n".join(lines_of(_find(book, args.id))))
    return 0


def run_add(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Pin the agent of a card, after showing what that grants."""
    from ..alp.core.peerstext import with_peer
    from ..base.paths import profile_paths

    paths = profile_paths(args.profile, environ)
    peer = _with_budgets(peer_of(paths, " ".join(args.card), args.id or "", args.alias, args.allow), args)
    path = pinned(paths)[1]
    print("\n".join(["to be pinned:", *(f"  {line}" for line in lines_of(peer))]))
    print("\nCompare the words with the other side before you say yes.")
    return _change(args, path, lambda text: with_peer(text, peer, path), f"{peer.id} is pinned")


def run_allow(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Change what a peer may do here."""
    from ..alp.core.peerstext import with_changed_peer

    book, path = _book(args, environ)
    peer = _find(book, args.id)
    budgets = (args.usd_per_day, args.tokens_per_day, args.per_minute)
    if args.none and args.methods:
        raise UsageError("say either methods or --none")
    if not (args.none or args.methods or any(value is not None for value in budgets)):
        print("\n".join(lines_of(peer)))
        return 0
    allow = () if args.none else _methods(args.methods) if args.methods else peer.allow
    changed = _with_budgets(replace(peer, allow=allow), args)
    print("\n".join(["from now on:", *(f"  {line}" for line in lines_of(changed))]))
    return _change(args, path, lambda text: with_changed_peer(text, changed, path), f"{peer.id} is changed")


def run_remove(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Unpin a peer."""
    from ..alp.core.peerstext import without_peer

    book, path = _book(args, environ)
    peer = _find(book, args.id)
    print(f"{peer.label} ({peer.words}) will be dropped from now on, and cannot be asked any more")
    return _change(args, path, lambda text: without_peer(text, peer.id, path), f"{peer.id} is removed")


def _change(args: argparse.Namespace, path: Path, change: Callable[[str], str], done: str) -> int:
    """Ask, and write the list anew."""
    from ..tui.terminal import is_terminal
    from .undo import confirmed

    if not args.yes:
        if not is_terminal(sys.stdin, sys.stderr):
            raise UsageError("nobody can be asked here", "Look at the above, then add --yes")
        if not confirmed("Write this?"):
            print("nothing was changed")
            return 0
    rewrite(path, change)
    print(f"{done}; see {path}")
    return 0


def _book(args: argparse.Namespace, environ: Mapping[str, str]) -> tuple[PeerBook, Path]:
    from ..base.paths import profile_paths

    return pinned(profile_paths(args.profile, environ))


def peer_of(paths: ProfilePaths, card_text: str, id: str, alias: str, allow: Sequence[str]) -> Peer:
    """The peer that a card stands for, checked against those that are pinned.

    Args:
        id: what it is to be called; ``""``: as the card says.

    Raises:
        UsageError: the card, its label or its key cannot be taken. ConfigError: peers.yaml is broken.
    """
    from ..alp.core.card import parse_card
    from ..alp.core.peers import PEER_ID, Peer
    from ..alp.core.primitives import x25519_public
    from ..alp.io.keyfile import IdentityFiles

    card = parse_card(card_text)
    name = id or card.name.casefold().replace(" ", "-")
    if not PEER_ID.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a peer's id",
            "Use small letters, digits and -, at most 32: alpi peers add CARD --id NAME",
        )
    own = IdentityFiles(paths.alp).load()
    if own is not None and own.public == card.public:
        raise UsageError("that is this profile's own card", "Ask the other side for theirs: alpi id --card, there")
    noise = x25519_public(card.public)
    assert noise is not None, "parse_card has checked it"
    peer = Peer(name, card.public, noise, card.address, alias, _methods(allow))
    pinned(paths)[0].check_new(peer)
    return peer


def pinned(paths: ProfilePaths) -> tuple[PeerBook, Path]:
    """The peers and their file. The settings are not read: a broken config.yaml must not keep anybody from removing one.

    Raises:
        ConfigError: the file is broken; names the line.
    """
    from ..alp.core.peerstext import parse_peers
    from ..base.files import read_text

    path = paths.peers
    return parse_peers(read_text(path) or "", path), path


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Write the list anew under its lock, from what it holds at that moment."""
    from ..base.files import private_dir, read_text, write_atomic
    from ..base.locks import FileLock

    private_dir(path.parent)
    with FileLock(path.with_suffix(".lock"), what="the list of peers"):
        write_atomic(path, change(read_text(path) or "").encode())


def _find(book: PeerBook, name: str) -> Peer:
    found = book.find(name)
    if found is None:
        known = ", ".join(peer.id for peer in book) or "none yet"
        raise UsageError(f"there is no peer {name!r}", f"Pinned: {known}")
    return found


def _methods(names: Sequence[str]) -> tuple[str, ...]:
    from ..alp.core.methods import METHODS

    wrong = [name for name in names if name not in METHODS]
    if wrong:
        raise UsageError(f"there is no method {wrong[0]}", f"There is: {', '.join(METHODS)}")
    return tuple(name for name in METHODS if name in names)


def _with_budgets(peer: Peer, args: argparse.Namespace) -> Peer:
    from ..alp.core.peers import DayBudget

    usd, tokens, rate = args.usd_per_day, args.tokens_per_day, args.per_minute
    if any(value is not None and value < 0 for value in (usd, tokens)) or (rate is not None and rate < 1):
        raise UsageError("a budget cannot be negative, and --per-minute is at least 1")
    budget = DayBudget(peer.budget.usd if usd is None else usd, peer.budget.tokens if tokens is None else tokens)
    return replace(peer, budget=budget, per_minute=peer.per_minute if rate is None else rate)


def lines_of(peer: Peer) -> list[str]:
    """A peer for a person, with what its grants mean."""
    meaning = {
        "link.ping": "see that this profile is there",
        "link.ask": "run turns here",
        "link.cancel": "stop its own turns",
    }
    may = "; ".join(f"{method} ({meaning[method]})" if method in meaning else method for method in peer.allow)
    budget = []
    if peer.budget.usd is not None:
        budget.append(f"{peer.budget.usd:g} USD a day")
    if peer.budget.tokens is not None:
        budget.append(f"{peer.budget.tokens:,} tokens a day")
    runs = "link.ask" in peer.allow
    return [
        f"id       {peer.id}",
        *([f"alias    {peer.alias}"] if peer.alias else []),
        f"words    {peer.words}",
        f"key      {peer.pubkey}",
        f"address  {peer.address or 'this machine'}",
        f"may      {may or 'nothing here; this profile can ask it all the same'}",
        *([f"budget   {', '.join(budget) or OWN_BUDGET}"] if runs else []),
        f"rate     {peer.per_minute} requests a minute",
        *(
            ["         Its turns use this profile's model, memory, files and tools; what needs a yes is refused."]
            if runs
            else []
        ),
    ]


def _record(peer: Peer) -> dict[str, object]:
    return {
        "id": peer.id,
        "alias": peer.alias,
        "pubkey": peer.pubkey,
        "words": peer.words,
        "address": str(peer.address) if peer.address else None,
        "allow": list(peer.allow),
        "usd_per_day": peer.budget.usd,
        "tokens_per_day": peer.budget.tokens,
        "per_minute": peer.per_minute,
    }
