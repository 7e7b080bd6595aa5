"""A second, plain reader for text that the grammar refuses: it finds command-like pieces so that danger in them is still seen.

It cannot vouch for anything. What it finds may only raise a verdict.
"""

from __future__ import annotations

import re

from .steps import Redirect, Step, TooComplex, Word

MAX_PIECES = 250
_TOKEN = re.compile(
    r"""
    (?P<part> (?:
        \\. | '[^']{0,2000}' | "(?:[^"\\]|\\.){0,500}" | \$'(?:[^'\\]|\\.){0,500}' | \$\{[^}\n]{0,200}\}
        | [^\\'"$;&|\n()`<>\s] | \$(?!\()
    ){1,500} )
    | (?P<break> (?: \$\( | [;&|\n()`] )+ )
    | (?P<arrow> [<>]+ )
    | (?P<other> . )
    """,
    re.DOTALL | re.VERBOSE,
)
_KEYWORDS = frozenset(
    {"{", "}", "do", "then", "else", "elif", "if", "while", "until", "!", "time", "in", "esac", "fi", "done"}
)


def rough_steps(text: str) -> list[Step]:
    """Split at separators outside quotes, and once more as if there were no quotes. `TooComplex` if that is too much."""
    steps: list[Step] = []
    for source in dict.fromkeys((text, text.replace("'", " ").replace('"', " "))):
        steps += _pieces(source)
    if len(steps) > MAX_PIECES:
        raise TooComplex("cannot be read, and is too long to be looked through")
    return steps


def _pieces(text: str) -> list[Step]:
    steps: list[Step] = []
    words: list[Word] = []
    redirects: list[Redirect] = []
    operator, piped = "", False

    def end_step() -> None:
        nonlocal words, redirects, operator
        if words or redirects:
            upstream = tuple(steps[-1:]) if piped else ()
            shown = " ".join(item.text for item in words)
            steps.append(Step(shown, "command", tuple(words), (), tuple(redirects), upstream))
        words, redirects, operator = [], [], ""

    glued = False
    for match in _TOKEN.finditer(text):
        part, kind = match[0], match.lastgroup
        if kind == "part":
            if operator:
                redirects.append(Redirect(operator, "", Word(part)))
                operator = ""
            elif glued and words:
                words[-1] = Word(words[-1].text + part)
            elif words or part not in _KEYWORDS:
                words.append(Word(part))
        elif kind == "break":
            end_step()
            piped = "|" in part
        elif kind == "arrow":
            operator = part
        glued = kind == "part"
        if len(steps) > MAX_PIECES or len(words) > 2 * MAX_PIECES:
            raise TooComplex("cannot be read, and is too long to be looked through")
    end_step()
    return steps
