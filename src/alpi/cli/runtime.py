"""A profile, loaded: its files, settings and secrets, and the objects that stand for them. building.py makes agents of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import tzinfo
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..base.clock import SystemClock
from ..base.config import load_config
from ..base.dotenv import Secrets, lax_permissions
from ..base.errors import ConfigError, NotConfigured, Refused
from ..base.paths import profile_paths
from ..base.redact import Redactor
from ..safety.policy import Policy
from ..state.presence import Presence
from ..state.sessions import Session, SessionStore

if TYPE_CHECKING:
    from ..providers.retry import ModelChain
    from ..providers.types import Preparing, Provider
    from ..safety.actions import Verdict
    from ..safety.commands import Commands
    from ..safety.gate import Gate
    from ..safety.paths import PathGuard
    from ..state.memory import MemoryStore
    from ..state.search import SessionIndex
    from .accounts import ProfileAccounts
    from .connect import Connections
    from .links import ProfileLinks


class Runtime:
    """One profile, loaded: its files, settings, secrets and what is built from them.

    Raises:
        ConfigError, NotConfigured, UsageError, StorageError: as they say.
    """

    def __init__(self, profile: str | None, environ: Mapping[str, str], must_exist: bool = True) -> None:
        self.environ = environ
        self.paths = profile_paths(profile, environ, must_exist)
        loaded = load_config(self.paths.config)
        self.config = loaded.config
        self.clock = SystemClock(self._zone())
        self.policy = Policy.load()
        self.secrets = Secrets(self.paths.env, environ)
        self.warnings = [*loaded.warnings, *filter(None, [lax_permissions(self.paths.env)])]
        names = tuple(provider.api_key_env for provider in self.config.providers.values() if provider.api_key_env)
        self._learn_logins()
        self.redact = Redactor(self.secrets.known(names))
        self._presence: Presence | None = None

    def _zone(self) -> tzinfo | None:
        name = self.config.timezone
        if not name:
            return None
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(
                f"{self.paths.config}: timezone {name!r} is not known here", "Use an IANA name such as Europe/Madrid"
            ) from error

    def _learn_logins(self) -> None:
        """What logins at MCP servers have given is as secret as ``.env``."""
        if (self.paths.home / "mcp" / "logins").is_dir():
            from .mcpwiring import login_store

            for login in login_store(self).all():
                self.secrets.learn(login.secrets())

    def redact_late(self, text: str) -> str:
        """Take out all secrets that are known at the moment of the call."""
        return self.redact(text)

    def connections(self, on_progress: Callable[[Preparing], None] | None = None) -> Connections:
        """What makes providers for this profile. ``on_progress`` is told how far a local model is."""
        from .connect import Connections

        return Connections(self.config, self.secrets, self.paths, self.clock, self.redact_late, on_progress)

    @cached_property
    def accounts(self) -> ProfileAccounts:
        """The ledger and the budgets. What a person should know of them becomes one of ``warnings``."""
        from .accounts import profile_accounts

        return profile_accounts(
            self.config, self.policy, self.paths, self.connections(), self.clock, self._zone(), self.warnings.append
        )

    @property
    def memory(self) -> MemoryStore:
        """The profile's memory files."""
        from ..state.memory import MemoryStore

        limits = self.config.memory
        most = {"user": limits.user_chars, "memory": limits.memory_chars, "personality": limits.personality_chars}
        return MemoryStore(self.paths.memory, most, self.clock, self.redact_late, scan_late)

    @cached_property
    def links(self) -> ProfileLinks:
        """The pinned peers, and speaking to them."""
        from .links import ProfileLinks

        return ProfileLinks(self.paths, self.clock)

    @property
    def sessions(self) -> SessionStore:
        """The profile's sessions."""
        return SessionStore(self.paths.sessions, self.clock, self.redact_late)

    def session_index(self) -> SessionIndex:
        """What searches the profile's sessions."""
        from ..state.search import SessionIndex

        return SessionIndex(self.paths.sessions, self.paths.index)

    def workspace(self) -> tuple[Path, str]:
        """The workspace, and a warning where none is configured.

        Raises:
            NotConfigured: the configured one is not a folder.
        """
        if not self.config.workspace:
            try:
                here = Path.cwd()
            except FileNotFoundError as error:
                raise NotConfigured(
                    "the folder that alpi was started in does not exist any more", "cd to another one"
                ) from error
            return here, f"no workspace is set; using this folder, {here} (set one: alpi setup workspace FOLDER)"
        try:
            folder = Path(self.config.workspace).expanduser()
        except RuntimeError:  # ~name of somebody whom this machine does not know
            folder = Path(self.config.workspace)
        if not folder.is_absolute():
            raise NotConfigured(
                f"workspace must be an absolute path, not {self.config.workspace!r}", "alpi config set workspace FOLDER"
            )
        if not folder.is_dir():
            raise NotConfigured(
                f"the workspace {folder} is not a folder",
                f"Make it (mkdir -p {folder}), or: alpi config set workspace FOLDER",
            )
        return folder, ""

    def model_names(self, override: str | None = None) -> list[str]:
        """The model to use and those to fall back on, as ``provider/model``.

        Raises:
            NotConfigured: no model is set.
        """
        if override:
            return [override]
        if not self.config.model:
            raise NotConfigured(
                f"no model is set in {self.paths.config}",
                "Choose one: alpi setup\n"
                "  Without a terminal: alpi setup model --provider ollama --model qwen3\n"
                "  alpi models providers lists all of them",
            )
        return [self.config.model, *self.config.fallback_models]

    def chain(self, override: str | None = None, on_progress: Callable[[Preparing], None] | None = None) -> ModelChain:
        """The models of a turn. ``on_progress`` is told how far a local model is."""
        import random

        from ..providers.retry import ChainEntry, ModelChain, RetryRules
        from .connect import split

        connections = self.connections(on_progress)
        entries = []
        opened: dict[str, Provider] = {}
        for full in self.model_names(override):
            provider, model = split(full)
            host = urlsplit(connections.described(provider).base_url).hostname
            forbidden = self.policy.model_refused(full) or (self.policy.host_refused(host) if host else "")
            if forbidden:
                raise Refused(forbidden, "Ask whoever looks after this machine, or choose another model")
            if provider not in opened:
                opened[provider] = connections.connect(provider)
            entries.append(ChainEntry(opened[provider], model, connections.settings(full)))
        self.redact = Redactor(self.secrets.known())  # keys that came from the environment are known by now
        self.accounts.look_ahead([entry.full_name for entry in entries])
        rules = RetryRules(attempts=self.config.limits.retries + 1)
        return ModelChain(entries, clock=self.clock, random=random.random, rules=rules)

    def session(self, resume: bool, id: str | None, surface: str) -> Session:
        """The session to use: the newest, one by its id, or a new one.

        Raises:
            SessionError: there is none.
        """
        if self._presence is None:
            self._presence = Presence(self.paths.run)
        if id:
            return self.sessions.open(id)
        session = self.sessions.newest() if resume else None
        if resume and session is None:
            self.warnings.append("there is no conversation to go on with yet; this is a new one")
        return session or self.sessions.create(surface)

    def guard(self, workspace: Path) -> PathGuard:
        """The judge of paths for this profile and workspace."""
        from ..safety.paths import PathGuard

        home = Path.home()
        # Another ALPI_HOME does not open the usual one.
        others = [self.paths.cache, *self.policy.protected_paths(home)]
        if self.paths.root != home / ".alpi":
            others.append(home / ".alpi")
        return PathGuard(workspace, home, self.paths.home, self.paths.root, sys.platform == "darwin", others)

    def commands(self, guard: PathGuard) -> Commands:
        """What starts commands for a session."""
        from ..safety.commands import Commands

        sandbox = self.config.sandbox
        writable = [Path(name).expanduser() for name in sandbox.writable]
        secrets = tuple(self.secrets.known().values())
        mode = self.policy.sandbox_at_least(sandbox.mode or "off")
        wanted = sandbox.mode if mode == "off" else mode
        return Commands(guard, self.environ, wanted, sandbox.environment, secrets, writable)

    def gate(self, guard: PathGuard, session: Session) -> Gate:
        """The gate of one session."""
        from ..safety.gate import Gate
        from .records import ProfileRecords, SessionUndo

        records = ProfileRecords(self.paths, self.clock, self.redact_late, session.id)
        if records.approvals.problem:
            self.warnings.append(records.approvals.problem)
        undo = SessionUndo(self.paths.undo, self.clock, session.id)
        return Gate(guard, _judge_command(guard), records, self.policy, undo)


def scan_late(text: str) -> str:
    """Why a text must not become part of a prompt; the scanner is loaded with the first one."""
    from ..safety.scanner import scan_memory

    return scan_memory(text)


def _judge_command(guard: PathGuard) -> Callable[[str, Path], Verdict]:
    """The shell classifier, loaded with the first command."""

    def judge(command: str, folder: Path) -> Verdict:
        from ..safety.shell import ShellJudge

        return ShellJudge(guard)(command, folder)

    return judge
