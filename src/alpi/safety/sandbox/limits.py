"""What each backend does not stop, or takes from ordinary commands, in words for ``doctor`` and the documentation.

A test asserts each of the first kind from inside: when one of them turns out to be stopped, or a new hole shows, the list is wrong.
"""

from __future__ import annotations

from .landlock import ABI_SCOPE
from .policy import Limit

BOTH = (
    Limit(
        "network-open",
        "mode workspace has the whole network, this machine's own servers too; only mode strict has none",
    ),
    Limit(
        "hard-links",
        "a hidden file that already has a second name (hard link) in a visible folder can be read under that name",
    ),
    Limit(
        "new-repositories",
        "a git repository that the command makes itself, or one more than one folder deep, has no protected hooks",
    ),
    Limit("kernel", "a hole in the kernel is a hole in the sandbox"),
    Limit("resources", "memory, processes and disk space are not limited"),
    Limit(
        "no-privileges",
        "root has no privileges inside: other users' files in the workspace cannot be written, nothing installed",
    ),
    Limit(
        "no-debuggers",
        "gdb, strace and other tracers do not work inside, nor do nested namespaces (containers, other sandboxes)",
    ),
)
BUBBLEWRAP = (
    Limit(
        "git-new-files",
        "a missing .git/commondir or config.worktree can be made; that is found and undone after the command, not stopped",
    ),
    Limit(
        "git-settings",
        "git cannot change its own settings inside: git config, git remote add, recording an upstream branch",
    ),
    Limit("pipes", "a named pipe outside the workspace that this user may write to can be written to"),
    Limit("late-sockets", "a unix socket that appears after the start, outside /run and /tmp, can be reached"),
)
ABSTRACT = Limit(
    "abstract-sockets",
    "abstract unix sockets (old X servers and message buses) can be reached in mode workspace: Landlock 6 is missing",
)
LANDLOCK = (
    Limit(
        "file-metadata",
        "mode, owner, times and extended attributes of this user's own files can be changed outside the workspace",
    ),
    Limit(
        "protected-files",
        "git's hooks and settings in the workspace can be changed; that is found and undone after the command, not stopped",
    ),
    Limit("names", "whether a hidden file exists, its size and its times can be seen by one who knows its path"),
    Limit("process-numbers", "that a process number is in use can be seen, and nothing else of the process"),
    Limit("shared-network", "there is no network of one's own: mode strict has not even a loopback"),
    Limit("no-unix-sockets", "unix sockets cannot be opened at all, because Landlock does not look at them"),
    Limit("no-tmp", "there is no private /tmp: /tmp is closed, programs must use TMPDIR"),
    Limit(
        "no-terminals",
        "no pseudo-terminals and no shared memory (/dev/pts, /dev/shm): multiprocessing locks and expect do not work",
    ),
    Limit("no-listing", "folders that contain something hidden cannot be listed, nor can the root folder"),
    Limit("no-proc", "/proc/self is readable for the command itself, not for the programs that it starts"),
    Limit(
        "supervisor",
        "if the helper is killed with SIGKILL from outside, processes that left the command's session go on",
    ),
)
SIGNALS = Limit("signals", "this user's other processes can be signalled, the agent too: Landlock 6 is missing")
SEATBELT = (
    Limit("untested", "this profile has never been run on a Mac by its authors"),
    Limit("deprecated", "Apple calls sandbox-exec deprecated, and may remove it"),
    Limit("no-private-tmp", "/tmp is shared and closed for writing; programs must use TMPDIR"),
    Limit("survivors", "processes that leave the command's session outlive it"),
    Limit("keychain-service", "the key chain's service can be asked; it asks the person before it hands out a secret"),
)


def bubblewrap(landlock_abi: int) -> tuple[Limit, ...]:
    """The limits of bubblewrap on a kernel with this Landlock."""
    return (*BUBBLEWRAP, *((ABSTRACT,) if landlock_abi < ABI_SCOPE else ()), *BOTH)


def landlock(landlock_abi: int) -> tuple[Limit, ...]:
    """The limits of Landlock of this version."""
    return (*LANDLOCK, *((SIGNALS,) if landlock_abi < ABI_SCOPE else ()), *BOTH)


def seatbelt() -> tuple[Limit, ...]:
    """The limits of sandbox-exec."""
    return (*SEATBELT, *BOTH)
