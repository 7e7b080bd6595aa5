"""From a policy to places, and from places to each backend's terms. Nothing is confined here."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alpi.safety.sandbox import Mode, Policy, SandboxPolicyError, bubblewrap, landlock, seatbelt
from alpi.safety.sandbox.layout import Access, Layout, Place, lay_out
from alpi.safety.sandbox.sockets import socket_paths, without_sockets


@pytest.fixture
def room(tmp_path: Path) -> Path:
    base = Path(os.path.realpath(tmp_path))
    for name in ("work", "home/.ssh", "home/.alpi/run", "outside"):
        (base / name).mkdir(parents=True)
    (base / "home/.alpi/run/scratch").mkdir(mode=0o700)
    (base / "home/.alpi/secret.key").write_text("secret")
    return base


def policy(room: Path, **changes: Any) -> Policy:
    values: dict[str, Any] = {
        "mode": Mode.WORKSPACE, "workspace": room / "work", "scratch": room / "home/.alpi/run/scratch",
        "hidden": (room / "home/.alpi", room / "home/.ssh", room / "home/.netrc"),
    }  # fmt: skip
    return Policy(**(values | changes))


def laid_out(room: Path, env: Mapping[str, str] | None = None, **changes: Any) -> Layout:
    asked = policy(room, **changes)
    return lay_out(asked, asked.workspace, {"HOME": str(room / "home"), **(env or {})})


def options(layout: Layout, mode: Mode = Mode.WORKSPACE) -> str:
    return " ".join(bubblewrap.options(layout, mode, 11))


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


class TestDeeperPathDecides:
    def test_scratch_inside_hidden_is_writable(self, room: Path) -> None:
        layout = laid_out(room)
        assert layout.access(room / "home/.alpi/run/scratch/x") is Access.WRITE
        assert layout.access(room / "home/.alpi/run/other") is Access.HIDE
        assert layout.access(room / "home/notes") is not Access.WRITE

    def test_hidden_inside_workspace_stays_hidden(self, room: Path) -> None:
        (room / "work/.env").write_text("KEY=1")
        layout = laid_out(room, hidden=(room / "work/.env",))
        assert layout.access(room / "work/.env") is Access.HIDE
        assert f"--ro-bind /dev/null {room}/work/.env" in options(layout)

    def test_link_is_hidden_by_what_it_leads_to(self, room: Path) -> None:
        (room / "work/keys").mkdir()
        (room / "home/keys").symlink_to(room / "work/keys")
        assert laid_out(room, hidden=(room / "home/keys",)).access(room / "work/keys/a") is Access.HIDE

    def test_missing_hidden_path_in_workspace_is_watched(self, room: Path) -> None:
        layout = laid_out(room, hidden=(room / "work/.netrc", room / "outside/.netrc"))
        assert layout.unguarded == (room / "work/.netrc",)


class TestRefusals:
    @pytest.mark.parametrize("path", ["/", "/etc", "/home", "/proc/1", "/dev", "/sys/fs", "/nonexistent"])
    def test_too_wide_or_missing_writable(self, room: Path, path: str) -> None:
        with pytest.raises(SandboxPolicyError):
            laid_out(room, writable=(Path(path),))

    def test_hidden_and_writable(self, room: Path) -> None:
        with pytest.raises(SandboxPolicyError, match="hidden"):
            laid_out(room, hidden=(room / "work",))

    def test_scratch_open_to_others(self, room: Path) -> None:
        (room / "home/.alpi/run/scratch").chmod(0o755)
        with pytest.raises(SandboxPolicyError, match="0700"):
            laid_out(room)

    def test_working_folder_in_hidden(self, room: Path) -> None:
        with pytest.raises(SandboxPolicyError, match="working folder"):
            lay_out(policy(room), room / "home/.ssh", {"HOME": str(room / "home")})


class TestGit:
    def test_hooks_and_settings_are_guarded(self, room: Path) -> None:
        git(room / "work", "init", "-q")
        layout = laid_out(room)
        assert layout.access(room / "work/.git/hooks/pre-commit") is Access.PROTECT
        assert layout.access(room / "work/.git/config") is Access.PROTECT
        assert layout.access(room / "work/.git/index") is Access.WRITE
        assert room / "work/.git/commondir" in layout.unguarded
        assert f"--bind {room}/work/.git {room}/work/.git" in options(layout)

    def test_missing_hooks_folder_is_covered(self, room: Path) -> None:
        git(room / "work", "init", "-q", "--template=")
        layout = laid_out(room)
        assert not (room / "work/.git/hooks").exists()
        assert f"--tmpfs {room}/work/.git/hooks" in options(layout)
        assert f"--remount-ro {room}/work/.git/hooks" in options(layout)

    def test_hooks_elsewhere_in_the_workspace(self, room: Path) -> None:
        git(room / "work", "init", "-q")
        git(room / "work", "config", "core.hooksPath", ".husky/_")
        assert room / "work/.husky/_" in laid_out(room).unguarded
        (room / "work/.husky/_").mkdir(parents=True)
        assert laid_out(room).access(room / "work/.husky/_/pre-commit") is Access.PROTECT

    def test_included_settings(self, room: Path) -> None:
        git(room / "work", "init", "-q")
        (room / "work/team.gitconfig").write_text("")
        git(room / "work", "config", "include.path", "../team.gitconfig")
        assert laid_out(room).access(room / "work/team.gitconfig") is Access.PROTECT

    def test_linked_hooks_close_the_whole_folder(self, room: Path) -> None:
        git(room / "work", "init", "-q", "--template=")
        (room / "work/shared").mkdir()
        (room / "work/.git/hooks").symlink_to("../shared")
        layout = laid_out(room)
        assert layout.access(room / "work/.git/index") is Access.PROTECT
        assert layout.access(room / "work/shared/pre-commit") is Access.PROTECT

    def test_worktree_pointer_is_guarded(self, room: Path) -> None:
        (room / "work/.git").write_text(f"gitdir: {room}/outside/.git/worktrees/work\n")
        assert laid_out(room).access(room / "work/.git") is Access.PROTECT

    def test_submodules_and_repositories_below(self, room: Path) -> None:
        for folder in ("work", "work/child"):
            (room / folder).mkdir(exist_ok=True)
            git(room / folder, "init", "-q")
        (room / "work/.git/modules/a/b/hooks").mkdir(parents=True)
        (room / "work/.git/modules/a/b/HEAD").write_text("ref: refs/heads/main\n")
        layout = laid_out(room)
        assert layout.access(room / "work/child/.git/hooks/x") is Access.PROTECT
        assert layout.access(room / "work/.git/modules/a/b/hooks/x") is Access.PROTECT

    def test_git_folder_given_as_writable(self, room: Path) -> None:
        git(room / "outside", "init", "-q")
        layout = laid_out(room, writable=(room / "outside/.git",))
        assert layout.access(room / "outside/.git/hooks/x") is Access.PROTECT
        assert layout.access(room / "outside/.git/index") is Access.WRITE


class TestSockets:
    def test_listening_and_named_sockets(self, room: Path) -> None:
        with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as own:
            s.bind(str(room / "outside/s"))
            s.listen()
            own.bind(str(room / "work/s"))
            own.listen()
            found = socket_paths({"HOME": "/none", "DOCKER_HOST": f"unix://{room}/outside/s"}, (room / "work",))
            assert room / "outside/s" in found
            assert room / "work/s" not in found
            layout = laid_out(room)
            assert layout.access(room / "outside/s") is Access.HIDE

    def test_another_programs_socket_is_covered_only_if_it_is_still_there(self, room: Path) -> None:
        place = Place(Path("/srv/s"), Access.HIDE, folder=False, fleeting=True)
        layout = Layout(room, room, room, (place,), ())
        assert "/srv/s" not in options(layout)
        assert bubblewrap.fleeting(layout) == [(b"/srv/s", b"--ro-bind\0/dev/null\0/srv/s\0")]

    def test_table_is_read_as_the_kernel_writes_it(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(tmp_path / "with blank"))
        table = tmp_path / "unix"
        table.write_text(
            "Num       RefCount Protocol Flags    Type St Inode Path\n"
            f"0000: 00000002 00000000 00010000 0001 01 11 {tmp_path}/with blank\n"
            "0001: 00000002 00000000 00010000 0001 01 12 @abstract\n"
            "0002: 00000003 00000000 00000000 0001 03 13\n"
        )
        assert tmp_path / "with blank" in socket_paths({"HOME": "/none"}, (), table)

    def test_variables_that_name_sockets_are_taken_out(self) -> None:
        assert without_sockets({"SSH_AUTH_SOCK": "/x", "TMUX": "/y", "PATH": "/bin"}) == {"PATH": "/bin"}

    def test_runtime_folder_is_covered(self, room: Path) -> None:
        assert laid_out(room).access(Path("/run/docker.sock")) is Access.HIDE


class TestBubblewrap:
    def test_what_is_always_there(self, room: Path) -> None:
        text = options(laid_out(room))
        for word in (
            "--unshare-pid",
            "--unshare-ipc",
            "--new-session",
            "--die-with-parent",
            "--cap-drop ALL",
            "--seccomp 11",
            "--ro-bind / /",
        ):
            assert word in text
        assert text.index("--ro-bind / /") < text.index(f"--bind {room}/work") < text.index("--remount-ro /proc")
        assert "--unshare-net" not in text
        assert "--unshare-net" in options(laid_out(room), Mode.STRICT)

    def test_hidden_folder_is_closed_after_what_lies_in_it_is_mounted(self) -> None:
        home, scratch = Path("/home/me/.alpi"), Path("/home/me/.alpi/run/scratch")
        text = options(Layout(scratch, scratch, scratch, (Place(home, Access.HIDE), Place(scratch, Access.WRITE)), ()))
        assert text.index(f"--tmpfs {home}") < text.index(f"--bind {scratch}") < text.index(f"--remount-ro {home}")

    def test_mounts_in_writable_folders_are_checked_on_arrival(self, room: Path) -> None:
        git(room / "work", "init", "-q")
        (room / "work/.env").write_text("x")
        same, covered = bubblewrap.expected_mounts(laid_out(room, hidden=(room / "work/.env",)))
        work = os.fsencode(room / "work")
        assert (work + b"/.git", work) in same
        assert (work + b"/.git/config", work + b"/.git") in same
        assert covered == [work + b"/.env"]


class TestLandlock:
    def rights(self, layout: Layout) -> dict[str, int]:
        return dict(landlock.grants(layout, 7))

    def effective(self, layout: Layout, path: Path) -> int:
        rights = self.rights(layout)
        total = 0
        for name in (path, *path.parents):
            total |= rights.get(str(name), 0)
        return total

    def test_siblings_of_the_hidden_are_granted_and_nothing_above(self, room: Path) -> None:
        (room / "home/project").mkdir()
        layout = laid_out(room, workspace=room / "home/project", scratch=room / "home/.alpi/run/scratch")
        assert self.effective(layout, room / "home/project/x") & landlock.WRITE_FILE
        assert self.effective(layout, room / "home/.alpi/run/scratch/x") & landlock.WRITE_FILE
        assert not self.effective(layout, room / "home/.alpi/secret.key")
        assert not self.effective(layout, room / "home/.ssh/id")
        assert not self.effective(layout, room / "home")
        assert self.effective(layout, Path("/usr/bin/env")) == landlock.READ

    def test_kernel_and_shared_folders_are_not_granted(self, room: Path) -> None:
        rights = self.rights(laid_out(room))
        for path in ("/", "/proc", "/dev", "/run", "/tmp", "/var/tmp", "/proc/1", "/dev/shm", "/dev/pts"):
            assert path not in rights
        assert rights["/dev/null"] == landlock.DEVICE

    def test_second_name_beside_a_hidden_file_is_not_granted(self, room: Path) -> None:
        """Rules hold for the file behind a name: granting one name would open the hidden one."""
        key = room / "home/secret"
        key.write_text("x")
        os.link(key, room / "home/second")
        rights = self.rights(laid_out(room, hidden=(key,), workspace=room / "outside"))
        assert str(room / "home/second") not in rights

    def test_links_are_not_granted(self, room: Path) -> None:
        (room / "home/link").symlink_to(room / "home/.ssh")
        assert str(room / "home/link") not in self.rights(laid_out(room))

    def test_rights_grow_with_the_version(self) -> None:
        assert landlock.handled(3)[1:] == (0, 0)
        assert landlock.handled(4)[1:] == (3, 0)
        assert not landlock.handled(4)[0] & landlock.IOCTL_DEV
        assert landlock.handled(6)[2] == 3


class TestSeatbelt:
    def test_profile_text(self, room: Path) -> None:
        git(room / "work", "init", "-q")
        text = seatbelt.profile(laid_out(room), Mode.WORKSPACE)
        assert text.startswith("(version 1)\n(deny default)\n")
        assert f'(allow file-read* file-write* (subpath "{room}/work"))' in text
        assert f'(deny file-write* (literal "{room}/work/.git/config"))' in text
        hide = f'(deny file-read* file-write* network-outbound (subpath "{room}/home/.alpi"))'
        assert text.index(hide) < text.index(f'(subpath "{room}/home/.alpi/run/scratch")')
        assert text.count("(") == text.count(")")

    def test_strict_has_no_network(self, room: Path) -> None:
        assert "allow network" in seatbelt.profile(laid_out(room), Mode.WORKSPACE)
        assert "allow network" not in seatbelt.profile(laid_out(room), Mode.STRICT)

    def test_quotes_cannot_end_a_string(self, room: Path) -> None:
        odd = room / 'a"b\\c'
        odd.mkdir()
        assert '(subpath "' + str(odd).replace("\\", "\\\\").replace('"', '\\"') + '")' in seatbelt.profile(
            laid_out(room, writable=(odd,)), Mode.WORKSPACE
        )
