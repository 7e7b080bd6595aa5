"""From a policy and a backend to what is started. The only place where a backend is told from another one."""

from __future__ import annotations

import marshal
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO

from . import bubblewrap, landlock, seatbelt, seccomp
from .layout import Access, Layout, lay_out
from .policy import Backend, Launch, Mode, Policy, SandboxPolicyError, SandboxUnavailable
from .seal import seal
from .sockets import without_sockets

BUBBLEWRAP, LANDLOCK, SANDBOX_EXEC = "bubblewrap", "landlock", "sandbox-exec"
HELPER = Path(__file__).with_name("confine.py")
ARRIVE = Path(__file__).with_name("arrive.py")
_OPTIONS_FD, _FILTER_FD, _ARRIVAL_FD = 110, 111, 112
_REPORT_FDS = (113, 114)
"""Where ``arrive`` says that it runs, and the command's standard error. Above what the helper has open itself."""
_HELPER_ENV = MappingProxyType({"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
_EVERY_FAMILY = (seccomp.AF_UNIX, seccomp.AF_INET, seccomp.AF_INET6, seccomp.AF_NETLINK)


def wrap(argv: Sequence[str], env: Mapping[str, str], cwd: Path, policy: Policy, backend: Backend) -> Launch:
    """What to start so that ``argv`` runs under ``policy``.

    Args:
        argv: the command; its first word is looked up on the command's own PATH, inside the sandbox.
        env: the command's environment. TMPDIR is set, variables that name sockets are taken out.
        cwd: the command's working folder.
        backend: from ``available``; not looked at in mode off.

    Raises:
        SandboxUnavailable: the backend cannot give what the mode needs; the message names it.
        SandboxPolicyError: the policy contradicts itself.
    """
    if not argv or any("\0" in word for word in (*argv, *env, *env.values())):
        raise SandboxPolicyError("a command needs at least one word, and no word may contain a null character")
    if policy.mode is Mode.OFF:
        inner = {**env, "TMPDIR": str(policy.scratch)}
        return Launch(list(argv), inner, str(cwd), command_env=inner)
    if not backend.usable:
        raise SandboxUnavailable(f"the sandbox {backend.name} does not work here: {backend.reason}")
    if missing := backend.missing(policy.mode):
        raise SandboxUnavailable(
            f"the sandbox {backend.name} cannot enforce {', '.join(missing)}, which mode {policy.mode} needs",
            "Choose another mode or backend",
        )
    layout = lay_out(policy, cwd, env)
    inner = {**without_sockets(env), "TMPDIR": str(layout.scratch)}
    if backend.name == SANDBOX_EXEC:
        words = [backend.program, "-p", seatbelt.profile(layout, policy.mode), *argv]
        return Launch(words, inner, str(layout.cwd), command_env=inner, seal=seal(layout.unguarded))
    if backend.name == BUBBLEWRAP:
        order = _bubblewrap_order(argv, inner, layout, policy.mode, backend)
        guarded = layout.unguarded
    else:
        order = _landlock_order(argv, inner, layout, policy.mode, backend)
        guarded = (*layout.unguarded, *(place.path for place in layout.places if place.access is Access.PROTECT))
    memory = _in_memory(marshal.dumps(order))
    words = [backend.python, "-I", "-S", str(HELPER), str(memory.fileno())]
    return Launch(words, dict(_HELPER_ENV), str(layout.cwd), (memory.fileno(),), inner, seal(guarded), memory)


def _bubblewrap_order(
    argv: Sequence[str], env: dict[str, str], layout: Layout, mode: Mode, backend: Backend
) -> dict[str, object]:
    python = Path(os.path.realpath(backend.python))
    if layout.access(python) in (Access.HIDE, Access.PRIVATE):
        raise SandboxUnavailable(
            f"the Python that alpi runs on, {python}, lies in a folder that the sandbox hides", "Install it elsewhere"
        )
    same, covered = bubblewrap.expected_mounts(layout)
    arrival = marshal.dumps({"same": same, "covered": covered, "argv": list(argv), "env": env})
    options = bubblewrap.options(layout, mode, _FILTER_FD)
    data = {
        # By descriptor, because a command line can be read by every user of the machine.
        _OPTIONS_FD: b"".join(os.fsencode(word) + b"\0" for word in options),
        _FILTER_FD: _filter(backend, _EVERY_FAMILY, True),
        _ARRIVAL_FD: arrival,
    }
    last = [str(python), "-I", "-S", "-c", ARRIVE.read_text(encoding="utf-8"), str(_ARRIVAL_FD), *map(str, _REPORT_FDS)]
    return {
        "parent": os.getpid(),
        "supervise": False,
        "report": _REPORT_FDS,
        "drop": False,
        # Scopes alone do not keep bubblewrap from mounting, as file rules would.
        "ruleset": (0, 0, landlock.scopes(backend.landlock_abi)),
        "grants": [],
        "filter": b"",
        "data": data,
        "fleeting": (_OPTIONS_FD, bubblewrap.fleeting(layout)),
        "cwd": "/",
        "argv": [backend.program, "--args", str(_OPTIONS_FD), "--", *last],
        "env": dict(_HELPER_ENV),
    }


def _landlock_order(
    argv: Sequence[str], env: dict[str, str], layout: Layout, mode: Mode, backend: Backend
) -> dict[str, object]:
    strict = mode is Mode.STRICT
    families = () if strict else (seccomp.AF_INET, seccomp.AF_INET6, seccomp.AF_NETLINK)
    files, tcp, scoped = landlock.handled(backend.landlock_abi)
    return {
        "parent": os.getpid(),
        "supervise": True,
        "report": (),
        "drop": True,
        "ruleset": (files, tcp if strict else 0, scoped),
        "grants": landlock.grants(layout, backend.landlock_abi),
        "filter": _filter(backend, families, False),
        "data": {},
        "fleeting": (0, []),
        "cwd": str(layout.cwd),
        "argv": list(argv),
        "env": env,
    }


def _filter(backend: Backend, families: Sequence[int], datagram_pairs: bool) -> bytes:
    cpu = seccomp.arch(backend.machine)
    if cpu is None:
        raise SandboxUnavailable(f"no system call filter is known for the processor {backend.machine}")
    return seccomp.program(cpu, families, datagram_pairs)


def _in_memory(data: bytes) -> IO[bytes]:
    file = open(os.memfd_create("sandbox", os.MFD_CLOEXEC), "w+b", buffering=0)  # noqa: SIM115 - the launch closes it
    file.write(data)
    return file
