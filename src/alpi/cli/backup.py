"""Write an encrypted backup of a profile, or of all, and verify one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from .passphrase import option, passphrase

if TYPE_CHECKING:
    import argparse

    from ..base.paths import ProfilePaths

EPILOG = """\
examples:
  alpi backup ~/alpi.backup                       asks for a passphrase, twice
  alpi -p work backup /media/stick/work.backup
  alpi backup --all-profiles ~/alpi.backup
  alpi backup --verify ~/alpi.backup              reads and checks all of it, writes nothing
  alpi backup --force --passphrase-file ~/.alpi-passphrase ~/alpi.backup      for cron

In it: settings, keys, conversations, memory, ledger, approvals, logs, skills, link identity. Not in it: locks and sockets, the search
index, downloaded models; and old file contents for undo unless --undo is said. Chats may go on meanwhile. Bring it back: alpi restore
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi backup``."""
    parser.add_argument("file", metavar="FILE", help="the file to make, readable by you only")
    parser.add_argument("--all-profiles", action="store_true", help="every profile, not only the one in use")
    parser.add_argument("--undo", action="store_true", help="with what files held before a tool changed them")
    parser.add_argument("--force", action="store_true", help="replace FILE where it exists; it is replaced in one step")
    parser.add_argument("--verify", action="store_true", help="check FILE instead of making it")
    option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write a backup, or check one."""
    from ..base.clock import SystemClock

    path = Path(args.file).expanduser().absolute()
    if args.verify:
        return _verify(path, args.passphrase_file)
    from .. import __version__
    from ..base.sizes import counted, readable
    from ..state.archive.files import write_backup
    from ..state.archive.tree import Tree

    profiles = _profiles(args, environ)
    root = profiles[0].root.resolve()
    if path.parent.resolve().is_relative_to(root):
        raise UsageError(f"{path} is inside {root}, which it is to save", "Write it to another folder, or another disk")
    missing = [paths.home for paths in profiles if not paths.home.is_dir()]
    if missing:
        raise UsageError(f"there is nothing in {missing[0]} yet", "Begin with: alpi setup")
    if not args.force and (path.exists() or path.is_symlink()):  # said before anybody types a passphrase
        raise UsageError(f"{path} exists already", "Name another file, or say --force to replace it")
    secret = passphrase(args.passphrase_file, twice=True)
    trees = [(paths.name, Tree(paths.home, undo=args.undo)) for paths in profiles]
    now = SystemClock().now()
    done = write_backup(path, trees, passphrase=secret, now=now, version=__version__, force=args.force)
    for note in done.packed.left_out:
        print(f"alpi: left out {note}", file=sys.stderr)
    names = ", ".join(done.packed.profiles)
    print(f"wrote {path}: {names}, {counted(done.packed.files, 'file')}, {readable(done.size)}, encrypted")
    print(f"check it: alpi backup --verify {path}")
    return 0


def _verify(path: Path, file: str | None) -> int:
    from ..base.sizes import counted, readable
    from ..state.archive.files import verify_backup

    found = verify_backup(path, lambda: passphrase(file, twice=False))
    made = f"{found.contents.created.astimezone():%Y-%m-%d %H:%M}, by alpi {found.contents.version}"
    print(f"{path} is whole: {counted(found.files, 'file')}, {readable(found.bytes)}, made {made}")
    print(f"profiles: {', '.join(found.contents.profiles)}")
    return 0


def _profiles(args: argparse.Namespace, environ: Mapping[str, str]) -> list[ProfilePaths]:
    from ..base.paths import profile_names, profile_paths

    used = profile_paths(args.profile, environ)
    if not args.all_profiles:
        return [used]
    found = [profile_paths(name, environ) for name in profile_names(used.root)]
    return [paths for paths in found if paths.home.is_dir()]
