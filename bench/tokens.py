"""What the first request costs before a word of the conversation: instructions and tool schemas, as they are really sent."""

from __future__ import annotations

import json

from .measure import Row
from .scripted import pair

AIM = 1500.0
CHARS_PER_TOKEN = 4


def run() -> list[Row]:
    """Tokens are estimated as four characters each: what a model's own tokenizer counts differs from model to model."""
    with pair() as both:
        body = both.body
    instructions = sum(len(message["content"]) for message in body["messages"] if message["role"] == "system")
    schemas = len(json.dumps(body.get("tools", []), ensure_ascii=False, separators=(",", ":")))
    tokens = (instructions + schemas) / CHARS_PER_TOKEN
    whole = len(json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    shown = f"{instructions:,} + {schemas:,} characters"
    note = f"{len(body.get('tools', []))} tools; the whole request is {whole:,} characters"
    return [Row("first request, instructions + schemas", shown, "", tokens, AIM, " tokens", note)]
