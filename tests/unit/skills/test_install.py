"""Sources of skills: folders, zips and repositories, fetched aside and only looked at."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import subprocess
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from alpi.skills.format import SkillError
from alpi.skills.install import Sources, choose, skill_folders, unpack
from tests.support.skills import page, write_skill


def zipped(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def sources(pages: dict[str, bytes]) -> Sources:
    async def fetch(url: str) -> bytes:
        return pages[url]

    @contextlib.asynccontextmanager
    async def proxy() -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(url="http://127.0.0.1:9")

    return Sources(fetch, proxy, lambda: {"PATH": os.environ["PATH"]})


def names(source: str, pages: dict[str, bytes] | None = None) -> list[str]:
    async def main() -> list[str]:
        async with sources(pages or {}).open(source) as folder:
            return sorted(str(path.relative_to(folder)) for path in skill_folders(folder))

    return asyncio.run(main())


def test_folders_and_zips(tmp_path: Path) -> None:
    write_skill(tmp_path / "one", {"SKILL.md": page("one")})
    assert names(str(tmp_path / "one")) == ["."]
    write_skill(tmp_path / "many/skills/data/two", {"SKILL.md": page("two")})
    write_skill(tmp_path / "many/.hidden/three", {"SKILL.md": page("three")})
    assert names(str(tmp_path / "many")) == ["skills/data/two"]
    data = zipped({"repo-main/skills/a/SKILL.md": page("a"), "repo-main/skills/b/SKILL.md": page("b")})
    (tmp_path / "x.zip").write_bytes(data)
    assert names(str(tmp_path / "x.zip")) == ["repo-main/skills/a", "repo-main/skills/b"]
    assert names("https://x.example/x.zip", {"https://x.example/x.zip": data}) == [
        "repo-main/skills/a",
        "repo-main/skills/b",
    ]


def test_what_is_no_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("nothing")
    for source, why in (
        (str(tmp_path / "none"), "no folder"),
        (str(tmp_path / "x.zip"), "no zip"),
        ("git+ssh://x.example/a.git", "no address"),
        ("git+https://me:pw@x.example/a.git", "no address"),
        ("git+file:///etc", "no address"),
        ("ext::sh -c id.git", "no address"),
        ("git+--upload-pack=id", "no address"),
    ):
        with pytest.raises(SkillError, match=why):
            names(source)


def test_a_repository_is_taken_without_its_history_and_hooks(tmp_path: Path) -> None:
    repository = write_skill(
        tmp_path / "repo.git", {"skills/a/SKILL.md": page("a"), "skills/a/scripts/go.py": "print(1)\n"}
    )
    (repository / "skills/a/references").mkdir()
    (repository / "skills/a/references/link.md").symlink_to("/etc/passwd")
    run = ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@x"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*run, *words], check=True)

    async def main() -> None:
        async with sources({}).open(str(repository)) as folder:
            [found] = skill_folders(folder)
            assert not (folder / ".git").exists()
            # A link became what it says, as text: nothing outside is read.
            assert not (found / "references/link.md").is_symlink()
            assert (found / "references/link.md").read_text() == "/etc/passwd"
        assert not folder.exists()

    asyncio.run(main())


def test_git_goes_through_the_proxy() -> None:
    with pytest.raises(SkillError, match="could not be fetched"):
        names("git+https://skills.invalid/a.git")  # nobody listens at the proxy's address


def test_of_several_the_person_says_which(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_skill(tmp_path / name, {"SKILL.md": page(name)})
    found = skill_folders(tmp_path)
    assert [path.name for path in choose(found, ["b"], "x")] == ["b"]
    assert choose(found[:1], [], "x") == found[:1]
    for wanted, why in (([], "holds 2 skills"), (["c"], "holds no skill c")):
        with pytest.raises(SkillError, match=why) as caught:
            choose(found, wanted, "x")
        assert caught.value.hint.endswith("a, b")
    with pytest.raises(SkillError, match="holds no skill"):
        choose([], [], "x")
    write_skill(tmp_path / "c", {"SKILL.md": page("a")})
    with pytest.raises(SkillError, match="same name"):
        choose(skill_folders(tmp_path), ["a"], "x")


def test_too_many_files_are_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(SkillError, match="5001 files"):
        unpack(zipped({f"a/{number}": "" for number in range(5001)}), tmp_path / "x")
    assert not (tmp_path / "x").exists()
