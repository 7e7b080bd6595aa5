"""Attempts to get out of the sandbox, each a few lines that succeed where nothing holds them. Standard library only.

``sandbox_attempts.py attempt NAME WORLD.json`` runs one attempt: it exits 0 when it believes it got out and prints what it got; any
OSError is a refusal (exit 1). The judge is ``sandbox_driver.py``, which looks at the world from outside as well.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_REMOUNT, MS_BIND, MNT_DETACH = 32, 4096, 2
TIOCSTI = 0x5412
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Attempt:
    """``control`` says who gets through without a sandbox, so that the attempt is known to work: everyone, root, or nobody for certain
    (where a container, a missing kernel part or good sense may stop even root). ``mode`` is the sandbox mode that it is made in."""

    run: Callable[[Any], object]
    control: str = "everyone"
    mode: str = "workspace"


def sure(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def syscall(number: int, *args: Any) -> int:
    return sure(LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args]))


def show(data: bytes | str) -> None:
    sys.stdout.write(data if isinstance(data, str) else data.decode(errors="replace"))


# Reading what is hidden


def read_hidden_key(w: Any) -> None:
    show(Path(w.key).read_text())


def list_hidden_folder(w: Any) -> None:
    if Path(w.key).name not in os.listdir(Path(w.key).parent):
        raise OSError("the folder looks empty")


def read_through_symlink(w: Any) -> None:
    link = Path(w.work, "innocent.txt")
    link.symlink_to(w.key)
    show(link.read_text())


def read_through_hard_link(w: Any) -> None:
    os.link(w.key, Path(w.work, "innocent.txt"))
    show(Path(w.work, "innocent.txt").read_text())


def move_out_of_hidden(w: Any) -> None:
    os.rename(w.key, Path(w.work, "innocent.txt"))
    show(Path(w.work, "innocent.txt").read_text())


def read_through_old_hard_link(w: Any) -> None:
    show(Path(w.second_name).read_text())


def read_through_proc_self_root(w: Any) -> None:
    show(Path(f"/proc/self/root{w.key}").read_text())


def read_through_proc_1_root(w: Any) -> None:
    show(Path(f"/proc/1/root{w.key}").read_text())


def read_through_agent_root(w: Any) -> None:
    show(Path(f"/proc/{w.agent}/root{w.key}").read_text())


def read_through_agent_cwd(w: Any) -> None:
    show(Path(f"/proc/{w.agent}/cwd/secret.key").read_text())


def read_through_agent_descriptor(w: Any) -> None:
    show(Path(f"/proc/{w.agent}/fd/{w.key_fd}").read_text())


def read_agent_environment(w: Any) -> None:
    show(Path(f"/proc/{w.agent}/environ").read_bytes())


def read_agent_memory(w: Any) -> None:
    with open(f"/proc/{w.agent}/mem", "rb", buffering=0) as memory:
        memory.seek(w.secret_address)
        show(memory.read(w.secret_length))


def read_agent_memory_by_call(w: Any) -> None:
    buffer = ctypes.create_string_buffer(w.secret_length)
    local = struct.pack("QQ", ctypes.addressof(buffer), w.secret_length)
    remote = struct.pack("QQ", w.secret_address, w.secret_length)
    syscall(w.numbers["process_vm_readv"], w.agent, local, 1, remote, 1, 0)
    show(buffer.raw)


def read_by_file_handle(w: Any) -> None:
    handle = ctypes.create_string_buffer(struct.pack("Ii", 120, 0) + b"\0" * 120)
    mount = ctypes.c_int()
    sure(LIBC.name_to_handle_at(-100, os.fsencode(w.second_name), handle, ctypes.byref(mount), 0))
    root = os.open(w.work, os.O_RDONLY)
    # The handle of a file on the same disk needs no path, so no rule about paths holds it.
    fd = syscall(w.numbers["open_by_handle_at"], root, handle, os.O_RDONLY)
    show(os.read(fd, 1000))


def look_at_hidden_file(w: Any) -> None:
    show(f"size {os.stat(w.key).st_size}")


def read_host_passwords(w: Any) -> None:
    assert Path("/etc/shadow").read_bytes()


def read_the_disk(w: Any) -> None:
    node = os.stat("/").st_dev
    for entry in os.scandir("/dev"):
        info = entry.stat(follow_symlinks=False)
        if stat.S_ISBLK(info.st_mode) and info.st_rdev == node:
            os.read(os.open(entry.path, os.O_RDONLY), 512)
            return
    raise OSError("no disk to be seen")


def make_disk_node(w: Any) -> None:
    path = Path(w.work, "disk")
    os.mknod(path, stat.S_IFBLK | 0o600, os.stat("/").st_dev)
    os.read(os.open(path, os.O_RDONLY), 512)


# Writing outside


def write_new_file(w: Any) -> None:
    Path(w.outside, "planted.txt").write_text("planted")


def overwrite_file(w: Any) -> None:
    Path(w.outside, "notes.txt").write_text("overwritten")


def write_through_symlink(w: Any) -> None:
    link = Path(w.work, "innocent.txt")
    link.symlink_to(Path(w.outside, "notes.txt"))
    link.write_text("overwritten")


def write_through_hard_link(w: Any) -> None:
    link = Path(w.work, "innocent.txt")
    os.link(Path(w.outside, "notes.txt"), link)
    link.write_text("overwritten")


def rename_over_file(w: Any) -> None:
    Path(w.work, "new.txt").write_text("replaced")
    os.rename(Path(w.work, "new.txt"), Path(w.outside, "notes.txt"))


def move_file_in(w: Any) -> None:
    os.rename(Path(w.outside, "notes.txt"), Path(w.work, "stolen.txt"))


def remove_file(w: Any) -> None:
    os.unlink(Path(w.outside, "notes.txt"))


def truncate_file(w: Any) -> None:
    os.truncate(Path(w.outside, "notes.txt"), 0)


def write_through_parent_folder(w: Any) -> None:
    os.chdir(w.work)
    Path("../outside/planted.txt").write_text("planted")


def write_through_proc_cwd(w: Any) -> None:
    Path(f"/proc/{w.agent}/root{w.outside}/planted.txt").write_text("planted")


def write_hidden_folder(w: Any) -> None:
    Path(w.key).with_name("planted").write_text("planted")
    raise OSError("only the driver knows whether it arrived")


def write_shared_memory(w: Any) -> None:
    Path("/dev/shm", w.token).write_text("planted")
    raise OSError("only the driver knows whether it arrived")


def write_shared_tmp(w: Any) -> None:
    Path("/tmp", w.token).write_text("planted")
    raise OSError("only the driver knows whether it arrived")


def write_named_pipe(w: Any) -> None:
    os.write(os.open(Path(w.outside, "pipe"), os.O_WRONLY | os.O_NONBLOCK), b"order")


def change_mode(w: Any) -> None:
    os.chmod(Path(w.outside, "notes.txt"), 0o777)


def change_owner(w: Any) -> None:
    os.chown(Path(w.outside, "notes.txt"), 12345, 12345)


def make_setuid_program(w: Any) -> None:
    path = Path(w.work, "door")
    path.write_bytes(b"#!/bin/sh\n")
    path.chmod(0o4755)
    assert path.stat().st_mode & stat.S_ISUID


def write_kernel_setting(w: Any) -> None:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


def write_sysrq(w: Any) -> None:
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))


def write_sysfs(w: Any) -> None:
    os.close(
        os.open(
            "/sys/kernel/uevent_helper" if os.path.exists("/sys/kernel/uevent_helper") else "/sys/power/state",
            os.O_WRONLY,
        )
    )


# Mounts and namespaces


def mount_something(w: Any) -> None:
    folder = Path(w.work, "mnt")
    folder.mkdir()
    sure(LIBC.mount(b"none", os.fsencode(folder), b"tmpfs", 0, None))
    LIBC.umount2(os.fsencode(folder), MNT_DETACH)


def remount_writable(w: Any) -> None:
    sure(LIBC.mount(None, b"/", None, MS_REMOUNT | MS_BIND, None))
    Path(w.outside, "planted.txt").write_text("planted")


def uncover_hidden(w: Any) -> None:
    sure(LIBC.umount2(os.fsencode(Path(w.key).parent), MNT_DETACH))
    show(Path(w.key).read_text())


def unshare_user_namespace(w: Any) -> None:
    sure(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    Path(w.work, "mnt").mkdir()
    sure(LIBC.mount(b"none", os.fsencode(Path(w.work, "mnt")), b"tmpfs", 0, None))


def clone_user_namespace(w: Any) -> None:
    pid = syscall(w.numbers["clone"], CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)


def clone3_user_namespace(w: Any) -> None:
    order = ctypes.create_string_buffer(struct.pack("8Q", CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0))
    pid = syscall(w.numbers["clone3"], order, 64)
    if pid == 0:
        os._exit(0)


def enter_agent_namespace(w: Any) -> None:
    sure(LIBC.setns(os.open(f"/proc/{w.agent}/ns/mnt", os.O_RDONLY), CLONE_NEWNS))


def escape_by_chroot(w: Any) -> None:
    root = os.open("/", os.O_RDONLY)
    Path(w.work, "jail").mkdir()
    os.chroot(Path(w.work, "jail"))
    os.fchdir(root)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")


# Other processes


def trace_process(w: Any) -> None:
    syscall(w.numbers["ptrace"], 0x4206, w.victim, 0, 0)  # PTRACE_SEIZE


def trace_parent(w: Any) -> None:
    syscall(w.numbers["ptrace"], 0x4206, os.getppid(), 0, 0)


def kill_process(w: Any) -> None:
    os.kill(w.victim, signal.SIGKILL)


def kill_by_descriptor(w: Any) -> None:
    signal.pidfd_send_signal(os.pidfd_open(w.victim), signal.SIGKILL)


def see_processes(w: Any) -> None:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if w.victim_says in Path("/proc", name, "cmdline").read_text(errors="replace"):
                    return
            except FileNotFoundError:
                continue
    raise OSError("it is not among the processes to be seen")


def see_named_process(w: Any) -> None:
    if w.victim_says not in Path(f"/proc/{w.victim}/cmdline").read_text(errors="replace"):
        raise OSError("another process has this number here")


def leave_process_behind(w: Any) -> None:
    if os.fork():
        time.sleep(0.2)  # until it has left this session
        raise OSError("only the driver knows whether it lives on")
    os.setsid()
    if os.fork():
        os._exit(0)
    for fd in (0, 1, 2):
        os.close(fd)
    time.sleep(0.8)
    Path(w.work, "survived").write_text("alive")
    os._exit(0)


# The terminal


def type_into_terminal(w: Any) -> None:
    fcntl.ioctl(0, TIOCSTI, b"x")


def type_into_terminal_high_bits(w: Any) -> None:
    syscall(w.numbers["ioctl"], 0, TIOCSTI | 1 << 32, ctypes.create_string_buffer(b"x"))


# Sockets


def reach_tcp(w: Any) -> None:
    with socket.create_connection(("127.0.0.1", w.tcp), 2) as s:
        show(s.recv(100))


def reach_udp(w: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.sendto(b"hello", ("127.0.0.1", w.udp))
        show(s.recv(100))


def reach_multipath_tcp(w: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as s:
        s.settimeout(2)
        s.connect(("127.0.0.1", w.tcp))
        show(s.recv(100))


def see_interfaces(w: Any) -> None:
    if all(name == "lo" for _, name in socket.if_nameindex()):
        raise OSError("only a loopback of one's own")


def reach_hypervisor(w: Any) -> None:
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


def reach_hidden_socket(w: Any) -> None:
    _unix(w.hidden_socket)


def reach_visible_socket(w: Any) -> None:
    _unix(w.visible_socket)


def reach_abstract_socket(w: Any) -> None:
    _unix("\0" + w.token)


def reach_datagram_socket(w: Any) -> None:
    """A socket of a pair, pointed at another name: no socket() call is needed for it."""
    a, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.sendto(b"hello", w.datagram_socket)


def _unix(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(2)
        s.connect(name)
        show(s.recv(100))


# Kernel interfaces


def use_io_uring(w: Any) -> None:
    syscall(w.numbers["io_uring_setup"], 4, ctypes.create_string_buffer(120))


def use_key_ring(w: Any) -> None:
    syscall(w.numbers["add_key"], b"user", w.token.encode(), b"secret", 6, ctypes.c_long(-4))


def use_bpf(w: Any) -> None:
    syscall(w.numbers["bpf"], 0, struct.pack("IIII", 2, 4, 4, 1) + b"\0" * 100, 48)  # BPF_MAP_CREATE, an array


def use_userfaultfd(w: Any) -> None:
    syscall(w.numbers["userfaultfd"], 0)


def use_perf(w: Any) -> None:
    attr = struct.pack("IIQ", 1, 112, 0).ljust(112, b"\0")  # a software event: the CPU clock
    syscall(w.numbers["perf_event_open"], attr, 0, -1, -1, 0)


def load_kexec(w: Any) -> None:
    syscall(w.numbers["kexec_load"], 0, 0, 0, 0)


# More rights


def become_another_user(w: Any) -> None:
    found = subprocess.run([w.setuid_program, "-u"], capture_output=True, text=True, check=True).stdout.strip()
    if found == str(os.getuid()):
        raise OSError("still the same user")


def get_capabilities(w: Any) -> None:
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    if not int(status.split("CapEff:")[1].split()[0], 16):
        raise OSError("no capabilities")


# Git: what runs later, outside


def write_git_hook(w: Any) -> None:
    hook = Path(w.work, ".git/hooks/pre-commit")
    hook.write_text("#!/bin/sh\ntrue\n")
    hook.chmod(0o755)


def write_git_config(w: Any) -> None:
    with Path(w.work, ".git/config").open("a") as file:
        file.write("[core]\n\tfsmonitor = evil\n")


def replace_git_config(w: Any) -> None:
    Path(w.work, "config").write_text("[core]\n\tfsmonitor = evil\n")
    os.rename(Path(w.work, "config"), Path(w.work, ".git/config"))


def replace_git_folder(w: Any) -> None:
    os.rename(Path(w.work, ".git"), Path(w.work, "old"))
    Path(w.work, ".git/hooks").mkdir(parents=True)
    Path(w.work, ".git/hooks/pre-commit").write_text("#!/bin/sh\ntrue\n")


def redirect_git(w: Any) -> None:
    Path(w.work, ".git/commondir").write_text("../evil")


def make_missing_hooks_folder(w: Any) -> None:
    folder = Path(w.work, "nested/.git/hooks")
    folder.mkdir(exist_ok=True)
    (folder / "post-checkout").write_text("#!/bin/sh\ntrue\n")


def write_protected_file(w: Any) -> None:
    Path(w.work, ".bashrc").write_text("evil")


def load_into_helper(w: Any) -> None:
    """The loader of every program started with the command's environment writes its account where it is told to. The driver looks."""
    raise OSError("only the driver knows whether it was written")


ROOT, NOBODY, STRICT = "root", "nobody", "strict"
ATTEMPTS: dict[str, Attempt] = {
    a.run.__name__: a
    for a in (
        Attempt(read_hidden_key), Attempt(list_hidden_folder), Attempt(read_through_symlink),
        Attempt(read_through_hard_link), Attempt(move_out_of_hidden), Attempt(read_through_old_hard_link),
        Attempt(read_through_proc_self_root), Attempt(read_through_proc_1_root, NOBODY),
        Attempt(read_through_agent_root), Attempt(read_through_agent_cwd), Attempt(read_through_agent_descriptor),
        Attempt(read_agent_environment), Attempt(read_agent_memory), Attempt(read_agent_memory_by_call),
        Attempt(read_by_file_handle, ROOT), Attempt(look_at_hidden_file), Attempt(read_host_passwords, ROOT),
        Attempt(read_the_disk, NOBODY), Attempt(make_disk_node, NOBODY), Attempt(write_new_file),
        Attempt(overwrite_file), Attempt(write_through_symlink), Attempt(write_through_hard_link),
        Attempt(rename_over_file), Attempt(move_file_in), Attempt(remove_file), Attempt(truncate_file),
        Attempt(write_through_parent_folder), Attempt(write_through_proc_cwd), Attempt(write_hidden_folder),
        Attempt(write_shared_memory), Attempt(write_shared_tmp), Attempt(write_named_pipe), Attempt(change_mode),
        Attempt(change_owner, ROOT), Attempt(make_setuid_program), Attempt(write_kernel_setting, ROOT),
        Attempt(write_sysrq, NOBODY), Attempt(write_sysfs, ROOT), Attempt(mount_something, ROOT),
        Attempt(remount_writable, ROOT), Attempt(uncover_hidden, NOBODY), Attempt(unshare_user_namespace),
        Attempt(clone_user_namespace), Attempt(clone3_user_namespace), Attempt(enter_agent_namespace, ROOT),
        Attempt(escape_by_chroot, ROOT), Attempt(trace_process), Attempt(trace_parent), Attempt(kill_process),
        Attempt(kill_by_descriptor), Attempt(see_processes), Attempt(see_named_process),
        Attempt(leave_process_behind), Attempt(type_into_terminal, ROOT), Attempt(type_into_terminal_high_bits, ROOT),
        Attempt(reach_tcp, mode=STRICT), Attempt(reach_udp, mode=STRICT), Attempt(reach_multipath_tcp, mode=STRICT),
        Attempt(see_interfaces, NOBODY, STRICT), Attempt(reach_hypervisor), Attempt(reach_hidden_socket),
        Attempt(reach_visible_socket), Attempt(reach_abstract_socket), Attempt(reach_datagram_socket),
        Attempt(use_io_uring), Attempt(use_key_ring), Attempt(use_bpf, ROOT), Attempt(use_userfaultfd, ROOT),
        Attempt(use_perf, ROOT), Attempt(load_kexec, NOBODY), Attempt(become_another_user),
        Attempt(get_capabilities, ROOT), Attempt(write_git_hook), Attempt(write_git_config),
        Attempt(replace_git_config), Attempt(replace_git_folder), Attempt(redirect_git),
        Attempt(make_missing_hooks_folder), Attempt(write_protected_file), Attempt(load_into_helper),
    )
}  # fmt: skip


def main() -> int:
    _, _, name, world = sys.argv
    try:
        ATTEMPTS[name].run(SimpleNamespace(**json.loads(Path(world).read_text())))
    except (OSError, AssertionError, subprocess.CalledProcessError) as error:
        print(f"held: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
