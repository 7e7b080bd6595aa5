"""A page as an accessibility outline: what can be read and acted on, line by line, elements named as ``e12``. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from ...base.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

LINE = re.compile(r"^(?P<indent> *)- (?P<rest>.*)$")
REF = re.compile(r" \[ref=(?P<ref>(?:f\d+)?e\d+)\]")
NOISE = re.compile(r" \[(?:cursor=pointer|active)\]")
ROLE = re.compile(r'^(?P<role>[a-z]+)(?: "(?P<name>(?:[^"\\]|\\.)*)")?')
URL = re.compile(r"^/url: (?P<url>.+)$")
# Elements that nothing is done with; their numbers would only cost tokens.
PLAIN = frozenset({"generic", "paragraph", "text", "row", "rowgroup", "cell", "table", "list", "listitem", "heading", "img", "main",
                   "banner", "navigation", "contentinfo", "article", "region", "strong", "emphasis", "columnheader"})  # fmt: skip
LONGEST_URL = 300


@dataclass(frozen=True, slots=True)
class Element:
    """Something on a page. ``url`` is where a link leads, as it stands on the page, ``""`` for all else."""

    role: str
    name: str
    url: str = ""

    def __str__(self) -> str:
        return f'the {self.role} "{self.name}"' if self.name else f"a {self.role} without a name"


@dataclass(frozen=True, slots=True)
class Outline:
    """A page's text for the model, and its elements by their names."""

    text: str
    elements: Mapping[str, Element]


def outline(snapshot: str) -> Outline:
    """The outline of a snapshot as Playwright gives it (``aria_snapshot(mode="ai")``)."""
    elements: dict[str, Element] = {}
    lines: list[str] = []
    last = ""
    for line in printable(snapshot).splitlines():
        match = LINE.match(line)
        if match is None:
            lines.append(line)
            continue
        indent, rest = match.group("indent"), NOISE.sub("", match.group("rest"))
        url = URL.match(rest)
        if url is not None:
            address = url.group("url").strip("\"'")
            if last in elements:
                elements[last] = Element(elements[last].role, elements[last].name, address)
            lines.append(f"{indent}- to {address[:LONGEST_URL]}")
            continue
        ref, role = REF.search(rest), ROLE.match(rest)
        last = ref.group("ref") if ref is not None else ""
        if ref is not None and role is not None:
            name = re.sub(r"\\(.)", r"\1", role.group("name") or "")
            elements[last] = Element(role.group("role"), name)
            clickable = "[cursor=pointer]" in match.group("rest")
            shown = "" if role.group("role") in PLAIN and not clickable else f" [{last}]"
            rest = REF.sub(lambda _, shown=shown: shown, rest)  # type: ignore[misc]
        if rest in ("generic:", "generic"):  # a box around others
            continue
        lines.append(f"{indent}- {rest}")
    return Outline("\n".join(lines), MappingProxyType(elements))
