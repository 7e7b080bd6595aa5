"""Unix sockets that lead out of a sandbox: container daemons, message buses, key agents, terminals' own servers.

A read-only mount does not stop a connection, so each socket is covered by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

VARIABLES = (
    "SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_ASKPASS", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DISPLAY",
    "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XAUTHORITY", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST", "TMUX", "TMUX_PANE", "STY",
    "KITTY_LISTEN_ON", "NVIM", "NVIM_LISTEN_ADDRESS", "VSCODE_IPC_HOOK_CLI", "WSL_INTEROP", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID",
    "I3SOCK", "SWAYSOCK", "HYPRLAND_INSTANCE_SIGNATURE", "PULSE_SERVER", "EMACS_SERVER_FILE",
)  # fmt: skip
"""Taken out of the command's environment: they name what it cannot reach, or what it must not try."""

KNOWN = (
    ".docker/run", ".docker/desktop", ".colima", ".lima", ".rd", ".orbstack/run", ".gnupg", ".1password", ".bitwarden-ssh-agent.sock",
    ".ssh/agent", ".local/share/containers/podman", ".emacs.d/server", ".config/emacs/server", ".kitty-sock",
)  # fmt: skip
"""Below the home folder, where daemons that can act for the person put their sockets."""

SYSTEM = ("/var/snap/lxd/common/lxd/unix.socket", "/var/lib/lxd/unix.socket", "/var/lib/incus/unix.socket")
_LISTENING = 0x10000
_DATAGRAM = "0002"


def without_sockets(env: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables that name sockets and displays."""
    return {key: value for key, value in env.items() if key not in VARIABLES}


def socket_paths(
    env: Mapping[str, str], own: Sequence[Path] = (), table: Path = Path("/proc/net/unix")
) -> tuple[Path, ...]:
    """Files and folders to cover: those that listen now, those that the environment names, and the well-known ones.

    What listens below ``own`` (the writable folders) is a server of the person's project and stays reachable. ``table`` is the
    kernel's list of unix sockets (proc(5), /proc/net/unix); a machine without one yields the rest.
    """
    home = Path(env.get("HOME") or Path.home())
    named = [_path(value) for value in (env.get(name, "") for name in VARIABLES) if value]
    candidates = [*(p for p in named if p), *(home / name for name in KNOWN), *map(Path, SYSTEM)]
    candidates += [path for path in _listening(table) if not any(folder in path.parents for folder in own)]
    # XDG_RUNTIME_DIR is a folder; anything else that is one is no socket, but hiding a known daemon's folder covers those to come.
    return tuple(dict.fromkeys(path for path in candidates if path.is_absolute() and _present(path)))


def _present(path: Path) -> bool:
    try:
        return path.is_socket() or (path.is_dir() and path != Path("/"))
    except OSError:
        return False


def _path(value: str) -> Path | None:
    text = value.split(",")[0].removeprefix("unix:").removeprefix("path=").removeprefix("//")
    return Path(text) if text.startswith("/") else None


def _listening(table: Path) -> Iterator[Path]:
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split(maxsplit=7)
        if (
            len(fields) == 8
            and fields[7].startswith("/")
            and (int(fields[3], 16) & _LISTENING or fields[4] == _DATAGRAM)
        ):
            yield Path(fields[7])
