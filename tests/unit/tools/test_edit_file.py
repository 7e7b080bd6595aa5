"""edit_file: exactly what was asked for is replaced, or nothing is, and then it says where it is near."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alpi.agent.tool import ReadRecord, ToolContext
from alpi.safety.actions import Answer, ReadPath, WritePath
from alpi.safety.guarded import FileState, GuardedFiles
from alpi.tools.edit_file import LARGEST, EditFile
from tests.support.fakes import Person
from tests.support.workbench import Workbench


def test_a_replacement(bench: Workbench) -> None:
    path = bench.put("a.py", "one\ntwo\nthree\n")
    done = bench.do("edit_file", path="a.py", old="two\n", new="2\n2b\n")
    assert (done.ok, done.summary) == (True, "1 replacement")
    assert done.text == "Edited a.py: 1 replacement, at line 2."
    assert path.read_text() == "one\n2\n2b\nthree\n"
    assert done.diff == "--- a.py\n+++ a.py\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n+2b\n three"


def test_text_that_stands_more_than_once_is_not_guessed_at(bench: Workbench) -> None:
    path = bench.put("a", "x = 1\ny = 1\nx = 1\n")
    assert bench.error("edit_file", path="a", old="= 1", new="= 2") == (
        "Error: it stands 3 times in a (lines 1, 2, 3). Give more of the text around it, or set all to true"
    )
    assert path.read_text() == "x = 1\ny = 1\nx = 1\n"
    assert bench.text("edit_file", path="a", old="= 1", new="= 2", all=True) == (
        "Edited a: 3 replacements, at line 1, 2, 3."
    )
    assert path.read_text() == "x = 2\ny = 2\nx = 2\n"


@pytest.mark.parametrize(
    ("old", "line", "near"),
    [
        ("def hello(name):\n    print(name)", 3, "def hello(names):\n    print(names)"),
        ("  def hello(names):", 3, "def hello(names):"),
        ("retrun None", 5, "    return None"),
    ],
)
def test_text_that_is_not_there_is_answered_with_what_is_nearest(
    bench: Workbench, old: str, line: int, near: str
) -> None:
    bench.put("a.py", "import os\n\ndef hello(names):\n    print(names)\n    return None\n")
    assert bench.error("edit_file", path="a.py", old=old, new="x") == (
        f"Error: the text to replace is not in a.py. Nearest is line {line}:\n{near}"
    )


def test_text_that_is_nowhere_near(bench: Workbench) -> None:
    bench.put("a", "alpha\nbeta\n")
    bench.put("empty", "")
    assert bench.error("edit_file", path="a", old="§§§§§§", new="x").endswith(
        "Nothing in it is like that; read it first"
    )
    assert bench.error("edit_file", path="empty", old="x", new="y").endswith("The file is empty")


@pytest.mark.parametrize(
    ("lines", "asked"),
    [(60_000, 3), (4000, 100), (30_000, 200), (4000, 1)],
    ids=["long file", "long text", "both", "one line"],
)
def test_looking_for_the_nearest_does_not_take_for_ever(bench: Workbench, lines: int, asked: int) -> None:
    text = [f"    value_{n % 977} = compute({n}, other={n * 7 % 1009})\n" for n in range(lines)]
    bench.put("a", "".join(text))
    wanted = "".join(line.replace("compute", "compile") for line in text[-asked:])
    answer = bench.error("edit_file", path="a", old=wanted, new="x")
    assert "is not in a." in answer
    assert len(answer) < 2500


def test_windows_line_ends_stay(bench: Workbench) -> None:
    path = bench.put("a", b"one\r\ntwo\r\nthree\r\n")
    bench.text("edit_file", path="a", old="one\ntwo\n", new="1\n2\n2b\n")
    assert path.read_bytes() == b"1\r\n2\r\n2b\r\nthree\r\n"
    bench.text("edit_file", path="a", old="2\r\n2b\r\n", new="z\r\n")
    assert path.read_bytes() == b"1\r\nz\r\nthree\r\n"


def test_in_a_file_with_both_kinds_of_line_ends_either_is_found_and_the_rest_stays(bench: Workbench) -> None:
    path = bench.put("a", b"one\r\ntwo\nthree\r\nfour\n")
    bench.text("edit_file", path="a", old="one\ntwo\nthree\n", new="1\n2\n")
    assert path.read_bytes() == b"1\r\n2\r\nfour\n"
    bench.text("edit_file", path="a", old="four", new="4\n5")
    assert path.read_bytes() == b"1\r\n2\r\n4\n5\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\xef\xbb\xbfone \xc3\xa9\n", b"\xef\xbb\xbftwo \xc3\xa9\n"),
        ("one é\n".encode("utf-16"), "two é\n".encode("utf-16")),
        (b"\xfe\xff" + "one é\r\n".encode("utf-16-be"), b"\xfe\xff" + "two é\r\n".encode("utf-16-be")),
        ("one é€\n".encode("cp1252"), "two é€\n".encode("cp1252")),
        (b"one \x81\xe9\n", b"two \x81\xe9\n"),
    ],
    ids=["utf-8 mark", "utf-16", "utf-16 be", "windows", "latin-1"],
)
def test_a_file_stays_in_its_encoding(bench: Workbench, before: bytes, after: bytes) -> None:
    path = bench.put("a", before)
    bench.text("edit_file", path="a", old="one", new="two")
    assert path.read_bytes() == after


def test_a_character_that_the_files_encoding_lacks_is_said(bench: Workbench) -> None:
    path = bench.put("a", "größe\n".encode("cp1252"))
    assert bench.error("edit_file", path="a", old="größe", new="漢字") == (
        "Error: the file is cp1252, which has no '漢'. Use plain characters in it"
    )
    assert path.read_bytes() == "größe\n".encode("cp1252")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "x", "old is empty"),
        ("one", "one", "old and new are the same"),
        ("one\r\n", "one\n", "old and new are the same"),
    ],
)
def test_edits_that_make_no_sense(bench: Workbench, old: str, new: str, message: str) -> None:
    bench.put("a", b"one\r\ntwo\r\n")
    assert message in bench.error("edit_file", path="a", old=old, new=new)


def test_only_text_files_of_a_sensible_size(bench: Workbench) -> None:
    bench.put("bin", b"\0\1\2")
    assert "is a binary file" in bench.error("edit_file", path="bin", old="x", new="y")
    os.truncate(bench.put("huge", "text\n"), LARGEST + 1)
    assert "is larger than 16 MB" in bench.error("edit_file", path="huge", old="x", new="y")
    (bench.workspace / "d").mkdir()
    assert "d is a folder" in bench.error("edit_file", path="d", old="x", new="y")
    bench.put("readme.md", "x")
    assert "Did you mean readme.md?" in bench.error("edit_file", path="raedme.md", old="x", new="y")


def test_what_is_special_in_patterns_is_not_special_here(bench: Workbench) -> None:
    path = bench.put("a", b"a.*(b)\\1 [c] $d\r\nrest\n")
    bench.text("edit_file", path="a", old="a.*(b)\\1 [c] $d\n", new="\\g<0> \\1 $1 {}\n")
    assert path.read_bytes() == b"\\g<0> \\1 $1 {}\r\nrest\n"


class ChangedInBetween(GuardedFiles):
    """Files that somebody else writes to right after they were read."""

    def read(self, path: Path, limit: int) -> tuple[bytes, Path, FileState]:
        found = super().read(path, limit)
        path.write_text("somebody else's work\n")
        return found


def test_a_file_that_changes_while_it_is_edited_is_left_to_whoever_changed_it(bench: Workbench) -> None:
    path = bench.put("a", "one\ntwo\n")
    files = ChangedInBetween(bench.guard, lambda path, access: False)
    context = ToolContext(bench.workspace, files, ReadRecord(), lambda text: None, 16_000, False)
    tool = EditFile()
    import asyncio

    from alpi.base.errors import StorageError

    with pytest.raises(StorageError, match="was changed by somebody else meanwhile"):
        asyncio.run(tool.run(tool.Arguments("a", "one", "1"), context))
    assert path.read_text() == "somebody else's work\n"


def test_an_edit_is_a_reading_and_a_writing_for_the_gate(bench: Workbench) -> None:
    context = ToolContext(bench.workspace, None, ReadRecord(), lambda text: None, 16_000, False)  # type: ignore[arg-type]
    read, write = EditFile().actions(EditFile.Arguments("a", "one", "two"), context)
    assert read == ReadPath(bench.workspace / "a")
    assert isinstance(write, WritePath)
    assert write.preview == "--- a\n+++ a\n@@ -1 +1 @@\n-one\n+two"


def test_a_file_of_secrets_is_not_searched_by_way_of_an_edit(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.put(".env", "KEY=hunter2\n")
    done = bench.do("edit_file", path=".env", old="KEY=", new="X=")
    assert done.refused
    assert "hunter2" not in done.text
    bench.asker = Person(Answer.ONCE)
    assert bench.do("edit_file", path=".env", old="KEY=", new="X=").ok
