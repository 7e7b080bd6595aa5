"""What opening the chat loads before its first paint: the screen, and nothing that stands behind it."""

from __future__ import annotations

import subprocess
import sys

LATER = (
    "alpi.agent", "alpi.providers", "alpi.safety", "alpi.state", "alpi.tools", "alpi.tui.story", "alpi.tui.bridge",
    "httpx2", "yaml", "nacl", "genai_prices", "markdown_it", "pygments", "rich.markdown",
)  # fmt: skip


def test_the_screen_is_loaded_without_what_stands_behind_it() -> None:
    code = "import sys, alpi.tui.app, alpi.tui.chat; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split("\n")
    assert "textual.app" in loaded
    assert not [name for name in loaded if name.startswith(LATER)]


def test_the_way_to_the_app_does_not_load_textual_before_the_terminal_was_asked() -> None:
    code = "import sys, alpi.tui.app; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split("\n") if name.startswith(("textual", "rich"))]
