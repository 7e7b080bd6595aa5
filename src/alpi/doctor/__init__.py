"""Checks of this machine and profile: a list of small ones, each saying what to do when it fails.

To add one: a function from ``Subject`` to findings in a file here, and an entry in ``checks``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from ..agent.accounts import Accounts
    from ..alp.core.peers import PeerBook
    from ..base.clock import Clock
    from ..base.errors import AlpiError
    from ..base.paths import ProfilePaths
    from ..base.schema import Config
    from ..providers.prices import PriceBook
    from ..providers.retry import ChainEntry
    from ..safety.policy import Policy
    from ..state.budget import Cap
    from ..state.ledger import Ledger
    from ..state.memory import MemoryStore
    from .skills import Skills

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``hint`` is what to do, ``""`` where all is well."""

    state: State
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Money:
    """What is known of prices, budgets and what was used."""

    accounts: Accounts
    ledger: Ledger
    caps: Sequence[Cap]
    prices: PriceBook


class Links(Protocol):
    """The profile's peers, and its background service (cli/linkdesk.py)."""

    def book(self) -> PeerBook:
        """The pinned peers, or why nobody is admitted."""
        ...

    async def ping(self, peer: str) -> str:
        """Whether a peer answers, in words. Raises AlpiError where it does not."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...

    def service_problem(self) -> str | None:
        """What is wrong with the service that runs: ``""`` for nothing, ``None``: none runs."""
        ...

    def open_to_all(self) -> bool:
        """Whether it listens on an address that strangers reach."""
        ...


class Web(Protocol):
    """What the web tools need (cli/webbing.py)."""

    def search(self, query: str) -> int:
        """How many results the search engine gives. Raises AlpiError where it cannot be asked."""
        ...

    def browser(self) -> str:
        """The browser's program, ``""`` where something is missing."""
        ...

    def missing(self) -> str:
        """How what the browser needs is installed."""
        ...


@dataclass(frozen=True)
class Subject:
    """What is being looked at: one profile on this machine.

    ``config``, ``money`` and ``memory`` are ``None`` where the settings cannot be read; ``problem`` says why, ``warnings`` what is odd
    about them. ``approved``: whether a scope is approved for always. ``entries`` opens the models in their order, and may raise what
    keeps them from being used. ``address`` is where the first model listens, ``""`` where it needs no network. ``closely``: the person
    named the checks, and wants to know all that they can tell. ``thorough``: take as long as it takes. ``fix``: clean up what is
    harmless.
    """

    paths: ProfilePaths
    home: Path
    policy: Policy
    clock: Clock
    approved: Callable[[str], bool]
    config: Config | None = None
    problem: AlpiError | None = None
    warnings: Sequence[str] = ()
    entries: Callable[[], Sequence[ChainEntry]] | None = None
    address: str = ""
    money: Money | None = None
    memory: MemoryStore | None = None
    skills: Skills | None = None
    links: Links | None = None
    servers: Callable[[], list[Finding]] | None = None
    web: Web | None = None
    closely: bool = False
    thorough: bool = False
    fix: bool = False

    @property
    def settings(self) -> Config:
        """The settings, for checks that run only where there are some."""
        assert self.config is not None
        return self.config


Look = Callable[[Subject], list[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``about``: what it looks at, in a few words. ``seconds``: its own limit. ``online``: it contacts the provider.
    ``settings``: it cannot be done without them."""

    look: Look
    about: str
    seconds: float = 5.0
    online: bool = False
    settings: bool = False


def checks() -> Mapping[str, Check]:
    """All checks by name, in the order in which they are shown."""
    from .files import check_leftovers, check_permissions
    from .gate import check_gate
    from .journals import check_journals
    from .links import check_peers, check_services
    from .machine import check_clock, check_disk
    from .mcp import check_mcp
    from .memory import check_memory
    from .model import check_local, check_model
    from .money import check_budget, check_prices
    from .sandbox import check_sandbox
    from .settings import check_config, check_policy, check_workspace
    from .skills import check_packages, check_skills
    from .web import check_web

    return MappingProxyType(
        {
            "config": Check(check_config, "config.yaml and .env"),
            "permissions": Check(check_permissions, "who may read the profile's folder"),
            "disk": Check(check_disk, "room and writability"),
            "clock": Check(check_clock, "the time, compared with the provider's", 8.0, settings=True),
            "workspace": Check(check_workspace, "the folder that alpi works in", settings=True),
            "model": Check(check_model, "the model answers and calls tools", 18.0, online=True, settings=True),
            "local": Check(check_local, "engine and weights of the local model", settings=True),
            "prices": Check(check_prices, "what the models cost", 8.0, settings=True),
            "budget": Check(check_budget, "how much of the day's budget is used", settings=True),
            "memory": Check(check_memory, "the memory files", settings=True),
            "skills": Check(check_skills, "the skills", settings=True),
            "web": Check(
                check_web, "the search engine answers, the browser is found", 18.0, online=True, settings=True
            ),
            "mcp": Check(check_mcp, "the MCP servers", 18.0, online=True, settings=True),
            "journals": Check(check_journals, "sessions, ledger, memory history, audit log", 15.0),
            "services": Check(check_services, "what runs in the background", settings=True),
            "peers": Check(check_peers, "linked agents answer", 12.0, online=True, settings=True),
            "gate": Check(check_gate, "the attack corpus", 18.0),
            "sandbox": Check(check_sandbox, "what commands run in", 15.0),
            "packages": Check(check_packages, "alpi's own packages are as delivered", 18.0),
            "policy": Check(check_policy, "the machine's policy"),
            "leftovers": Check(check_leftovers, "what killed processes have left"),
        }
    )
