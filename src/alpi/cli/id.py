"""Show this profile's identity for links: its key, its words, a card for the other side."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ..alp.core.card import Card
    from ..alp.core.identity import Identity
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi id                             key, words and a QR code of the card
  alpi id --card                      the card alone, one line, to be sent to the other side
  alpi id --card --address nas.lan:7423
  alpi id rotate                      make a new key; says which peers must be told

A card holds nothing secret. Whoever adds it compares the words with you, on the phone for example: alpi peers add CARD
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi id``."""
    parser.set_defaults(run=run_show)
    parser.add_argument("--card", action="store_true", help="print the card alone, on one line")
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="where others reach this profile (else alp.listen; none: this machine only)",
    )
    parser.add_argument("--name", metavar="NAME", help="the name on the card (else alp.name, else the profile's)")
    parser.add_argument("--no-qr", action="store_true", help="leave the QR code out")
    actions = parser.add_subparsers(metavar="ACTION")
    rotate = actions.add_parser("rotate", help="make a new key; the old one is kept in a dated file")
    rotate.add_argument("--yes", action="store_true", help="do not ask")
    rotate.set_defaults(run=run_rotate)


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the identity."""
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    identity = runtime.links.identity()
    card = card_of(runtime, identity, args.address, args.name)
    if args.card:
        print(card)
        return 0
    print(f"profile  {runtime.paths.name}")
    print(f"key      {identity.name}")
    print(f"words    {identity.words}")
    print(f"card     {card}")
    if not args.no_qr and sys.stdout.isatty():
        import segno

        print()
        segno.make(str(card), micro=False).terminal(compact=True)
    print("\nThe other side adds it with: alpi peers add 'CARD'   and compares the words with you")
    return 0


def run_rotate(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Make a new key after a yes."""
    from ..tui.terminal import is_terminal
    from .runtime import Runtime
    from .undo import confirmed

    runtime = Runtime(args.profile, environ)
    links = runtime.links
    peers = [peer.label for peer in links.book()]
    print("Every peer knows this profile by its key. After this none of them lets it in until they have the new card.")
    if peers:
        print(f"To be told: {', '.join(peers)}")
    if not args.yes:
        if not is_terminal(sys.stdin, sys.stderr):
            raise UsageError("nobody can be asked here", "If you are sure: alpi id rotate --yes")
        if not confirmed("Make a new key?"):
            print("nothing was changed")
            return 0
    new, old, kept = links.files.rotate(runtime.clock.now(), os.urandom)
    if old is not None:
        print(f"the old key   {old.words}, kept in {kept}")
    print(f"the new key   {new.words}")
    print(f"the new card  {card_of(runtime, new, None, None)}")
    print("A running service goes on with the old key until it is restarted: alpi service restart")
    return 0


def card_of(runtime: Runtime, identity: Identity, address: str | None, name: str | None) -> Card:
    """The card of this profile.

    Raises:
        UsageError: the address or the name cannot stand on one.
    """
    from ..alp.core.address import parse_address
    from ..alp.core.card import Card, printable

    alp = runtime.config.alp
    where = address or alp.listen
    called = name or alp.name or runtime.paths.name
    try:
        place = parse_address(where) if where else None
    except ValueError as error:
        raise UsageError(f"{where!r} is no address: {error}", "It is host:port, such as nas.lan:7423") from error
    if not printable(called):
        raise UsageError(f"{called!r} cannot stand on a card", "Use a plain name of 1 to 60 characters: --name NAME")
    return Card(identity.public, place, called)
