"""Sets one block of Markdown as lines for a terminal. Loaded with the first block: it needs ``rich``, which takes its time."""

from __future__ import annotations

import io
import re
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, HorizontalRule, ListItem, Markdown, MarkdownElement, TableElement
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from .blocks import FENCE, Block

NARROWEST = 20
CODE_INDENT = 2
THEME = Theme(
    {
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.h4": "bold",
        "markdown.h5": "bold",
        "markdown.h6": "bold",
        "markdown.code": "cyan",
        "markdown.code_block": "none",
        "markdown.block_quote": "italic",
        "markdown.item.bullet": "cyan",
        "markdown.item.number": "cyan",
        "markdown.table.border": "dim",
        "markdown.table.header": "bold",
    },
    inherit=True,
)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
# Rich fills lines up with spaces; on a terminal that gets narrower each would become two.
FILL = re.compile(r"[ ]+((?:\x1b\[[0-9;]*m)*)$")


class LeftHeading(Heading):
    """A heading where reading begins."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class WholeLines(CodeBlock):
    """Code whose lines are never broken: the terminal does that, and what is copied from it is what was written."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = Syntax("", self.lexer_name, theme=self.theme).highlight(str(self.text).rstrip())
        margin = Segment(" " * CODE_INDENT)
        for line in code.split("\n"):
            yield margin
            yield from line.render(console)
            yield Segment("\n")


class Item(ListItem):
    """A list's item, with what follows its first line below its text."""

    def render_bullet(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._hang("• ", "markdown.item.bullet", console, options)

    def render_number(self, console: Console, options: ConsoleOptions, number: int, last_number: int) -> RenderResult:
        return self._hang(f"{number}. ", "markdown.item.number", console, options)

    def _hang(self, mark: str, style: str, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(
            self.elements, options.update(width=options.max_width - len(mark)), style=self.style
        )
        for number, line in enumerate(lines):
            yield Segment(" " * len(mark)) if number else Segment(mark, console.get_style(style))
            yield from line
            yield Segment("\n")


class LightTable(TableElement):
    """A table with a line below its head and nothing around it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            if isinstance(table, Table):
                table.box, table.show_edge = box.SIMPLE_HEAD, False
                table.padding, table.collapse_padding = (0, 2, 0, 0), False
            yield table


class ShortRule(HorizontalRule):
    """A line between sections, short enough never to be broken."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("─" * min(NARROWEST, options.max_width), style="dim")


class Page(Markdown):
    """Markdown in which nothing that was written is left out: tags stand as they are, and links show where they lead."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": LeftHeading,
        "fence": WholeLines,
        "code_block": WholeLines,
        "list_item_open": Item,
        "table_open": LightTable,
        "hr": ShortRule,
    }

    def __init__(self, markup: str) -> None:
        super().__init__("", code_theme="ansi_dark")
        self.parsed = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table").parse(markup)
        for token in self.parsed:
            if token.children:
                token.children = plain_links(token.children)


def plain_links(tokens: list[Token]) -> list[Token]:
    """Inline tokens with each link as its text and then its address, and each picture likewise; ``<br>`` breaks a line."""
    shown: list[Token] = []
    text = address = ""
    for token in tokens:
        if token.type == "link_open":
            address, text = str(token.attrs.get("href", "")), ""
        elif token.type == "link_close":
            if address.removeprefix("mailto:") != text:
                shown.append(Token("text", "", 0, content=f" ({address})"))
        elif token.type == "image":
            shown.append(Token("text", "", 0, content=f"{token.content or 'picture'} ({token.attrs.get('src', '')})"))
        else:
            if token.type == "text":
                token.content = BREAK.sub("\n", token.content)
            text += token.content
            shown.append(token)
    return shown


def set_block(block: Block, width: int, colour: bool) -> list[str]:
    """A block as lines, without empty ones at its ends (code may begin with some). Code may be wider than ``width``, all else fits."""
    out = io.StringIO()
    width = max(NARROWEST, width - block.indent)
    console = Console(
        file=out,
        force_terminal=True,
        color_system="standard" if colour else None,
        no_color=not colour,
        width=width,
        height=100,
        theme=THEME,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(Page(block.text), crop=False, soft_wrap=False)
    lines = [" " * block.indent + FILL.sub(r"\1", line) for line in out.getvalue().split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip() and not FENCE.match(block.text.partition("\n")[0]):
        lines.pop(0)
    return lines
