"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def session_options(parser: argparse.ArgumentParser) -> None:
    """Which conversation to use."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "-c", "--continue", dest="resume", action="store_true", help="go on with the last conversation of this profile"
    )
    group.add_argument("--session", metavar="ID", help="go on with this one; the beginning of its id is enough")


def model_option(parser: argparse.ArgumentParser) -> None:
    """Which model to use."""
    parser.add_argument("--model", metavar="PROVIDER/MODEL", help="use this model now, instead of the configured one")
