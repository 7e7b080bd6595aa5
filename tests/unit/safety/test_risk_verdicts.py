"""Single rules of the judge that the corpus does not spell out, and the answer's form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alpi.safety import corpus
from alpi.safety.corpus import Tree
from alpi.safety.risk import Access, Assessment, Protection, RealFiles, Scene, assess
from alpi.safety.tiers import Tier


@pytest.fixture(scope="module")
def tree() -> Iterator[Tree]:
    with corpus.scratch() as made:
        yield made


@pytest.fixture
def scene(tree: Tree) -> Scene:
    def guard(path: Path, access: Access) -> Protection | None:
        if path.name == ".env":
            return Protection(Tier.CAUTION, "looks like secrets")
        return Protection(Tier.DANGEROUS, "protected") if ".ssh" in path.parts else None

    return tree.scene(guard)


def test_each_command_is_a_part_and_the_worst_decides(scene: Scene) -> None:
    verdict = assess("ls; npm test; rm -rf /", scene)
    assert [part.tier for part in verdict.parts] == [Tier.SAFE, Tier.CAUTION, Tier.DANGEROUS]
    assert [part.command for part in verdict.parts] == ["ls", "npm test", "rm -rf /"]
    assert verdict.tier is Tier.DANGEROUS and verdict.scope is None
    assert "deletes /" in verdict.reasons[0]


def test_force_is_named(scene: Scene) -> None:
    assert any("force" in reason for reason in assess("git push --force", scene).reasons)


def test_the_guard_s_caution_is_heard(scene: Scene) -> None:
    assert assess("cat .env", scene).tier is Tier.CAUTION


def test_what_a_person_is_shown_has_no_hidden_characters(scene: Scene) -> None:
    verdict = assess("touch \u202e\x1b[8mx", scene)
    assert all(char.isprintable() for part in verdict.parts for char in part.command + part.reason)


@pytest.mark.parametrize(
    ("command", "tier"),
    [
        ("cd src && rm main.py", Tier.CAUTION),
        ("cd .. && rm -rf proj", Tier.DANGEROUS),
        ("(cd ..); rm -rf build", Tier.CAUTION),
        ("cd ..; rm -rf build", Tier.DANGEROUS),
        ("cd $X; rm -rf build", Tier.DANGEROUS),
        ("for d in src docs; do rm -rf $d/x; done", Tier.CAUTION),
        ("for d in src /; do rm -rf $d; done", Tier.DANGEROUS),
        ("while cd ..; do rm -rf build; done", Tier.DANGEROUS),
        ("echo a > new && cat new", Tier.SAFE),
        ("echo a > README.md", Tier.CAUTION),
        ("echo a >> README.md", Tier.SAFE),
        ("echo a > ../outside", Tier.CAUTION),
        ("echo a > /dev/null", Tier.SAFE),
        ("echo a > /dev/tcp/h/1", Tier.CAUTION),
        ("cat < /dev/sda > x", Tier.SAFE),  # without a path guard; the real one refuses to read devices
        ("chmod -R u+w .", Tier.CAUTION),
        ("chmod -R u+w ..", Tier.DANGEROUS),
        ("", Tier.SAFE),
        ("   ", Tier.SAFE),
        ("# x", Tier.SAFE),
    ],
)
def test_rules(command: str, tier: Tier, scene: Scene) -> None:
    assert assess(command, scene).tier is tier, assess(command, scene).reasons


def test_a_bug_in_a_judge_refuses(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(RealFiles):
        def resolve(self, path: Path) -> Path:
            raise ZeroDivisionError

    from dataclasses import replace

    verdict: Assessment = assess("ls", replace(scene, files=Broken()))
    assert verdict.tier is Tier.DANGEROUS and "could not be judged" in verdict.reasons[0]


def test_a_wildcard_search_is_bounded(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"f{number}").write_text("")
    files = RealFiles()
    assert len(files.glob(f"{tmp_path}/*", 10)) == 10
    assert files.glob(f"{tmp_path}/f1?", 64) != []
    assert files.glob("/*/*/*/*/*/nothing-is-called-this", 5) == [Path("/")] * 5
    assert files.glob(f"{tmp_path}/*.none", 5) == []


def test_letters_beyond_ascii_do_not_crash_the_parser(scene: Scene) -> None:
    """The grammar's scanner reads past its tables on them, and takes the process with it when it is handed any."""
    letters = ["é", "\u00a0", "\u3000", "\ufffd", "\U000560d5", "\U0010ffff"]
    for letter in letters:
        for text in ("{%sa", "%s=1 ls", "ls %s", "${%s}", "$((%s))", "case %s in %s) ls;; esac", "<<%s cat\nx\n%s"):
            assert assess(text.replace("%s", letter), scene).parts is not None


def test_a_delimiter_beyond_ascii_is_never_safe(scene: Scene) -> None:
    assert assess("cat <<é\nè\né\n", scene).tier > Tier.SAFE
    assert assess("echo é", scene).tier is Tier.SAFE
    assert assess("rm -rf ~/é", scene).tier is Tier.DANGEROUS
