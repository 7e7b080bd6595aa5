"""Every screen of the chat at 60, 100 and 160 columns, light and dark, as it is expected to look."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from textual.strip import Strip

from tests.support.chats import chatting, run, strips

from .compare import compare, spelled
from .scenes import SCENES

WIDTHS = (60, 100, 160)


@pytest.mark.parametrize("theme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SCENES)
def test_screen(name: str, theme: str) -> None:
    """The widths are those of one terminal that is resized: what was set for one width must not be left over in another."""
    scene = SCENES[name]
    seen: dict[str, Sequence[Strip]] = {}

    async def play() -> None:
        async with chatting(scene.talk(), (WIDTHS[0], scene.size), theme, now=lambda: 1000.0) as chat:
            await scene.play(chat)
            for width in WIDTHS:
                await chat.resize(width, scene.size)
                seen[f"{width} columns"] = strips(chat.app)

    run(play)
    compare(f"{name}-{theme}", seen)


@pytest.mark.parametrize("name", ["turn", "running", "question", "pick"])
def test_screen_without_colour(name: str) -> None:
    scene = SCENES[name]
    seen: dict[str, Sequence[Strip]] = {}

    async def play() -> None:
        async with chatting(scene.talk(), (100, scene.size), colour=False, now=lambda: 1000.0) as chat:
            await scene.play(chat)
            await chat.still()
            seen["100 columns"] = strips(chat.app)

    run(play)
    compare(f"{name}-plain", seen)
    styles = {spelled(segment.style) for strip in seen["100 columns"] for segment in strip}
    assert not any("#" in style for style in styles)
    assert "bold" in styles


@pytest.mark.parametrize("size", [(40, 12), (40, 40), (250, 60)])
def test_the_smallest_and_the_largest_screen(size: tuple[int, int]) -> None:
    async def play() -> None:
        async with chatting(SCENES["turn"].talk(), size) as chat:
            await SCENES["turn"].play(chat)
            rows = chat.text().split("\n")
            assert len(rows) == size[1]
            assert max(map(len, rows)) <= size[0]
            assert rows[0].startswith("  alpi · ")
            assert "2.4 s · 8,204 tokens" in chat.text()
            assert "Ask, or / for commands" in chat.text()

    run(play)
