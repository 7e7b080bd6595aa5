"""Laws of the judge: more is never milder, spelling does not matter, and nothing breaks it or takes long."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpi.safety import corpus
from alpi.safety.risk import Access, Assessment, Protection, Scene, assess
from alpi.safety.tiers import Tier

HOME = Path("/home/u")
WORKSPACE = HOME / "proj"


class NoFiles:
    """A disk where the workspace and a few files stand, without any disk."""

    standing = frozenset({"/home/u", "/home/u/proj", "/home/u/proj/a.txt", "/home/u/proj/src"})

    def resolve(self, path: Path) -> Path:
        parts: list[str] = []
        for part in PurePosixPath(path).parts[1:]:
            if part == "..":
                parts = parts[:-1]
            elif part != ".":
                parts.append(part)
        return Path("/", *parts)

    def glob(self, pattern: str, limit: int) -> list[Path]:
        return []

    def is_dir(self, path: Path) -> bool:
        return str(path) in self.standing and "." not in path.name

    def exists(self, path: Path) -> bool:
        return str(path) in self.standing

    def read_head(self, path: Path, size: int) -> bytes | None:
        return b"x" if str(path) in self.standing else None


def guard(path: Path, access: Access) -> Protection | None:
    if any(part in {".ssh", ".alpi", ".bashrc"} for part in path.parts):
        return Protection(Tier.DANGEROUS, "protected")
    return None


SCENE = Scene(WORKSPACE, WORKSPACE, HOME, HOME / ".alpi", HOME / ".alpi", NoFiles(), guard, frozenset({4242}))


def judged(command: str) -> Assessment:
    return assess(command, SCENE)


COMPLETE = tuple(
    case.command
    for case in corpus.load()
    if len(case.command) < 300 and not case.source.startswith(("case 18", "case 23")) and "%" not in case.command
)
commands = st.sampled_from(COMPLETE)
words = st.text("abcdefghij./-_~=:@%+,0123456789*?[]{}$'\"\\ ", max_size=14)
noise = st.text(" \n;|&()<>{}[]$`'\"\\#=~*?!abE1-/.", max_size=60)


@settings(max_examples=2 * settings().max_examples)
@given(commands, commands, st.sampled_from(["; ", " && ", " || ", "\n", " & ", " | "]))
def test_adding_a_part_never_lowers_the_tier(first: str, second: str, joint: str) -> None:
    if "<<" in first or "#" in first:  # what follows on the line would belong to the document or the comment
        joint = "\n"
    whole = judged(first + joint + second).tier
    assert whole >= judged(first).tier


@settings(max_examples=2 * settings().max_examples)
@given(
    commands,
    st.sampled_from(
        ["( {} )", "{{ {}\n}}", "if true; then {}\nfi", "for i in 1; do {}\ndone", "! {}", "f() {{ {}\n}}; f"]
    ),
)
def test_wrapping_never_lowers_the_tier(command: str, frame: str) -> None:
    assert judged(frame.format(command)).tier >= judged(command).tier


PLAIN = tuple(
    row.split()
    for row in (
        "ls -la src", "cat a.txt", "rm -rf src", "rm -rf /", "git status", "git push --force",
        "curl https://example.com", "npm test",
        "cp a.txt b.txt", "find . -delete", "sort -o x a.txt", "touch /tmp/x", "cat /home/u/.ssh/id_rsa",
        "tee /home/u/.bashrc", "kill 4242",
        "env", "nice rm -rf /", "xargs rm -rf", "sed -i s/a/b/ a.txt", "git diff --output=x", "tar xf a.tar",
        "unknown-thing x",
    )
)  # fmt: skip


def spellings(word: str, choice: random.Random) -> str:
    kind = choice.randrange(6)
    if kind == 0:
        return f"'{word}'"
    if kind == 1:
        return f'"{word}"'
    if kind == 2:
        return "".join(f"\\{char}" if char.isalnum() or char in "-./" else char for char in word)
    if kind == 3:
        return "$'" + "".join(f"\\x{ord(char):02x}" for char in word) + "'"
    if kind == 4:
        middle = choice.randrange(len(word) + 1)
        return f"{word[:middle]}''\"\"{word[middle:]}"
    return word


@settings(max_examples=3 * settings().max_examples)
@given(st.sampled_from(PLAIN), st.integers(0, 2**32))
def test_quoting_and_spacing_do_not_change_a_verdict(command: list[str], seed: int) -> None:
    choice = random.Random(seed)
    spelled = choice.choice([" ", "  "]).join(spellings(word, choice) for word in command)
    plain = judged(" ".join(command))
    other = judged(choice.choice(["", " "]) + spelled + choice.choice(["", " ", "\n", " ;"]))
    assert (other.tier, other.reasons) == (plain.tier, plain.reasons)
    assert (other.scope and other.scope.key) == (plain.scope and plain.scope.key)


@settings(max_examples=4 * settings().max_examples)
@given(st.one_of(noise, st.text(max_size=80), st.lists(words, max_size=8).map(" ".join)))
def test_no_input_breaks_it(command: str) -> None:
    verdict = judged(command)
    assert verdict.tier == max([verdict.tier, *(part.tier for part in verdict.parts)])
    assert verdict.tier is Tier.SAFE or verdict.reasons
    assert not any("could not be judged" in reason for reason in verdict.reasons), verdict.reasons


@given(commands)
def test_the_same_question_has_the_same_scope(command: str) -> None:
    first, second = judged(command), judged(command)
    assert first == second
    assert first.scope is None or (
        first.tier is Tier.CAUTION and sum(part.tier > Tier.SAFE for part in first.parts) == 1
    )


PIECES = (
    "ls", "rm", "-rf", "~", "/", "$HOME", "$x", "x=1", "${y:-a}", "$(", ")", "`", "'", '"', "|", "||", "&&", ";",
    "&", "\n", ">", ">>", "<", "<<E",
    "\nE\n", "<(", "{", "}", "(", "if", "then", "fi", "for i in", "do", "done", "while", "case x in", "esac", "[[",
    "]]", "((", "))", "$((", "\\", "#",
    "git", "-c", "a=b", "curl", "http://x", "sh", "-c", "eval", "env", "sudo", "xargs", "find", ".", "-exec", "{}",
    "+", "sed", "s/a/b/e", "awk",
    "{print}", "*", "?", "[a]", "{a,b}", "{1..9}", "$'\\x41'", "base64", "-d", "2>&1", "/dev/tcp/a/1", "function f",
    "trap", "tee", "tar", "xzf",
    "\u200b", "é", "\\\n", "!", "time", "coproc", "echo", "cat", "a.txt", "src", "../..", "~root", "%s",
    "--output=x", "--", "-", "=", "+=", "a[1]=",
)  # fmt: skip


def fuzzed(choice: random.Random) -> str:
    if choice.random() < 0.4:  # a real command, damaged
        text = choice.choice(COMPLETE)
        for _ in range(choice.randrange(1, 4)):
            at = choice.randrange(len(text) + 1)
            piece = choice.choice(PIECES)
            text = text[:at] + piece + text[at + choice.randrange(3) :]
        return text
    glue = choice.choice([" ", " ", " ", ""])
    return glue.join(choice.choice(PIECES) for _ in range(choice.randrange(1, 25)))


def fuzz(count: int, seed: int) -> None:
    choice = random.Random(seed)
    times: list[float] = []
    for _ in range(count):
        command = fuzzed(choice)
        start = time.process_time()
        verdict = judged(command)
        times.append(time.process_time() - start)
        assert not any("could not be judged" in reason for reason in verdict.reasons), (command, verdict.reasons)
        assert verdict.tier is Tier.SAFE or verdict.reasons, command
    times.sort()
    assert times[int(len(times) * 0.999)] < 0.05, times[-5:]
    assert statistics.median(times) < 0.01


def test_fuzzed_commands() -> None:
    fuzz(5_000, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_very_many_fuzzed_commands() -> None:
    fuzz(100_000, seed=2)


HEAVY = {
    "semicolons": "a;" * 5000, "pipes": "a|" * 5000, "pipes that end": "a|" * 399 + "a",
    "here documents": "<<a\n" * 2500, "here in a row": "<<a " * 39,
    "parentheses": "(" * 10000, "substitutions": "$(" * 5000, "real substitutions": "$(" * 40 + "a" + ")" * 40,
    "quotes": '"$(' * 3000,
    "braces": "{a,b}" * 40, "braces in braces": "{a," * 3000, "sequence": "{1..999999999}" * 5,
    "tests": "[[ " * 3000, "cases": "case a in " * 1000,
    "functions": "f(){ " * 2000, "stars": "*" * 5000, "backticks": "`" * 9999, "continuations": "a\\\n" * 3000,
    "variables": "a=$a$a;" * 1000 + "echo $a",
    "doubling": "".join(f"a{n}=$a{n - 1}$a{n - 1};" for n in range(1, 40)) + "echo $a39",
    "arguments": "ls " + "x " * 4900, "paths": "cat " + "../" * 3000 + "x",
    "shells": "sh -c " * 1500, "sudo": "sudo " * 2000, "escapes": "\\" * 9999, "one word": "a" * 10000,
    "far too long": "ls " * 30000, "awk": "awk '" + "/" * 9000 + "'",
    "sed": "sed '" + "s/a/b/;" * 1200 + "'", "regular": "awk '" + '"\\' * 4000 + "'",
    "flags": "git log " + "--a=b " * 1500, "words": "rm " + "{a..z}" * 3 + " $x" * 200,
    "two readings": "x=a;x=b;" + 'echo "' + "$x" * 500 + '"',
    "here string": "bash <<< '" + "bash <<< x;" * 300 + "'", "python": "python -c '" + 'system("a");' * 700 + "'",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(HEAVY))
def test_heavy_input_is_judged_in_bounded_time(name: str) -> None:
    """Processor time; the strict number stands in the benchmark, here some more is allowed for slow machines."""
    best = 1.0
    for _ in range(3):
        start = time.process_time()
        verdict = judged(HEAVY[name])
        best = min(best, time.process_time() - start)
    assert best < 0.2, (name, best, verdict.tier, verdict.reasons[:1])
    assert not any("could not be judged" in reason for reason in verdict.reasons), verdict.reasons
