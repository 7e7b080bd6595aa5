"""Bringing a skill in from elsewhere: a folder, a zip over https, a git repository. Unpacked aside, bounded, and only looked at."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit

from ..base.text import one_line
from .format import SkillError, read_skill

MOST_RATIO = 200
# A source may hold many skills, of which one is chosen.
MOST_FILES = 5000
LARGEST_SOURCE = 100 << 20
GIT_SECONDS = 120.0


class Proxy(Protocol):
    """A proxy that connects only to vetted addresses (safety/network/proxy.py)."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Sources:
    """Fetches what is to be installed.

    Args:
        fetch: gives a web address's body, through the network guard.
        proxy: opens a vetting proxy for git, an async context manager.
        git_environment: the variables that git gets.
    """

    fetch: Callable[[str], Awaitable[bytes]]
    proxy: Callable[[], contextlib.AbstractAsyncContextManager[Proxy]]
    git_environment: Callable[[], dict[str, str]]

    @contextlib.asynccontextmanager
    async def open(self, source: str) -> AsyncIterator[Path]:
        """The folder that holds what a source stands for, for as long as it is looked at.

        Raises:
            SkillError: it cannot be had, or is packed in a way that is not taken.
        """
        with tempfile.TemporaryDirectory(prefix="alpi-skill-") as name:
            folder = Path(name)
            if source.startswith("git+") or source.endswith(".git"):
                yield await self._clone(source.removeprefix("git+"), folder / "repository")
            elif source.startswith(("https://", "http://")):
                data = await self.fetch(source)
                await asyncio.to_thread(unpack, data, folder / "unpacked")
                yield folder / "unpacked"
            else:
                yield await asyncio.to_thread(_local, source, folder / "unpacked")

    async def _clone(self, url: str, target: Path) -> Path:
        """A repository's newest state, without history, hooks, links to others, or anything that runs."""
        parts = urlsplit(url)
        if await asyncio.to_thread(os.path.isdir, url):
            url = await asyncio.to_thread(os.path.abspath, url)
        elif parts.scheme not in ("https", "http") or parts.username is not None:
            raise SkillError(f"{url} is no address that git is asked", "https://..., without a user name in it")
        async with self.proxy() as proxy:
            # The proxy's password stands in the environment, because everybody may read a command line.
            fixed = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
            environ = self.git_environment() | fixed | dict.fromkeys(("http_proxy", "https_proxy"), proxy.url)
            options = [
                "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never", "-c", "protocol.https.allow=always",
                "-c", "protocol.http.allow=always", "-c", "protocol.file.allow=always", "-c", "core.symlinks=false",
                "-c", "filter.lfs.smudge=", "-c", "core.fsmonitor=false", "-c", "http.followRedirects=false",
            ]  # fmt: skip
            process = await asyncio.create_subprocess_exec(
                "git", *options, "clone", "--quiet", "--depth", "1", "--no-tags", "--single-branch", "--", url, str(target),
                env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                async with asyncio.timeout(GIT_SECONDS):
                    _, said = await process.communicate()
            except TimeoutError as error:
                raise SkillError(f"{url} was not fetched within {GIT_SECONDS:g} s") from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            raise SkillError(f"{url} could not be fetched: {one_line(said.decode('utf-8', 'replace'), 300)}")
        shutil.rmtree(target / ".git", ignore_errors=True)
        return target


def _local(source: str, unpacked: Path) -> Path:
    """The folder of a path on this machine: itself, or what a zip holds."""
    path = Path(source).expanduser()
    if path.is_file() and path.suffix == ".zip":
        unpack(path.read_bytes(), unpacked)
        return unpacked
    if path.is_dir():
        return path.absolute()
    raise SkillError(
        f"{source} is no folder, no zip and no web address", "A git repository begins with git+https:// or ends in .git"
    )


def unpack(data: bytes, target: Path) -> None:
    """Unpack a zip: plain files only, inside the folder, bounded in number and size whatever its index says.

    Raises:
        SkillError: it is no zip, has a password, or holds what is not taken.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            if len(entries) > MOST_FILES:
                raise SkillError(f"the zip has {len(entries)} files; {MOST_FILES} are the most")
            left = LARGEST_SOURCE
            for entry in entries:
                left -= _unpack_one(archive, entry, target, left)
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        EOFError,
        ValueError,
        zlib.error,
        struct.error,
    ) as error:
        raise SkillError(f"that is no zip that can be read: {error}") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise SkillError("two files in the zip have the same name") from error
    except OSError as error:
        raise SkillError(f"the zip cannot be unpacked: {error.strerror or error}") from error
    except RuntimeError as error:  # what zipfile raises for a password
        raise SkillError(f"the zip cannot be looked into: {error}", "One with a password is not taken") from error


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, room: int) -> int:
    """Unpack one file. Gives its size."""
    if entry.flag_bits & 1:
        raise SkillError(f"{entry.filename!r} in the zip has a password", "What cannot be looked into is not taken")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    outside = path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0]
    if kind not in (0, stat.S_IFREG) or outside or "\0" in entry.filename:
        raise SkillError(f"{entry.filename!r} in the zip is a link, a device, or leads out of it")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SkillError(f"{entry.filename!r} in the zip is packed in an unusual way")
    if entry.file_size > room or entry.file_size > max(1, entry.compress_size) * MOST_RATIO:
        raise SkillError(f"{entry.filename!r} in the zip is too large unpacked")
    place = target.joinpath(*path.parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry) as source, place.open("xb") as file:
        while piece := source.read(64 << 10):
            size += len(piece)
            if size > room:
                raise SkillError(f"{entry.filename!r} in the zip is larger than it says")
            file.write(piece)
    return size


def skill_folders(folder: Path) -> list[Path]:
    """The skills in a folder that was fetched: itself, or what lies up to three levels below it."""
    if (folder / "SKILL.md").is_file():
        return [folder]
    found = [page.parent for depth in ("*", "*/*", "*/*/*") for page in sorted(folder.glob(f"{depth}/SKILL.md"))]
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def choose(found: Sequence[Path], names: Sequence[str], source: str) -> list[Path]:
    """The skills that a person has named, or the only one.

    Raises:
        SkillError: there is none, or they have to say which.
    """
    if not found:
        raise SkillError(f"{source} holds no skill", "A skill is a folder with a SKILL.md in it")
    by_name = {_name(path): path for path in found}
    if len(by_name) < len(found):
        raise SkillError(f"{source} holds two skills of the same name", "Point at the folder of one of them")
    if not names and len(found) == 1:
        return list(found)
    unknown = [name for name in names if name not in by_name]
    if unknown or not names:
        what = f"{source} holds no skill {', '.join(unknown)}" if unknown else f"{source} holds {len(found)} skills"
        raise SkillError(what, f"Say which after it: {', '.join(sorted(by_name))}")
    return [by_name[name] for name in dict.fromkeys(names)]


def _name(folder: Path) -> str:
    """What a skill calls itself; its folder's name where that cannot be read."""
    try:
        return read_skill(folder).name
    except SkillError:
        return folder.name
