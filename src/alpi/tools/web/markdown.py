"""A page's elements as Markdown, by markdownify. What that library leaves as it is and a reader would stumble over is settled in the tree
before: relative addresses, tables that only arrange a page, wide cells. Loads libraries when it is called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

LANGUAGE = re.compile(r"\b(?:language|lang|highlight|brush:)-?\s*([a-z0-9+#]{1,20})\b", re.IGNORECASE)
# What many sites put behind each heading: a link to the heading itself.
ANCHORS = frozenset({"", "¶", "#", "§", "🔗", "link", "permalink"})
BLANKS = re.compile(r"\s+")
WIDEST_SPAN = 20
BLOCKS = frozenset(
    {"article", "blockquote", "div", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ol", "p", "pre", "section", "table", "ul"}
)  # fmt: skip


def markdown(root: HtmlElement, base: str) -> str:
    """An element and all in it, which is changed on the way. ``base`` is the address that links are relative to."""
    import lxml.html  # type: ignore[import-untyped]
    import markdownify

    for element in list(root.iter()):
        if element is not root and element.getparent() is None:
            continue
        match tag_of(element):
            case "a":
                _settle_link(element, base)
            case "table":
                _settle_table(element)
            case "pre":
                for line_break in list(element.iter("br")):
                    line_break.tail = f"\n{line_break.tail or ''}"
                    line_break.drop_tree()
            case "ul" | "ol":
                _settle_list(element)
            case "img" if " " not in element.get("alt", "").strip():  # an icon
                element.drop_tree()
            case "sup" if (element.text or "").strip().isalnum():
                element.text = f"^{(element.text or '').strip()}"
    return markdownify.markdownify(
        lxml.html.tostring(root, encoding="unicode", with_tail=False),
        heading_style=markdownify.ATX,
        bullets="-",
        autolinks=False,
        escape_asterisks=False,
        escape_underscores=False,
        table_infer_header=True,
        wrap=True,  # with no width: what the source breaks is one line
        wrap_width=None,
        code_language_callback=_language,
        bs4_options="lxml",
    ).strip()


def tag_of(element: HtmlElement) -> str:
    """An element's name; ``""`` for comments and the like."""
    return element.tag.lower() if isinstance(element.tag, str) else ""


def _settle_link(element: HtmlElement, base: str) -> None:
    """Give a link its whole address; to those within the page, and those that are none, none."""
    href = (element.attrib.pop("href", "") or "").strip()
    element.attrib.pop("title", "")
    if any(tag_of(inner) in BLOCKS for inner in element.iterdescendants()):
        return  # a link around a whole card
    if href.startswith("#"):
        if "".join(element.itertext()).strip().lower() in ANCHORS:
            element.drop_tree()
        return
    try:
        address = BLANKS.sub("%20", urljoin(base, href)) if href else ""
    except ValueError:
        return
    if address.startswith(("http:", "https:", "mailto:")):
        element.set("href", address)


def _settle_list(element: HtmlElement) -> None:
    """A list in a list without an item around it, as old pages have them, belongs to the item before it."""
    before = element.getprevious()
    around = element.getparent()
    if around is not None and tag_of(around) in ("ul", "ol") and before is not None and tag_of(before) == "li":
        before.append(element)


def _settle_table(table: HtmlElement) -> None:
    """Make blocks of a table that only arranges a page, and keep cells of others in their line and their column."""
    rows = [row for row in table.iter("tr") if next(row.iterancestors("table"), None) is table]
    cells = [[cell for cell in row if tag_of(cell) in ("td", "th")] for row in rows]
    arranges = max(map(len, cells), default=0) < 2
    arranges = arranges or any(True for _ in table.iterdescendants("table", "pre", "h1", "h2", "h3", "h4"))
    if arranges:
        parts = [part for part in table.iter("thead", "tbody", "tfoot") if part.getparent() is table]
        for element in (table, *parts, *rows, *(cell for row in cells for cell in row)):
            element.tag = "div"
        return
    caption = table.find("caption")
    if caption is not None and table.getparent() is not None:
        caption.tag, caption.tail = "p", None
        table.addprevious(caption)
    for cell in (cell for row in cells for cell in row):
        span = cell.get("colspan", "")
        if span:
            cell.set("colspan", str(min(int(span), WIDEST_SPAN)) if re.fullmatch("[0-9]{1,5}", span) else "1")
        for element in cell.iter():
            element.text = (element.text or "").replace("|", "\\|")
            if element is not cell:
                element.tail = (element.tail or "").replace("|", "\\|")


def _language(pre: Any) -> str:
    """The language that the page names for a piece of code, or ``""``."""
    inner = pre.find("code")
    around = [pre, *([inner] if inner is not None else []), *list(pre.parents)[:2]]
    classes = (" ".join(one.get("class") or ()) for one in around)
    return next((found[1] for text in classes if (found := LANGUAGE.search(text))), "")
