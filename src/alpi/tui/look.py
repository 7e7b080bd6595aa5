"""How the chat looks: two palettes, and the styles by meaning that are made from one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.style import Style

if TYPE_CHECKING:
    from textual.theme import Theme


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by meaning, each as ``#rrggbb``. ``added`` and ``removed`` are grounds for a changed line, all else but the first three
    stand on ``ground``."""

    name: str
    dark: bool
    ground: str
    raised: str
    panel: str
    text: str
    muted: str
    faint: str
    accent: str
    second: str
    good: str
    warn: str
    bad: str
    added: str
    removed: str


DARK = Palette(
    name="alpi-dark",
    dark=True,
    ground="#14161a",
    raised="#1c1f25",
    panel="#2a2f39",
    text="#d9dce3",
    muted="#949ba8",
    faint="#626977",
    accent="#8ab4f8",
    second="#7ecdbb",
    good="#8cc98f",
    warn="#e0b56a",
    bad="#ee8d87",
    added="#18291f",
    removed="#321d20",
)
LIGHT = Palette(
    name="alpi-light",
    dark=False,
    ground="#fbfaf8",
    raised="#f1efeb",
    panel="#e2dfd8",
    text="#23262c",
    muted="#5f656f",
    faint="#8d9198",
    accent="#2359b8",
    second="#13695c",
    good="#2a7330",
    warn="#8a5a00",
    bad="#b0281f",
    added="#dff2e1",
    removed="#fbe3e0",
)
PALETTES: Mapping[str, Palette] = MappingProxyType({"dark": DARK, "light": LIGHT})


class Look:
    """Styles by meaning. Without colour they differ by weight and brightness alone."""

    def __init__(self, palette: Palette, colour: bool = True) -> None:
        self.palette = palette
        self.colour = colour
        p = palette
        self.text = self._style(p.text)
        self.bold = self._style(p.text, bold=True)
        self.muted = self._style(p.muted)
        self.faint = self._style(p.faint, dim=not colour)
        self.accent = self._style(p.accent)
        self.mark = self._style(p.accent, bold=True)
        self.second = self._style(p.second)
        self.good = self._style(p.good)
        self.warn = self._style(p.warn)
        self.bad = self._style(p.bad)
        self.thought = self._style(p.muted, italic=True)
        self.link = self._style(p.accent, underline=True)
        self.said = self._style(p.text, ground=p.raised)
        self.said_mark = self._style(p.faint, ground=p.raised)
        self.code = self._style(p.text, ground=p.raised)
        self.added = self._style(p.good, ground=p.added)
        self.removed = self._style(p.bad, ground=p.removed)
        self.chosen = self._style(p.text, ground=p.panel) if colour else Style(reverse=True)
        self.ground = self._style(p.text, ground=p.ground)

    def _style(
        self,
        colour: str,
        *,
        ground: str | None = None,
        bold: bool | None = None,
        dim: bool | None = None,
        italic: bool | None = None,
        underline: bool | None = None,
    ) -> Style:
        if not self.colour:
            return Style(bold=bold, dim=dim or None, italic=italic, underline=underline)
        return Style(color=colour, bgcolor=ground, bold=bold, dim=dim or None, italic=italic, underline=underline)


def textual_theme(palette: Palette) -> Theme:
    """The palette as Textual's widgets want it."""
    from textual.theme import Theme

    return Theme(
        name=palette.name,
        primary=palette.accent,
        secondary=palette.second,
        warning=palette.warn,
        error=palette.bad,
        success=palette.good,
        accent=palette.accent,
        foreground=palette.text,
        background=palette.ground,
        surface=palette.raised,
        panel=palette.panel,
        dark=palette.dark,
        variables={
            "muted": palette.muted,
            "faint": palette.faint,
            "scrollbar": palette.panel,
            "scrollbar-hover": palette.faint,
            "scrollbar-active": palette.accent,
            "scrollbar-background": palette.ground,
            "scrollbar-background-hover": palette.ground,
            "scrollbar-background-active": palette.ground,
            "scrollbar-corner-color": palette.ground,
            "input-selection-background": f"{palette.accent} 35%",
            "screen-selection-background": f"{palette.accent} 35%",
        },
    )
