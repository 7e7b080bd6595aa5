"""Locking a script's dependencies with hashes, and making the environment that it runs in. Only wheels: nothing is run while installing."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..base.files import private_dir, storage_errors
from ..base.locks import FileLock
from ..base.text import one_line
from .format import SkillError
from .scripts import locked_packages

SECONDS = 300.0
WHOLE = ".whole"  # stands in an environment once all is in it
# What setuptools, virtual environments and coverage bring with themselves.
KNOWN_STARTUP = frozenset({"distutils-precedence.pth", "_virtualenv.pth", "a1_coverage.pth"})
# What of the person's environment pip may know: where its index is, and no variable of anybody else.
PASSED = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Environments:
    """Virtual environments for scripts, one for each lock, shared by all that have the same.

    Args:
        folder: ``<cache>/skills``; can be removed at any time.
        environ: alpi's own environment.
    """

    folder: Path
    environ: dict[str, str]

    async def lock(self, wanted: Sequence[str]) -> str:
        """Resolve dependencies now and pin all of them, with the hash of each file. Gives the lock's text, without addresses.

        Raises:
            SkillError: they cannot be resolved, or only by running code (there is no wheel).
        """
        options = ["--dry-run", "--ignore-installed", "--only-binary", ":all:", "--quiet", "--report", "-"]
        report = await self._pip(await self._seed(), "install", *options, *wanted)
        lines: list[str] = []
        try:
            for entry in msgspec.json.decode(report)["install"]:
                name, version = entry["metadata"]["name"], entry["metadata"]["version"]
                name = re.sub(r"[-_.]+", "-", name).lower()
                lines.append(
                    f"{name}=={version} --hash=sha256:{entry['download_info']['archive_info']['hashes']['sha256']}"
                )
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise SkillError(f"pip gave a report that cannot be read: {error!r}", "Is pip older than 22.2?") from error
        lock = "\n".join(["# made by: alpi skills lock", *sorted(lines), ""])
        locked_packages(lock)
        return lock

    async def make(self, lock: str) -> Path:
        """The Python of the environment for a lock; made on first need, with every hash checked.

        Raises:
            SkillError: it cannot be made, or a package would run code whenever Python starts.
        """
        locked_packages(lock)
        target = self._place(lock)
        python = target / "bin" / "python"
        if (target / WHOLE).exists():
            return python
        private_dir(self.folder)
        with FileLock(self.folder / f"{target.name}.lock", wait=SECONDS, what="a skill's environment"):
            if (target / WHOLE).exists():
                return python
            shutil.rmtree(target, ignore_errors=True)
            await self._run([sys.executable, "-m", "venv", str(target)])
            standing = _startup(target)
            pinned = self.folder / f"{target.name}.txt"
            with storage_errors(pinned, "write"):
                pinned.write_text(lock, encoding="utf-8")
            options = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile", "--quiet"]
            await self._pip(python, "install", *options, "-r", str(pinned))
            added = _startup(target) - standing
            if added:
                shutil.rmtree(target, ignore_errors=True)
                raise SkillError(
                    f"a dependency brings {', '.join(sorted(added))}, which runs code whenever Python starts",
                    "That is how packages are made to attack; ask its makers before you trust it",
                )
            with storage_errors(target, "finish"):
                (target / WHOLE).touch()
        return python

    def ready(self, lock: str) -> Path | None:
        """The environment's Python if it is there."""
        target = self._place(lock)
        return target / "bin" / "python" if (target / WHOLE).exists() else None

    def _place(self, lock: str) -> Path:
        return self.folder / hashlib.sha256(f"{sys.version_info[:2]}\n{lock}".encode()).hexdigest()[:24]

    async def _seed(self) -> Path:
        """A Python that has pip; this one may have none."""
        seed = self.folder / "seed"
        private_dir(self.folder)
        with FileLock(self.folder / "seed.lock", wait=SECONDS, what="the environment that resolves"):
            if not (seed / WHOLE).exists():
                shutil.rmtree(seed, ignore_errors=True)
                await self._run([sys.executable, "-m", "venv", str(seed)])
                with storage_errors(seed, "finish"):
                    (seed / WHOLE).touch()
        return seed / "bin" / "python"

    async def _pip(self, python: Path, *words: str) -> bytes:
        return await self._run([str(python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", *words])

    async def _run(self, command: Sequence[str]) -> bytes:
        environ = {name: self.environ[name] for name in PASSED if name in self.environ}
        environ |= {name: value for name, value in self.environ.items() if name.startswith("PIP_")}
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(SECONDS):
                out, said = await process.communicate()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise SkillError(f"{os.path.basename(command[0])} was not done after {SECONDS:g} s") from error
        if process.returncode:
            lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
            errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
            raise SkillError(
                f"the dependencies cannot be had: {one_line('; '.join(errors), 400)}",
                "Only packages with wheels are taken",
            )
        return out


def startup_files(folder: Path) -> set[str]:
    """The files of a site-packages folder that Python runs without being asked to, known ones left out."""
    found = set()
    for path in folder.glob("*"):
        if path.name in ("sitecustomize.py", "usercustomize.py"):
            found.add(path.name)
        elif path.suffix == ".pth" and path.name not in KNOWN_STARTUP:
            lines = path.read_text("utf-8", "replace").splitlines()
            if any(line.startswith(("import ", "import\t")) for line in lines):
                found.add(path.name)
    return found


def _startup(environment: Path) -> set[str]:
    return {name for folder in environment.glob("lib*/python*/site-packages") for name in startup_files(folder)}
