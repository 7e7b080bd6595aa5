"""Programs that start another one whose name is not simply the next word."""

from __future__ import annotations

from alpi.safety.tiers import Tier

from .. import environment, sources
from ..bench import Bench
from ..expand import Field, value_of
from ..options import Options
from ..places import FOUND
from ..ruling import Call, Ruling
from ..steps import Step
from ..tables import Entry

_LISTERS = frozenset({"find", "fd", "fdfind", "ls", "rg", "grep", "git"})
_FILTERS = frozenset({"sort", "uniq", "head", "tail", "grep", "egrep", "fgrep", "tr", "cut", "rev", "tac", "shuf"})
_FEEDS_NAMES = frozenset({"ls-files", "diff", "grep", "ls-tree", "status"})


def judge_env(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``env [-S TEXT] [NAME=VALUE…] [PROGRAM …]``."""
    operands = list(options.operands)
    for flag in options.flags:
        if flag.name in {"-S", "--split-string"} and flag.value is not None:
            rest = " ".join(item.text for item in operands)
            judge.code(
                call, Field(f"env {flag.value.text} {rest}".strip(), None, flag.value.literal, flag.value.inner), ruling
            )
            return
    while operands:
        assign = environment.as_assign(operands[0].text.replace("\0", "_")) if "=" in operands[0].text else None
        if assign is None:
            break
        value = operands[0].text.partition("=")[2]
        environment.judge_name(judge, assign.name, [value], call.shell, ruling, visible=True)
        operands.pop(0)
    if operands:
        judge.nested(call, operands)
    elif entry.name == "env":
        ruling.danger("prints the whole environment, where secrets may be")


def judge_xargs(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``xargs PROGRAM``: the arguments come from the input; where that is a list of files, they lie under its folders."""
    operands = options.operands
    if not operands:
        if entry.name == "parallel":
            ruling.unfixed("runs every line of its input as a command")
        return
    found = _fed_by(judge, call, call.step.upstream or call.shell.upstream)
    added = [Field(text, literal=False) for text in found] if found else [Field("\0", literal=False)]
    mark = options.value("-I", "--replace", "-J") or ("{}" if entry.name == "parallel" or options.has("-i") else "")
    words: list[Field] = []
    replaced = False
    for item in operands:
        if item.text in {":::", "::::", ":::+"}:
            added = operands[operands.index(item) + 1 :] or added
            break
        if mark and mark in item.text:
            replaced = True
            words += [Field(item.text.replace(mark, one.text), literal=False) for one in added]
        else:
            words.append(item)
    argv = words if replaced else [*words, *added]
    head = argv[0].text.rsplit("/", 1)[-1]
    if head in judge.tables.programs and "shell" in judge.tables.programs[head].roles:
        ruling.unfixed("hands its input to a shell")
        sources.judge_source(ruling, sources.roles_of(call.step.upstream or call.shell.upstream, judge.tables))
    if entry.name == "parallel":
        sources.join_code(judge, call, argv, ruling)
    else:
        judge.nested(call, argv)


def _fed_by(judge: Bench, call: Call, upstream: tuple[Step, ...]) -> list[str]:
    """Under which folders the names lie that a pipeline of listers and filters writes; empty if that is not known."""
    if not upstream or call.shell.folders[0] is None:
        return []
    first, *rest = upstream
    deletes = any(item.text.rsplit("/", 1)[-1] in {"rm", "shred", "unlink", "srm"} for item in call.arguments)
    narrow = bool(rest) or any(
        word.text in {"-name", "-iname", "-path", "-type", "-mtime", "-regex"} for word in first.words
    )
    if deletes and not narrow:
        return []
    for step in rest:
        if not step.words or step.words[0].text not in _FILTERS:
            return []
    words = [text for word in first.words for text in value_of(word, call.shell.variables)]
    if not words or words[0] not in _LISTERS or any("\0" in word for word in words):
        return []
    if words[0] == "git" and (len(words) < 2 or words[1] not in _FEEDS_NAMES):
        return []
    if words[0] == "find":
        roots = []
        for word in words[1:]:
            if word.startswith(("-", "(", "!")):
                break
            roots.append(word)
        return [f"{root.rstrip('/')}/{FOUND}" for root in roots or ["."]]
    if words[0] == "ls":
        roots = [word for word in words[1:] if not word.startswith("-")]
        return [f"./{FOUND}"] if not roots else []
    if words[0] in {"rg", "grep"} and not any(word.startswith("-") and "l" in word for word in words[1:]):
        return []
    roots = [word for word in words[1:] if word.startswith(("/", "~", ".."))]
    return [] if roots else [f"./{FOUND}"]


def judge_command(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``command -v NAME`` only looks; ``command NAME …`` runs it."""
    if options.operands and not options.has_exactly("-v", "-V"):
        judge.nested(call, options.operands)


def judge_applet(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``busybox NAME …``."""
    if options.operands and options.operands[0].text.startswith("--"):
        if options.operands[0].text not in {"--list", "--list-full", "--help"}:
            ruling.caution(f"{entry.name} {options.operands[0].text} is not known here")
    elif options.operands:
        judge.nested(call, options.operands)


def judge_set(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``set`` alone prints every variable."""
    if not options.operands and not options.flags:
        ruling.danger(f"{entry.name} prints every variable, secrets included")


def judge_inputs(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Programs that run what they find on their input (``at``, ``psql``): never without a question, nor a kept yes."""
    upstream = call.step.upstream or call.shell.upstream
    if upstream:
        sources.judge_source(ruling, sources.roles_of(upstream, judge.tables))
        ruling.add(Tier.CAUTION, "runs what another command writes into it")
    for item in call.step.redirects:
        if item.body is not None and "shell" in entry.roles:
            judge.code(call, Field(item.body), ruling)
