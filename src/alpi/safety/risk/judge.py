"""The judge: walks through a command step by step and keeps the worst of what it finds.

`assess` is the whole public face. It runs nothing and reads from the disk only through the scene's `FileView`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alpi.safety.tiers import Tier

from . import environment, programs, redirect, sources
from .display import escape
from .expand import UNKNOWN, Field, Variables, all_fields, expand, value_of
from .parse import parse
from .places import MAX_FOLDERS, MAX_MATCHES, Places
from .rough import rough_steps
from .ruling import Call, Folders, Ruling, Shell
from .scene import Assessment, Part, Scene
from .steps import Script, Step, TooComplex, Word
from .tables import Tables, load_tables

MAX_LENGTH = 10_000
"""Characters; a longer command is read, but never safe."""
MAX_READ = 60_000
"""A longer one is refused unread: it belongs in a file."""
MAX_CALLS = 400
"""Simple commands in one judgement, those inside strings included. More are refused."""
MAX_DEPTH = 12
"""How deep code may sit in strings: ``sh -c 'sh -c …'``."""
MAX_PART_TEXT = 400

_SETTERS = frozenset(
    {"eval", "source", ".", "read", "mapfile", "readarray", "printf", "getopts", "let", "local", "trap"}
)


class _OutOfFuel(Exception):
    """More simple commands than are judged."""


def assess(command: str, scene: Scene) -> Assessment:
    """Judge a shell command in a scene.

    Takes any text. Never raises, never runs anything, and answers in bounded time. The tier is the worst of all parts;
    what cannot be read with certainty is never safe.
    """
    shown, hidden = escape(command[: MAX_READ + 1])
    try:
        if len(command) > MAX_READ:
            return _refusal(shown, f"longer than {MAX_READ} characters; put it in a file")
        judge = Judge(scene, load_tables())
        judge.whole(command, hidden=hidden)
        return judge.assessment()
    except (_OutOfFuel, TooComplex) as error:
        return _refusal(shown, str(error) or f"more than {MAX_CALLS} commands in one; split it")
    except RecursionError:
        return _refusal(shown, "nested too deeply to be judged")
    except Exception as error:  # noqa: BLE001 - whatever a judge cannot cope with is refused, and says so
        return _refusal(shown, f"it could not be judged ({type(error).__name__})")


def _refusal(shown: str, reason: str) -> Assessment:
    return Assessment(Tier.DANGEROUS, (reason,), (Part(shown[:MAX_PART_TEXT], Tier.DANGEROUS, reason),), None)


class Judge:
    """One judgement. Made for one command and thrown away."""

    def __init__(self, scene: Scene, tables: Tables) -> None:
        self.scene = scene
        self.tables = tables
        self.places = Places(scene, tables)
        self.rulings: list[Ruling] = []
        self.remarks: list[tuple[Tier, str]] = []
        """Findings about the command as a whole."""
        self.fetched: dict[Path, str] = {}
        """Files that this command downloads or decodes; to run one is refused."""
        self.fuel = MAX_CALLS

    # The whole

    def whole(self, command: str, *, hidden: bool) -> None:
        """Judge the text that will be handed to the shell."""
        if hidden:
            self.remarks.append((Tier.CAUTION, "it holds characters that cannot be seen, or that hide others"))
        if "\0" in command or "\r" in command:
            self.remarks.append((Tier.CAUTION, "it holds a NUL or carriage return"))
            command = command.replace("\0", " ").replace("\r", "\n")
        if len(command) > MAX_LENGTH:
            self.remarks.append((Tier.CAUTION, f"it is longer than {MAX_LENGTH} characters"))
        cwd = self.scene.cwd
        variables = Variables(str(self.scene.home), self.scene.home.name, str(cwd))
        self.script(command, Shell(variables, (cwd,)))

    def assessment(self) -> Assessment:
        """Put the answer together."""
        tier = max([Tier.SAFE, *(ruling.tier for ruling in self.rulings), *(tier for tier, _ in self.remarks)])
        reasons: list[str] = []
        for wanted in (Tier.DANGEROUS, Tier.CAUTION):
            reasons += [reason for found, reason in self.remarks if found is wanted]
            reasons += [reason for ruling in self.rulings if ruling.tier is wanted for reason in ruling.reasons]
        parts = tuple(_part(ruling) for ruling in self.rulings)
        unsafe = [ruling for ruling in self.rulings if ruling.tier is not Tier.SAFE]
        scope = None
        if tier is Tier.CAUTION and len(unsafe) == 1 and not self.remarks and not unsafe[0].fed:
            others_write = any(ruling.writes for ruling in self.rulings if ruling is not unsafe[0])
            scope = None if others_write else unsafe[0].scope.build(unsafe[0].folder)
        return Assessment(tier, tuple(dict.fromkeys(escape(reason)[0] for reason in reasons)), parts, scope)

    # Scripts

    def script(self, text: str, shell: Shell) -> None:
        """Judge shell code, here or inside a string. A line continuation is read both ways."""
        if shell.depth > MAX_DEPTH:
            raise TooComplex("code inside code inside code, too deep to be judged")
        readings = [text]
        if "\\\n" in text:
            readings.append(text.replace("\\\n", ""))
        for reading in readings:
            script = parse(reading)
            self.steps(script, shell)
            if script.broken:
                self.remarks.append(
                    (Tier.CAUTION, "it cannot be read with certainty (unbalanced quotes or unusual syntax)")
                )
                self.probe_steps(rough_steps(reading), shell)
            if script.hidden_code or "@P}" in reading:
                self.remarks.append((Tier.CAUTION, "quoted text in a test or in arithmetic could be run by the shell"))

    def steps(self, script: Script, shell: Shell) -> None:
        """Judge the steps of a script in their order."""
        if not script.steps:
            return
        if script.bomb:
            self.remarks.append(
                (Tier.DANGEROUS, "a function starts itself again and again, until the machine stands still")
            )
        moves = any(_word(step) in {"cd", "pushd", "popd", "chdir"} for step in script.steps)
        if moves:
            shell = replace(shell, variables=replace(shell.variables, pwd=None))
        shell = self._remember(script, shell)
        walk = _Walk(shell.folders)
        if moves and script.repeats:
            for step in script.steps:
                self._move(step, shell, walk)
            walk = _Walk(walk.everywhere())
        for step in script.steps:
            here = replace(shell, folders=walk.at(step), upstream=step.upstream or shell.upstream)
            self.step(step, here)
            self._move(step, here, walk)

    def _remember(self, script: Script, shell: Shell) -> Shell:
        """Collect every value that each variable may ever have in this script, whatever the order."""
        assigns = [(step, item) for step in script.steps for item in step.assigns if item.name]
        if not assigns and not script.functions:
            return shell
        values = dict(shell.variables.values)
        tainted = set(shell.tainted)
        unsure = any(_word(step) in _SETTERS or "((" in step.text for step in script.steps)
        for _ in range(2 if len(assigns) > 1 else 1):
            for step, item in assigns:
                variables = replace(shell.variables, values=values)
                known = values.get(
                    item.name, shell.variables.get(item.name) if item.name in {"HOME", "PWD", "IFS"} else ()
                )
                texts = [*known]
                for word in item.values:
                    texts += (
                        self._loop_values(word, variables, shell.folders)
                        if step.kind == "loop"
                        else value_of(word, variables)
                    )
                    if word.inner:
                        tainted |= sources.roles_of(word.inner, self.tables)
                if unsure or not item.simple:
                    texts.append(UNKNOWN)
                values[item.name] = tuple(dict.fromkeys(texts))[:MAX_MATCHES]
        tainted &= {"network", "decode"}
        return replace(
            shell,
            variables=replace(shell.variables, values=values),
            functions=shell.functions | script.functions,
            tainted=frozenset(tainted),
        )

    def _loop_values(self, word: Word, variables: Variables, folders: Folders) -> list[str]:
        found: list[str] = []
        for item in all_fields((word,), variables):
            found.append(item.text)
            if item.pattern is not None and item.known:
                found += [
                    str(target.written) for target in self.places.targets(item, folders) if target.written is not None
                ]
        return found

    def _move(self, step: Step, shell: Shell, walk: _Walk) -> None:
        name = _word(step)
        if name not in {"cd", "pushd", "popd", "chdir"}:
            return
        operands = [
            item
            for item in all_fields(step.words[1:], shell.variables)
            if not item.text.startswith("-") or item.text == "-"
        ]
        if name == "popd" or any(not item.known or item.text == "-" for item in operands):
            walk.go(step, (None,))
            return
        item = operands[0] if operands else Field(str(self.scene.home))
        bases = walk.at(step)
        walk.go(step, tuple(target.path for target in self.places.targets(item, bases)))

    # Steps

    def step(self, step: Step, shell: Shell) -> None:
        """Judge one simple command: what it sets, where it writes, what it runs."""
        ruling = Ruling(step.text, folder=", ".join(str(folder) for folder in shell.folders))
        ruling.fed = bool(step.upstream) or any(item.op.startswith("<") for item in step.redirects)
        environment.judge_assigns(self, step, shell, ruling)
        redirect.judge_redirects(self, step, shell, ruling)
        if step.kind == "declare":
            environment.judge_declaration(self, step, shell, ruling)
        elif step.kind == "command" or (step.kind == "redirect" and step.words):
            self._readings(step, shell, ruling)
        elif step.kind == "test":
            ruling.scope.program = "test"
        self.rulings.append(ruling)

    def _readings(self, step: Step, shell: Shell, ruling: Ruling) -> None:
        """Every reading of the command word makes another program of it; all are judged."""
        if not step.words:
            return
        heads = expand(step.words[0], shell.variables)
        rest = all_fields(step.words[1:], shell.variables)
        if any(not item.literal for row in heads for item in row[:1]):
            ruling.unfixed("the command word is not literal")
        for head in dict.fromkeys(heads):
            argv = [*head, *rest]
            if argv:
                self.call(Call(argv, step, shell), ruling)

    def call(self, call: Call, ruling: Ruling) -> None:
        """Judge one program with its arguments into ``ruling``."""
        self.fuel -= 1
        if self.fuel < 0:
            raise _OutOfFuel
        programs.judge_program(self, call, ruling)

    # For the judges of single programs

    def nested(self, call: Call, argv: list[Field]) -> Ruling:
        """Judge a command that another one starts, as a part of its own."""
        inner = replace(call, argv=argv, shell=replace(call.shell, depth=call.shell.depth + 1))
        if inner.shell.depth > MAX_DEPTH:
            raise TooComplex("wrappers inside wrappers, too deep to be judged")
        ruling = Ruling(inner.text, folder=", ".join(str(folder) for folder in call.shell.folders))
        ruling.fed = bool(call.step.upstream) or any(item.op.startswith("<") for item in call.step.redirects)
        if argv and not argv[0].literal:
            ruling.unfixed("the command word is not literal")
        if argv:
            self.call(inner, ruling)
        self.rulings.append(ruling)
        return ruling

    def code(self, call: Call, item: Field, ruling: Ruling) -> None:
        """Judge a text that a shell will read as code."""
        roles = sources.roles_of(item.inner, self.tables) | (call.shell.tainted if not item.known else frozenset())
        sources.judge_source(ruling, roles)
        if not item.known:
            ruling.unfixed("runs code that is only known when it runs")
        text = item.text.replace(UNKNOWN, "")
        if text.strip():
            upstream = call.step.upstream or call.shell.upstream
            self.script(text, replace(call.shell, depth=call.shell.depth + 1, upstream=upstream))

    def probe(self, text: str, shell: Shell, ruling: Ruling, where: str) -> None:
        """Look into text that may be code somewhere else; only danger found there counts."""
        other = Judge(self.scene, self.tables)
        other.fuel = self.fuel
        other.script(text, replace(shell, depth=shell.depth + 1))
        self.fuel = other.fuel
        worst = other.assessment()
        if worst.tier is Tier.DANGEROUS:
            ruling.danger(f"{where}: {worst.reasons[0]}")

    def probe_steps(self, steps: list[Step], shell: Shell) -> None:
        """The same for the pieces of a text that could not be parsed."""
        other = Judge(self.scene, self.tables)
        other.fuel = self.fuel
        for step in steps:
            other.step(step, replace(shell, upstream=step.upstream))
        self.fuel = other.fuel
        self.rulings += [ruling for ruling in other.rulings if ruling.tier is Tier.DANGEROUS]


class _Walk:
    """Where the shell stands: after ``&&`` for certain, after anything else perhaps still where it was."""

    def __init__(self, start: Folders) -> None:
        self.start = start
        self.sure: dict[tuple[int, ...], Folders] = {}
        self.maybe: dict[tuple[int, ...], Folders] = {}

    def at(self, step: Step) -> Folders:
        frame = self._enter(step.frame)
        if not step.chained:
            self.sure[frame] = self.maybe[frame]
        return self.sure[frame]

    def go(self, step: Step, to: Folders) -> None:
        frame = self._enter(step.frame)
        self.sure[frame] = _few(to)
        self.maybe[frame] = _few((*self.maybe[frame], *to))

    def everywhere(self) -> Folders:
        return _few(tuple(folder for folders in (self.start, *self.maybe.values()) for folder in folders))

    def _enter(self, frame: tuple[int, ...]) -> tuple[int, ...]:
        if frame not in self.sure:
            outer = frame[:-1]
            while outer and outer not in self.sure:
                outer = outer[:-1]
            self.sure[frame] = self.sure.get(outer, self.start)
            self.maybe[frame] = self.sure[frame] if frame else self.start
        return frame


def _few(folders: Folders) -> Folders:
    different = tuple(dict.fromkeys(folders))
    return different if len(different) <= MAX_FOLDERS else (*different[:MAX_FOLDERS], None)


def _word(step: Step) -> str:
    return step.words[0].text.strip("\\'\"") if step.words else ""


def _part(ruling: Ruling) -> Part:
    text, _ = escape(ruling.text)
    if len(text) > MAX_PART_TEXT:
        text = text[:MAX_PART_TEXT] + "…"
    reason, _ = escape("; ".join(ruling.reasons))
    return Part(text, ruling.tier, reason or "only reads or prints, or changes nothing that matters")
