"""Redirections, judged by where they lead."""

from __future__ import annotations

from alpi.safety.tiers import Tier

from . import sources
from .bench import Bench
from .environment import has_code
from .expand import Field, all_fields
from .ruling import Ruling, Shell
from .steps import Redirect, Step


def judge_redirects(judge: Bench, step: Step, shell: Shell, ruling: Ruling) -> None:
    """Add what the redirections of a step do to its ruling."""
    for item in step.redirects:
        if item.body is None and not _is_descriptor(item):
            if has_code(item.target.text.replace('"', "")) and not item.target.inner:
                ruling.unfixed("the shell may run what stands in quotes after a redirection")
            for target in all_fields((item.target,), shell.variables):
                _one(judge, step, item, target, shell, ruling)


def _is_descriptor(item: Redirect) -> bool:
    text = item.target.text
    return item.op in {">&", "<&", "&>"} and (
        text.isdigit() or text == "-" or (text[:-1].isdigit() and text.endswith("-"))
    )


def _one(judge: Bench, step: Step, item: Redirect, target: Field, shell: Shell, ruling: Ruling) -> None:
    if target.text.startswith(("/dev/tcp/", "/dev/udp/")):
        parts = target.text.split("/")
        ruling.unfixed(f"opens a network connection to {' port '.join(parts[3:5])}")
        return
    reading = item.op.startswith("<") and ">" not in item.op
    for place in judge.places.targets(target, shell.folders):
        if reading:
            tier, reason = judge.places.read(place)
        else:
            tier, reason = judge.places.write(place, append=item.op in {">>", "&>>", "<>"})
            if tier is Tier.CAUTION or place.path is not None:
                _note_write(judge, step, place.path, ruling)
        if place.path is None:
            ruling.scope.possible = False
        ruling.add(tier, reason)


def _note_write(judge: Bench, step: Step, path: object, ruling: Ruling) -> None:
    if path is None or str(path) in judge.tables.harmless_devices or str(path).startswith("/dev/"):
        return
    ruling.writes = True
    ruling.scope.assignments.append(f"> {path}")
    roles = sources.roles_of((step, *step.upstream), judge.tables)
    for role, what in (("network", "downloaded"), ("decode", "decoded")):
        if role in roles:
            judge.fetched[judge.places.resolve(judge.scene.cwd / str(path))] = what
