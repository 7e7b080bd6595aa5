"""What all tests share: how hypothesis searches, and a home of one's own for whatever runs the program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .support.program import Home

# No time limits for single examples: the machine is shared, and a slow moment is no bug. The fast suite tries the same examples in
# every run, so that it never fails for a change that did not cause it; `make test-e2e` tries more of them ("broad"), always the same
# ones, too. `pytest --hypothesis-profile thorough` looks for new ones.
settings.register_profile(
    "fast",
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("broad", parent=settings.get_profile("fast"), max_examples=300)
settings.register_profile("thorough", parent=settings.get_profile("fast"), max_examples=2000, derandomize=False)
settings.load_profile("fast")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A fresh home folder with an empty profile and a workspace; HOME and the working folder are set to them."""
    made = Home(tmp_path)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    for name in ("ALPI_HOME", "ALPI_PROFILE", "XDG_CACHE_HOME", "NO_COLOR", "ALPI_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(made.workspace)
    yield made


@pytest.fixture(params=["openai", "anthropic"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the two wires."""
    return str(request.param)
