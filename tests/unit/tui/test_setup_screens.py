"""Every screen of setup as it looks at three widths, and that both palettes can be read.

The pictures are tests/snapshots/setup-WIDTH.txt. After a change that is meant, run this file with ``SNAPSHOTS=write`` and look at the
difference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Static

from alpi.safety.policy import parse_policy
from alpi.safety.sandbox import Backend, Capability
from alpi.setup.interview import Interview
from alpi.setup.sections import run_menu
from alpi.tui.look import DARK, LIGHT, Palette
from alpi.tui.screens.setup import SetupForm
from tests.support.model_server import ModelServer
from tests.support.program import Home
from tests.support.stage import in_loop
from tests.unit.setup.people import site

pytestmark = pytest.mark.slow

SNAPSHOTS = Path(__file__).resolve().parents[2] / "snapshots"
COUNT = "one, two, three, four, five, six, seven, eight, nine, ten"
READABLE = 3.0
"""The least contrast (WCAG 2, 1.4.3: 3 to 1 for what is not running text)."""
# Where one is, the keys that lead on, and the beginning of the question that comes then.
WAY: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("the provider", ("down", "enter"), "Key for"),
    ("the key", (*"sk-wrong", "enter"), "What now?"),
    ("a wrong key", ("enter",), "Key for"),
    ("the key again", (*"sk-right", "enter"), "Which model"),
    ("the models", tuple("gpt-4"), "Which model"),
    ("the models, filtered", ("down", "enter"), "Try it?"),
    ("trying it", ("y",), "What shall"),
    ("the menu", ("enter",), "Which folder?"),
    ("the workspace", ("up", "enter"), "Path of"),
    ("a path", (*"/", "enter"), "Use it all the same?"),
    ("an unwise path", ("escape",), "What shall"),
    ("left", ("down", "enter"), "Which one?"),
    ("the personality", ("down", "enter"), "Take this text?"),
    ("its text", ("y",), "What shall"),
    ("the menu again", ("down", "down", "enter"), "What bounds"),
    ("the budget", ("enter",), "At most"),
    ("an amount", (*"x", "enter"), "At most"),
    ("an amount that is none", ("escape",), "What shall"),
    ("the menu once more", ("down", "down", "down", "enter"), "How much"),
    ("the sandbox", ("escape",), "What shall"),
    ("the menu for the last time", (*("down",) * 6, "enter"), "MCP servers"),
    ("the servers", ("enter",), "What is it?"),
    ("a new server", ("enter",), "The command"),
    ("its command", (*"uvx 'x", "enter"), "The command"),
    ("a command that is none", ("escape",), "What shall"),
)


def lines(form: SetupForm) -> list[str]:
    return [strip.text.rstrip() for strip in strips(form)]


def strips(form: SetupForm) -> list[Strip]:
    screen = form.screen
    return screen._compositor.render_strips(screen.size)


async def question(pilot: Pilot[None], form: SetupForm, begins: str) -> None:
    for _ in range(200):
        await pilot.pause(0.02)
        if str(form.query_one("#question", Static).render()).startswith(begins):
            await pilot.pause(0.05)
            return
    raise AssertionError(f"waited for {begins!r}:\n" + "\n".join(lines(form)))


def walked(home: Home, width: int, palette: Palette, look: Callable[[str, SetupForm], None]) -> None:
    """Walk through all screens, and look at each."""
    (home.folder / "projects" / "site").mkdir(parents=True)
    replies = [COUNT, "I would call it.", "blue"]
    weak = [
        Backend("bubblewrap", False, "it is not installed (package bubblewrap)"),
        Backend("landlock", True, can=frozenset(Capability)),
    ]
    policy = parse_policy(
        "models: {deny: ['xai/*']}\nsandbox: workspace\nbudget: {usd_per_day: 5}\n", Path("/etc/alpi/policy.yaml")
    )

    @in_loop
    async def run() -> None:
        async with ModelServer(replies, key="sk-right", models=["gpt-4.1", "gpt-5", "gpt-4o", "whisper-1"]) as server:
            home.alpi.mkdir()
            provider = f'{{kind: openai, base_url: "{server.url}", api_key_env: LAB_KEY}}'
            (home.alpi / "config.yaml").write_text(f"providers:\n  lab: {provider}\n")
            made = site(home, policy=policy, backends=lambda: weak)
            made = type(made)(
                **{
                    **{name: getattr(made, name) for name in made.__dataclass_fields__},
                    "here": home.folder / "projects" / "site",
                }
            )

            def flow(ask: Interview) -> Awaitable[bool]:
                return run_menu(made, ask)

            form = SetupForm(flow, "work", palette)
            async with form.run_test(size=(width, 32)) as pilot:
                await question(pilot, form, "Where does")
                for name, keys, after in WAY:
                    look(name, form)
                    await pilot.press(*keys)
                    await question(pilot, form, after)
                look("the end", form)
                await pilot.press("escape")

    run()


@pytest.mark.parametrize("width", [60, 100, 160])
def test_every_screen_looks_as_it_did(home: Home, width: int) -> None:
    seen: list[str] = []

    def look(name: str, form: SetupForm) -> None:
        picture = "\n".join(lines(form)).rstrip()
        assert all(len(line) <= width for line in lines(form))
        seen.append(f"--- {name} " + "-" * (width - len(name) - 5) + "\n" + picture)

    walked(home, width, DARK, look)
    text = re.sub(r":\d+/v1", ":PORT/v1", "\n".join(seen)) + "\n"
    path = SNAPSHOTS / f"setup-{width}.txt"
    if os.environ.get("SNAPSHOTS") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def luminance(colour: tuple[int, int, int]) -> float:
    parts = [part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
def test_all_words_stand_out_from_their_ground(home: Home, palette: Palette) -> None:
    faint: dict[str, float] = {}

    def look(name: str, form: SetupForm) -> None:
        for strip in strips(form):
            for segment in strip:
                style = segment.style
                if not any(letter.isalnum() for letter in segment.text) or style is None or style.color is None:
                    continue
                if (
                    style.bgcolor is None
                    or style.color.triplet is None
                    or style.bgcolor.triplet is None
                    or style.reverse
                ):
                    continue
                high, low = sorted((luminance(style.color.triplet), luminance(style.bgcolor.triplet)), reverse=True)
                if (high + 0.05) / (low + 0.05) < READABLE:
                    faint[f"{name}: {segment.text.strip()}"] = round((high + 0.05) / (low + 0.05), 2)

    walked(home, 100, palette, look)
    assert not faint
