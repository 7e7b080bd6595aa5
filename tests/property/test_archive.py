"""The laws of a backup: round trips are equal; any flipped bit, any cut and any swapped chunk is refused and leaves nothing behind."""

from __future__ import annotations

import io
import os
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpi.state.archive.files import restore_backup, write_backup
from alpi.state.archive.sealed import HEADER, ArchiveError, Cost, Sealer, Unsealer
from alpi.state.archive.tree import Tree

CHUNK = 128
CHEAP = Cost(passes=1, memory=8, chunk=CHUNK)
NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200 and not name.endswith((".tmp", ".lock"))
)
FOLDERS = ("sessions", "memory", "skills/a/b", "")


def sealed(data: bytes, passphrase: str = "p", cost: Cost = CHEAP) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, passphrase, cost)
    sealer.write(data)
    sealer.close()
    return out.getvalue()


@cache
def example() -> bytes:
    """A backup of one small profile, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "memory").mkdir(parents=True)
        (home / "config.yaml").write_text("model: a/b\n")
        (home / "memory/USER.md").write_text("- likes tea\n" * 20)
        path = Path(folder) / "file"
        write_backup(path, [("work", Tree(home))], passphrase="p", now=NOW, version="1", cost=CHEAP)
        return path.read_bytes()


def refused(data: bytes) -> None:
    """The bytes are refused, and nothing of them is left anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        with pytest.raises(ArchiveError):
            restore_backup(path, Path(folder) / "to", lambda: "p", lambda contents: {"work": "work"})
        assert os.listdir(folder) == ["file"] or not any(
            entry.is_file() for entry in (Path(folder) / "to").rglob("*")
        ), list(Path(folder).rglob("*"))


@given(st.binary(max_size=2000), st.lists(st.integers(1, 400), max_size=5), st.integers(1, 300))
def test_a_stream_comes_back_however_it_was_written_and_read(data: bytes, cuts: list[int], step: int) -> None:
    out, rest = io.BytesIO(), data
    sealer = Sealer(out, "p", CHEAP)
    for cut in cuts:
        sealer.write(rest[:cut])
        rest = rest[cut:]
    sealer.write(rest)
    sealer.close()
    assert sealer.size == len(out.getvalue())
    reader = Unsealer(io.BytesIO(out.getvalue()), "p")
    parts = iter(lambda: reader.read(step), b"")
    assert b"".join(parts) == data


@given(st.data())
def test_a_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    whole = example()
    place = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    refused(whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])


@given(st.data())
def test_a_cut_anywhere_is_refused(data: st.DataObject) -> None:
    whole = example()
    refused(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.data())
def test_chunks_that_were_left_out_doubled_or_swapped_are_refused(data: st.DataObject) -> None:
    body = sealed(bytes(range(256)) * 5)
    size = 4 + CHUNK + 17
    chunks = [body[start : start + size] for start in range(HEADER, len(body), size)]
    one, other = data.draw(st.integers(0, len(chunks) - 1)), data.draw(st.integers(0, len(chunks) - 1))
    changed = list(chunks)
    match data.draw(st.sampled_from(["left out", "doubled", "swapped"])):
        case "left out":
            del changed[one]
        case "doubled":
            changed.insert(one, chunks[one])
        case _:
            changed[one], changed[other] = changed[other], changed[one]
    if changed == chunks:
        return
    with pytest.raises(ArchiveError):
        Unsealer(io.BytesIO(body[:HEADER] + b"".join(changed)), "p").finish()


@given(st.binary(max_size=300), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_another_passphrase_never_opens_it(data: bytes, right: str, wrong: str) -> None:
    import unicodedata

    if unicodedata.normalize("NFC", right) == unicodedata.normalize("NFC", wrong):
        return
    with pytest.raises(ArchiveError) as caught:
        Unsealer(io.BytesIO(sealed(data, right)), wrong)
    assert caught.value.kind == "passphrase"


@settings(max_examples=settings().max_examples // 2)
@given(st.dictionaries(st.tuples(st.sampled_from(FOLDERS), names), st.binary(max_size=600), max_size=8))
def test_a_profile_comes_back_byte_for_byte(files: dict[tuple[str, str], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        expected = {}
        for (place, name), content in files.items():
            if place == "" and name in (
                "profiles",
                "removed",
                "run",
                "index",
                "cache",
                "undo",
                "sessions",
                "memory",
                "skills",
            ):
                continue
            journal = name.endswith(".jsonl")
            path = home / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            whole = content[: content.rfind(b"\n") + 1] if journal else content
            expected[path.relative_to(home)] = whole
        target = Path(folder) / "file"
        write_backup(target, [("work", Tree(home))], passphrase="p", now=NOW, version="1", cost=CHEAP)
        places = restore_backup(target, Path(folder) / "to", lambda: "p", lambda contents: {"work": "work"})[1]
        found = {p.relative_to(places["work"]): p.read_bytes() for p in places["work"].rglob("*") if p.is_file()}
        assert found == expected
