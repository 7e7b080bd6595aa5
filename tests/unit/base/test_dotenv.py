"""The file of secrets: what a line may look like, who may read it, and two processes that add to it at once."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from alpi.base.dotenv import Secrets, lax_permissions, load_env, set_secret
from alpi.base.errors import ConfigError, StorageError, UsageError
from alpi.setup.write import PendingSecrets
from tests.support.disks import no_larger_than


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=value", "value"),
        ("  export K = value  ", "value"),
        ("K=", ""),
        ("K= # nothing yet", ""),
        ("K=a b c", "a b c"),
        ("K=a # comment", "a"),
        ("K=a#b", "a#b"),
        ("K='a # b'", "a # b"),
        ('K="a # b" # c', "a # b"),
        ('K="say \\"hi\\" \\\\ there"', 'say "hi" \\ there'),
        ("K='$HOME `id` ${X}'", "$HOME `id` ${X}"),
        ("K=$HOME", "$HOME"),
        ("K=a=b==", "a=b=="),
        ("K=a\"b'c", "a\"b'c"),
        ("K=a\u2028b", "a\u2028b"),
        ("K=a\x0cb", "a\x0cb"),
        ("K=value\r", "value"),
        ("\ufeffK=value", "value"),
    ],
)
def test_a_line(tmp_path: Path, line: str, value: str) -> None:
    path = tmp_path / ".env"
    path.write_bytes(f"{line}\nOTHER=1\n".encode())
    assert load_env(path) == {"K": value, "OTHER": "1"}


def test_comments_and_blank_lines_mean_nothing_and_a_missing_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert load_env(path) == {}
    path.write_text("\n# one\n   # two\n\t\nK=1\nK=2")
    assert load_env(path) == {"K": "2"}


@pytest.mark.parametrize(
    "line", ["no equals sign", "1K=x", "K-K=x", "=x", 'K="open', "K='open", 'K="a" b', "K: x", "export"]
)
def test_a_wrong_line_is_named_by_number_and_its_content_is_not_shown(tmp_path: Path, line: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"A=1\n# c\n{line} s3cr3t\n")
    with pytest.raises(ConfigError) as caught:
        load_env(path)
    assert caught.value.message == f"{path}, line 3: not NAME=value"
    assert "s3cr3t" not in str(caught.value)


def test_adding_and_replacing_leaves_the_other_lines_alone(tmp_path: Path) -> None:
    path = tmp_path / "p" / ".env"
    set_secret(path, "A", "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_text("# mine\nexport A=one # old\nB='two'\n\nA=again\n")
    set_secret(path, "A", "three")
    assert path.read_text() == "# mine\nB='two'\n\nA=three\n"


@pytest.mark.parametrize(
    "value", ["plain", "with space", "a#b", "quote\"'\\", "$HOME", "ünï€", "a\u2028b", "x=y", "'", '"', "\\"]
)
def test_whatever_is_stored_comes_back(tmp_path: Path, value: str) -> None:
    path = tmp_path / ".env"
    set_secret(path, "K", value)
    set_secret(path, "L", "other")
    assert load_env(path) == {"K": value, "L": "other"}


@pytest.mark.parametrize("value", ["", "two\nlines", "a\rb", "a\0b", "\x1b[31m", "a\x85b"])
def test_a_value_that_such_a_file_cannot_hold_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageError):
        set_secret(tmp_path / ".env", "K", value)
    assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize("name", ["", "a b", "1A", "A-B", "sk-abc", "A=B", "A\nB"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        set_secret(tmp_path / ".env", name, "x")


def test_a_broken_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("broken line\n")
    with pytest.raises(ConfigError):
        set_secret(path, "K", "x")
    assert path.read_text() == "broken line\n"


def test_a_full_disk_leaves_the_old_keys(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    set_secret(path, "K", "old")
    with no_larger_than(500), pytest.raises(StorageError):
        set_secret(path, "L", "x" * 2000)
    assert load_env(path) == {"K": "old"}


def add_keys(path: Path, who: int) -> None:
    for number in range(10):
        set_secret(path, f"K{who}_{number}", f"value-{who}-{number}")


def test_processes_that_add_keys_at_once_lose_none(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=add_keys, args=(path, who)) for who in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert load_env(path) == {f"K{who}_{n}": f"value-{who}-{n}" for who in range(4) for n in range(10)}


@pytest.mark.parametrize(("mode", "lax"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o666, True)])
def test_a_file_that_others_may_read_is_said(tmp_path: Path, mode: int, lax: bool) -> None:
    path = tmp_path / ".env"
    assert lax_permissions(path) == ""
    path.touch()
    path.chmod(mode)
    warning = lax_permissions(path)
    assert bool(warning) == lax
    if lax:
        assert f"chmod 600 {path}" in warning
        assert f"{mode:04o}" in warning


def test_the_file_goes_before_the_environment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=file\nEMPTY=\nUNUSED=in-file\n")
    secrets = Secrets(path, {"A": "shell", "B": "shell-b", "EMPTY": "shell-e", "PATH": "/bin", "C": "shell-c"})
    assert secrets.get("A") == "file"
    assert secrets.get("B") == "shell-b"
    assert secrets.get("EMPTY") == "shell-e"
    assert secrets.get("NOWHERE") == ""


def test_known_are_all_of_the_file_and_only_what_was_asked_for_of_the_environment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=file\n")
    secrets = Secrets(path, {"B": "shell-b", "C": "shell-c", "D": "shell-d"})
    assert secrets.known() == {"A": "file"}
    secrets.get("B")
    assert secrets.known(("C",)) == {"A": "file", "B": "shell-b", "C": "shell-c"}


def test_what_is_learnt_stays_known_also_when_its_value_changes(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path / ".env", {})
    assert secrets.learn({"x token": "first"}) and not secrets.learn({"x token": "first"})
    over = PendingSecrets(secrets, {"KEY": "typed"})
    assert over.learn({"x token": "second"})
    assert set(secrets.known().values()) == {"first", "second"}
    assert set(over.known().values()) == {"first", "second", "typed"}
    assert all(name.startswith("x token") for name in secrets.known())
