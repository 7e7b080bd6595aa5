"""Which backends work on this machine, found out by running something tiny in each. The caller keeps the answer."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from alpi.base.errors import AlpiError

from . import bubblewrap, landlock, limits, seatbelt, seccomp
from .policy import Backend, Capability, Launch, Mode, Policy
from .wrapping import BUBBLEWRAP, LANDLOCK, SANDBOX_EXEC, wrap

TIMEOUT = 10.0
_FILES_AND_PROCESSES = frozenset((Capability.FILESYSTEM_WRITE, Capability.FILESYSTEM_HIDE, Capability.PROCESS_VIEW))


def run_for_real(launch: Launch) -> str:
    """Start it and wait: ``""`` when it ended well, or what it said, in one line."""
    try:
        done = subprocess.run(
            launch.argv,
            env=launch.env,
            cwd=launch.cwd,
            pass_fds=launch.pass_fds,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = done.stderr.decode(errors="replace").strip().replace("\n", "; ")
    return "" if done.returncode == 0 else said or f"exit status {done.returncode}"


@dataclass(frozen=True, slots=True)
class System:
    """What probing looks at; tests pass their own. ``run`` starts a launch and returns ``""`` or why it failed."""

    platform: str
    machine: str
    python: str
    bubblewrap_programs: tuple[str, ...] = bubblewrap.PROGRAMS
    seatbelt_program: str = seatbelt.PROGRAM
    landlock_abi: Callable[[], int] = landlock.abi
    run: Callable[[Launch], str] = run_for_real

    @classmethod
    def current(cls) -> System:
        """The machine that this runs on."""
        return cls(sys.platform, platform.machine(), sys.executable)


def available(system: System | None = None) -> list[Backend]:
    """All backends of this system in order of preference, each with what it can do here or why it is not usable.

    Runs a few short processes (about 100 ms together): ask once and keep the answer.
    """
    system = system or System.current()
    if system.platform == "darwin":
        return [_sandbox_exec(system)]
    if system.platform != "linux":
        return []
    version = system.landlock_abi()
    return [_bubblewrap(system, version), _landlock(system, version)]


def _bubblewrap(system: System, version: int) -> Backend:
    program = next((p for p in system.bubblewrap_programs if os.access(p, os.X_OK)), "")
    backend = Backend(
        BUBBLEWRAP, True, can=_FILES_AND_PROCESSES | {Capability.SYSCALLS, Capability.NETWORK}, limits=limits.bubblewrap(version),
        program=program, python=system.python, machine=system.machine, landlock_abi=version,
    )  # fmt: skip
    if not program:
        return _unusable(backend, "it is not installed (package bubblewrap)")
    return _tried(system, backend)


def _landlock(system: System, version: int) -> Backend:
    can = {Capability.FILESYSTEM_HIDE, Capability.PROCESS_VIEW, Capability.SYSCALLS, Capability.NETWORK}
    if version >= landlock.ABI_WRITE:
        can.add(Capability.FILESYSTEM_WRITE)
    backend = Backend(
        LANDLOCK, True, can=frozenset(can), limits=limits.landlock(version), python=system.python, machine=system.machine,
        landlock_abi=version,
    )  # fmt: skip
    if version == 0:
        return _unusable(backend, "the kernel has no Landlock, or it is switched off (boot parameter lsm=)")
    if version < landlock.ABI_WRITE:
        return _unusable(
            backend, f"Landlock {version} cannot keep files outside from being cut off; it takes Linux 6.2 (Landlock 3)"
        )
    return _tried(system, backend)


def _sandbox_exec(system: System) -> Backend:
    backend = Backend(
        SANDBOX_EXEC,
        True,
        can=frozenset(Capability),
        limits=limits.seatbelt(),
        program=system.seatbelt_program,
        machine=system.machine,
    )
    return _tried(system, backend)


def _tried(system: System, backend: Backend) -> Backend:
    if backend.name != SANDBOX_EXEC and seccomp.arch(system.machine) is None:
        return _unusable(backend, f"no system call filter is known for the processor {system.machine}")
    why = _try(system, backend, Mode.STRICT)
    if not why:
        return backend
    less = replace(backend, can=backend.can - {Capability.NETWORK})
    also = _try(system, less, Mode.WORKSPACE)
    return _unusable(backend, also) if also else replace(less, reason=f"without the network it does not start: {why}")


def _try(system: System, backend: Backend, mode: Mode) -> str:
    """Run one harmless command with everything that the mode turns on."""
    with tempfile.TemporaryDirectory(prefix="alpi-probe-") as folder:
        workspace, scratch = Path(folder, "workspace"), Path(folder, "scratch")
        workspace.mkdir()
        scratch.mkdir(mode=0o700)
        try:
            with wrap(
                ["/bin/sh", "-c", "exit 0"], dict(os.environ), workspace, Policy(mode, workspace, scratch), backend
            ) as launch:
                return system.run(launch)
        except (AlpiError, OSError) as error:
            return str(error)


def _unusable(backend: Backend, reason: str) -> Backend:
    hint = ""
    if "uid map" in reason or "namespace" in reason.lower():
        hint = "; unprivileged user namespaces are switched off (kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces)"
    return replace(backend, usable=False, can=frozenset(), reason=reason + hint)
