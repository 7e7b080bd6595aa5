"""The ``alpi`` command: finds the subcommand, runs it, turns errors into a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "ask": "ask one question and print the answer",
        "setup": "choose a model, a workspace and the rest, by questions or options",
        "sessions": "list, show and export conversations",
        "memory": "show, explain, edit and take back what alpi remembers",
        "skills": "list, check, install, lock and remove skills",
        "config": "show, check and change settings and keys",
        "models": "list models, and prepare the local one",
        "profile": "make, list, show, rename, remove and export profiles",
        "doctor": "check that all is in order, and say what to do where it is not",
        "logs": "show what turns and tools did, and what was asked and refused",
        "backup": "write an encrypted backup, or verify one",
        "restore": "bring a backup or a removed profile back",
        "update": "say which version runs and how to update it",
        "undo": "take back what a turn did to your files",
        "approvals": "list and revoke what you allowed for always, and try the gate",
        "cost": "what model calls used and cost, and what is left of the budgets",
        "audit": "check and export the record of what was asked and refused",
        "id": "this profile's identity for links: key, words, card",
        "peers": "pin other agents, and say what each may do here",
        "link": "ask a linked agent from the command line",
        "mcp": "add MCP servers, look at their tools, and approve what has changed",
        "serve": "run this profile's services in the foreground",
        "service": "install, start and look after the background service",
        "completion": "print a completion script for your shell",
    }
)

EPILOG = """\
examples:
  alpi setup                          choose a model and the rest
  alpi                                open the chat in this folder
  alpi -c                             go on with the last conversation
  alpi ask "what changed in notes.md this week?"
  git diff | alpi ask "write a commit message"
  alpi -p work config set model anthropic/claude-sonnet-4-6

exit codes: 0 done, 1 failed, 2 wrong usage or not configured, 3 something was refused,
            4 over budget, 130 interrupted
"""


def run() -> None:
    """The program's entry point."""
    sys.exit(main(sys.argv[1:], os.environ))


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command line. Returns the exit code."""
    if list(argv) in (["--version"], ["-V"]):  # answered without loading anything
        from .. import __version__

        print(f"alpi {__version__}")
        return 0
    from ..base.errors import AlpiError
    from ..tui.terminal import prepare_streams

    prepare_streams()
    try:
        args = build_parser(command_of(argv)).parse_args(argv)
        code = int(args.run(args, environ))
        sys.stdout.flush()  # what cannot be written is told here, not by Python when it ends
        return code
    except AlpiError as error:
        print(f"alpi: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _abandon_output()  # whoever read it has gone, as `head` does
        return 141
    except OSError as error:
        _abandon_output()
        print(f"alpi: {error.strerror or error}{f': {error.filename}' if error.filename else ''}", file=sys.stderr)
        return 1
    except Exception as error:  # the last handler: a bug is named with where to report it
        if environ.get("ALPI_DEBUG"):
            raise
        print(f"alpi: internal error: {type(error).__name__}: {error}", file=sys.stderr)
        print("  This is a bug in alpi. ALPI_DEBUG=1 shows where; please report it with that text", file=sys.stderr)
        return 1


def _abandon_output() -> None:
    """Let what is left of the output go; Python would complain once more when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def command_of(argv: Sequence[str]) -> str:
    """The command of a command line, where it stands right at the front or behind ``-p NAME``; else ``""``."""
    words = argv[2:] if argv and argv[0] in ("-p", "--profile") else argv
    return words[0] if words and words[0] in COMMANDS else ""


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """The parser with all commands, or with one: each that is built costs time and memory, and a service keeps the memory."""
    import argparse
    from importlib import import_module

    from .. import __version__

    parser = argparse.ArgumentParser(
        prog="alpi",
        description="A personal agent in your terminal. Without a command it opens the chat.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"alpi {__version__}")
    parser.add_argument(
        "-p", "--profile", metavar="NAME", help="use this profile (else ALPI_PROFILE, else the default one)"
    )
    import_module("alpi.cli.chat").add(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, summary in COMMANDS.items():
        if only and name != only:
            continue
        module = import_module(f"alpi.cli.{name}")
        sub = commands.add_parser(
            name,
            help=summary,
            description=(module.__doc__ or "").split("\n")[0],
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add(sub)
    return parser
