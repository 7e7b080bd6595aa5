"""The models: does each answer and call tools, and is what the local one needs there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ..base.sizes import readable
from ..providers.local import weights
from ..providers.retry import ChainEntry
from . import Finding, Subject
from .probe import Probe, probe

PASSING = frozenset({"rate_limit", "overloaded", "slow", "budget"})
"""Failures behind which address and key may well be right; they pass by themselves."""


def check_model(subject: Subject) -> list[Finding]:
    """Ask the model, and each that it falls back on, one small question."""
    assert subject.entries is not None
    return asyncio.run(_ask(subject, subject.entries()))


async def _ask(subject: Subject, entries: Sequence[ChainEntry]) -> list[Finding]:
    accounts = subject.money.accounts if subject.money is not None else None
    try:
        # Side by side: each has its own server, and all together have one limit.
        probes = await asyncio.gather(
            *(probe(entry, clock=subject.clock, accounts=accounts, session="doctor") for entry in entries)
        )
    finally:
        for provider in {id(entry.provider): entry.provider for entry in entries}.values():
            await provider.aclose()
    return [
        judged(entry.full_name, found, place > 0)
        for place, (entry, found) in enumerate(zip(entries, probes, strict=True))
    ]


def judged(name: str, found: Probe, spare: bool = False) -> Finding:
    """What a probe means. A model that is only fallen back on is no failure."""
    if not found.answers:
        state = "warning" if spare or found.kind in PASSING else "failed"
        return Finding("warning" if state == "warning" else "failed", f"{name}: {found.problem}", found.hint)
    time = f"answers in {found.seconds:.1f} s"
    if not found.calls_tools:
        hint = "It can talk, but neither read nor write files. Choose another: alpi models list"
        return Finding("warning", f"{name} {time}, but did not call the tool that it was told to call", hint)
    return Finding("ok", f"{name} {time} and calls tools")


def check_local(subject: Subject) -> list[Finding]:
    """Whether engine and weights of the local model are there, where it is in use. With ``thorough`` the weights are hashed."""
    config = subject.settings
    used = [name for name in (config.model, *config.fallback_models) if _is_local(subject, name)]
    if not used:
        return [Finding("ok", "not in use")]
    if find_spec("xllamacpp") is None:
        return [Finding("failed", "its engine is not installed", "Install alpi with the extra: alpi[local]")]
    own = config.providers.get(used[0].partition("/")[0])
    cache = subject.paths.cache
    path = Path(own.model_file).expanduser() if own is not None and own.model_file else weights.model_path(cache)
    if not path.is_file():
        return [Finding("failed", f"its weights are not there ({path})", weights.FETCH_HINT)]
    if own is not None and own.model_file:
        return [Finding("ok", f"{path}, {readable(path.stat().st_size)}")]
    if subject.thorough:
        return [_hashed(path)]
    if not weights.is_verified(cache):
        return [Finding("warning", f"{path} was never verified", "alpi doctor --thorough local")]
    return [Finding("ok", f"{path}, {readable(path.stat().st_size)}, verified when it was fetched")]


def _hashed(path: Path) -> Finding:
    import hashlib

    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != weights.QWEN_CODER.sha256:
        return Finding(
            "failed", f"{path} is not the model: its sha256 is {found[:16]}…", f"rm {path}, then {weights.FETCH_HINT}"
        )
    return Finding("ok", f"{path}: sha256 is right")


def _is_local(subject: Subject, name: str) -> bool:
    provider = name.partition("/")[0]
    own = subject.settings.providers.get(provider)
    return provider == "local" if own is None or own.kind is None else own.kind == "local"
