"""Laws of the file tools, each against the plainest thing that does the same."""

from __future__ import annotations

import difflib
import fnmatch
import itertools
import re
import shutil
import threading
from pathlib import Path

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from alpi.safety.paths import PathGuard
from alpi.tools.edit_file import _places, _replaced
from alpi.tools.search_files import Walk, glob_matches
from alpi.tools.text import decode, lines_of, unified_diff
from tests.support.git import git, not_ignored
from tests.support.workbench import Workbench

# -- globs -------------------------------------------------------------------------------------------------------------

names = st.text("ab.", min_size=1, max_size=3)
paths = st.lists(names, min_size=1, max_size=5).map("/".join)
parts = st.sampled_from(["**", "*", "a", "b", "?", "a*", "*.a", "[ab]", "[!a]", "[!a]*", "..", ".a"])


def fits(patterns: list[str], path: list[str]) -> bool:
    """The naive model: try everything that each star may stand for."""
    if not patterns:
        return not path
    if patterns[0] == "**":
        return any(fits(patterns[1:], path[skipped:]) for skipped in range(len(path) + 1))
    return bool(path) and fnmatch.fnmatchcase(path[0], patterns[0]) and fits(patterns[1:], path[1:])


@given(patterns=st.lists(parts, min_size=2, max_size=5), path=paths)
def test_globs_are_like_trying_everything(patterns: list[str], path: str) -> None:
    if patterns[-1] == "**":  # what lies below a folder is files
        patterns = [*patterns, "*"]
    assert glob_matches("/".join(patterns), path) == fits(patterns, path.split("/"))


@given(glob=st.text("ab*?[]!-./\\{}", max_size=8), path=paths)
def test_any_text_is_a_glob(glob: str, path: str) -> None:
    assert isinstance(glob_matches(glob, path), bool)


# -- ignore rules ------------------------------------------------------------------------------------------------------

TREE = [
    f"{a}{b}{c}"
    for a in ("", "d/", "y.x/", "d/e/")
    for b in ("", "c/")
    for c in ("a", "b", "c.x", "d e", "!f", "é", "[a]", "#a")
]
rule = st.sampled_from(
    [
        "a", "b", "/a", "d", "d/", "/d/", "*.x", "!*.x", "!a", "!/a", "**/a", "d/**", "**", "*", "!*/", "*/a", "d/*", "!d/c/", "c/a", "/*",
        "!/y.x", "d/**/c", "**/c/**", "d\\ e", "d e", "\\!f", "!f", "#a", "\\#a", "", "  ", "a ", "a\\ ", "[ab]", "[!a]", "?", "???", "c.?",
        "!c/c.x", "/**/b", "c/", "e/", "!e/",
    ]
)  # fmt: skip
odd = st.text("abcd*?[]!^-\\/ #.x:é", max_size=7) | st.sampled_from(
    ["[[:alpha:]]", "[^a-c]*", "[]a]", "[a\\]]", "c.[[:alnum:]x]", "[[:no:]]"]
)
rules = st.lists(rule | odd, max_size=4).map("\n".join)


@settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(given_=st.dictionaries(st.sampled_from(["", "d", "d/e", "y.x", "c"]), rules, min_size=1, max_size=3))
@example(given_={"": "*\n!*/\n!*.x"})
@example(given_={"": "d/", "d": "!a"})
@example(given_={"": "*.x\n!y.x", "y.x": "*"})
def test_what_is_ignored_is_what_git_ignores(on_disk: Path, given_: dict[str, str]) -> None:
    root = on_disk / "repo"
    if not root.exists():
        for name in TREE:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        git(root, "init", "-q")
    for old in root.rglob(".gitignore"):
        old.unlink()
    for where, text in given_.items():
        (root / where / ".gitignore").write_text(text)
    guard = PathGuard(root, on_disk / "home", on_disk / "home/.alpi", on_disk / "home/.alpi")
    walked = {path.relative_to(root).as_posix() for path in Walk(guard, root, "", threading.Event()).files()}
    assert walked == not_ignored(root)
    below = {path.relative_to(root / "d").as_posix() for path in Walk(guard, root / "d", "", threading.Event()).files()}
    if any(name.startswith("d/") for name in walked):  # git shows nothing of a folder that is ignored itself
        assert below == not_ignored(root / "d")


# -- editing -----------------------------------------------------------------------------------------------------------

texts = st.text("ab\n.*\\", max_size=30)


@given(text=texts, old=st.text("ab\n.*\\", min_size=1, max_size=4), new=st.text("abX\n\\1", max_size=4))
def test_replacing_is_like_replacing_text(text: str, old: str, new: str) -> None:
    places = _places(text, old)
    assert len(places) == text.count(old)
    assert _replaced(text, places, new) == text.replace(old, new)


@given(
    text=st.lists(st.sampled_from(["a", "b", "\r\n", "\n", "\r"]), max_size=12).map("".join),
    old=st.text("ab\n", min_size=1, max_size=3),
)
def test_in_mixed_line_ends_what_looks_alike_is_found(text: str, old: str) -> None:
    assume("\r\n" in text)
    assert len(_places(text, old)) == text.replace("\r\n", "\n").count(old)


@settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    text=st.text("ab\né€", min_size=1, max_size=20),
    old=st.text("ab\né", min_size=1, max_size=3),
    new=st.text("abX\né", max_size=3),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    crlf=st.booleans(),
)
def test_an_edit_of_a_file_is_a_replacement_in_its_text(
    on_disk: Path, text: str, old: str, new: str, encoding: str, crlf: bool
) -> None:
    shutil.rmtree(on_disk / "edit", ignore_errors=True)
    bench = Workbench(on_disk / "edit")
    ends = "\r\n" if crlf and "\n" in text else "\n"
    path = bench.put("a", text.replace("\n", ends).encode(encoding))
    done = bench.do("edit_file", path="a", old=old, new=new, all=True)
    expected = text.replace(old, new) if old in text and old != new else text
    if encoding == "cp1252" and text.isascii():
        encoding = "utf-8"  # nothing in it says otherwise
    assert done.ok == (expected != text or (old in text and old != new))
    assert path.read_bytes() == expected.replace("\n", ends).encode(encoding)


# -- differences and encodings -----------------------------------------------------------------------------------------

lines = st.lists(st.sampled_from(["a", "b", "c", "d", "", "same"]), max_size=40)


@given(before=lines, after=lines)
def test_a_difference_applied_to_the_old_gives_the_new(before: list[str], after: list[str]) -> None:
    old, new = "".join(f"{line}\n" for line in before), "".join(f"{line}\n" for line in after)
    diff = unified_diff(old, new, "f")
    assert applied(before, diff) == after
    assert (diff == "") == (before == after)


@given(common=lines, before=lines, after=lines, rest=lines)
def test_a_difference_is_no_longer_than_the_standard_librarys(
    common: list[str], before: list[str], after: list[str], rest: list[str]
) -> None:
    old, new = ["".join(f"{line}\n" for line in itertools.chain(common, part, rest)) for part in (before, after)]
    diff = unified_diff(old, new, "f").split("\n")
    theirs = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "f", "f", lineterm="", n=2))
    assert len([line for line in diff if line[:1] in "+-"]) <= len([line for line in theirs if line[:1] in "+-"]) + 20


def applied(before: list[str], diff: str) -> list[str]:
    """The simplest patch program: copy up to each hunk, then do what its lines say."""
    result: list[str] = []
    place = 0
    for line in diff.split("\n")[2:] if diff else []:
        head = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line)
        if head:
            start = int(head[1]) - (head[2] != "0")
            result += before[place:start]
            place = start
            assert len(result) == int(head[3]) - (head[4] != "0"), "the hunk's place in the new text is wrong"
        elif line.startswith("+"):
            result.append(line[1:])
        else:
            assert before[place] == line[1:]
            place += 1
            result += [line[1:]] if line.startswith(" ") else []
    return result + before[place:]


@given(st.binary(max_size=80))
@example(b"\xff\xfe")
@example(b"\xff\xfe\0\0")
@example(b"\xef\xbb\xbf")
def test_any_bytes_are_some_text_and_come_back_as_they_were(data: bytes) -> None:
    file = decode(data)
    assert file.encode(file.text) == data
    assert "".join(lines_of(file.text)) == file.text
