"""One program with its arguments: finds its table, reads its flags by it, and judges what they and the operands mean."""

from __future__ import annotations

import os
import re

from alpi.safety.tiers import Tier

from .bench import Bench
from .expand import UNKNOWN, Field
from .operands import judge_operands, note_scope, value_kind
from .options import Options, judge_flags, read_options
from .places import Target
from .ruling import Call, Ruling
from .sources import judge_source, roles_of, script_file
from .special import SPECIALS
from .tables import Entry, Tables

MAX_CANDIDATES = 12
"""Programs that a wildcard as the command word is tried for; it is never safe in any case."""
_ASKS_ONLY = frozenset({"--version", "--help", "-V", "-version"})
MAX_LOOKED_AT = 40
_PATH_STARTS = re.compile(r"[=@:,]")
_VERSION_TAIL = re.compile(r"-?\d+(\.\d+)*\Z")


def judge_program(judge: Bench, call: Call, ruling: Ruling) -> None:
    """Judge ``call`` into ``ruling``."""
    head = call.argv[0]
    ruling.scope.argv = [item.text for item in call.arguments]
    if any(not item.known for item in call.arguments):
        ruling.scope.possible = False
    if not head.known:
        _unknown_word(judge, call, ruling)
        return
    if head.pattern is not None:
        _wildcard_word(judge, call, ruling)
        return
    if not head.text.strip():
        ruling.caution("the command word is empty")
        return
    name = find_name(judge, call, head.text, ruling)
    if name is None:
        return
    if name in call.shell.functions:
        ruling.scope.program = name
        if name in judge.tables.programs:
            ruling.unfixed(f"{name} is defined as a function in the same command")
        if (
            call.arguments
            and not call.arguments[0].text.startswith("-")
            and call.arguments[0].text in judge.tables.programs
        ):
            judge.nested(call, call.arguments)
        if name not in judge.tables.programs:
            return
    entry = lookup(name, judge.tables)
    if entry is None:
        _stranger(judge, call, name, ruling)
        return
    ruling.scope.program = head.text
    texts = [item.text for item in call.arguments]
    if len(texts) == 1 and texts[0] in _ASKS_ONLY and ("shell" not in entry.roles or texts[0].startswith("--")):
        return
    judge_entry(judge, call, entry, call.arguments, ruling)


def lookup(name: str, tables: Tables) -> Entry | None:
    """The table of a program, also under a versioned name (``python3.12``) or in capitals (some disks do not care)."""
    entry = tables.programs.get(name)
    if entry is None:
        entry = tables.programs.get(_VERSION_TAIL.sub("", name))
    return entry


def _stranger(judge: Bench, call: Call, name: str, ruling: Ruling) -> None:
    ruling.scope.program = name
    ruling.caution(f"{name} is not a program that is known here")
    lower = lookup(name.lower(), judge.tables)
    if lower is not None and name.lower() != name:
        judge_entry(judge, call, lower, call.arguments, ruling)
    keep_secrets(judge, call, ruling)


def keep_secrets(judge: Bench, call: Call, ruling: Ruling) -> None:
    """Whatever a program does with its arguments: if one names a place that is never read, it is refused."""
    for item in call.arguments[:MAX_LOOKED_AT]:
        for text in {item.text, *_PATH_STARTS.split(item.text)[1:]}:
            if UNKNOWN not in text and text and not text.startswith(("-", "/dev/")) and "://" not in text:
                for target in judge.places.targets(Field(_home(judge, text)), call.shell.folders):
                    tier, reason = judge.places.read(target)
                    if tier is Tier.DANGEROUS:
                        ruling.add(tier, reason)


def _home(judge: Bench, text: str) -> str:
    return str(judge.scene.home) + text[1:] if text == "~" or text.startswith("~/") else text


def _unknown_word(judge: Bench, call: Call, ruling: Ruling) -> None:
    ruling.unfixed("which program runs is only known when it runs")
    rest = call.argv[1:]
    if not call.argv[0].text.replace(UNKNOWN, "") and rest and rest[0].known and rest[0].text.strip():
        judge.nested(call, rest)  # the unknown word may turn out empty
    source = roles_of(call.argv[0].inner, judge.tables) | call.shell.tainted
    judge_source(ruling, source)


def _wildcard_word(judge: Bench, call: Call, ruling: Ruling) -> None:
    ruling.unfixed("the command word is a wildcard, and what it matches runs")
    targets = judge.places.targets(call.argv[0], call.shell.folders)
    names = [target.written.name for target in targets if target.written is not None and not target.everything]
    for name in dict.fromkeys((*_spelled(call.argv[0].text), *names[:MAX_CANDIDATES])):
        entry = judge.tables.programs.get(name)
        if entry is not None:
            judge_entry(judge, call, entry, call.arguments, ruling)


def _spelled(text: str) -> list[str]:
    """The worst of the programs that a wildcard word could mean, wherever they are installed."""
    last = re.sub(r"\*+", "*", text.rsplit("/", 1)[-1])
    if len(last) > 40:
        return ["rm"]
    pattern = re.compile(
        "".join("." if char == "?" else ".*" if char == "*" else re.escape(char) for char in last) + r"\Z"
    )
    return [
        name for name in ("rm", "dd", "shred", "mkfs", "chmod", "chown", "sh", "bash", "kill") if pattern.match(name)
    ]


def find_name(judge: Bench, call: Call, text: str, ruling: Ruling) -> str | None:
    """The program's table name, or ``None`` once a program file of the project or the home has been judged here."""
    if "/" not in text:
        return text
    for target in judge.places.targets(Field(text), call.shell.folders[:1]):
        if target.path is None or target.written is None:
            continue
        for path in (target.written, target.path):
            if os.path.normpath(path.parent) in judge.tables.bin_folders:
                return target.written.name if path is target.written else path.name
        if target.path.name in {"rm", "dd", "sh", "bash"} or lookup(target.written.name, judge.tables) is not None:
            _as_if(judge, call, target, ruling)
    ruling.scope.program = text
    ruling.caution(f"{text} is a program file which the gate cannot look into")
    script_file(judge, call, Field(text), ruling)
    return None


def _as_if(judge: Bench, call: Call, target: Target, ruling: Ruling) -> None:
    entry = lookup(target.written.name if target.written else "", judge.tables)
    if entry is not None:
        judge_entry(judge, call, entry, call.arguments, ruling)


# By the table


def judge_entry(judge: Bench, call: Call, entry: Entry, arguments: list[Field], ruling: Ruling) -> None:
    """Judge arguments by an entry: subcommand, flags, values, operands, then the special judge."""
    if entry.special in SPECIALS and SPECIALS[entry.special].instead:
        SPECIALS[entry.special].judge(judge, call, entry, Options(operands=arguments), ruling)
        if ruling.tier is Tier.CAUTION:
            keep_secrets(judge, call, ruling)
        return
    options = read_options(entry, arguments)
    for tier, reason in judge_flags(entry, options):
        ruling.add(tier, reason)
    if options.doubtful and (entry.allow is not None or entry.raises):
        ruling.scope.possible = False
    if entry.subs:
        _subcommand(judge, call, entry, options, ruling)
    else:
        if entry.tier > Tier.SAFE and not (entry.reading and options.has_exactly(*entry.reading)):
            ruling.add(entry.tier, entry.why)
        judge_operands(judge, call, entry, options, ruling)
    note_scope(entry, options, ruling)
    if entry.special in SPECIALS:
        SPECIALS[entry.special].judge(judge, call, entry, options, ruling)
    if ruling.tier is Tier.CAUTION and set(entry.operands) <= {"text"}:
        keep_secrets(judge, call, ruling)


def _subcommand(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    for flag in options.flags:
        value_kind(judge, call, entry, flag.name, flag.value, ruling)
    if not options.operands:
        default = entry.subs.get("(none)")
        if default is not None and default.tier > Tier.SAFE:
            ruling.add(default.tier, default.why)
        return
    word = options.operands[0]
    sub = entry.subs.get(word.text) if word.known else None
    if sub is None:
        tier = max(entry.tier, Tier.CAUTION)
        ruling.add(
            tier,
            entry.why
            if entry.tier > Tier.SAFE
            else f"{entry.name} {word.text.replace(UNKNOWN, '…')} is not known here",
        )
        if any(not item.known for item in options.operands):
            ruling.scope.possible = False
    else:
        judge_entry(judge, call, sub, options.operands[1:], ruling)
