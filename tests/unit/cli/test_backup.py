"""alpi backup and alpi restore as commands: passphrases from files and pipes, refusals, several profiles, another machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.program import Home


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words"
    path.write_text("correct horse battery\nsecond line\n")
    return path


@pytest.fixture
def saved(home: Home, tmp_path: Path, words: Path) -> Path:
    """A backup of two profiles."""
    home.call("config", "set", "language", "English")
    home.call("profile", "create", "work")
    done = home.call("backup", "--all-profiles", "--passphrase-file", str(words), str(tmp_path / "b"))
    assert done.code == 0, done.err
    assert "default, work" in done.out and "encrypted" in done.out
    return tmp_path / "b"


def test_verify_tells_what_is_in_it(home: Home, saved: Path, words: Path, tmp_path: Path) -> None:
    done = home.call("backup", "--verify", "--passphrase-file", str(words), str(saved))
    assert done.code == 0 and "is whole" in done.out and "default, work" in done.out
    (tmp_path / "wrong").write_text("no\n")
    wrong = home.call("backup", "--verify", "--passphrase-file", str(tmp_path / "wrong"), str(saved))
    assert wrong.code == 1 and "the passphrase is wrong" in wrong.err
    missing = home.call("backup", "--verify", "--passphrase-file", str(words), str(tmp_path / "no"))
    assert missing.code == 1 and "No such file" in missing.err


def test_another_machine(home: Home, saved: Path, words: Path, tmp_path: Path) -> None:
    there = {"ALPI_HOME": str(tmp_path / "there")}
    done = home.call("restore", str(saved), "--passphrase-file", str(words), environ=there)
    assert done.code == 0 and done.out.splitlines()[-1] == "next: alpi doctor"
    names = [
        json.loads(line)["name"] for line in home.call("profile", "list", "--json", environ=there).out.splitlines()
    ]
    assert names == ["default", "work"]
    assert "language: English" in home.call("config", environ=there).out
    again = home.call("restore", str(saved), "--passphrase-file", str(words), environ=there)
    assert again.code == 2 and "is not empty" in again.err


def test_one_of_several_and_other_names(home: Home, saved: Path, words: Path) -> None:
    def restore(*more: str) -> tuple[int, str]:
        done = home.call("restore", str(saved), "--passphrase-file", str(words), *more)
        return done.code, done.err

    code, text = restore("--as", "x")
    assert code == 2 and "--only" in text
    assert restore("--only", "nobody")[0] == 2
    assert restore("--only", "work", "--as", "Bad Name")[0] == 2
    assert restore("--only", "default", "--as", "old")[0] == 0
    assert "language: English" in home.call("-p", "old", "config").out
    done = home.call("-p", "copy", "restore", str(saved), "--passphrase-file", str(words), "--only", "work")
    assert done.code == 0 and "alpi -p copy doctor" in done.out


def test_refusals(home: Home, saved: Path, words: Path, tmp_path: Path) -> None:
    def backup(*argv: str) -> tuple[int, str]:
        done = home.call("backup", *argv)
        return done.code, done.err

    code, text = backup("--passphrase-file", str(words), str(saved))
    assert code == 2 and "exists already" in text and "--force" in text
    assert backup("--force", "--passphrase-file", str(words), str(saved))[0] == 0
    code, text = backup("--passphrase-file", str(words), str(home.alpi / "b"))
    assert code == 2 and "inside" in text
    (tmp_path / "empty").write_text("\n")
    assert backup("--passphrase-file", str(tmp_path / "empty"), str(tmp_path / "c"))[0] == 2
    assert backup("--passphrase-file", str(tmp_path / "none"), str(tmp_path / "c"))[0] == 2
    code, text = backup(str(tmp_path / "c"))
    assert code == 2 and "--passphrase-file" in text
    assert not (tmp_path / "c").exists()


def test_a_profile_without_anything_is_said(home: Home, words: Path, tmp_path: Path) -> None:
    done = home.call("backup", "--passphrase-file", str(words), str(tmp_path / "b"))
    assert done.code == 2 and "there is nothing" in done.err


def test_a_passphrase_from_standard_input(home: Home, tmp_path: Path) -> None:
    home.call("config", "init")
    done = home.run("backup", "--passphrase-file", "-", str(tmp_path / "b"), stdin=b"from a pipe\n")
    assert done.code == 0, done.err
    assert home.run("backup", "--verify", "--passphrase-file", "-", str(tmp_path / "b"), stdin=b"from a pipe").code == 0
