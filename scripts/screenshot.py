"""Draws docs/images/session.svg: a real session of alpi in a real terminal, as README.md shows it. Needs ``tmux``.

python scripts/screenshot.py                                     the model plays a script
python scripts/screenshot.py --model local/qwen2.5-coder-1.5b    a real model answers; --out FILE keeps it apart
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.e2e.terminal import PROGRAMS, Terminal  # noqa: E402 - the repository's own folder is not installed
from tests.support.model_server import Reply, running  # noqa: E402

WIDTH, HEIGHT = 84, 46
PATIENCE = 180.0

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


def play(folder: Path, model: str, questions: Sequence[str]) -> str:
    """Run the session; gives the last screen with its colour codes."""
    home, workspace = folder / "home", folder / "home" / "travel"
    (home / ".alpi").mkdir(parents=True, mode=0o700)
    (home / "calendar").mkdir()
    workspace.mkdir()
    for name, text in FILES.items():
        (workspace / name).write_text(text, encoding="utf-8")
    config: dict[str, Any] = {"workspace": str(workspace), "model": model or "demo/scripted"}
    environ = {"HOME": str(home), "PATH": f"{PROGRAMS}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    with contextlib.ExitStack() as stack:
        if model:
            environ["XDG_CACHE_HOME"] = str(Path.home() / ".cache")
        else:
            server = stack.enter_context(running(script()))
            config["providers"] = {"demo": {"kind": "openai", "base_url": server.url}}
        (home / ".alpi" / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        terminal = stack.enter_context(Terminal(folder / "t", WIDTH, HEIGHT, environ=environ, cwd=workspace))
        terminal.chat()
        for question in questions:
            terminal.enter(question)
            answer(terminal)
        screen = terminal.coloured()
        terminal.press("C-d")
        terminal.wait_shell()
        return screen


def answer(terminal: Terminal) -> None:
    """Wait for the end of a turn, and say yes to what is asked in it."""
    while True:
        screen = terminal.wait(lambda text: text.endswith(("[no]", "\n\n>")), "the turn's end", PATIENCE)
        if not screen.endswith("[no]"):
            return
        terminal.enter("y")
        terminal.wait(lambda text: not text.endswith("[no]"), "the answer to be taken", PATIENCE)


def main() -> int:
    """Play the session and draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="", help="a model that this machine has, instead of the script")
    parser.add_argument("--ask", action="append", metavar="TEXT", help="what to ask it instead; may be repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "session.svg")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        screen = play(Path(name), arguments.model, arguments.ask or QUESTIONS)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(drawn(screen), encoding="utf-8")
    print(f"wrote {arguments.out}")
    return 0


def drawn(screen: str) -> str:
    """A screen with colour codes as SVG, which loads nothing from anywhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(screen), crop=False, soft_wrap=True)
    return console.export_svg(title="alpi", theme=THEME, code_format=FORMAT, unique_id="session")


THEME = TerminalTheme(
    (22, 24, 29),
    (214, 217, 224),
    [
        (46, 50, 60), (224, 108, 117), (134, 194, 122), (222, 184, 106),
        (104, 160, 232), (190, 140, 220), (92, 190, 200), (214, 217, 224),
    ],
    [
        (120, 128, 144), (240, 130, 138), (160, 214, 148), (238, 204, 132),
        (134, 182, 246), (208, 164, 236), (120, 210, 218), (255, 255, 255),
    ],
)  # fmt: skip

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
