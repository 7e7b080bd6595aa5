"""What an entry is in a person's Markdown, and that a change touches nothing else."""

from __future__ import annotations

import pytest

from alpi.state.memory.entries import adding, as_words, merged, parse, removing, replacing

LETTER = """\
---
title: notes
---
# About me

Some words
on two lines.

## Family

- Ana is my sister
  - she lives in Oslo
    with two cats
- Luis:

  a second paragraph

  ```
  - no item
  ```
* starred
1. first
2) second

<!-- a remark
- not an entry
-->
Code below:
```
# no heading
```

~~~
alone
~~~
---
Old title
=========
Last words"""


def words(text: str) -> list[str]:
    return [entry.words for entry in parse(text).entries]


def test_entries_of_a_long_letter() -> None:
    document = parse(LETTER)
    assert [entry.words for entry in document.entries] == [
        "Some words\non two lines.",
        "Ana is my sister\n- she lives in Oslo\n  with two cats",
        "Luis:\n\na second paragraph\n\n```\n- no item\n```",
        "starred",
        "first",
        "second",
        "Code below:\n```\n# no heading\n```",
        "~~~\nalone\n~~~",
        "Last words",
    ]
    assert [title for _, title in document.headings] == ["About me", "Family", "Old title"]
    assert [entry.section for entry in document.entries][:2] == ["About me", "Family"]
    for entry in document.entries:
        assert LETTER[entry.start : entry.end] == entry.raw


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("\n\n", []),
        ("\ufeff- a\n", ["a"]),
        ("\ufeff# head\n", []),
        ("- a\r\n- b\r\n", ["a", "b"]),
        ("- a\r\n  more\r\n\r\npara\r\nline", ["a\nmore", "para\nline"]),
        ("- a", ["a"]),
        ("-\n- b\n", ["b"]),
        ("-no item", ["-no item"]),
        ("- a\nlazy line\n", ["a\nlazy line"]),
        ("- a\n\nparagraph\n", ["a", "paragraph"]),
        (" - a\n - b\n", ["a", "b"]),
        ("- a\n\t- b\n", ["a\n  - b"]),
        ("title\n---\n- a\n", ["a"]),
        ("---\nno end of front matter\n", ["no end of front matter"]),
        ("<!-- open\n- a\n", ["<!-- open", "a"]),
        ("<!-- x --> text\n", ["<!-- x --> text"]),
        ("| a | b |\n| - | - |\n", ["| a | b |\n| - | - |"]),
        ("> quoted\n> more\n", ["> quoted\n> more"]),
        ("```\nopen fence\n- a\n", ["```\nopen fence\n- a"]),
        ("***\n- a\n", ["a"]),
        ("#hashtag is text\n", ["#hashtag is text"]),
        ("#\n- a\n", ["a"]),
        ("- ```\n  - x\n  ```\n- b\n", ["```\n- x\n```", "b"]),
    ],
)
def test_forms(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "- new\n"),
        ("\ufeff", "\ufeff- new\n"),
        ("# Title\n", "# Title\n\n- new\n"),
        ("# Title\n\n", "# Title\n\n- new\n"),
        ("# Title", "# Title\n\n- new\n"),
        ("- a\n", "- a\n- new\n"),
        ("- a", "- a\n- new"),
        ("- a\n\n\n", "- a\n- new\n\n\n"),
        ("* a\n", "* a\n* new\n"),
        (" + a\n", " + a\n + new\n"),
        ("1. a\n", "1. a\n- new\n"),
        ("- a\r\n", "- a\r\n- new\r\n"),
        ("words\n", "words\n\n- new\n"),
        ("- a\n\n<!-- end -->\n", "- a\n\n<!-- end -->\n\n- new\n"),
        ("- a\n  - b", "- a\n  - b\n- new"),
        ("```\nx\n```", "```\nx\n```\n\n- new\n"),
    ],
)
def test_adding(before: str, after: str) -> None:
    document = parse(before)
    made = adding(document, "new").apply(before)
    assert made == after
    assert words(made) == [*words(before), "new"]


def test_an_entry_of_several_lines_is_indented() -> None:
    made = adding(parse("- a\n"), "head\n- one\n\n  deep\nlast").apply("- a\n")
    assert made == "- a\n- head\n  - one\n\n    deep\n  last\n"
    assert words(made) == ["a", "head\n- one\n\n  deep\nlast"]


def test_replacing_keeps_the_form() -> None:
    text = "# T\r\n\r\n2) old\r\n\r\nparagraph\r\n"
    document = parse(text)
    first, second = document.entries
    assert replacing(document, first, "new\nline").apply(text) == "# T\r\n\r\n2) new\r\n   line\r\n\r\nparagraph\r\n"
    assert replacing(document, second, "new\nline").apply(text) == "# T\r\n\r\n2) old\r\n\r\nnew\r\nline\r\n"


def test_removing_never_joins_neighbours() -> None:
    text = "one\n- a\n\ntwo"
    document = parse(text)
    assert removing(document, document.entries[1]).apply(text) == "one\n\ntwo"
    text = "~~~\nx\n~~~\npara\n```\ny\n```\n"
    document = parse(text)
    made = removing(document, document.entries[0]).apply(text)
    assert words(made) == words(text)[1:]
    text = "one\n~~~\nx\n~~~\ntwo\n"
    document = parse(text)
    for entry in document.entries:
        assert words(removing(document, entry).apply(text)) == [e.words for e in document.entries if e is not entry]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("- a", "a"),
        ("  * a \n", "a"),
        ("- a\n  - b", "a\n- b"),
        ("a\r\nb  ", "a\nb"),
        ("-5 degrees", "-5 degrees"),
        ("1. first", "1. first"),
        ("\ufeffa", "a"),
        ("a\n\tb", "a\n    b"),
        ("- ", "-"),
    ],
)
def test_what_is_given_becomes_words(given: str, kept: str) -> None:
    assert as_words(given) == kept


def test_an_edit_is_merged_with_what_happened_meanwhile() -> None:
    mine = parse("# Mine\n\n- a, corrected\n- b\n- c\n")
    made = merged(["a", "b", "c"], mine, ["a", "b", "d"])
    assert made.text == "# Mine\n\n- a, corrected\n- b\n- d\n"
