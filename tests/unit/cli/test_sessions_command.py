"""alpi sessions: list, show, export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.model_server import Reply, running
from tests.support.program import Home

READ = Reply(text="I look.", tool_calls=[{"name": "read_file", "arguments": {"path": "a.txt"}}])


@pytest.fixture
def talked(home: Home) -> Home:
    """A home with one conversation."""
    (home.workspace / "a.txt").write_text("hello ``` there\n")
    with running([READ, "It says \x1b[31mhello\x1b[0m."]) as server:
        home.configure(server.url)
        assert home.call("ask", "what does a.txt say?").code == 0
    return home


def test_no_conversations_yet(home: Home) -> None:
    done = home.call("sessions")
    assert (done.code, done.out) == (0, "no conversations yet; start one with: alpi\n")
    assert home.call("sessions", "list", "--json").out == ""


def test_the_list(talked: Home) -> None:
    (path,) = talked.sessions()
    done = talked.call("sessions", "list")
    assert done.code == 0
    assert done.out.startswith(f"{path.stem}  ")
    assert done.out.endswith("ask   what does a.txt say?\n")
    assert talked.call("sessions").out == done.out
    (line,) = talked.call("sessions", "list", "--json").out.splitlines()
    assert json.loads(line) | {"created": "", "changed": ""} == {
        "id": path.stem, "title": "what does a.txt say?", "surface": "ask", "created": "", "changed": "", "path": str(path),
    }  # fmt: skip


def test_one_of_them(talked: Home) -> None:
    (path,) = talked.sessions()
    done = talked.call("sessions", "show", path.stem[:-2])
    assert done.code == 0
    assert done.out.startswith(f"# Session {path.stem}\n")
    for part in ("what does a.txt say?", "- called `read_file`", "````\nhello ``` there\n\n````", "It says hello."):
        assert part in done.out
    assert "\x1b" not in done.out


def test_export_to_a_file_that_does_not_stand_yet(talked: Home) -> None:
    (path,) = talked.sessions()
    done = talked.call("sessions", "export", path.stem)
    assert (done.code, done.out) == (0, f"wrote {path.stem}.md\n")
    assert Path(f"{path.stem}.md").read_text().startswith("# Session")
    assert talked.call("sessions", "export", path.stem, "talk.md").code == 0
    again = talked.call("sessions", "export", path.stem, "talk.md")
    assert again.code == 2
    assert "talk.md exists already" in again.err
    (talked.workspace / "link.md").symlink_to("nowhere.md")
    assert talked.call("sessions", "export", path.stem, "link.md").code == 2
    assert not (talked.workspace / "nowhere.md").exists()
    assert talked.call("sessions", "export", path.stem, "no/folder/x.md").code == 1


def test_a_broken_line_is_said_and_the_rest_is_shown(talked: Home) -> None:
    (path,) = talked.sessions()
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"record": "mess\n'
    path.write_bytes(b"".join(lines))
    done = talked.call("sessions", "show", path.stem)
    assert done.code == 0
    assert f"{path}, line 3: not readable" in done.err
    assert "what does a.txt say?" in done.out
    with running(["ok"]) as server:
        talked.configure(server.url)
        asked = talked.call("ask", "-c", "and now?")
        assert (asked.code, asked.out) == (0, "ok\n")
        assert "not readable" in asked.err


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\xfd", b"[" * 100_000, b"1\n2\n"])
def test_a_file_that_is_no_session_breaks_nothing(talked: Home, content: bytes) -> None:
    (talked.alpi / "sessions" / "x.jsonl").write_bytes(content)
    assert talked.call("sessions").code == 0
    assert talked.call("sessions", "show", "x").code == 0


def test_searching_them(talked: Home) -> None:
    (path,) = talked.sessions()
    done = talked.call("sessions", "search", "SAY")
    assert (done.code, done.err) == (0, "")
    head, *rest = done.out.splitlines()
    assert head.startswith(f"{path.stem}  ")
    assert head.endswith("  what does a.txt say?")
    assert rest == ["    you: what does a.txt say?", "    alpi: I look. It says hello."]
    assert talked.call("sessions", "search", "a.txt say").out == done.out
    assert talked.call("sessions", "search").out == done.out
    assert talked.call("sessions", "search", "say", "--since", "today").out == done.out
    assert talked.call("sessions", "search", "say", "--until", "2020").out == "nothing found\n"
    (line,) = talked.call("sessions", "search", "say", "--json").out.splitlines()
    assert json.loads(line)["session"] == path.stem
    assert (talked.alpi / "index").is_dir()
    path.unlink()
    assert talked.call("sessions", "search", "say").out == "nothing found\n"
    assert talked.call("sessions", "search", "say", "--json").out == ""


def test_a_search_that_makes_no_sense(home: Home) -> None:
    assert home.call("sessions", "search", "x", "--limit", "0").code == 2
    done = home.call("sessions", "search", "x", "--since", "soon")
    assert done.code == 2
    assert "'soon' is not a date" in done.err
    assert home.call("sessions", "search", "x").out == "nothing found\n"


def test_the_model_finds_what_was_said_in_another_session(talked: Home) -> None:
    (path,) = talked.sessions()
    look = Reply(text="", tool_calls=[{"name": "session_search", "arguments": {"query": "a.txt"}}])
    around = Reply(text="", tool_calls=[{"name": "session_search", "arguments": {"around": "1"}}])
    plan = Reply(text="", tool_calls=[{"name": "todo", "arguments": {"items": [{"text": "tell", "status": "doing"}]}}])
    with running([look, around, plan, "It was hello."]) as server:
        talked.configure(server.url)
        done = talked.call("ask", "what did a.txt say, back then?")
        assert (done.code, done.out) == (0, "It was hello.\n")
        results = [message["content"] for message in server.requests[-1].body["messages"] if message["role"] == "tool"]
    assert len(results) == 3
    assert f"session {path.stem} message" in results[0]
    assert "back then" not in results[0]
    assert "It says" in results[1]
    assert results[2] == "[>] tell"
