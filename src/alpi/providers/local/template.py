"""The chat template of the built-in model: ``qwen.jinja``, rendered by llama.cpp.

Why an own one: the template in the model's file shows it the form of a call with doubled braces, and it never makes one that can
be read. Ours lists the tools in one line each instead of a JSON schema (a third of the tokens), asks for a fenced object, says
when not to call, and renders earlier calls exactly as the model wrote them, so that llama.cpp finds the conversation in its
cache. llama.cpp compares renderings of it to learn how calls look, constrains the model to that form once a call has begun,
and sends structured calls.

The fence says ``call``, not ``json``: an answer may show JSON without being taken for a call. The model's own ``<tool_call>`` tag
does not work with this one: it was tried, and 20 of 26 tasks failed.
"""

from __future__ import annotations

from pathlib import Path


def qwen_template() -> str:
    """The template's text."""
    return Path(__file__).with_name("qwen.jinja").read_text(encoding="utf-8")
