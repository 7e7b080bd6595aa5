"""Set alpi up: choose a model, a workspace, a personality, a budget, the sandbox."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..base.errors import NotConfigured, Refused, UsageError
from .mcpsetup import NEEDED, set_mcp, setup_options

if TYPE_CHECKING:
    import argparse

    from ..setup.draft import Draft
    from ..setup.interview import Interview
    from ..setup.site import Site
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi setup                          the menu; without a model it begins with choosing one
  alpi setup workspace                one section
  alpi setup --show                   what is set and what is missing

Without a terminal, or in a script, each choice has its options:
  alpi setup model --provider ollama --model qwen3
  pass show openai | alpi setup model --provider openai --model gpt-5 --key-stdin
  alpi setup model --provider home --base-url http://127.0.0.1:8080/v1 --model qwen3
  alpi setup workspace ~/projects/site
  alpi setup personality coder
  alpi setup budget --usd-per-day 2
  alpi setup sandbox workspace
  alpi setup services --listen 100.64.0.7:7423 --install
  alpi setup peers --card 'alp1 …' --id nas
  alpi setup mcp --add time --command 'uvx mcp-server-time==2026.10.19' --yes

Leaving a question (Esc, or Ctrl-D) leaves its section, and nothing of it is written. docs/QUICKSTART.md, docs/MODELS.md
"""
NEEDS: Mapping[str, str] = MappingProxyType(
    {
        "model": "alpi setup model --provider NAME --model NAME",
        "workspace": "alpi setup workspace FOLDER",
        "personality": "alpi setup personality NAME",
        "budget": "alpi setup budget --usd-per-day AMOUNT",
        "sandbox": "alpi setup sandbox MODE",
        "services": "alpi setup services --install (or --off, --listen ADDRESS)",
        "peers": "alpi setup peers --card CARD",
        "mcp": NEEDED,
    }
)


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi setup``."""
    parser.set_defaults(run=run, section="", plain=False, show=False)
    parser.add_argument("--plain", action="store_true", help="lines only, for screen readers and simple terminals")
    parser.add_argument("--show", action="store_true", help="print what is set and what is missing")
    sections = parser.add_subparsers(metavar="SECTION")
    model = _section(sections, "model", "the model: its provider, its key, what it can do", set_model)
    model.add_argument(
        "--provider", metavar="NAME", help="a preset (alpi models providers), or a name of your own with --base-url"
    )
    model.add_argument("--model", metavar="NAME", help="the model's name there")
    model.add_argument("--base-url", metavar="URL", help="the address of an OpenAI-compatible server")
    keys = model.add_mutually_exclusive_group()
    keys.add_argument("--key-stdin", action="store_true", help="read the key from standard input")
    keys.add_argument("--key-file", metavar="FILE", help="read the key from a file; - is standard input")
    model.add_argument("--context-window", type=int, metavar="TOKENS", help="what fits into one request")
    model.add_argument("--no-check", action="store_true", help="store it without asking the provider")
    model.add_argument("--probe", action="store_true", help="try what the model can do (three small requests)")
    workspace = _section(sections, "workspace", "the folder that alpi may read and write", set_workspace)
    workspace.add_argument("folder", metavar="FOLDER", nargs="?", help="an existing folder, or a new one with --create")
    workspace.add_argument("--create", action="store_true", help="make the folder where it is missing")
    workspace.add_argument("--anyway", action="store_true", help="also an unwise one, such as the home folder")
    personality = _section(sections, "personality", "how alpi talks", set_personality)
    personality.add_argument("name", metavar="NAME", nargs="?", help="personal, coder, ops or research")
    budget = _section(sections, "budget", "what a day may cost at most", set_budget)
    budget.add_argument("--usd-per-day", metavar="AMOUNT", help="dollars; none takes the bound away")
    budget.add_argument("--tokens-per-day", metavar="AMOUNT", help="tokens; none takes the bound away")
    sandbox = _section(sections, "sandbox", "the wall around commands", set_sandbox)
    sandbox.add_argument("mode", metavar="MODE", nargs="?", help="auto, workspace, strict or off")
    services = _section(sections, "services", "what runs in the background and answers peers", set_services)
    services.add_argument("--listen", metavar="ADDRESS", help="host:port for other machines; none: this machine only")
    services.add_argument("--install", action="store_true", help="answer peers, and let the system run the service")
    services.add_argument("--off", action="store_true", help="answer nobody")
    peers = _section(sections, "peers", "which other agents are pinned", set_peers)
    peers.add_argument("--card", metavar="CARD", help="the line that alpi id --card prints there")
    peers.add_argument("--id", metavar="ID", default="", help="what it is called here (else the card's name)")
    peers.add_argument(
        "--allow", metavar="METHOD", nargs="*", default=["link.ping"], help="what it may do here (link.ping)"
    )
    mcp = _section(sections, "mcp", "MCP servers and which of their tools are used", set_mcp)
    setup_options(mcp)


def _section(
    sections: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, act: Act
) -> argparse.ArgumentParser:
    import argparse

    parser = sections.add_parser(name, help=summary, description=f"Set up {summary}. Without options it asks.")
    parser.add_argument("--plain", action="store_true", default=argparse.SUPPRESS, help="lines only, as above")
    parser.set_defaults(section=name, act=act)
    return parser


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """One section by its options, or the questions. Exit code 2 where there is nobody to ask, 1 where a section was left."""
    from ..base.paths import profile_paths
    from ..tui.terminal import is_terminal
    from .runtime import Runtime

    profile_paths(args.profile, environ, must_exist=False)  # a wrong name is told before anything else
    from .site import site_of

    runtime = Runtime(args.profile, environ)
    site = site_of(runtime)
    if args.show:
        return show(site)
    if args.section and (done := args.act(site, args)):
        print(done)
        return 0
    if not is_terminal(sys.stdin, sys.stdout):
        raise _nobody(args.section)
    for warning in runtime.warnings:
        print(f"alpi: {warning}", file=sys.stderr)
    return 0 if interview(site, args.section, plain=args.plain) else 1


def offer_setup(runtime: Runtime, plain: bool = False) -> Runtime:
    """No model is set and a person is at a terminal: open setup with its first step. Gives the profile anew, with what was chosen.

    Raises:
        NotConfigured: they left without choosing a model.
    """
    from .runtime import Runtime
    from .site import site_of

    interview(site_of(runtime), "", plain)
    fresh = Runtime(runtime.paths.name, runtime.environ)
    if not fresh.config.model:
        raise NotConfigured("no model is set yet", "alpi setup goes on where you left")
    return fresh


def interview(site: Site, section: str, plain: bool) -> bool:
    """Ask a person at a terminal: one section, or the menu. Returns whether it came to its end."""
    from ..tui.terminal import can_move_cursor

    def flow(ask: Interview) -> Awaitable[bool]:
        from ..setup.sections import run_menu, run_section

        return run_section(site, ask, section) if section else run_menu(site, ask)

    if plain or site.config().tui.plain or not can_move_cursor(site.environ):
        return _plainly(site, flow)
    from ..tui.ground import Asking
    from ..tui.screens.setup import run_form

    theme = site.config().tui.theme
    light = Asking(site.environ).answer()[0] if theme == "auto" else theme == "light"
    done, said = run_form(flow, site.paths.name, light=light, colour=not site.environ.get("NO_COLOR"))
    for line in said:  # the form is gone from the screen; what came of it stays
        print(line)
    return done


def _plainly(site: Site, flow: Callable[[Interview], Awaitable[bool]]) -> bool:
    import asyncio

    from ..tui.interview import PlainInterview, interruptible
    from ..tui.terminal import Style, has_colour

    async def work() -> bool:
        interruptible()
        return await flow(PlainInterview(Style(has_colour(site.environ))))

    return asyncio.run(work())


def show(site: Site) -> int:
    """Print each section with what is set."""
    from ..setup.sections import SECTIONS

    for found in SECTIONS:
        text, missing = found.state(site)
        print(f"{'!' if missing else ' '} {found.name:12} {text}")
    return 0


def _nobody(section: str) -> UsageError:
    needed = [NEEDS[section]] if section else list(NEEDS.values())
    lines = "\n    ".join(needed)
    return UsageError(
        "setup asks questions, and there is no terminal to ask them at", f"Give the choice as options:\n    {lines}"
    )


# -- each section by its options: "" where none were given ---------------------------------------------------------------

Act = Callable[["Site", "argparse.Namespace"], str]


def set_model(site: Site, args: argparse.Namespace) -> str:
    """Choose a model.

    Raises:
        UsageError: options are missing or contradict each other.
        ProviderError: the live check failed; nothing is written.
        Refused: the machine's policy does not allow it.
    """
    import asyncio

    given = (
        args.provider,
        args.model,
        args.base_url,
        args.key_stdin,
        args.key_file,
        args.context_window,
        args.no_check,
        args.probe,
    )
    if not any(given):
        return ""
    if not (args.provider and args.model):
        raise UsageError("--provider and --model are both needed", NEEDS["model"])
    return asyncio.run(_set_model(site, args))


async def _set_model(site: Site, args: argparse.Namespace) -> str:
    from ..setup import draft as making

    draft = _draft(site, args)
    draft.model = args.model
    preset = draft.connections(site).described(draft.provider)
    _check_policy(site, draft)
    if not args.no_check:
        names = await making.checked_models(site, draft)
        if preset.kind == "local" and not names:
            raise NotConfigured(
                "the local model's weights are not on this machine yet", "Get them with: alpi models fetch"
            )
        if names and not {draft.model, f"{draft.model}:latest"} & set(names):
            print(
                f"alpi: {draft.provider} does not list {draft.model} (alpi models list {draft.provider})",
                file=sys.stderr,
            )
    if args.probe:
        seen = await making.try_model(site, draft, print)
        making.learn_abilities(site, draft, seen)
    if args.context_window is not None:
        making.set_window(draft, args.context_window)
    elif not args.no_check and preset.kind != "local" and not preset.key_needed:
        window = await making.unknown_window(site, draft, preset)
        if window is not None and window.exact:
            making.set_window(draft, window.tokens)
    draft.keep(site)
    return f"model is now {draft.full_name}" + (f"; the key is in {site.paths.env}" if draft.keys else "")


def _draft(site: Site, args: argparse.Namespace) -> Draft:
    from ..providers.catalog import preset
    from ..setup import draft as making
    from ..setup.servers import with_environment

    draft, config = making.Draft(), site.config()
    key = _key(args)
    usual = preset(args.provider)
    if args.base_url:
        if why := making.wrong_address(args.base_url):
            raise UsageError(f"--base-url: {why}")
        if not making.NAME.fullmatch(args.provider):
            raise UsageError(
                f"{args.provider!r} is no name for a provider", "Small letters, digits, - and _, starting with a letter"
            )
        if usual is not None and usual.key_needed:
            raise UsageError(
                f"{usual.label} has its own address", "Give another server a name of its own: --provider home"
            )
        if key and making.open_to_readers(args.base_url):
            print("alpi: over plain http everybody on the way can read the key and what you send", file=sys.stderr)
        making.add_server(draft, args.base_url.rstrip("/"), args.provider, needs_key=bool(key))
    else:
        own = config.providers.get(args.provider)
        servers = with_environment(site.servers, site.environ)
        found = next((known for known in servers if known.name == args.provider), None)
        if found is not None and not (own is not None and own.base_url):
            making.use_server(draft, found, config)
        draft.provider = args.provider
    if key:
        name = draft.connections(site).described(args.provider).key_env or making.key_name(args.provider)
        if not draft.connections(site).described(args.provider).key_env:
            draft.set("providers", args.provider, "api_key_env", value=name)
        draft.keys[name] = key
    return draft


def _key(args: argparse.Namespace) -> str:
    from pathlib import Path

    from ..base.files import read_text

    if not (args.key_stdin or args.key_file):
        return ""
    if args.key_stdin or args.key_file == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "--key-stdin reads the key from a pipe, and there is none",
                "Without it, alpi setup model asks for the key",
            )
        text: str | None = sys.stdin.readline()
    else:
        text = read_text(Path(args.key_file).expanduser(), 1 << 16)
        if text is None:
            raise UsageError(f"there is no file {args.key_file}")
    if not (text or "").strip():
        raise UsageError("the key is empty", "Give it on one line")
    return (text or "").strip().split("\n")[0].strip()


def _check_policy(site: Site, draft: Draft) -> None:
    from ..setup.choices import provider_refused

    preset = draft.connections(site).described(draft.provider)
    if why := provider_refused(site.policy, preset) or site.policy.model_refused(draft.full_name):
        raise Refused(why, "Ask whoever looks after this machine, or choose another model")


def set_services(site: Site, args: argparse.Namespace) -> str:
    """Choose what runs in the background."""
    from ..setup.links import set_listen
    from ..setup.write import Change, save_settings

    if args.install and args.off:
        raise UsageError("--install and --off contradict each other")
    done = []
    if args.listen is not None:
        done.append(set_listen(site, args.listen))
    if args.install or args.off:
        save_settings(site.paths, [Change(("alp", "enabled"), bool(args.install))])
        done += site.links().install() if args.install else ["this profile answers nobody"]
    return "\n".join(done)


def set_peers(site: Site, args: argparse.Namespace) -> str:
    """Pin another agent. The words are shown, for whoever compares them afterwards."""
    if not args.card:
        return ""
    desk = site.links()
    shown = desk.proposed(args.card, args.id, args.allow)
    return "\n".join([*shown, desk.pin(args.card, args.id, args.allow)])


def set_workspace(site: Site, args: argparse.Namespace) -> str:
    """Choose the workspace."""
    from ..setup import workspace

    if not args.folder:
        return ""
    folder = workspace.full(args.folder, site)
    if why := workspace.unusable(args.folder, site):
        raise UsageError(why)
    if why := workspace.refused(folder, site):
        raise Refused(why, "Choose a folder with the files that alpi is to work on")
    unwise = workspace.warnings(folder, site)
    if unwise and not args.anyway:
        raise UsageError(" ".join(unwise).rstrip("."), "Choose another folder, or add --anyway")
    if not folder.exists() and not args.create:
        raise UsageError(f"there is no folder {folder}", "Add --create to make it")
    workspace.set_workspace(site, folder, make=args.create)
    return f"workspace is now {folder}"


def set_personality(site: Site, args: argparse.Namespace) -> str:
    """Choose a personality."""
    from ..setup import personality

    if not args.name:
        return ""
    personality.set_personality(site, args.name)
    return f"personality is now {args.name}"


def set_budget(site: Site, args: argparse.Namespace) -> str:
    """Choose what bounds a day; what is not named stays as it is."""
    from ..setup import budget

    if args.usd_per_day is None and args.tokens_per_day is None:
        return ""
    now = site.config().budget
    usd, tokens = now.usd_per_day, now.tokens_per_day
    try:
        if args.usd_per_day is not None:
            usd = None if args.usd_per_day == "none" else budget.amount(args.usd_per_day)
        if args.tokens_per_day is not None:
            tokens = None if args.tokens_per_day == "none" else int(budget.amount(args.tokens_per_day))
    except ValueError as error:
        raise UsageError("a budget is a number, at least 0, or none", NEEDS["budget"]) from error
    budget.set_budget(site, usd, tokens)
    return f"budget is now {budget.state_of_budget(site)[0]}"


def set_sandbox(site: Site, args: argparse.Namespace) -> str:
    """Choose the sandbox's mode."""
    from ..setup import sandbox

    if not args.mode:
        return ""
    backends = site.backends() if args.mode in ("workspace", "strict") else ()
    sandbox.set_sandbox(site, args.mode, backends)
    return f"sandbox is now {args.mode}"
