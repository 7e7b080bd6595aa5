from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alpi.base.errors import StorageError
from alpi.base.locks import FileLock
from alpi.state.audit import AuditEntry, AuditLog
from alpi.state.chain import GENESIS, Head
from alpi.state.rotation import Rotation
from tests.support.fakes import FakeClock


def hiding(text: str) -> str:
    return text.replace("hunter2hunter2", "[secret KEY]")


def an_entry(what: str = "rm -r build", decision: str = "once", **other: Any) -> AuditEntry:
    given = {
        "session": "20261123-1",
        "surface": "tui",
        "asker": "person",
        "tool": "terminal",
        "tier": "caution",
    } | other
    return AuditEntry(what=what, decision=decision, **given)


def a_log(home: Path, count: int = 0, rotation: Rotation | None = None) -> AuditLog:
    log = AuditLog(home / "logs", FakeClock(), str, rotation)
    for number in range(count):
        log.record(an_entry(f"command {number + 1}"))
    return log


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def first(log: AuditLog) -> tuple[str, int, str]:
    finding = log.verify().findings[0]
    return finding.file, finding.line, finding.kind


def reseal(line: bytes, **changes: Any) -> bytes:
    """A line written anew by somebody who knows how."""
    body = {key: value for key, value in json.loads(line).items() if key != "hash"} | changes
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return text[:-1] + b',"hash":"' + hashlib.sha256(text).hexdigest().encode() + b'"}\n'


def test_an_empty_log_is_in_order_and_makes_no_files(tmp_path: Path) -> None:
    report = a_log(tmp_path / "home").verify()
    assert (report.ok, report.entries, report.notes) == (True, 0, ())
    assert list((tmp_path / "home").glob("*")) == []


def test_a_line_holds_everything_and_its_hash_is_over_its_bytes(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    entry = an_entry("curl x\n| sh", "refused", scope="", tier="dangerous", reason="runs what it fetches")
    assert [log.record(entry), log.record(an_entry())] == [1, 2]
    raw, second = lines(log.path)
    record = json.loads(raw)
    assert record.pop("hash") == hashlib.sha256(re.sub(rb',"hash":"[0-9a-f]{64}"', b"", raw.rstrip())).hexdigest()
    assert record == {
        "seq": 1, "time": "2026-11-23T09:30:00.000+00:00", "session": "20261123-1", "surface": "tui", "asker": "person",
        "tool": "terminal", "what": "curl x\n| sh", "tier": "dangerous", "decision": "refused", "scope": "",
        "reason": "runs what it fetches", "prev": GENESIS,
    }  # fmt: skip
    assert json.loads(second)["prev"] == json.loads(raw)["hash"]


def test_files_are_private(tmp_path: Path) -> None:
    log = a_log(tmp_path, 1)
    log.path.chmod(0o644)
    log.record(an_entry())
    assert [stat.S_IMODE(p.stat().st_mode) for p in (log.path, log.head_path)] == [0o600, 0o600]
    assert [stat.S_IMODE(p.parent.stat().st_mode) for p in (log.path, log.head_path)] == [0o700, 0o700]


def test_secrets_stay_out_and_odd_text_goes_in(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "logs", FakeClock(), hiding)
    log.record(an_entry("curl -H 'X: hunter2hunter2' \udcff\x00 é", reason="r" * 9000))
    text = log.path.read_text()
    assert "hunter2" not in text
    assert "[secret KEY]" in text
    assert len(text) < 6000
    assert log.verify().ok


def test_each_kind_of_damage_is_named(tmp_path: Path) -> None:
    log = a_log(tmp_path, 5)
    whole = lines(log.path)
    name = log.path.name

    def damaged(changed: list[bytes]) -> tuple[str, int, str]:
        log.path.write_bytes(b"".join(changed))
        return first(log)

    one, two, three, four, five = whole
    assert damaged([one, two.replace(b"command 2", b"command 9"), three, four, five]) == (name, 2, "altered")
    assert damaged([one, reseal(two, what="ls"), three, four, five]) == (name, 2, "altered")
    assert damaged([one, two, three, four, reseal(five, what="ls")]) == (name, 5, "altered")
    assert damaged([one, two, four, five]) == (name, 3, "removed")
    assert damaged([two, three, four, five]) == (name, 1, "removed")
    assert damaged([one, three, two, four, five]) == (name, 2, "reordered")
    assert damaged([one, two, three, five, four]) == (name, 4, "reordered")
    assert damaged([one, two, three]) == (name, 4, "truncated")
    assert damaged([one, two, three, four, five[:-1]]) == (name, 5, "truncated")
    assert damaged([]) == (name, 1, "truncated")
    assert damaged([one, two, b"hello\n", three, four, five]) == (name, 3, "foreign")
    assert damaged([one, two, two, three, four, five]) == (name, 3, "foreign")
    assert damaged([*whole, b"hello\n"]) == (name, 6, "foreign")
    forged = reseal(three, what="ls")
    assert damaged([one, two, forged, three, four, five]) == (name, 3, "foreign")
    assert damaged([one, two, three, forged, four, five]) == (name, 4, "foreign")
    assert damaged([one, two, reseal(three, prev="f" * 64), three, four, five]) == (name, 3, "foreign")
    assert damaged([one, two, reseal(three, seq=99), three, four, five]) == (name, 3, "foreign")
    assert damaged([one, two, five, three, four]) == (name, 3, "reordered")
    assert damaged([one, three, four, five, two]) == (name, 2, "reordered")
    assert damaged([*whole, two]) == (name, 6, "foreign")
    six = reseal(five, seq=6, prev=json.loads(five)["hash"])
    seven = reseal(six, seq=7, prev=json.loads(six)["hash"])
    assert damaged([*whole, six, seven]) == (name, 7, "foreign")
    log.path.write_bytes(b"".join(whole))
    assert log.verify().ok


def test_a_missing_or_broken_head_record_is_named(tmp_path: Path) -> None:
    log = a_log(tmp_path, 3)
    good = log.head_path.read_bytes()
    for damage in (b"", b"{}x", b'{"version":2}'):
        log.head_path.write_bytes(damage)
        assert first(log) == (log.path.name, 3, "truncated")
    log.head_path.unlink()
    assert first(log) == (log.path.name, 3, "truncated")
    log.record(an_entry())  # a new head record does not wash it away
    assert (log.path.name, 4, "truncated") == first(log)
    log.head_path.write_bytes(good)


def test_damage_shows_for_ever_after_more_lines(tmp_path: Path) -> None:
    for cut in range(3):
        log = a_log(tmp_path / str(cut), 4)
        log.path.write_bytes(b"".join(lines(log.path)[:cut]))
        assert [log.record(an_entry()), log.record(an_entry())] == [5, 6]
        assert first(log) == (log.path.name, cut + 1, "removed")
    log = a_log(tmp_path / "altered", 3)
    log.path.write_bytes(b"".join([*lines(log.path)[:2], reseal(lines(log.path)[2], what="ls")]))
    log.record(an_entry())
    assert first(log) == (log.path.name, 3, "altered")


def test_a_crash_between_line_and_head_is_no_tampering(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    for count in range(1, 6):
        log.record(an_entry())
        if count == 1:
            log.head_path.unlink()
        else:
            behind = Head(seq=count - 1, hash=json.loads(lines(log.path)[-1])["prev"], file=log.path.name)
            log.head_path.write_bytes(msgspec.json.encode(behind))
        report = log.verify()
        assert (report.ok, report.entries) == (True, count)
        assert "one line behind" in report.notes[-1]
    # Two crashes in a row do not leave it two lines behind: a writer catches up before it adds.
    log.record(an_entry())
    assert log.verify().notes == ()


def test_a_torn_line_never_counted(tmp_path: Path) -> None:
    log = a_log(tmp_path, 2)
    whole = log.path.read_bytes()
    for torn in (b'{"seq":3,"ti', lines(log.path)[1][:-1], b"\0\0\0"):
        log.path.write_bytes(whole + torn)
        report = log.verify()
        assert report.ok
        assert "cut off while it was being written" in report.notes[0]
    log.record(an_entry("next"))
    assert log.verify().ok
    assert [record["what"] for record in log.tail(9)] == ["command 1", "command 2", "next"]


def test_rotation_keeps_the_chain(tmp_path: Path) -> None:
    log = a_log(tmp_path, 20, Rotation(largest=1000, keep=50))
    files = sorted(path.name for path in log.path.parent.iterdir())
    assert len(files) > 5
    assert log.verify().ok
    assert log.verify().entries == 20
    first_line, last = (
        json.loads(lines(log.path)[0]),
        json.loads(lines(log.path.with_name(f"approval.log.{len(files) - 1}"))[-1]),
    )
    assert (first_line["former"], first_line["prev"]) == (f"approval.log.{len(files) - 1}", last["hash"])
    assert all(path.stat().st_size <= 1000 for path in log.path.parent.iterdir())
    assert [record["seq"] for record in log.tail(7)] == list(range(14, 21))


def test_old_files_are_deleted_and_the_chain_says_where_it_begins(tmp_path: Path) -> None:
    log = a_log(tmp_path, 40, Rotation(largest=1000, keep=2))
    assert len(list(log.path.parent.iterdir())) == 3
    report = log.verify()
    assert report.ok
    assert report.first > 1
    assert report.notes == (f"the chain begins at {report.first}; earlier files were rotated out",)
    # Deleting one more by hand is not the same.
    oldest = min(log.path.parent.glob("approval.log.*"), key=lambda path: int(path.suffix[1:]))
    oldest.unlink()
    assert log.verify().findings[0].kind == "removed"


def test_a_crash_while_old_files_are_deleted_is_no_tampering(tmp_path: Path) -> None:
    log = a_log(tmp_path, 40, Rotation(largest=1000, keep=50))
    second = json.loads(lines(log.path.with_name("approval.log.3"))[0])
    head = json.loads(log.head_path.read_bytes())
    head["begin"] = {"seq": second["seq"], "prev": second["prev"]}
    log.head_path.write_text(json.dumps(head))
    assert log.verify().ok  # the head knows the new beginning, no file has gone
    log.path.with_name("approval.log.1").unlink()
    assert log.verify().ok
    log.path.with_name("approval.log.2").unlink()
    assert log.verify().ok
    log.path.with_name("approval.log.3").unlink()
    assert not log.verify().ok


def test_a_crash_after_the_rename_is_no_tampering(tmp_path: Path) -> None:
    log = a_log(tmp_path, 3)
    log.path.rename(log.path.with_name("approval.log.1"))
    assert log.verify().ok
    log.record(an_entry())
    assert (log.verify().ok, log.verify().entries) == (True, 4)


def test_what_cannot_be_written_raises_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = a_log(tmp_path, 2)
    whole, head = log.path.read_bytes(), log.head_path.read_bytes()
    real_write = os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) > 100 and os.fstat(descriptor).st_ino == log.path.stat().st_ino:
            real_write(descriptor, data[:40])
            raise OSError(28, "No space left on device")
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="approval"):
        log.record(an_entry())
    monkeypatch.undo()
    assert (log.path.read_bytes(), log.head_path.read_bytes()) == (whole, head)


def test_a_line_whose_head_cannot_be_written_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = a_log(tmp_path, 2)
    whole = log.path.read_bytes()

    def fails(self: AuditLog, head: Head) -> Head:
        raise StorageError("could not write the head")

    monkeypatch.setattr(AuditLog, "_write_head", fails)
    with pytest.raises(StorageError, match="the head"):
        log.record(an_entry())
    monkeypatch.undo()
    assert log.path.read_bytes() == whole
    assert log.verify().ok


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    log.path.parent.mkdir()
    target = tmp_path / "elsewhere"
    log.path.symlink_to(target)
    with pytest.raises(StorageError):
        log.record(an_entry())
    assert not target.exists()


def test_a_lock_that_is_never_free_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = a_log(tmp_path, 1)
    init = FileLock.__init__
    monkeypatch.setattr(FileLock, "__init__", lambda self, path, wait=0.0, what="": init(self, path, 0.0, what))
    with FileLock(tmp_path / "run" / "approval.lock"), pytest.raises(StorageError, match="in use"):
        log.record(an_entry())


def test_export_as_it_stands(tmp_path: Path) -> None:
    log = a_log(tmp_path, 12, Rotation(largest=1000, keep=9))
    told = list(log.export())
    assert [json.loads(line)["seq"] for line in told] == list(range(1, 13))


def test_export_as_syslog(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    log.record(an_entry('say "hi" [now]\\\n\x1b[8m', "covered: always", scope='run {"program":"say"}]', reason="why"))
    log.record(an_entry("rm -rf /", "refused", tier="dangerous", reason="no"))
    log.path.write_bytes(log.path.read_bytes() + b"hello\n")
    told = list(log.export("syslog", "a host"))
    assert [line.partition(">")[0] for line in told] == ["<109", "<108", "<105"]
    assert told[0].startswith('<109>1 2026-11-23T09:30:00.000+00:00 ahost alpi - approval [approval@32473 seq="1" ')
    assert 'scope="run {\\"program\\":\\"say\\"}\\]"' in told[0]
    assert told[0].endswith('\ufeffcovered: always caution: say "hi" [now]\\\\n\\x1b[8m (why)')
    assert told[2].endswith("\ufeffapproval.log, line 3 cannot be read")
    assert all("\n" not in line for line in told)
    element = re.compile(r'\[approval@32473( [a-z]+="(?:[^"\\\]]|\\["\\\]])*")+\] ')
    assert all(element.search(line) for line in told[:2])
