"""What starting costs: a budget of imports, checked in a process of its own."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support.model_server import running
from tests.support.program import Home

HEAVY = {
    "rich", "markdown_it", "pygments", "tree_sitter", "tree_sitter_bash", "ruamel", "readline", "xllamacpp", "pathspec", "sqlite3",
}  # fmt: skip
# What runs a turn, and no listing needs.
ENGINE = {"httpx2", "asyncio", "ssl", "alpi.agent.engine", "alpi.safety.gate"}
LOADED = """
import json, sys
from alpi.cli.main import main
import os
try:
    code = main(sys.argv[1:], os.environ)
except SystemExit as leaving:
    code = leaving.code
print("LOADED " + json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded(home: Home, *argv: str, stdin: bytes | None = None) -> set[str]:
    """The top-level modules, and those of alpi, that a command line has loaded when it ends."""
    done = home.run(*argv, program=(sys.executable, "-c", LOADED), stdin=stdin)
    code, modules = json.loads(done.err.rpartition("LOADED ")[2])
    assert code in (0, None), done.err
    return {name if name.startswith("alpi") else name.split(".")[0] for name in modules}


def test_the_version_loads_next_to_nothing(home: Home) -> None:
    modules = loaded(home, "--version")
    assert {name for name in modules if name.startswith("alpi")} == {"alpi", "alpi.cli", "alpi.cli.main"}
    assert not modules & {
        "httpx2",
        "msgspec",
        "yaml",
        "asyncio",
        "argparse",
        "socket",
        "ssl",
        "importlib.metadata",
        *HEAVY,
    }


def test_importing_the_package_loads_nothing_else(home: Home) -> None:
    done = home.run(
        program=(sys.executable, "-c", "import sys, alpi; print([m for m in sys.modules if m.startswith('alpi')])")
    )
    assert done.out == "['alpi']\n"


@pytest.mark.parametrize(
    "argv", [["--help"], ["ask", "--help"], ["completion", "bash"], ["config", "path"]], ids=" ".join
)
def test_help_loads_no_settings_and_no_engine(home: Home, argv: list[str]) -> None:
    assert loaded(home, *argv) & {"yaml", "msgspec", *ENGINE, *HEAVY} == set()


@pytest.mark.parametrize("argv", [["ask", "hi"], ["ask", "--json", "hi"]], ids=" ".join)
def test_asking_in_a_pipe_loads_no_terminal_and_no_shell_parser(home: Home, argv: list[str]) -> None:
    with running(["ok"]) as server:
        home.configure(server.url)
        modules = loaded(home, *argv)
    assert modules & HEAVY == set()
    assert not {
        name
        for name in modules
        if name.startswith(("alpi.tui.markdown", "alpi.tui.keys", "alpi.safety.risk", "alpi.safety.sandbox"))
    }
    assert not {name for name in modules if name.startswith("alpi.providers.local")}
    assert "alpi.agent.engine" in modules


def test_a_tool_call_loads_no_more_than_its_tool_needs(home: Home) -> None:
    (home.workspace / "a.txt").write_text("x\n")
    call = {"tool_calls": [{"name": "search_files", "arguments": {"query": "x"}}]}
    with running([call, "ok"]) as server:
        home.configure(server.url)
        modules = loaded(home, "ask", "hi")
    assert modules & HEAVY == set()


@pytest.mark.parametrize(
    "argv", [["sessions"], ["config", "path"], ["config", "show"], ["models", "providers"]], ids=" ".join
)
def test_listing_loads_no_network_client(home: Home, argv: list[str]) -> None:
    assert not loaded(home, *argv) & {"httpx2", "ssl", *HEAVY}
