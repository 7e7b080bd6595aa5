"""``sed`` and ``awk``: both are small languages that can run commands and write files."""

from __future__ import annotations

import re

from .. import operands
from ..bench import Bench
from ..expand import Field
from ..options import Options
from ..ruling import Call, Ruling
from ..sources import judge_source, roles_of
from ..tables import Entry

_STRING = re.compile(r'"(?:[^"\\]|\\.){0,300}"')
MAX_PROGRAM = 1500
_AWK_WORDS = frozenset(
    {"print", "printf", "return", "else", "do", "in", "case", "exit", "delete", "if", "while", "BEGIN", "END"}
)
_ADDRESS = re.compile(r"\s*(?:\d+(?:~\d+)?|\$|[+~]\d+)")


def judge_sed(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """The scripts of ``sed`` are read; ``-i`` writes the operands."""
    scripts = [flag.value for flag in options.flags if flag.name in {"-e", "--expression"} and flag.value is not None]
    files = list(options.operands)
    if not scripts and not options.has("-f", "--file") and files:
        scripts.append(files.pop(0))
    for script in scripts:
        if not script.known:
            ruling.unfixed("its script is only known when it runs")
            judge_source(ruling, roles_of(script.inner, judge.tables) & {"network", "decode"})
        for kind, value in sed_effects(script.text.replace("\0", "X")):
            if kind == "run":
                ruling.unfixed("its script runs a command")
                judge.probe(value, call.shell, ruling, "its script runs a command")
            elif kind == "unclear":
                ruling.caution("its script cannot be read with certainty")
            else:
                ruling.caution(f"its script {kind}s a file")
                operands.judge_kind(judge, call, kind, Field(value.strip()), ruling)
    inplace = options.has("-i", "--in-place", "-I")
    for item in files:
        operands.judge_kind(judge, call, "read", item, ruling)
        if inplace:
            operands.judge_kind(judge, call, "write", item, ruling)


def sed_effects(script: str) -> list[tuple[str, str]]:
    """What a sed script does beyond printing: pairs of ``run``, ``write``, ``read`` or ``unclear`` and a text."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(script):
        at = _addresses(script, at)
        if at >= len(script):
            break
        char = script[at]
        at += 1
        if char in "{};\n \t!":
            continue
        if char == "#":
            at = _line_end(script, at)
        elif char in "sy":
            at = _substitute(script, at, found, flags=char == "s")
        elif char in "aic":
            while (
                at < len(script)
                and (end := _line_end(script, at)) > at
                and script[end - 1] == "\\"
                and end < len(script)
            ):
                at = end + 1
            at = _line_end(script, at)
        elif char in "rRwW":
            end = _line_end(script, at)
            found.append(("read" if char in "rR" else "write", script[at:end]))
            at = end
        elif char == "e":
            end = _line_end(script, at)
            found.append(("run", script[at:end]))
            at = end
        elif char in "bTt:":
            while at < len(script) and script[at] not in ";\n}":
                at += 1
        elif char in "dDgGhHlnNpPqQxzF=" or char.isdigit():
            continue
        else:
            found.append(("unclear", char))
    return found


def _addresses(script: str, at: int) -> int:
    while at < len(script):
        match = _ADDRESS.match(script, at)
        if match:
            at = match.end()
        elif script[at] in ",! \t":
            at += 1
        elif script[at] == "/":
            at = _delimited(script, at + 1, "/")
            at += len(script[at:]) - len(script[at:].lstrip("IM"))
        elif script[at] == "\\" and at + 1 < len(script):
            at = _delimited(script, at + 2, script[at + 1])
        else:
            break
    return at


def _delimited(script: str, at: int, mark: str) -> int:
    inside = False
    while at < len(script):
        char = script[at]
        if char == "\\":
            at += 2
            continue
        if char == mark and not inside:
            return at + 1
        at += 1
    return len(script) + 1


def _line_end(script: str, at: int) -> int:
    end = script.find("\n", at)
    return len(script) if end < 0 else end


def _substitute(script: str, at: int, found: list[tuple[str, str]], *, flags: bool) -> int:
    if at >= len(script):
        return at
    mark = script[at]
    middle = _delimited(script, at + 1, mark)
    end = _delimited(script, middle, mark)
    if end > len(script):
        found.append(("unclear", "s"))
        return len(script)
    while flags and end < len(script) and script[end] not in ";\n}":
        if script[end] in "eE":
            found.append(("run", script[middle : end - 1]))
        elif script[end] == "w":
            stop = _line_end(script, end)
            found.append(("write", script[end + 1 : stop]))
            return stop
        end += 1
    return end


def judge_awk(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """An awk program that only prints is safe; one that may run or write is asked about."""
    if not options.operands or options.has("-f", "--file", "-E", "--exec", "-i", "--include"):
        return
    program = options.operands[0]
    if not program.known:
        ruling.unfixed("its program is only known when it runs")
    text = program.text.replace("\0", "X")
    if len(text) > MAX_PROGRAM:
        ruling.unfixed("its program is too long to be read")
        text = text[:MAX_PROGRAM]
    bare = awk_code(text)
    for match in list(_STRING.finditer(text))[:8]:
        inner = match[0][1:-1].replace('\\"', '"')
        if "system" in text or "|" in text:
            judge.probe(inner, call.shell, ruling, "its program runs a command")
    if bare is None:
        ruling.unfixed("its program cannot be read with certainty")
        bare = text
    if re.search(r"\bsystem\b|\bgetline\b|@|(?<!\|)\|(?!\|)|\|&", bare):
        ruling.unfixed("its program may run a command or read another file")
    if re.search(r"\bprintf?\b[^;}\n]*>", bare):
        ruling.unfixed("its program may write a file")
    if re.search(r"\bENVIRON\b", bare):
        ruling.danger("its program reads the environment, where secrets may be")
    for item in options.operands[1:]:
        if "=" not in item.text:
            operands.judge_kind(judge, call, "read", item, ruling)


def awk_code(text: str) -> str | None:
    """An awk program without its strings, patterns and comments; ``None`` where a slash could be either a pattern or a division."""
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == '"':
            at = _delimited(text, at + 1, '"')
            out.append('""')
        elif char == "#":
            at = _line_end(text, at)
        elif char == "/":
            before = "".join(out).rstrip(" \t")
            word = re.search(r"[\w.]+$", before)
            if before.endswith(("++", "--")):
                return None
            if before[-1:] in (")", "]", "$", '"') or (word and word[0] not in _AWK_WORDS):
                out.append("/")
                at += 1
            else:
                at = _delimited(text, at + 1, "/")
                out.append("//")
        else:
            out.append(char)
            at += 1
    return "".join(out) if at == len(text) else None


def judge_jq(judge: Bench, call: Call, entry: Entry, options: Options, ruling: Ruling) -> None:
    """``jq`` and ``yq`` only print, but their filters can ask for the environment, and that of ``yq`` for other files."""
    if options.has("-f", "--from-file") or not all(item.known for item in options.operands[:1]):
        ruling.caution("its filter is not looked into")
    if entry.name == "yq" and any(
        re.search(r"\b(?:load|env|strenv|envsubst|eval)", item.text) for item in options.operands
    ):
        ruling.unfixed("its filter reads other files or the environment")
    if options.operands and re.search(r"(?<![.\w\"])env\b|\$ENV\b", options.operands[0].text):
        ruling.danger("its filter prints the environment, where secrets may be")
