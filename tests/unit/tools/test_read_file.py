"""read_file: ranges, encodings, what is too large, and what is no text."""

from __future__ import annotations

import base64
import os
import resource
from pathlib import Path

import pytest

from alpi.tools.read_file import LARGEST_PICTURE, WHOLE, picture_type
from tests.support.fakes import Person
from tests.support.workbench import Workbench


def test_a_whole_file(bench: Workbench) -> None:
    bench.put("a.txt", "one\ntwo\n")
    done = bench.do("read_file", path="a.txt")
    assert (done.ok, done.text, done.summary) == (True, "one\ntwo\n", "2 lines")
    assert bench.text("read_file", path=str(bench.workspace / "a.txt")) == "one\ntwo\n"
    bench.put("sub/b.txt")
    assert bench.text("read_file", path="./sub/../a.txt") == "one\ntwo\n"


def test_an_empty_file_and_one_without_a_last_newline(bench: Workbench) -> None:
    bench.put("empty", "")
    bench.put("open", "one\ntwo")
    assert bench.text("read_file", path="empty") == "(the file is empty)"
    assert bench.text("read_file", path="open") == "one\ntwo"


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        (1, 2, "l1\nl2\n[lines 1-2 of 5]"),
        (2, 1, "l2\n[lines 2-2 of 5]"),
        (4, None, "l4\nl5\n[lines 4-5 of 5]"),
        (5, 10, "l5\n[lines 5-5 of 5]"),
        (1, 5, "l1\nl2\nl3\nl4\nl5\n"),
        (1, 99, "l1\nl2\nl3\nl4\nl5\n"),
    ],
)
def test_a_part(bench: Workbench, start: int, count: int | None, expected: str) -> None:
    bench.put("a", "".join(f"l{n}\n" for n in range(1, 6)))
    assert bench.text("read_file", path="a", start_line=start, lines=count) == expected


def test_a_part_behind_the_end_says_how_long_the_file_is(bench: Workbench) -> None:
    bench.put("a", "l1\nl2")
    assert bench.error("read_file", path="a", start_line=3) == "Error: a has 2 lines. Ask for an earlier start_line"


def test_a_long_file_is_read_part_by_part_without_losing_a_line(tmp_path: Path) -> None:
    bench = Workbench(tmp_path, output_chars=2000)
    content = "".join(f"line {n} {'é' * (n % 40)}\n" for n in range(1, 501))
    bench.put("a", content)
    seen, start = "", 1
    for _ in range(100):
        text = bench.text("read_file", path="a", start_line=start)
        assert len(text) <= 2000
        body, _, note = text.rpartition("[")
        seen += body
        if "go on with start_line" not in note:
            break
        start = int(note.rsplit(" ", 1)[1].rstrip("]"))
    assert seen == content


def test_only_a_newline_ends_a_line_as_for_editors_and_grep(bench: Workbench) -> None:
    bench.put("a", "one\x0b\x0c\u2028\u2029\x85\x1c\x1d\x1e still one" + "." * 200 + "\ntwo\n")
    assert bench.text("read_file", path="a", start_line=2) == "two\n[lines 2-2 of 2]"


def test_one_endless_line_is_cut_and_kept(tmp_path: Path) -> None:
    bench = Workbench(tmp_path, output_chars=2000)
    bench.put("a", "x" * 100_000)
    text = bench.text("read_file", path="a")
    assert len(text) < 2500
    assert "characters left out here" in text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("größe €\n".encode(), "größe €\n"),
        (b"\xef\xbb\xbfgr\xc3\xb6\xc3\x9fe\n", "größe\n"),
        ("größe €\n".encode("utf-16"), "[decoded as utf-16-le]\ngröße €\n"),
        (b"\xfe\xff" + "größe 😀\n".encode("utf-16-be"), "[decoded as utf-16-be]\ngröße 😀\n"),
        ("größe\n".encode("utf-32"), "[decoded as utf-32-le]\ngröße\n"),
        ("größe €\n".encode("cp1252"), "[decoded as cp1252]\ngröße €\n"),
        (b"gr\xf6\xdfe \x81\x8d\n", "[decoded as latin-1]\ngröße \x81\x8d\n"),
        (b"one\r\ntwo\r\n", "one\ntwo\n"),
        (b"one\r\ntwo\n", "one\ntwo\n"),
    ],
    ids=["utf-8", "utf-8 mark", "utf-16", "utf-16 be", "utf-32", "windows", "latin-1", "crlf", "mixed"],
)
def test_encodings(bench: Workbench, data: bytes, text: str) -> None:
    bench.put("a.txt", data)
    assert bench.text("read_file", path="a.txt") == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01\0\0",
        b"PK\x03\x04\x14\0\0\0",
        b"text then \0 nul",
        b"\x01\x02\x03\x04\x05\x06\x07 " * 20,
        b"\x1f\x8b\x08\0abc",
    ],
    ids=["elf", "zip", "nul", "controls", "gzip"],
)
def test_a_binary_file_is_refused_with_its_size(bench: Workbench, data: bytes) -> None:
    bench.put("a.bin", data)
    assert bench.error("read_file", path="a.bin") == (
        f"Error: a.bin is a binary file ({len(data)} bytes). Only text and pictures can be read"
    )


# -- large files -------------------------------------------------------------------------------------------------------


def test_a_sparse_file_of_two_gigabytes_is_refused_at_once_and_in_little_memory(bench: Workbench) -> None:
    path = bench.put("huge")
    os.truncate(path, 2 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "is a binary file (2.0 GB)" in bench.error("read_file", path="huge")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_the_beginning_of_two_gigabytes_is_read_in_little_memory(bench: Workbench) -> None:
    path = bench.put("huge", "".join(f"line {n}\n" for n in range(1, 5001)))
    os.truncate(path, 2 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert bench.text("read_file", path="huge", start_line=4000, lines=2) == (
        "line 4000\nline 4001\n[lines 4000-4001 of a file of 2.0 GB; go on with start_line 4002]"
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def large(bench: Workbench, line: str) -> tuple[list[str], str]:
    """A file that is too large to be read whole; its lines and its name."""
    count = (WHOLE // len(line.encode())) + 1000
    lines = [line.replace("#", f"{n:06}") for n in range(1, count + 1)]
    bench.put("large.txt", "".join(lines))
    return lines, "large.txt"


@pytest.mark.parametrize("line", ["line #\n", "é€😀 # " + "ü" * 40 + "\n"], ids=["plain", "many bytes"])
def test_lines_out_of_a_large_file(bench: Workbench, line: str) -> None:
    lines, name = large(bench, line)
    for start in (1, 2, 777, len(lines) // 2, len(lines) - 3):
        text = bench.text("read_file", path=name, start_line=start, lines=3)
        body, _, note = text.rpartition("[")
        assert body == "".join(lines[start - 1 : start + 2])
        assert f"lines {start}-{start + 2} of a file of" in note
    whole = bench.text("read_file", path=name, start_line=1000)
    body, _, note = whole.rpartition("[")
    assert 10_000 < len(body) < 16_000
    assert "".join(lines[999:]).startswith(body)
    assert body.endswith("\n")


def test_the_end_of_a_large_file_is_said(bench: Workbench) -> None:
    lines, name = large(bench, "line #\n")
    text = bench.text("read_file", path=name, start_line=len(lines) - 1)
    assert text.startswith(lines[-2])
    assert text.endswith(", to its end]")
    assert "ends before line" in bench.error("read_file", path=name, start_line=len(lines) + 1)
    assert f"has only {len(lines) + 1:,} lines" in bench.error("read_file", path=name, start_line=len(lines) + 500)


def test_a_large_file_in_utf_16_is_refused_in_words(bench: Workbench) -> None:
    bench.put("large.txt", ("zeile\n" * (WHOLE // 12 + 10)).encode("utf-16"))
    assert "can only be read as UTF-8" in bench.error("read_file", path="large.txt", start_line=3)


# -- what is not there, or no file -------------------------------------------------------------------------------------


def test_a_missing_file_is_answered_with_names_like_it(bench: Workbench) -> None:
    bench.put("docs/readme.md", "x")
    bench.put("docs/other.txt", "x")
    assert bench.error("read_file", path="docs/raedme.md") == (
        "Error: there is no file docs/raedme.md. Did you mean docs/readme.md?"
    )
    assert bench.error("read_file", path="docs/zzz") == (
        "Error: there is no file docs/zzz. Its folder holds: other.txt, readme.md"
    )
    assert "There is no folder nowhere either" in bench.error("read_file", path="nowhere/x")


def test_a_file_below_a_file_is_missing_too(bench: Workbench) -> None:
    bench.put("a.txt", "x")
    assert "Not a directory" in bench.error("read_file", path="a.txt/b")


def test_a_folder_is_answered_with_what_it_holds(bench: Workbench) -> None:
    for n in range(60):
        bench.put(f"d/f{n:02}")
    bench.put("d/sub/x")
    text = bench.error("read_file", path="d")
    assert text.startswith("Error: d is a folder. It holds: f00, f01,")
    assert text.endswith(" and 21 more")
    (bench.workspace / "empty").mkdir()
    assert bench.error("read_file", path="empty").endswith("It holds: nothing")


def test_what_is_no_regular_file_is_not_waited_for(bench: Workbench) -> None:
    os.mkfifo(bench.workspace / "pipe")
    assert "is not a regular file" in bench.error("read_file", path="pipe")
    assert "not a regular file" in bench.error("read_file", path="/dev/null")


def test_a_file_that_may_not_be_opened_is_said(bench: Workbench) -> None:
    path = bench.put("a", "x")
    path.chmod(0)
    bench.folder.chmod(0o755)
    for folder in bench.folder.parents:
        if folder.owner() == path.owner() and str(folder) not in ("/", "/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        assert bench.error("read_file", path="a") == f"Error: Permission denied {path}"
    finally:
        if is_root:
            os.seteuid(0)


# -- pictures ----------------------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0" * 20


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0abc", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_pictures_go_to_a_model_that_sees(tmp_path: Path, data: bytes, kind: str) -> None:
    bench = Workbench(tmp_path, vision=True)
    bench.put("a.dat", data)
    done = bench.do("read_file", path="a.dat")
    assert done.ok
    (image,) = done.images
    assert (image.media_type, base64.b64decode(image.data), image.name) == (kind, data, "a.dat")
    assert done.text == f"[picture a.dat, {len(data)} bytes]"


def test_a_model_that_does_not_see_is_told_so(bench: Workbench) -> None:
    bench.put("a.png", PNG)
    assert bench.error("read_file", path="a.png") == (
        "Error: a.png is a picture and this model cannot see. Ask the person to describe it, or to choose a model that sees"
    )


def test_a_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    bench = Workbench(tmp_path, vision=True)
    path = bench.put("a.png", PNG)
    os.truncate(path, LARGEST_PICTURE + 1)
    assert "pictures up to 5.0 MB can be shown" in bench.error("read_file", path="a.png")


def test_a_sound_is_no_picture() -> None:
    assert picture_type(b"RIFF\0\0\0\0WAVEfmt ") == ""
    assert picture_type(b"") == ""


# -- the gate ----------------------------------------------------------------------------------------------------------


def test_files_of_secrets_need_a_yes_and_nobody_to_ask_means_no(tmp_path: Path) -> None:
    from alpi.safety.actions import Answer

    bench = Workbench(tmp_path)
    bench.put(".env", "KEY=1\n")
    done = bench.do("read_file", path=".env")
    assert done.refused
    assert "KEY=1" not in done.text
    bench.asker = Person(Answer.ONCE)
    assert bench.text("read_file", path=".env") == "KEY=1\n"


def test_credentials_are_refused_whatever_a_person_says(tmp_path: Path) -> None:
    from alpi.safety.actions import Answer

    bench = Workbench(tmp_path, asker=Person(Answer.ONCE))
    (bench.home / ".ssh").mkdir()
    (bench.home / ".ssh" / "id_rsa").write_text("PRIVATE")
    (bench.workspace / "innocent").symlink_to(bench.home / ".ssh" / "id_rsa")
    for path in (str(bench.home / ".ssh/id_rsa"), "innocent", "../home/.ssh/id_rsa"):
        done = bench.do("read_file", path=path)
        assert done.refused
        assert "PRIVATE" not in done.text
        assert "Nothing lifts this" in done.text
