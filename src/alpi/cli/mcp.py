"""Add MCP servers, look at their tools, and approve what has changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError, NotConfigured, UsageError

if TYPE_CHECKING:
    import argparse

    from ..base.schema import McpServerConfig
    from ..mcp.pins import Pins
    from ..mcp.reviewing import Reviewed
    from .mcplooking import Looked
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi mcp add time -- uvx mcp-server-time==2026.10.19
  alpi mcp add files --folder ~/Documents -- npx -y @modelcontextprotocol/server-filesystem@2026.8.31 ~/Documents
  alpi mcp add tracker --url https://mcp.example.com/mcp --header 'Authorization: Bearer $TRACKER_TOKEN'
  alpi mcp                            the servers, and how many of their tools are in use
  alpi mcp show time                  every tool in full, as you approved it
  alpi mcp test                       connect to all of them, and compare
  alpi mcp approve time               look at what has changed, and approve it
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
    test = actions.add_parser("test", help="connect, and compare what is offered with what was approved")
    test.add_argument("names", metavar="NAME", nargs="*", help="all that are enabled when left out")
    test.set_defaults(run=run_test)


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
        state, used, off = _state(config, pin_store(runtime).load(name))
        where = config.url or " ".join(config.command)
        if args.json:
            told = {"name": name, "where": where, "state": state, "used": used, "off": off}
            print(msgspec.json.encode(told).decode())
        else:
            more = f", {off} off" if off else ""
            print(f"{name:16} {state:14} {used} tools in use{more}   {where}")
    if not servers and not args.json:
        print("no server is configured; add one with: alpi mcp add NAME -- COMMAND")
    return 0


def _state(config: McpServerConfig, pins: Pins | None) -> tuple[str, int, int]:
    """How a server stands, and how many of its tools are in use and off."""
    from ..mcp.pins import target_of

    if pins is None or pins.target != target_of(config):
        return "not approved", 0, 0
    used = sum(pin.use for pin in pins.tools)
    return ("approved" if config.enabled else "switched off"), used, len(pins.tools) - used


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a server's tools as they were approved."""
    from ..base.text import escaped
    from ..mcp.pins import shown
    from .mcpwiring import pin_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    config = _config(runtime, args.name)
    pins = pin_store(runtime).load(args.name)
    print("\n".join(_about(args.name, config)))
    if pins is None:
        raise NotConfigured("its tools were never approved", f"Look at them: alpi mcp approve {args.name}")
    for pin in pins.tools:
        use = "in use" if pin.use else "off"
        print(
            f"\n{escaped(shown(pin.offer))}\n{use}{f'; {escaped(pin.flag)}' if pin.flag else ''}; hash {pin.digest[:16]}"
        )
    return 0


def run_add(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Look at a new server, ask, and keep it."""
    from ..mcp.names import server_problem
    from ..mcp.servers import config_problem
    from ..setup.write import Change, save_settings
    from .mcplooking import check_packages, config_of, look
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
    print("\n".join(_about(args.name, config)))
    print(f"  {check_packages(runtime, config)}")
    looked = look(runtime, args.name, config)
    _print_all(looked)
    used = _chosen(args, looked.reviewed, f"Add {args.name}?")
    if used is None:
        print("nothing was changed")
        return 0
    _keep(runtime, args.name, config, looked, used)
    save_settings(runtime.paths, [Change(("mcp", "servers", args.name), settings)])
    print(f"{args.name} is added; {len(used)} tools will be offered from the next conversation on")
    return 0


def run_approve(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show what has changed of a server's tools, ask, and keep it."""
    from ..mcp.pins import difference, target_of
    from .mcplooking import check_packages, look
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
    print("\n".join(_about(args.name, config)))
    if before is None:
        print(f"  {check_packages(runtime, config)}")
    looked = look(runtime, args.name, config)
    if before is None:
        _print_all(looked)
    elif not difference(before.tools, [one.offer for one in looked.reviewed]):
        print(f"{args.name} offers what you approved; nothing is to be done")
        return 0
    else:
        _print_changes(before, looked)
    fresh = [one for one in looked.reviewed if _is_new(before, one)]
    used = _chosen(args, fresh, f"Approve this of {args.name}?")
    if used is None:
        print("nothing was changed; what has changed stays off")
        return 0
    kept = {pin.offer.name for pin in before.tools if pin.use} if before is not None else set()
    kept &= {one.offer.name for one in looked.reviewed if one not in fresh}
    _keep(runtime, args.name, config, looked, used | kept)
    print(f"approved; {len(used | kept)} tools will be offered from the next conversation on")
    return 0


def run_remove(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Remove a server and what was approved of it."""
    from ..setup.write import Change, save_settings
    from .mcpwiring import pin_store
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    print("\n".join(_about(args.name, _config(runtime, args.name))))
    if not _agreed(args.yes, f"Remove {args.name}?"):
        print("nothing was changed")
        return 0
    save_settings(runtime.paths, [Change(("mcp", "servers", args.name), remove=True)])
    pin_store(runtime).forget(args.name)
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


def _about(name: str, config: McpServerConfig) -> list[str]:
    import shlex

    from ..base.text import escaped

    lines = [f"{name}:", f"  {'address' if config.url else 'runs'}    {config.url or shlex.join(config.command)}"]
    lines += [f"  variable  {key}={value}" for key, value in config.environment.items()]
    lines += [f"  header    {key}: {value}" for key, value in config.headers.items()]
    lines += [f"  may write {folder}" for folder in config.folders]
    lines += [f"  sandbox   {config.sandbox}"] if config.sandbox else []
    return [escaped(line) for line in lines]


def _print_all(looked: Looked) -> None:
    from ..base.text import escaped
    from ..mcp.pins import shown

    print(f"  it is     {looked.about}{looked.weakness}")
    print(f"\nIt offers {len(looked.reviewed)} tools. This is all that a model will be told of them:")
    for one in looked.reviewed:
        print(f"\n{escaped(shown(one.offer))}")
        _print_marks(one)
    print()


def _print_changes(before: Pins, looked: Looked) -> None:
    from ..base.text import escaped
    from ..mcp.pins import diff_text

    now = {one.offer.name: one for one in looked.reviewed}
    for pin in before.tools:
        one = now.get(pin.offer.name)
        if one is None or one.offer.digest != pin.digest:
            print(f"\n{escaped(diff_text(pin.offer, one.offer if one is not None else None))}")
            if one is not None:
                _print_marks(one)
    for one in looked.reviewed:
        if before.find(one.offer.name) is None:
            print(f"\n{escaped(diff_text(None, one.offer))}")
            _print_marks(one)
    print()


def _print_marks(one: Reviewed) -> None:
    for word, text in (("REFUSED", one.refused), ("SUSPICIOUS", one.flag), ("note", one.note)):
        if text:
            print(f"{word}: {text}")


def _is_new(before: Pins | None, one: Reviewed) -> bool:
    pin = before.find(one.offer.name) if before is not None else None
    return pin is None or pin.digest != one.offer.digest


def _chosen(args: argparse.Namespace, fresh: Sequence[Reviewed], question: str) -> frozenset[str] | None:
    """Which of the tools the person wants used; ``None``: nothing is to change. What is suspicious is asked about one by one."""
    if not _agreed(args.yes, question):
        return None
    used = {one.offer.name for one in fresh if not one.refused and not one.flag}
    for one in fresh:
        if one.flag and not one.refused and not args.yes:
            print(f"\n{one.offer.name} is suspicious: {one.flag}")
            used |= {one.offer.name} if _agreed(False, "Offer it to models all the same?") else set()
    return frozenset(used)


def _agreed(yes: bool, question: str) -> bool:
    from ..tui.terminal import is_terminal
    from .undo import confirmed

    if yes:
        return True
    if not is_terminal(sys.stdin, sys.stderr):
        raise UsageError("nobody can be asked here", "Look at the above, then add --yes")
    return confirmed(question)


def _keep(
    runtime: Runtime, name: str, config: McpServerConfig, looked: Looked, used: frozenset[str] | set[str]
) -> None:
    from ..mcp.reviewing import approved
    from .mcpwiring import pin_store

    runtime.paths.make()
    pins = approved(name, config, looked.reviewed, frozenset(used), runtime.clock.now(), looked.inside)
    pin_store(runtime).save(pins)
