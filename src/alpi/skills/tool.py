"""skill: what alpi has learned to do. Looking, using, and writing skills down; they live at once."""

from __future__ import annotations

import asyncio
import difflib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from ..agent.processes import finish, start
from ..agent.tool import Result, ToolContext, ToolError
from ..base.text import one_line
from ..safety.actions import Action, ChangeSkill, RunSkill
from ..safety.commands import Commands
from .checking import Problem
from .format import FRONT, Skill, parse_skill
from .locking import Environments
from .scripts import command_line, dependencies, digest, environment, lock_path, meant, missing_programs, stage
from .store import SkillStore
from .vouching import Vouched

SECONDS = 300
MOST_SHOWN = 6000


class SkillTool:
    """Works with the skills of a profile.

    Args:
        store: the skills.
        commands: starts scripts, sandboxed.
        environments: where scripts with dependencies run.
        secrets: the profile's stored secrets, by name; a script gets those that its skill declares.
        vouched: which scripts the person has seen when they installed them.
    """

    class Arguments(Struct, frozen=True):
        action: Literal["list", "view", "run", "create", "edit", "add_file", "remove_file", "validate", "delete"]
        name: Annotated[str, Meta(description="category/name")] = ""
        file: Annotated[str, Meta(description="SKILL.md, scripts/x.py, references/x.md; run: the script")] = ""
        arguments: Annotated[str, Meta(description="run: the script's, as in a shell")] = ""
        description: Annotated[str, Meta(description="create: when to use it")] = ""
        text: Annotated[str, Meta(description="create: the instructions; edit, add_file: the whole file")] = ""

    name: ClassVar[str] = "skill"
    description: ClassVar[str] = (
        "Skills: written ways to do something, with scripts. view a skill, then run its script as it says. "
        "create one when the user teaches you a procedure."
    )
    parallel: ClassVar[bool] = False

    def __init__(
        self,
        store: SkillStore,
        commands: Commands,
        environments: Environments,
        secrets: Callable[[], Mapping[str, str]],
        vouched: Vouched,
    ) -> None:
        self._store = store
        self._commands = commands
        self._environments = environments
        self._secrets = secrets
        self._vouched = vouched
        self._judged: tuple[SkillTool.Arguments, str] | None = None

    def hint(self, args: Arguments) -> str:
        return one_line(" ".join(filter(None, [args.action, args.name, args.file, args.arguments])), 100)

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        if args.action in ("list", "view", "validate"):
            return ()
        if args.action == "run":
            skill = self._store.get(args.name)
            script, arguments = meant(skill, args.file, args.arguments)
            print_of = digest(skill, script)
            self._commands.prepare()
            vouched = self._vouched.has(skill, print_of) and not self._commands.weakness
            self._judged = args, print_of
            return [RunSkill(skill.full_name, script, arguments, print_of, vouched, _shown(skill, script))]
        if args.action == "create":
            return [ChangeSkill(args.name, f"{args.description}\n\n{args.text}".strip())]
        if args.action == "delete":
            return [ChangeSkill(args.name, "it goes to the archive whole")]
        return [ChangeSkill(args.name, self._difference(args))]

    def _difference(self, args: Arguments) -> str:
        """What a file loses and gains, as a unified diff."""
        skill = self._store.get(args.name)
        path = next((path for path in (Path("SKILL.md"), *skill.shown()) if str(path) == args.file), None)
        old = (skill.folder / path).read_text("utf-8", "replace").splitlines() if path is not None else []
        new = [] if args.action == "remove_file" else args.text.splitlines()
        return "\n".join(difflib.unified_diff(old, new, args.file, args.file, lineterm=""))

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        if args.action == "run":
            return await self._run_script(args, context)
        work = {
            "list": self._list,
            "view": self._view,
            "create": self._create,
            "edit": self._put,
            "add_file": self._put,
            "remove_file": self._remove_file,
            "validate": self._validate,
            "delete": self._delete,
        }[args.action]
        return await asyncio.to_thread(work, args)

    # --- looking

    def _list(self, args: Arguments) -> Result:
        lines = [
            f"- {skill.full_name}: {skill.description}" if skill is not None else f"- (not usable) {problem}"
            for skill, problem in self._store.found()
            if skill is None or not self._store.checker.scan(skill.description)
        ]
        return Result("\n".join(lines) or "There are no skills yet.", f"{len(lines)} skills")

    def _view(self, args: Arguments) -> Result:
        skill = self._sound(args.name)
        if args.file and args.file != "SKILL.md":
            path = next((found for found in skill.shown() if str(found) == args.file), None)
            if path is None:
                raise ToolError(f"{skill.full_name} has no file {args.file!r} to look at", f"It has: {_files(skill)}")
            return Result((skill.folder / path).read_text("utf-8", "replace"), args.file)
        notes = [f"# {skill.full_name} (version {skill.version})", skill.description, f"Files: {_files(skill)}"]
        missing = missing_programs(skill, self._commands.environment().get("PATH", ""))
        notes += [f"Missing on this machine: {', '.join(missing)}"] if missing else []
        return Result("\n".join([*notes, "", skill.body.strip()]), one_line(skill.description))

    def _validate(self, args: Arguments) -> Result:
        skill = self._store.get(args.name)
        problems = self._store.check(skill.folder, skill.category)
        return Result("\n".join(f"{p.level}: {p}" for p in problems) or "All is in order.", f"{len(problems)} findings")

    def _sound(self, name: str) -> Skill:
        """A skill that passes its checks, whoever has changed it meanwhile.

        Raises:
            ToolError: it does not.
        """
        skill = self._store.get(name)
        errors = [p for p in self._store.check(skill.folder, skill.category) if p.level == "error"]
        if errors:
            raise ToolError(f"{skill.full_name} does not pass its checks: {errors[0]}", "It is not used; tell the user")
        return skill

    # --- changing

    def _create(self, args: Arguments) -> Result:
        category, _, name = args.name.rpartition("/")
        fresh = Skill(name, " ".join(args.description.split()), category or "miscellaneous", args.text, Path(name))
        if FRONT.match(args.text):  # a whole page, as it would be written to a file
            page = parse_skill(args.text, Path(name))
            fresh = replace(page, name=name, category=fresh.category, description=fresh.description or page.description)
        if not fresh.description or not fresh.body.strip():
            raise ToolError(
                "description and text are needed to create a skill", "Say when to use it, and how it is done"
            )
        skill, problems = self._store.create(fresh)
        return _done(f"Created {skill.full_name}. It can be used at once.", skill, problems)

    def _put(self, args: Arguments) -> Result:
        if not args.file or not args.text:
            raise ToolError(f"file and text are needed for {args.action}", "Give the whole new content of the file")
        skill, problems = self._store.put(args.name, args.file, args.text)
        return _done(f"Wrote {args.file} of {skill.full_name}.", skill, problems)

    def _remove_file(self, args: Arguments) -> Result:
        skill, problems = self._store.remove_file(args.name, args.file)
        return _done(f"Removed {args.file} of {skill.full_name}; the archive has it.", skill, problems)

    def _delete(self, args: Arguments) -> Result:
        path = self._store.archive(args.name)
        self._vouched.forget(args.name)
        return Result(f"{args.name} is no longer used. Its folder is kept in the archive ({path.name}).", "archived")

    # --- running

    async def _run_script(self, args: Arguments, context: ToolContext) -> Result:
        skill = await asyncio.to_thread(self._sound, args.name)
        script, arguments = meant(skill, args.file, args.arguments)
        missing = missing_programs(skill, self._commands.environment().get("PATH", ""))
        if missing:
            needed = ", ".join(missing)
            raise ToolError(f"{skill.full_name} needs {needed}, which is not installed here", "Tell the user")
        python = self._python(skill, script)
        try:
            words = shlex.split(arguments)
        except ValueError as error:
            raise ToolError(
                f"the arguments cannot be read: {error}", "Write them as in a shell, quotes closed"
            ) from error
        folder = await asyncio.to_thread(stage, skill, self._commands.scratch())
        if self._judged != (args, digest(replace(skill, folder=folder), script)):
            raise ToolError(f"the files of {skill.full_name} have changed meanwhile", "Nothing was run; try again")
        command = command_line(folder, script, words, python)
        extra = environment(skill, folder, self._secrets())
        running = await start(command, self._commands.launch(command, extra), context.progress)
        in_time = await finish(running, SECONDS)
        how = f"exit {running.code}" if in_time else f"stopped after {SECONDS} s"
        text = running.text().rstrip("\n")
        return Result(f"{text}\n[{how}]" if text else f"[{how}]", f"{script}: {how}", ok=in_time and running.code == 0)

    def _python(self, skill: Skill, script: str) -> Path | None:
        """The Python for a script with dependencies; ``None``: the machine's own will do."""
        path = skill.folder / "scripts" / script
        if path.suffix != ".py" or not dependencies(path.read_text("utf-8", "replace"), script):
            return None
        lock = lock_path(path)
        python = self._environments.ready(lock.read_text("utf-8")) if lock.exists() else None
        if python is None:
            what = "installed" if lock.exists() else "locked"
            raise ToolError(
                f"the dependencies of {script} are not {what}",
                f"The user does that with: alpi skills lock {skill.full_name}",
            )
        return python


def _shown(skill: Skill, script: str) -> str:
    """What a person has to know before a script runs: which secrets it gets, and the script."""
    text = (skill.folder / "scripts" / script).read_text("utf-8", "replace")
    gets = f"It gets these secrets: {', '.join(skill.requires_env)}\n\n" if skill.requires_env else ""
    more = f"\n[and {len(text) - MOST_SHOWN:,} more characters]" if len(text) > MOST_SHOWN else ""
    return f"{gets}{text[:MOST_SHOWN]}{more}"


def _files(skill: Skill) -> str:
    return ", ".join(map(str, skill.shown())) or "SKILL.md alone"


def _done(text: str, skill: Skill, problems: Sequence[Problem]) -> Result:
    notes = [f"{problem.level}: {problem}" for problem in problems]
    return Result("\n".join([text, f"Files: {_files(skill)}", *notes]), text)
