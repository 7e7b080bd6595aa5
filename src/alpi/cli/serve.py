"""Run this profile's services in the foreground: answering linked agents."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..base.errors import NotConfigured

if TYPE_CHECKING:
    import argparse

    from ..daemon.supervisor import Service
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi config set alp.enabled true    answer the peers of this profile (alpi peers)
  alpi serve                          run until Ctrl-C or SIGTERM
  alpi -p nas serve                   another profile; each has a service of its own
  alpi service install                let the system start it, now and at every login

What it does goes to the terminal and to logs/serve.log: alpi service logs
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi serve``."""
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Serve until a signal. Exit code 0 after an orderly end."""
    import random

    from .. import __version__
    from ..daemon.serving import Serving
    from .runtime import Runtime

    runtime = Runtime(args.profile, environ)
    need_services(runtime)
    for warning in runtime.warnings:
        print(f"alpi: {warning}", file=sys.stderr)
    tell = teller(runtime)
    Serving(
        run_folder=runtime.paths.run,
        version=__version__,
        environ=environ,
        clock=runtime.clock,
        random=random.random,
        tell=tell,
        clean=lambda: (),
    ).run(lambda: services_of(runtime, tell))
    return 0


def need_services(runtime: Runtime) -> None:
    """Check that there is something to serve.

    Raises:
        NotConfigured: no service is enabled.
    """
    if not runtime.config.alp.enabled:
        raise NotConfigured(
            f"no service is enabled in {runtime.paths.config}",
            "To answer linked agents: alpi config set alp.enabled true   (see docs/DEPLOYMENTS.md)",
        )


def services_of(runtime: Runtime, tell: Callable[[str], None]) -> list[Service]:
    """The services that the configuration asks for."""
    from .alpservice import AlpService
    from .answering import PeerAnswering

    answering = PeerAnswering(runtime.paths.name, runtime.environ, tell)
    return [AlpService(runtime, answering, tell)] if runtime.config.alp.enabled else []


def teller(runtime: Runtime) -> Callable[[str], None]:
    """What writes a line to the terminal and to ``logs/serve.log``. A log that cannot be written ends nothing."""
    from ..base.errors import AlpiError
    from ..base.text import one_line
    from ..state.rotation import RotatedFile, Rotation

    lock = runtime.paths.run / "serve-log.lock"
    log = RotatedFile(runtime.paths.logs / "serve.log", lock, Rotation(largest=2 << 20, keep=5))

    def tell(text: str) -> None:
        line = f"{runtime.clock.now():%Y-%m-%d %H:%M:%S} {one_line(runtime.redact_late(text), 2000)}"
        print(line, flush=True)
        try:
            log.append(f"{line}\n".encode())
        except (AlpiError, OSError) as error:
            print(f"alpi: the log cannot be written: {error}", file=sys.stderr)

    return tell
