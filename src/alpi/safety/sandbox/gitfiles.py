"""Git's files that make git run programs or look for its settings elsewhere, in every repository of a writable folder.

A command in the sandbox that changes them is run later outside of it, by the person's own ``git status``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

GUARDED_FILES = ("config", "config.worktree", "commondir", "gitdir")
MOST_REPOSITORIES = 64
"""Repositories directly below a writable folder that are guarded as well; each costs a few mounts."""
MOST_CONFIG = 1 << 20
_VALUE = re.compile(r"^\s*(hookspath|path)\s*=\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class GitFiles:
    """``guarded`` (path, is it a folder) must not be written; ``pinned`` folders stay writable and must not be moved away;
    ``absent`` must not come to be, or is a link that must not be replaced."""

    guarded: tuple[tuple[Path, bool], ...]
    pinned: tuple[Path, ...]
    absent: tuple[Path, ...]


def git_files(roots: Iterable[Path]) -> GitFiles:
    """Look into each root, the folders directly below it, and their submodules. Roots are resolved folders."""
    guarded: dict[Path, bool] = {}
    pinned: list[Path] = []
    absent: list[Path] = []
    for root in roots:
        for dot_git in _dot_gits(root):
            # A link, or a worktree's or submodule's pointer: whoever replaces it chooses the repository.
            if dot_git.is_symlink():
                absent.append(dot_git)
                continue
            if dot_git.is_file():
                guarded[dot_git] = False
                continue
            for git_dir in _git_dirs(dot_git):
                _one(git_dir, root, guarded, pinned, absent)
    return GitFiles(tuple(guarded.items()), tuple(pinned), tuple(absent))


def _dot_gits(root: Path) -> Iterator[Path]:
    if (root / "HEAD").is_file() and (root / "objects").is_dir():
        yield root  # a bare repository, or the git folder itself made writable
    if (root / ".git").exists() or (root / ".git").is_symlink():
        yield root / ".git"
    found = 0
    try:
        children = sorted(root.iterdir())
    except OSError:
        return
    for child in children:
        if found < MOST_REPOSITORIES and (child / ".git").exists() and not child.is_symlink() and child.name != ".git":
            found += 1
            yield child / ".git"


def _git_dirs(dot_git: Path, depth: int = 0) -> Iterator[Path]:
    yield dot_git
    for folder in ("modules", "worktrees"):
        if depth < 4 and (dot_git / folder).is_dir():
            for child in _children(dot_git / folder):
                # A submodule may be called a/b: what has no HEAD is a part of a longer name.
                if (child / "HEAD").is_file():
                    yield from _git_dirs(child, depth + 1)
                else:
                    yield from (d for d in _children(child) if (d / "HEAD").is_file())


def _children(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir())[:MOST_REPOSITORIES] if p.is_dir() and not p.is_symlink()]


def _one(git_dir: Path, root: Path, guarded: dict[Path, bool], pinned: list[Path], absent: list[Path]) -> None:
    hooks = git_dir / "hooks"
    if hooks.is_symlink() or any((git_dir / name).is_symlink() for name in GUARDED_FILES):
        guarded[git_dir] = True  # nothing can be mounted over a link, so the whole folder is closed
        if hooks.is_dir():
            guarded[hooks.resolve()] = True
        return
    if git_dir != root:
        pinned.append(git_dir)
    linked = git_dir.parent.name == "worktrees"
    if hooks.is_dir() or not linked:
        guarded[hooks] = True
    for name in GUARDED_FILES:
        path = git_dir / name
        if path.is_file():
            guarded[path] = False
        elif linked or name != "gitdir":
            absent.append(path)
    for target in _named_in_config(git_dir, root):
        if target.exists():
            guarded[target.resolve()] = target.is_dir()
        else:
            absent.append(target)


def _named_in_config(git_dir: Path, root: Path) -> Iterator[Path]:
    """Folders of hooks and included settings that the repository's own settings name, as far as they lie in ``root``."""
    for name in ("config", "config.worktree"):
        try:
            with (git_dir / name).open(encoding="utf-8", errors="replace") as file:
                text = file.read(MOST_CONFIG)
        except OSError:
            continue
        for key, value in _VALUE.findall(text):
            # Hook folders are relative to the work tree, includes to the file that names them.
            base = git_dir.parent if key.lower() == "hookspath" else git_dir
            target = Path(base, Path(value.strip('"')).expanduser() if value.startswith("~") else value.strip('"'))
            resolved = target.resolve()
            if root in resolved.parents:
                yield target if not target.is_symlink() else resolved
