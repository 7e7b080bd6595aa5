"""alpi update: tells each way of installing apart and contacts nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi import __version__
from alpi.cli.update import installed
from tests.support.program import Home


def package(folder: Path) -> Path:
    """The folder of the package in an environment below ``folder``."""
    path = folder / "lib/python3.11/site-packages/alpi"
    path.mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    return path


def test_this_copy(home: Home) -> None:
    done = home.call("update")
    assert done.code == 0 and __version__ in done.out
    assert "git pull" in done.out and "make install" in done.out


def test_a_checkout(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "src/alpi").mkdir(parents=True)
    assert installed(tmp_path / "src/alpi", tmp_path / ".venv", "").commands[1:] == ("git pull", "make install")


@pytest.mark.parametrize(
    ("mark", "fresh", "again"),
    [
        ("uv-receipt.toml", "uv tool upgrade alpi", "uv tool install --force {0}"),
        ("pipx_metadata.json", "pipx upgrade alpi", "pipx install --force {0}"),
        ("other", "{1}/bin/python -m pip install --upgrade alpi", "{1}/bin/python -m pip install --upgrade {0}"),
    ],
)
def test_tools(tmp_path: Path, mark: str, fresh: str, again: str) -> None:
    path, source = package(tmp_path / "env"), tmp_path / "source"
    (tmp_path / "env" / mark).touch()
    (source / ".git").mkdir(parents=True)
    env = tmp_path / "env"
    assert installed(path, env, "").commands == (fresh.format("", env),)
    assert installed(path, env, str(source)).commands == (f"git -C {source} pull", again.format(source, env))
