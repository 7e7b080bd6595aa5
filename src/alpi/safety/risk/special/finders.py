"""``find`` and ``fd``: searching is safe, but both can run, write and delete."""

from __future__ import annotations

from .. import operands
from ..bench import Bench
from ..expand import Field
from ..options import Options
from ..places import FOUND, Target
from ..ruling import Call, Ruling
from ..tables import Entry

_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_WRITES = frozenset({"-fprint", "-fprint0", "-fprintf", "-fls"})
_NO_VALUE = frozenset(
    {
        "-print", "-print0", "-ls", "-prune", "-quit", "-true", "-false", "-and", "-or", "-not", "-a", "-o",
        "-depth", "-d", "-mount", "-xdev", "-empty", "-executable", "-readable", "-writable", "-daystart",
        "-noleaf", "-nouser", "-nogroup", "-follow", "-warn", "-nowarn", "-ignore_readdir_race",
        "-noignore_readdir_race", "-help", "-version", "-X", "-x", "-s", "-E",
    }
)  # fmt: skip
_VALUE = frozenset(
    {
        "-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex", "-lname", "-ilname",
        "-type", "-xtype", "-size", "-mtime", "-atime", "-ctime", "-mmin", "-amin", "-cmin", "-newer", "-anewer",
        "-cnewer", "-samefile", "-user", "-group", "-uid", "-gid", "-perm", "-links", "-inum", "-maxdepth",
        "-mindepth", "-fstype", "-regextype", "-printf", "-used", "-context", "-flags", "-Bmin",
    }
)  # fmt: skip
_NARROWING = frozenset(
    {
        "-name",
        "-iname",
        "-path",
        "-ipath",
        "-regex",
        "-iregex",
        "-wholename",
        "-mtime",
        "-mmin",
        "-size",
        "-newer",
        "-empty",
    }
)
_DELETERS = frozenset({"rm", "unlink", "shred", "srm", "rmdir"})


def judge_find(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Read the expression word by word."""
    words = options.operands
    index = 0
    while index < len(words) and words[index].text in {"-H", "-L", "-P"}:
        index += 1
    roots: list[Field] = []
    while index < len(words) and not words[index].text.startswith(("-", "(", ")", "!", ",")):
        roots.append(words[index])
        index += 1
    roots = roots or [Field(".")]
    for root in roots:
        for target in judge.places.targets(root, call.shell.folders):
            ruling.add(*judge.places.look(target))
            if target.path is None:
                ruling.scope.possible = False
    narrow = any(item.text in _NARROWING for item in words)
    while index < len(words):
        index = _term(judge, call, words, index, roots, ruling, narrow=narrow)


def _term(
    judge: Bench, call: Call, words: list[Field], at: int, roots: list[Field], ruling: Ruling, *, narrow: bool
) -> int:
    item = words[at]
    name = item.text
    if name in _RUNS:
        return _exec(judge, call, words, at, roots, ruling, narrow=narrow)
    if name == "-delete":
        for root in roots:
            for target in judge.places.targets(root, call.shell.folders):
                _delete(judge, target, ruling, narrow=narrow)
        return at + 1
    if name in _WRITES:
        if at + 1 < len(words):
            operands.judge_kind(judge, call, "write", words[at + 1], ruling)
        ruling.caution(f"find {name} writes a file")
        return at + (3 if name == "-fprintf" else 2)
    if name == "-files0-from":
        if at + 1 < len(words):
            operands.judge_kind(judge, call, "read", words[at + 1], ruling)
        ruling.caution("where it starts is read from a file")
        return at + 2
    if name in _VALUE or name.startswith("-newer"):
        if not (at + 1 < len(words) and words[at + 1].known):
            ruling.unfixed("an argument of find is only known when it runs")
        return at + 2
    if name in _NO_VALUE or name in {"(", ")", "!", ","} or name.startswith(("-O", "-D")):
        return at + 1
    ruling.unfixed(f"find {name.replace(chr(0), '…')} is not known here")
    return at + 1


def _delete(judge: Bench, target: Target, ruling: Ruling, *, narrow: bool) -> None:
    inner = target
    if narrow and target.path is not None and judge.places.inside(target.path):
        below = target.path / "*"
        inner = Target(below, below)
    tier, reason = judge.places.delete(inner, recursive=True)
    ruling.add(tier, reason)
    ruling.writes = True


def _exec(
    judge: Bench, call: Call, words: list[Field], at: int, roots: list[Field], ruling: Ruling, *, narrow: bool
) -> int:
    end = at + 1
    while end < len(words) and words[end].text != ";" and not (words[end].text == "+" and words[end - 1].text == "{}"):
        end += 1
    argv: list[Field] = []
    for item in words[at + 1 : end]:
        if "{}" in item.text:
            argv += [
                Field(item.text.replace("{}", f"{root.text.rstrip('/')}/{FOUND}"), literal=False) for root in roots
            ]
        else:
            argv.append(item)
    if not argv:
        ruling.unfixed("find runs a command that is not there")
        return end + 1
    name = argv[0].text.rsplit("/", 1)[-1]
    if name in _DELETERS:
        ruling.caution("deletes what it finds")
        for root in roots:
            for target in judge.places.targets(root, call.shell.folders):
                _delete(judge, target, ruling, narrow=narrow)
        return end + 1
    inner = judge.nested(call, argv)
    if words[at].text in {"-execdir", "-okdir"} and inner.tier.value == 0:
        ruling.caution("runs a command in every folder that it visits")
    return end + 1


def judge_fd(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``fd … -x PROGRAM …``: everything after ``-x`` is the command."""
    texts = [item.text for item in call.arguments]
    for mark in ("-x", "--exec", "-X", "--exec-batch"):
        if mark in texts:
            rest = [item for item in call.arguments[texts.index(mark) + 1 :] if item.text != ";"]
            if rest:
                ruling.caution("runs a command on what it finds")
                judge.nested(call, [*rest, Field(f"./{FOUND}", literal=False)])
