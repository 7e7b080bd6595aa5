"""search_files: names and lines, what .gitignore names left out as git does, secrets left out, links not followed, limits said."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from alpi.safety.actions import Answer
from alpi.tools.search_files import MOST_HITS, SearchFiles, Walk, glob_matches
from tests.support.fakes import Person
from tests.support.git import git, not_ignored
from tests.support.workbench import Workbench


def found(bench: Workbench, **arguments: object) -> list[str]:
    return bench.text("search_files", **arguments).split("\n")


def walked(bench: Workbench, below: str = "") -> set[str]:
    """The files that a search goes through, without the limit of what is shown."""
    root = bench.workspace / below
    return {path.relative_to(root).as_posix() for path in Walk(bench.guard, root, "", threading.Event()).files()}


def test_lines_are_found_with_file_and_number(bench: Workbench) -> None:
    bench.put("a.py", "import os\n\n    value = Budget()\n")
    bench.put("docs/b.md", "the budget\n")
    bench.put("c.txt", "nothing here\n")
    assert found(bench, query="budget") == ["a.py:3: value = Budget()", "docs/b.md:1: the budget"]
    assert found(bench, query="Budget") == ["a.py:3: value = Budget()"]
    assert found(bench, query="budget", glob="*.md") == ["docs/b.md:1: the budget"]
    assert found(bench, query="budget", path="docs") == ["docs/b.md:1: the budget"]
    assert found(bench, query="budget", path="a.py") == ["a.py:3: value = Budget()"]
    assert found(bench, query="budget", path=str(bench.workspace / "docs")) == ["docs/b.md:1: the budget"]
    done = bench.do("search_files", query="budget")
    assert done.summary == "2 hits"


def test_names_are_listed_in_order(bench: Workbench) -> None:
    for name in ("b.txt", "a/z.py", "a/b/c.py", "B.txt"):
        bench.put(name)
    assert found(bench) == ["B.txt", "a/b/c.py", "a/z.py", "b.txt"]
    assert found(bench, glob="*.py") == ["a/b/c.py", "a/z.py"]
    assert found(bench, glob="a/*.py") == ["a/z.py"]
    assert found(bench, glob="a/**/*.py") == ["a/b/c.py", "a/z.py"]
    assert bench.do("search_files", glob="*.py").summary == "2 files"


def test_a_query_is_plain_text_unless_it_is_said_to_be_an_expression(bench: Workbench) -> None:
    bench.put("a", "f(x) = [1]\nfx 1\n")
    assert found(bench, query="f(x) = [1]") == ["a:1: f(x) = [1]"]
    assert found(bench, query="f.x", regex=True) == ["a:1: f(x) = [1]"]
    assert found(bench, query="^fx|]$", regex=True) == ["a:1: f(x) = [1]", "a:2: fx 1"]
    assert "'f(' is not a regular expression" in bench.error("search_files", query="f(", regex=True)


@pytest.mark.parametrize("query", ["f(", "a{99999999999}", "(?P<x", "[z-a]", "(" * 5000])
def test_what_is_no_expression_is_said(bench: Workbench, query: str) -> None:
    bench.put("a", "x")
    assert "is not a regular expression" in bench.error("search_files", query=query, regex=True)


def test_an_expression_sees_lines_without_their_ends(bench: Workbench) -> None:
    bench.put("a", b"one\r\ntwo\nthree")
    bench.put("b", "größe 漢\n" * 3)
    assert found(bench, query="^one$|o$|e$", regex=True) == ["a:1: one", "a:2: two", "a:3: three"]
    assert found(bench, query="grö.e .$", regex=True) == ["b:1: größe 漢", "b:2: größe 漢", "b:3: größe 漢"]
    assert found(bench, query="GRÖ.E", regex=True) == ["Nothing found for 'GRÖ.E'."]


ENDLESS = "(a+)+$"


def test_an_expression_that_takes_for_ever_is_ended_when_its_time_is_up(tmp_path: Path) -> None:
    bench = Workbench(tmp_path, [SearchFiles(seconds=0.3)])
    bench.put("a", "needle aaa\n")
    bench.put("b", "a" * 60 + "!\n")
    bench.put("c", "needle aaa\n")
    assert found(bench, query=ENDLESS, regex=True) == [
        "a:1: needle aaa", "[stopped after 0 s; narrow it with glob or path]",
    ]  # fmt: skip


def test_an_expression_that_takes_for_ever_does_not_keep_alpi_from_stopping(bench: Workbench) -> None:
    """While it runs the loop goes on, and stopping ends the process that it runs in."""
    bench.put("a", "a" * 60 + "!\n")

    async def stopped() -> None:
        call = asyncio.create_task(bench.start("search_files", query=ENDLESS, regex=True))
        async with asyncio.timeout(30):
            while not (started := running_matchers()):
                await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.wait({call})
            while running_matchers() & started:
                await asyncio.sleep(0.01)
        assert call.cancelled()

    asyncio.run(stopped())


def running_matchers() -> set[str]:
    """The processes that this one has started to match patterns in."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                if b"wanted" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(child)
            except OSError:
                pass  # it has ended
    return found


def test_nothing_found_says_what_was_looked_for(bench: Workbench) -> None:
    bench.put("a", "x")
    assert bench.text("search_files", query="zzz") == "Nothing found for 'zzz'."
    assert bench.text("search_files", query="zzz", glob="*.py") == "Nothing found for 'zzz' in files named *.py."
    assert bench.text("search_files", glob="*.py") == "Nothing found for files named *.py."
    assert bench.do("search_files", query="zzz").summary == "nothing found"
    assert "there is no folder nowhere" in bench.error("search_files", query="x", path="nowhere")


def test_lines_are_numbered_as_an_editor_does(bench: Workbench) -> None:
    bench.put("a", "one\u2028still one\x0cand here" + "." * 100 + "\r\ntwo\n")
    assert found(bench, query="two") == ["a:2: two"]


def test_other_encodings_are_searched_too(bench: Workbench) -> None:
    bench.put("a", "größe\n".encode("utf-16"))
    bench.put("b", "größe\n".encode("cp1252"))
    bench.put("c.bin", "größe\n".encode() + b"\0")
    assert found(bench, query="größe") == ["a:1: größe", "b:1: größe"]


# -- what is left out --------------------------------------------------------------------------------------------------

IGNORES = {
    ".gitignore": "*.log\n!keep.log\n/build\ntemp/\n**/cache/**\n!important/\nfoo/bar\n\\#hash\n \n"
    "spaced\\ name\n# comment\n*.py[co]\n[Tt]mp*\n",
    "sub/.gitignore": "!*.log\n/only-here\nfoo\n",
    "sub/deep/.gitignore": "*\n!.gitignore\n!kept.txt\n",
    "crlf/.gitignore": "*.tmp\r\nout\r\n",
}
FILES = [
    "a.txt", "a.log", "keep.log", "build/x", "sub/build/x", "temp/x", "sub/temp/x", "temp.txt", "x/cache/y/z", "cache/q",
    "important/i.txt", "foo/bar", "foo/baz", "sub/foo/x", "sub/a.log", "sub/only-here", "only-here", "sub/x/only-here",
    "sub/deep/kept.txt", "sub/deep/lost.txt", "sub/deep/d/kept.txt", "#hash", "spaced name", "m.pyc", "m.py", "tmpfile", "Tmp/x",
    "atmp", "crlf/x.tmp", "crlf/out", "crlf/in", "ü.log", "ü.txt", "nested/a/b/c/d.log", "nested/a/b/keep.log",
]  # fmt: skip


def repository(bench: Workbench) -> None:
    git(bench.workspace, "init", "-q")
    for name, text in IGNORES.items():
        bench.put(name, text)
    for name in FILES:
        bench.put(name, "x\n")


@pytest.mark.parametrize("below", ["", "sub", "sub/deep", "nested/a/b", "crlf"])
def test_what_git_ignores_is_left_out_and_nothing_else(bench: Workbench, below: str) -> None:
    repository(bench)
    assert walked(bench, below) == not_ignored(bench.workspace / below)


def test_rules_above_the_repository_do_not_count(bench: Workbench) -> None:
    bench.put(".gitignore", "*.txt\n")
    bench.put("repo/a.txt", "x")
    git(bench.workspace / "repo", "init", "-q")
    assert walked(bench, "repo") == {"a.txt"} == not_ignored(bench.workspace / "repo")


def test_without_a_repository_the_files_named_gitignore_still_count(bench: Workbench) -> None:
    bench.put(".gitignore", "*.log\n")
    bench.put("a.log")
    bench.put("a.txt")
    assert walked(bench) == {".gitignore", "a.txt"}


@pytest.mark.parametrize("name", [".git", "node_modules", "__pycache__", ".venv", ".hg"])
def test_some_folders_are_never_worth_it(bench: Workbench, name: str) -> None:
    bench.put(f"{name}/x", "needle\n")
    bench.put(f"a/{name}/x", "needle\n")
    bench.put("a/b", "needle\n")
    assert found(bench, query="needle") == ["a/b:1: needle"]


def test_a_rule_file_that_is_no_file_is_not_waited_for(bench: Workbench) -> None:
    os.mkfifo(bench.workspace / ".gitignore")
    bench.put("d/x")
    (bench.workspace / "d" / ".gitignore").mkdir()
    (bench.workspace / "e").mkdir()
    (bench.workspace / "e" / ".gitignore").symlink_to("/dev/zero")
    bench.put("e/y")
    assert walked(bench) == {"d/x", "e/y"}


def test_files_of_secrets_are_left_out_and_counted(bench: Workbench) -> None:
    for name in (".env", "sub/.env.local", "server.key", "a.pem"):
        bench.put(name, "needle\n")
    bench.put(".env.example", "needle\n")
    lines = found(bench, query="needle")
    assert lines == [".env.example:1: needle", "[4 files with secrets left out]"]
    assert "[4 files with secrets left out]" in found(bench, glob="*")


def test_alpis_own_home_and_credentials_below_the_folder_are_left_out(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    (bench.home / ".ssh").mkdir()
    for name in (".ssh/config", ".alpi/config.yaml", "notes.txt"):
        (bench.home / name).write_text("needle\n")
    bench.asker = Person(Answer.ONCE)
    assert f"{bench.home / 'notes.txt'}:1: needle" in found(bench, query="needle", path=str(bench.home))
    text = bench.text("search_files", query="needle", path=str(bench.home))
    assert ".ssh" not in text
    assert ".alpi" not in text


def test_links_are_not_followed(bench: Workbench) -> None:
    (bench.folder / "outside").mkdir()
    (bench.folder / "outside" / "x").write_text("needle\n")
    (bench.workspace / "link").symlink_to(bench.folder / "outside")
    (bench.workspace / "file").symlink_to(bench.folder / "outside" / "x")
    (bench.workspace / "loop").symlink_to(bench.workspace)
    bench.put("a", "needle\n")
    assert found(bench, query="needle") == ["a:1: needle"]
    assert walked(bench) == {"a"}


def test_another_name_of_a_key_is_left_out_and_the_search_goes_on(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    (bench.home / ".ssh").mkdir()
    (bench.home / ".ssh" / "id_rsa").write_text("needle PRIVATE\n")
    os.link(bench.home / ".ssh" / "id_rsa", bench.workspace / "b.txt")
    bench.put("a.txt", "needle\n")
    bench.put("c.txt", "needle\n")
    assert found(bench, query="needle") == ["a.txt:1: needle", "c.txt:1: needle", "[1 file with secrets left out]"]


def test_names_that_are_no_text_are_shown_as_far_as_they_can_be(bench: Workbench) -> None:
    name = os.fsdecode(b"a\xff.txt")
    bench.put(name, "needle\n")
    assert found(bench, query="needle") == ["a\ufffd.txt:1: needle"]
    assert found(bench) == ["a\ufffd.txt"]
    assert "a\ufffd.txt" in bench.error("read_file", path="missing")


def test_pipes_and_what_may_not_be_read_do_not_stop_a_search(bench: Workbench) -> None:
    os.mkfifo(bench.workspace / "pipe")
    bench.put("a", "needle\n")
    closed = bench.put("closed/x", "needle\n").parent
    closed.chmod(0)
    try:
        assert "a:1: needle" in found(bench, query="needle")
    finally:
        closed.chmod(0o755)


# -- limits ------------------------------------------------------------------------------------------------------------


def test_too_many_hits_are_cut_and_said(bench: Workbench) -> None:
    for number in range(30):
        bench.put(f"{number:02}", "needle\n" * 50)
    lines = found(bench, query="needle")
    assert len(lines) == MOST_HITS + 1
    assert lines[-1] == f"[stopped at {MOST_HITS}; narrow it with glob or path]"
    assert lines[20] == "00: more lines like these"
    assert lines[21].startswith("01:1:")


def test_too_many_names_are_cut_and_said(bench: Workbench) -> None:
    for number in range(MOST_HITS + 5):
        bench.put(f"{number:03}")
    lines = found(bench)
    assert len(lines) == MOST_HITS + 1
    assert "stopped at" in lines[-1]


def test_a_file_that_is_too_large_is_left_out_and_said(bench: Workbench) -> None:
    os.truncate(bench.put("sparse", "needle\n"), 1 << 31)  # nothing but zeros: no text
    bench.put("log", "needle\n" * ((9 << 20) // 7))
    bench.put("small", "needle\n")
    assert found(bench, query="needle") == ["small:1: needle", "[1 file larger than 8 MB not searched]"]


def test_long_lines_are_cut(bench: Workbench) -> None:
    bench.put("a", "needle " + "x" * 100_000 + "\n")
    (line,) = found(bench, query="needle")
    assert len(line) < 260


def test_a_search_that_is_stopped_ends_between_two_files(bench: Workbench) -> None:
    for number in range(50):
        bench.put(f"{number:02}", "x")
    stop = threading.Event()
    walk = Walk(bench.guard, bench.workspace, "", stop).files()
    next(walk)
    stop.set()
    assert list(walk) == []


def test_many_searches_at_once_do_not_disturb_each_other(bench: Workbench) -> None:
    for number in range(20):
        bench.put(f"{number:02}", f"needle{number:02}\n")

    async def all_at_once() -> list[str]:
        calls = [bench.start("search_files", query=f"needle{number:02}") for number in range(20)]
        return [done.text for done in await asyncio.gather(*calls)]

    assert asyncio.run(all_at_once()) == [f"{number:02}:1: needle{number:02}" for number in range(20)]


@pytest.mark.parametrize(
    ("glob", "matching", "other"),
    [
        ("*.py", ["a.py", "x/a.py", ".py"], ["a.pyc", "py", "a.py/x"]),
        ("test_*", ["test_a", "x/test_"], ["atest_", "test_x/a"]),
        ("src/*.py", ["src/a.py"], ["src/x/a.py", "a.py", "x/src/a.py"]),
        ("src/**/*.py", ["src/a.py", "src/x/a.py", "src/x/y/a.py"], ["a.py", "srcx/a.py"]),
        ("**/a.py", ["a.py", "x/a.py", "x/y/a.py"], ["ba.py", "a.py/x"]),
        ("src/**", ["src/a", "src/x/a"], ["src", "a"]),
        ("**/x/**/y", ["x/y", "a/x/b/c/y", "x/x/y"], ["y", "a/y"]),
        ("a/?/c", ["a/b/c"], ["a/bb/c", "a//c"]),
        ("a/[bc]/d", ["a/b/d", "a/c/d"], ["a/a/d"]),
        ("a/[!bc]/d", ["a/a/d"], ["a/b/d", "a/c/d"]),
        ("[!a]*.py", ["b.py", "x/b.py"], ["a.py"]),
        ("/a.py", ["a.py"], ["x/a.py"]),
        ("./src/a.py", ["src/a.py"], ["a.py"]),
        ("a+b/(c).{py}", ["a+b/(c).{py}"], ["aab/c.py"]),
        ("x/[z-a]", [], ["x/z", "x/a"]),
        ("x/[", ["x/["], ["x/a"]),
        ("X/a", ["X/a"], ["x/a"]),
    ],
)
def test_globs(glob: str, matching: list[str], other: list[str]) -> None:
    assert [path for path in matching if not glob_matches(glob, path)] == []
    assert [path for path in other if glob_matches(glob, path)] == []


def test_many_stars_cost_no_time() -> None:
    assert not glob_matches("**/a/" * 12 + "b", "/".join("a" * 60))
    assert not glob_matches("*a" * 12 + "/b", "a" * 60 + "/c")
