"""Profiles as folders: made privately, renamed and removed only while nobody uses them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpi.base.config import parse_config
from alpi.base.errors import UsageError
from alpi.base.locks import FileLock
from alpi.state import profiles
from alpi.state.archive.files import restore_backup
from alpi.state.presence import Presence, unused

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def made(root: Path, name: str = "work") -> Path:
    home = root / "profiles" / name
    profiles.create(home, name)
    return home


def test_a_new_profile_is_private_and_its_settings_are_valid(tmp_path: Path) -> None:
    home = made(tmp_path)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "config.yaml").stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="already"):
        profiles.create(home, "work")


def test_every_commented_setting_is_one_when_its_sign_is_taken_away() -> None:
    assert parse_config(profiles.STARTER, "config.yaml").warnings == ()
    lines, seen = [], set()
    for line in profiles.STARTER.splitlines():
        text = line.removeprefix("# ")
        key = text.split(":")[0]
        if line.startswith("#") and ":" in text and (text.startswith("  ") or key.isidentifier()) and key not in seen:
            seen.add(key)
            lines.append(text)
    loaded = parse_config("\n".join(lines), "config.yaml")
    assert loaded.warnings == ()
    assert loaded.config.budget.tokens_per_day == 2_000_000 and loaded.config.tui.auto_resume
    assert loaded.config.model and loaded.config.workspace and loaded.config.sandbox.mode == "workspace"


def test_presence_is_shared_and_ends_with_its_holder(tmp_path: Path) -> None:
    home = made(tmp_path)
    one, two = Presence(home / "run"), Presence(home / "run")
    for holder in (one, two):
        with pytest.raises(UsageError, match="in use"), unused(home, "work"):
            raise AssertionError("it is in use")
        holder.release()
    with unused(home, "work"):
        pass


def test_a_killed_process_is_no_longer_present(tmp_path: Path) -> None:
    home = made(tmp_path)
    script = (
        "import sys, time; from pathlib import Path; from alpi.state.presence import Presence\n"
        "p = Presence(Path(sys.argv[1])); print('here', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(home / "run")], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "here\n"
    with pytest.raises(UsageError, match="in use"):
        profiles.rename(home, tmp_path / "profiles/office", "work", "office")
    child.kill()
    child.wait()
    profiles.rename(home, tmp_path / "profiles/office", "work", "office")
    assert (tmp_path / "profiles/office/config.yaml").exists() and not home.exists()


def test_a_read_only_disk_does_not_keep_anybody_from_using_a_profile(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Presence(tmp_path / "file" / "run").release()


@pytest.mark.parametrize("lock", ["sessions/1.lock", "run/ledger.lock"])
def test_a_running_turn_keeps_a_profile_where_it_is(tmp_path: Path, lock: str) -> None:
    home = made(tmp_path)
    with FileLock(home / lock), pytest.raises(UsageError, match="in use"):
        profiles.rename(home, tmp_path / "profiles/office", "work", "office")
    with FileLock(home / lock), pytest.raises(UsageError, match="in use"):
        profiles.remove(home, "work", tmp_path, NOW, "1")
    assert (home / "config.yaml").exists()


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    home, other = made(tmp_path), made(tmp_path, "office")
    with pytest.raises(UsageError, match="already"):
        profiles.rename(home, other, "work", "office")


def test_a_removed_profile_can_be_brought_back_whole(tmp_path: Path) -> None:
    home = made(tmp_path)
    (home / "undo").mkdir()
    for name in (".env", "undo/old", "memory.md"):
        (home / name).write_text(name)
    archive, _ = profiles.remove(home, "work", tmp_path, NOW, "1")
    assert archive == tmp_path / "removed/work-20261125-100000.tar"
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600 and stat.S_IMODE(archive.parent.stat().st_mode) == 0o700
    assert os.listdir(tmp_path / "profiles") == []
    restore_backup(archive, tmp_path, lambda: pytest.fail("no passphrase is needed"), lambda c: {"work": "work"})
    assert {p.name: p.read_text() for p in home.rglob("*") if p.is_file() and p.name != "config.yaml"} == {
        ".env": ".env",
        "old": "undo/old",
        "memory.md": "memory.md",
    }


def test_what_a_profile_holds(tmp_path: Path) -> None:
    home = made(tmp_path)
    for name in ("sessions/1.jsonl", "sessions/2.jsonl", "memory/USER.md", "memory/MEMORY.md", "profiles/x/y"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("" if name.endswith("MEMORY.md") else "12345")
    found = profiles.holdings(home, 2)
    assert (found.sessions, found.memory, found.keys, found.files) == (2, 1, 2, 5)
    assert found.bytes == 15 + len(profiles.STARTER.encode())
