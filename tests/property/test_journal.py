"""Laws of journals: cut one anywhere and what is left are exactly the records that were whole; writing goes on from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from alpi.base.journal import Journal, read_journal
from alpi.base.redact import Redactor

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
records = st.dictionaries(st.text(max_size=8), values, max_size=4)


def fresh(folder: Path, content: bytes = b"") -> Path:
    path = folder / "x.jsonl"
    path.unlink(missing_ok=True)
    if content:
        path.write_bytes(content)
    return path


def append(path: Path, *written: Any) -> None:
    journal = Journal(path)
    for record in written:
        journal.append(record)
    journal.close()


def whole_lines(data: bytes) -> list[dict[str, Any]]:
    """The records of a cut file, by the simplest reading: what ends in a newline, and a last line that is an object without one."""
    lines = data.split(b"\n")
    found = [json.loads(line) for line in lines[:-1]]
    try:
        found.append(json.loads(lines[-1]))
    except ValueError:
        pass  # torn
    return found


@given(written=st.lists(records, max_size=5), share=st.floats(0, 1), after=st.lists(records, min_size=1, max_size=2))
@example(written=[{"a": 1}, {"b": 2}], share=1.0, after=[{"c": 3}])
@example(written=[{"a": 1}, {"b": "}"}], share=0.9, after=[{"c": 3}])
@example(written=[{"a": 1}], share=0.0, after=[{}])
def test_a_file_cut_at_any_byte(folder: Path, written: list[Any], share: float, after: list[Any]) -> None:
    path = fresh(folder)
    append(path, *written)
    data = path.read_bytes() if written else b""
    data = data[: round(len(data) * share)]
    path = fresh(folder, data)

    kept = whole_lines(data)
    assert list(read_journal(path).records) == kept
    assert kept == written[: len(kept)]

    append(path, *after)
    text = read_journal(path)
    assert list(text.records) == [*kept, *after]
    assert text.warnings == ()
    assert path.read_bytes().endswith(b"\n")


def test_every_cut_of_one_file(folder: Path) -> None:
    path = fresh(folder)
    append(path, {"n": 1, "text": "é\u2028\n\0"}, {}, {"n": {"m": "}\n{"}})
    data = path.read_bytes()
    for cut in range(len(data) + 1):
        path = fresh(folder, data[:cut])
        kept = whole_lines(data[:cut])
        assert list(read_journal(path).records) == kept
        append(path, {"last": True})
        assert list(read_journal(path).records) == [*kept, {"last": True}]


@given(garbage=st.binary(max_size=60), written=st.lists(records, min_size=1, max_size=3), place=st.integers(0, 3))
def test_any_bytes_between_the_lines_cost_no_record(
    folder: Path, garbage: bytes, written: list[Any], place: int
) -> None:
    lines = [json.dumps(record).encode() + b"\n" for record in written]
    lines.insert(min(place, len(lines)), garbage + b"\n")
    path = fresh(folder, b"".join(lines))
    found = list(read_journal(path).records)
    for record in written:
        assert record in found
    append(path, {"last": True})
    assert read_journal(path).records[-1] == {"last": True}


@given(garbage=st.binary(min_size=1, max_size=200))
def test_any_bytes_at_all_can_be_read_and_written_on(folder: Path, garbage: bytes) -> None:
    path = fresh(folder, garbage)
    before = list(read_journal(path).records)
    append(path, {"last": True})
    assert list(read_journal(path).records) == [*before, {"last": True}]


@given(
    secrets=st.dictionaries(st.sampled_from(["A", "B_C", "KEY"]), st.text(min_size=1, max_size=12), max_size=3),
    record=records,
)
def test_whatever_the_secrets_are_a_line_stays_a_line_of_the_same_shape(
    folder: Path, secrets: dict[str, str], record: dict[str, Any]
) -> None:
    path = fresh(folder)
    Journal(path, Redactor(secrets)).append(record)
    (line,) = path.read_bytes().split(b"\n")[:-1]
    assert shape(json.loads(line)) == shape(record)


def shape(value: Any) -> Any:
    """A value with its texts taken out."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return "text" if isinstance(value, str) else value
