"""What an approval covers: the same thing again, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alpi.safety import corpus
from alpi.safety.corpus import Tree
from alpi.safety.risk import Access, Protection, Scene, Scope, assess
from alpi.safety.tiers import Tier


@pytest.fixture(scope="module")
def tree() -> Iterator[Tree]:
    with corpus.scratch() as made:
        yield made


@pytest.fixture
def scene(tree: Tree) -> Scene:
    def guard(path: Path, access: Access) -> Protection | None:
        return Protection(Tier.DANGEROUS, "protected") if ".ssh" in path.parts else None

    return tree.scene(guard)


def scope(command: str, scene: Scene) -> Scope:
    verdict = assess(command, scene)
    assert verdict.tier is Tier.CAUTION and verdict.scope is not None, (command, verdict)
    return verdict.scope


SAME = [
    ("curl https://a.example/x", "curl https://a.example/y?z=1"),
    ("curl -s -L https://a.example/x", "curl -L -s https://a.example/other"),
    ("npm test", "npm  'test'"),
    ("npm test", "timeout 60 npm test"),
    ("npm test", "ls && npm test"),
    ("npm test 2>&1", "npm test"),
    ("npm test", "npm test | tail -5"),
    ("rm a.txt", "rm b.txt"),
    ("rm -rf node_modules", "rm -fr ./node_modules"),
    ("git commit -m one", "git commit -m 'two words'"),
    ("touch a.txt", "touch b.txt"),
]
DIFFERENT = [
    ("curl https://a.example/x", "curl https://b.example/x"),
    ("curl https://a.example/x", "curl http://a.example/x"),
    ("curl https://a.example/x", "curl -L https://a.example/x"),
    ("curl https://a.example/x", "curl -d x=1 https://a.example/x"),
    ("curl -d x=1 https://a.example/x", "curl -d x=2 https://a.example/x"),
    ("curl https://a.example/x", "curl -o new https://a.example/x"),
    ("curl https://a.example/x", "wget https://a.example/x"),
    ("npm test", "npm run test"),
    ("npm test", "npm test -- --watch"),
    ("npm test", "cd src && npm test"),
    ("npm test", "npm test > out"),
    ("npm test", "LD_PRELOAD=x npm test"),
    ("apt install x", "brew install x"),
    ("docker run x", "podman run x"),
    ("terraform -auto-approve x", "terraform -orppatu-ave x"),
    ("rm a.txt", "rm src/main.py"),
    ("rm a.txt", "rm -f a.txt"),
    ("rm -rf node_modules", "rm -rf build"),
    ("rm -rf node_modules", "rm -rf ."),
    ("git push", "git push --force"),
    ("git commit -m one", "git commit --amend -m one"),
    ("python3 script.py", "python3 script.py --all"),
    ("python3 script.py", "python3 src/main.py"),
]
NEVER = [
    "npm test; npm run build", "sudo npm test", "npm test $X", "$X test", "echo x | python3", "python3 -",
    "cat a.txt | npm test", "ls 'x; npm test", "sh -c 'npm test' x y",
    "echo x > run.sh; bash run.sh", "cp a.txt new && ./run.sh", "curl $URL", "curl -d @a.txt http://x", "rm $X",
    "kill 12", "crontab -e", "npm test\u200b", "bash -c \"$X\"", "pytest *.py",
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_question_is_not_asked_twice(first: str, second: str, scene: Scene) -> None:
    assert scope(first, scene).key == scope(second, scene).key


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_an_approval_covers_nothing_else(first: str, second: str, scene: Scene) -> None:
    other = assess(second, scene)
    assert other.scope is None or other.scope.key != scope(first, scene).key


@pytest.mark.parametrize("command", NEVER)
def test_what_cannot_be_fixed_is_asked_each_time(command: str, scene: Scene) -> None:
    verdict = assess(command, scene)
    assert verdict.tier is not Tier.SAFE and verdict.scope is None, verdict


def test_a_script_is_covered_only_as_it_is_now(tree: Tree, scene: Scene) -> None:
    before = scope("bash run.sh", scene)
    old = (tree.workspace / "run.sh").read_text()
    (tree.workspace / "run.sh").write_text(old + "# changed\n")
    after = scope("bash run.sh", scene)
    (tree.workspace / "run.sh").write_text(old)
    assert before.key != after.key and before.key == scope("bash run.sh", scene).key
    assert "sha256" in before.description


def test_a_person_reads_what_is_covered(scene: Scene) -> None:
    assert scope("curl -s https://a.example/x", scene).description == "curl -s to a.example:443"
    assert "npm test in " in scope("npm test", scene).description
