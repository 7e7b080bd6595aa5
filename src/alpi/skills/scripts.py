"""A skill's scripts: what they depend on (inline metadata, PEP 723), the lock that pins it, and how one is started."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base.errors import UsageError
from ..base.files import storage_errors
from .format import LEFT_BEHIND, Skill, SkillError

BLOCK = re.compile(r"(?m)^# /// script[ \t]*\r?$\n((?:^#(?: .*)?\r?$\n)+?)^# ///[ \t]*\r?$")
# A package of an index with what versions of it will do (PEP 508), and no address, path or option.
WANTED = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[A-Za-z0-9._, -]*\])?\s*(?:[<>=!~]=?=?[^;@:/\\]*)?(?:;[^@:/\\]*)?"
)
PINNED = re.compile(r"([a-z0-9][a-z0-9-]*)==([A-Za-z0-9.!+_-]+) --hash=sha256:[0-9a-f]{64}")
LOCK = ".lock"
MOST_WANTED = 50
INTERPRETERS: tuple[tuple[str, str], ...] = (
    (".py", "python3"),
    (".sh", "bash"),
    (".bash", "bash"),
    (".js", "node"),
    (".mjs", "node"),
    (".rb", "ruby"),
    (".pl", "perl"),
)


def dependencies(text: str, where: str) -> tuple[str, ...]:
    """What a Python script depends on, from its inline metadata; nothing where there is none.

    Raises:
        SkillError: it is there twice, or is not TOML of the right form.
    """
    import tomllib

    blocks = BLOCK.findall(text)
    if not blocks:
        return ()
    if len(blocks) > 1:
        raise SkillError(f"{where} has more than one `# /// script` block")
    lines = [line.rstrip("\r")[2:] if line.startswith("# ") else "" for line in blocks[0].splitlines()]
    try:
        data = tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        raise SkillError(f"{where}: the `# /// script` block is not valid TOML: {error}") from error
    wanted = data.get("dependencies", [])
    if not isinstance(wanted, list) or len(wanted) > MOST_WANTED:
        raise SkillError(f"{where}: dependencies in the `# /// script` block must be a list of at most {MOST_WANTED}")
    for one in wanted:
        if not isinstance(one, str) or len(one) > 200 or not WANTED.fullmatch(one):
            raise SkillError(
                f"{where}: the dependency {str(one)[:80]!r} is no package of an index",
                "Name packages, as in requests>=2; addresses, paths and options are not taken",
            )
    return tuple(wanted)


def lock_path(script: Path) -> Path:
    """Where a script's lock lies: beside it."""
    return script.with_name(script.name + LOCK)


def locked_packages(lock: str) -> list[tuple[str, str]]:
    """The packages of a lock, each as (name, version).

    Raises:
        SkillError: a line is anything else than an exact version with its hash. pip would follow options and addresses in it.
    """
    found = []
    for line in lock.splitlines():
        if line and not line.startswith("#"):
            match = PINNED.fullmatch(line)
            if match is None:
                raise SkillError(f"the lock has a line that is no version with its hash: {line[:80]!r}")
            found.append((match.group(1), match.group(2)))
    return found


def digest(skill: Skill, script: str) -> str:
    """What identifies a script and all that it can reach in its skill: a hash over the files, secrets and the page left out, and the
    names of the secrets that it gets.

    Raises:
        StorageError: a file cannot be read.
    """
    whole = hashlib.sha256()
    for path in skill.shown():
        with storage_errors(skill.folder / path, "read"):
            data = (skill.folder / path).read_bytes()
        whole.update(f"{path}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
        whole.update(data)
    whole.update(f"\0{script}\0{' '.join(skill.requires_env)}".encode())
    return whole.hexdigest()


def find_script(skill: Skill, name: str) -> str:
    """A script's file name, from what a model calls it.

    Raises:
        UsageError: there is none, or more than one.
    """
    scripts = scripts_of(skill)
    wanted = name.removeprefix("scripts/")
    fits = [one for one in scripts if one == wanted] or [one for one in scripts if Path(one).stem == wanted]
    if not name and len(scripts) == 1:
        fits = scripts
    if len(fits) != 1:
        raise UsageError(
            f"{skill.full_name} has no script {name!r}", f"Its scripts are: {', '.join(scripts) or 'none'}"
        )
    return fits[0]


def meant(skill: Skill, file: str, arguments: str) -> tuple[str, str]:
    """The script that a model wants to run, and its arguments as in a shell.

    Small models often name in ``file`` what the script shall work on. Where the skill has one script and no arguments came, nothing
    else can be meant; a name that could be a script's stays an error.

    Raises:
        UsageError: see ``find_script``.
    """
    try:
        return find_script(skill, file), arguments
    except UsageError:
        names_script = Path(file).suffix in dict(INTERPRETERS) or file.startswith("scripts/")
        if not file or arguments or names_script or len(scripts_of(skill)) != 1:
            raise
        return find_script(skill, ""), shlex.quote(file)


def stage(skill: Skill, scratch: Path) -> Path:
    """A copy of the skill where the sandbox lets it be seen; it is made anew for each run. Gives the copy's folder."""
    target = scratch / "skills" / skill.category / skill.name
    with storage_errors(target, "copy a skill to"):
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(skill.folder, target, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        for script in (target / "scripts").iterdir():
            if not script.is_symlink():
                script.chmod(0o700)
    return target


def command_line(folder: Path, script: str, arguments: Sequence[str], python: Path | None) -> str:
    """The shell command that runs a staged script."""
    path = folder / "scripts" / script
    program = next((found for suffix, found in INTERPRETERS if path.suffix == suffix), "")
    if path.suffix == ".py" and python is not None:
        program = str(python)
    words = [program, str(path)] if program else [str(path)]
    return shlex.join([*words, *arguments])


def environment(skill: Skill, folder: Path, secret: Mapping[str, str]) -> dict[str, str]:
    """The variables that a script gets besides the usual ones: where it lies, and the secrets that it declares.

    Raises:
        UsageError: one of them is not stored.
    """
    missing = [name for name in skill.requires_env if not secret.get(name)]
    if missing:
        raise UsageError(
            f"{skill.full_name} needs {', '.join(missing)}, which is not stored",
            f"The user adds it with: alpi config key {missing[0]}",
        )
    return {"SKILL_DIR": str(folder), **{name: secret[name] for name in skill.requires_env}}


def scripts_of(skill: Skill) -> list[str]:
    """The names of a skill's scripts."""
    return [path.name for path in skill.files() if path.parts[0] == "scripts" and path.suffix != LOCK]


def missing_programs(skill: Skill, path: str) -> list[str]:
    """The programs that the skill needs and that are not to be found."""
    return [name for name in skill.requires_bins if shutil.which(name, path=path) is None]
