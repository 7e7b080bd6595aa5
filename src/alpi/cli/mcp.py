"""Add MCP servers, look at their tools, and approve what has changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError, NotConfigured, UsageError

if TYPE_CHECKING:
    import argparse

    from ..base.schema import McpServerConfig
    from ..mcp.pins import Pins
    from ..mcp.proposing import Proposal
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi mcp add time -- uvx mcp-server-time==2026.10.19
  alpi mcp add files --folder ~/Documents -- npx -y @modelcontextprotocol/server-filesystem@2026.8.31 ~/Documents
  alpi mcp add tracker --url https://mcp.example.com/mcp --header 'Authorization: Bearer $TRACKER_TOKEN'
  alpi mcp login tracker              log in at it, where it wants that; logout takes it back
  alpi mcp                            the servers, and how many of their tools are in use
  alpi mcp show time                  every tool in full, as you approved it
  alpi mcp test                       connect to all of them, and compare
  alpi mcp approve time               look at what has changed, and approve it
  alpi mcp trust time get_current_time    say that this tool only reads: its calls are not asked about any more
  alpi mcp untrust time               take that back
  alpi mcp remove time

add asks OSV about the exact packages, starts the server, shows every tool in full with what is suspicious in it, and asks. From then on
a tool whose description changes is off until you have approved the difference. Secrets stay in .env: alpi config key TRACKER_TOKEN, and
$TRACKER_TOKEN stands for it (in single quotes, so that your shell leaves it alone). docs/MCP.md has more.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi mcp``."""
    parser.set_defaults(run=run_list, json=False)
    actions = parser.add_subparsers(metavar="ACTION", parser_class=_with_command())
    listing = actions.add_parser("list", help="the servers (the default)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    adding = actions.add_parser("add", help="add a server, after a look at its tools", usage=USAGE)
    adding.add_argument("name", metavar="NAME", help="what it is to be called: small letters, digits and -")
    adding.add_argument("--url", default="", help="its address, instead of a command")
    adding.add_argument(
        "--env", metavar="NAME=VALUE", action="append", default=[], help="a variable for it; $NAME stands for a secret"
    )
    adding.add_argument(
        "--header", metavar="'NAME: VALUE'", action="append", default=[], help="a header; $NAME stands for a secret"
    )
    _add_login_options(adding)
    adding.add_argument("--client-id", metavar="ID", default="", help="what alpi is registered as there, for a login")
    adding.add_argument("--client-secret", metavar="'$NAME'", default="", help="the secret of that")
    adding.add_argument("--folder", metavar="FOLDER", action="append", default=[], help="a folder that it may write")
    adding.add_argument("--sandbox", choices=("off", "workspace", "strict"), help="the wall around it")
    adding.add_argument("--seconds", type=float, metavar="N", help="how long one call may take (60)")
    adding.add_argument("--yes", action="store_true", help="do not ask; what is suspicious stays off")
    adding.set_defaults(run=run_add)
    for name, run, text in (
        ("show", run_show, "its tools in full, as they were approved"),
        ("approve", run_approve, "look at what has changed, and approve it"),
        ("remove", run_remove, "remove it"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("name", metavar="NAME", help="the server")
        if name != "show":
            action.add_argument("--yes", action="store_true", help="do not ask")
        action.set_defaults(run=run)
    for name, text in (("login", "log in at it, with your browser"), ("logout", "forget the login, and revoke it")):
        action = actions.add_parser(name, help=text, description=LOGIN if name == "login" else None)
        action.add_argument("name", metavar="NAME", help="the server")
        if name == "login":
            _add_login_options(action)
        action.set_defaults(run=run_login, out=name == "logout")
    trust = actions.add_parser("trust", help="say of single tools that they only read: their calls are not asked about")
    trust.add_argument("name", metavar="NAME", help="the server")
    trust.add_argument("tools", metavar="TOOL", nargs="+", help="as the server calls it (alpi mcp show NAME)")
    trust.add_argument("--yes", action="store_true", help="do not ask")
    trust.set_defaults(run=run_trust)
    untrust = actions.add_parser("untrust", help="take that back")
    untrust.add_argument("name", metavar="NAME", help="the server")
    untrust.add_argument("tools", metavar="TOOL", nargs="*", help="all of its tools when left out")
    untrust.set_defaults(run=run_untrust)
    test = actions.add_parser("test", help="connect, and compare what is offered with what was approved")
    test.add_argument("names", metavar="NAME", nargs="*", help="all that are enabled when left out")
    test.set_defaults(run=run_test)


LOGIN = (
    "Shows where the server's logins are given, asks before anything goes there, prints the address to open, and opens it where you sit "
    "at this machine. Over ssh: open it in any browser, and paste the address that it ends at. What it gives is kept like .env."
)


def _add_login_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="only show the address of a login")
    parser.add_argument(
        "--login-seconds", type=float, metavar="N", default=600.0, help="how long a login may take (600)"
    )


def run_login(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Log in at a server, or out of it."""
    from .mcplogin import run

    return run(args, environ)


USAGE = "alpi mcp add NAME [options] -- COMMAND ...\n       alpi mcp add NAME [options] --url URL"


def _with_command() -> Any:
    """A parser that leaves what follows ``--`` alone, and keeps it as ``command``."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
            words = list(args or ())
            cut = words.index("--") if "--" in words else len(words)
            known, rest = super().parse_known_args(words[:cut], namespace)
            known.command = words[cut + 1 :]
            return known, rest

    return Parser


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the servers."""
    import msgspec

    from .mcpwiring import pin_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    servers = runtime.config.mcp.servers
    for name, config in servers.items():
        state, used, off, reads = _state(config, pin_store(runtime).load(name))
        where = config.url or " ".join(config.command)
        if args.json:
            told = {"name": name, "where": where, "state": state, "used": used, "off": off, "reads": reads}
            print(msgspec.json.encode(told).decode())
        else:
            more = (f", {len(reads)} of them not asked about" if reads else "") + (f", {off} off" if off else "")
            print(f"{name:16} {state:14} {used} tools in use{more}   {where}")
    if not servers and not args.json:
        print("no server is configured; add one with: alpi mcp add NAME -- COMMAND")
    return 0


def _state(config: McpServerConfig, pins: Pins | None) -> tuple[str, int, int, list[str]]:
    """How a server stands, how many of its tools are in use and off, and which only read, by the owner's word."""
    from ..mcp.pins import target_of

    if pins is None or pins.target != target_of(config):
        return "not approved", 0, 0, []
    used = sum(pin.use for pin in pins.tools)
    reads = [pin.offer.name for pin in pins.tools if pins.reads(pin)]
    return ("approved" if config.enabled else "switched off"), used, len(pins.tools) - used, reads


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a server's tools as they were approved."""
    from ..base.text import escaped
    from ..mcp.pins import shown
    from ..mcp.proposing import about
    from .mcpwiring import pin_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    config = _config(runtime, args.name)
    pins = pin_store(runtime).load(args.name)
    print("\n".join(about(args.name, config)))
    if pins is None:
        raise NotConfigured("its tools were never approved", f"Look at them: alpi mcp approve {args.name}")
    for pin in pins.tools:
        use = "in use" if pin.use else "off"
        if pins.reads(pin) and pin.declared is not None:
            use += f", only reads (you said so on {pin.declared.when.astimezone():%Y-%m-%d}); its calls are not asked about"
        print(
            f"\n{escaped(shown(pin.offer))}\n{use}{f'; {escaped(pin.flag)}' if pin.flag else ''}; hash {pin.digest[:16]}"
        )
    return 0


def run_add(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Look at a new server, ask, and keep it."""
    from ..mcp.names import server_problem
    from ..mcp.proposing import Proposal, about
    from ..mcp.servers import config_problem
    from ..setup.write import Change, save_settings
    from .mcplogin import look_logged_in
    from .mcplooking import check_packages, config_of
    from .mcpwiring import login_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ, must_exist=False)
    servers = runtime.config.mcp.servers
    if args.name in servers:
        raise UsageError(
            f"there is a server {args.name} already", f"alpi mcp remove {args.name}, or choose another name"
        )
    problem = server_problem(args.name, servers)
    if problem:
        raise UsageError(problem)
    settings, config = config_of(runtime, args)
    problem = config_problem(config)
    if problem:
        raise UsageError(problem, USAGE)
    print("\n".join(about(args.name, config)))
    print(f"  {check_packages(runtime, config)}")
    looked = look_logged_in(runtime, args, config)
    proposal = Proposal(args.name, config, looked)
    print("\n".join(proposal.lines))
    pins = _chosen(runtime, args, proposal, f"Add {args.name}?")
    if pins is None:
        login_store(runtime).forget(args.name)
        print("nothing was changed")
        return 0
    offered = _keep(runtime, pins)
    save_settings(runtime.paths, [Change(("mcp", "servers", args.name), settings)])
    print(f"{args.name} is added; {offered}")
    return 0


def run_approve(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show what has changed of a server's tools, ask, and keep it."""
    from ..mcp.pins import target_of
    from ..mcp.proposing import Proposal, about
    from .mcplogin import look_logged_in
    from .mcplooking import check_packages
    from .mcpwiring import pin_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    config = _config(runtime, args.name)
    store = pin_store(runtime)
    try:
        before = store.load(args.name)
    except AlpiError as error:
        print(f"alpi: {error.message}; all is shown anew", file=sys.stderr)
        before = None
    if before is not None and before.target != target_of(config):
        print("its settings have changed since its tools were approved; all is shown anew")
        before = None
    print("\n".join(about(args.name, config)))
    if before is None:
        print(f"  {check_packages(runtime, config)}")
    looked = look_logged_in(runtime, args, config)
    proposal = Proposal(args.name, config, looked, before)
    if proposal.same:
        print(f"{args.name} offers what you approved; nothing is to be done")
        return 0
    print("\n".join(proposal.lines))
    pins = _chosen(runtime, args, proposal, f"Approve this of {args.name}?")
    if pins is None:
        print("nothing was changed; what has changed stays off")
        return 0
    print(f"approved; {_keep(runtime, pins)}")
    return 0


def run_trust(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take the owner's word that tools only read."""
    from .mcptrust import trust
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    _config(runtime, args.name)
    return trust(runtime, args.name, args.tools, lambda question: _agreed(args.yes, question))


def run_untrust(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take it back."""
    from .mcptrust import untrust
    from .runtime import Runtime

    return untrust(Runtime(args.profile, environ), args.name, args.tools)


def run_remove(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Remove a server and what was approved of it."""
    from ..mcp.proposing import about
    from ..setup.write import Change, save_settings
    from .mcptrust import forget
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    print("\n".join(about(args.name, _config(runtime, args.name))))
    if not _agreed(args.yes, f"Remove {args.name}?"):
        print("nothing was changed")
        return 0
    save_settings(runtime.paths, [Change(("mcp", "servers", args.name), remove=True)])
    forget(runtime, args.name)
    print(f"{args.name} is removed. Secrets that it used are still in {runtime.paths.env}")
    return 0


def run_test(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Connect to servers. Exit code 1 when one cannot be used as it was approved."""
    from .mcplooking import examine
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    for name in args.names:
        _config(runtime, name)
    found = examine(runtime, args.names)
    for one in found:
        print(f"{'ok' if one.good else 'FAILED':7} {one.server}: {one.text}")
        if one.hint:
            print(f"        -> {one.hint}")
    if not found:
        print("no server is configured and enabled")
    return int(not all(one.good for one in found))


def _config(runtime: Runtime, name: str) -> McpServerConfig:
    config = runtime.config.mcp.servers.get(name)
    if config is None:
        known = ", ".join(runtime.config.mcp.servers) or "none"
        raise UsageError(f"there is no server {name!r} (there is: {known})", "alpi mcp add NAME -- COMMAND")
    return config


def _chosen(runtime: Runtime, args: argparse.Namespace, proposal: Proposal, question: str) -> Pins | None:
    """What is to be kept; ``None``: nothing is to change. What is suspicious is asked about one by one, and then which tools only read."""
    from ..base.text import escaped
    from .mcptrust import asked_which

    if not _agreed(args.yes, question):
        return None
    used = set(proposal.plain)
    for one in proposal.suspicious if not args.yes else ():
        print(f"\n{escaped(one.offer.name)} is suspicious: {one.flag}")
        used |= {one.offer.name} if _agreed(False, "Offer it to models all the same?") else set()
    pins = proposal.pins(used, runtime.clock.now())
    return pins if args.yes else asked_which(runtime, pins)


def _agreed(yes: bool, question: str) -> bool:
    from ..tui.terminal import is_terminal
    from .undo import confirmed

    if yes:
        return True
    if not is_terminal(sys.stdin, sys.stderr):
        raise UsageError("nobody can be asked here", "Look at the above, then add --yes")
    return confirmed(question)


def _keep(runtime: Runtime, pins: Pins) -> str:
    """Write what was approved. Gives how many tools will be offered, in words."""
    from .mcptrust import keep

    keep(runtime, pins)
    used, reads = sum(pin.use for pin in pins.tools), sum(map(pins.reads, pins.tools))
    asked = f", {reads} of them only read, and are not asked about" if reads else ""
    return f"{used} tools will be offered from the next conversation on{asked}"
