"""The path guard: which files may be read and written, by what a path really is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alpi.safety.paths import Access, PathGuard, looks_secret
from alpi.safety.places import AUTOSTART, CREDENTIALS, NOT_SECRET, SECRET_NAMES, SYSTEM, SYSTEM_SECRETS
from alpi.safety.tiers import Tier

SAFE, CAUTION, DANGEROUS = Tier.SAFE, Tier.CAUTION, Tier.DANGEROUS


class Place:
    """A home with a profile ``work`` of alpi's, and a workspace in it."""

    def __init__(self, folder: Path, fold_case: bool = False) -> None:
        self.home = folder / "home"
        self.alpi = self.home / ".alpi"
        self.profile = self.alpi / "profiles" / "work"
        self.workspace = self.home / "projects" / "site"
        for made in (self.profile / "memory", self.alpi / "profiles" / "other", self.workspace):
            made.mkdir(parents=True)
        self.guard = PathGuard(self.workspace, self.home, self.profile, self.alpi, fold_case)

    def tier(self, access: Access, path: str | Path) -> Tier:
        """The verdict on a path, which may be relative to the workspace or begin with ``~``."""
        text = str(path)
        full = self.home / text[2:] if text.startswith("~/") else self.home if text == "~" else self.workspace / text
        return self.guard.judge(full, access).tier


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("name", CREDENTIALS)
def test_where_programs_keep_keys_nothing_is_read_or_written(place: Place, name: str) -> None:
    for path in (f"~/{name}", f"~/{name}/below/it", f"../../{name}"):
        assert place.tier("read", path) is DANGEROUS
        assert place.tier("write", path) is DANGEROUS
    assert "credentials" in place.guard.judge(place.home / name, "read").reason


@pytest.mark.parametrize("name", AUTOSTART)
def test_what_runs_by_itself_is_not_written(place: Place, name: str) -> None:
    assert place.tier("write", f"~/{name}") is DANGEROUS
    assert place.tier("write", f"~/{name}/below") is DANGEROUS


def test_what_runs_by_itself_may_be_read(place: Place) -> None:
    for name in (".bashrc", ".profile", ".config/autostart/x.desktop", ".gitconfig"):
        assert place.tier("read", f"~/{name}") is SAFE


@pytest.mark.parametrize("folder", SYSTEM)
def test_the_systems_folders_are_not_written(place: Place, folder: str) -> None:
    assert place.tier("write", f"{folder}/x") is DANGEROUS


@pytest.mark.parametrize("name", SYSTEM_SECRETS)
def test_the_systems_secrets_are_not_read(place: Place, name: str) -> None:
    assert place.tier("read", f"{name}/x") is DANGEROUS


def test_the_systems_other_files_may_be_read(place: Place) -> None:
    for path in (
        "/etc/hosts",
        "/etc/os-release",
        "/usr/share/dict/words",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/self/status",
    ):
        assert place.tier("read", path) is SAFE, path


@pytest.mark.parametrize(
    "path",
    ["/proc/self/environ", "/proc/1/environ", "/proc/self/mem", "/proc/self/maps", "/proc/self/fd/3", "/proc/1/cmdline",
     "/proc/1/task/1/environ", "/proc/thread-self/environ", "/proc/kcore", "/dev/mem", "/dev/sda", "/dev/random", "/dev/tty1"],
)  # fmt: skip
def test_memory_environments_and_devices_are_not_read(place: Place, path: str) -> None:
    assert place.tier("read", path) is DANGEROUS


def test_links_of_proc_lead_nowhere_new(place: Place) -> None:
    key = place.home / ".ssh" / "id_rsa"
    key.parent.mkdir()
    key.write_text("PRIVATE")
    with key.open() as file:
        assert place.tier("read", f"/proc/self/fd/{file.fileno()}") is DANGEROUS
        assert place.tier("read", f"/dev/fd/{file.fileno()}") is DANGEROUS
    assert place.tier("read", f"/proc/self/root{key}") is DANGEROUS
    assert place.tier("write", f"/proc/self/root{place.home}/.bashrc") is DANGEROUS


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdout", "/dev/tty"])
def test_harmless_devices(place: Place, path: str) -> None:
    assert place.guard.judge_real(Path(path), "write").tier is not DANGEROUS
    assert place.guard.judge_real(Path(path), "read").tier is SAFE


# -- alpi's own home ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "",
        "config.yaml",
        ".env",
        "sessions",
        "sessions/x.jsonl",
        "logs/agent.log",
        "alp/identity.key",
        "schedule/jobs.yaml",
        "run/x.lock",
        "anything/new",
    ],
)
def test_alpis_own_files_are_not_for_tools(place: Place, name: str) -> None:
    for home in (place.profile, place.alpi, place.alpi / "profiles" / "other"):
        assert place.guard.judge(home / name, "read").tier is DANGEROUS
        assert place.guard.judge(home / name, "write").tier is DANGEROUS


def test_memory_skills_and_whole_outputs_of_this_profile_may_be_read_and_not_written(place: Place) -> None:
    for name in ("memory/MEMORY.md", "skills/finance/x/SKILL.md", "sessions/20261123-abc.files/terminal-1.txt"):
        assert place.guard.judge(place.profile / name, "read").tier is SAFE, name
        assert place.guard.judge(place.profile / name, "write").tier is DANGEROUS, name
        for other in (place.alpi, place.alpi / "profiles" / "other"):
            assert place.guard.judge(other / name, "read").tier is DANGEROUS, "another profile's"


def test_a_home_of_alpi_elsewhere_is_protected_too(tmp_path: Path) -> None:
    place = Place(tmp_path)
    guard = PathGuard(place.workspace, place.home, tmp_path / "elsewhere", tmp_path / "elsewhere", False, [place.alpi])
    assert guard.judge(tmp_path / "elsewhere" / ".env", "read").tier is DANGEROUS
    assert guard.judge(place.alpi / ".env", "read").tier is DANGEROUS


def test_a_workspace_inside_alpis_home_opens_nothing(place: Place) -> None:
    guard = PathGuard(place.profile, place.home, place.profile, place.alpi)
    assert guard.judge(place.profile / "config.yaml", "write").tier is DANGEROUS


# -- the workspace -----------------------------------------------------------------------------------------------------


def test_inside_the_workspace(place: Place) -> None:
    for path in ("a.txt", "new/folder/a.txt", ".", "./x/../a.txt", "~/projects/site/a"):
        assert place.tier("read", path) is SAFE
        assert place.tier("write", path) is SAFE


@pytest.mark.parametrize(
    "path",
    [
        "../other/a.txt",
        "~/notes.txt",
        "/tmp/x",
        "/srv/x",
        "/",
        "~",
        "..",
        "../site2/x",
        "../sit",
        "/home/somebody/x",
        "~/projects",
    ],
)
def test_outside_it_reading_is_free_and_writing_needs_a_yes(place: Place, path: str) -> None:
    assert place.tier("read", path) is SAFE
    verdict = place.guard.judge(place.home / path[2:] if path.startswith("~/") else place.workspace / path, "write")
    if path != "~":
        assert verdict.tier is CAUTION
        assert "outside the workspace" in verdict.reason


def test_what_a_yes_covers_is_one_folder(place: Place) -> None:
    verdict = place.guard.judge(place.home / "notes" / "a.txt", "write")
    assert verdict.scope == f"write {place.home}/notes/"
    assert verdict.scope_text == "writing files in ~/notes"
    assert place.guard.judge(place.home / "notes" / "b.txt", "write").scope == verdict.scope
    assert place.guard.judge(place.home / "notes" / "deeper" / "b.txt", "write").scope != verdict.scope


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/pre-commit",
        ".git/config",
        ".git",
        "sub/.git/config",
        "bare.git/hooks/post-update",
        ".GIT/config",
        "a/.Git/hooks/x",
        "x.pth",
        "lib/evil.pth",
    ],
)
def test_what_git_and_python_would_run_is_not_written_even_here(place: Place, path: str) -> None:
    assert place.tier("write", path) is DANGEROUS
    assert place.tier("read", path) is SAFE


@pytest.mark.parametrize(
    "path",
    [".envrc", ".vscode/tasks.json", ".idea/workspace.xml", ".husky/pre-commit", ".github/workflows/ci.yml", ".gitlab-ci.yml",
     "sub/.envrc", "sub/deep/.vscode/settings.json", ".pre-commit-config.yaml", ".mcp.json", "sitecustomize.py",
     "pkg/usercustomize.py", ".devcontainer/devcontainer.json"],
)  # fmt: skip
def test_what_other_programs_run_by_themselves_needs_a_yes(place: Place, path: str) -> None:
    assert place.tier("write", path) is CAUTION
    assert place.tier("write", path.replace(".github/workflows", ".github")) is (
        SAFE if "workflows" in path else CAUTION
    )


@pytest.mark.parametrize(
    "name", [*(name.replace("*", "x") for name in SECRET_NAMES), ".ENV", "ID_RSA", "Server.KEY", ".env.production"]
)
def test_files_that_look_like_secrets_need_a_yes_to_be_read(place: Place, name: str) -> None:
    for path in (name, f"sub/{name}", f"/srv/app/{name}"):
        verdict = place.guard.judge(place.workspace / path, "read")
        assert verdict.tier is CAUTION
        assert verdict.scope.startswith("read ")


@pytest.mark.parametrize(
    "name",
    [
        *(name.replace("*", "x") for name in NOT_SECRET),
        "env",
        "environment.py",
        "keys.py",
        "id_rsa.pub",
        "credentials.py",
        "pem",
    ],
)
def test_names_that_only_look_similar(place: Place, name: str) -> None:
    assert not looks_secret(name)
    assert place.tier("read", name) is SAFE


# -- what a path really is ---------------------------------------------------------------------------------------------


def test_links_are_judged_by_where_they_lead(place: Place) -> None:
    (place.home / ".ssh").mkdir()
    (place.home / ".ssh" / "id_rsa").write_text("PRIVATE")
    links = {"file": ".ssh/id_rsa", "folder": ".ssh", "dangling": ".ssh/new", "home": "", "rc": ".bashrc"}
    for name, target in links.items():
        (place.workspace / name).symlink_to(place.home / target)
    (place.workspace / "chain").symlink_to("file")
    for path in ("file", "folder/id_rsa", "folder", "dangling", "home/.ssh/id_rsa", "chain"):
        assert place.tier("read", path) is DANGEROUS, path
    for path in ("file", "folder/new", "dangling", "home/.bashrc", "rc"):
        assert place.tier("write", path) is DANGEROUS, path
    assert place.tier("write", "home/notes.txt") is CAUTION


def test_a_link_that_loops_does_not_hang(place: Place) -> None:
    (place.workspace / "a").symlink_to("b")
    (place.workspace / "b").symlink_to("a")
    assert place.tier("read", "a") in (SAFE, CAUTION)


def test_a_workspace_and_a_home_that_are_links(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "link-home").symlink_to(place.home)
    (tmp_path / "link-ws").symlink_to(place.workspace)
    guard = PathGuard(
        tmp_path / "link-ws", tmp_path / "link-home", tmp_path / "link-home/.alpi", tmp_path / "link-home/.alpi"
    )
    for root in (tmp_path / "link-ws", place.workspace):
        assert guard.judge(root / "a.txt", "write").tier is SAFE
    for home in (tmp_path / "link-home", place.home):
        assert guard.judge(home / ".ssh/id_rsa", "read").tier is DANGEROUS
        assert guard.judge(home / ".alpi/.env", "read").tier is DANGEROUS


def test_a_protected_place_that_is_a_link_itself_is_protected_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".ssh").symlink_to(tmp_path / "vault")
    (tmp_path / "ws").mkdir()
    guard = PathGuard(tmp_path / "ws", tmp_path / "home", tmp_path / "home/.alpi", tmp_path / "home/.alpi")
    assert guard.judge(tmp_path / "vault" / "id_rsa", "read").tier is DANGEROUS
    assert guard.judge(tmp_path / "home" / ".ssh" / "id_rsa", "read").tier is DANGEROUS


@pytest.mark.parametrize("tail", ["/", "//", "/.", "/x/..", "/./"])
def test_slashes_and_dots_at_the_end_change_nothing(place: Place, tail: str) -> None:
    for path in ("~/.ssh", "~/.bashrc", "/etc/shadow"):
        full = place.home / path[2:] if path.startswith("~/") else Path(path)
        assert place.guard.judge(Path(f"{full}{tail}"), "write").tier is DANGEROUS
        assert place.guard.judge(Path(os.path.join(str(full), tail.lstrip("/"))), "write").tier is DANGEROUS


def test_names_on_a_disk_that_ignores_case(tmp_path: Path) -> None:
    folding, exact = Place(tmp_path / "a", fold_case=True), Place(tmp_path / "b")
    for path in ("~/.SSH/id_x", "~/.Ssh/id_x", "~/.AWS/credentials", "~/.ALPI/profiles/work/.ENV", "~/.BashRC"):
        assert folding.tier("write", path) is DANGEROUS, path
    assert exact.tier("read", "~/.SSH/known") is SAFE
    assert folding.tier("write", "~/PROJECTS/Site/a.txt") is SAFE


def test_a_folder_is_not_mistaken_for_one_whose_name_begins_alike(place: Place) -> None:
    assert place.tier("read", "~/.ssh2/x") is SAFE
    assert place.tier("read", "~/.sshfoo") is SAFE
    assert place.tier("write", "~/projects/site-two/a") is CAUTION
    assert place.tier("read", "/etc/shadows") is SAFE


def test_paths_are_shown_from_the_home_folder(place: Place) -> None:
    assert place.guard.shown(place.home) == "~"
    assert place.guard.shown(place.home / "a" / "b") == "~/a/b"
    assert place.guard.shown(Path("/srv")) == "/srv"
    assert "~/.ssh" in place.guard.judge(place.home / ".ssh", "read").reason


def test_special_places_are_told_apart_from_ordinary_ones(place: Place) -> None:
    protection = place.guard.protection
    assert protection(place.home / "notes.txt", "write") is None
    assert protection(place.home / "notes.txt", "read") is None
    for path, access, tier in (
        (place.home / ".ssh", "read", DANGEROUS),
        (place.workspace / ".env", "read", CAUTION),
        (place.workspace / ".envrc", "write", CAUTION),
        (place.workspace / "a", "write", SAFE),
    ):
        found = protection(path, access)  # type: ignore[arg-type]
        assert found is not None
        assert found.tier is tier
