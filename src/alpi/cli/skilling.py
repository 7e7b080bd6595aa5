"""Builds what skills need of a profile: the store with its checks, the tool, what was vouched for, and whom installing speaks to."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .networking import network_guard

if TYPE_CHECKING:
    from ..doctor.skills import Skills
    from ..safety.commands import Commands
    from ..safety.osv import Osv
    from ..skills.format import Skill
    from ..skills.install import Sources
    from ..skills.locking import Environments
    from ..skills.store import SkillStore
    from ..skills.tool import SkillTool
    from ..skills.vouching import Vouched
    from .runtime import Runtime

LARGEST_DOWNLOAD = 50_000_000
DOWNLOAD_SECONDS = 120.0


@dataclass(frozen=True)
class Skilling:
    """The skills of one profile, and all that works with them."""

    runtime: Runtime

    @property
    def folder(self) -> Path:
        return self.runtime.paths.home / "skills"

    @cached_property
    def store(self) -> SkillStore:
        """The skills, with the scanner and the shell classifier as their gate."""
        from ..skills.checking import Checker
        from ..skills.store import SkillStore
        from .runtime import scan_late

        checker = Checker(scan_late, self._judge_shell)
        return SkillStore(self.folder, checker, self.runtime.clock, self.runtime.redact_late)

    @cached_property
    def vouched(self) -> Vouched:
        from ..skills.vouching import Vouched

        return Vouched(self.folder / ".vouched.json", self.runtime.clock)

    @property
    def environments(self) -> Environments:
        """Where scripts with dependencies run; below the cache, so it can be removed."""
        from ..skills.locking import Environments

        return Environments(self.runtime.paths.cache / "skills", dict(self.runtime.environ))

    def index(self) -> str:
        """What a session's prompt says of the skills; ``""`` for nothing. What is not usable is named by ``alpi skills``."""
        from ..skills.index import index_text

        return index_text(self.store.usable(system(self.runtime.environ.get("PREFIX", ""))))

    def tool(self, commands: Commands) -> SkillTool:
        """The tool for one session."""
        from ..skills.tool import SkillTool

        return SkillTool(self.store, commands, self.environments, self.runtime.secrets.known, self.vouched)

    def seen(self) -> Skills:
        """What the doctor looks at."""
        from ..doctor.skills import Skills

        environ = self.runtime.environ
        return Skills(
            self.store,
            self.vouched,
            self.runtime.secrets.known,
            environ.get("PATH", ""),
            system(environ.get("PREFIX", "")),
        )

    def sources(self) -> Sources:
        """Where skills are fetched from."""
        from ..safety.network.proxy import VettingProxy
        from ..skills.install import Sources
        from ..tools.web.client import WebClient

        guard = network_guard(self.runtime)
        client = WebClient(guard, DOWNLOAD_SECONDS, LARGEST_DOWNLOAD)

        async def fetch(url: str) -> bytes:
            from ..skills.format import SkillError

            answer = await client.get(url)
            if answer.status != 200:
                raise SkillError(f"{url} could not be fetched: status {answer.status}")
            return answer.body

        def environment() -> dict[str, str]:
            return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SSL_CERT_FILE") if name in os.environ}

        return Sources(fetch, lambda: VettingProxy(guard), environment)

    @contextlib.asynccontextmanager
    async def osv(self) -> AsyncIterator[Osv]:
        """What knows of bad packages."""
        import httpx2

        from ..safety.network.transport import VettedTransport
        from ..safety.osv import Osv

        async with httpx2.AsyncClient(transport=VettedTransport(network_guard(self.runtime))) as client:
            yield Osv(client, self.runtime.config.skills.osv_url)

    async def lock(self, folder: Path, skill: Skill) -> Sequence[str]:
        """Lock the dependencies of a skill's scripts, in its folder, and make what they run in. Gives the packages, each in words.

        Raises:
            SkillError: they cannot be had, or OSV knows something bad of one; OsvUnreachable: it could not be asked.
        """
        from ..base.files import write_atomic
        from ..safety.osv import Package
        from ..skills.format import SkillError
        from ..skills.scripts import dependencies, lock_path, locked_packages, scripts_of

        said = []
        for script in scripts_of(skill):
            path = folder / "scripts" / script
            wanted = dependencies(path.read_text("utf-8", "replace"), script) if path.suffix == ".py" else ()
            if not wanted:
                lock_path(path).unlink(missing_ok=True)
                continue
            text = await self.environments.lock(wanted)
            packages = [Package("PyPI", name, version) for name, version in locked_packages(text)]
            async with self.osv() as osv:
                found = await osv.check(packages)
            if found:
                raise SkillError(
                    f"{script} is not taken: {'; '.join(map(str, found))}", "Ask its makers for other versions"
                )
            await self.environments.make(text)
            write_atomic(lock_path(path), text.encode())
            said += [f"{script} needs {', '.join(map(str, packages))}: OSV knows nothing bad of them"]
        return said

    def _judge_shell(self, text: str) -> str:
        """Why a shell script must not be: the classifier's word, where that is the highest tier."""
        from ..safety.risk import assess
        from ..safety.shell import ShellJudge
        from ..safety.tiers import Tier

        workspace = Path(self.runtime.config.workspace or Path.home()).expanduser()
        found = assess(text, ShellJudge(self.runtime.guard(workspace)).scene(workspace))
        return "; ".join(found.reasons[:2]) if found.tier is Tier.DANGEROUS else ""


def system(prefix: str) -> str:
    """This machine, as front matter names it. ``prefix``: the variable that tells Termux."""
    if "com.termux" in prefix:
        return "termux"
    return "macos" if sys.platform == "darwin" else "linux"
