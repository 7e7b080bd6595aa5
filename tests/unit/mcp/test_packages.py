from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alpi.base.errors import UsageError
from alpi.mcp.packages import LOOKUP, Installed, looked_up, sources_of
from alpi.safety.osv import Package


@pytest.mark.parametrize(
    ("command", "packages"),
    [
        ("npx -y @a/server@1.2.3 --flag x@latest", [("npm", "@a/server", "1.2.3")]),
        ("npx --package=left-pad@1.0.0-rc.1 cmd", [("npm", "left-pad", "1.0.0-rc.1")]),
        ("npx -p a@1.0.0 -p b@2.0.0 cmd", [("npm", "a", "1.0.0"), ("npm", "b", "2.0.0")]),
        ("npm exec a@1.0.0", [("npm", "a", "1.0.0")]),
        ("pnpm dlx a@1.0.0", [("npm", "a", "1.0.0")]),
        ("/usr/bin/bunx a@1.0.0", [("npm", "a", "1.0.0")]),
        ("uvx mcp-server-time==2026.1.2 --tz UTC", [("PyPI", "mcp-server-time", "2026.1.2")]),
        ("uvx --python 3.12 --from My_Pkg[all]==1.0 cmd", [("PyPI", "my-pkg", "1.0")]),
        ("uvx --with extra==3 main@2.0", [("PyPI", "main", "2.0"), ("PyPI", "extra", "3")]),
        ("uv tool run a==1.0.post1", [("PyPI", "a", "1.0.post1")]),
        ("pipx run --spec a==1.0 cmd", [("PyPI", "a", "1.0")]),
    ],
)
def test_packages_that_a_command_fetches(command: str, packages: list[tuple[str, str, str]]) -> None:
    words = command.split()
    assert sources_of(words, words[0]).packages == tuple(Package(*each) for each in packages)


@pytest.mark.parametrize(
    "command",
    [
        "npx a", "npx a@latest", "npx a@^1.2.3", "npx a@1", "npx a@1.2.x", "uvx a", "uvx a>=1", "uvx a@latest", "uvx a==1.*",
        "uvx --from git+https://example.com/x cmd", "npx github:me/x", "npx", "uvx --from", "pipx run a", "uvx --with b a==1.0",
        "npx --unheard-of thing a@1.0.0", "sh -c npx", "bash -lc server", "env A=b npx a@1.0.0", "npx ./folder",
    ],
)  # fmt: skip
def test_what_osv_cannot_be_asked_about_is_refused(command: str) -> None:
    words = command.split()
    with pytest.raises(UsageError):
        sources_of(words, words[0])


def test_what_is_installed_is_found_by_its_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "server"
    script.write_text("#!/opt/venv/bin/python3\nimport server\n")
    assert sources_of(["server"], str(script)).installed == Installed("/opt/venv/bin/python3", script="server")
    assert sources_of(["python3", "-u", "-m", "server.main", "x"], "/p").installed == Installed(
        "/p", module="server.main"
    )
    assert sources_of(["python3", "own.py"], "/p").installed is None


def test_the_interpreter_names_a_package_with_all_that_it_needs() -> None:
    for kind, name in (("script", "mcp-server-time"), ("module", "mcp_server_time")):
        done = subprocess.run(
            [sys.executable, "-I", "-c", LOOKUP, kind, name], capture_output=True, text=True, check=True
        )
        names = {package.name for package in looked_up(done.stdout)}
        assert {"mcp-server-time", "mcp", "pydantic"} <= names


def test_a_script_of_node_belongs_to_a_package_with_all_that_it_needs(tmp_path: Path) -> None:
    def package(folder: Path, name: str, version: str, *needs: str) -> None:
        folder.mkdir(parents=True)
        about = {"name": name, "version": version, "dependencies": dict.fromkeys(needs, "*")}
        (folder / "package.json").write_text(json.dumps(about))

    modules = tmp_path / "node_modules"
    package(modules / "@a" / "server", "@a/server", "1.0.0", "inner", "outer", "missing")
    package(modules / "@a" / "server" / "node_modules" / "inner", "inner", "2.0.0", "outer")
    package(modules / "inner", "inner", "9.0.0")
    package(modules / "outer", "outer", "3.0.0", "@a/server")
    script = modules / "@a" / "server" / "dist" / "index.js"
    script.parent.mkdir()
    script.write_text("#!/usr/bin/env node\n")
    wanted = {Package("npm", "@a/server", "1.0.0"), Package("npm", "inner", "2.0.0"), Package("npm", "outer", "3.0.0")}
    assert set(sources_of(["node", str(script)], "/usr/bin/node").packages) == wanted
    link = tmp_path / "bin"
    link.symlink_to(script)
    assert set(sources_of(["bin"], str(link)).packages) == wanted
    own = tmp_path / "own.js"
    own.write_text("")
    assert sources_of(["node", str(own)], "/usr/bin/node").packages == ()


def test_an_image_is_said_to_be_unknown() -> None:
    assert "container image" in sources_of(["docker", "run", "x"], "/usr/bin/docker").unknown
