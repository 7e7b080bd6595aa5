"""Skills: written ways to do something, with scripts. List, check, install, lock, export and remove them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import Refused, UsageError

if TYPE_CHECKING:
    import argparse

    from ..skills.format import Skill
    from .skilling import Skilling

EPILOG = """\
examples:
  alpi skills                                   what there is, and what is wrong with it
  alpi skills show finance/groceries            everything that is in it
  alpi skills validate ./my-skill               check a folder, or a skill by its name
  alpi skills install ./my-skill                shows all of it, checks it, and asks
  alpi skills install https://example.com/skills.zip groceries --category finance
  alpi skills install git+https://example.com/skills.git pdf invoices
  alpi skills lock finance/groceries            pin what its scripts depend on, and install that
  alpi skills export finance/groceries groceries.zip
  alpi skills remove finance/groceries          its folder goes to skills/.archive

install shows every file, scans it, and asks OSV about every package that a script depends on. It refuses what the scanner or OSV
finds, and also when OSV cannot be asked; --yes answers the question, and overrides none of that. docs/SKILLS.md has the whole.
"""
MOST_LINES = 400


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi skills``."""
    parser.set_defaults(run=run_list, json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="the skills, and what is wrong with one (the default)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    for name, run, summary in (
        ("show", run_show, "print everything that is in a skill"),
        ("remove", run_remove, "take a skill out of use; the archive keeps it"),
        ("lock", run_lock, "pin what its scripts depend on, with hashes, and install that"),
    ):
        one = actions.add_parser(name, help=summary)
        one.add_argument("name", metavar="NAME", help="category/name, or the name alone")
        one.set_defaults(run=run)
    validate = actions.add_parser("validate", help="check skills without using them; all when none is named")
    validate.add_argument("names", metavar="NAME|FOLDER", nargs="*", help="a skill, or a folder with a SKILL.md in it")
    validate.set_defaults(run=run_validate)
    install = actions.add_parser("install", help="bring skills in from a folder, a zip or a git repository")
    install.add_argument(
        "source", metavar="PATH|URL", help="a folder or zip, https://....zip, git+https://... or ....git"
    )
    install.add_argument("names", metavar="SKILL", nargs="*", help="which, where the source holds several")
    install.add_argument("--category", metavar="NAME", default="", help="put it there, whatever it says itself")
    install.add_argument("--show", action="store_true", help="print long files whole, too")
    install.add_argument("--replace", action="store_true", help="take the place of a skill of that name")
    install.add_argument("--yes", action="store_true", help="do not ask; overrides no finding")
    install.set_defaults(run=run_install)
    export = actions.add_parser("export", help="write a skill to a zip, without its secrets")
    export.add_argument("name", metavar="NAME", help="category/name, or the name alone")
    export.add_argument("file", metavar="FILE.zip", help="a new file")
    export.set_defaults(run=run_export)


def run_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the skills by category and name. Exit code 0."""
    from ..tui.terminal import json_line

    skilling = _skilling(args, environ)
    found = list(skilling.store.found())
    vouched = skilling.vouched.all()
    for skill, problem in found:
        if args.json:
            told = {
                "name": skill.full_name if skill else problem.partition(":")[0],
                "description": skill.description if skill else "",
                "version": skill.version if skill else "",
                "origin": skill.origin if skill else "",
                "problems": _problems(skilling, skill) if skill else [problem],
            }
            print(json_line(told, sys.stdout))
        elif skill is None:
            print(f"not usable: {_safe(problem)}")
        else:
            print(f"{skill.full_name:32} {_safe(skill.description)}")
            if skill.full_name in vouched and skilling.vouched.drift(skill):
                print(f"{'':32} changed since it was installed: {', '.join(skilling.vouched.drift(skill))}")
            for text in _problems(skilling, skill):
                print(f"{'':32} {text}")
    if not found and not args.json:
        print(f"there are no skills in {skilling.folder}")
    return 0


def run_show(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a skill's files."""
    skilling = _skilling(args, environ)
    skill = skilling.store.get(args.name)
    _show(skill, whole=True)
    for text in _problems(skilling, skill):
        print(text)
    return 0


def run_validate(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Check skills. Exit code 1 when one does not pass."""
    from ..skills.format import read_skill

    skilling = _skilling(args, environ)
    folders: list[tuple[str, Path, str]] = []
    broken: list[str] = []
    if not args.names:
        for known, problem in skilling.store.found():
            if known is None:
                broken.append(problem)
            else:
                folders.append((known.full_name, known.folder, known.category))
    for name in args.names:
        if Path(name).is_dir():
            folders.append((name, Path(name).absolute(), ""))
        else:
            known = skilling.store.get(name)
            folders.append((known.full_name, known.folder, known.category))
    failed = bool(broken)
    for problem in broken:
        print(f"not usable: {_safe(problem)}")
    for name, folder, category in folders:
        problems = skilling.store.check(folder, category)
        bad = any(problem.level == "error" for problem in problems)
        failed = failed or bad
        print(f"{'FAILED' if bad else 'ok':6} {_safe(name)}")
        for found in problems:
            print(f"       {found.level}: {found}")
        if not bad:
            skill = read_skill(folder, category)
            missing = [one for one in skill.requires_env if not skilling.runtime.secrets.known().get(one)]
            if missing:
                print(f"       not stored yet: {', '.join(missing)} (alpi config key {missing[0]})")
    return int(failed)


def run_install(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Bring skills in. Exit code 3 when one is refused, 1 when it cannot be had or the person says no."""
    import asyncio

    return asyncio.run(_install(args, _skilling(args, environ)))


async def _install(args: argparse.Namespace, skilling: Skilling) -> int:
    from ..skills.install import choose, skill_folders

    async with skilling.sources().open(args.source) as folder:
        for one in choose(skill_folders(folder), args.names, args.source):
            if not await _install_one(args, skilling, one):
                return 1
    return 0


async def _install_one(args: argparse.Namespace, skilling: Skilling, folder: Path) -> bool:
    """Show, check, lock and ask, all on a copy. Gives whether it was installed."""
    import tempfile

    from ..skills.format import read_skill, with_front
    from ..skills.store import Unsound
    from .undo import confirmed

    store = skilling.store
    first = read_skill(folder)
    category = args.category or first.category
    store.must_be_free(category, first.name, args.replace)
    with tempfile.TemporaryDirectory(prefix="alpi-skill-") as place:
        copy = Path(place) / category / first.name
        try:
            store.copy(folder, copy)
            page = copy / "SKILL.md"
            front = {"category": category, "origin": _origin(args.source)}
            page.write_text(with_front(page.read_text("utf-8"), front), encoding="utf-8")
            for left in copy.glob("scripts/*.lock"):
                left.unlink()  # nobody's lock is taken on trust; what it pins is resolved and asked about anew
            problems = store.check(copy, category)
            errors = [problem for problem in problems if problem.level == "error"]
            if errors:
                raise Unsound(f"{category}/{first.name}", errors)
        except Unsound as error:
            raise Refused(error.message, "Nothing was installed. Look at the source: it may be an attack") from error
        skill = read_skill(copy, category)
        if any(path.parts[0] == "secrets" for path in skill.files()):
            raise Refused(f"{skill.full_name} brings secrets with it", "Nothing was installed")
        _show(skill, args.show)
        for problem in problems:
            print(f"{problem.level}: {problem}")
        if any("# /// script" in (copy / "scripts" / name).read_text("utf-8", "replace") for name in _scripts(skill)):
            print("resolving what its scripts depend on ...", flush=True)
        for line in await skilling.lock(copy, skill):
            print(line)
        if not args.yes:
            if not sys.stdin.isatty():
                raise UsageError("nobody is there to be asked", "--yes installs what has no findings without asking")
            if not confirmed(f"Install {skill.full_name}? Its scripts will run without asking, in the sandbox."):
                print("nothing was installed")
                return False
        done, _ = store.adopt(copy, category, skill.name, replacing=args.replace)
        skilling.vouched.add(done)
    print(f"installed {done.full_name}; it can be used at once")
    for name in done.requires_env:
        if not skilling.runtime.secrets.known().get(name):
            print(f"it needs {name}, which is not stored: alpi config key {name}")
    return True


def run_lock(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Lock a skill's dependencies, on a copy that then takes its place."""
    import asyncio
    import tempfile

    from ..skills.format import read_skill

    skilling = _skilling(args, environ)
    store = skilling.store
    skill = store.get(args.name)
    seen = skill.full_name in skilling.vouched.all() and not skilling.vouched.drift(skill)
    with tempfile.TemporaryDirectory(prefix="alpi-skill-") as place:
        copy = Path(place) / skill.category / skill.name
        store.copy(skill.folder, copy)
        said = asyncio.run(skilling.lock(copy, read_skill(copy, skill.category)))
        done, _ = store.adopt(copy, skill.category, skill.name, replacing=True)
    if seen:
        skilling.vouched.add(done)
    print("\n".join(said) or f"the scripts of {done.full_name} depend on nothing")
    return 0


def run_remove(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Take a skill out of use."""
    skilling = _skilling(args, environ)
    known = [skill.full_name for skill in skilling.store.all() if args.name in (skill.name, skill.full_name)]
    kept = skilling.store.archive(args.name)
    skilling.vouched.forget(known[0] if known else args.name)
    print(f"{known[0] if known else args.name} is no longer used; its folder is now {kept}")
    return 0


def run_export(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write a zip that ``install`` takes."""
    import io
    import zipfile

    from ..base.files import storage_errors

    skill = _skilling(args, environ).store.get(args.name)
    target = Path(args.file)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (Path("SKILL.md"), *skill.shown()):
            archive.write(skill.folder / path, f"{skill.name}/{path}")
    with storage_errors(target, "write"), target.open("xb") as file:
        file.write(data.getvalue())
    print(f"{skill.full_name} is in {target}")
    return 0


def _show(skill: Skill, whole: bool) -> None:
    """Everything that is in a skill; of a long file the beginning, unless all of it is wanted."""
    print(
        f"=== {skill.full_name}, version {_safe(skill.version)}{f', from {_safe(skill.origin)}' if skill.origin else ''}"
    )
    for what, names in (
        ("gets these secrets", skill.requires_env),
        ("needs these programs", skill.requires_bins),
        ("is for", skill.platforms),
    ):
        if names:
            print(f"    {what}: {', '.join(names)}")
    for path in (Path("SKILL.md"), *skill.shown()):
        data = (skill.folder / path).read_bytes()
        print(f"--- {_safe(str(path))} ({len(data):,} bytes)")
        if b"\0" in data[:8192]:
            print("    (not text)")
            continue
        lines = data.decode("utf-8", "replace").splitlines()
        shown = lines if whole else lines[:MOST_LINES]
        print("\n".join(f"    {_safe(line)}" for line in shown))
        if len(lines) > len(shown):
            print(f"    [{len(lines) - len(shown):,} more lines; --show prints all of them]")


def _scripts(skill: Skill) -> Sequence[str]:
    from ..skills.scripts import scripts_of

    return [name for name in scripts_of(skill) if name.endswith(".py")]


def _problems(skilling: Skilling, skill: Skill) -> list[str]:
    from ..skills.scripts import missing_programs
    from .skilling import system

    problems = [f"{found.level}: {found}" for found in skilling.store.check(skill.folder, skill.category)]
    missing = missing_programs(skill, skilling.runtime.environ.get("PATH", ""))
    problems += [f"not installed: {', '.join(missing)}"] if missing else []
    if skill.platforms and system(skilling.runtime.environ.get("PREFIX", "")) not in skill.platforms:
        problems.append(f"only for {', '.join(skill.platforms)}")
    return problems


def _origin(source: str) -> str:
    return source if "://" in source else str(Path(source).expanduser().absolute())


def _safe(text: str) -> str:
    from ..base.text import encodable, escaped

    return escaped(encodable(text))


def _skilling(args: argparse.Namespace, environ: Mapping[str, str]) -> Skilling:
    from .runtime import Runtime
    from .skilling import Skilling

    return Skilling(Runtime(args.profile, environ))
