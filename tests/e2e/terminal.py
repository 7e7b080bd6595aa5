"""A real terminal for tests: a tmux server of its own for each, with a shell in it that programs are typed into.

with stage(tmp_path, ["hello"]) as s:      # a scripted model server, a profile that uses it, a terminal
    s.terminal.alpi("ask", "hi")
    s.terminal.wait_for("hello")
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.model_server import ModelServer, ReplyLike, running

PROGRAMS = Path(sys.executable).parent
# How long something may take to show on a busy machine; what is there earlier ends the wait.
PATIENCE = 20.0
HISTORY_LINES = 50_000


class Terminal:
    """One tmux pane with a shell that has no line editing, so that every code in its output comes from the program under test.

    Args:
        folder: an empty folder for the socket and the recording of all output.
        width, height: the size to begin with.
        environ: the shell's whole environment, besides what a terminal sets.
        cwd: the folder to start in.
        term: the value of TERM.

    Raises:
        AssertionError: what was waited for did not come; the message holds the screen.
    """

    def __init__(
        self,
        folder: Path,
        width: int = 80,
        height: int = 24,
        *,
        environ: Mapping[str, str],
        cwd: Path,
        term: str = "tmux-256color",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._socket = folder / "tmux"
        self._log = folder / "output"
        self._log.touch()
        self._prompts = folder / "prompts"
        self._prompts.touch()
        self._due = 1
        settings = folder / "tmux.conf"
        settings.write_text(f"set -g history-limit {HISTORY_LINES}\nset -g status off\nset -sg escape-time 0\n")
        # Each time the shell asks for a command, it writes down how the last one ended.
        variables = [f"{name}={value}" for name, value in environ.items()]
        variables.append(f"PROMPT_COMMAND=echo $? >> {shlex.quote(str(self._prompts))}")
        bash = ["bash", "--norc", "--noprofile", "--noediting"]
        shell = shlex.join(["env", "-i", f"TERM={term}", "PS1=$ ", "HISTFILE=/dev/null", *variables, *bash])
        size = ["-x", str(width), "-y", str(height)]
        self._tmux("-f", str(settings), "new-session", "-d", "-s", "t", *size, "-c", str(cwd), shell)
        self._tmux("set", "-g", "window-size", "manual")  # in the settings file this would end tmux 3.3 at once
        self._tmux("pipe-pane", "-t", "t", "-o", f"cat >> {shlex.quote(str(self._log))}")
        self.wait_shell()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    # -- a person's hands --------------------------------------------------------------------------------------------

    def type(self, text: str) -> None:
        """Press the keys of a text."""
        self._tmux("send-keys", "-t", "t", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: ``Enter``, ``C-c``, ``Up``."""
        self._tmux("send-keys", "-t", "t", *keys)

    def enter(self, text: str = "") -> None:
        """Type a line and press Enter."""
        if text:
            self.type(text)
        self.press("Enter")

    def paste(self, text: str) -> None:
        """Paste a text as terminals do: bracketed where the program has asked for it."""
        self._tmux("set-buffer", "--", text)
        self._tmux("paste-buffer", "-p", "-r", "-t", "t")

    def shell(self, line: str) -> None:
        """Type a line into the shell, as soon as what was typed before has ended."""
        self.wait_shell()
        self._due += 1
        self.enter(line)

    def run(self, *command: str | Path) -> None:
        """Type a command into the shell."""
        self.shell(shlex.join(map(str, command)))

    def alpi(self, *arguments: str) -> None:
        """Type an ``alpi`` command into the shell."""
        self.run("alpi", *arguments)

    def chat(self, *arguments: str) -> None:
        """Open the chat in its plain interface and wait for its prompt."""
        self.alpi("--plain", *arguments)
        self.wait_for("\n>")

    def resize(self, width: int, height: int) -> None:
        """Change the window's size."""
        self._tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    # -- a person's eyes ---------------------------------------------------------------------------------------------

    def screen(self) -> str:
        """What is on the screen now, without colours; blank lines at its end are left out."""
        return self._tmux("capture-pane", "-p", "-t", "t").rstrip("\n")

    def history(self) -> str:
        """All that has scrolled away, and the screen. Lines that the terminal wrapped are joined."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-", "-t", "t").rstrip("\n")

    def coloured(self) -> str:
        """The screen with its colour codes."""
        return self._tmux("capture-pane", "-p", "-e", "-t", "t").rstrip("\n")

    def output(self) -> str:
        """Every character that programs have written, codes included."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait(self, ready: Callable[[str], bool], what: str, seconds: float = PATIENCE) -> str:
        """Wait until a screen is as it should be; gives that screen."""
        until = time.monotonic() + seconds
        while True:
            screen = self.screen()
            if ready(screen):
                return screen
            if time.monotonic() > until:
                raise AssertionError(f"waited {seconds:g} s for {what}; the screen is:\n{framed(screen)}")
            time.sleep(0.03)

    def wait_for(self, text: str, seconds: float = PATIENCE, count: int = 1) -> str:
        """Wait until a text stands on the screen, ``count`` times or more; gives that screen."""
        return self.wait(lambda screen: screen.count(text) >= count, repr(text), seconds)

    def wait_answered(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait until a text stands on the screen and the chat's empty prompt below it; gives that screen."""
        return self.wait(lambda screen: text in screen and screen.endswith("\n>"), f"{text!r} and the prompt", seconds)

    def wait_shell(self, seconds: float = PATIENCE) -> str:
        """Wait until what was typed into the shell has ended and it asks for the next command; gives that screen."""

        def ready(screen: str) -> bool:
            return len(self._ended()) >= self._due and screen.split("\n")[-1].strip() == "$"

        return self.wait(ready, "the shell's prompt", seconds)

    def exit_code(self) -> int:
        """The exit code of what was typed into the shell last: what ``echo $?`` would say."""
        self.wait_shell()
        return self._ended()[self._due - 1]

    def _ended(self) -> list[int]:
        return [int(line) for line in self._prompts.read_text().split()]

    def kill(self) -> None:
        """End the terminal and what runs in it."""
        self._tmux("kill-server", check=False)

    def _tmux(self, *arguments: str, check: bool = True) -> str:
        command = ["tmux", "-u", "-S", str(self._socket), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if check and done.returncode:
            raise AssertionError(f"tmux {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


def framed(screen: str) -> str:
    """A screen as a message shows it."""
    return "\n".join(f"  | {line}" for line in screen.split("\n"))


@dataclass
class Stage:
    """What a scene needs: the model, the person's home and workspace, and the terminal."""

    server: ModelServer
    home: Path
    workspace: Path
    terminal: Terminal

    def sent(self, call: int) -> list[dict[str, Any]]:
        """The messages of one model call, as they were sent, without the instructions."""
        return [message for message in self.server.model_calls[call].body["messages"] if message["role"] != "system"]

    def last_said(self, call: int) -> str:
        """The newest user message of one model call."""
        return next(text_of(message) for message in reversed(self.sent(call)) if message["role"] == "user")

    def wait_calls(self, count: int) -> None:
        """Wait until the model has been called that often."""
        until = time.monotonic() + PATIENCE
        while len(self.server.model_calls) < count:
            assert time.monotonic() < until, f"{len(self.server.model_calls)} model calls, not {count}"
            time.sleep(0.02)

    def journal(self) -> list[dict[str, Any]]:
        """The messages of the profile's only session, from the disk."""
        (path,) = (self.home / ".alpi" / "sessions").glob("*.jsonl")
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [record for record in records if record["record"] == "message"]


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message on the wire."""
    content = message["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@contextmanager
def stage(
    folder: Path,
    replies: Sequence[ReplyLike] = (),
    *,
    width: int = 80,
    height: int = 24,
    term: str = "tmux-256color",
    environ: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Stage]:
    """A scripted model, a profile that uses it (``settings`` are added to its configuration), and a terminal in its workspace."""
    home, workspace = folder / "home", folder / "site"
    (home / ".alpi").mkdir(parents=True, mode=0o700)
    workspace.mkdir()
    with running(replies) as server:
        provider = {"kind": "openai", "base_url": server.url}
        config = {"model": "here/scripted", "workspace": str(workspace), "providers": {"here": provider}}
        config |= settings or {}
        (home / ".alpi" / "config.yaml").write_text(json.dumps(config))
        variables = {"HOME": str(home), "PATH": f"{PROGRAMS}:/usr/bin:/bin", "LANG": "C.UTF-8", **(environ or {})}
        with Terminal(folder / "t", width, height, environ=variables, cwd=workspace, term=term) as terminal:
            yield Stage(server, home, workspace, terminal)
