"""A skill's folder: ``SKILL.md`` with front matter, and flat ``scripts/``, ``references/``, ``assets/``, ``secrets/``.

The public SKILL.md convention of other agents is read too: what it lacks (category, version) gets a value, what it has more is left
alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..base.errors import AlpiError

CATEGORIES = (
    "software", "data", "research", "productivity", "communication", "media", "system", "finance", "personal", "creative",
    "security", "meta", "miscellaneous",
)  # fmt: skip
FOLDERS = ("scripts", "references", "assets", "secrets")
PAGES = (".md", ".txt")
# What a folder from elsewhere may hold and is no part of a skill.
LEFT_BEHIND = (".git", "__pycache__", ".DS_Store", ".gitignore", ".gitattributes", ".venv", "node_modules")
PLAIN = ("LICENSE", "NOTICE", "README")
PLATFORMS = ("linux", "macos", "termux")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
PROGRAM = re.compile(r"[A-Za-z0-9._+-]{1,60}")
FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
# `description: Use when: ...` is no YAML, and common all the same.
LOOSE = re.compile(r"(?m)^(name|description): +([^\s\"'>|\[{&*!%@`].*: .*?)[ \t]*\r?$")
LONGEST_DESCRIPTION = 1024
LONGEST_FRONT = 16_000
LARGEST_PAGE = 256 << 10
DEEPEST = 8


class SkillError(AlpiError):
    """A skill is wrong, or cannot be had; the message says which part."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One skill. ``folder`` is where it lies; ``requires_env`` are the secrets that its scripts get and no others; ``origin`` where it
    came from (``""``: made here)."""

    name: str
    description: str
    category: str
    body: str
    folder: Path
    version: str = "1"
    origin: str = ""
    requires_env: tuple[str, ...] = ()
    requires_bins: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """``category/name``"""
        return f"{self.category}/{self.name}"

    def files(self) -> list[Path]:
        """The files besides SKILL.md, relative, in order of name."""
        pages = [path for path in self.folder.iterdir() if is_page(path.name) and path.name != "SKILL.md"]
        rest = [path for name in FOLDERS if (self.folder / name).is_dir() for path in (self.folder / name).iterdir()]
        return sorted(path.relative_to(self.folder) for path in (*pages, *rest) if path.name not in LEFT_BEHIND)

    def shown(self) -> list[Path]:
        """The same without ``secrets/``, which no model sees."""
        return [path for path in self.files() if path.parts[0] != "secrets"]


def is_page(name: str) -> bool:
    """Whether a file may stand beside SKILL.md: further pages, as the public convention has them, and a licence."""
    return name in PLAIN or name.lower().endswith(PAGES)


def read_skill(folder: Path, category: str = "") -> Skill:
    """The skill of a folder. ``category``: the folder that it lies in, for pages that name none.

    Raises:
        SkillError: there is no page, or it is not one.
    """
    page = folder / "SKILL.md"
    try:
        if page.is_symlink() or not page.is_file():
            raise SkillError(f"{folder} holds no SKILL.md", "A skill is a folder with a SKILL.md in it")
        data = page.read_bytes()
    except OSError as error:
        raise SkillError(f"{page} cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST_PAGE:
        raise SkillError(f"{page} is larger than {LARGEST_PAGE >> 10} KiB", "Move details into references/")
    try:
        return parse_skill(data.decode("utf-8"), folder, category)
    except UnicodeDecodeError as error:
        raise SkillError(f"{page} is not UTF-8 text (byte {error.start})", "Save it again as UTF-8") from error


def parse_skill(text: str, folder: Path, category: str = "") -> Skill:
    """The same for a page's text.

    Raises:
        SkillError: the front matter is missing or wrong; names the key.
    """
    match = FRONT.match(text)
    if match is None:
        raise SkillError(
            f"{folder / 'SKILL.md'} does not begin with front matter",
            "It begins with a line ---, then name: and description:, then a line ---",
        )
    values = _front(match.group(1), folder)
    reader = _Reader(folder, {**_elsewhere(values), **values})
    return Skill(
        name=reader.text("name", folder.name, 64),
        description=" ".join(reader.text("description", "", LONGEST_DESCRIPTION).split()),
        category=reader.text("category", category or "miscellaneous", 40),
        body=text[match.end() :],
        folder=folder,
        version=reader.text("version", "1", 40),
        origin=reader.text("origin", "", 500),
        requires_env=reader.texts("requires_env", VARIABLE),
        requires_bins=reader.texts("requires_bins", PROGRAM),
        platforms=reader.texts("platforms", re.compile("|".join(PLATFORMS))),
        keywords=reader.texts("keywords", re.compile(r"[^\n,]{1,60}")),
    )


def render_page(skill: Skill) -> str:
    """``SKILL.md`` as text."""
    import yaml

    front: dict[str, Any] = {
        "name": skill.name,
        "description": skill.description,
        "category": skill.category,
        "version": skill.version,
    }
    for key in ("origin", "requires_env", "requires_bins", "platforms", "keywords"):
        value = getattr(skill, key)
        if value:
            front[key] = list(value) if isinstance(value, tuple) else value
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{head}---\n\n{skill.body.strip()}\n"


def with_front(text: str, values: Mapping[str, str]) -> str:
    """A page with these values in its front matter, and not a letter changed besides. ``text`` is a page that can be read."""
    match = FRONT.match(text)
    assert match is not None
    lines = [line for line in match.group(1).splitlines() if line.partition(":")[0] not in values]
    # JSON's strings are YAML's, too.
    added = [f"{key}: {msgspec.json.encode(value).decode()}" for key, value in values.items()]
    return "\n".join(["---", *lines, *added, "---", ""]) + text[match.end() :]


def _elsewhere(values: Mapping[str, Any]) -> dict[str, Any]:
    """What other agents write elsewhere: below ``metadata``, there below a name of their own, and as ``requires: {env, bins}``."""
    found: dict[str, Any] = {}
    meta = values.get("metadata")
    layers = [meta] if isinstance(meta, dict) else []
    layers += [inner for layer in layers for inner in layer.values() if isinstance(inner, dict)]
    for layer in layers:
        found |= {key: layer[key] for key in ("category", "version", "keywords", "platforms") if key in layer}
        requires = layer.get("requires")
        if isinstance(requires, dict):
            found |= {f"requires_{key}": requires[key] for key in ("env", "bins") if key in requires}
    # What is not of our form there is no fault of the skill.
    if found.get("category") not in CATEGORIES:
        found.pop("category", None)
    if not set(_texts(found.get("platforms"))) <= set(PLATFORMS):
        found.pop("platforms", None)
    return found


def _texts(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [part for part in (one.strip() for one in str(value or "").split(",")) if part]


class _Reader:
    """Takes values out of the front matter, and names the one that is wrong."""

    def __init__(self, folder: Path, values: Mapping[str, Any]) -> None:
        self._page = folder / "SKILL.md"
        self._values = values

    def text(self, key: str, fallback: str, longest: int) -> str:
        value = self._values.get(key)
        if value is None or value == "":
            return fallback
        if not isinstance(value, str):
            raise SkillError(f"{self._page}: {key} must be a text", f"Write {key}: and a text after it")
        text = value.strip()
        if len(text) > longest:
            raise SkillError(f"{self._page}: {key} has {len(text)} characters; {longest} are the most")
        return text

    def texts(self, key: str, allowed: re.Pattern[str]) -> tuple[str, ...]:
        items = _texts(self._values.get(key))
        for item in items:
            if not isinstance(item, str) or not allowed.fullmatch(item):
                raise SkillError(f"{self._page}: {key} cannot hold {str(item)[:60]!r}", "It is a list of plain names")
        return tuple(dict.fromkeys(items))


def _front(text: str, folder: Path) -> dict[str, Any]:
    import yaml

    page = folder / "SKILL.md"
    if len(text) > LONGEST_FRONT:
        raise SkillError(f"{page}: the front matter is longer than {LONGEST_FRONT} characters")
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # all values are texts: `version: 1.10` is no number
    try:
        depth = 0
        for event in yaml.parse(text, loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
                raise SkillError(f"{page}: the front matter is nested too deep, or refers to itself")
        values = yaml.load(text, loader)
    except (yaml.YAMLError, ValueError) as error:
        mended = LOOSE.sub(lambda line: f"{line[1]}: {msgspec.json.encode(line[2]).decode()}", text)
        if mended != text:
            return _front(mended, folder)
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 2}" if mark is not None else ""
        raise SkillError(f"{page}{line}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SkillError(f"{page}: the front matter is no list of `key: value`")
    return values
