"""A session full of secrets: none of them is found anywhere in the home afterwards, nor in what the model was sent."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

from tests.support.model_server import Reply, running
from tests.support.program import Home

SECRET = 'canary/key+"with\\odd=characters-81723'
OTHER = "ghp_" + "a1B2c3D4e5" * 4  # known by its shape alone
FORMS = {
    "as it is": SECRET,
    "as JSON": json.dumps(SECRET)[1:-1],
    "as a URL": urllib.parse.quote(SECRET, safe=""),
    "as base64": base64.b64encode(SECRET.encode()).decode().rstrip("=")[:-1],
    "by its shape": OTHER,
}


def find(folder: Path, spared: Path) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and path != spared:
            data = path.read_bytes().decode("utf-8", "replace")
            found += [f"{path.relative_to(folder)}: {name}" for name, form in FORMS.items() if form in data]
    return found


def test_no_secret_is_left_anywhere(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.workspace / "leak.txt").write_text("\n".join([f"{name}: {form}" for name, form in FORMS.items()] * 400))
    calls = [
        {"name": "read_file", "arguments": {"path": "leak.txt"}},
        {"name": "search_files", "arguments": {"query": "canary"}},
        {"name": "read_file", "arguments": {"path": SECRET}},
        {"name": "terminal", "arguments": {"command": f"rm -rf / {OTHER}"}},
        {"name": "write_file", "arguments": {"path": f"/{OTHER}/x", "content": SECRET}},
        {"name": "terminal", "arguments": {"command": "cat leak.txt"}},
        {"name": "edit_file", "arguments": SECRET},
    ]
    replies = [
        Reply(text=f"You said {SECRET} and {OTHER}.", tool_calls=calls),
        Reply(text=f"Thinking of {SECRET}", reasoning=f"{SECRET} {OTHER}"),
        Reply(status=400, body={"error": {"message": f"bad key {SECRET}: {OTHER}"}}),
    ]
    with running(replies) as server:
        home.configure(server.url)
        env = home.alpi / ".env"
        env.write_text("HOME_KEY='" + SECRET + "'\n")
        env.chmod(0o600)
        first = home.run("ask", "--json", f"my key is {SECRET} and {OTHER}")
        second = home.run("ask", "-c", f"again {SECRET}")
        shown = home.run("sessions", "show", next((home.alpi / "sessions").glob("*.jsonl")).stem)
        sent = "\n".join(str(request.body) for request in server.requests)
    assert first.code == 3 and second.code == 1, (first, second)
    assert len(first.of("tool_finished")) == len(calls)
    assert find(home.alpi, env) == []
    for name, form in FORMS.items():
        assert form not in sent, f"the model was sent the secret {name}"
        assert form not in shown.out + second.out + second.err, f"it was shown {name}"
    assert "[secret HOME_KEY]" in shown.out
    files = {path.relative_to(home.alpi).parts[0] for path in home.alpi.rglob("*") if path.is_file()}
    assert {"sessions", "logs"} <= files
