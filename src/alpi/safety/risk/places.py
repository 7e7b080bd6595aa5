"""Paths in arguments and redirections: where they really lead, and what reading, writing or deleting there means."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alpi.safety.tiers import Tier

from .expand import UNKNOWN, Field
from .scene import Scene
from .steps import TooComplex
from .tables import Tables

Finding = tuple[Tier, str]
MAX_MATCHES = 64
MAX_PLACES = 400
"""Words that are looked up as paths in one judgement."""
SEARCH_WORK = 15
"""What a wildcard counts as, in such words."""
MAX_FOLDERS = 6
"""How many working folders are kept apart; beyond that a relative path is unknown."""

FOUND = "(what is found)"
"""Stands for a name which a lister will print: unknown, but below the folder that was listed."""
SAFE: Finding = (Tier.SAFE, "")


@dataclass(frozen=True, slots=True)
class Target:
    """One place that a word may name. ``path`` is resolved; ``None`` if it is only known at run time."""

    path: Path | None
    written: Path | None = None
    """The same before links were followed."""
    everything: bool = False
    """The word was a bare ``*``: all that is in ``path``."""
    cut: bool = False
    """More matched than is looked at one by one."""


class Places:
    """Judges paths for one scene. Links which the command itself makes are remembered and followed."""

    def __init__(self, scene: Scene, tables: Tables) -> None:
        self.scene = scene
        self.tables = tables
        self.links: dict[Path, Path] = {}
        self.workspace = scene.files.resolve(scene.workspace)
        self.home = scene.files.resolve(scene.home)
        self.own = (scene.files.resolve(scene.alpi_root), scene.files.resolve(scene.profile_home))
        self.work = MAX_PLACES
        self._found: dict[tuple[str, str | None, Path, int], list[Target]] = {}
        self._seen: dict[Path, Path] = {}

    def resolve(self, path: Path) -> Path:
        """Follow links, those on the disk and those made earlier in this command."""
        path = Path(os.path.normpath(path)) if ".." not in path.parts else path
        if self.links:
            for link, target in self.links.items():
                if path == link or link in path.parents:
                    path = target / path.relative_to(link)
        found = self._seen.get(path)
        if found is None:
            found = self._seen[path] = self.scene.files.resolve(path)
        return found

    def targets(self, item: Field, folders: Iterable[Path | None]) -> list[Target]:
        """Every place which a word may name, from every folder where the command may stand."""
        self.work -= 1
        if self.work < 0:
            raise TooComplex(f"names more than {MAX_PLACES} places")
        found: list[Target] = []
        texts = [item.text]
        if UNKNOWN in item.text:
            found.append(Target(None))
            empty = item.text.replace(UNKNOWN, "")
            texts = [empty] if empty else []
        for folder in folders:
            for text in texts:
                if folder is None and not text.startswith("/"):
                    found.append(Target(None))
                else:
                    found += self._from(text, item.pattern, folder or Path("/"))
        return found

    def _from(self, text: str, pattern: str | None, folder: Path) -> list[Target]:
        key = (text, pattern, folder, len(self.links))
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._search(text, pattern, folder)
        return found

    def _search(self, text: str, pattern: str | None, folder: Path) -> list[Target]:
        written = folder / text
        if pattern is None or UNKNOWN in pattern:
            return [Target(self.resolve(written), written)]
        self.work -= SEARCH_WORK
        full = pattern if pattern.startswith("/") else os.path.join(_escaped(folder), pattern)
        matches = self.scene.files.glob(full, MAX_MATCHES)
        found = [Target(self.resolve(match), match) for match in matches]
        last = os.path.basename(full.rstrip("/"))
        cut = len(matches) >= MAX_MATCHES
        if cut or not last.strip("*.?"):
            fixed = written.parent
            if cut:
                fixed = Path(full[: min(full.index(mark) for mark in "*?[" if mark in full)] + "x").parent
            found.append(Target(self.resolve(fixed), fixed, everything=True, cut=cut))
        if not matches:
            found.append(Target(self.resolve(written), written))
        return found

    def inside(self, path: Path) -> bool:
        """Whether a resolved path is the workspace or lies in it."""
        return path == self.workspace or self.workspace in path.parents

    def shown(self, path: Path) -> str:
        """A path as people write it."""
        if path == self.home:
            return "~"
        if self.home in path.parents:
            return "~/" + str(path.relative_to(self.home))
        return str(path)

    # What may be done there

    def read(self, target: Target, *, deep: bool = False) -> Finding:
        """Reading a file, or everything below a folder."""
        path = target.path
        if path is None:
            return Tier.CAUTION, "which file is read is only known when it runs"
        if str(path) in self.tables.harmless_devices or str(target.written).startswith("/dev/fd/"):
            return SAFE
        secret = self.environ(path)
        if secret is not None:
            return secret
        verdict = self.scene.protected(path, "read")
        if verdict is not None and verdict.tier > Tier.SAFE:
            return verdict.tier, verdict.reason
        if target.written is not None and target.written != path and str(target.written).startswith("/proc/"):
            found = self.environ(target.written)
            if found is not None:
                return found
        if path.name == FOUND:
            return self._below(path.parent)
        if deep or target.cut:
            return self._below(path)
        return SAFE

    def environ(self, path: Path) -> Finding | None:
        """``/proc/<any>/environ``: the variables of a process, secrets included."""
        parts = path.parts
        if len(parts) > 3 and parts[1] == "proc" and ("environ" in parts[3:] or "mem" in parts[3:]):
            return Tier.DANGEROUS, "shows the memory or environment of a process, where secrets may be"
        return None

    def _below(self, folder: Path) -> Finding:
        for secret in (*self.own, *(self.home / name for name in self.tables.secret_names)):
            if folder == secret or folder in secret.parents:
                verdict = self.scene.protected(secret, "read")
                known = secret in self.own or (verdict is not None and verdict.tier is Tier.DANGEROUS)
                if known and self.scene.files.exists(secret):
                    return (
                        Tier.DANGEROUS,
                        f"would read everything below {self.shown(folder)}, {self.shown(secret)} included",
                    )
        return SAFE

    def look(self, target: Target) -> Finding:
        """Listing names, sizes and dates: what is protected is asked about, not refused."""
        tier, reason = self.read(target)
        return min(tier, Tier.CAUTION) if target.path is not None else Tier.SAFE, reason

    def write(self, target: Target, *, append: bool = False) -> Finding:
        """Creating, overwriting or changing a file."""
        path = target.path
        if path is None:
            return Tier.CAUTION, "where it writes is only known when it runs"
        forbidden = self.forbidden(path)
        if forbidden is not None:
            return forbidden
        if str(path) in self.tables.harmless_devices or str(path).startswith(("/dev/fd/", "/dev/pts/")):
            return SAFE
        if not self.inside(path):
            return Tier.CAUTION, f"writes {self.shown(path)}, outside the workspace"
        asked = self.scene.protected(path, "write")
        if asked is not None and asked.tier > Tier.SAFE:
            return asked.tier, asked.reason
        if not append and path != self.workspace and not self.scene.files.is_dir(path) and self._full(path):
            return Tier.CAUTION, f"overwrites {self.shown(path)}, which the terminal cannot take back"
        return SAFE

    def _full(self, path: Path) -> bool:
        return bool(self.scene.files.exists(path) and self.scene.files.read_head(path, 1) != b"")

    def forbidden(self, path: Path) -> Finding | None:
        """The places that no command may write: the agent's own, the system's, devices, and what the path guard refuses."""
        if str(path) in self.tables.harmless_devices or str(path).startswith(("/dev/fd/", "/dev/pts/")):
            return None
        if any(path == own or own in path.parents for own in self.own):
            return Tier.DANGEROUS, f"writes {self.shown(path)}, which belongs to the agent itself"
        verdict = self.scene.protected(path, "write")
        if verdict is not None and verdict.tier is Tier.DANGEROUS:
            return verdict.tier, verdict.reason
        text = str(path)
        if text.startswith("/dev/"):
            return Tier.DANGEROUS, f"writes to the device {text}"
        if not self.inside(path) and any(
            text == folder or text.startswith(folder + "/") for folder in self.tables.system_folders
        ):
            return Tier.DANGEROUS, f"writes {text}, which belongs to the system"
        return None

    def holds_ground(self, path: Path) -> str:
        """Says which folder that must stay lies at or below ``path``; ``""`` if none does."""
        for ground, name in (
            (self.workspace, "the workspace"),
            (self.home, "the home folder"),
            (self.own[0], "the agent's own folder"),
        ):
            if path == ground or path in ground.parents:
                return name
        return ""

    def delete(self, target: Target, *, recursive: bool) -> Finding:
        """Removing a file, or a folder with everything in it."""
        path = target.path
        if path is None:
            if recursive:
                return (
                    Tier.DANGEROUS,
                    "what it deletes with everything below is only known when it runs; name the folder literally",
                )
            return Tier.CAUTION, "what it deletes is only known when it runs"
        for name in {path, target.written or path}:
            forbidden = self.forbidden(name)
            if forbidden is not None:
                return Tier.DANGEROUS, f"deletes {self.shown(path)}: {forbidden[1]}"
        ground = self.holds_ground(path)
        if recursive and ground:
            return Tier.DANGEROUS, f"deletes {self.shown(path)}, and with it {ground}"
        if recursive and not self.inside(path):
            return Tier.DANGEROUS, f"deletes {self.shown(path)} with everything below, outside the workspace"
        if recursive and "~" in {path.name, (target.written or path).name}:
            return (
                Tier.DANGEROUS,
                "a folder named ~ is one slip away from the home folder; it is not deleted by a command",
            )
        where = "" if self.inside(path) else ", outside the workspace"
        below = " with everything below" if recursive else ""
        return Tier.CAUTION, f"deletes {self.shown(path)}{below}{where}; the terminal cannot take that back"

    def change(self, target: Target, *, recursive: bool, moves: bool = False) -> Finding:
        """Changing modes or owners, or (``moves``) taking something away from its place."""
        path = target.path
        if path is None:
            return Tier.CAUTION, "what it changes is only known when it runs"
        forbidden = self.forbidden(path)
        if forbidden is not None:
            return forbidden
        ground = self.holds_ground(path)
        if ground and not (path == self.workspace and not moves):
            if recursive or path != self.home:
                return Tier.DANGEROUS, f"changes {self.shown(path)}, and with it {ground}"
            return Tier.CAUTION, f"changes {self.shown(path)}"
        return SAFE if self.inside(path) else (Tier.CAUTION, f"changes {self.shown(path)}, outside the workspace")


def _escaped(folder: Path) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(folder))
