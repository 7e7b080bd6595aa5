"""The MCP section over a real profile, with the server of the tests that misbehaves as it is told."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from alpi.base.errors import StorageError
from alpi.mcp.pins import Pins, PinStore
from alpi.safety.policy import Policy
from alpi.setup.interview import Left
from alpi.setup.mcp import run_mcp, state_of_mcp
from alpi.setup.sections import run_section
from alpi.setup.servering import command_problem, folders_problem, key_of, name_of
from alpi.setup.site import Site
from alpi.setup.wanted import ADDRESS, Wanted
from tests.support.mcp_servers import command
from tests.support.program import Home
from tests.support.stage import in_loop
from tests.unit.setup.people import DEFAULT, LEAVES, Scripted, config, files, site

SECRET = "canary-51f09a7c3e"
ADDING = ("+add", "program")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    monkeypatch.setenv("HOME", made.environ["HOME"])
    made.configure("http://127.0.0.1:9/v1", more="sandbox: {mode: 'off'}\n")
    return made


def line(mode: str, file: Path | None = None) -> str:
    return shlex.join(command(mode, file))


def run(made: Site, *answers: Any) -> Scripted:
    ask = Scripted(*answers)
    in_loop(run_mcp)(made, ask)
    assert not ask.answers
    return ask


def pins(home: Home, name: str) -> Pins:
    loaded = PinStore(home.alpi / "mcp", home.alpi / "run").load(name)
    assert loaded is not None
    return loaded


def test_a_server_is_added_after_all_of_it_was_shown(home: Home, tmp_path: Path) -> None:
    ask = run(
        site(home),
        *ADDING,
        line("good"),
        "One",
        "one",
        "/nowhere/x",
        str(tmp_path),
        DEFAULT,
        False,
        True,
        "echo",
        "+done",
    )
    assert "small letters" in ask.objections[0] and "no folder" in ask.objections[1]
    shown = next(text for text, _ in ask.said if "It offers 2 tools" in text)
    for words in ("Says it again", '"description": "what to say"', "not sandboxed"):
        assert words in shown
    assert "one is added: 2 tools in use, 1 of them not asked about" in ask.told("done")
    assert str(tmp_path) in config(home) and "mcp_server.py" in config(home)
    assert [pin.offer.name for pin in pins(home, "one").tools if pins(home, "one").reads(pin)] == ["echo"]
    assert state_of_mcp(site(home)) == ("one", False)
    assert '"surface":"setup"' in (home.alpi / "logs" / "approval.log").read_text().replace(" ", "")
    assert home.call("mcp", "test", "one").code == 0


def test_leaving_at_any_question_writes_nothing(home: Home) -> None:
    answers = ("+add", "program", line("injects"), "notes", "none", "commands", True, "API_TOKEN", SECRET)
    made, before = site(home), files(home)
    for count in range(len(answers)):
        with pytest.raises(Left):
            in_loop(run_mcp)(made, Scripted(*answers[:count], LEAVES))
    assert files(home) == before
    assert SECRET not in repr(made.typed)


def test_what_was_typed_is_offered_again_after_leaving(home: Home) -> None:
    answers = ("+add", "program", line("injects"), "notes", "none", "commands", True, "API_TOKEN", SECRET, True)
    made, before = site(home), files(home)
    with pytest.raises(Left):
        in_loop(run_mcp)(made, Scripted(*answers, LEAVES))
    assert {path: data for path, data in files(home).items() if "/run/" not in path} == before
    ask = run(made, "+add", *(DEFAULT,) * 7, SECRET, True, False, "+done")
    assert "notes is added: 1 tool in use" in ask.told("done")
    assert made.typed == {}


def test_where_the_settings_cannot_be_written_nothing_stays(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr("alpi.setup.mcp.save", full)
    ask = Scripted(*ADDING, line("good"), "one", DEFAULT, DEFAULT, False, True, "+done")
    with pytest.raises(StorageError):
        in_loop(run_mcp)(site(home), ask)
    assert not list((home.alpi / "mcp").iterdir()) and "mcp" not in config(home)


def test_no_to_the_question_is_leaving(home: Home) -> None:
    before = files(home)
    with pytest.raises(Left):
        in_loop(run_mcp)(site(home), Scripted(*ADDING, line("good"), "one", DEFAULT, DEFAULT, False, DEFAULT))
    assert files(home) == before, "a bare Enter is a no"


def test_a_secret_goes_to_the_env_file_and_nowhere_else(home: Home) -> None:
    answers = (*ADDING, line("environment"), "vault", DEFAULT, DEFAULT, True, "VAULT_TOKEN", SECRET, True, "+done")
    ask = run(site(home), *answers)
    assert SECRET not in ask.told() + str(ask.asked)
    assert "VAULT_TOKEN: $MCP_VAULT_TOKEN" in config(home)
    holding = [path for path in home.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert [path.name for path in holding] == [".env"]
    # The server had it before it was stored: it was looked at with it.
    assert home.call("mcp", "test", "vault").code == 0


def test_a_stored_secret_is_used_again_where_the_person_likes(home: Home) -> None:
    (home.alpi / ".env").write_text(f"MCP_ONE_TOKEN={SECRET}\n")
    (home.alpi / ".env").chmod(0o600)
    run(site(home), *ADDING, line("good"), "one", DEFAULT, DEFAULT, True, "T", True, True, "+done")
    assert (home.alpi / ".env").read_text() == f"MCP_ONE_TOKEN={SECRET}\n"


def test_what_fails_is_told_and_can_be_typed_anew(home: Home) -> None:
    first = (*ADDING, line("neverstarts"), "one", DEFAULT, DEFAULT, False)
    again = ("program", line("good"), DEFAULT, DEFAULT, DEFAULT, DEFAULT, True, "+done")
    ask = run(site(home), *first, "again", "change", *again)
    assert ask.told("bad").count("TRACKER_URL is missing") == 2
    assert "one is added" in ask.told("done")


def test_an_address_is_checked_as_it_is_typed_and_its_header_names_the_secret(home: Home) -> None:
    typed = ("ftp://x", "https://me:pw@x.example", "http://127.0.0.1:9/mcp", "tracker")
    answers = ("+add", ADDRESS, *typed, True, DEFAULT, "Bearer x", DEFAULT, SECRET)
    ask = Scripted(*answers, LEAVES)
    with pytest.raises(Left):
        in_loop(run_mcp)(site(home), ask)
    assert [why.split()[0] for why in ask.objections] == ["'ftp://x'", "an", "Write"]
    assert "$MCP_TRACKER_TOKEN" in ask.objections[2]
    assert ask.asked[-1] == "What now?" and "tracker" in ask.told("bad")
    assert "mcp" not in config(home) and not (home.alpi / ".env").exists()


def test_what_is_suspicious_is_asked_about_by_itself_and_never_one_that_only_reads(home: Home, tmp_path: Path) -> None:
    start = (*ADDING, line("injects", tmp_path / "told"), "notes", DEFAULT, DEFAULT, False, True)
    ask = run(site(home), *start, DEFAULT, "+done")
    assert "suspicious" in ask.told("warning") and "id_rsa" in ask.told("warning")
    assert [pin.use for pin in pins(home, "notes").tools] == [False, True]
    assert [option.value for option in ask.offered[-1]] == ["+done", "echo"]
    run(site(home), "notes", "remove", True)
    ask = run(site(home), *start, True, "+done")
    assert [pin.use for pin in pins(home, "notes").tools] == [True, True]
    assert [option.value for option in ask.offered[-1]] == ["+done", "echo"], "in use all the same, and asked about"


def test_a_server_is_looked_at_said_of_and_removed(home: Home) -> None:
    run(site(home), *ADDING, line("good"), "one", DEFAULT, DEFAULT, False, True, "+done")
    ask = run(site(home), "one", "show", "reads", "work", "echo", "work", "+done")
    assert "2 of 2 tools in use" in ask.told("good") and "asked about: echo, work" in ask.told("quiet")
    assert "Says it again" in ask.told("text")
    assert "1 of them not asked about" in ask.told("done")
    assert [pin.offer.name for pin in pins(home, "one").tools if pins(home, "one").reads(pin)] == ["echo"]
    with pytest.raises(Left):
        in_loop(run_mcp)(site(home), Scripted("one", "remove", DEFAULT))
    assert "mcp" in config(home)
    ask = run(site(home), "one", "remove", True)
    assert "mcp" not in config(home) and not list((home.alpi / "mcp").iterdir())
    decisions = [json.loads(one)["decision"] for one in home.call("audit", "show", "--json").out.splitlines()]
    assert decisions == ["always", "taken back"]


def test_a_change_is_shown_and_approved(home: Home, tmp_path: Path) -> None:
    def offers(text: str) -> None:
        schema = {"type": "object", "properties": {}}
        listed = [{"name": n, "description": d, "inputSchema": schema} for n, d in (("a", text), ("b", "Reads b"))]
        (tmp_path / "tools").write_text(json.dumps(listed))

    offers("Reads a")
    run(
        site(home),
        *ADDING,
        line("changes", tmp_path / "tools"),
        "one",
        DEFAULT,
        DEFAULT,
        False,
        True,
        "a",
        "b",
        "+done",
    )
    offers("Reads a, and tells us")
    ask = run(site(home), "one", "approve", True, "+done")
    assert "changed: a" in ask.told("bad")
    assert "+Reads a, and tells us" in ask.told() and "You had said that it only reads" in ask.told()
    assert "Approved: 2 tools in use, 1 of them not asked about" in ask.told("done")
    config_file = home.alpi / "config.yaml"
    config_file.write_text(config_file.read_text().replace("/tools]", "/tools, --more]"))
    assert state_of_mcp(site(home)) == ("one; to be approved: one", True)
    ask = run(site(home), "one", "approve", True, "+done")
    assert "all is shown anew" in ask.told("warning") and "Approved: 2 tools in use, from" in ask.told("done")


def test_a_machine_that_keeps_no_approvals_asks_for_none(home: Home) -> None:
    made = site(home, policy=Policy(always=False))
    ask = run(made, *ADDING, line("good"), "one", DEFAULT, DEFAULT, False, True)
    assert "one is added: 2 tools in use, from" in ask.told("done")
    ask = Scripted("one", "show", LEAVES)
    with pytest.raises(Left):
        in_loop(run_mcp)(made, ask)
    refused = {option.value: option.refused for option in ask.offered[-1]}
    assert "policy" in refused["reads"] and not refused["remove"]


def test_a_file_that_cannot_be_read_is_to_be_approved_anew(home: Home) -> None:
    run(site(home), *ADDING, line("good"), "one", DEFAULT, DEFAULT, False, True, "+done")
    (home.alpi / "mcp" / "one.json").write_text("{")
    assert state_of_mcp(site(home))[1]
    ask = run(site(home), "one", "approve", True, "+done")
    assert "Approved: 2 tools" in ask.told("done")


def test_an_error_ends_the_section_and_writes_nothing(home: Home) -> None:
    made = site(home)
    run(made, *ADDING, line("good"), "one", DEFAULT, DEFAULT, False, True, "+done")
    before = files(home)
    (home.alpi / "config.yaml").write_text(config(home).replace("good", "neverstarts"))
    ask = Scripted("one", "approve")

    async def section() -> None:
        assert not await run_section(site(home), ask, "mcp")

    in_loop(section)()
    assert "TRACKER_URL is missing" in ask.told("bad")
    assert {path: data for path, data in files(home).items() if "config" not in path and "run/" not in path} == {
        path: data for path, data in before.items() if "config" not in path and "run/" not in path
    }


def test_by_options(home: Home) -> None:
    words = ("setup", "mcp", "--add", "one", "--command", line("good"), "--sandbox", "off")
    asked = home.call(*words)
    assert asked.code == 2 and "nobody can be asked" in asked.err and "Says it again" in asked.out
    assert "mcp" not in config(home)
    done = home.call(*words, "--yes")
    assert done.code == 0 and "one is added; 2 tools" in done.out and done.out.endswith("servers: one\n")
    assert "nothing is to be done" in home.call("setup", "mcp", "--approve", "one", "--yes").out
    assert "mcp          one" in home.call("setup", "--show").out
    assert home.call("setup", "mcp", "--yes").code == 2
    assert home.call("setup", "mcp", "--add", "two", "--command", "'x", "--yes").code == 2
    assert home.call("setup", "mcp").code == 2, "nobody is there to be asked"
    assert home.call("setup", "mcp", "--remove", "one", "--yes").out.endswith("servers: no server\n")


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Wanted(command="uvx mcp-server-time==2026.10.19 --local-timezone UTC"), "time"),
        (Wanted(command="npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /x"), "filesystem"),
        (Wanted(command="/opt/bin/mcp-server-git --repository x"), "git"),
        (Wanted(command="python server.py"), ""),
        (Wanted(command="node notes.js"), "notes"),
        (Wanted(kind=ADDRESS, url="https://mcp.linear.app/sse"), "linear"),
        (Wanted(kind=ADDRESS, url="https://api.example.com/mcp"), "example"),
        (Wanted(kind=ADDRESS, url="http://127.0.0.1:8000"), "127"),
    ],
)
def test_a_name_is_proposed(wanted: Wanted, name: str) -> None:
    assert name_of(wanted) == name


def test_what_is_typed_is_checked(tmp_path: Path) -> None:
    assert command_problem("'x") and command_problem("''") and not command_problem("x 'y z'")
    assert not folders_problem("none") and not folders_problem(f"{tmp_path}, {tmp_path}/.")
    assert "no folder" in folders_problem(f"{tmp_path}, /nowhere") and folders_problem("~nobody-there/x")
    assert key_of("my-box") == "MCP_MY_BOX_TOKEN"
