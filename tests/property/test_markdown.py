"""Laws of streaming Markdown: however a text is cut into pieces, the same blocks come of it, and nothing but empty lines is lost."""

from __future__ import annotations

import itertools
import re

from hypothesis import example, given
from hypothesis import strategies as st

from alpi.tui.blocks import BlockSplitter

line = st.sampled_from(
    [
        "", "", "text", "more text", "- item", "  - below", "1. one", "10) ten", "# head", "```", "```python", "~~~", "````", "    code",
        "| a | b |", "|---|---|", "> quote", "   ", "\t", "a `b` c", "```not a fence```", "  continued", "* x", "---", "  ```", "é漢👍",
    ]
)  # fmt: skip
texts = st.lists(line, max_size=14).map("\n".join) | st.text("ab`~#-* \n|1.", max_size=60)


def blocks(pieces: list[str]) -> list[str]:
    splitter = BlockSplitter()
    found = [block for piece in pieces for block in splitter.feed(piece)]
    last = splitter.finish()
    return [repr(block) for block in [*found, *([last] if last is not None else [])]]


def words(text: str) -> list[str]:
    """What can be read of a text: its lines without the space around them."""
    return [line.strip() for line in text.split("\n") if line.strip()]


@given(text=texts, cuts=st.lists(st.integers(0, 200), max_size=8))
@example(text="```\na\n```", cuts=[1, 2, 3])
@example(text="a\n\n```x\n\n\nb\n```\nc", cuts=[4])
def test_pieces_do_not_matter(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    assert blocks(pieces) == blocks([text])
    assert blocks(list(text)) == blocks([text])


@given(text=texts)
def test_nothing_that_can_be_read_is_lost(text: str) -> None:
    splitter = BlockSplitter()
    seen = ""
    for place, character in enumerate(text, 1):
        seen += "".join(block.text for block in splitter.feed(character))
        assert words(seen + splitter.open_text) == words(text[:place])
    last = splitter.finish()
    assert words(seen + (last.text if last else "")) == words(text)


@given(text=texts)
def test_inside_a_fence_even_empty_lines_stay(text: str) -> None:
    body = re.sub(r"[`~]", "", text)
    fenced = f"```\n{body}\n```\n"
    splitter = BlockSplitter()
    (block,) = splitter.feed(fenced)
    assert block.text == fenced
    assert splitter.finish() is None


@given(text=texts, every=st.integers(1, 5))
def test_code_that_is_set_in_parts_is_still_all_there(text: str, every: int) -> None:
    body = [line for line in re.sub(r"[`~]", "", text).split("\n") if line.strip()]
    splitter = BlockSplitter()
    shown: list[str] = []
    for number, line in enumerate(["```", *body, "```"]):
        shown += [block.text for block in splitter.feed(f"{line}\n")]
        if number % every == 0 and (part := splitter.cut()) is not None:
            shown.append(part.text)
    last = splitter.finish()
    shown += [last.text] if last else []
    assert [line.strip() for part in shown for line in part.split("\n") if line.strip("`").strip()] == [
        line.strip() for line in body
    ]
