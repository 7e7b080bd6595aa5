"""A fetched body as text for a model: the readable part of a page as Markdown, a PDF's text, or the text itself."""

from __future__ import annotations

import codecs
import logging
import re
import time
from collections.abc import Callable

import msgspec

from ...base.text import one_line, printable
from .article import is_of_links, main_part, parsed, whole_part
from .client import Fetched, WebError
from .markdown import markdown

LIBRARIES = ("trafilatura", "htmldate", "courlan", "justext", "pypdf")
MOST_PDF_PAGES = 300
PDF_SECONDS = 20.0
# Of a page in HTML, so many characters are looked at: finding the readable part of more takes a minute.
MOST_HTML = 3_000_000
# A page whose readable part is shorter than this, in bytes (a Chinese character says more than a letter), is taken whole: lists and front
# pages have no article in them.
LEAST_ARTICLE = 250
# Where the readable part has this share of a page, there is little around it.
MOST_OF_IT = 0.5
# Of a page with more text than this nearly all is content, and choosing takes five seconds and more for a megabyte.
MOST_CHOSEN = 100_000
CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
META_CHARSET = re.compile(rb"<meta[^>]{0,200}charset=[\"']?([\w.:-]+)", re.IGNORECASE)
# Pictures in Markdown: nothing is ever loaded because a page says so, and their addresses cost tokens.
# Encodings that pages are written in. Python knows others (of names, of escapes), some of them slow on purpose-made input.
ENCODINGS = re.compile(
    r"utf-8|utf-16(?:-[bl]e)?|iso8859-\d+|cp125\d|cp8\d\d|cp9\d\d|koi8-[ru]|mac-(?:roman|cyrillic)|gb2312|gbk|gb18030|big5(?:hkscs)?"
    r"|euc_(?:jp|kr)|shift_jis|iso2022_(?:jp|kr)|johab|hz"
)
TAG = re.compile(r"<(?:script|style)\b.{0,100000}?</(?:script|style)>|<[^>]{0,2000}>", re.IGNORECASE | re.DOTALL)
ADDRESS = re.compile(r"\]\([^)\s]*\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")


class Page(msgspec.Struct, frozen=True):
    """What a page says. ``title`` may be empty; ``kind`` is ``page``, ``pdf`` or ``text``."""

    title: str
    text: str
    kind: str


def needs_library(fetched: Fetched) -> bool:
    """Whether making text of it is more than decoding: it may then take long, and as much memory as whoever wrote it wants."""
    return fetched.body[:5] == b"%PDF-" or _is_html(_kind(fetched), fetched.body)


def read(fetched: Fetched) -> Page:
    """The text of what was fetched. Where it ``needs_library``, call it in a process that can be ended (``Readers``).

    Raises:
        WebError: it is no text (a picture, an archive), or broken.
    """
    for library in LIBRARIES:  # they would write what they think of a page to the terminal
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    kind, body = _kind(fetched), fetched.body
    if body[:5] == b"%PDF-":
        return _pdf(body, fetched.url)
    if _is_html(kind, body):
        return _html(_decoded(body, fetched.content_type), fetched.url)
    textual = kind.startswith("text/") or kind.endswith(("json", "xml", "yaml", "javascript")) or kind == ""
    text = _decoded(body, fetched.content_type) if textual else ""
    if not textual or "\0" in text[:4096]:
        raise WebError(
            f"{fetched.url} is {kind or 'binary'}, not text",
            "Pages, PDFs and text can be read; to look at something else, have it downloaded into the workspace",
        )
    return Page("", printable(text), "text")


def _kind(fetched: Fetched) -> str:
    return one_line(fetched.content_type.partition(";")[0].lower(), 60)


def _is_html(kind: str, body: bytes) -> bool:
    if kind in ("text/html", "application/xhtml+xml"):
        return True
    if kind not in ("", "text/plain"):
        return False
    head = body[:1024].lstrip().lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _decoded(body: bytes, content_type: str) -> str:
    """Text in the encoding that the server, the page itself or the bytes name."""
    named = CHARSET.search(content_type)
    inside = META_CHARSET.search(body[:4096])
    names = [named.group(1)] if named else []
    names += [inside.group(1).decode("ascii", "replace")] if inside else []
    for mark, name in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if body.startswith(mark):
            return body.decode(name, "replace").removeprefix("\ufeff")
    known = [name for name in map(_encoding, names) if name]
    for name in [*known, "utf-8"]:
        try:
            return body.decode(name)
        except UnicodeDecodeError:
            continue
    return body.decode(known[0] if known else "cp1252", "replace")


def _encoding(name: str) -> str:
    """An encoding as Python calls it, or ``""`` for one that no page is written in. What calls itself Latin 1 is Windows' own."""
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""
    if known in ("ascii", "iso8859-1"):
        return "cp1252"
    return known if ENCODINGS.fullmatch(known) else ""


def _html(text: str, url: str) -> Page:
    """The readable part as Markdown, with its links; the whole page's text where there is no such part."""
    title = _title(text)
    text = text[:MOST_HTML]
    found = _own_part(text, url) or _chosen_part(text, url)
    if len(found.encode("utf-8", "replace")) < LEAST_ARTICLE:
        import trafilatura

        whole = trafilatura.html2txt(text) or ""
        found = whole if len(whole) > len(found) else found
    return Page(title, tidy(found or TAG.sub(" ", text)), "page")


def _own_part(text: str, url: str) -> str:
    """What the page calls its main part; ``""`` where it does not say, or says it of next to nothing."""
    page = parsed(text)
    part = main_part(page) if page is not None else None
    found = markdown(part, url) if part is not None else ""
    return found if len(found.encode("utf-8", "replace")) >= LEAST_ARTICLE else ""


def _chosen_part(text: str, url: str) -> str:
    """What trafilatura takes for the readable part; where that is most of the page, the page itself, of which nothing is lost."""
    page = parsed(text)
    part = whole_part(page) if page is not None else None
    whole = markdown(part, url) if part is not None else ""
    if len(whole) > MOST_CHOSEN or (part is not None and whole and is_of_links(part)):
        return whole
    import trafilatura

    found = trafilatura.extract(
        text,
        url=url,
        output_format="markdown",
        include_links=True,
        include_tables=True,
        include_images=False,
        favor_recall=True,
    )
    return found if found and _length(found) < MOST_OF_IT * _length(whole) else whole


def _length(text: str) -> int:
    """How long a text is without the addresses in it, which may be most of it."""
    return len(ADDRESS.sub("", text))


def _title(text: str) -> str:
    import html

    match = re.search(r"<title[^>]*>(.{0,500}?)</title>", text[:100_000], re.IGNORECASE | re.DOTALL)
    return " ".join(printable(html.unescape(match.group(1))).split()) if match else ""


def tidy(text: str) -> str:
    """Markdown without pictures, controls and stretches of empty lines."""
    text = PICTURE.sub(lambda match: f"(picture: {match.group(1)})" if match.group(1).strip() else "", printable(text))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _pdf(body: bytes, url: str, monotonic: Callable[[], float] = time.monotonic) -> Page:
    """A PDF's text, page by page, as far as it comes in the time that it is given."""
    import io

    import pypdf
    from pypdf.errors import PyPdfError

    try:
        document = pypdf.PdfReader(io.BytesIO(body))
        if document.is_encrypted and not document.decrypt(""):
            raise WebError(f"{url} is a PDF that needs a password")
        pages: list[str] = []
        total, until = len(document.pages), monotonic() + PDF_SECONDS
        while len(pages) < min(total, MOST_PDF_PAGES) and monotonic() < until:
            pages.append(document.pages[len(pages)].extract_text() or "")
        title = document.metadata.title or "" if document.metadata is not None else ""
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
        OSError,
        NotImplementedError,
    ) as error:
        # What a broken PDF makes the library stumble over is not only its own kind of error.
        raise WebError(f"{url} is a PDF that cannot be read: {type(error).__name__}: {error}") from error
    parts = [f"[page {number}]\n{tidy(text)}" for number, text in enumerate(pages, 1)]
    if total > len(pages):
        parts.append(f"[{total - len(pages)} more pages were left out]")
    if not any(text.strip() for text in pages):
        raise WebError(f"{url} is a PDF without text (scanned pictures, perhaps)", "Say so to the user")
    return Page(printable(title).strip(), "\n\n".join(parts), "pdf")
