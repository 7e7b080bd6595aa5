"""The skills of a profile: ``skills/<category>/<name>/``. Finding them, changing them file by file, archiving them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.clock import Clock
from ..base.errors import UsageError
from ..base.files import private_dir, storage_errors, sync_dir, write_atomic
from ..base.locks import FileLock
from .checking import FILE_NAME, Checker, Problem, tree_problems
from .format import CATEGORIES, LEFT_BEHIND, NAME, Skill, SkillError, read_skill, render_page

ARCHIVE = ".archive"
STAGE = ".stage-"
OLD = ".old"
WRITABLE = ("scripts", "references", "assets")
MOST_ARCHIVED = 20  # old states that are kept of one skill


class Unsound(SkillError):
    """A skill, as it would be, does not pass the checks. Nothing was changed."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        super().__init__(
            f"{name} is not taken: {'; '.join(map(str, problems))}", "Mend that and try again; nothing was changed"
        )
        self.problems = problems


@dataclass(frozen=True)
class SkillStore:
    """The skills of one profile. Every change is made on a copy, checked there, and put in place whole.

    Args:
        folder: ``<profile>/skills``.
        checker: what a skill must pass to live.
    """

    folder: Path
    checker: Checker
    clock: Clock
    redact: Callable[[str], str]

    def all(self) -> list[Skill]:
        """The skills that can be read, by category and name."""
        return [skill for skill, _ in self.found() if skill is not None]

    def usable(self, system: str) -> list[Skill]:
        """The skills that a session is told of: those for this system whose name and description are nothing that the scanner minds."""
        return [
            skill
            for skill in self.all()
            if (not skill.platforms or system in skill.platforms)
            and NAME.fullmatch(skill.name)
            and not self.checker.scan(f"{skill.description}\n{', '.join(skill.keywords)}")
        ]

    def found(self) -> Iterator[tuple[Skill | None, str]]:
        """Every skill, or what keeps it from being read."""
        if any(self.folder.glob(f"{STAGE}*")):
            with self._held():  # waits for a change that is being made, and mends one that was cut short
                pass
        for category in CATEGORIES:
            place = self.folder / category
            if not place.is_dir() or place.is_symlink():
                continue
            with storage_errors(place, "read"):
                paths = sorted(place.iterdir())
            for path in paths:
                if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
                    try:
                        skill = read_skill(path, category)
                    except SkillError as error:
                        yield None, f"{category}/{path.name}: {error.message}"
                        continue
                    if (skill.category, skill.name) == (category, path.name):
                        yield skill, ""
                    else:
                        yield None, f"{category}/{path.name}: its SKILL.md says {skill.full_name}"

    def get(self, name: str) -> Skill:
        """A skill by ``category/name``, or by its name where only one has it.

        Raises:
            UsageError: there is none, or more than one.
        """
        known = self.all()
        fits = [skill for skill in known if name in (skill.full_name, skill.name)]
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise UsageError(
                f"{len(fits)} skills are called {name}", f"Say which: {', '.join(s.full_name for s in fits)}"
            )
        names = ", ".join(skill.full_name for skill in known)
        raise UsageError(
            f"there is no usable skill {name!r}", f"Use one of these names exactly: {names}" if known else ""
        )

    def create(self, skill: Skill) -> tuple[Skill, list[Problem]]:
        """A new skill with a page and nothing else. Gives it and what could be better.

        Raises:
            Unsound: it does not pass; UsageError: there is one of that name already.
        """
        _allowed(skill.category, skill.name)
        with self._held():
            if (self.folder / skill.full_name).exists():
                raise UsageError(f"there is a skill {skill.full_name} already", "Edit that one, or choose another name")
            with self._staged(skill.category, skill.name) as stage:
                write_atomic(stage / "SKILL.md", self._clean(render_page(skill)))
                return self._take(stage, skill.category, skill.name)

    def put(self, name: str, file: str, text: str) -> tuple[Skill, list[Problem]]:
        """Write a file of a skill: ``SKILL.md``, or one in a folder (``scripts/fetch.py``).

        Raises:
            Unsound, UsageError, StorageError.
        """
        return self._changed(name, lambda stage: self._write(stage, _relative(file), text))

    def remove_file(self, name: str, file: str) -> tuple[Skill, list[Problem]]:
        """Take a file of a skill away; the whole old skill is kept in the archive."""
        path = _relative(file)
        if path == Path("SKILL.md"):
            raise UsageError("SKILL.md is the skill", "To remove the whole: delete")

        def change(stage: Path) -> None:
            with storage_errors(stage / path, "remove"):
                try:
                    (stage / path).unlink()
                except FileNotFoundError as error:
                    raise UsageError(f"{name} has no {path}", "view shows its files") from error

        return self._changed(name, change)

    def archive(self, name: str) -> Path:
        """Take a skill out of use, also one that cannot be read. Its folder goes to ``skills/.archive`` with the date."""
        with self._held():
            category, _, last = name.partition("/")
            path = self.folder / category / last
            broken = category in CATEGORIES and NAME.fullmatch(last) and path.is_dir() and not path.is_symlink()
            return self._put_away(path if broken else self.get(name).folder)

    def adopt(self, folder: Path, category: str, name: str, replacing: bool = False) -> tuple[Skill, list[Problem]]:
        """Make a folder from elsewhere a skill of this profile. The folder itself is left alone, and so are the secrets of a skill that
        it replaces.

        Raises:
            Unsound: it does not pass; UsageError: there is one already, and it is not to be replaced.
        """
        self.must_be_free(category, name, replacing)
        with self._held():
            self.must_be_free(category, name, replacing)
            kept = self.folder / category / name / "secrets"
            with self._staged(category, name) as stage:
                self.copy(folder, stage)
                if kept.is_dir() and not kept.is_symlink():
                    with storage_errors(kept, "copy"):
                        shutil.copytree(kept, stage / "secrets", dirs_exist_ok=True)
                return self._take(stage, category, name)

    def must_be_free(self, category: str, name: str, replacing: bool = False) -> None:
        """Whether a skill may be put there.

        Raises:
            UsageError: no skill can be called that, or there is one, and it is not to be replaced.
        """
        _allowed(category, name)
        if (self.folder / category / name).exists() and not replacing:
            raise UsageError(f"there is a skill {category}/{name} already", "To replace it: --replace")

    def copy(self, folder: Path, target: Path) -> None:
        """A skill's folder, copied; of one that is no skill's or too large, nothing is.

        Raises:
            Unsound: its tree is not in order.
        """
        with storage_errors(folder, "read"):
            problems = list(tree_problems(folder))
        if problems:
            raise Unsound(folder.name, problems)
        with storage_errors(target, "copy to"):
            private_dir(target)
            shutil.copytree(
                folder, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*LEFT_BEHIND)
            )
            os.chmod(target, 0o700)

    def check(self, folder: Path, category: str) -> list[Problem]:
        """What is wrong with a folder as a skill."""
        return self.checker.check(folder, category)

    # --- how changes are made

    def _changed(self, name: str, change: Callable[[Path], None]) -> tuple[Skill, list[Problem]]:
        with self._held():
            skill = self.get(name)
            with self._staged(skill.category, skill.name) as stage:
                self.copy(skill.folder, stage)
                change(stage)
                return self._take(stage, skill.category, skill.name)

    def _take(self, stage: Path, category: str, name: str) -> tuple[Skill, list[Problem]]:
        """Check what was staged, and put it in place. What stood there goes to the archive."""
        problems = self.checker.check(stage, category)
        errors = [problem for problem in problems if problem.level == "error"]
        if errors:
            raise Unsound(f"{category}/{name}", errors)
        target = self.folder / category / name
        with storage_errors(target, "put in place"):
            private_dir(target.parent)
            _settle(stage)
            if target.exists():
                os.rename(target, _aside(stage))
            os.rename(stage, target)
            sync_dir(target.parent)
        if _aside(stage).exists():
            self._put_away(_aside(stage), f"{category}-{name}")
        return read_skill(target, category), problems

    def _put_away(self, folder: Path, label: str = "") -> Path:
        label = label or f"{folder.parent.name}-{folder.name}"
        place = private_dir(self.folder / ARCHIVE)
        with storage_errors(place, "keep the old skill in"):
            for old in sorted(place.glob(f"{label}-2*"))[: -MOST_ARCHIVED + 1]:
                shutil.rmtree(old)
            target = place / f"{label}-{self.clock.now():%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"
            os.rename(folder, target)
        return target

    @contextlib.contextmanager
    def _staged(self, category: str, name: str) -> Iterator[Path]:
        """An empty folder of the skill's name on the same disk, gone afterwards."""
        around = self.folder / f"{STAGE}{secrets.token_hex(6)}"
        stage = private_dir(around / category / name)
        try:
            yield stage
        finally:
            self._clear(around)

    def _clear(self, around: Path) -> None:
        """Remove a stage, whole or cut short. An old skill in it goes back where none has taken its place."""
        with storage_errors(around, "clear up"):
            for old in around.glob(f"*/*{OLD}"):
                name = old.name.removesuffix(OLD)
                target = self.folder / old.parent.name / name
                if target.exists():
                    self._put_away(old, f"{old.parent.name}-{name}")
                else:
                    os.rename(old, target)
            shutil.rmtree(around)

    def _write(self, stage: Path, path: Path, text: str) -> None:
        private_dir((stage / path).parent)
        write_atomic(stage / path, self._clean(text), 0o700 if path.parts[0] == "scripts" else 0o600)

    def _clean(self, text: str) -> bytes:
        if self.redact(text) != text:
            raise UsageError(
                "the text holds a stored secret",
                "Name the variable in requires_env and read it there; values stay in .env",
            )
        return text.encode("utf-8", "replace")

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """The lock; whoever takes it mends what a killed process has left."""
        private_dir(self.folder)
        with FileLock(self.folder / ".lock", what="the skills"):
            for left in sorted(self.folder.glob(f"{STAGE}*")):
                self._clear(left)
            yield


def _relative(file: str) -> Path:
    """A file of a skill as it may be written: ``SKILL.md`` or one level below a known folder.

    Raises:
        UsageError: anything else.
    """
    path = Path(file)
    known = len(path.parts) == 2 and path.parts[0] in WRITABLE and FILE_NAME.fullmatch(path.name) is not None
    if not known and path != Path("SKILL.md"):
        raise UsageError(f"{file!r} cannot be written in a skill", f"SKILL.md, or a file below {', '.join(WRITABLE)}/")
    return path


def _allowed(category: str, name: str) -> None:
    if not NAME.fullmatch(name) or category not in CATEGORIES:
        raise UsageError(
            f"{category}/{name} cannot be a skill",
            f"A name has small letters, digits and -. Categories: {', '.join(CATEGORIES)}",
        )


def _aside(stage: Path) -> Path:
    """Where the old skill lies while the staged one takes its place."""
    return stage.with_name(stage.name + OLD)


def _settle(folder: Path) -> None:
    """Make a folder's files their owner's alone, and write them and their names through to the disk."""
    for path in (*folder.rglob("*"), folder):
        if path.is_dir():
            os.chmod(path, 0o700)
            sync_dir(path)
            continue
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, 0o700 if path.parent.name == "scripts" else 0o600)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
