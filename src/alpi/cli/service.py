"""Install, start, stop and look after this profile's background service."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..base.errors import AlpiError, UsageError

if TYPE_CHECKING:
    import argparse

    from ..daemon.services import Installed, Manager
    from .runtime import Runtime

EPILOG = """\
examples:
  alpi service install                let systemd or launchd run alpi serve for this profile
  alpi -p nas service install         the same for another one
  alpi service status                 how each service is: the age of its last success
  alpi service logs -n 50
  alpi service restart                after a change of config.yaml
  alpi service uninstall

Where there is no systemd or launchd (containers, Termux), install says how to run it by hand.
"""
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "install": "let the system run it, now and at every login",
        "uninstall": "stop it and take it out again; no data is lost",
        "start": "start it",
        "stop": "stop it; what is running is finished first",
        "restart": "stop and start it",
        "status": "how it is (the default); exit 1 when something is wrong",
        "logs": "what it has done",
        "show": "print the unit or property list that install would write",
    }
)


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi service``."""
    parser.set_defaults(run=run, action="status", json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    for name, summary in ACTIONS.items():
        action = actions.add_parser(name, help=summary)
        action.set_defaults(action=name)
        # The seed's way to name a profile stands before the command; after it is where one looks for it, too.
        action.add_argument("--profile", dest="profile_here", metavar="NAME", help="another profile, as -p does")
        if name == "status":
            action.add_argument("--json", action="store_true", help="the whole report as one JSON object")
        if name == "logs":
            action.add_argument("-n", dest="lines", type=int, default=40, metavar="N", help="how many lines (40)")
            action.add_argument("-f", dest="follow", action="store_true", help="go on with what comes")


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Carry out one action."""
    from .runtime import Runtime

    runtime = Runtime(getattr(args, "profile_here", None) or args.profile, environ)
    if args.action == "status":
        return status(runtime, args.json)
    if args.action == "logs":
        return logs(runtime, args.lines, args.follow)
    return control(args.action, runtime, environ)


def installed_as(runtime: Runtime) -> Installed:
    """What is to run for this profile."""
    from ..daemon.services import Installed

    kept = ("PATH", "LANG", "LC_ALL", "TZ", "ALPI_HOME", "XDG_CACHE_HOME", "HOME")
    environment = {name: runtime.environ[name] for name in kept if runtime.environ.get(name)}
    program = (sys.executable, "-m", "alpi")
    return Installed(runtime.paths.name, program, runtime.paths.home, runtime.paths.logs, environment)


def unit_file(manager: Manager, installed: Installed, environ: Mapping[str, str]) -> tuple[Path, bytes]:
    """Where the manager's file lies and what it holds."""
    from ..daemon.services import launchd, systemd

    if manager == "launchd":
        return launchd.plist_path(installed, Path.home()), launchd.plist(installed)
    base = environ.get("XDG_CONFIG_HOME", "")
    config = Path(base) if os.path.isabs(base) else Path.home() / ".config"
    return systemd.unit_path(installed, config), systemd.unit(installed).encode()


def control(action: str, runtime: Runtime, environ: Mapping[str, str]) -> int:
    """Install, uninstall, start, stop or restart it; or show what would be installed."""
    from ..base.files import storage_errors
    from ..daemon.services import by_hand, find_manager

    installed = installed_as(runtime)
    manager, why = find_manager(environ)
    if action == "show":
        path, data = unit_file(manager or ("launchd" if sys.platform == "darwin" else "systemd"), installed, environ)
        print(f"# {path}\n{data.decode()}", end="")
        return 0
    if not manager:
        print("\n".join(by_hand(installed, why)))
        return 1
    path, _ = unit_file(manager, installed, environ)
    if action == "install":
        print("\n".join(install(runtime, environ)))
        return 0
    if not path.exists():
        raise UsageError(f"{path} is not there: the service is not installed", "Install it: alpi service install")
    failed = _call(_calls(manager, action, installed, path))
    if action == "uninstall":
        with storage_errors(path, "remove"):
            path.unlink(missing_ok=True)
        _call(_calls(manager, "uninstalled", installed, path))
        print(f"removed {path}")
    if failed:
        raise _failed(failed)
    print({"start": "started", "stop": "stopped"}.get(action, f"{action}: done"))
    return 0


def install(runtime: Runtime, environ: Mapping[str, str]) -> list[str]:
    """Write the manager's file and start the service, or say how it is run where there is no manager; in lines.

    Raises:
        AlpiError: the manager refuses.
    """
    from ..base.files import storage_errors, write_atomic
    from ..daemon.services import by_hand, find_manager, systemd
    from .serve import need_services

    need_services(runtime)
    installed = installed_as(runtime)
    manager, why = find_manager(environ)
    if not manager:
        return by_hand(installed, why)
    path, data = unit_file(manager, installed, environ)
    with storage_errors(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data, 0o644)
    failed = _call(_calls(manager, "install", installed, path))
    if failed:
        raise _failed(failed)
    done = [f"wrote {path}", "installed and started"]
    lingers = Path(f"/var/lib/systemd/linger/{_user()}").exists()
    return done if manager != "systemd" or lingers else [*done, systemd.LINGER]


def _failed(command: str) -> AlpiError:
    return AlpiError(f"{command} failed", "It says why above. The service's own words: alpi service logs")


def status(runtime: Runtime, as_json: bool) -> int:
    """Say how each service is. Exit code 1 when none runs or one is ill."""
    import msgspec

    from ..base.text import printable
    from ..daemon.health import lines, problem_of, read_report

    report = read_report(runtime.paths.run)
    alive = report is not None and holder(runtime) == report.pid
    if report is None or not alive:
        ended = f"; the last one ended after {report.written.astimezone():%Y-%m-%d %H:%M}" if report else ""
        if as_json:
            print('{"running":false}')
        else:
            print(f"alpi serve does not run for the profile {runtime.paths.name}{ended}")
        return 1
    now = runtime.clock.now()
    if as_json:
        print(msgspec.json.encode({"running": True, **msgspec.to_builtins(report)}).decode())
    else:
        print(f"process {report.pid} since {report.started.astimezone():%Y-%m-%d %H:%M}, alpi {report.version}")
        print(printable("\n".join(lines(report.services, now, report.started))))
    return int(any(problem_of(service, now, report.started) for service in report.services))


def holder(runtime: Runtime) -> int:
    """The process that serves this profile now, or 0."""
    from ..base.locks import FileLock, Locked
    from ..daemon.serving import LOCK

    path = runtime.paths.run / LOCK
    if not path.exists():
        return 0
    try:
        with FileLock(path, wait=0):
            return 0
    except Locked as error:
        return error.pid


def logs(runtime: Runtime, count: int, follow: bool) -> int:
    """Print the end of the service's log, and go on with what comes if wanted."""
    import time

    from ..base.text import printable
    from ..state.rotation import rotated

    if count < 1:
        raise UsageError("-n must be at least 1")
    path = runtime.paths.logs / "serve.log"
    files = [*rotated(path), path]
    found: list[str] = []
    for one in reversed(files):
        if one.exists() and len(found) < count:
            found = one.read_text("utf-8", "replace").splitlines()[-(count - len(found)) :] + found
    print(printable("\n".join(found)) if found else "nothing has been written down yet", flush=True)
    at = path.stat().st_size if path.exists() else 0
    while follow:
        time.sleep(0.3)
        size = path.stat().st_size if path.exists() else 0
        if size < at:
            at = 0  # it was rotated
        if size > at:
            with path.open("rb") as file:
                file.seek(at)
                data = file.read(size - at)
            at += len(data)
            print(printable(data.decode("utf-8", "replace")), end="", flush=True)
    return 0


def _calls(manager: Manager, action: str, installed: Installed, path: Path) -> list[list[str]]:
    from ..daemon.services import launchd, systemd

    if manager == "launchd":
        return launchd.calls(action, installed, path, os.getuid())
    return systemd.calls(action, installed)


def _call(commands: list[list[str]]) -> str:
    """Run the commands, whose words go to the terminal. Gives the first one that failed, or ``""``."""
    for command in commands:
        if subprocess.run(command, check=False).returncode:
            return " ".join(command)
    return ""


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name
