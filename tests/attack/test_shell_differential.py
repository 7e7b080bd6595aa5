"""The judge against the real shell: a canary command is put into every kind of quoting, comment, document and expansion.

Whatever is judged safe is run by bash, and the canary must stay absent. This finds places where the grammar reads a text
otherwise than the shell does; several such places were found by it and are closed in `alpi.safety.risk.misread`.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator

import pytest

from alpi.safety import corpus
from alpi.safety.corpus import Tree
from alpi.safety.risk import assess
from alpi.safety.tiers import Tier

from .test_shell_corpus import real_guard

# @ stands for what is wrapped.
WRAPS = (
    "'@'", '"@"', "$'@'", "\\$(@)", "'$(@)'", "'`@`'", "\\`@\\`", "# @", "\\#@", "x#@", "'@", "@'", "\"'@'\"",
    "'\"@\"'", '$"@"', "<<E\n@\nE\n",
    "<<'E'\n@\nE\n", "<<\\E\n$(@)\nE\n", "<<-'E'\n\t@\n\tE\n", "<<'E F'\n@\nE F\n", "<<'E'\n$(@)\nE",
    "<<E'F'\n$(@)\nEF\n", "<<A <<'B'\nA\n@\nB\n",
    "a[@]", "{@}", "{a,@}", "${x:-@}", "${x:-'@'}", "${x#@}", "\"${x:-'@'}\"", '"${x:-`@`}"', "$((1 #@\n))",
    "[[ x == '@' ]]", "case x in @) ;; esac",
    "\\\n@", " \\\n #@", "#\\\n@", "'#'@", '"#" @', "; #@", "&& # @\n", "(#@\n)", "`#@`", "$(#@\n)", "{ #@\n}",
    "a=#@", "=@", "!@", "~@", "$@", "${@}",
    "@", "<@", ">@", "2>&1@", ">&'@'", "<<<'@'", "'\n@'", "\\'@", '\\"@', "''@", "$'\\''@", "'\\'@", '"\\"@"',
    '"\\\\"@"', "\t@", "\v@", "é@",
    "[ '@' ]", "((@))", "function @", "time -p @", "in @", "esac @", "}@", "EOF\n@", "\n#@", "\n\\#@", ";;@", "*@",
    "?(@)", "\\ #@", "[[ x =~ @ ]]", "$[@]", "$((1 #'$(@)'\n))", "$(@)", "`@`", "<(@)",
)  # fmt: skip
HEADS = (
    "ls ", "echo ", "cat a.txt ", "true ", "ls;", "ls\n", "echo x | cat ", "x=1 ", "if true; then echo ",
    "for i in 1 2; do echo ", "test x = ", "printf %s ",
    "read x ", "export X=", "declare y=", "(echo ", "{ echo ", "echo $(echo ", "echo `echo ", 'echo "$(echo ',
    "[[ a == b ]] && echo ",
    "case x in x) echo ", "f() { echo ", "! echo ", "cat<<'Z'\n",
)  # fmt: skip
TAILS = (
    "", "", "", " x", "; ls", "\nls", " # end", ")", "}", "; }", "; fi", "; done", ";; esac", "; }; f", "`", '"',
    "')", "\nZ\n", " > out.txt", " 2>&1",
    " | cat", "'", " <<'W'\nq\nW\n",
)  # fmt: skip
COUNT = 3000


@pytest.fixture(scope="module")
def tree() -> Iterator[Tree]:
    with corpus.scratch() as made:
        yield made


def command(choice: random.Random, payload: str) -> str:
    body = payload
    for _ in range(choice.choice([1, 1, 2, 2, 3])):
        body = choice.choice(WRAPS).replace("@", body)
    before = choice.choice(WRAPS).replace("@", "q") + " " if choice.random() < 0.35 else ""
    return choice.choice(HEADS) + before + body + choice.choice(TAILS)


@pytest.mark.parametrize("payload", ["touch %C%", ": >%C%", "x | tee %C% <<< x"])
def test_the_canary_never_appears(payload: str, tree: Tree) -> None:
    scene = tree.scene(real_guard(tree))
    choice = random.Random(payload)
    ran = 0
    for text in dict.fromkeys(command(choice, tree.fill(payload)) for _ in range(COUNT // 3)):
        if assess(text, scene).tier is not Tier.SAFE:
            continue
        ran += 1
        subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", text],
            cwd=tree.workspace,
            env={"HOME": str(tree.home), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
        assert not tree.canary.exists(), text
    assert ran > 50
