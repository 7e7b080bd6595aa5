"""What must hold of a skill before it lives: its form, its size, and that nothing in it looks like an attack. Nothing is run."""

from __future__ import annotations

import ast
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..base.files import storage_errors
from ..base.text import encodable, escaped
from .format import CATEGORIES, FOLDERS, LEFT_BEHIND, NAME, Skill, SkillError, is_page, read_skill
from .scripts import LOCK, dependencies, locked_packages

Level = Literal["error", "warning"]
LARGEST_FILE = 2 << 20
LARGEST_SKILL = 20 << 20
MOST_FILES = 200
# The scanner reads so much at a time (safety/scanner.py: MOST_CHARS).
STRETCH = 190_000
OVERLAP = 5_000
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}")
KINDS = (".py", ".sh", ".bash", ".js", ".mjs", ".ts", ".rb", ".pl", "")
SHELL = (".sh", ".bash", "")
# Files that change what an interpreter does without being called.
LOADED_UNASKED = re.compile(r"\.pth$|^(sitecustomize|usercustomize|conftest)\.py$", re.IGNORECASE)
PROGRAMS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa")
SEALED = (b"7z\xbc\xaf\x27\x1c", b"Rar!")
# Where credentials and alpi's own files lie, in any spelling of the home folder.
STORES = re.compile(
    r"\.alpi\b|\.ssh\b|\.aws\b|\.gnupg\b|\.netrc\b|\.config/gcloud|\.kube\b|\.docker/config|keychain|/etc/shadow"
    r"|cookies\.sqlite|Login Data|wallet\.dat|\.password-store|\.npmrc|\.pypirc|/proc/(?:self|\d+|\*)/environ",
    re.IGNORECASE,
)
# The same in a text for a model, where only the reading of it counts.
READ_STORES = re.compile(
    r"\b(?:cat|read|open|copy|cp|send|upload|print|include|head|tail|base64)\b[^\n]{0,60}"
    r"(?:\.alpi/|\.ssh/id_|\.aws/credentials|\.netrc\b|/etc/shadow|\.env\b)",
    re.IGNORECASE,
)
# A prerequisite that has the person run something from the net, or unpack what a scanner cannot read.
FETCH_AND_RUN = re.compile(
    r"(?:curl|wget|iwr|invoke-webrequest|fetch)\b[^\n|;&]*(?:\||;|&&)\s*(?:sudo\s+)?(?:env\s+)?(?:(?:ba|z|da)?sh|python3?|node|perl|ruby)\b"
    r"|(?:curl|wget)\b[^\n]*&&[^\n]*(?:chmod\s+\+x|chmod\s+[0-7]*7|\./)"
    r"|(?:ba|z)?sh\s+(?:-c\s+)?[\"']?\$?[<(]\(?\s*(?:curl|wget)|\b(?:eval|source|\.)\s+[\"']?[$<]\(\s*(?:curl|wget)"
    r"|(?:iwr|invoke-webrequest|irm)\b[^\n]*\|\s*iex"
    r"|\bpassword\b[^\n]{0,60}\.(?:zip|7z|rar)\b|\.(?:zip|7z|rar)\b[^\n]{0,60}\bpassword\b"
    r"|xattr\s+-\w*[dcr]\w*\s+[^\n]*(?:com\.apple\.quarantine|\.app\b)"
    r"|\bbase64\s+(?:-d|--decode|-D)\b[^\n]*\|\s*(?:ba|z)?sh|/dev/tcp/",
    re.IGNORECASE,
)
# Code that is decoded or put together while it runs, in other languages than Python.
HIDDEN_CODE = re.compile(
    r"\beval\s*\(\s*(?:atob|unescape|decodeURI|Buffer\.from|String\.fromCharCode)|new\s+Function\s*\(\s*(?:atob|Buffer\.from)"
    r"|\beval\b[^\n]{0,40}(?:unpack|decode64|base64)|\bIO\.popen\([^\n]*Base64|[A-Za-z0-9+/]{600,}|(?:\\x[0-9a-f]{2}){40,}",
    re.IGNORECASE,
)
DECODERS = ("b64decode", "b32decode", "b85decode", "a85decode", "fromhex", "decompress", "unhexlify", "marshal.loads")
FETCHERS = ("urlopen", "requests.get", "requests.post", "httpx.get", "httpx.post", "urlretrieve")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong. ``where`` is the file, relative; an ``error`` keeps the skill out, a ``warning`` is shown."""

    level: Level
    where: str
    what: str

    def __str__(self) -> str:
        return escaped(encodable(f"{self.where}: {self.what}"))


@dataclass(frozen=True)
class Checker:
    """Checks skills.

    Args:
        scan: why a text is suspicious, or ``""`` (safety/scanner.py).
        judge_shell: why a shell script must not be, or ``""``: its worst command, where that is never allowed.
    """

    scan: Callable[[str], str]
    judge_shell: Callable[[str], str]

    def check(self, folder: Path, category: str) -> list[Problem]:
        """All that is wrong with the skill in a folder.

        Raises:
            StorageError: a file cannot be read.
        """
        with storage_errors(folder, "read"):
            problems = list(tree_problems(folder))
            if any(problem.level == "error" for problem in problems):
                return problems  # what is not in order is not read any further
            try:
                skill = read_skill(folder, category)
            except SkillError as error:
                return [*problems, Problem("error", "SKILL.md", error.message)]
            problems += _front_problems(skill, category)
            return [*problems, *self._contents(skill)]

    def _contents(self, skill: Skill) -> Iterator[Problem]:
        yield from self._text("SKILL.md", (skill.folder / "SKILL.md").read_text("utf-8"))
        for path in skill.shown():
            data = (skill.folder / path).read_bytes()
            text = None if b"\0" in data[:8192] else data.decode("utf-8", "replace")
            if path.parts[0] == "scripts" and text is not None:
                yield from self._script(path, text)
            elif text is not None:
                yield from self._text(str(path), text)
            elif path.parts[0] == "assets":
                yield from (Problem("error", str(path), what) for what in binary_problems(data))
            else:
                yield Problem("error", str(path), "is not text; scripts and references can be read by a person")

    def _text(self, where: str, text: str) -> Iterator[Problem]:
        yield from self._scanned(where, text)
        for pattern, what in (
            (FETCH_AND_RUN, "has something fetched and run, or hidden from being looked at"),
            (READ_STORES, "has a place read where credentials or alpi's own files lie"),
        ):
            if match := pattern.search(text):
                yield Problem("error", where, f"{what}: {match.group()[:80]!r}")

    def _scanned(self, where: str, text: str) -> Iterator[Problem]:
        """The scanner's word on each stretch of a text; they overlap, so that nothing hides between two."""
        for start in range(0, max(1, len(text)), STRETCH):
            why = self.scan(text[start : start + STRETCH + OVERLAP])
            if why:
                yield Problem("error", where, why)
                return

    def _script(self, path: Path, text: str) -> Iterator[Problem]:
        for pattern, what in (
            (STORES, "touches a place where credentials or alpi's own files lie"),
            (FETCH_AND_RUN, "fetches something and runs it"),
            (HIDDEN_CODE, "holds code or data that nobody can read"),
        ):
            if match := pattern.search(text):
                yield Problem("error", str(path), f"{what}: {match.group()[:80]!r}")
        yield from self._scanned(str(path), text)
        if path.suffix == ".py":
            yield from (Problem(level, str(path), what) for level, what in python_problems(text))
        elif path.suffix == LOCK:
            try:
                locked_packages(text)
            except SkillError as error:
                yield Problem("error", str(path), error.message)
        elif path.suffix in SHELL and (path.suffix or "sh" in text.partition("\n")[0]):
            why = self.judge_shell(text)
            if why:
                yield Problem("error", str(path), why)
        elif path.suffix not in KINDS:
            yield Problem("warning", str(path), "is of a kind that is only searched for known signs")


def _front_problems(skill: Skill, category: str) -> Iterator[Problem]:
    if not NAME.fullmatch(skill.name):
        yield Problem("error", "SKILL.md", f"name {skill.name!r} must be small letters, digits and -, at most 64")
    elif skill.name != skill.folder.name:
        yield Problem("error", "SKILL.md", f"name {skill.name!r} is not the folder's, {skill.folder.name!r}")
    if skill.category not in CATEGORIES:
        yield Problem("error", "SKILL.md", f"there is no category {skill.category!r}; there is {', '.join(CATEGORIES)}")
    elif category and skill.category != category:
        yield Problem("error", "SKILL.md", f"category {skill.category!r} is not the folder's, {category!r}")
    if not skill.description:
        yield Problem("error", "SKILL.md", "description is missing: it says when the skill is to be used")
    elif len(skill.description) > 300:
        yield Problem(
            "warning", "SKILL.md", "description is long, and what is beyond 110 characters is not in the index"
        )
    if not skill.body.strip():
        yield Problem("warning", "SKILL.md", "has no text after the front matter")


def tree_problems(folder: Path) -> Iterator[Problem]:
    """Flat folders of plain files, bounded in number and size; found without reading any."""
    total = count = 0
    files: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_BEHIND:
            continue
        if path.is_symlink():
            yield Problem("error", path.name, "is a link")
        elif path.is_dir() and path.name not in FOLDERS:
            yield Problem("error", path.name, f"is a folder that skills do not have; there is {', '.join(FOLDERS)}")
        elif path.is_dir():
            files += (file for file in sorted(path.iterdir()) if file.name not in LEFT_BEHIND)
        elif is_page(path.name):
            files.append(path)
        else:
            yield Problem("error", path.name, f"stands beside SKILL.md; put it into {', '.join(FOLDERS)}")
    for file in files:
        where = str(file.relative_to(folder))
        if file.is_symlink() or not file.is_file():
            yield Problem("error", where, "is not a plain file; these folders are flat")
            continue
        if not FILE_NAME.fullmatch(file.name) or LOADED_UNASKED.search(file.name):
            yield Problem("error", where, "has a name that is not allowed")
        size = file.stat().st_size
        total, count = total + size, count + 1
        if size > LARGEST_FILE:
            yield Problem("error", where, f"is larger than {LARGEST_FILE >> 20} MiB")
    if total > LARGEST_SKILL or count > MOST_FILES:
        most = f"{MOST_FILES} of {LARGEST_SKILL >> 20} MiB are the most"
        yield Problem("error", ".", f"has {count} files of {total >> 20} MiB; {most}")


def python_problems(text: str) -> Iterator[tuple[Level, str]]:
    """What a Python script must not do, from its syntax tree."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield "error", f"is not valid Python: {error}"
        return
    try:
        dependencies(text, "the script")
    except SkillError as error:
        yield "error", error.message
    calls = [(dotted(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    hidden = any(name.endswith((*DECODERS, *FETCHERS)) for name, _ in calls)
    for name, node in calls:
        fixed = bool(node.args) and isinstance(node.args[0], ast.Constant)
        if name in ("exec", "eval", "compile", "builtins.exec", "builtins.eval") and not fixed:
            how = (
                "runs code that is decoded or fetched while it runs"
                if hidden
                else f"{name} runs code that is made while it runs"
            )
            yield ("error" if hidden else "warning"), f"line {node.lineno}: {how}"
        elif name in ("__import__", "getattr") and _reaches_builtins(node):
            yield "error", f"line {node.lineno}: hides what it calls"
        elif name.endswith(("pickle.loads", "pickle.load", "marshal.loads")):
            yield "warning", f"line {node.lineno}: {name} can run code that is in its data"
        elif name.endswith("ctypes.CDLL"):
            yield "warning", f"line {node.lineno}: loads a library that is not looked into"


def _reaches_builtins(node: ast.Call) -> bool:
    """``__import__`` with a made-up name, or ``getattr`` on the builtins."""
    if dotted(node.func) == "__import__":
        return not (node.args and isinstance(node.args[0], ast.Constant))
    return bool(node.args) and dotted(node.args[0]) in ("__builtins__", "builtins")


def binary_problems(data: bytes) -> Iterator[str]:
    """What is wrong with a file that is no text: a program, or something packed that cannot be looked into."""
    if data.startswith(PROGRAMS):
        yield "is a program; a skill's programs are scripts that can be read"
    if data.startswith(SEALED):
        yield "is packed in a way that cannot be looked into"
    if data.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if any(entry.flag_bits & 1 for entry in archive.infolist()):
                    yield "is packed with a password"
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            yield f"is a zip that cannot be read: {error}"


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an expression that is only that; the end of it otherwise."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))
