"""Questions that a skill answers, on the real local model: it looks at the skill, runs its script through the gate, and says the result.
Judged by the calls, by what the script printed, and by that number in the answer.

Each skill is asked twice in different words. Left out, because this model gets them wrong: dates in words ("January 1st"), units that only
stand in a skill's page ("72 f"), and numbers that resemble a page's example; docs/MODELS.md says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_scenarios import Bench

pytestmark = pytest.mark.live

GROCERIES = Path(__file__).resolve().parents[2] / "examples/skills/finance/groceries"
UNITS = {
    "SKILL.md": """\
---
name: units
description: Converts lengths, weights and temperatures from one unit into another.
category: data
version: "1"
keywords: [miles, kilometres, pounds, kilos, fahrenheit, celsius]
---

# Convert units

Run `convert.py NUMBER FROM TO`. The units are km, mi, m, ft, kg, lb, c and f. It prints the converted number.

    convert.py 10 mi km
    convert.py 98.6 f c
""",
    "scripts/convert.py": '''\
"""Converts a number: convert.py NUMBER FROM TO"""

import sys

SIZES = {"m": 1.0, "km": 1000.0, "mi": 1609.344, "ft": 0.3048, "kg": 1.0, "lb": 0.45359237}

if len(sys.argv) != 4:
    sys.exit("usage: convert.py NUMBER FROM TO, as in: convert.py 10 mi km")
number, start, end = float(sys.argv[1]), sys.argv[2].lower(), sys.argv[3].lower()
if {start, end} == {"c", "f"}:
    found = number * 9 / 5 + 32 if start == "c" else (number - 32) * 5 / 9
else:
    found = number * SIZES[start] / SIZES[end]
print(f"{number:g} {start} = {found:.2f} {end}")
''',
}
COUNTDOWN = {
    "SKILL.md": """\
---
name: countdown
description: Says how many days are left until a date.
category: personal
version: "1"
keywords: [days, until, left, countdown, date]
---

The script `days.py` takes a date as YYYY-MM-DD and prints how many days are left until then.

    days.py 2031-08-17
""",
    "scripts/days.py": '''\
"""How many days until a date: days.py YYYY-MM-DD"""

import sys
from datetime import date

if len(sys.argv) != 2:
    sys.exit("usage: days.py YYYY-MM-DD")
print(f"{(date.fromisoformat(sys.argv[1]) - date.today()).days} days until {sys.argv[1]}")
''',
}
WORDCOUNT = {
    "SKILL.md": """\
---
name: wordcount
description: Counts the words and lines of a text file.
category: productivity
version: "1"
keywords: [count, words, lines, length, file]
---

# Counting

1. Run `count.py FILE`, where FILE is the path of the file in the workspace.
2. It prints the number of words and of lines. Tell the user the number that was asked for.
""",
    "scripts/count.py": '''\
"""Counts words and lines: count.py FILE"""

import sys
from pathlib import Path

if len(sys.argv) != 2:
    sys.exit("usage: count.py FILE")
text = Path(sys.argv[1]).read_text(encoding="utf-8")
print(f"{len(text.split())} words, {len(text.splitlines())} lines")
''',
}
ESSAY = "The river was high that spring.\nNobody crossed it for nine days.\nThen the bridge went.\n"
SKILLS: Mapping[str, Mapping[str, str]] = {"units": UNITS, "countdown": COUNTDOWN, "wordcount": WORDCOUNT}


def ledger(today: date) -> str:
    """Purchases of this month and of the last: groceries of 63.10 + 7.45 + 52.75 = 123.30 in that one."""
    last = today.replace(day=1) - timedelta(days=1)
    rows = (
        "02,Mercado,groceries,63.10",
        "05,Metro,transport,12.00",
        "09,Panaderia,groceries,7.45",
        "17,Mercado,groceries,52.75",
    )
    lines = [f"{last:%Y-%m}-{row}" for row in rows] + [f"{today:%Y-%m}-01,Mercado,groceries,40.00"]
    return "\n".join(["date,shop,category,amount", *lines, ""])


def days_until(day: date) -> str:
    return str((day - date.today()).days)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A profile with all four skills, as a person installs them; so their scripts run in the sandbox without a question."""
    made = Bench(tmp_path)
    for name, files in SKILLS.items():
        for path, text in files.items():
            target = tmp_path / "skills" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        made.alpi("skills", "install", str(tmp_path / "skills" / name), "--yes")
    made.alpi("skills", "install", str(GROCERIES), "--yes")
    made.write("ledger.csv", ledger(date.today()))
    made.write("essay.txt", ESSAY)
    return made


NEXT = date.today().year + 1
CASES: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("finance/groceries", "how much did i spend on groceries last month?", lambda: "123.30"),
    ("finance/groceries", "What did groceries cost me last month?", lambda: "123.30"),
    ("data/units", "How many kilometres are 26.2 miles?", lambda: "42.16"),
    ("data/units", "Convert 180 pounds to kilos.", lambda: "81.65"),
    ("personal/countdown", f"How many days until {NEXT}-12-24?", lambda: days_until(date(NEXT, 12, 24))),
    ("personal/countdown", f"how many days are left until {NEXT}-07-01?", lambda: days_until(date(NEXT, 7, 1))),
    ("productivity/wordcount", "How many words are in essay.txt?", lambda: str(len(ESSAY.split()))),
    ("productivity/wordcount", "count the words of essay.txt please", lambda: str(len(ESSAY.split()))),
)


@pytest.mark.parametrize(("skill", "question", "wanted"), CASES, ids=[question for _, question, _ in CASES])
def test_a_skill_answers(bench: Bench, skill: str, question: str, wanted: Callable[[], str]) -> None:
    answer = bench.ask(question)
    number = wanted()
    ran = [call for call in bench.called("skill") if call["action"] == "run"]
    assert [call["name"] for call in ran] == [skill], "it went round, or took another skill"
    assert any(m["role"] == "tool" and number in m["text"] and "[exit 0]" in m["text"] for m in bench.records())
    assert number in answer
    assert bench.records()[-1]["role"] == "assistant" and not bench.records()[-1].get("calls")
