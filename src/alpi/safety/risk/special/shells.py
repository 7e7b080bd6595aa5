"""Shells and interpreters: where their code comes from decides."""

from __future__ import annotations

from .. import environment, sources
from ..bench import Bench
from ..expand import Field, value_of
from ..options import Options
from ..ruling import Call, Ruling
from ..tables import Entry


def judge_shell(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``sh -c CODE``, ``sh FILE`` and ``… | sh``."""
    operands = [item for item in options.operands if not item.text.startswith("+")]
    if options.has("-c") and operands:
        judge.code(call, operands[0], ruling)
        ruling.scope.possible = False
        if ruling.tier.value == 0:
            ruling.reasons.clear()
        _positional(judge, call, operands[1:], ruling)
    elif operands and not options.has("-s") and operands[0].text != "-":
        sources.script_file(judge, call, operands[0], ruling)
    else:
        sources.from_input(judge, call, ruling)


def _positional(judge: Bench, call: Call, items: list[Field], ruling: Ruling) -> None:
    """``sh -c '"$@"' x rm -rf /``: the words after the code may become a command."""
    if len(items) > 1 and items[1].known:
        judge.nested(call, items[1:])


def judge_eval(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``eval WORDS``: joined and read again."""
    ruling.scope.possible = False
    if options.operands:
        sources.join_code(judge, call, options.operands, ruling)
        if any(not item.literal for item in options.operands):
            ruling.caution("runs code that is put together when it runs")


def judge_sourced(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``source FILE``: the table has judged the file; what follows may find other variables and functions."""
    ruling.writes = True


def judge_trap(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``trap CODE SIGNAL…``."""
    operands = [item for item in options.operands if item.text not in {"--", "-l", "-p"}]
    if len(operands) > 1 and operands[0].text not in {"-", ""}:
        judge.code(call, operands[0], ruling)


def judge_alias(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``alias NAME=CODE``: asked about, and the code is judged."""
    for item in options.operands:
        name, equals, code = item.text.partition("=")
        if equals:
            ruling.unfixed(f"gives {name} another meaning")
            judge.code(call, Field(code, None, item.literal, item.inner), ruling)


def judge_interpreter(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Python, Node, Perl and the like: code as a word, from a file, or from the standard input."""
    coded = any(entry.values.get(flag.name) in {"code", "script"} for flag in options.flags) or options.has("-m")
    if coded:
        return
    if options.operands and options.operands[0].text != "-":
        sources.script_file(judge, call, options.operands[0], ruling)
        return
    ruling.scope.possible = False
    upstream = call.step.upstream or call.shell.upstream
    asks = {"-V", "--version", "--help", "-h"} | ({"-v"} if entry.name != "python" else set())
    fed = upstream or any(item.op.startswith("<") for item in call.step.redirects)
    if not fed and options.flags and all(flag.name in asks for flag in options.flags):
        return
    if upstream:
        sources.judge_source(ruling, sources.roles_of(upstream, judge.tables))
    for item in call.step.redirects:
        if item.body is not None:
            sources.judge_source(ruling, sources.roles_of(item.target.inner, judge.tables))
            sources.program_text(judge, call, Field(item.body), ruling)
    ruling.caution("runs code that it reads from its input")


def judge_printf(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``printf -v NAME`` sets a variable; a subscript in the name is evaluated."""
    if "[" in options.value("-v"):
        ruling.caution("the subscript of the variable may hold a command")


def judge_evaluates(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """Builtins which read a name or a number as an expression: a subscript in it may run a command."""
    words = [*options.operands, *(flag.value for flag in options.flags if flag.value is not None)]
    fed = [item.body or "" for item in call.step.redirects if item.quoted]
    for redirect in call.step.redirects:
        if redirect.op == "<<<":
            fed += value_of(redirect.target, call.shell.variables)
    if any(environment.has_code(text) for text in (*fed, *(item.text for item in words))):
        ruling.unfixed(f"{entry.name} is given text that the shell could run")
    if entry.name in {"read", "mapfile", "getopts", "unset", "local"}:
        for item in options.operands:
            reason = environment.risk_of(item.text.partition("=")[0], judge.tables.environment)
            if reason:
                ruling.caution(f"{item.text} is set: {reason}")


def judge_declared(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``export`` and its like where the grammar sees no declaration: behind ``!``, ``command`` or ``builtin``."""
    if not options.operands:
        ruling.danger(f"{entry.name} prints every variable of the shell, secrets included")
    for item in options.operands:
        name, _, value = item.text.partition("=")
        environment.judge_name(judge, name, [value], call.shell, ruling, visible=True)
        if environment.has_code(item.text) or options.has("-n") or not item.known:
            ruling.unfixed(f"{entry.name} sets what can only be known when it runs")
