"""Sets a block of Markdown as lines in the chat's colours. Loaded with the first block: what sets Markdown takes its time to load."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from markdown_it import MarkdownIt
from pygments.token import Token  # type: ignore[import-untyped]
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, MarkdownElement
from rich.segment import Segment
from rich.style import Style
from rich.syntax import Syntax, SyntaxTheme
from rich.table import Table
from rich.theme import Theme
from textual.strip import Strip

from ..addresses import links_in
from ..blocks import FENCE, Block
from ..look import Look
from ..setting import LightTable, Page, plain_links

NARROWEST = 12


class CodeColours(SyntaxTheme):
    """The look's few colours for code. A kind of token that has none takes its parent's."""

    def __init__(self, look: Look) -> None:
        p = look.palette
        self._look = look
        self._styles: dict[Any, Style] = {
            Token: self._ink(p.text),
            Token.Comment: self._ink(p.faint, italic=True),
            Token.Keyword: self._ink(p.accent),
            Token.Name.Function: self._ink(p.second),
            Token.Name.Class: self._ink(p.second, bold=True),
            Token.Name.Decorator: self._ink(p.warn),
            Token.Name.Builtin: self._ink(p.second),
            Token.Name.Tag: self._ink(p.accent),
            Token.Name.Attribute: self._ink(p.second),
            Token.Literal: self._ink(p.warn),
            Token.Literal.String: self._ink(p.good),
            Token.Operator: self._ink(p.muted),
            Token.Operator.Word: self._ink(p.accent),
            Token.Punctuation: self._ink(p.muted),
            Token.Generic.Deleted: self._ink(p.bad),
            Token.Generic.Inserted: self._ink(p.good),
            Token.Generic.Heading: self._ink(p.accent, bold=True),
        }
        self._ground = Style(bgcolor=p.raised) if look.colour else Style()

    def _ink(self, colour: str, bold: bool | None = None, italic: bool | None = None) -> Style:
        if not self._look.colour:
            return Style(bold=bold, italic=italic)
        return Style(color=colour, bgcolor=self._look.palette.raised, bold=bold, italic=italic)

    def get_style_for_token(self, token_type: Any) -> Style:
        kind = token_type
        while kind is not None:
            if kind in self._styles:
                return self._styles[kind]
            kind = kind.parent
        return self._styles[Token]

    def get_background_style(self) -> Style:
        return self._ground


class Code(CodeBlock):
    """Code on a ground of its own; a line that is too long is folded."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        theme: Any = self.theme  # the page hands its colours through this field
        ground = theme.get_background_style()
        width = options.max_width
        code = Syntax("", self.lexer_name, theme=theme).highlight(str(self.text).rstrip())
        code.expand_tabs(4)
        for whole in code.split("\n", allow_blank=True):
            for part in whole.wrap(console, max(1, width - 2), no_wrap=False, tab_size=4) if whole else [whole]:
                segments = [Segment(" ", ground), *part.render(console)]
                yield from Segment.adjust_line_length(segments, width, style=ground)
                yield Segment("\n")


class BareTable(LightTable):
    """A table; one whose head is empty has none."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            if isinstance(table, Table):
                table.show_header = any(str(column.header).strip() for column in table.columns)
            yield table


class ChatPage(Page):
    """A page in the look's colours."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Page.elements,
        "fence": Code,
        "code_block": Code,
        "table_open": BareTable,
    }

    def __init__(self, markup: str, parser: MarkdownIt, colours: CodeColours) -> None:
        # The base class would make a parser of its own for each page, which takes longer than all the rest.
        self.markup = markup
        self.parsed = parser.parse(markup)
        for token in self.parsed:
            if token.children:
                token.children = plain_links(token.children)
        self.code_theme = colours  # type: ignore[assignment]
        self.justify, self.style, self.hyperlinks = None, "none", False
        self.inline_code_lexer, self.inline_code_theme = None, ""


class Setter:
    """Sets blocks in one look."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._colours = CodeColours(look)
        self._parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")
        head = look.mark if look.colour else Style(bold=True)
        theme = Theme(
            {
                "markdown.paragraph": look.text,
                "markdown.text": look.text,
                "markdown.h1": head,
                "markdown.h2": head,
                **{f"markdown.h{level}": look.bold for level in range(3, 7)},
                "markdown.code": look.second,
                "markdown.code_block": look.code,
                "markdown.block_quote": look.thought,
                "markdown.item.bullet": look.faint,
                "markdown.item.number": look.faint,
                "markdown.table.border": look.faint,
                "markdown.table.header": look.bold,
                "markdown.strong": Style(bold=True),
                "markdown.em": Style(italic=True),
                "markdown.s": Style(strike=True),
            },
            inherit=True,
        )
        self._console = Console(
            color_system="truecolor",
            force_terminal=True,
            theme=theme,
            highlight=False,
            emoji=False,
            width=80,
            height=100,
        )

    def lines(self, block: Block, width: int) -> list[Strip]:
        """The block as lines, without empty ones at its ends (code may begin with some)."""
        page = ChatPage(block.text, self._parser, self._colours)
        indent = min(block.indent, max(0, width - NARROWEST))
        options = self._console.options.update(width=max(NARROWEST, width - indent), height=None)
        rows = self._console.render_lines(page, options, pad=False)
        margin = [Segment(" " * indent)] if indent else []
        strips = [self._linked(Strip([*margin, *row])) for row in rows]
        while strips and not strips[-1].text.strip():
            strips.pop()
        is_code = FENCE.match(block.text.partition("\n")[0])
        while strips and not strips[0].text.strip() and not is_code:
            strips.pop(0)
        return strips

    def _linked(self, strip: Strip) -> Strip:
        """The line with its addresses underlined."""
        text = strip.text
        if "://" not in text:
            return strip
        joined: list[Segment] = []
        place = 0
        for start, end, _ in links_in(text):
            joined += _slice(strip, place, start)
            joined += [Segment(part.text, self._look.link) for part in _slice(strip, start, end)]
            place = end
        return Strip([*joined, *_slice(strip, place, len(text))])


def _slice(strip: Strip, start: int, end: int) -> list[Segment]:
    """The segments of a line from character ``start`` to ``end``."""
    found, place = [], 0
    for segment in strip:
        after = place + len(segment.text)
        if after > start and place < end:
            found.append(Segment(segment.text[max(0, start - place) : end - place], segment.style))
        place = after
    return found


@lru_cache(maxsize=2)
def _setter(look: Look) -> Setter:
    return Setter(look)


def set_lines(block: Block, width: int, look: Look) -> list[Strip]:
    """A block of Markdown as lines of at most ``width`` cells."""
    return _setter(look).lines(block, width)
