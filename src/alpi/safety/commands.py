"""How a command that the gate has let through is started: a scrubbed environment, inside the OS sandbox.

The gate is a gate; the sandbox is the wall behind it. Which sandbox this machine has is found out at the first command, and what it
cannot do is said, not skipped.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.files import storage_errors
from .paths import PathGuard
from .places import AUTOSTART, CREDENTIALS, SYSTEM_SECRETS

if TYPE_CHECKING:
    from .sandbox import Backend, Launch, Mode

# What a command may need of the environment and holds no secret. All else stays out.
PASSED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "COLUMNS", "LINES", "PREFIX", "ANDROID_ROOT"}
)
# So that programs do not wait for a person who is not there.
FIXED = (
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("PYTHONUNBUFFERED", "1"),
)
BASH = ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/data/data/com.termux/files/usr/bin/bash", "/bin/sh")


class Commands:
    """Starts commands for one session.

    Args:
        guard: knows the workspace and what is protected.
        environ: the environment that alpi itself was started with.
        mode: the sandbox that is wanted; ``None`` takes ``workspace`` where the machine can do it.
        passed: further variables that commands get, by name.
        secrets: values that no command may get, whatever its variable is called.
        writable: folders outside the workspace that commands may write.
    """

    def __init__(
        self,
        guard: PathGuard,
        environ: Mapping[str, str],
        mode: str | None = None,
        passed: Sequence[str] = (),
        secrets: Sequence[str] = (),
        writable: Sequence[Path] = (),
    ) -> None:
        self._guard = guard
        self._environ = environ
        self._wanted = mode
        self._passed = PASSED | frozenset(passed)
        self._secrets = tuple(value for value in secrets if value)
        self._writable = tuple(writable)
        self._backend: Backend | None = None
        self._scratch: Path | None = None
        self.mode: Mode | None = None
        self.weakness = ""

    def prepare(self) -> None:
        """Find out which sandbox there is. Blocks for about 100 ms the first time.

        Raises:
            SandboxUnavailable: the person or the machine's policy demands one that is not to be had.
        """
        from .sandbox import Mode, available, choose

        if self.mode is not None:
            return
        if self._wanted == Mode.OFF:
            self.mode, self.weakness = Mode.OFF, "not sandboxed: switched off in the settings"
            return
        backends = available()
        wanted = Mode(self._wanted or Mode.WORKSPACE)
        usable = [backend for backend in backends if backend.usable and not backend.missing(wanted)]
        if usable or self._wanted is not None:
            self._backend = choose(backends, wanted)
            self.mode = wanted
            return
        why = "; ".join(
            f"{backend.name}: {backend.reason or 'cannot ' + ', '.join(backend.missing(wanted))}"
            for backend in backends
        )
        self.mode, self.weakness = Mode.OFF, f"not sandboxed: {why or 'there is none for this system'}"

    def launch(self, command: str, extra: Mapping[str, str] | None = None) -> Launch:
        """What to start for a shell command in the workspace. ``extra``: further variables, for this command alone.

        Raises:
            SandboxUnavailable, SandboxPolicyError: it cannot be started under the mode in force.
        """
        from .sandbox import Backend, Policy, wrap

        self.prepare()
        assert self.mode is not None
        shell = next((path for path in BASH if os.access(path, os.X_OK)), "sh")
        flags = ["--noprofile", "--norc"] if shell.endswith("bash") else []
        policy = Policy(
            self.mode, self._guard.workspace, self.scratch(), self._writable, self._hidden(), self._protected()
        )
        backend = self._backend or Backend("none", usable=False)
        return wrap(
            [shell, *flags, "-c", command],
            {**self.environment(), **(extra or {})},
            self._guard.workspace,
            policy,
            backend,
        )

    def environment(self) -> dict[str, str]:
        """The variables that a command gets."""
        found = {
            name: value
            for name, value in self._environ.items()
            if (name in self._passed or name.startswith("LC_")) and not any(secret in value for secret in self._secrets)
        }
        return {**found, **dict(FIXED)}

    def scratch(self) -> Path:
        """A private temporary folder for this session's commands."""
        if self._scratch is None:
            with storage_errors(Path(tempfile.gettempdir()), "make a folder in"):
                self._scratch = Path(tempfile.mkdtemp(prefix="alpi-"))
        return self._scratch

    def close(self) -> None:
        """Remove the temporary folder."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def _hidden(self) -> tuple[Path, ...]:
        guard = self._guard
        below_home = [guard.home / name for name in CREDENTIALS]
        system = [Path(name) for name in SYSTEM_SECRETS if not name.startswith(("/dev", "/sys", "/proc"))]
        return (guard.alpi_root, guard.profile_home, *(path for path in (*below_home, *system) if path.exists()))

    def _protected(self) -> tuple[Path, ...]:
        return tuple(path for name in AUTOSTART if (path := self._guard.home / name).exists())
