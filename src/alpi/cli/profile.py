"""Make, list, show, rename, remove and export profiles: agents of their own, with their own key, memory, model and budget."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import AlpiError, UsageError

if TYPE_CHECKING:
    import argparse

    from ..base.paths import ProfilePaths
    from ..base.schema import Config
    from ..state.profiles import Holdings

EPILOG = """\
examples:
  alpi profile                                  the profiles there are
  alpi profile create work                      a new one; then: alpi -p work setup
  alpi profile create lab --from work           with a copy of work's settings, without its keys and memory
  alpi profile show work
  alpi profile rename work office
  alpi profile remove office                    says what it holds, asks, and archives it first
  alpi profile export work ~/work-notes         a folder to read; a name that ends in .tar.gz gives one file

A name has small letters, digits, - and _. ALPI_PROFILE=work, or -p work before the command, uses a profile. More: docs/PROFILES.md
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi profile``."""
    parser.set_defaults(run=run_list, json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    create = actions.add_parser("create", help="make a profile")
    create.add_argument("name", metavar="NAME", help="small letters, digits, - and _, at most 32")
    create.add_argument("--from", dest="source", metavar="PROFILE", help="copy the settings of this one")
    create.add_argument("--with-keys", action="store_true", help="with --from: its keys too")
    create.add_argument("--with-memory", action="store_true", help="with --from: its memory files too")
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", help="the profiles there are (the default)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    show = actions.add_parser("show", help="what a profile is set to and what it holds")
    show.add_argument("name", metavar="NAME", nargs="?", help="else the one in use")
    show.add_argument("--json", action="store_true", help="one JSON object")
    show.set_defaults(run=run_show)
    rename = actions.add_parser("rename", help="give a profile another name")
    rename.add_argument("name", metavar="OLD", help="the profile")
    rename.add_argument("new", metavar="NEW", help="its new name")
    rename.set_defaults(run=run_rename)
    remove = actions.add_parser("remove", help="archive a profile and remove it")
    remove.add_argument("name", metavar="NAME", help="the profile")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=run_remove)
    export = actions.add_parser("export", help="write a profile for reading, without its secrets")
    export.add_argument("name", metavar="NAME", help="the profile")
    export.add_argument("target", metavar="FOLDER", help="a new folder, or a new file that ends in .tar.gz")
    export.set_defaults(run=run_export)


def run_create(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Make a profile."""
    from ..base.config import load_config
    from ..base.files import private_dir, read_text, write_atomic
    from ..base.paths import DEFAULT
    from ..state.profiles import create

    if not args.source and (args.with_keys or args.with_memory):
        raise UsageError("--with-keys and --with-memory need --from", "alpi profile create NAME --from default")
    paths = _paths(args.name, environ, must_exist=False)
    if paths.name == DEFAULT:
        raise UsageError("the default profile is always there", "Set it up with: alpi setup")
    source = _paths(args.source, environ) if args.source else None
    if source is not None:
        load_config(source.config)  # what is wrong is not copied
    create(paths.home, paths.name, (read_text(source.config) or "") if source else "")
    print(f"profile {paths.name}: {paths.home}")
    if source is not None:
        copied = ["settings"] if source.config.exists() else []
        if args.with_keys and source.env.exists():
            write_atomic(paths.env, (read_text(source.env) or "").encode())
            copied.append("keys")
        for path in sorted(source.memory.glob("*.md")) if args.with_memory else []:
            write_atomic(private_dir(paths.memory) / path.name, (read_text(path) or "").encode())
            copied.append(path.name)
        print(f"copied from {source.name}: {', '.join(copied) or 'nothing, it has no settings yet'}")
    missing = _missing_keys(paths, environ)
    for name in missing:
        print(f"it still needs a key: alpi -p {paths.name} config key {name}")
    print(f"next: alpi -p {paths.name} setup")
    return 0


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the profiles, the default one first; the one in use is marked."""
    from ..base.paths import DEFAULT, profile_names
    from ..tui.terminal import json_line, tilde

    used = args.profile or environ.get("ALPI_PROFILE") or DEFAULT
    names = profile_names(_paths(DEFAULT, environ).root)
    width = max(len(name) for name in names)
    for name in names:
        paths = _paths(name, environ)
        model = _model(paths)
        if args.json:
            record = {"name": name, "used": name == used, "home": str(paths.home), "model": model}
            print(json_line(record, sys.stdout))
            continue
        print(f"{'*' if name == used else ' '} {name:{width}}  {model or 'no model yet':40}  {tilde(str(paths.home))}")
    return 0


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print one profile."""
    from ..base.dotenv import load_env
    from ..state.profiles import holdings
    from ..tui.terminal import json_line

    paths = _paths(args.name or args.profile, environ)
    keys = sorted(load_env(paths.env))
    config, problem = _config(paths)
    held = holdings(paths.home, len(keys))
    values: dict[str, Any] = {
        "name": paths.name,
        "home": str(paths.home),
        "model": config.model if config else "",
        "workspace": config.workspace if config else "",
        "keys": keys,
        "sessions": held.sessions,
        "memory": held.memory,
        "files": held.files,
        "bytes": held.bytes,
    }
    if args.json:
        print(json_line(values, sys.stdout))
        return 0
    print(f"profile    {paths.name}")
    print(f"folder     {paths.home}")
    print(f"model      {values['model'] or 'none yet'}")
    print(f"workspace  {values['workspace'] or 'the folder that alpi is started in'}")
    print(f"keys       {', '.join(keys) or 'none'}")
    print(f"holds      {_held(held)}")
    if problem is not None:
        print(f"alpi: {problem}", file=sys.stderr)
    return 0


def run_rename(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Rename a profile."""
    from ..base.paths import DEFAULT
    from ..state.profiles import rename

    paths, target = _paths(args.name, environ), _paths(args.new, environ, must_exist=False)
    if DEFAULT in (paths.name, target.name):
        raise UsageError(
            "the default profile cannot be renamed: it is the folder that all the others stand in",
            "To give its contents a name: alpi backup FILE, then alpi restore FILE --as NAME",
        )
    rename(paths.home, target.home, paths.name, target.name)
    print(f"{paths.name} is now {target.name}: {target.home}")
    print("Files that old conversations mention by their path are under the new name now.")
    return 0


def run_remove(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Archive a profile and remove it."""
    from .. import __version__
    from ..base.clock import SystemClock
    from ..base.dotenv import load_env
    from ..base.paths import DEFAULT
    from ..state.profiles import holdings, remove

    paths = _paths(args.name, environ)
    if paths.name == DEFAULT:
        raise UsageError(
            "the default profile cannot be removed: it is the folder that all the others stand in",
            f"To be rid of everything, close alpi and remove {paths.home}",
        )
    try:
        keys = len(load_env(paths.env))
    except AlpiError as error:
        print(f"alpi: {error}", file=sys.stderr)  # what is broken must still be removable
        keys = 0
    print(f"{paths.name} holds {_held(holdings(paths.home, keys))}, in {paths.home}")
    if not args.yes and not _agreed(f"Archive and remove {paths.name}? [y/N] "):
        print("nothing was removed")
        return 0
    archive, _ = remove(paths.home, paths.name, paths.root, SystemClock().now(), __version__)
    print(f"removed. All of it, keys too, is in {archive} (only you can read it)")
    print(f"  bring it back:      alpi restore {archive}")
    print(f"  delete it for good: rm {archive}")
    return 0


def run_export(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write a profile for reading."""
    from ..base.clock import SystemClock
    from ..base.dotenv import load_env
    from ..base.redact import Redactor
    from ..state.archive.export import LEFT_OUT, export_profile
    from ..state.sessions import SessionStore

    paths = _paths(args.name, environ)
    secrets = load_env(paths.env)
    redact = Redactor(secrets)
    target = Path(args.target).expanduser().absolute()
    store = SessionStore(paths.sessions, SystemClock(), redact)
    done = export_profile(paths.home, paths.name, sorted(secrets), store, target, redact)
    for warning in done.warnings:
        print(f"alpi: {warning}", file=sys.stderr)
    print(f"wrote {target}: {done.sessions} sessions, {done.files} files")
    print(f"left out: {LEFT_OUT}")
    return 0


def _paths(name: str | None, environ: Mapping[str, str], must_exist: bool = True) -> ProfilePaths:
    from ..base.paths import profile_paths

    return profile_paths(name, environ, must_exist)


def _config(paths: ProfilePaths) -> tuple[Config | None, AlpiError | None]:
    """The settings, or what is wrong with them: a profile is listed and removed whatever its files look like."""
    from ..base.config import load_config

    try:
        return load_config(paths.config).config, None
    except AlpiError as error:
        return None, error


def _model(paths: ProfilePaths) -> str:
    config, _ = _config(paths)
    return "(config.yaml is wrong)" if config is None else config.model


def _missing_keys(paths: ProfilePaths, environ: Mapping[str, str]) -> list[str]:
    """The keys that the profile's model needs and nobody has given it."""
    from .connect import split
    from .runtime import Runtime

    runtime = Runtime(paths.name, environ)
    if not runtime.config.model:
        return []
    key = runtime.connections().described(split(runtime.config.model)[0]).key_env
    return [key] if key and not runtime.secrets.get(key) else []


def _agreed(question: str) -> bool:
    """Whether a person says yes. Nobody watching means no."""
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", "Say --yes to remove it without being asked")
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
    except KeyboardInterrupt:
        print()  # what comes next does not stand behind the question
        raise


def _held(held: Holdings) -> str:
    from ..base.sizes import counted, readable

    parts = [counted(held.sessions, "session"), counted(held.memory, "memory file"), counted(held.keys, "key")]
    return f"{', '.join(parts)}; {counted(held.files, 'file')} in all, {readable(held.bytes)}"
