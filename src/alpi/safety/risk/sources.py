"""Where code comes from: a string, a file, another program's output. Code that nobody could read beforehand is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from alpi.safety.tiers import Tier

from .bench import Bench
from .expand import UNKNOWN, Field, all_fields, value_of
from .quoting import ansi
from .ruling import Call, Roles, Ruling
from .steps import Step, Word
from .tables import Tables

MAX_SCRIPT = 2_000_000
"""Bytes of a script that are hashed for a scope; a longer one is asked about each time."""
MAX_CODE = 3000
"""Characters of a program in another language that are searched for commands. It is asked about in any case."""
_PRINTERS = frozenset({"echo", "printf"})
_STANDARD_INPUT = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_CALLS_OUT = re.compile(
    r"(?:system|popen|spawn\w*|exec\w*|run|call|check_output|check_call|getoutput|sh|qx|shell_exec|passthru)\s*[\({\[/]\s*[\(\[]?\s*"
    r"(?P<mark>['\"`])(?P<code>.*?)(?<!\\)(?P=mark)",
    re.DOTALL,
)


def join_code(judge: Bench, call: Call, items: list[Field], ruling: Ruling) -> None:
    """The rest of the line, joined by spaces, is what a shell will read."""
    inner = tuple(step for item in items for step in item.inner)
    judge.code(
        call, Field(" ".join(item.text for item in items), None, all(item.literal for item in items), inner), ruling
    )


def program_text(judge: Bench, call: Call, item: Field, ruling: Ruling) -> None:
    """Text in another language (``python -c``): asked about, and what it hands to a shell is looked into."""
    judge_source(ruling, roles_of(item.inner, judge.tables) | (call.shell.tainted if not item.known else frozenset()))
    if not item.known:
        ruling.unfixed("runs code that is only known when it runs")
    ruling.caution("runs code in another language")
    for match in list(_CALLS_OUT.finditer(item.text[:MAX_CODE]))[:8]:
        judge.probe(match["code"].replace(UNKNOWN, ""), call.shell, ruling, "its code starts a shell")
    for word in re.findall(r"['\"`]((?:~|/|\.\.?/)[^'\"`\s]{1,200})['\"`]", item.text[:MAX_CODE])[:20]:
        for target in judge.places.targets(Field(_home(judge, word)), call.shell.folders):
            tier, reason = judge.places.read(target)
            if tier is Tier.DANGEROUS:
                ruling.add(tier, "its code names a file: " + reason)


def _home(judge: Bench, word: str) -> str:
    return str(judge.scene.home) + word[1:] if word.startswith("~") else word


def script_file(judge: Bench, call: Call, item: Field, ruling: Ruling) -> None:
    """A file that will be run: where it came from matters, and an approval holds only for its present content."""
    judge_source(ruling, roles_of(item.inner, judge.tables))
    if item.text in _STANDARD_INPUT:
        from_input(judge, call, ruling)
        return
    if not item.known or item.inner:
        ruling.unfixed("which code it runs is only known when it runs")
        return
    for target in judge.places.targets(item, call.shell.folders):
        if target.path is None:
            ruling.unfixed("which file it runs is only known when it runs")
            continue
        tier, reason = judge.places.read(target)
        ruling.add(tier, reason)
        for path in {target.path, target.written or target.path}:
            if path in judge.fetched:
                ruling.danger(f"runs {judge.places.shown(path)}, which this command has {judge.fetched[path]}")
        content = judge.scene.files.read_head(target.path, MAX_SCRIPT + 1)
        if content is None or len(content) > MAX_SCRIPT:
            ruling.scope.possible = False
        else:
            ruling.scope.scripts[str(target.path)] = hashlib.sha256(content).hexdigest()
    ruling.caution(f"runs {item.text}, and what that does is not looked into")


def judge_source(ruling: Ruling, roles: Iterable[str]) -> None:
    """Code that comes out of another program: refused if it was downloaded or decoded, asked about otherwise."""
    roles = set(roles)
    if "network" in roles:
        ruling.danger("runs what it downloads, unseen")
    elif "decode" in roles:
        ruling.danger("runs text that is decoded first, so that nobody can read it beforehand")
    elif roles:
        ruling.unfixed("runs what another program prints")


def roles_of(steps: Iterable[Step], tables: Tables) -> Roles:
    """The roles of all programs in some steps: those named first, behind wrappers, inside their words, and before them."""
    found: set[str] = set()
    waiting, seen = list(steps), set[int]()
    while waiting:
        step = waiting.pop()
        if id(step) in seen:
            continue
        seen.add(id(step))
        found.add("program")
        for word in step.words[:10]:
            name = word.text.replace("\\", "").strip("'\"").rsplit("/", 1)[-1]
            entry = tables.programs.get(name)
            if entry is not None:
                found |= entry.roles
        for word in (*step.words, *(item.target for item in step.redirects)):
            waiting += word.inner
        if any("/dev/tcp/" in item.target.text or "/dev/udp/" in item.target.text for item in step.redirects):
            found.add("network")
        waiting += step.upstream
    return frozenset(found)


def from_input(judge: Bench, call: Call, ruling: Ruling) -> None:
    """Code on the standard input."""
    step = call.step
    ruling.scope.possible = False
    fed = False
    for item in step.redirects:
        if item.body is not None:
            fed = True
            _body(judge, call, item.body, ruling, here=item.op == "<<", quoted=item.quoted, word=item.target)
        elif item.op == "<":
            fed = True
            for field in all_fields((item.target,), call.shell.variables):
                script_file(judge, call, field, ruling)
    upstream = step.upstream or call.shell.upstream
    if upstream:
        fed = True
        roles = roles_of(upstream, judge.tables)
        judge_source(ruling, roles)
        _printed(judge, call, upstream[-1], ruling)
        ruling.caution("runs what another command writes into it")
    if not fed:
        ruling.caution("opens a shell that reads its commands from elsewhere")


def _body(judge: Bench, call: Call, body: str, ruling: Ruling, *, here: bool, quoted: bool, word: Word) -> None:
    if here:
        texts = [body]
        if not quoted and ("$" in body or "`" in body):
            ruling.caution("runs a text in which the shell first fills in variables")
    else:
        texts = list(value_of(word, call.shell.variables))
        judge_source(ruling, roles_of(word.inner, judge.tables))
    for text in texts:
        if UNKNOWN in text:
            ruling.caution("runs code that is only known when it runs")
        judge.code(call, Field(text.replace(UNKNOWN, ""), inner=word.inner if not here else ()), ruling)


def _printed(judge: Bench, call: Call, source: Step, ruling: Ruling) -> None:
    """``echo CODE | sh``: the code is there to be read, with and without the escapes that echo may undo."""
    fields = all_fields(source.words, call.shell.variables)
    for item in source.redirects:
        if item.body is not None and item.op == "<<":
            judge.probe(item.body, call.shell, ruling, "the text that is run")
    if not fields or fields[0].text not in _PRINTERS:
        return
    text = " ".join(item.text for item in fields[1:] if not item.text.startswith("-")).replace(UNKNOWN, "")
    for reading in dict.fromkeys((text, ansi(text))):
        if reading.strip():
            judge.probe(reading, call.shell, ruling, "the text that is run")
