"""The system call filter, run by a small interpreter of classic BPF, so that every verdict is seen without a kernel."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from alpi.safety.sandbox import seccomp

EVERY = (seccomp.AF_UNIX, seccomp.AF_INET, seccomp.AF_INET6, seccomp.AF_NETLINK)
MACHINES = ("x86_64", "aarch64")


def cpu(machine: str) -> seccomp.Arch:
    found = seccomp.arch(machine)
    assert found is not None
    return found


def verdict(code: bytes, audit: int, number: int, *args: int) -> int:
    data = struct.pack("<iIQ6Q", number - (1 << 32 if number >> 31 else 0), audit, 0, *(args + (0,) * (6 - len(args))))
    accumulator, at = 0, 0
    for _ in range(4096):
        op, if_true, if_false, value = struct.unpack_from("<HBBI", code, at * 8)
        at += 1
        if op == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif op == 0x54:
            accumulator &= value
        elif op == 0x06:
            return int(value)
        else:
            hit = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[op]
            at += if_true if hit else if_false
    raise AssertionError("the filter does not end")


def refused(code: bytes, machine: str, name: str, *args: int) -> bool:
    return verdict(code, cpu(machine).audit, cpu(machine).numbers[name], *args) != seccomp.ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_every_listed_call_is_refused(machine: str) -> None:
    code = seccomp.program(cpu(machine), EVERY, True)
    for name in seccomp.REFUSED:
        if name in cpu(machine).numbers:
            assert refused(code, machine, name), name


@pytest.mark.parametrize("machine", MACHINES)
def test_every_other_call_is_allowed(machine: str) -> None:
    code = seccomp.program(cpu(machine), EVERY, True)
    known = set(cpu(machine).numbers.values())
    assert all(
        verdict(code, cpu(machine).audit, number) == seccomp.ALLOW for number in range(1024) if number not in known
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_another_processor_is_killed(machine: str) -> None:
    code = seccomp.program(cpu(machine), EVERY, True)
    i386 = 0x40000003
    assert verdict(code, i386, 1) == seccomp.KILL


def test_x32_numbers_are_refused() -> None:
    code = seccomp.program(cpu("x86_64"), EVERY, True)
    for number in (0, 1, 101, 165, 0x3FFFFFFF):
        assert verdict(code, cpu("x86_64").audit, 0x40000000 | number) != seccomp.ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_clone_is_judged_by_its_flags(machine: str) -> None:
    code = seccomp.program(cpu(machine), EVERY, True)
    assert not refused(code, machine, "clone", 0x003D0F00)  # a thread
    assert not refused(code, machine, "clone", 17)  # a fork
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert refused(code, machine, "clone", flag | 17)
    assert verdict(code, cpu(machine).audit, cpu(machine).numbers["clone3"]) & 0xFFFF == seccomp.ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("high", [0, 1 << 32, 0xDEAD << 32])
def test_terminal_requests_are_refused_whatever_stands_in_the_high_half(machine: str, high: int) -> None:
    code = seccomp.program(cpu(machine), EVERY, True)
    assert all(refused(code, machine, "ioctl", 0, high | request) for request in seccomp.TERMINAL_REQUESTS)
    assert not refused(code, machine, "ioctl", 0, high | 0x5401)


@pytest.mark.parametrize("machine", MACHINES)
def test_setuid_bit_is_refused_and_other_modes_are_not(machine: str) -> None:
    code = seccomp.program(cpu(machine), EVERY, True)
    for name, position in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)):
        if name in cpu(machine).numbers:
            assert refused(code, machine, name, *([0] * position), 0o4755)
            assert not refused(code, machine, name, *([0] * position), 0o2755)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("families", [(), EVERY, EVERY[1:]])
def test_only_named_families_are_opened(machine: str, families: tuple[int, ...]) -> None:
    code = seccomp.program(cpu(machine), families, False)
    assert {f for f in range(64) if not refused(code, machine, "socket", f, 1)} == set(families)
    assert refused(code, machine, "socketpair", 1, 2 | 0o2000000)
    assert not refused(code, machine, "socketpair", 1, 1)


def test_unknown_processor_has_no_filter() -> None:
    assert seccomp.arch("riscv64") is None
    assert seccomp.arch("arm64") == seccomp.arch("aarch64")


HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_agree_with_the_kernels_headers(machine: str) -> None:
    header = next((Path(p) for p in HEADERS[machine] if Path(p).exists()), None)
    if header is None:
        pytest.skip("the kernel's headers are not installed (linux-libc-dev)")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text()))
    for name, number in cpu(machine).numbers.items():
        if name in found:  # older headers lack the newest calls
            assert int(found[name]) == number, name
    assert len(found.keys() & cpu(machine).numbers.keys()) > 40
