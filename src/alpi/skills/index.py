"""The skills in a few lines, for the prompt: short, in a stable order, the same bytes for the same skills."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.text import one_line
from .format import Skill

LONGEST = 110
MOST_CHARS = 3000
HEAD = """\
Skills: what you know how to do. When a question fits one, first call the skill tool with action view and its exact name, \
as in {"action": "view", "name": "data/tidy"}; then do once what it says, and answer with the result. The skills, by name:"""


def index_text(skills: Sequence[Skill]) -> str:
    """One line a skill: its name, when to use it, and its keywords; ``""`` without any. What does not fit is named without those."""
    if not skills:
        return ""
    lines = [HEAD]
    room = MOST_CHARS - len(HEAD) - 600
    for number, skill in enumerate(skills):
        words = f" (about: {', '.join(skill.keywords[:6])})" if skill.keywords else ""
        line = one_line(f"- {skill.full_name}: {one_line(skill.description, LONGEST)}{words}", 300)
        if len(line) + 1 > room:
            rest = ", ".join(other.full_name for other in skills[number:])
            lines.append(one_line(f"- and (the skill tool's list says what for): {rest}", 590))
            break
        room -= len(line) + 1
        lines.append(line)
    return "\n".join(lines)
