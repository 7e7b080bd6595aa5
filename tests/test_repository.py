"""The repository itself: generated pages are current, locks carry hashes and no addresses, no page points into the void."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Written in two parts, so that this file does not name them itself.
REGISTRY_HOSTS = (
    "pypi" + ".org",
    "files.python" + "hosted.org",
    "registry.npm" + "js.org",
    "deb." + "debian.org",
    "npm" + "js.com",
)


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / name for name in names.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_generated_pages_are_current() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from make_docs import pages
    finally:
        sys.path.pop(0)
    stale = [name for name, text in pages().items() if (ROOT / "docs" / name).read_text(encoding="utf-8") != text]
    assert not stale, f"run: make docs (out of date: {stale})"


def test_no_file_names_a_package_registry() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes()
        found += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRY_HOSTS if host.encode() in text]
    assert not found


@pytest.mark.parametrize("name", ["core", "extras", "browser", "build", "dev", "local"])
def test_locks_are_pinned_with_hashes(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip() and not entry.startswith("#")]
    assert entries
    for entry in entries:
        assert "==" in entry and "--hash=sha256:" in entry, entry
        assert "://" not in entry, entry


def test_every_dependency_is_locked_and_explained() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = (ROOT / "requirements" / "core.txt").read_text()
    pages = (ROOT / "docs" / "ARCHITECTURE.md").read_text().lower()
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=!~\[; ]", requirement)[0]
        assert f"\n{re.sub('[._]', '-', name)}==" in f"\n{core}", (
            f"{name} is not in requirements/core.txt; run scripts/lock.py"
        )
        assert name.lower() in pages, f"{name} has no line in docs/ARCHITECTURE.md"


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in tracked()
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_every_tool_command_and_setting_is_documented() -> None:
    from alpi.cli.main import COMMANDS

    tools = [
        path.stem for path in (ROOT / "src" / "alpi" / "tools").glob("*.py") if "class Arguments" in path.read_text()
    ]
    assert len(tools) >= 5
    text = "\n".join(path.read_text(encoding="utf-8") for path in tracked() if path.suffix == ".md")
    for command in COMMANDS:
        assert f"alpi {command}" in text, f"alpi {command} is in no page"
    for tool in tools:
        assert tool in text, f"{tool} is in no page"
