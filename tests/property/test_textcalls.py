"""Laws of text-form calls: nothing is lost, prose is never a call, every form round-trips however it is cut."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alpi.providers.textcalls import TextCalls
from alpi.providers.types import ToolSpec

TOOLS = (ToolSpec("read_file", "", {"type": "object", "properties": {}}), ToolSpec("go", "", {"type": "object"}))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
arguments = st.dictionaries(st.text(), json_values, max_size=5)

FORMS = (
    "{}",
    "```json\n{}\n```",
    "```\n{}\n```\n",
    "<tool_call>\n{}\n</tool_call>",
    "[{}]",
    "[TOOL_CALLS] [{}]",
    "<|python_tag|>{}",
    "I look.\n```json\n{}\n```",
)

# Text made of the very pieces that calls are made of, but with no name of an offered tool in it.
PIECES = [
    "{", "}", "[", "]", '"', "name", "arguments", ":", ",", "```", "json", "\n", " ", "`", "~~~", "<", ">", "</", "word", "\\",
    "tool_call", "<tool_call>", "</tool_call>", "<function=", "[TOOL_CALLS]", "<|python_tag|>", '{"name": "', '"arguments": {',
]  # fmt: skip
junk = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


def read(text: str, cuts: list[int]) -> tuple[str, list[tuple[str, object]]]:
    reader = TextCalls(TOOLS)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    shown = "".join(piece for a, b in pairwise(places) for piece in reader.feed(text[a:b]))
    rest, calls = reader.finish()
    return shown + rest, [(call.name, json.loads(call.arguments)) for call in calls]


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.text() | junk, cuts)
def test_text_that_names_no_tool_passes_unchanged(text: str, where: list[int]) -> None:
    if "read_file" not in text and "go" not in text:
        assert read(text, where) == (text, [])


@given(arguments, st.sampled_from(FORMS), cuts, st.booleans())
def test_every_form_round_trips(
    given_arguments: dict[str, object], form: str, where: list[int], ascii_only: bool
) -> None:
    call = json.dumps({"name": "read_file", "arguments": given_arguments}, ensure_ascii=ascii_only)
    text, calls = read(form.replace("{}", call, 1), where)
    assert calls == [("read_file", given_arguments)]
    assert text.strip() in ("", "I look.")


@given(arguments, st.sampled_from(FORMS))
def test_the_cut_does_not_matter(given_arguments: dict[str, object], form: str) -> None:
    whole = form.replace("{}", json.dumps({"name": "go", "parameters": given_arguments}), 1)
    assert read(whole, list(range(len(whole)))) == read(whole, [])


@given(junk, st.sampled_from(["read_file", "go"]), junk, cuts)
def test_a_tools_name_in_any_text_loses_nothing(before: str, name: str, after: str, where: list[int]) -> None:
    text = before + name + after
    shown, calls = read(text, where)
    if not calls:
        assert shown == text
    assert (shown, calls) == read(text, [])
