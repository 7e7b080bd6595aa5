"""Flag values and operands, judged by the kinds which the tables give them."""

from __future__ import annotations

from alpi.safety.tiers import Tier

from .bench import Bench
from .expand import Field
from .hosts import note_host
from .options import Options
from .places import Finding, Target
from .ruling import Call, Ruling
from .sources import join_code, program_text, script_file
from .tables import Entry


def note_scope(entry: Entry, options: Options, ruling: Ruling) -> None:
    """Collect what an approval of this program would cover."""
    scope = ruling.scope
    scope.mode = entry.scope
    for flag in options.flags:
        if flag.value is None:
            scope.flags.append(flag.name)
        elif flag.name in entry.free:
            scope.flags.append(flag.name)
            scope.free.add(flag.value.text)
        else:
            scope.flags.append(f"{flag.name} {flag.value.text}")
            scope.possible = scope.possible and flag.value.known
    if entry.scope == "never":
        scope.possible = False
    if not entry.subs and any(item.pattern for item in options.operands):
        scope.possible = scope.possible and entry.scope != "words"


def judge_operands(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Judge flag values and operands by their kinds."""
    for flag in options.flags:
        value_kind(judge, call, entry, flag.name, flag.value, ruling)
    kinds = list(entry.operands)
    if entry.unless and options.has(*entry.unless) and len(kinds) > 1:
        kinds = kinds[1:]
    deep = bool(entry.deep) and options.has(*entry.deep)
    operands = options.operands
    if entry.here and len(operands) < len(kinds):
        operands = [*operands, Field(".")]
    for index, item in enumerate(operands):
        kind = kinds[min(index, len(kinds) - 1)]
        if kind == "argv":
            judge.nested(call, operands[index:])
            return
        if kind == "joined":
            join_code(judge, call, operands[index:], ruling)
            return
        if kind == "read" and deep:
            kind = "deep"
        judge_kind(judge, call, kind, item, ruling)


def value_kind(judge: Bench, call: Call, entry: Entry, name: str, value: Field | None, ruling: Ruling) -> None:
    """Judge the value of a flag."""
    if value is not None:
        judge_kind(judge, call, entry.values.get(name, "text"), value, ruling)


def judge_kind(judge: Bench, call: Call, kind: str, item: Field, ruling: Ruling) -> None:
    """Judge one operand or value by what it is."""
    if kind == "text":
        return
    if kind == "shell":
        ruling.caution("runs another command")
        judge.code(call, item, ruling)
    elif kind == "code":
        program_text(judge, call, item, ruling)
    elif kind == "script":
        script_file(judge, call, item, ruling)
    elif kind in {"url", "host"}:
        note_host(judge, item, ruling)
    else:
        for target in judge.places.targets(item, call.shell.folders):
            tier, reason = _path(judge, kind, target, item)
            ruling.add(tier, reason)
            note_path(judge, kind, target, ruling)


def _path(judge: Bench, kind: str, target: Target, item: Field) -> Finding:
    places = judge.places
    if kind in {"read", "deep"}:
        if item.text == "-":
            return Tier.SAFE, ""
        return places.read(target, deep=kind == "deep")
    if kind == "list":
        return places.look(target)
    if kind == "delete":
        return places.delete(target, recursive=False)
    if kind == "change":
        return places.change(target, recursive=False)
    return places.write(target, append=kind in {"append", "make", "touch"})


def note_path(judge: Bench, kind: str, target: Target, ruling: Ruling) -> None:
    """Remember the folder for the scope, and that something was written."""
    if kind in {"read", "deep", "list"}:
        return
    ruling.writes = True
    if target.path is None:
        ruling.scope.possible = False
    else:
        ruling.scope.folders.add(str(target.path.parent))
