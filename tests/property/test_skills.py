"""Laws of skills: what is written is read again; any folder passes or names its problem; no zip leads out of its folder."""

from __future__ import annotations

import io
import stat
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alpi.base.errors import AlpiError
from alpi.skills.checking import Checker, Problem
from alpi.skills.format import CATEGORIES, PLATFORMS, Skill, SkillError, parse_skill, render_page
from alpi.skills.index import MOST_CHARS, index_text
from alpi.skills.install import unpack
from alpi.skills.scripts import dependencies, locked_packages
from tests.support.skills import page

WORDS = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=60)
    .map(lambda t: " ".join(t.split()))
    .filter(bool)
)
SKILLS = st.builds(
    Skill,
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
    description=WORDS,
    category=st.sampled_from(CATEGORIES),
    body=st.text(st.characters(codec="utf-8", exclude_characters="\r")).map(str.strip),
    folder=st.just(Path("/skills/x/sample")),
    version=WORDS.filter(lambda text: len(text) <= 40),
    origin=WORDS,
    requires_env=st.lists(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True), unique=True).map(tuple),
    requires_bins=st.lists(st.from_regex(r"[A-Za-z0-9._+-]{1,20}", fullmatch=True), unique=True).map(tuple),
    platforms=st.lists(st.sampled_from(PLATFORMS), unique=True).map(tuple),
    keywords=st.lists(WORDS.map(lambda text: text.replace(",", ";")), unique=True, max_size=8).map(tuple),
)
CHECKER = Checker(lambda text: "bad" if "evil" in text else "", lambda text: "bad" if "evil" in text else "")


@given(SKILLS)
def test_what_is_written_is_read_again(skill: Skill) -> None:
    again = parse_skill(render_page(skill), skill.folder)
    assert again.body.strip() == skill.body
    for key in (
        "name",
        "description",
        "category",
        "version",
        "origin",
        "requires_env",
        "requires_bins",
        "platforms",
        "keywords",
    ):
        assert getattr(again, key) == getattr(skill, key), key


@given(
    st.text(max_size=400) | st.text("-: \n[]{}&*!|>'\"#ab\t", max_size=200).map(lambda front: f"---\n{front}\n---\nx")
)
def test_any_page_is_read_or_named_wrong(text: str) -> None:
    try:
        skill = parse_skill(text, Path("/skills/data/sample"))
    except SkillError as error:
        assert "SKILL.md" in error.message
    else:
        assert isinstance(skill.name, str)


NAMES = st.sampled_from(
    [
        "SKILL.md",
        "scripts/go.py",
        "scripts/go.sh",
        "scripts/go.py.lock",
        "references/a.md",
        "assets/x",
        "secrets/t",
        "a.md",
        "LICENSE",
        "x/y",
        "scripts/d/e",
    ]
) | st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda n: n not in (".", "..")
)
CONTENTS = (
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))
    | st.just(page("sample").encode())
)


@given(st.dictionaries(NAMES, CONTENTS, max_size=6))
def test_any_folder_passes_or_names_its_problem(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "sample")
        folder.mkdir()
        places = [folder / place for place in ("scripts", "references", "assets", "secrets", "x", "scripts/d")]
        for file, data in files.items():
            path = folder / file
            if len(path.name.encode()) < 200 and not path.exists() and path.parent in (folder, *places):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        problems = CHECKER.check(folder, "")
        assert all(isinstance(problem, Problem) and str(problem).encode() for problem in problems)
        if not any(problem.level == "error" for problem in problems):
            assert (folder / "SKILL.md").is_file()


@given(st.lists(SKILLS, max_size=40))
def test_the_index_is_short_and_the_same_for_the_same(skills: list[Skill]) -> None:
    text = index_text(skills)
    assert text == index_text(list(skills))
    assert len(text) <= MOST_CHARS
    assert not text or len(text.split("\n")) <= len(skills) + 2


@given(st.text(max_size=300))
def test_only_exact_locks_are_read(text: str) -> None:
    try:
        found = locked_packages(text)
    except SkillError:
        return
    assert len(found) == len([line for line in text.splitlines() if line and not line.startswith("#")])


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@example("a @ https://x")
@example("-r x")
@example("./a.whl")
@example("a; python_version>'3' --index-url=x")
def test_only_packages_are_depended_on(text: str) -> None:
    import msgspec

    block = f"# /// script\n# dependencies = [{msgspec.json.encode(text).decode()}]\n# ///\n"
    try:
        found = dependencies(block, "go.py")
    except SkillError:
        return
    assert all(one[0].isalnum() and "://" not in one and "@" not in one and "/" not in one for one in found)


# --- zips

ENTRY = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            [
                "SKILL.md",
                "a/SKILL.md",
                "../out",
                "/etc/x",
                "a/../../out",
                "C:\\x",
                "a\\..\\..\\out",
                "a",
                "A",
                "a/b",
                "",
                "/",
                ".",
                "é.md",
            ]
        )
        | st.text(min_size=1, max_size=12),
        "data": st.binary(max_size=100),
        "mode": st.sampled_from([0, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR]),
        "packed": st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    }
)


def packed(entries: list[dict[str, object]]) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w") as archive:
        warnings.simplefilter("ignore")  # the same name twice is what is tried
        for entry in entries:
            info = zipfile.ZipInfo(str(entry["name"]) or "x")
            info.external_attr = int(str(entry["mode"])) << 16
            info.compress_type = int(str(entry["packed"]))
            archive.writestr(info, entry["data"])  # type: ignore[arg-type]
            info.filename = str(entry["name"])
    return data.getvalue()


def unpacked(data: bytes) -> None:
    """Unpack, and look that nothing but plain files inside the folder came of it."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name, "inner", "target")
        try:
            unpack(data, target)
        except SkillError as error:
            assert error.message
        made = [path for path in Path(name).rglob("*") if not path.is_dir()]
        assert all(target in path.parents and path.is_file() and not path.is_symlink() for path in made)


@given(st.lists(ENTRY, max_size=5))
def test_no_zip_leads_out(entries: list[dict[str, object]]) -> None:
    try:
        data = packed(entries)
    except (UnicodeEncodeError, ValueError):
        return  # no zip at all
    unpacked(data)


@settings(max_examples=2 * settings().max_examples)
@given(st.data())
def test_no_damaged_zip_is_more_than_an_error(data: st.DataObject) -> None:
    raw = bytearray(
        packed([{"name": "a/SKILL.md", "data": b"hello" * 30, "mode": 0, "packed": zipfile.ZIP_DEFLATED}] * 2)
    )
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    unpacked(bytes(raw[: data.draw(st.integers(0, len(raw)))]) if data.draw(st.booleans()) else bytes(raw))


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_an_error(data: bytes) -> None:
    unpacked(data)


def test_a_bomb_is_noticed_by_its_ratio_and_by_its_size(tmp_path: Path) -> None:
    bomb = packed([{"name": "a", "data": b"\0" * (8 << 20), "mode": 0, "packed": zipfile.ZIP_DEFLATED}])
    with pytest.raises(SkillError, match="too large"):
        unpack(bomb, tmp_path / "a")
    # One that lies about its size: zipfile itself stops at what the index says, and the checksum is wrong then.
    lying = bytearray(bomb)
    at = lying.index(b"PK\x01\x02")
    lying[at + 24 : at + 28] = (100).to_bytes(4, "little")
    with pytest.raises(AlpiError):
        unpack(bytes(lying), tmp_path / "b")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1 << 20


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    entry = {"name": "a/SKILL.md", "data": b"x", "mode": 0, "packed": zipfile.ZIP_STORED}
    with pytest.raises(SkillError, match="same name"):
        unpack(packed([entry, {**entry, "data": b"y"}]), tmp_path)
    with pytest.raises(SkillError, match="same name"):
        unpack(packed([{**entry, "name": "b"}, {**entry, "name": "b/c"}]), tmp_path)


def test_a_password_is_refused(tmp_path: Path) -> None:
    raw = bytearray(packed([{"name": "a", "data": b"x", "mode": 0, "packed": zipfile.ZIP_STORED}]))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(SkillError, match="password"):
        unpack(bytes(raw), tmp_path)
