"""The page of a skill: what is read, what is named as wrong, and how it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.skills.format import SkillError, parse_skill, read_skill, with_front
from tests.support.skills import page, write_skill

FOLDER = Path("/skills/finance/sample")


def test_all_keys_are_read() -> None:
    text = page(
        "sample",
        more="category: finance\nversion: 1.10\norigin: here\nrequires_env: [A_KEY]\nrequires_bins: git, jq\n"
        "platforms: linux\nkeywords:\n- money\n- spend\n",
    )
    skill = parse_skill(text, FOLDER)
    assert skill.full_name == "finance/sample"
    assert (skill.version, skill.origin) == ("1.10", "here")
    assert (skill.requires_env, skill.requires_bins, skill.platforms) == (("A_KEY",), ("git", "jq"), ("linux",))
    assert skill.keywords == ("money", "spend")
    assert skill.body.strip() == "Do it."


def test_what_the_public_convention_lacks_gets_a_value() -> None:
    skill = parse_skill("---\nname: sample\ndescription: x\n---\nDo it.", FOLDER, "data")
    assert (skill.category, skill.version, skill.requires_env) == ("data", "1", ())


def test_metadata_of_other_agents_is_read_where_it_fits() -> None:
    more = 'metadata: {"other": {"requires": {"env": ["A_KEY"], "bins": ["uv"]}, "category": "Weather & Co", "platforms": ["beos"]}}\n'
    skill = parse_skill(page("sample", more=more), FOLDER)
    assert (skill.requires_env, skill.requires_bins) == (("A_KEY",), ("uv",))
    assert (skill.category, skill.platforms) == ("miscellaneous", ())


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("# No front matter", "front matter"),
        ("---\nname: x\n", "front matter"),
        ("---\n- a\n---\n", "key: value"),
        ("---\nname: [a]\n---\n", "name must be a text"),
        ("---\nname: 'a\n---\n", "line"),
        ("---\nname: a\ndescription: " + "x" * 1100 + "\n---\n", "1100 characters"),
        ("---\nname: a\nrequires_env: [A B]\n---\n", "requires_env cannot hold 'A B'"),
        ("---\nname: a\nrequires_env: ['X=1']\n---\n", "requires_env"),
        ("---\nname: a\nplatforms: [beos]\n---\n", "platforms"),
        ("---\nname: &x a\ndescription: *x\n---\n", "refers to itself"),
        ("---\nname: " + "[" * 20 + "]" * 20 + "\n---\n", "nested"),
        ("---\nx: " + "y" * 17_000 + "\n---\n", "longer"),
    ],
)
def test_what_is_wrong_is_named(text: str, what: str) -> None:
    with pytest.raises(SkillError, match=what) as caught:
        parse_skill(text, FOLDER)
    assert "SKILL.md" in caught.value.message


def test_a_folder_without_a_page_is_no_skill(tmp_path: Path) -> None:
    with pytest.raises(SkillError, match=r"holds no SKILL\.md"):
        read_skill(tmp_path)
    write_skill(tmp_path, {"SKILL.md": b"---\nname: \xff\n---\n"})
    with pytest.raises(SkillError, match="not UTF-8"):
        read_skill(tmp_path)
    write_skill(tmp_path, {"SKILL.md": b"x" * 300_000})
    with pytest.raises(SkillError, match="larger than 256 KiB"):
        read_skill(tmp_path)


def test_values_are_put_in_and_nothing_else_changes() -> None:
    text = page("sample", more="# mine\nlicense: MIT\norigin: old\n")
    changed = with_front(text, {"category": "data", "origin": 'a "b"\n: c'})
    skill = parse_skill(changed, FOLDER)
    assert (skill.category, skill.origin) == ("data", 'a "b"\n: c')
    assert "# mine\nlicense: MIT\n" in changed
    assert skill.body == parse_skill(text, FOLDER).body


def test_a_colon_in_a_plain_description_is_forgiven() -> None:
    skill = parse_skill("---\nname: sample\ndescription: Use when: it's a #1 thing\nversion: 2\n---\nDo it.", FOLDER)
    assert (skill.description, skill.version) == ("Use when: it's a #1 thing", "2")


def test_files_are_those_of_the_known_folders(tmp_path: Path) -> None:
    files = [
        "SKILL.md",
        "forms.md",
        "scripts/b.py",
        "scripts/a.py",
        "secrets/token",
        "assets/x.csv",
        "scripts/__pycache__/a.pyc",
    ]
    write_skill(tmp_path, {name: page(tmp_path.name) for name in files})
    skill = read_skill(tmp_path)
    assert [str(path) for path in skill.files()] == [
        "assets/x.csv",
        "forms.md",
        "scripts/a.py",
        "scripts/b.py",
        "secrets/token",
    ]
    assert "secrets/token" not in [str(path) for path in skill.shown()]
