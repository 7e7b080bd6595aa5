"""``alpi setup mcp`` by its options: ``alpi mcp`` under another name, with the same showing and asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ..setup.site import Site

NEEDED = "alpi setup mcp --add NAME --command 'PROGRAM ...' (or --url URL)"


def setup_options(mcp: argparse.ArgumentParser) -> None:
    """Options of ``alpi setup mcp``."""
    what = mcp.add_mutually_exclusive_group()
    what.add_argument("--add", metavar="NAME", default="", help="add a server, after a look at its tools")
    what.add_argument("--approve", metavar="NAME", default="", help="look at what has changed, and approve it")
    what.add_argument("--remove", metavar="NAME", default="", help="remove a server")
    mcp.add_argument("--command", metavar="'PROGRAM ...'", default="", help="what the new server runs")
    mcp.add_argument("--url", default="", help="its address, instead of a command")
    mcp.add_argument(
        "--env", metavar="NAME=VALUE", action="append", default=[], help="a variable for it; $NAME stands for a secret"
    )
    mcp.add_argument(
        "--header", metavar="'NAME: VALUE'", action="append", default=[], help="a header; $NAME stands for a secret"
    )
    mcp.add_argument("--folder", metavar="FOLDER", action="append", default=[], help="a folder that it may write")
    mcp.add_argument("--sandbox", choices=("off", "workspace", "strict"), help="the wall around it")
    mcp.add_argument("--yes", action="store_true", help="do not ask; what is suspicious stays off")


def set_mcp(site: Site, args: argparse.Namespace) -> str:
    """Add, approve or remove a server; ``""`` where no option was given."""
    import shlex

    from ..setup.mcp import state_of_mcp
    from . import mcp

    if args.add:
        try:
            args.command = shlex.split(args.command)
        except ValueError as error:
            raise UsageError(f"--command has a quote that is not closed: {error}") from error
        args.name, args.seconds, act = args.add, None, mcp.run_add
    elif args.approve or args.remove:
        args.name, act = args.approve or args.remove, mcp.run_approve if args.approve else mcp.run_remove
    elif args.command or args.url or args.env or args.header or args.folder or args.sandbox or args.yes:
        raise UsageError("say what is to be done: --add, --approve or --remove", NEEDED)
    else:
        return ""
    act(args, site.environ)
    return f"servers: {state_of_mcp(site)[0]}"
