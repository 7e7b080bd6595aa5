"""Draws the pictures in docs/images: a real session of alpi in a real terminal. Needs ``tmux``.

    session.svg          the chat, dark, as README.md shows it
    session-light.svg    the same, light
    question.svg         a question for approval

python scripts/screenshot.py                                     the model plays a script
python scripts/screenshot.py --model local/qwen2.5-coder-1.5b    a real model answers; --out FOLDER keeps it apart
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from alpi.tui.look import PALETTES, Palette  # noqa: E402 - below the path that the next lines need
from tests.e2e.terminal import PROGRAMS, Terminal  # noqa: E402 - the repository's own folder is not installed
from tests.support.model_server import Reply, running  # noqa: E402

WIDTH, HEIGHT = 92, 48
PATIENCE = 180.0
STILL = 0.6
ASKS, ENDED = "yes, this once", " tokens"

FILES = {
    "lisbon.md": """\
# Lisbon, 3 to 7 June

Out: TP 1047, Wednesday 07:25, seat 14C.
Back: TP 1052, Sunday 19:10.
Hotel: Casa do Largo, four nights, breakfast included.
Food: 60 euros a day for the two of us.
Tram tour: Friday at 10:00, book before the 20th.
""",
    "budget.csv": """\
item,planned
flights,318
hotel,540
food,220
tram tour,46
""",
    "packing.md": "- chargers\n- sun hat\n- the blue jacket\n",
}

QUESTIONS = (
    "Does the Lisbon budget agree with my notes?",
    "Correct the food, and put the flights into ~/calendar/june.txt",
)

CALENDAR = "Wed 3 June 07:25  TP 1047 to Lisbon, seat 14C\nSun 7 June 19:10  TP 1052 back home\n"


def call(name: str, **arguments: str) -> dict[str, Any]:
    """A tool call of the script."""
    return {"name": name, "arguments": arguments}


def script() -> list[Reply]:
    """What the scripted model says."""
    return [
        Reply(tool_calls=[call("search_files", query="lisbon"), call("read_file", path="budget.csv")]),
        Reply(tool_calls=[call("read_file", path="lisbon.md")]),
        Reply(
            text="""\
Almost. **Food is 80 euros short**: your notes say 60 a day for five days.

| item | notes | budget |
|---|---|---:|
| food | 300 | **220** |
| hotel | four nights | 540 |
| tram tour | Friday 10:00 | 46 |

The notes give no price for the flights or the hotel, so I could not check those.
"""
        ),
        Reply(
            tool_calls=[
                call("edit_file", path="budget.csv", old="food,220", new="food,300"),
                call("write_file", path="~/calendar/june.txt", content=CALENDAR),
            ]
        ),
        Reply(text="Food is now 300 in `budget.csv`, and both flights are in `~/calendar/june.txt`.\n"),
    ]


def play(folder: Path, model: str, questions: Sequence[str], theme: str) -> dict[str, str]:
    """Run the session; gives screens with their colour codes: of the first ``question``, and of the end of the ``session``."""
    home, workspace = folder / "home", folder / "home" / "travel"
    (home / ".alpi").mkdir(parents=True, mode=0o700)
    (home / "calendar").mkdir()
    workspace.mkdir()
    for name, text in FILES.items():
        (workspace / name).write_text(text, encoding="utf-8")
    config: dict[str, Any] = {
        "workspace": str(workspace),
        "model": model or "demo/scripted",
        "tui": {"theme": theme},
    }
    environ = {
        "HOME": str(home),
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "COLORTERM": "truecolor",
    }
    screens: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        if model:
            environ["XDG_CACHE_HOME"] = str(Path.home() / ".cache")
        else:
            server = stack.enter_context(running(script()))
            config["providers"] = {"demo": {"kind": "openai", "base_url": server.url}}
        (home / ".alpi" / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        terminal = stack.enter_context(Terminal(folder / "t", WIDTH, HEIGHT, environ=environ, cwd=workspace))
        terminal.alpi()
        terminal.wait_for("A new conversation", PATIENCE)
        for count, question in enumerate(questions, 1):
            terminal.enter(question)
            answer(terminal, count, screens)
        time.sleep(STILL)
        screens["session"] = coloured(terminal)
        terminal.press("C-d")
        terminal.wait_shell()
    return screens


def answer(terminal: Terminal, turns: int, screens: dict[str, str]) -> None:
    """Wait for the end of a turn, and say yes to what is asked in it."""
    while True:
        screen = terminal.wait(lambda text: ASKS in text or text.count(ENDED) >= turns, "the turn's end", PATIENCE)
        if ASKS not in screen:
            return
        time.sleep(STILL)  # keys that come at once do not count
        screens.setdefault("question", coloured(terminal))
        terminal.press("y")
        terminal.wait(lambda text: ASKS not in text, "the answer to be taken", PATIENCE)


def coloured(terminal: Terminal) -> str:
    """The screen with its colour codes, and with the spaces at the ends of its lines: they have a ground."""
    return terminal._tmux("capture-pane", "-p", "-e", "-N", "-t", "t").rstrip("\n")


def main() -> int:
    """Play the session and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="", help="a model that this machine has, instead of the script")
    parser.add_argument("--ask", action="append", metavar="TEXT", help="what to ask it instead; may be repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", metavar="FOLDER")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for theme in ("dark", "light"):
        with tempfile.TemporaryDirectory() as name:
            screens = play(Path(name), arguments.model, arguments.ask or QUESTIONS, theme)
        pictures = {"session-light": screens["session"]} if theme == "light" else screens
        for picture, screen in pictures.items():
            path = arguments.out / f"{picture}.svg"
            path.write_text(drawn(screen, PALETTES[theme], picture), encoding="utf-8")
            print(f"wrote {path}")
    return 0


def rgb(colour: str) -> tuple[int, int, int]:
    """``#rrggbb`` as numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def drawn(screen: str, palette: Palette, name: str) -> str:
    """A screen with colour codes as SVG, which loads nothing from anywhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(screen), crop=False, soft_wrap=True)
    # The app paints every cell itself; the sixteen colours of a terminal are not used.
    theme = TerminalTheme(rgb(palette.ground), rgb(palette.text), [(0, 0, 0)] * 8, [(0, 0, 0)] * 8)
    return console.export_svg(title="alpi", theme=theme, code_format=FORMAT, unique_id=name)


# Rich's own frame, without the web fonts that it would fetch.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
  <style>
    .{unique_id}-matrix {{
      font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
      font-size: {char_height}px;
      line-height: {line_height}px;
      font-variant-east-asian: full-width;
    }}
    .{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: ui-sans-serif, Helvetica, Arial, sans-serif; }}
    {styles}
  </style>
  <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
  </defs>
  {chrome}
  <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix" xml:space="preserve">
    {matrix}
    </g>
  </g>
</svg>
"""

if __name__ == "__main__":
    sys.exit(main())
