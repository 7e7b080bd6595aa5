"""Journals: what was acknowledged is there, whatever the end of the file looks like."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from msgspec import Struct

from alpi.base.errors import StorageError
from alpi.base.journal import Journal, read_journal
from alpi.base.redact import Redactor
from tests.support.disks import no_larger_than, not_ours, on_small_disk


class Note(Struct):
    text: str
    count: int = 0


def filled(path: Path, *records: object) -> Journal:
    journal = Journal(path)
    for record in records:
        journal.append(record)
    return journal


def test_records_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.jsonl"
    journal = filled(path, {"a": 1}, Note("zwei\nlines é\u2028", 2), {"b": [True, None, 1.5]})
    assert path.read_bytes().count(b"\n") == 3
    text = read_journal(path)
    assert text.records == ({"a": 1}, {"text": "zwei\nlines é\u2028", "count": 2}, {"b": [True, None, 1.5]})
    assert text.warnings == ()
    journal.close()
    journal.append({"c": 1})
    assert len(read_journal(path).records) == 4
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_text_that_json_cannot_hold_is_written_as_far_as_it_can_be(tmp_path: Path) -> None:
    given = Journal(tmp_path / "x").append({"text": "a\udcffb \udcc3\udca9 \ud800", "deep": ["\udcff"]})
    assert given == {"text": "a\ufffdb \u00e9 \ufffd", "deep": ["\ufffd"]}
    assert read_journal(tmp_path / "x").records == (given,)


def test_a_missing_and_an_empty_file_hold_nothing(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "x").records == ()
    (tmp_path / "x").touch()
    assert read_journal(tmp_path / "x").records == ()
    assert Journal(tmp_path / "x").is_empty()


def test_a_torn_last_line_is_left_out_and_said_and_the_next_append_cuts_it_off(tmp_path: Path) -> None:
    path = tmp_path / "x"
    filled(path, {"n": 1}, {"n": 2})
    path.write_bytes(path.read_bytes()[:-4])
    text = read_journal(path)
    assert text.records == ({"n": 1},)
    assert text.warnings == (f"{path}: the last line was cut off while it was being written; it was left out",)
    filled(path, {"n": 3})
    assert path.read_bytes() == b'{"n":1}\n{"n":3}\n'


def test_a_whole_last_line_that_only_lacks_its_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'{"n":1}\n{"n":2}')
    assert len(read_journal(path).records) == 2
    filled(path, {"n": 3})
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n{"n":3}\n'


def test_a_torn_line_longer_than_a_block_is_cut_off_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'{"n":1}\n{"text":"' + b"x" * 200_000)
    filled(path, {"n": 2})
    assert path.read_bytes() == b'{"n":1}\n{"n":2}\n'


def test_a_file_that_is_nothing_but_a_torn_line_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'{"record":"sess')
    journal = Journal(path)
    assert journal.is_empty()
    journal.append({"n": 1})
    assert path.read_bytes() == b'{"n":1}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b"123",
        b"[1]",
        b'"text"',
        b"null",
        b'{"a":',
        b"\xff\xfe\xfd",
        b'{"a":"\xff"}',
        b"[" * 200_000,
        b'{"n":1}{"n":1}',
        b"\0\0x",
    ],
    ids=["words", "number", "list", "string", "null", "half", "bytes", "bad utf-8", "deep", "two", "nul"],
)
def test_a_line_of_garbage_in_the_middle_is_named_and_the_others_are_read(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'{"n":1}\n' + line + b'\n{"n":3}\n')
    text = read_journal(path)
    assert text.records == ({"n": 1}, {"n": 3})
    (warning,) = text.warnings
    assert warning.startswith(f"{path}, line 2: not readable (")
    before = path.read_bytes()
    filled(path, {"n": 4})
    assert path.read_bytes() == before + b'{"n":4}\n', "garbage in the middle is not ours to remove"


@pytest.mark.parametrize("tail", [b"\xff\xfe", b"[" * 200_000, b"123", b"\0" * 4096])
def test_garbage_at_the_end_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'{"n":1}\n' + tail)
    filled(path, {"n": 2})
    assert read_journal(path).records == ({"n": 1}, {"n": 2})
    assert read_journal(path).warnings == ()


def test_blank_lines_and_the_zeros_that_a_crash_of_the_machine_leaves_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b'\n{"n":1}\r\n   \n\0\0\0\0\n{"n":2}\n')
    assert read_journal(path) == read_journal(path)
    assert read_journal(path).records == ({"n": 1}, {"n": 2})
    assert read_journal(path).warnings == ()


def test_a_write_that_fails_midway_leaves_nothing_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "x"
    journal = filled(path, {"n": 1})
    before = path.read_bytes()
    with no_larger_than(1000), pytest.raises(StorageError, match=r"could not write to .*/x: File too large"):
        journal.append({"text": "x" * 5000})
    assert path.read_bytes() == before
    journal.append({"n": 2})
    assert read_journal(path).records == ({"n": 1}, {"n": 2})


def test_a_full_disk_is_said_and_what_was_written_stays(tmp_path: Path) -> None:
    done = on_small_disk(
        tmp_path,
        f"""
import pathlib
from alpi.base.errors import StorageError
from alpi.base.journal import Journal, read_journal
journal = Journal(pathlib.Path({str(tmp_path)!r}) / "x")
written = 0
try:
    while True:
        journal.append({{"n": written, "text": "x" * 3000}})
        written += 1
except StorageError as error:
    print(error.message, "/", error.hint)
try:
    journal.append({{"text": "y" * 5000}})
except StorageError as error:
    print("again:", error.message)
text = read_journal(journal.path)
print(len(text.records) == written > 5, text.warnings)
""",
    )
    first, again, last = done.stdout.splitlines()
    assert "No space left on device / The disk is full" in first, done.stderr
    assert "No space left on device" in again
    assert last == "True ()"


def test_a_folder_that_may_not_be_written_is_said() -> None:
    with not_ours() as folder, pytest.raises(StorageError, match="Permission denied"):
        Journal(folder / "x").append({"n": 1})


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious\n")
    (tmp_path / "x").symlink_to(target)
    with pytest.raises(StorageError) as caught:
        Journal(tmp_path / "x").append({"n": 1})
    assert "link" in caught.value.hint
    assert target.read_text() == "precious\n"


def test_a_journal_that_was_moved_away_goes_on_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    journal = filled(path, {"n": 1})
    path.rename(tmp_path / "old")
    assert journal.is_empty()
    journal.append({"n": 2})
    assert (tmp_path / "old").read_bytes() == b'{"n":1}\n'
    assert path.read_bytes() == b'{"n":2}\n'


def test_one_that_is_much_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    os.truncate(path, 3 << 20)
    with pytest.raises(StorageError, match="is larger than 1 MiB"):
        read_journal(path, limit=1 << 20)


# -- secrets ---------------------------------------------------------------------------------------------------------


def written(path: Path, secrets: dict[str, str], record: dict[str, object]) -> dict[str, object]:
    given = Journal(path, Redactor(secrets)).append(record)
    (line,) = path.read_text().splitlines()
    assert json.loads(line) == given, "what is returned is not what was written"
    return given


def test_every_string_of_a_record_is_cleaned_at_any_depth(tmp_path: Path) -> None:
    got = written(
        tmp_path / "x",
        {"KEY": "hunter2-hunter2"},
        {
            "text": "it is hunter2-hunter2!",
            "calls": [{"arguments": '{"k": "hunter2-hunter2"}', "extra": {"deep": ["hunter2-hunter2"]}}],
        },
    )
    assert got == {
        "text": "it is [secret KEY]!",
        "calls": [{"arguments": '{"k": "[secret KEY]"}', "extra": {"deep": ["[secret KEY]"]}}],
    }


@pytest.mark.parametrize("secret", ['pass"wo\\rd-1', "tab\tand'quote", "smörgås€-öäü", "plain-value-42"])
def test_a_secret_inside_json_inside_the_journal_is_found(tmp_path: Path, secret: str) -> None:
    for number, arguments in enumerate((json.dumps({"k": secret}), json.dumps({"k": secret}, ensure_ascii=False))):
        got = written(tmp_path / f"{number}", {"KEY": secret}, {"arguments": arguments})
        assert got == {"arguments": '{"k": "[secret KEY]"}'}


def test_a_token_after_a_line_break_is_found(tmp_path: Path) -> None:
    got = written(tmp_path / "x", {}, {"text": "key:\nsk-abcdefghijklmnopqrstuvwx"})
    assert got == {"text": "key:\n[secret]"}


@pytest.mark.parametrize("secret", ["message", "assistant", "1234567", "2026-11-23T", '":"", "', "record", '"role"'])
def test_a_secret_that_is_spelled_like_the_file_itself_breaks_nothing(tmp_path: Path, secret: str) -> None:
    record: dict[str, object] = {
        "record": "message", "role": "assistant", "time": "2026-11-23T09:00:00Z", "usage": {"input": 1234567}, "text": f"<{secret}>",
    }  # fmt: skip
    got = written(tmp_path / "x", {"KEY": secret}, record)
    assert got == {**record, "text": "<[secret KEY]>"}
