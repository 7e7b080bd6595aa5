"""A page's elements as Markdown: headings, lists, code, tables and links as they stand, nothing else. Loads lxml when it is called."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

HEADINGS = MappingProxyType({f"h{level}": level for level in range(1, 7)})
BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption", "figure",
     "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr", "html", "li", "main", "menu", "nav", "ol", "p", "pre",
     "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
)  # fmt: skip
CODE = frozenset({"code", "kbd", "samp", "tt"})
MARKS = MappingProxyType({"b": "**", "strong": "**", "em": "*", "i": "*", "del": "~~", "s": "~~"})
LANGUAGE = re.compile(r"\b(?:language|lang|highlight|brush:)-?\s*([a-z0-9+#]{1,20})\b", re.IGNORECASE)
# What many sites put behind each heading: a link to the heading itself.
ANCHORS = frozenset({"", "¶", "#", "§", "🔗", "link", "permalink"})
BLANKS = re.compile(r"\s+")
WIDEST_SPAN = 20


def markdown(root: HtmlElement, base: str) -> str:
    """An element and all in it. ``base`` is the address that links are relative to."""
    return _Writer(base).blocks(root)


def tag_of(element: HtmlElement) -> str:
    """An element's name; ``""`` for comments and the like."""
    return element.tag.lower() if isinstance(element.tag, str) else ""


@dataclass(frozen=True)
class _Writer:
    base: str

    def blocks(self, element: HtmlElement) -> str:
        """What stands in an element, blocks apart from each other by an empty line."""
        parts: list[str] = []
        line: list[str] = []

        def end_line() -> None:
            text = _tidy_lines("".join(line))
            if text:
                parts.append(text)
            line.clear()

        line.append(_flat(element.text))
        for child in element:
            tag = tag_of(child)
            if tag in BLOCKS or (tag and tag not in CODE and _has_blocks(child)):
                end_line()
                parts += filter(None, [self.block(child, tag)])
            elif tag:
                line.append(self.inline(child, tag))
            line.append(_flat(child.tail))
        end_line()
        return "\n\n".join(parts)

    def block(self, element: HtmlElement, tag: str) -> str:
        """One block."""
        writers: dict[str, Callable[[HtmlElement], str]] = {
            "pre": self.code, "ul": self.items, "ol": self.items, "menu": self.items, "dl": self.terms, "table": self.table,
            "blockquote": lambda quoted: _indented(self.blocks(quoted), "> ", "> "), "hr": lambda _: "---",
        }  # fmt: skip
        if tag in HEADINGS:
            text = BLANKS.sub(" ", self.text(element)).strip()
            return f"{'#' * HEADINGS[tag]} {text}" if text else ""
        return writers.get(tag, self.blocks)(element)

    def text(self, element: HtmlElement) -> str:
        """An element's text in one line, with what is marked in it."""
        parts = [_flat(element.text)]
        for child in element:
            tag = tag_of(child)
            parts += [self.inline(child, tag) if tag else "", _flat(child.tail)]
            if tag in BLOCKS:
                parts.append(" ")
        return "".join(parts)

    def inline(self, element: HtmlElement, tag: str) -> str:
        """An element that stands in a line."""
        if tag == "br":
            return "\n"
        if tag == "img":
            words = BLANKS.sub(" ", element.get("alt") or "").strip()
            return f"(picture: {words})" if " " in words else ""
        if tag in CODE:
            return _marked("".join(element.itertext()), "``" if "`" in "".join(element.itertext()) else "`")
        text = self.text(element)
        if tag == "sup" and text.strip().isalnum():
            return f"^{text.strip()}"
        if tag == "a":
            return self.link(element, text)
        return _marked(text, MARKS[tag]) if tag in MARKS else text

    def link(self, element: HtmlElement, text: str) -> str:
        """A link with its whole address; of those within the page, and those that are none, the words alone."""
        href = (element.get("href") or "").strip()
        words = BLANKS.sub(" ", text).strip()
        if href.startswith("#"):
            return "" if words.lower() in ANCHORS else text
        if not words or not href:
            return text
        try:
            address = urljoin(self.base, href)
        except ValueError:
            return text
        return (
            f"[{words}]({BLANKS.sub('%20', address)})" if address.startswith(("http:", "https:", "mailto:")) else text
        )

    def code(self, element: HtmlElement) -> str:
        """Code as it stands, with its language where the page names one."""
        for line_break in element.iter("br"):
            line_break.tail = "\n" + (line_break.tail or "")
        text = "".join(element.itertext()).replace("\r\n", "\n").strip("\n").rstrip()
        if not text.strip():
            return ""
        inner = element.find(".//code")
        around = [one for one in (element, inner, element.getparent(), _parent(element.getparent())) if one is not None]
        named = next((found for one in around if (found := LANGUAGE.search(one.get("class") or ""))), None)
        fence = "```" if "```" not in text else "````"
        return f"{fence}{named.group(1) if named is not None else ''}\n{text}\n{fence}"

    def items(self, element: HtmlElement) -> str:
        """A list. What lies in a list without being an item of it is taken for one."""
        number = _number(element.get("start"), 1)
        lines: list[str] = []
        for child in element:
            tag = tag_of(child)
            if not tag:
                continue
            text = self.blocks(child) if tag == "li" else self.block(child, tag)
            mark = f"{number}. " if tag_of(element) == "ol" else "- "
            if tag in ("ul", "ol"):  # a list in a list without an item around it, as old pages have them
                lines.append(_indented(text, "  ", "  "))
            elif text:
                lines.append(_indented(_close(text), mark, " " * len(mark)))
                number += 1
        return "\n".join(lines)

    def terms(self, element: HtmlElement) -> str:
        """Terms and what is said of each."""
        lines: list[str] = []
        for child in element.iter("dt", "dd"):
            text = self.blocks(child)
            if text and _parent(child, "dl") is element:
                lines.append(
                    _indented(text, "- ", "  ") if tag_of(child) == "dt" else _indented(_close(text), "  ", "  ")
                )
        return "\n".join(lines)

    def table(self, element: HtmlElement) -> str:
        """Rows and columns; a table that only arranges a page is taken as the blocks in it."""
        rows = [row for row in element.iter("tr") if _parent(row, "table") is element]
        cells = [[cell for cell in row if tag_of(cell) in ("td", "th")] for row in rows]
        columns = max(map(len, cells), default=0)
        if columns < 2 or any(True for _ in element.iterdescendants("table", "pre", "h1", "h2", "h3", "h4")):
            return "\n\n".join(filter(None, (self.blocks(cell) for row in cells for cell in row)))
        lines = [line for line in map(self._row, cells) if any(line)]
        if not lines:
            return ""
        width = max(map(len, lines))
        texts = [f"| {' | '.join(line + [''] * (width - len(line)))} |" for line in lines]
        caption = element.find("caption")
        head = [BLANKS.sub(" ", self.text(caption)).strip(), ""] if caption is not None else []
        return "\n".join([*head, texts[0], "|" + "---|" * width, *texts[1:]])

    def _row(self, cells: list[HtmlElement]) -> list[str]:
        row: list[str] = []
        for cell in cells:
            row.append(BLANKS.sub(" ", self.text(cell)).strip().replace("|", "\\|"))
            row += [""] * (min(_number(cell.get("colspan"), 1), WIDEST_SPAN) - 1)
        return row


def _parent(element: HtmlElement | None, tag: str = "") -> Any:
    """The next element around one, of this name."""
    if element is None:
        return None
    return next(element.iterancestors(tag), None) if tag else element.getparent()


def _has_blocks(element: HtmlElement) -> bool:
    """Whether an element that belongs in a line has blocks in it all the same, as a link around a whole card."""
    return any(tag_of(inner) in BLOCKS for inner in element.iterdescendants())


def _marked(text: str, mark: str) -> str:
    """A mark around a text, close to its words."""
    words = text.strip()
    if not words or "\n\n" in words:
        return text
    lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    return f"{lead}{mark}{words}{mark}{tail}"


def _flat(text: str | None) -> str:
    """Text as HTML means it: line ends of the source are blanks."""
    return BLANKS.sub(" ", text or "")


def _tidy_lines(text: str) -> str:
    """Lines that a page breaks itself, each without stretches of blanks."""
    return "\n".join(filter(None, (BLANKS.sub(" ", line).strip() for line in text.split("\n"))))


def _indented(text: str, first: str, others: str) -> str:
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((others + line) if line else others.rstrip() for line in lines[1:])])


def _close(text: str) -> str:
    """Blocks of an item without empty lines before a list in it."""
    return re.sub(r"\n\n(?=(?:- |\d+\. ))", "\n", text)


def _number(text: str | None, usual: int) -> int:
    return int(text) if text and text.strip().isascii() and text.strip().isdigit() and len(text) < 6 else usual
