"""The readable part of a page: what it calls its main part, or all of it without menus and banners. Loads lxml when it is called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .markdown import tag_of

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

DROPPED = (
    "script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "embed", "video", "audio", "map", "nav", "dialog",
    "button", "input", "select", "textarea", "menu", "head",
)  # fmt: skip
ROLES = frozenset(
    {
        "navigation",
        "banner",
        "contentinfo",
        "complementary",
        "dialog",
        "alertdialog",
        "search",
        "menu",
        "menubar",
        "toolbar",
    }
)
# What the frame of a page is called; a whole word of a class or an id.
FRAME = re.compile(
    r"(?<![a-z])(?:cookies?|consent|gdpr|breadcrumbs?|sidebar|newsletter|subscribe|advert(?:isement)?s?|share|sharing|social|skip(?:-link)?"
    r"|related|recommend(?:ed|ations)?|promo|paywall|popup|modal|toc|pagination|pager|footer|navbar|navigation|navigate|sphinxsidebar)(?![a-z])",
    re.IGNORECASE,
)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# What is called so is taken for it where this share of its text is links: a text about cookies is none.
FRAME_SHARE = 0.3
# In a page that is text, links to other pages stand in blocks of nothing else; in one that is mostly links, they are what it has to say.
MOST_LINKED = 0.6
FRONT_PAGE = 0.75
TEASER_SHARE = 0.9
# A menu has many links with short words and little else.
MENU_LINKS = 4
MENU_SHARE = 0.7
MENU_WORDS = 30


def parsed(text: str) -> HtmlElement | None:
    """A page's tree, or ``None`` where there is nothing in it."""
    import lxml.etree  # type: ignore[import-untyped]
    import lxml.html

    # As bytes: a string that names an encoding of its own is refused.
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return None


def main_part(page: HtmlElement) -> HtmlElement | None:
    """What the page itself calls its main part, cleaned; ``None`` where it does not say."""
    found: Sequence[HtmlElement] = page.xpath("//main | //*[@role='main']") or page.xpath("//article")
    outer = [one for one in found if not any(other in found for other in one.iterancestors())]
    if len(outer) != 1:
        return None
    clean(outer[0])
    return outer[0]


def whole_part(page: HtmlElement) -> HtmlElement:
    """The whole page without its frame, where nothing says which part is the main one."""
    body = page.find("body")
    root = page if body is None else body
    for element in list(root.iter("header", "footer", "aside")):
        _drop(element)
    clean(root)
    sizes = _sizes(root)
    whole = sizes[root]
    of_text = whole.share <= MOST_LINKED
    for element in list(root.iter("ul", "ol", "div", "p", "table", "center")):
        size = sizes[element]
        # What holds most of the page is the page, be it nothing but links.
        if element is root or size.letters * 2 > whole.letters:
            continue
        if size.is_menu or (of_text and size.links and size.share >= TEASER_SHARE):
            _drop(element)
    return root


def is_of_links(part: HtmlElement) -> bool:
    """Whether what a page has to say is where else to go, as on a front page."""
    return _sizes(part)[part].share > FRONT_PAGE


def clean(root: HtmlElement) -> None:
    """Take out what nobody reads: programs, controls, what is hidden, and the frame around a page."""
    for element in list(root.iter(*DROPPED)):
        if element is not root:
            _drop(element)
    sizes = _sizes(root)
    for element in list(root.iter()):
        if element is not root and tag_of(element) and _is_frame(element, sizes[element]):
            _drop(element)


@dataclass(slots=True)
class _Size:
    """Letters in an element, those of them in links, and the links."""

    letters: int = 0
    linked: int = 0
    links: int = 0

    @property
    def share(self) -> float:
        """How much of it is links; all of it where there is nothing."""
        return self.linked / self.letters if self.letters else 1.0

    @property
    def is_menu(self) -> bool:
        return self.links >= MENU_LINKS and self.share >= MENU_SHARE and self.linked <= MENU_WORDS * self.links


def _sizes(root: HtmlElement) -> dict[HtmlElement, _Size]:
    """The sizes of all elements, each looked at once: pages are nested as deeply as somebody likes."""
    elements = list(root.iter())
    sizes = {element: _Size() for element in elements}
    for element in reversed(elements):
        size = sizes[element]
        if tag_of(element):
            size.letters += len((element.text or "").strip())
        if tag_of(element) == "a":
            size.linked, size.links = size.letters, 1
        around = None if element is root else element.getparent()
        if around is not None:
            outer = sizes[around]
            outer.letters += size.letters + len((element.tail or "").strip())
            outer.linked += size.linked
            outer.links += size.links
    return sizes


def _is_frame(element: HtmlElement, size: _Size) -> bool:
    attributes = element.attrib
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or HIDDEN.search(attributes.get("style", "")):
        return True
    if attributes.get("role", "") in ROLES:
        return True
    return (
        size.share > FRAME_SHARE
        and FRAME.search(f"{attributes.get('class', '')} {attributes.get('id', '')}") is not None
    )


def _drop(element: HtmlElement) -> None:
    """Take an element out and leave what stands behind it."""
    if element.getparent() is not None:
        element.drop_tree()
