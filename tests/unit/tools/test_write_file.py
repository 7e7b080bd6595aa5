"""write_file: new files and replaced ones, and everything that must not be written over."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from alpi.safety.actions import Answer
from tests.support.disks import no_larger_than
from tests.support.fakes import Person
from tests.support.workbench import Workbench


def test_a_new_file_with_the_folders_on_its_way(bench: Workbench) -> None:
    done = bench.do("write_file", path="a/b/c.txt", content="one\ntwo\n")
    assert (done.ok, done.text, done.summary) == (True, "Created a/b/c.txt (2 lines).", "created, 2 lines")
    assert (bench.workspace / "a/b/c.txt").read_text() == "one\ntwo\n"
    assert done.diff == "--- a/b/c.txt\n+++ a/b/c.txt\n@@ -0,0 +1,2 @@\n+one\n+two"


def test_a_file_that_stands_is_replaced_whole_and_keeps_its_permissions(bench: Workbench) -> None:
    path = bench.put("run.sh", "old\n")
    path.chmod(0o750)
    done = bench.do("write_file", path="run.sh", content="new\n")
    assert done.text == "Replaced run.sh (1 line)."
    assert "-old\n+new" in done.diff
    assert path.read_text() == "new\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert os.listdir(bench.workspace) == ["run.sh"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_any_program_would_give_it(bench: Workbench, umask: int) -> None:
    before = os.umask(umask)
    try:
        bench.text("write_file", path="a", content="x")
    finally:
        assert os.umask(before) == umask, "the process's own umask was changed"
    assert stat.S_IMODE((bench.workspace / "a").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("content", ["", "no newline", "\n\n", "é€😀\u2028\n", "tab\tand\x0bodd\r\n", "x" * 300_000])
def test_content_is_written_as_it_is(bench: Workbench, content: str) -> None:
    bench.text("write_file", path="a", content=content)
    assert (bench.workspace / "a").read_bytes() == content.encode()


@pytest.mark.parametrize("name", ["x" * 255, "名" * 85, "ü" * 127, "a b'c\"d$e;f", "-rf", "\u202egpj.exe"])
def test_any_name_that_a_file_can_have(bench: Workbench, name: str) -> None:
    bench.text("write_file", path=f"./{name}", content="x")
    assert os.listdir(bench.workspace) == [name]
    bench.text("write_file", path=f"./{name}", content="y")
    assert (bench.workspace / name).read_text() == "y"


def test_a_folder_is_not_written(bench: Workbench) -> None:
    (bench.workspace / "d").mkdir()
    for path in ("d", "d/", "new/", "."):
        assert "is a folder" in bench.error("write_file", path=path, content="x")
    assert not (bench.workspace / "new").exists()


def test_a_file_is_no_folder(bench: Workbench) -> None:
    bench.put("a", "x")
    assert "Not a directory" in bench.error("write_file", path="a/b", content="y")


def test_what_is_no_regular_file_is_left_alone(bench: Workbench) -> None:
    os.mkfifo(bench.workspace / "pipe")
    assert "not a regular file" in bench.error("write_file", path="pipe", content="x")


def test_a_file_that_changed_since_it_was_read_is_not_replaced(bench: Workbench) -> None:
    path = bench.put("a", "one\n")
    bench.text("read_file", path="a")
    path.write_text("somebody else's work\n")
    assert "was changed by somebody else since you read it. Read it again" in bench.error(
        "write_file", path="a", content="mine\n"
    )
    assert path.read_text() == "somebody else's work\n"
    bench.text("read_file", path="a")
    bench.text("write_file", path="a", content="mine\n")
    bench.text("write_file", path="a", content="mine again\n")
    assert path.read_text() == "mine again\n"


def test_a_full_disk_leaves_the_old_file(bench: Workbench) -> None:
    path = bench.put("a", "old\n")
    with no_larger_than(1000):
        text = bench.error("write_file", path="a", content="x" * 5000)
    assert text == f"Error: could not write {path}: File too large"
    assert path.read_text() == "old\n"
    assert os.listdir(bench.workspace) == ["a"]


def test_outside_the_workspace_somebody_must_say_yes(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    done = bench.do("write_file", path="../out/a.txt", content="x\n")
    assert done.refused
    assert "outside the workspace" in done.text
    assert "nobody is watching" in done.text
    assert not (tmp_path / "out").exists()
    bench.asker = person = Person(Answer.NO, Answer.ONCE)
    assert bench.do("write_file", path="../out/a.txt", content="x\n").refused
    assert not (tmp_path / "out").exists()
    assert bench.do("write_file", path="../out/a.txt", content="x\n").ok
    assert (tmp_path / "out/a.txt").read_text() == "x\n"
    assert person.questions[1].preview.endswith("+x")


def test_a_link_that_leads_out_of_the_workspace_is_judged_by_where_it_leads(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    target = tmp_path / "target.txt"
    target.write_text("precious\n")
    (bench.workspace / "link").symlink_to(target)
    (bench.workspace / "dangling").symlink_to(tmp_path / "new.txt")
    (bench.workspace / "folder").symlink_to(tmp_path)
    for path in ("link", "dangling", "folder/new.txt"):
        assert bench.do("write_file", path=path, content="x").refused
    assert target.read_text() == "precious\n"
    assert not (tmp_path / "new.txt").exists()


def test_a_link_within_the_workspace_stays_a_link(bench: Workbench) -> None:
    path = bench.put("real.txt", "old")
    (bench.workspace / "link").symlink_to("real.txt")
    bench.text("write_file", path="link", content="new")
    assert (bench.workspace / "link").is_symlink()
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    "path",
    [
        "~/.bashrc",
        "~/.ssh/authorized_keys",
        "/etc/passwd",
        ".git/hooks/post-commit",
        ".git/config",
        "~/.alpi/config.yaml",
    ],
)
def test_what_would_run_or_let_somebody_in_is_refused_whatever_a_person_says(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Workbench(tmp_path, asker=Person(Answer.ONCE, Answer.ONCE))
    monkeypatch.setenv("HOME", str(bench.home))
    done = bench.do("write_file", path=path, content="x")
    assert done.refused
    assert "Nothing lifts this" in done.text


def test_a_file_of_secrets_is_not_replaced_unasked(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.text("write_file", path=".env", content="A=1\n")
    assert bench.do("write_file", path=".env", content="A=2\n").refused
    bench.asker = person = Person(Answer.ONCE)
    bench.text("write_file", path=".env", content="A=2\n")
    assert (bench.workspace / ".env").read_text() == "A=2\n"
    assert "looks like a file of secrets" in person.questions[0].why


def test_a_binary_file_may_be_replaced_and_its_bytes_are_not_shown(bench: Workbench) -> None:
    bench.put("a.bin", b"\x7fELF\0\0")
    done = bench.do("write_file", path="a.bin", content="text\n")
    assert done.ok
    assert "ELF" not in done.diff
