"""Scripts: what they depend on, what identifies them, how they are found and started; and what was vouched for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alpi.base.errors import StorageError, UsageError
from alpi.skills.format import Skill, SkillError, read_skill
from alpi.skills.index import HEAD, index_text
from alpi.skills.scripts import (
    command_line,
    dependencies,
    digest,
    environment,
    find_script,
    locked_packages,
    meant,
    missing_programs,
    stage,
)
from alpi.skills.vouching import Vouched
from tests.support.fakes import FakeClock
from tests.support.skills import page, write_skill

HASH = "--hash=sha256:" + "0" * 64


@pytest.fixture
def skill(tmp_path: Path) -> Skill:
    files = {
        "SKILL.md": page("sample", more="requires_env: [A_KEY]\nrequires_bins: [no-such-program, sh]\n"),
        "scripts/go.py": "print(1)\n",
        "scripts/go.py.lock": f"a==1 {HASH}\n",
        "scripts/other.sh": "#!/bin/sh\n",
        "secrets/token": "t0ken",
    }
    return read_skill(write_skill(tmp_path / "data/sample", files), "data")


def block(*lines: str) -> str:
    return "\n".join(["# /// script", *(f"# {line}" for line in lines), "# ///", "print(1)", ""])


def test_inline_dependencies_are_read() -> None:
    assert dependencies("print(1)", "go.py") == ()
    assert dependencies(block('requires-python = ">=3.11"'), "go.py") == ()
    wanted = ["requests>=2,<3", "rich[jupyter]==13.0", "tomli; python_version < '3.11'", "a~=1.0"]
    assert dependencies(block("dependencies = [", *(f'  "{one}",' for one in wanted), "]"), "go.py") == tuple(wanted)
    assert dependencies(block('dependencies = ["a"]').replace("\n", "\r\n"), "go.py") == ("a",)


@pytest.mark.parametrize(
    "line",
    [
        'dependencies = "a"',
        "dependencies = [1]",
        "dependencies = [",
        'dependencies = ["./x"]',
        'dependencies = ["-e x"]',
        'dependencies = ["a/b"]',
    ],
)
def test_other_forms_are_named(line: str) -> None:
    with pytest.raises(SkillError, match=r"go\.py"):
        dependencies(block(line), "go.py")


def test_two_blocks_are_one_too_many() -> None:
    with pytest.raises(SkillError, match="more than one"):
        dependencies(block("dependencies = []") * 2, "go.py")


def test_a_lock_holds_exact_versions_and_nothing_else() -> None:
    assert locked_packages(f"# by\na-b==1.0 {HASH}\nc==2 {HASH}\n") == [("a-b", "1.0"), ("c", "2")]
    for line in (
        "a==1",
        f"-i https://x {HASH}",
        f"a>=1 {HASH}",
        f"a==1 {HASH} --index-url x",
        f" a==1 {HASH}",
        "-r other.txt",
    ):
        with pytest.raises(SkillError, match="no version with its hash"):
            locked_packages(line)


def test_a_script_is_found_by_what_it_is_called(skill: Skill) -> None:
    assert find_script(skill, "go.py") == find_script(skill, "scripts/go.py") == find_script(skill, "go") == "go.py"
    for name in ("", "none", "../go.py", "go.py.lock"):
        with pytest.raises(UsageError, match="has no script"):
            find_script(skill, name)


def test_what_a_lone_script_shall_work_on_may_stand_in_its_place(tmp_path: Path, skill: Skill) -> None:
    lone = read_skill(
        write_skill(tmp_path / "data/lone", {"SKILL.md": page("lone"), "scripts/go.py": "print(1)\n"}), "data"
    )
    assert meant(lone, "my essay.txt", "") == ("go.py", "'my essay.txt'")
    assert meant(lone, "", "a.txt") == meant(lone, "go", "a.txt") == ("go.py", "a.txt")
    for file, arguments in (("other.py", ""), ("scripts/other", ""), ("essay.txt", "-v")):
        with pytest.raises(UsageError, match="has no script"):
            meant(lone, file, arguments)
    with pytest.raises(UsageError, match=r"has no script 'essay.txt'"):
        meant(skill, "essay.txt", "")  # two scripts: it could be either


def test_the_digest_is_of_all_that_a_script_can_reach(skill: Skill) -> None:
    first = digest(skill, "go.py")
    assert first == digest(skill, "go.py") != digest(skill, "other.sh")
    (skill.folder / "secrets/token").write_text("another")
    (skill.folder / "SKILL.md").write_text(page("sample", body="More words.", more="requires_env: [A_KEY]\n"))
    assert digest(read_skill(skill.folder), "go.py") == first
    for name, text in (("scripts/other.sh", "#!/bin/sh\nid\n"), ("assets/x", "new"), ("scripts/go.py.lock", "")):
        write_skill(skill.folder, {name: text})
        changed = digest(skill, "go.py")
        assert changed != first
        first = changed
    (skill.folder / "SKILL.md").write_text(page("sample", more="requires_env: [A_KEY, B_KEY]\n"))
    assert digest(read_skill(skill.folder), "go.py") != first


def test_a_staged_copy_can_be_started(skill: Skill, tmp_path: Path) -> None:
    write_skill(skill.folder, {"scripts/__pycache__/go.pyc": b"\0"})
    folder = stage(skill, tmp_path / "scratch")
    assert os.access(folder / "scripts/other.sh", os.X_OK)
    assert not (folder / "scripts/__pycache__").exists()
    (folder / "scripts/left").write_text("from the run before")
    assert not (stage(skill, tmp_path / "scratch") / "scripts/left").exists()
    assert command_line(folder, "go.py", ["a b", "$HOME"], None) == f"python3 {folder}/scripts/go.py 'a b' '$HOME'"
    assert command_line(folder, "go.py", [], Path("/env/bin/python")).startswith("/env/bin/python ")
    assert command_line(folder, "other.sh", [], None).startswith("bash ")


def test_a_script_gets_what_it_declares_and_no_more(skill: Skill, tmp_path: Path) -> None:
    assert environment(skill, tmp_path, {"A_KEY": "a", "B_KEY": "b"}) == {"SKILL_DIR": str(tmp_path), "A_KEY": "a"}
    with pytest.raises(UsageError, match="needs A_KEY") as caught:
        environment(skill, tmp_path, {"B_KEY": "b"})
    assert caught.value.hint == "The user adds it with: alpi config key A_KEY"


def test_missing_programs_are_named(skill: Skill) -> None:
    assert missing_programs(skill, os.environ["PATH"]) == ["no-such-program"]


def test_only_what_was_seen_is_vouched_for(skill: Skill, tmp_path: Path) -> None:
    vouched = Vouched(tmp_path / "profile/.vouched.json", FakeClock())
    assert not vouched.has(skill, digest(skill, "go.py"))
    assert vouched.drift(skill) == []
    vouched.add(skill)
    assert os.stat(vouched.path).st_mode & 0o777 == 0o600
    assert vouched.has(skill, digest(skill, "go.py")) and vouched.has(skill, digest(skill, "other.sh"))
    assert vouched.drift(skill) == []
    (skill.folder / "scripts/go.py").write_text("print(2)\n")
    write_skill(skill.folder, {"assets/new": "x"})
    assert not vouched.has(skill, digest(skill, "go.py"))
    assert vouched.drift(skill) == ["assets/new", "scripts/go.py"]
    vouched.forget(skill.full_name)
    assert vouched.drift(skill) == []


def test_a_broken_list_vouches_for_nothing(skill: Skill, tmp_path: Path) -> None:
    path = tmp_path / ".vouched.json"
    path.write_text("{")
    with pytest.raises(StorageError, match="cannot be understood"):
        Vouched(path, FakeClock()).has(skill, "x")


def test_the_index_has_names_uses_and_keywords(skill: Skill) -> None:
    assert index_text([]) == ""
    one = Skill("pay", "Says what was spent.", "finance", "", Path("x"), keywords=("money", "spend"))
    assert index_text([one]) == f"{HEAD}\n- finance/pay: Says what was spent. (about: money, spend)"
    many = [Skill(f"s{number}", "x" * 100, "data", "", Path("x")) for number in range(60)]
    text = index_text(many)
    assert "- and (the skill tool's list says what for): data/s" in text
    assert len(text) <= 3000
