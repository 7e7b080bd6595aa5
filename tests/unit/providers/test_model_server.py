"""The scripted model server itself: as a program, in a thread, and with its rules for choosing replies."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import Reply, ReplyLike, running
from tests.support.scripted import as_reply

ROOT = Path(__file__).resolve().parents[3]


def post(url: str, body: dict[str, Any], path: str = "/chat/completions") -> Any:
    asked = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return json.loads(answer.read())


def text_of(answer: Any) -> str:
    return str(answer["choices"][0]["message"]["content"])


def test_replies_go_out_in_order_and_by_what_they_match() -> None:
    script: list[ReplyLike] = [
        Reply("rain", match="weather"),
        "first",
        lambda request: f"asked {request.body['n']}",
        Reply("rest", repeat=True),
    ]
    with running(script) as server:
        assert [text_of(post(server.url, {"n": n})) for n in (1, 2, 3, 4)] == ["first", "asked 2", "rest", "rest"]
        assert text_of(post(server.url, {"n": "weather"})) == "rain"
        assert [call.body["n"] for call in server.model_calls] == [1, 2, 3, 4, "weather"]
        assert server.requests[0].raw == b'{"n": 1}'


def test_a_script_that_is_used_up_says_so() -> None:
    with running(["only"]) as server:
        post(server.url, {})
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(server.url, {})
        assert caught.value.code == 500
        assert b"script has no reply" in caught.value.read()
        server.add("more")
        assert text_of(post(server.url, {})) == "more"


def test_both_wires_without_streaming() -> None:
    with running([Reply("a", reasoning="r", tool_calls=[{"name": "f", "arguments": {"x": 1}}])] * 2) as server:
        answer = post(server.url, {})
        assert answer["choices"][0]["message"]["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"x": 1}'}
        answer = post(server.url, {}, "/messages")
        assert [block["type"] for block in answer["content"]] == ["thinking", "text", "tool_use"]


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fields: txet"):
        as_reply({"txet": "x"})


def test_as_a_program(tmp_path: Path) -> None:
    script, record = tmp_path / "script.json", tmp_path / "record.jsonl"
    script.write_text(json.dumps({"replies": ["hello", {"text": "again", "repeat": True}], "models": ["one", "two"]}))
    command = [sys.executable, "-m", "tests.support.model_server", "--script", str(script), "--record", str(record)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        try:
            assert program.stdout is not None
            url = program.stdout.readline().strip()
            assert [text_of(post(url, {"n": n})) for n in (1, 2, 3)] == ["hello", "again", "again"]
            with urllib.request.urlopen(f"{url}/models", timeout=5) as answer:
                assert [model["id"] for model in json.loads(answer.read())["data"]] == ["one", "two"]
            lines = [json.loads(line) for line in record.read_text().splitlines()]
            assert [line["path"] for line in lines] == ["/v1/chat/completions"] * 3 + ["/v1/models"]
        finally:
            program.terminate()
