"""Alpi's own Markdown as plain lines: tables become columns, marks for bold and code are taken out. For the plain interface."""

from __future__ import annotations

import re
from collections.abc import Sequence

RULE = re.compile(r"\|[ :|-]+\|")
CELL = re.compile(r"(?<!\\)\|")
MARKS = re.compile(r"\*\*(.+?)\*\*|`([^`\n]+)`")


def plain_text(markdown: str) -> str:
    """The text as a person reads it in a terminal that shows no Markdown. What stands in code blocks stays as it is."""
    lines: list[str] = []
    table: list[list[str]] = []
    in_code = False
    for line in markdown.split("\n"):
        if line.startswith("```"):
            in_code = not in_code
            continue
        row = line.strip()
        if not in_code and row.startswith("|") and row.endswith("|") and len(row) > 1:
            if not RULE.fullmatch(row):
                table.append([_bare(cell.strip()) for cell in CELL.split(row[1:-1])])
            continue
        lines += _columns(table)
        table = []
        lines.append(line if in_code else _bare(line))
    return "\n".join([*lines, *_columns(table)])


def _bare(text: str) -> str:
    return MARKS.sub(lambda match: match.group(1) or match.group(2), text).replace("\\|", "|")


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as columns as wide as their widest cell. A first row of empty cells is a table without a head."""
    rows = [row for row in rows if any(row)]
    if not rows:
        return []
    count = max(len(row) for row in rows)
    widths = [max((len(row[n]) for row in rows if n < len(row)), default=0) for n in range(count)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
