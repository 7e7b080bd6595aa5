"""Where a profile lives: the environment, the option, the names."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.base.errors import NotConfigured, UsageError
from alpi.base.paths import ProfilePaths, cache_dir, profile_names, profile_paths
from tests.support.program import Home


def test_the_default_profile_needs_nothing(home: Home) -> None:
    paths = profile_paths(None, {})
    assert (paths.name, paths.home, paths.root) == ("default", home.alpi, home.alpi)
    assert paths.config == home.alpi / "config.yaml"
    assert paths.env == home.alpi / ".env"
    assert {paths.memory.parent, paths.sessions.parent, paths.logs.parent, paths.run.parent} == {home.alpi}
    assert not home.alpi.exists(), "looking a profile up makes nothing"
    paths.make()
    assert home.alpi.stat().st_mode & 0o777 == 0o700


def test_the_option_goes_before_the_environment(home: Home) -> None:
    for name in ("work", "other"):
        (home.alpi / "profiles" / name).mkdir(parents=True)
    assert profile_paths(None, {"ALPI_PROFILE": "work"}).name == "work"
    assert profile_paths("other", {"ALPI_PROFILE": "work"}).home == home.alpi / "profiles" / "other"
    assert profile_paths("default", {"ALPI_PROFILE": "work"}).home == home.alpi
    assert profile_paths(None, {"ALPI_PROFILE": ""}).name == "default"


def test_another_root(tmp_path: Path, home: Home) -> None:
    assert profile_paths(None, {"ALPI_HOME": str(tmp_path / "x")}).home == tmp_path / "x"
    assert profile_paths(None, {"ALPI_HOME": "~/y"}).home == home.folder / "y"
    assert profile_paths(None, {"ALPI_HOME": ""}).home == home.alpi


@pytest.mark.parametrize("value", ["relative", "./x", "~nobody-of-that-name/x"])
def test_a_root_that_cannot_be_meant(value: str) -> None:
    with pytest.raises(UsageError, match="ALPI_HOME must be an absolute path"):
        profile_paths(None, {"ALPI_HOME": value})


@pytest.mark.parametrize("name", ["a", "work", "a-b_c", "0", "x" * 32])
def test_names_that_are_allowed(name: str, tmp_path: Path) -> None:
    found = profile_paths(name, {"ALPI_HOME": str(tmp_path)}, must_exist=False)
    assert found.home == tmp_path / "profiles" / name


@pytest.mark.parametrize(
    "name", ["..", ".", "../x", "a/b", "/etc", "A", "Work", "x" * 33, "-x", "_x", "a b", "a\n", "é", "a.b", "~"]
)
def test_names_that_are_not(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be a profile's name"):
        profile_paths(name, {"ALPI_HOME": str(tmp_path)}, must_exist=False)


def test_a_profile_that_does_not_exist_is_said_with_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "profiles" / "work").mkdir(parents=True)
    with pytest.raises(NotConfigured) as caught:
        profile_paths("wrok", {"ALPI_HOME": str(tmp_path)})
    assert "there is no profile 'wrok'" in caught.value.message
    assert "default, work" in caught.value.message
    assert caught.value.hint == "Did you mean work? To make a new one: alpi profile create wrok"


def test_the_profiles_there_are(tmp_path: Path) -> None:
    assert profile_names(tmp_path) == ["default"]
    for name in ("b", "a", "Not A Profile", ".git"):
        (tmp_path / "profiles" / name).mkdir(parents=True)
    (tmp_path / "profiles" / "file").touch()
    assert profile_names(tmp_path) == ["default", "a", "b"]


def test_the_cache_follows_the_desktop_standard(home: Home) -> None:
    assert cache_dir({}) == home.folder / ".cache" / "alpi"
    assert cache_dir({"XDG_CACHE_HOME": "/var/cache/me"}) == Path("/var/cache/me/alpi")
    assert cache_dir({"XDG_CACHE_HOME": "relative"}) == home.folder / ".cache" / "alpi"


def test_paths_are_values() -> None:
    one = ProfilePaths("default", Path("/a"), Path("/a"), Path("/c"))
    assert one == ProfilePaths("default", Path("/a"), Path("/a"), Path("/c"))
