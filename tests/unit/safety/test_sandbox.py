"""Probing, choosing and wrapping with a machine that the tests make up; the seal; and what is checked on arrival."""

from __future__ import annotations

import marshal
import os
from pathlib import Path
from typing import Any

import pytest

from alpi.base.errors import AlpiError
from alpi.safety.sandbox import (
    Backend,
    Capability,
    Launch,
    Mode,
    Policy,
    SandboxPolicyError,
    SandboxUnavailable,
    System,
    arrive,
    available,
    choose,
    seal,
    wrap,
)
from alpi.safety.sandbox.policy import NEEDS

ENV = {"PATH": "/usr/bin:/bin", "HOME": "/none", "LD_PRELOAD": "/evil.so", "SSH_AUTH_SOCK": "/agent"}


def machine(**changes: Any) -> System:
    values: dict[str, Any] = {
        "platform": "linux",
        "machine": "x86_64",
        "python": "/usr/bin/python3",
        "bubblewrap_programs": ("/bin/sh",),
        "landlock_abi": lambda: 7,
        "run": lambda launch: "",
    }
    return System(**(values | changes))


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "work").mkdir()
    (tmp_path / "scratch").mkdir(mode=0o700)
    return Policy(Mode.WORKSPACE, tmp_path / "work", tmp_path / "scratch")


def order(launch: Launch) -> dict[str, Any]:
    return dict(marshal.loads(os.pread(launch.pass_fds[0], 1 << 20, 0)))


class TestAvailable:
    def test_order_of_preference(self) -> None:
        assert [b.name for b in available(machine())] == ["bubblewrap", "landlock"]
        assert all(b.usable for b in available(machine()))

    def test_missing_program_is_said(self) -> None:
        bubblewrap, landlock = available(machine(bubblewrap_programs=("/none/bwrap",)))
        assert not bubblewrap.usable and "not installed" in bubblewrap.reason and not bubblewrap.can
        assert landlock.usable

    def test_failing_run_is_said_with_its_words(self) -> None:
        bubblewrap = available(machine(run=lambda launch: "bwrap: setting up uid map: Permission denied"))[0]
        assert not bubblewrap.usable
        assert "setting up uid map" in bubblewrap.reason and "user namespaces" in bubblewrap.reason

    def test_no_network_control_leaves_workspace_mode(self, policy: Policy) -> None:
        def run(launch: Launch) -> str:
            return (
                "loopback: Operation not permitted" if b"--unshare-net" in order(launch)["data"].get(110, b"") else ""
            )

        bubblewrap = available(machine(run=run))[0]
        assert bubblewrap.usable and bubblewrap.cannot() == (Capability.NETWORK,)
        strict = Policy(Mode.STRICT, policy.workspace, policy.scratch)
        with pytest.raises(SandboxUnavailable, match="cannot enforce network"):
            wrap(["true"], ENV, policy.workspace, strict, bubblewrap)
        wrap(["true"], ENV, policy.workspace, policy, bubblewrap).close()

    @pytest.mark.parametrize(("abi", "words"), [(0, "no Landlock"), (2, "Linux 6.2")])
    def test_old_kernels(self, abi: int, words: str) -> None:
        landlock = available(machine(landlock_abi=lambda: abi))[1]
        assert not landlock.usable and words in landlock.reason

    def test_limits_follow_the_kernel(self) -> None:
        old = available(machine(landlock_abi=lambda: 4))
        new = available(machine())
        assert "abstract-sockets" in {x.code for x in old[0].limits} - {x.code for x in new[0].limits}
        assert "signals" in {x.code for x in old[1].limits} - {x.code for x in new[1].limits}

    def test_unknown_processor(self) -> None:
        assert all(not b.usable and "riscv64" in b.reason for b in available(machine(machine="riscv64")))

    def test_other_systems(self) -> None:
        assert available(machine(platform="win32")) == []
        (mac,) = available(machine(platform="darwin"))
        assert mac.name == "sandbox-exec" and "untested" in {x.code for x in mac.limits}

    def test_every_limit_says_something_once(self) -> None:
        for backend in (*available(machine(landlock_abi=lambda: 5)), *available(machine(platform="darwin"))):
            codes = [x.code for x in backend.limits]
            assert len(codes) == len(set(codes)) and all(len(x.text) > 20 for x in backend.limits)


class TestChoose:
    def test_first_that_gives_the_mode(self) -> None:
        backends = [
            Backend("a", False, "is not installed"),
            Backend("b", True, can=NEEDS[Mode.WORKSPACE]),
            Backend("c", True, can=frozenset(Capability)),
        ]
        assert choose(backends, Mode.WORKSPACE).name == "b"
        assert choose(backends, Mode.STRICT).name == "c"
        with pytest.raises(SandboxUnavailable, match=r"a: is not installed; b cannot enforce network"):
            choose(backends[:2], Mode.STRICT)
        with pytest.raises(AlpiError):
            choose([], Mode.WORKSPACE)


class TestWrap:
    def test_off_changes_nothing_but_the_temporary_folder(self, policy: Policy) -> None:
        off = Policy(Mode.OFF, policy.workspace, policy.scratch)
        launch = wrap(["echo", "x"], ENV, policy.workspace, off, Backend("none", False))
        assert (
            launch.argv == ["echo", "x"]
            and launch.env == {**ENV, "TMPDIR": str(policy.scratch)}
            and launch.pass_fds == ()
        )

    @pytest.mark.parametrize("which", [0, 1])
    def test_the_commands_environment_does_not_reach_the_helper(self, policy: Policy, which: int) -> None:
        with wrap(["env"], ENV, policy.workspace, policy, available(machine())[which]) as launch:
            assert launch.env.keys() == {"PATH", "LC_ALL"}
            assert launch.command_env["LD_PRELOAD"] == "/evil.so" and "SSH_AUTH_SOCK" not in launch.command_env
            assert launch.command_env["TMPDIR"] == str(policy.scratch)
            assert not any("evil" in word for word in (*launch.argv, *order(launch)["argv"]))

    @pytest.mark.parametrize("which", [0, 1])
    def test_descriptor_is_given_back(self, policy: Policy, which: int) -> None:
        launch = wrap(["true"], ENV, policy.workspace, policy, available(machine())[which])
        assert not os.get_inheritable(launch.pass_fds[0])
        launch.close()
        launch.close()
        with pytest.raises(OSError):
            os.fstat(launch.pass_fds[0])

    def test_unusable_backend(self, policy: Policy) -> None:
        with pytest.raises(SandboxUnavailable, match="it is broken"):
            wrap(["true"], ENV, policy.workspace, policy, Backend("bubblewrap", False, "it is broken"))

    @pytest.mark.parametrize("argv", [[], ["a\0b"]])
    def test_words_that_cannot_be(self, policy: Policy, argv: list[str]) -> None:
        with pytest.raises(SandboxPolicyError):
            wrap(argv, ENV, policy.workspace, policy, available(machine())[0])

    def test_python_that_would_be_hidden(self, policy: Policy, tmp_path: Path) -> None:
        backend = Backend(
            "bubblewrap",
            True,
            can=frozenset(Capability),
            program="/bin/sh",
            python="/tmp/python",
            machine="x86_64",
            landlock_abi=7,
        )
        with pytest.raises(SandboxUnavailable, match="Python that alpi runs on"):
            wrap(["true"], ENV, policy.workspace, policy, backend)

    def test_strict_landlock_opens_no_socket(self, policy: Policy) -> None:
        landlock = available(machine())[1]
        orders = []
        for mode in (Mode.WORKSPACE, Mode.STRICT):
            with wrap(
                ["true"], ENV, policy.workspace, Policy(mode, policy.workspace, policy.scratch), landlock
            ) as launch:
                orders.append(order(launch))
        assert [o["ruleset"][1] for o in orders] == [0, 3]
        assert orders[0]["filter"] != orders[1]["filter"]


class TestSeal:
    def test_change_addition_and_removal_are_found_and_undone(self, tmp_path: Path) -> None:
        hooks, config, absent = tmp_path / "hooks", tmp_path / "config", tmp_path / "commondir"
        hooks.mkdir()
        (hooks / "kept").write_text("kept")
        (hooks / "kept").chmod(0o755)
        config.write_text("mine")
        (tmp_path / "link").symlink_to("config")
        kept = seal([hooks, config, absent, tmp_path / "link"])
        assert kept.broken() == ()
        (hooks / "kept").unlink()
        (hooks / "new").mkdir()
        (hooks / "new/deep").write_text("x")
        config.write_text("theirs")
        absent.write_text("../evil")
        (tmp_path / "link").unlink()
        (tmp_path / "link").write_text("no link")
        assert set(kept.broken()) == {
            hooks / "kept",
            hooks / "new",
            hooks / "new/deep",
            config,
            absent,
            tmp_path / "link",
        }
        assert kept.restore() == () and kept.broken() == ()
        assert (hooks / "kept").stat().st_mode & 0o777 == 0o755

    def test_folder_swapped_for_a_link_is_not_followed(self, tmp_path: Path) -> None:
        git, victim = tmp_path / "work/.git", tmp_path / "victim"
        (git / "hooks").mkdir(parents=True)
        (git / "config").write_text("mine")
        victim.mkdir()
        (victim / "config").write_text("precious")
        kept = seal([git / "config", git / "hooks", git / "commondir"])
        git.rename(tmp_path / "work/old")
        git.symlink_to(victim)
        (victim / "commondir").write_text("precious too")
        assert git / "config" in kept.restore()
        assert (victim / "config").read_text() == "precious" and (victim / "commondir").exists()

    def test_removed_folder_comes_back(self, tmp_path: Path) -> None:
        (tmp_path / "a/hooks").mkdir(parents=True)
        (tmp_path / "a/hooks/x").write_text("x")
        kept = seal([tmp_path / "a/hooks"])
        (tmp_path / "a/hooks/x").unlink()
        (tmp_path / "a/hooks").rmdir()
        (tmp_path / "a").rmdir()
        assert kept.restore() == () and (tmp_path / "a/hooks/x").read_text() == "x"

    def test_large_file_is_compared_and_not_kept(self, tmp_path: Path) -> None:
        big = tmp_path / "big"
        big.write_bytes(b"x" * (2 << 20))
        kept = seal([big])
        big.write_bytes(b"x" * (2 << 20 - 1) + b"y")
        assert kept.broken() == (big,) and kept.restore() == (big,)

    def test_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert seal([tmp_path / "pipe"]).broken() == ()


class TestArrival:
    TABLE = (
        b"20 1 8:1 / / ro - ext4 /dev/sda rw\n"
        b"21 20 8:1 /home/me/work /home/me/work rw - ext4 /dev/sda rw\n"
        b"22 21 8:1 /home/me/work/.git /home/me/work/.git rw - ext4 /dev/sda rw\n"
        b"23 21 8:1 /home/me/work/with\\040blank /home/me/work/with\\040blank ro - ext4 /dev/sda rw\n"
        b"24 21 0:5 /null /home/me/work/.env ro - devtmpfs udev rw\n"
        b"25 21 0:33 / /home/me/work/.git/hooks ro - tmpfs tmpfs rw\n"
    )
    WORK = b"/home/me/work"

    def test_all_in_place(self) -> None:
        found = arrive.mounts(self.TABLE)
        same = [(self.WORK + b"/.git", self.WORK), (self.WORK + b"/with blank", self.WORK)]
        assert arrive.misplaced(found, same, [self.WORK + b"/.env", self.WORK + b"/.git/hooks"]) == b""

    @pytest.mark.parametrize(
        ("old", "new"),
        [(b"/.git rw", b"/evil rw"), (b"8:1 /home/me/work/.git", b"8:1 /home/me/.ssh"), (b"22 21 8:1", b"22 21 8:2")],
    )
    def test_another_source_or_place_is_seen(self, old: bytes, new: bytes) -> None:
        found = arrive.mounts(self.TABLE.replace(old, new))
        assert arrive.misplaced(found, [(self.WORK + b"/.git", self.WORK)], []) == self.WORK + b"/.git"

    def test_uncovered_is_seen(self) -> None:
        found = arrive.mounts(self.TABLE.replace(b"0:5 /null", b"8:1 /home/me/work/.env"))
        assert arrive.misplaced(found, [], [self.WORK + b"/.env"]) == self.WORK + b"/.env"
