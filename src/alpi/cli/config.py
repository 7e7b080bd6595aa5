"""Show, check and change this profile's settings, and store its keys."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..base.errors import UsageError

if TYPE_CHECKING:
    import argparse

EPILOG = """\
examples:
  alpi config                                     what is set, and where
  alpi config set model ollama/qwen3
  alpi config set limits.steps 80
  alpi config set fallback_models "[ollama/qwen3]"
  alpi config key ANTHROPIC_API_KEY               asks for the key without showing it
  pass show anthropic | alpi config key ANTHROPIC_API_KEY

All settings: docs/CONFIG.md, or: alpi config keys
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi config``."""
    parser.set_defaults(run=run_show)
    actions = parser.add_subparsers(metavar="ACTION")
    actions.add_parser("show", help="what is set, without secrets (the default)").set_defaults(run=run_show)
    actions.add_parser("path", help="print the path of config.yaml").set_defaults(run=run_path)
    actions.add_parser("check", help="check config.yaml and .env; exit 2 when something is wrong").set_defaults(
        run=run_check
    )
    actions.add_parser("keys", help="every setting with its meaning").set_defaults(run=run_keys)
    actions.add_parser("init", help="make the profile's folder, with a commented config.yaml").set_defaults(
        run=run_init
    )
    setting = actions.add_parser("set", help="change one setting; comments in the file stay")
    setting.add_argument("key", metavar="KEY", help="for example model, or limits.steps")
    setting.add_argument("value", metavar="VALUE", help="the value, as YAML")
    setting.set_defaults(run=run_set)
    unset = actions.add_parser("unset", help="take one setting out, so that its default holds")
    unset.add_argument("key", metavar="KEY", help="for example model, or limits.steps")
    unset.set_defaults(run=run_unset)
    key = actions.add_parser("key", help="store an API key in the profile's .env (0600)")
    key.add_argument("name", metavar="NAME", help="the variable's name, such as OPENAI_API_KEY")
    key.set_defaults(run=run_key)


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the settings that are in force."""
    import yaml

    from ..base.dotenv import load_env
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    import msgspec

    print(
        f"# {runtime.paths.config}{'' if runtime.paths.config.exists() else ' (not there yet: these are the defaults)'}"
    )
    values = msgspec.to_builtins(runtime.config)
    print(runtime.redact(yaml.safe_dump(values, sort_keys=False, allow_unicode=True)), end="")
    names = sorted(load_env(runtime.paths.env))
    print(f"# keys in {runtime.paths.env}: {', '.join(names) if names else 'none'}")
    for warning in runtime.warnings:
        print(f"alpi: {warning}", file=sys.stderr)
    return 0


def run_path(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print where the settings are."""
    from ..base.paths import profile_paths

    print(profile_paths(args.profile, environ).config)
    return 0


def run_check(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Check the files; wrong ones raise on loading."""
    from .connect import split
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    for name in filter(None, [runtime.config.model, *runtime.config.fallback_models]):
        runtime.connections().described(split(name)[0])
    runtime.workspace()
    for warning in runtime.warnings:
        print(f"alpi: {warning}", file=sys.stderr)
    print(
        f"{runtime.paths.config} is in order" + (f", with {len(runtime.warnings)} warnings" if runtime.warnings else "")
    )
    return 0


def run_keys(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the reference of all settings."""
    from ..base.reference import config_reference

    print(config_reference(), end="")
    return 0


def run_init(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Make the profile's folder, and a config.yaml with everything commented out where there is none."""
    from ..base.files import write_atomic
    from ..base.paths import profile_paths
    from ..state.profiles import STARTER

    paths = profile_paths(args.profile, environ, must_exist=False)
    existed = paths.home.is_dir()
    paths.make()
    if not paths.config.exists():
        write_atomic(paths.config, STARTER.encode())
    print(f"profile {paths.name}: {paths.home}{' (was there already)' if existed else ''}")
    return 0


def run_set(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Change one setting."""
    import yaml

    try:
        value = yaml.safe_load(args.value) if args.value else ""  # nothing is an empty text, not YAML's null
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{args.value!r} is not a YAML value", "Put it in quotes") from error
    _change(args, environ, value, remove=False)
    print(f"{args.key} is now {args.value}")
    return 0


def run_unset(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take one setting out."""
    _change(args, environ, None, remove=True)
    print(f"{args.key} is back to its default")
    return 0


def _change(args: argparse.Namespace, environ: Mapping[str, str], value: Any, remove: bool) -> None:
    """Change the file so that its comments stay, check the outcome, keep the previous file as ``config.yaml.bak``."""
    from ..base.paths import profile_paths
    from ..setup.write import Change, save_settings

    path = tuple(_split_key(args.key))
    if not all(path):
        raise UsageError(f"{args.key!r} is no setting", "alpi config keys lists them")
    save_settings(profile_paths(args.profile, environ), [Change(path, value, remove)])


def _split_key(key: str) -> list[str]:
    """``models.openai/gpt-4.1.temperature`` in three: a model's name may hold dots, its settings do not."""
    head, price, part = key.rpartition(".price.")
    if price and head.startswith("models."):
        return ["models", head.removeprefix("models."), "price", part]
    for group in ("models.", "providers."):
        if key.startswith(group) and key.count(".") >= 2:
            name, _, setting = key.removeprefix(group).rpartition(".")
            return [group.rstrip("."), name, setting]
    return key.split(".")


def run_key(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Store a key, read from standard input or asked for without showing it."""
    from getpass import getpass

    from ..base.dotenv import NAME, set_secret
    from ..base.paths import profile_paths

    if not NAME.fullmatch(args.name):
        raise UsageError(
            f"{args.name!r} is not a variable name",
            "Name the variable, such as OPENAI_API_KEY; the key itself is asked for",
        )
    paths = profile_paths(args.profile, environ)
    try:
        value = getpass(f"{args.name}: ") if sys.stdin.isatty() else sys.stdin.readline()
    except EOFError:
        value = ""
    paths.make()
    set_secret(paths.env, args.name, value.strip())
    print(f"{args.name} is stored in {paths.env}")
    return 0
