"""Bring a backup, or a removed profile, back into a place that is empty."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import UsageError
from .passphrase import option, passphrase

if TYPE_CHECKING:
    import argparse

    from ..state.archive.pack import Contents

EPILOG = """\
examples:
  alpi restore ~/alpi.backup                      all profiles in it, under their names
  alpi restore ~/alpi.backup --only work          one of them
  alpi restore ~/alpi.backup --only default --as old
  alpi restore ~/.alpi/removed/work-20261125-101500.tar       what alpi profile remove has put away

Nothing is mixed with what is there: a profile that exists is an error. All of the file is checked before anything appears.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Options of ``alpi restore``."""
    parser.add_argument("file", metavar="FILE", help="a backup, or an archive in ~/.alpi/removed")
    parser.add_argument("--only", metavar="NAME", help="this profile of several")
    parser.add_argument("--as", dest="name", metavar="NAME", help="under this name (-p NAME means the same)")
    option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Restore profiles."""
    from ..base.paths import DEFAULT, profile_paths
    from ..base.sizes import counted, readable
    from ..state.archive.files import restore_backup

    name = args.name or args.profile
    root = profile_paths(name or DEFAULT, environ, must_exist=False).root
    path = Path(args.file).expanduser().absolute()
    found, places = restore_backup(
        path,
        root,
        lambda: passphrase(args.passphrase_file, twice=False),
        lambda contents: _chosen(contents, args.only, name),
    )
    print(f"restored from {path}: {counted(found.files, 'file')} checked, {readable(found.bytes)}")
    for profile, folder in places.items():
        print(f"  {profile}: {folder}")
    first = next(iter(places))
    print(f"next: alpi {'' if first == DEFAULT else f'-p {first} '}doctor")
    return 0


def _chosen(contents: Contents, only: str | None, name: str | None) -> dict[str, str]:
    """Which profiles to restore, and under which name each."""
    known = f"It holds: {', '.join(contents.profiles)}"
    if only is not None and only not in contents.profiles:
        raise UsageError(f"there is no profile {only!r} in this backup", known)
    wanted = [only] if only is not None else contents.profiles
    if name is None:
        return {profile: profile for profile in wanted}
    if len(wanted) > 1:
        raise UsageError(
            f"this backup has {len(wanted)} profiles, and only one can be called {name}", f"{known}. Add --only NAME"
        )
    return {wanted[0]: name}
