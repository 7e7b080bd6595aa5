"""Assignments: variables that change what a program does, before a command, exported or declared."""

from __future__ import annotations

from .bench import Bench
from .expand import all_fields, value_of
from .ruling import Ruling, Shell
from .steps import Assign, Step, Word
from .tables import Environment


def judge_assigns(judge: Bench, step: Step, shell: Shell, ruling: Ruling) -> None:
    """Judge the assignments of a step. Alone they stay in the shell; before a command the program sees them."""
    if step.kind == "loop":
        for item in step.assigns:
            if risk_of(item.name, judge.tables.environment):
                ruling.unfixed(f"{item.name} is set: {risk_of(item.name, judge.tables.environment)}")
        return
    visible = step.kind == "command" and bool(step.words)
    for item in step.assigns:
        texts = [text for word in item.values for text in value_of(word, shell.variables)]
        if item.name == "IFS" and visible and step.words[0].text == "read":
            continue  # the usual way to read a line as it is; it ends with the command
        judge_name(judge, item.name, texts, shell, ruling, visible=visible)
        if any(has_code(text) for text in texts):
            ruling.unfixed(f"{item.name} is given text that the shell could run later")


def judge_name(judge: Bench, name: str, texts: list[str], shell: Shell, ruling: Ruling, *, visible: bool) -> None:
    """Judge setting one variable. ``visible`` means that a program will see it for certain."""
    table = judge.tables.environment
    reason = risk_of(name, table)
    if name in table.commands:
        for text in texts:
            if text.strip("\0 "):
                judge.probe(text.replace("\0", ""), shell, ruling, f"{name} names a command")
    if reason:
        ruling.caution(f"{name} is set: {reason}")
    elif visible and not is_harmless(name, table):
        ruling.caution(f"{name} is set for it, and what that changes is not known here")
    else:
        return
    ruling.scope.assignments += [f"{name}={text}" for text in texts]
    if any("\0" in text for text in texts):
        ruling.scope.possible = False


def has_code(text: str) -> bool:
    """Whether text that is not code here holds a substitution. Arithmetic, ``[[`` and ``${!x}`` would run it."""
    return "$(" in text or "`" in text


def risk_of(name: str, table: Environment) -> str:
    """Why a variable is known to be risky, or ``""``."""
    if name in table.risky:
        return table.risky[name]
    for prefix, reason in table.risky_prefixes.items():
        if name.startswith(prefix) and not is_harmless(name, table):
            return reason
    return ""


def is_harmless(name: str, table: Environment) -> bool:
    """Whether programs are known to take nothing but looks and language from this variable."""
    return name in table.harmless or name.startswith(table.harmless_prefixes)


def judge_declaration(judge: Bench, step: Step, shell: Shell, ruling: Ruling) -> None:
    """``export``, ``declare``, ``local``, ``readonly``, ``typeset``, ``unset``."""
    verb = step.words[0].text
    flags = [word.text for word in step.words[1:] if word.text.startswith(("-", "+"))]
    names = all_fields(tuple(word for word in step.words[1:] if not word.text.startswith(("-", "+"))), shell.variables)
    printing = any("p" in flag for flag in flags) or (not names and not step.assigns)
    ruling.scope.program = verb
    if printing and verb != "unset" and not names:
        ruling.danger(f"{verb} prints every variable of the shell, secrets included")
    if any("n" in flag for flag in flags if flag.startswith("-")) and verb in {"declare", "typeset", "local"}:
        ruling.unfixed("gives one variable the name of another, so that values can no longer be followed")
    for item in names:
        name, equals, value = item.text.partition("=")
        if not item.known and equals == "":
            ruling.unfixed("which variable it sets is only known when it runs")
        elif equals:  # a quoted assignment: export "A=b"
            judge_name(judge, name, [value], shell, ruling, visible=verb == "export" or "-x" in flags)
        elif risk_of(name, judge.tables.environment):
            ruling.caution(f"{verb} {name}: {risk_of(name, judge.tables.environment)}")
        if has_code(item.text):
            ruling.unfixed(f"{verb} is given text that the shell could run")
    exported = verb == "export" or any("x" in flag for flag in flags)
    for assign in step.assigns:
        texts = [text for word in assign.values for text in value_of(word, shell.variables)]
        judge_name(judge, assign.name, texts, shell, ruling, visible=False)
        if any(has_code(text) for text in texts):
            ruling.unfixed(f"{assign.name} is given text that the shell could run later")
        if exported and not is_harmless(assign.name, judge.tables.environment) and not ruling.reasons:
            ruling.caution(
                f"{assign.name} is exported to every program after it, and what that changes is not known here"
            )


def as_assign(text: str) -> Assign | None:
    """``NAME=value`` as an argument of ``env`` and its like."""
    name, equals, value = text.partition("=")
    return Assign(name, (Word(value),)) if equals and name.isidentifier() else None
