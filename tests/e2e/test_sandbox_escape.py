"""The sandbox, proved from inside: attempts to get out fail under every backend and user, and succeed where there is no sandbox.

An attempt that a backend does not stop is bound to a named limit of that backend. It is asserted to get through, so that the list of
limits is as true as the list of what is held. The same holds for ordinary work: it goes on, or a limit says by name that it does not.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from .sandbox_attempts import ATTEMPTS

# One run of all drivers stands behind the first test; the machine may be busy.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "src" / "alpi"
AS_ROOT = os.geteuid() == 0
USERS = ("root", "user") if AS_ROOT else ("user",)
BACKENDS = ("bubblewrap", "landlock")
SPECIAL = ("stop", "lose_parent", "swap_folder")

# Attempt: the limits under which it gets through. None of them in the backend's list: it must be held.
GETS_THROUGH = {
    "read_through_old_hard_link": {"hard-links"},
    "write_named_pipe": {"pipes"},
    "redirect_git": {"git-new-files", "protected-files"},
    "look_at_hidden_file": {"names"},
    "change_mode": {"file-metadata"},
    "write_git_hook": {"protected-files"},
    "write_git_config": {"protected-files"},
    "replace_git_config": {"protected-files"},
    "replace_git_folder": {"protected-files"},
    "make_missing_hooks_folder": {"protected-files"},
    "write_protected_file": {"protected-files"},
    "reach_abstract_socket": {"abstract-sockets"},
    "kill_process": {"signals"},
    "kill_by_descriptor": {"signals"},
}
# Ordinary work that a limit takes away.
DOES_NOT_WORK = {
    "own_proc": {"no-proc"},
    "strict_loopback": {"shared-network"},
    "own_tmp": {"no-tmp"},
    "own_shared_memory": {"no-terminals"},
    "pseudo_terminal": {"no-terminals"},
    "unix_socket": {"no-unix-sockets"},
    "list_root": {"no-listing"},
    "git_config": {"git-settings"},
}
WORK = (
    "write_workspace", "write_scratch", "read_system", "pipeline", "process_substitution", "make_and_run_program", "background_job",
    "timeout", "git_status", "git_commit", "git_branch", "python_children", "python_threads", "python_asyncio", "python_temporary",
    "compile", "reach_loopback", "look_up_name", "broken_pipe", "exit_status", "killed_by_signal", "unknown_program", "environment",
    "strict_write", *DOES_NOT_WORK,
)  # fmt: skip


class Results:
    """What the driver told, for one user and backend."""

    def __init__(self, lines: str) -> None:
        self.head, *told = [json.loads(line) for line in lines.splitlines()]
        self.attempts: dict[str, dict[str, Any]] = {one["attempt"]: one for one in told if "attempt" in one}
        self.work: dict[str, dict[str, Any]] = {one["work"]: one for one in told if "work" in one}
        self.limits = set(self.head["limits"])


def ordinary_user() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody") if AS_ROOT else pwd.getpwuid(os.geteuid())


def interpreter(user: str) -> str:
    """A Python that this user can start: the one of the tests may lie in root's own folder."""
    if user == "root" or not AS_ROOT:
        return sys.executable
    who = ordinary_user()
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            check = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
            if (
                subprocess.run(
                    check, user=who.pw_uid, group=who.pw_gid, extra_groups=[], cwd="/", check=False
                ).returncode
                == 0
            ):
                return python
        except OSError:
            continue
    pytest.fail("no Python 3.11 or later that an ordinary user can start: install the system's python3")


@pytest.fixture(scope="module")
def told() -> Iterator[dict[tuple[str, str], Results]]:
    """All drivers run side by side, once. Their worlds lie outside of /tmp, which the sandbox replaces."""
    base = Path(tempfile.mkdtemp(prefix="alpi-sandbox-", dir="/opt" if AS_ROOT else Path.home()))
    base.chmod(0o755)
    for source in (PACKAGE / "base", PACKAGE / "safety", HERE):
        # A copy, because the tree itself may not be readable for an ordinary user.
        target = base / "lib" / ("alpi" if source != HERE else "") / source.name
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PACKAGE / "__init__.py", base / "lib/alpi/__init__.py")
    try:
        with ThreadPoolExecutor(3) as pool:
            jobs = {
                (user, backend): pool.submit(drive, base, user, backend)
                for user in USERS
                for backend in ("off", *BACKENDS)
            }
            yield {key: job.result() for key, job in jobs.items()}
    finally:
        shutil.rmtree(base, ignore_errors=True)


def drive(base: Path, user: str, backend: str) -> Results:
    folder = base / f"{user}-{backend}"
    folder.mkdir()
    setuid = folder / "setuid-id"
    shutil.copy("/usr/bin/id", setuid)
    extra: dict[str, Any] = {}
    if AS_ROOT:
        who = ordinary_user()
        # For root, a program of another user: a change of user can be seen either way.
        os.chown(setuid, 0 if user == "user" else who.pw_uid, -1)
        setuid.chmod(0o4755)
        if user == "user":
            os.chown(folder, who.pw_uid, who.pw_gid)
            extra = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(base / "lib"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    words = [interpreter(user), str(base / "lib/e2e/sandbox_driver.py"), backend, str(folder), str(setuid)]
    done = subprocess.run(words, env=env, cwd="/", capture_output=True, text=True, timeout=800, check=False, **extra)
    assert done.returncode == 0, done.stderr
    return Results(done.stdout)


both = pytest.mark.parametrize(("user", "backend"), [(u, b) for u in USERS for b in BACKENDS])


@both
def test_backend_is_usable(told: dict[tuple[str, str], Results], user: str, backend: str) -> None:
    head = told[user, backend].head
    assert head["usable"], head["reason"]


@both
@pytest.mark.parametrize("name", ATTEMPTS)
def test_attempt_is_held(told: dict[tuple[str, str], Results], user: str, backend: str, name: str) -> None:
    results = told[user, backend]
    assert results.attempts[name]["ran"], f"the attempt itself did not run: {results.attempts[name]}"
    got_out = results.attempts[name]["escaped"]
    named = GETS_THROUGH.get(name, set()) & results.limits
    assert got_out == bool(named), f"{'named but held' if named else 'got out'}: {results.attempts[name]}"


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", [name for name, attempt in ATTEMPTS.items() if attempt.control != "nobody"])
def test_attempt_works_without_sandbox(told: dict[tuple[str, str], Results], user: str, name: str) -> None:
    if ATTEMPTS[name].control == "root" and user != "root":
        pytest.skip("only root gets this far without a sandbox")
    if name == "become_another_user" and not AS_ROOT:
        pytest.skip("only root can make the program for this one")
    assert told[user, "off"].attempts[name]["escaped"], told[user, "off"].attempts[name]


@both
def test_what_is_not_held_is_found_and_undone(told: dict[tuple[str, str], Results], user: str, backend: str) -> None:
    """Git's files and protected ones that a backend cannot guard are named after the command, and put back."""
    results = told[user, backend]
    touched = [
        n for n, limits in GETS_THROUGH.items() if limits & results.limits & {"git-new-files", "protected-files"}
    ]
    assert touched
    for name in touched:
        assert results.attempts[name]["sealed"] and results.attempts[name]["restored"], results.attempts[name]


@both
@pytest.mark.parametrize("name", WORK)
def test_ordinary_work_goes_on(told: dict[tuple[str, str], Results], user: str, backend: str, name: str) -> None:
    results = told[user, backend]
    named = DOES_NOT_WORK.get(name, set()) & results.limits
    assert results.work[name]["ok"] != bool(named), results.work[name]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", WORK)
def test_ordinary_work_works_without_sandbox(told: dict[tuple[str, str], Results], user: str, name: str) -> None:
    assert told[user, "off"].work[name]["ok"], told[user, "off"].work[name]


@both
@pytest.mark.parametrize("name", SPECIAL)
def test_ends_and_races(told: dict[tuple[str, str], Results], user: str, backend: str, name: str) -> None:
    assert told[user, backend].work[name]["ok"], told[user, backend].work[name]
