"""The check of what the web tools need."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.base.errors import AlpiError
from alpi.doctor.web import check_web
from alpi.tools.browsing.finding import find_chromium

from .subjects import subject


class Parts:
    def __init__(self, found: int | AlpiError, program: str = "") -> None:
        self.found = found
        self.program = program

    def search(self, query: str) -> int:
        if isinstance(self.found, AlpiError):
            raise self.found
        return self.found

    def browser(self) -> str:
        return self.program

    def missing(self) -> str:
        return "sudo apt install chromium"


@pytest.mark.parametrize(
    ("parts", "closely", "states"),
    [
        (Parts(3, "/usr/bin/chromium"), False, ["ok", "ok"]),
        (Parts(0), False, ["warning"]),
        (Parts(AlpiError("no net", "look")), True, ["warning", "warning"]),
    ],
)
def test_findings(tmp_path: Path, parts: Parts, closely: bool, states: list[str]) -> None:
    found = check_web(subject(tmp_path, web=parts, closely=closely))
    assert [finding.state for finding in found] == states
    assert all(finding.hint for finding in found if finding.state != "ok")


def test_chromium_is_looked_for_in_the_path(tmp_path: Path) -> None:
    assert find_chromium({"PATH": str(tmp_path)}) == ""
    program = tmp_path / "chromium"
    program.write_text("")
    program.chmod(0o755)
    assert find_chromium({"PATH": str(tmp_path)}) == str(program)
