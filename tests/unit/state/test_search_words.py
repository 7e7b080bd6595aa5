"""What counts as the same word, and which turn fits better."""

from __future__ import annotations

import pytest

from alpi.base.errors import UsageError
from alpi.state.search.words import (
    EXACT_SAID,
    EXACT_SEEN,
    MOST_TERMS,
    NEAR_SAID,
    NEAR_SEEN,
    excerpt,
    folded,
    line_of,
    parse_query,
)


def score(query: str, said: str, seen: str = "") -> tuple[int, int] | None:
    line = line_of([said], [seen])
    return parse_query(query).score(line, 0, len(line))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("My partner's Birthday!", "my partner s birthday"),
        ("CUMPLEAÑOS de José", "cumpleanos de jose"),
        ("Straße  ǅ", "strasse dz"),
        ("session_search", "session search"),
        ("Москва́ ЁЛКА", "москва елка"),
        ("生日快乐", "生日快乐"),
        ("ﬁle Ⅳ", "file iv"),
        ("\x01\x02\n", ""),
    ],
)
def test_words_without_case_and_accents(text: str, words: str) -> None:
    assert folded(text).decode() == words


@pytest.mark.parametrize(
    ("query", "said", "weight"),
    [
        ("birthday", "the Birthday is", EXACT_SAID),
        ("birthday", "two birthdays", NEAR_SAID),
        ("birthdays", "her birthday", NEAR_SAID),
        ("reunión", "las reuniones", NEAR_SAID),
        ("cumpleaños", "un cumpleano", NEAR_SAID),
        ("car", "two cars", NEAR_SAID),
        ("talo", "talossa", None),
        ("car", "a cardiologist", None),
        ("car*", "a cardiologist", NEAR_SAID),
        ("day", "birthday", None),
        ("v12", "v123", None),
        ("foo-bar", "the foo bar", EXACT_SAID),
        ("foo-bar", "bar foo", None),
        ("生日", "祝你生日快乐", EXACT_SAID),
        ('"生日快"', "祝你生日快乐", EXACT_SAID),
        ('"my partner"', "My partner's", EXACT_SAID),
        ('"my partner"', "my new partner", None),
        ('"partner"', "partners", None),
        ('"unclosed', "it is unclosed", EXACT_SAID),
    ],
)
def test_which_words_match(query: str, said: str, weight: int | None) -> None:
    assert score(query, said) == (None if weight is None else (1, weight))


def test_what_was_said_counts_more_than_what_tools_gave() -> None:
    assert score("cake", "x", "cake") == (1, EXACT_SEEN)
    assert score("cake", "x", "cakes") == (1, NEAR_SEEN)
    assert score("cake", "cakes", "cake") == (1, NEAR_SAID)
    assert score("cake", "cake", "cake") == (1, EXACT_SAID)


def test_a_phrase_does_not_reach_from_one_message_to_the_next() -> None:
    line = line_of(["eat the", "cake now"], ["and then"])
    for phrase in ('"the cake"', '"now and"'):
        assert parse_query(phrase).score(line, 0, len(line)) is None
    assert parse_query('"cake now"').score(line, 0, len(line)) is not None


def test_fillers_only_decide_between_turns_that_fit_alike() -> None:
    assert score("my cake", "the cake") == (1, 4)
    assert score("my cake", "my cake") == (1, 8)
    assert score("my cake", "my dog") is None
    assert score("who are you", "you are") == (2, 8)
    assert score('"to be" or not', "to be") == (1, 4)


def test_phrases_are_required_and_words_are_not() -> None:
    assert score('"chocolate cake" birthday', "chocolate cake") == (1, 4)
    assert score('"chocolate cake" birthday', "birthday") is None
    assert score("cake birthday", "birthday") == (1, 4)


def test_too_many_words() -> None:
    with pytest.raises(UsageError):
        parse_query(" ".join(f"word{n}" for n in range(MOST_TERMS + 1)))
    assert parse_query(' "" * - ').terms == ()


def test_an_excerpt_is_where_the_words_stand() -> None:
    text = "start " + "filler " * 100 + "the chocolate Cáke for the birthday " + "filler " * 100
    piece = excerpt(text, parse_query("birthday cake").terms, 120)
    assert "Cáke for the birthday" in piece
    assert piece.startswith("…")
    assert piece.endswith("…")
    assert len(piece) <= 125
    assert excerpt("short\ntext", parse_query("x").terms, 100) == "short text"
    assert excerpt("word " * 100, (), 50).startswith("word word")
    assert "two three" in excerpt("one " * 90 + "two three", parse_query('"two three"').terms, 60)
    assert len(excerpt("x" * 1000, parse_query("x").terms, 100)) <= 102
