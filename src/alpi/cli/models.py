"""List providers and their models, try what a model can do, and make the local model ready."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from .runtime import Runtime

EPILOG = """\
examples:
  alpi models                         what is in use, and what its provider offers
  alpi models list openrouter         what another provider offers
  alpi models providers               all presets, and whether their key is there
  alpi models probe                   what the model in use can do: stream, call tools, see pictures
  alpi models probe ollama/qwen3      the same for another one (docs/MODELS.md)
  alpi models fetch                   get the built-in local model (1.1 GB)
  alpi models prepare                 start it once and keep the state of its prompt
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi models``."""
    parser.set_defaults(run=run_list, provider=None)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="the models that a provider offers (the default: the configured one)")
    listing.add_argument("provider", metavar="PROVIDER", nargs="?", help="a preset or an entry of providers:")
    listing.set_defaults(run=run_list)
    actions.add_parser("providers", help="the providers alpi knows").set_defaults(run=run_providers)
    probe = actions.add_parser("probe", help="try what a model can do, with three small requests (about 500 tokens)")
    probe.add_argument("model", metavar="MODEL", nargs="?", help="provider/model (the default: the one in use)")
    probe.add_argument("--json", action="store_true", help="one JSON object a line")
    probe.set_defaults(run=run_probe)
    actions.add_parser("fetch", help="fetch the local model's weights (1.1 GB)").set_defaults(run=run_fetch)
    prepare = actions.add_parser("prepare", help="make the local model ready, so that its first answer comes soon")
    prepare.set_defaults(run=run_prepare)


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a provider's models, one a line, as they are written in ``model:``."""
    import asyncio

    from .connect import split
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    names = [] if args.provider else runtime.model_names()
    provider = args.provider or split(names[0])[0]
    if names:
        print(f"# in use: {names[0]}" + (f", then {', '.join(names[1:])}" if names[1:] else ""), file=sys.stderr)

    async def listed() -> list[str]:
        connection = runtime.connections().connect(provider)
        try:
            return await connection.models()
        finally:
            await connection.aclose()

    for model in asyncio.run(listed()):
        print(f"{provider}/{model}")
    return 0


def run_providers(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the providers with the state of their keys."""
    from ..providers.catalog import PRESETS
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    names = [
        *runtime.config.providers,
        *(found.name for found in PRESETS if found.name not in runtime.config.providers),
    ]
    for name in names:
        found = runtime.connections().described(name)
        if not found.key_env:
            key = "no key needed"
        else:
            key = f"{found.key_env} is set" if runtime.secrets.get(found.key_env) else f"needs {found.key_env}"
        print(f"{name:12} {key:32} {found.base_url or 'in a child process of alpi'}")
        if "needs" in key and found.keys_page:
            print(f"{'':12} get one at {found.keys_page}")
    return 0


def run_probe(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Try a model and print a line for each ability. Exit code 1 where it does not answer, 0 else, whatever it can do."""
    import asyncio

    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    return asyncio.run(_probe(runtime, runtime.model_names(args.model)[0], args.json))


async def _probe(runtime: Runtime, full_name: str, as_json: bool) -> int:
    from ..setup.abilities import Trial, sentence
    from ..tui.terminal import json_line

    chain = runtime.chain(full_name)
    trial = Trial(chain.entries[0], runtime.clock, runtime.accounts)
    code = 0
    if not as_json:
        print(f"# trying {full_name} with three small requests", file=sys.stderr)
    try:
        async for ability in trial.run():
            if ability.failure is not None and ability.name == "answers":
                code = 1
            value = {"ability": ability.name, "state": ability.state, "note": ability.note}
            print(json_line(value, sys.stdout) if as_json else sentence(ability), flush=True)
            if code and ability.failure is not None and ability.failure.hint and not as_json:
                print(f"  {ability.failure.hint}", file=sys.stderr)
    finally:
        await chain.aclose()
    used = trial.usage
    if not as_json and used.input + used.output:
        print(f"# {used.input:,} tokens sent, {used.output:,} answered", file=sys.stderr)
    return code


def run_fetch(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Fetch the local model's weights."""
    from .local import fetch_weights
    from .runtime import Runtime

    return fetch_weights(Runtime(args.profile, environ))


def run_prepare(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Make the local model ready."""
    from .local import prepare_local
    from .runtime import Runtime

    return prepare_local(Runtime(args.profile, environ))
