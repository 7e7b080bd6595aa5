from __future__ import annotations

import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from alpi.base.errors import ConfigError, StorageError, UsageError
from alpi.state.approvals import Approval, ApprovalStore, digest
from tests.support.fakes import FakeClock


def a_store(home: Path, clock: FakeClock | None = None) -> ApprovalStore:
    return ApprovalStore(home / "approvals.json", clock or FakeClock(), str)


def approve(store: ApprovalStore, scope: str = "run curl", text: str = "curl to example.com") -> Approval:
    return store.add(scope, text, tool="terminal", session="s1", surface="tui")


def test_an_approval_survives_and_covers_its_exact_scope_only(tmp_path: Path) -> None:
    kept = approve(a_store(tmp_path))
    store = a_store(tmp_path)
    assert store.has("run curl")
    assert not any(store.has(scope) for scope in ("run curl ", "run cur", "RUN CURL", "", digest("run curl")))
    assert store.list() == (kept,)
    assert (kept.number, kept.text, kept.tool, kept.session, kept.surface) == (
        1, "curl to example.com", "terminal", "s1", "tui",
    )  # fmt: skip
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_the_same_is_not_kept_twice_and_nothing_is_evicted(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    assert approve(store) == approve(store)
    for number in range(200):
        approve(store, f"scope {number}")
    assert len(store.list()) == 201
    assert store.has("run curl")


def test_an_empty_scope_is_never_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        approve(a_store(tmp_path), "")
    assert not a_store(tmp_path).has("")


def test_neither_the_key_nor_the_words_hold_a_secret(tmp_path: Path) -> None:
    store = ApprovalStore(tmp_path / "approvals.json", FakeClock(), lambda text: text.replace("hunter2", "[secret]"))
    approve(store, "curl -H hunter2 \udcff", "curl -H hunter2 \udcff")
    assert "hunter2" not in store.path.read_text()
    assert store.has("curl -H hunter2 \udcff")


def test_it_runs_out(tmp_path: Path) -> None:
    clock = FakeClock()
    store = a_store(tmp_path, clock)
    store.add("x", "x", tool="t", session="s", surface="u", expires=clock.now() + timedelta(seconds=10))
    assert store.has("x")
    clock.go_on(10)
    assert not store.has("x")
    assert store.expired(store.list()[0])
    assert approve(store, "x").number == 2
    assert len(store.list()) == 1


def test_what_another_process_does_counts_at_once(tmp_path: Path) -> None:
    mine, theirs = a_store(tmp_path), a_store(tmp_path)
    assert not mine.has("run curl")
    approve(theirs)
    assert mine.has("run curl")
    theirs.revoke(["1"])
    assert not mine.has("run curl")
    approve(theirs)
    assert mine.has("run curl")
    mine.path.unlink()
    assert not mine.has("run curl")


def test_a_change_of_the_same_size_in_the_same_moment_is_seen(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    approve(store, "a")
    assert store.has("a")
    before = store.path.stat()
    data = store.path.read_text().replace(digest("a"), digest("b"))
    store.path.write_text(data)
    os.utime(store.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (store.has("a"), store.has("b")) == (False, True)


def test_revoke_by_number_by_key_and_all(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for scope in "abcd":
        approve(store, scope)
    assert [gone.number for gone in store.revoke(["2", digest("d")[:8].upper()])] == [2, 4]
    assert [store.has(scope) for scope in "abcd"] == [True, False, True, False]
    approve(store, "e")
    assert store.list()[-1].number == 5  # numbers are never used again
    for wrong in (["9"], ["1", "nosuch"], [digest("a")[:3]], ["x" * 64], [""]):
        with pytest.raises(UsageError):
            store.revoke(wrong)
    assert len(store.list()) == 3
    assert len(store.revoke_all()) == 3
    assert store.list() == ()
    assert approve(store).number == 6


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"version":2,"next":1,"approvals":[]}',
        '{"version":1,"next":1,"approvals":[],"more":1}',
        '{"version":1,"next":1,"approvals":[{"number":1}]}',
        '{"version":1,"approvals":[]}',
        "[" * 100_000,
    ],
)
def test_a_broken_file_approves_nothing_and_is_not_written_over(tmp_path: Path, damage: str) -> None:
    store = a_store(tmp_path)
    approve(store)
    store.path.write_text(damage)
    assert not store.has("run curl")
    assert store.list() == ()
    assert "nothing is approved for always" in store.problem
    for change in (lambda: approve(store, "new"), lambda: store.revoke(["1"])):
        with pytest.raises(ConfigError):
            change()
    assert store.path.read_text() == damage
    assert store.revoke_all() == ()
    assert store.problem == ""
    assert (tmp_path / "approvals.json.broken").read_text() == damage


def test_one_wrong_entry_makes_the_whole_file_broken(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    approve(store, "a")
    approve(store, "b")
    whole = json.loads(store.path.read_text())
    changes = (
        {"number": 1},
        {"number": 7},
        {"number": 0},
        {"expires": "2026-01-01T00:00:00"},
        {"extra": 1},
        {"key": 3},
    )
    for change in changes:
        store.path.write_text(
            json.dumps(whole | {"approvals": [whole["approvals"][0], whole["approvals"][1] | change]})
        )
        assert not store.has("a"), change


def test_a_file_that_others_may_write_or_that_is_a_link_approves_nothing(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    approve(store)
    store.path.chmod(0o620)
    assert "can be written by others" in store.problem
    assert not store.has("run curl")
    store.path.chmod(0o600)
    assert store.has("run curl")
    store.path.rename(tmp_path / "real.json")
    store.path.symlink_to(tmp_path / "real.json")
    assert "is a link" in store.problem
    store.path.unlink()
    os.mkfifo(store.path)
    assert "not a regular file" in store.problem
    store.path.unlink()
    store.path.mkdir()
    assert store.problem
    assert not store.has("run curl")


def test_what_cannot_be_written_is_not_approved(tmp_path: Path) -> None:
    store = a_store(tmp_path / "home")
    (tmp_path / "home").write_text("not a folder")
    with pytest.raises(StorageError):
        approve(store)
    assert not store.has("run curl")
