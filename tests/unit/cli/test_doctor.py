"""alpi doctor as a command: what it prints, its exit codes, and that a broken profile does not keep it from looking."""

from __future__ import annotations

import json

from alpi.doctor import checks
from alpi.doctor.probe import TOOL
from tests.support.model_server import running
from tests.support.program import Home
from tests.support.scripted import Reply

READY = Reply(tool_calls=[{"name": TOOL, "arguments": {"word": "ready"}}])
QUICK = ("config", "permissions", "disk", "clock", "workspace", "model", "local", "prices", "budget", "memory", "journals",
         "policy", "leftovers")  # fmt: skip


def test_a_profile_in_order(home: Home) -> None:
    with running([READY]) as server:
        home.configure(server.url)
        done = home.call("doctor", *QUICK)
        assert done.code == 0, done.out
        assert "home/scripted answers in" in done.out and "FAILED" not in done.out
        assert (home.call("doctor", "--quiet", "--offline", *QUICK).out, len(server.model_calls)) == ("", 1)


def test_a_failure_says_what_to_do_and_exits_1(home: Home) -> None:
    home.configure("http://127.0.0.1:9/v1")
    home.workspace.rmdir()
    done = home.call("doctor", "--quiet", "workspace", "model")
    assert done.code == 1
    assert done.out.count("FAILED") == 2 and done.out.count("-> ") == 2
    assert "mkdir -p" in done.out


def test_json_has_stable_names(home: Home) -> None:
    home.configure("http://127.0.0.1:9/v1")
    done = home.call("doctor", "--json", "--offline", *QUICK)
    assert done.code == 0
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["check"] for record in records] == list(QUICK)
    assert {frozenset(record) for record in records} == {frozenset({"check", "state", "text", "hint"})}
    assert {record["state"] for record in records} <= {"ok", "warning", "failed"}


def test_settings_that_cannot_be_read_are_told_and_the_rest_is_still_looked_at(home: Home) -> None:
    home.configure("http://127.0.0.1:9/v1").write_text("model: [\n")
    done = home.call("doctor", "--json", "config", "model", "journals")
    assert done.code == 1
    found = {record["check"]: record["state"] for record in map(json.loads, done.out.splitlines())}
    assert found == {"config": "failed", "model": "warning", "journals": "ok"}


def test_unknown_checks_and_the_list(home: Home) -> None:
    wrong = home.call("doctor", "teeth")
    assert wrong.code == 2 and "teeth" in wrong.err and "gate" in wrong.err
    listed = home.call("doctor", "--list")
    assert [line.split()[0] for line in listed.out.splitlines()] == list(checks())


def test_a_profile_that_is_not_there(home: Home) -> None:
    done = home.call("-p", "wrok", "doctor", "config")
    assert done.code == 2 and "wrok" in done.err
