"""The sandbox's vocabulary: what a caller asks for, what a backend can do, and what comes back to be started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Self

from alpi.base.errors import AlpiError

from .seal import Seal


class SandboxUnavailable(AlpiError):
    """No sandbox here gives what the policy asks for. The message names what is missing; nothing was started."""


class SandboxPolicyError(AlpiError):
    """The policy contradicts itself or grants what no sandbox may grant, such as the whole file system."""


class Mode(StrEnum):
    """How much is held back. ``strict`` is ``workspace`` without the network."""

    OFF = "off"
    WORKSPACE = "workspace"
    STRICT = "strict"


class Capability(StrEnum):
    """What a mode needs and a backend may or may not enforce."""

    FILESYSTEM_WRITE = "filesystem-write"
    """Nothing outside the writable folders is created, changed, renamed or removed."""
    FILESYSTEM_HIDE = "filesystem-hide"
    """The content of hidden paths cannot be read."""
    NETWORK = "network"
    """No packet leaves and nothing listens where others can reach it."""
    PROCESS_VIEW = "process-view"
    """Other processes' memory, environment, command lines and open files cannot be seen."""
    SYSCALLS = "syscalls"
    """The kernel interfaces that ordinary commands do not need are closed."""


NEEDS = MappingProxyType(
    {
        Mode.OFF: frozenset[Capability](),
        Mode.WORKSPACE: frozenset(
            (Capability.FILESYSTEM_WRITE, Capability.FILESYSTEM_HIDE, Capability.PROCESS_VIEW, Capability.SYSCALLS)
        ),
        Mode.STRICT: frozenset(Capability),
    }
)
"""The capabilities that each mode stands on; ``wrap`` refuses where one is missing."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that a backend does not stop, or that ordinary commands lose by it. ``code`` is stable, ``text`` is for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to sandbox on this machine, as it was found by trying.

    ``usable`` is false with a ``reason`` where it does not run. ``can`` is what it enforces, ``limits`` what it does not.
    ``program`` is the absolute path of the outside helper, if there is one; ``python`` starts the own helper; ``landlock_abi`` is 0
    where the kernel has none.
    """

    name: str
    usable: bool
    reason: str = ""
    can: frozenset[Capability] = frozenset()
    limits: tuple[Limit, ...] = ()
    program: str = ""
    python: str = ""
    machine: str = ""
    landlock_abi: int = 0

    def cannot(self) -> tuple[Capability, ...]:
        """The capabilities that this backend does not enforce, in the order of their definition."""
        return tuple(c for c in Capability if c not in self.can)

    def missing(self, mode: Mode) -> tuple[Capability, ...]:
        """What ``mode`` needs and this backend lacks."""
        return tuple(c for c in Capability if c in NEEDS[mode] - self.can)


@dataclass(frozen=True, slots=True)
class Policy:
    """What one command may touch. All paths are absolute; links in them are resolved when the command is wrapped.

    Where rules meet, the deeper path decides: a scratch folder inside a hidden profile is writable, a hidden file inside the
    workspace stays hidden. Everything that is not named may be read and not written.

    Args:
        scratch: the command's private temporary folder; it exists, is a directory, and has mode 0700.
        writable: further folders (or files) that may be written.
        hidden: what may not be read: secrets of profiles, credential stores. Need not exist.
        protected: what may be read but not written, though it lies in a writable folder: shell start files, autostart entries.
            Git's hooks and settings are added without being named.
    """

    mode: Mode
    workspace: Path
    scratch: Path
    writable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    protected: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start instead of the command.

    Start ``argv`` with exactly ``env``, ``cwd`` and ``pass_fds``, directly from the process that called ``wrap``, on a thread that
    outlives the command (the kernel takes the end of that thread for the end of the parent), and ``close()`` once it is started. Stop
    it with SIGTERM first: that ends everything it has started; SIGKILL only where it does not answer.

    ``env`` is the environment of the helper; the command's own is ``command_env``, handed over apart from it, so that a loader
    variable meant for the command never acts on the helper, which is not yet confined.
    """

    argv: list[str]
    env: dict[str, str]
    cwd: str
    pass_fds: tuple[int, ...] = ()
    command_env: dict[str, str] = field(default_factory=dict)
    seal: Seal = field(default_factory=Seal)
    """What the backend could not mount read-only; ``seal.broken()`` after the command tells what was touched."""

    held: IO[bytes] | None = None
    """Owns the descriptor in ``pass_fds``."""

    def close(self) -> None:
        """Give back the descriptor. Does nothing the second time."""
        if self.held is not None:
            self.held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def choose(backends: Iterable[Backend], mode: Mode) -> Backend:
    """The first backend that gives what ``mode`` needs.

    Raises:
        SandboxUnavailable: naming, for each backend, why it is not the one.
    """
    why = []
    for backend in backends:
        if not backend.usable:
            why.append(f"{backend.name}: {backend.reason}")
        elif missing := backend.missing(mode):
            why.append(f"{backend.name} cannot enforce {', '.join(missing)}")
        else:
            return backend
    raise SandboxUnavailable(
        f"no sandbox on this machine gives mode {mode}: {'; '.join(why) or 'none is known for this system'}",
        "Install bubblewrap, or set the sandbox mode to what this machine can do",
    )
