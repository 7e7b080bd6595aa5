"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def turn_options(parser: argparse.ArgumentParser, plain: str, repeated: bool = False) -> None:
    """Which conversation to use, which model, and how to print.

    ``plain`` says what ``--plain`` means there. ``repeated``: these options may stand before the subcommand as well, so what is left
    out here must not undo what was said there.
    """
    import argparse

    left_out: dict[str, Any] = {"default": argparse.SUPPRESS} if repeated else {}
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "-c",
        "--continue",
        dest="resume",
        action="store_true",
        help="go on with the last conversation of this profile",
        **left_out,
    )
    group.add_argument(
        "--session", metavar="ID", help="go on with this one; the beginning of its id is enough", **left_out
    )
    parser.add_argument(
        "--model", metavar="PROVIDER/MODEL", help="use this model now, instead of the configured one", **left_out
    )
    parser.add_argument("--plain", action="store_true", help=plain, **left_out)
