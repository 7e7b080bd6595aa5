"""Programs that delete, copy, move, link and change files."""

from __future__ import annotations

from pathlib import Path

from ..bench import Bench
from ..expand import Field
from ..hosts import note_host
from ..operands import note_path
from ..options import Options
from ..places import Target
from ..ruling import Call, Ruling
from ..sources import roles_of
from ..tables import Entry


def judge_rm(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``rm``: one file is asked about; a folder outside the workspace is refused."""
    recursive = options.has("-r", "-R", "--recursive")
    for item in options.operands:
        for target in judge.places.targets(item, call.shell.folders):
            ruling.add(*judge.places.delete(target, recursive=recursive))
            ruling.writes = True
            if target.path is None:
                ruling.scope.possible = False
            else:
                ruling.scope.folders.add(str(target.path if recursive else target.path.parent))


def judge_copy(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``cp``, ``mv``, ``install``: everything is read but the last, which is written."""
    folder = options.value("-t", "--target-directory")
    sources, last = list(options.operands), Field(folder)
    if not folder:
        if len(sources) < 2:
            return
        last = sources.pop()
    deep = options.has("-r", "-R", "-a", "--recursive", "--archive")
    for item in sources:
        for target in judge.places.targets(item, call.shell.folders):
            ruling.add(*judge.places.read(target, deep=deep or entry.name == "mv"))
            if entry.name == "mv":
                ruling.add(*judge.places.change(target, recursive=True, moves=True))
    for target in judge.places.targets(last, call.shell.folders):
        for place in _landing(judge, target, sources):
            append = options.has_exactly("-n", "--no-clobber")
            ruling.add(*judge.places.write(place, append=append))
            note_path(judge, "write", place, ruling)


def _landing(judge: Bench, target: Target, sources: list[Field]) -> list[Target]:
    """Into a folder, each source lands under its own name."""
    if target.path is None or not judge.scene.files.is_dir(target.path):
        return [target]
    found = []
    for item in sources:
        name = item.text.rstrip("/").rsplit("/", 1)[-1]
        if item.pattern is not None or not item.known or name in {"", ".", ".."}:
            matches = judge.places.targets(item, (judge.scene.cwd,))
            names = [match.path.name for match in matches if match.path is not None and not match.everything]
            found += [Target(judge.places.resolve(target.path / name), target.path / name) for name in names if name]
            found.append(target)
        else:
            found.append(Target(judge.places.resolve(target.path / name), target.path / name))
    return found


def judge_link(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``ln``: a link that leads out of the workspace, or to something protected, lends it another name."""
    operands = list(options.operands)
    if not operands:
        return
    symbolic = options.has("-s", "--symbolic")
    folder = options.value("-t", "--target-directory")
    last = Field(folder) if folder else operands.pop() if len(operands) > 1 else Field(".")
    for target in judge.places.targets(last, call.shell.folders):
        for place in _landing(judge, target, operands):
            ruling.add(*judge.places.write(place, append=not options.has("-f", "--force")))
            note_path(judge, "write", place, ruling)
            for item in operands:
                _leads(judge, call, item, place, ruling, symbolic=symbolic)


def _leads(judge: Bench, call: Call, item: Field, place: Target, ruling: Ruling, *, symbolic: bool) -> None:
    base = place.written.parent if symbolic and place.written is not None else None
    folders = (base,) if base is not None else call.shell.folders
    for source in judge.places.targets(item, folders):
        if source.path is None:
            ruling.unfixed("where the link leads is only known when it runs")
            continue
        ruling.add(*judge.places.read(source, deep=False))
        forbidden = judge.places.forbidden(source.path)
        if forbidden is not None and not symbolic:
            ruling.danger(f"makes a link to {judge.places.shown(source.path)}: {forbidden[1]}")
        if not judge.places.inside(source.path):
            ruling.caution(f"makes a link that leads out of the workspace, to {judge.places.shown(source.path)}")
        if place.written is not None:
            judge.places.links[place.written] = source.path


def judge_dd(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``dd if=… of=…``."""
    for item in options.operands:
        name, _, value = item.text.partition("=")
        if name in {"if", "of"}:
            for target in judge.places.targets(Field(value, None, item.literal), call.shell.folders):
                ruling.add(*(judge.places.read(target) if name == "if" else judge.places.write(target)))
                if name == "of":
                    note_path(judge, "write", target, ruling)


def judge_modes(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``chmod``, ``chown``, ``chgrp``, ``chattr``, ``setfacl``."""
    recursive = options.has("-R", "--recursive")
    operands = options.operands if options.value("--reference") else options.operands[1:]
    mode = options.operands[0].text if options.operands else ""
    if entry.name == "chmod" and (
        "s" in mode.partition("=")[2] + mode.partition("+")[2] or (len(mode) == 4 and mode[0] in "4267")
    ):
        ruling.caution("lets others run the file with its owner's rights")
    for item in operands:
        for target in judge.places.targets(item, call.shell.folders):
            tier, reason = judge.places.change(target, recursive=recursive)
            ruling.add(tier, reason)
            note_path(judge, "write", target, ruling)


def judge_rsync(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``rsync SOURCE… DESTINATION``, either side perhaps on another machine."""
    operands = options.operands
    for index, item in enumerate(operands):
        host, colon, _ = item.text.partition(":")
        if colon and "/" not in host:
            note_host(judge, Field(host, None, item.literal), ruling)
            ruling.caution(f"copies to or from another machine, {host}")
            continue
        for target in judge.places.targets(item, call.shell.folders):
            if index < len(operands) - 1 or len(operands) == 1:
                ruling.add(*judge.places.read(target, deep=True))
                continue
            ruling.add(*judge.places.write(target))
            note_path(judge, "write", target, ruling)
            if any(flag.name.startswith("--del") for flag in options.flags) and not _kept(judge, target.path):
                ruling.danger("deletes what is missing at the source, outside the workspace")


def _kept(judge: Bench, path: Path | None) -> bool:
    return path is not None and judge.places.inside(path) and not judge.places.holds_ground(path)


def judge_tee(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``tee`` writes every operand; with ``-a`` it only adds."""
    for item in options.operands:
        for target in judge.places.targets(item, call.shell.folders):
            ruling.add(*judge.places.write(target, append=options.has_exactly("-a", "--append")))
            note_path(judge, "write", target, ruling)
            if target.path is not None:
                for role in ("network", "decode"):
                    if role in roles_of(call.step.upstream, judge.tables):
                        judge.fetched[target.path] = "downloaded" if role == "network" else "decoded"
