"""Reading a command: steps, words, braces, options, and what a person is shown."""

from __future__ import annotations

import pytest

from alpi.safety.risk.braces import braces
from alpi.safety.risk.display import escape
from alpi.safety.risk.expand import UNKNOWN, Variables, expand, value_of
from alpi.safety.risk.options import read_options
from alpi.safety.risk.parse import parse
from alpi.safety.risk.quoting import ansi
from alpi.safety.risk.rough import rough_steps
from alpi.safety.risk.special.streams import awk_code, sed_effects
from alpi.safety.risk.steps import TooComplex, Word
from alpi.safety.risk.tables import load_tables

VARIABLES = Variables("/home/u", "u", "/home/u/proj", {"x": ("one",), "two": ("a", "b"), "row": ("-r -f",)})


def fields(raw: str) -> list[list[str]]:
    return [[field.text for field in row] for row in expand(Word(raw), VARIABLES)]


@pytest.mark.parametrize(
    ("raw", "texts"),
    [
        ("plain", ["plain"]),
        ("'a b'", ["a b"]),
        ('"a b"', ["a b"]),
        ("a\\ b", ["a b"]),
        ("a'b'\"c\"d", ["abcd"]),
        (r"$'\x72\155'", ["rm"]),
        ('$"x"', ["x"]),
        ("{a,b}", ["a", "b"]),
        ("x{1..3}y", ["x1y", "x2y", "x3y"]),
        ("{a,b{c,d}}", ["a", "bc", "bd"]),
        ("'{a,b}'", ["{a,b}"]),
        ("{a}", ["{a}"]),
        ("~", ["/home/u"]),
        ("~/x", ["/home/u/x"]),
        ("'~'", ["~"]),
        ("~root/x", ["/root/x"]),
        ("$HOME/x", ["/home/u/x"]),
        ("${HOME}", ["/home/u"]),
        ('"$PWD"', ["/home/u/proj"]),
        ("$(pwd)/x", ["/home/u/proj/x"]),
        ("$x", ["one"]),
        ("$row", ["-r", "-f"]),
        ('"$row"', ["-r -f"]),
        ("rm${IFS}-rf", ["rm", "-rf"]),
        ("$nothing", [UNKNOWN]),
        ("a$(x)b", [f"a{UNKNOWN}b"]),
        ("'$x'", ["$x"]),
        ("\\$x", ["$x"]),
        ("$((1+1))", ["1"]),
        ("<(x)", ["/dev/fd/63"]),
        ("a$", ["a$"]),
    ],
)
def test_a_word_becomes_what_the_program_receives(raw: str, texts: list[str]) -> None:
    assert fields(raw) == [texts]


def test_every_reading_of_a_variable_is_kept() -> None:
    assert fields("$two") == [["a"], ["b"]]
    assert value_of(Word("${x:-other}"), VARIABLES) == ("one", "other")


def test_quoted_wildcards_are_not_wildcards() -> None:
    quoted, alive = expand(Word("'*'.txt"), VARIABLES)[0][0], expand(Word("*.txt"), VARIABLES)[0][0]
    assert quoted.pattern is None and alive.pattern == "*.txt" and not alive.literal


def test_braces_are_bounded() -> None:
    assert len(braces("{a,b}" * 40)) <= 64
    assert len(braces("{1..999999999}")) <= 66


@pytest.mark.parametrize(
    ("text", "result"),
    [(r"\n", "\n"), (r"\x41", "A"), (r"\u00e9", "é"), (r"\101", "A"), (r"\cA", "\x01"), (r"\'", "'")],
)
def test_ansi_escapes(text: str, result: str) -> None:
    assert ansi(text) == result


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ("a; b && c || d & e | f", ["a", "b", "c", "d", "e", "f"]),
        ("a $(b) `c` <(d)", ["b", "c", "d", "a"]),
        ("if a; then b; else c; fi", ["a", "b", "c"]),
        ("while a; do b; done", ["a", "b"]),
        ("case $(a) in b) c;; esac", ["a", "c"]),
        ("f() { a; }", ["a"]),
        ("(a; { b; })", ["a", "b"]),
        ("cat <<E\n$(a)\nE\nb", ["a", "cat", "b"]),
        ("cat <<E | a\nx\nE\n", ["cat", "a"]),
        ("[[ -n $(a) ]]", ["a", ""]),
        ("x=$(a) b", ["a", "b"]),
        ("echo $(( $(a) ))", ["a", "echo"]),
    ],
)
def test_every_simple_command_is_found(command: str, programs: list[str]) -> None:
    script = parse(command)
    assert not script.broken
    assert [step.words[0].text for step in script.steps if step.words] == programs


def test_a_redirection_belongs_to_the_last_command_of_a_chain() -> None:
    steps = parse("a && b > out").steps
    assert [len(step.redirects) for step in steps] == [0, 1]
    assert steps[1].chained and not steps[0].chained


def test_a_pipeline_knows_what_feeds_it() -> None:
    steps = parse("a | b | c").steps
    assert [len(step.upstream) for step in steps] == [0, 1, 2]


@pytest.mark.parametrize("command", ["ls 'x", "ls (", "ls;;ls", "\\ #x", "if a"])
def test_what_the_grammar_refuses_or_misreads_is_marked(command: str) -> None:
    assert parse(command).broken


@pytest.mark.parametrize("command", ["a|" * 5000, "<<a\n" * 2500, "(" * 200 + ")" * 200, "x " * 1000])
def test_too_much_is_said_not_endured(command: str) -> None:
    with pytest.raises(TooComplex):
        parse(command)


def test_the_rough_reader_finds_commands_in_rubble() -> None:
    found = {step.text for step in rough_steps("ls 'x; rm -rf / | sh")}
    assert {"rm -rf /", "sh"} <= found


def options_of(program: str, *words: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    tables = load_tables()
    entry = tables.programs[program]
    row = [field for word in words for field in expand(Word(word), VARIABLES)[0]]
    options = read_options(entry, row)
    return [(flag.name, flag.value.text if flag.value else None) for flag in options.flags], [
        item.text for item in options.operands
    ]


def test_flags_values_and_operands_are_told_apart() -> None:
    assert options_of("sort", "-uo", "out", "in") == ([("-u", None), ("-o", "out")], ["in"])
    assert options_of("sort", "-oout", "in") == ([("-o", "out")], ["in"])
    assert options_of("sort", "--compress=./p", "in") == ([("--compress-program", "./p")], ["in"])
    assert options_of("sort", "--", "-o") == ([], ["-o"])
    assert options_of("timeout", "-k", "5", "3", "ls", "-la") == ([("-k", "5")], ["3", "ls", "-la"])
    assert options_of("head", "-5", "x") == ([("-#", "-5")], ["x"])


def test_no_program_stands_in_two_tables() -> None:
    assert len(load_tables().programs) > 900


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        ("s/a/b/g", []), ("1,3p", []), ("/x/d;s/ *$//", []), ("y/abc/xyz/", []), ("1!G;h;$!d", []), ("s/x/[e]/", []),
        ("s|/usr|/opt|w", ["write"]),
        ("1e ls", ["run"]), ("s/a/b/e", ["run"]), ("w out", ["write"]), ("/x/,$e ls", ["run"]),
        ("\\,x,!e ls", ["run"]), ("r in", ["read"]),
        ("s/a\\/e/b/", []), ("a text w out", []), ("a text\nw out", ["write"]), ("s/a/b/;w out", ["write"]),
        ("s/unfinished", ["unclear"]), ("&", ["unclear"]),
    ],
)  # fmt: skip
def test_sed_scripts_are_read(script: str, kinds: list[str]) -> None:
    assert [kind for kind, _ in sed_effects(script)] == kinds


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("/a|b/ {print}", "// {print}"),
        ('{print $1 "|" $2}', '{print $1 "" $2}'),
        ("{print $1/2}", "{print $1/2}"),
        ('/"/ {system("x")} /"/', '// {system("")} //'),
        ('{print x++ / 1 | "y" / 1}', None),
        ("{print} # system()", "{print} "),
    ],
)
def test_awk_programs_are_read(program: str, code: str | None) -> None:
    assert awk_code(program) == code


@pytest.mark.parametrize(
    ("text", "shown", "hidden"),
    [
        ("ls -la", "ls -la", False),
        ("ls\t-la", "ls\\t-la", False),
        ("a\nb", "a\nb", False),
        ("x\u200by", "x\\u200by", True),
        ("\u202ex", "\\u202ex", True),
        ("\x1b[8mx", "\\x1b[8mx", True),
        ("\u00a0", "\\xa0", True),
        ("\U000e0041", "\\U000e0041", True),
        ("é ü 漢 ❤️", "é ü 漢 ❤️", False),
    ],
)
def test_hidden_characters_are_spelled_out(text: str, shown: str, hidden: bool) -> None:
    assert escape(text) == (shown, hidden)
