"""The least that a program must do for the same: send a request, print the answer as it streams in, and for a tool call read the
file and send the result. Measured beside alpi; not used by it.

    python floor.py BASE_URL BODY.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx2


def ask(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """One streamed call; prints the text, gives the tool call (empty when there is none)."""
    call: dict[str, Any] = {}
    with httpx2.stream("POST", f"{url}/chat/completions", json=body, timeout=60) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            for choice in json.loads(line[6:])["choices"]:
                delta = choice["delta"]
                print(delta.get("content") or "", end="", flush=True)
                for part in delta.get("tool_calls", ()):
                    call["id"] = part.get("id") or call["id"]
                    call["name"] = part["function"].get("name") or call["name"]
                    call["arguments"] = call.get("arguments", "") + part["function"].get("arguments", "")
    return call


def main() -> None:
    """Ask, and go on until nothing more is called."""
    url, body = sys.argv[1], json.loads(Path(sys.argv[2]).read_bytes())
    while call := ask(url, body):
        text = Path(json.loads(call["arguments"])["path"]).read_text(encoding="utf-8")
        function = {"name": call["name"], "arguments": call["arguments"]}
        tool_calls = [{"id": call["id"], "type": "function", "function": function}]
        body["messages"].append({"role": "assistant", "content": None, "tool_calls": tool_calls})
        body["messages"].append({"role": "tool", "tool_call_id": call["id"], "content": text})
    print()


if __name__ == "__main__":
    main()
