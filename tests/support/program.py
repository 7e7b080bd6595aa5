"""The program itself: in this process, where only its output matters, or as a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alpi.cli.main import main

SRC = Path(__file__).resolve().parents[2] / "src"
PROGRAM = (sys.executable, "-m", "alpi")


@dataclass(frozen=True)
class Finished:
    """A run that is over."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of ``--json``."""
        return [json.loads(line) for line in self.out.split("\n") if line]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]


class Home:
    """A home folder in a temporary folder, with the default profile's ``.alpi`` and a workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        self.alpi = self.folder / ".alpi"
        self.workspace = folder / "ws"
        for made in (self.folder, self.workspace):
            made.mkdir(parents=True)
        self.environ = {
            "HOME": str(self.folder),
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
        }

    def configure(self, url: str, kind: str = "openai", more: str = "", profile: str = "") -> Path:
        """Make the profile use the server at ``url``. ``more`` is further YAML. Gives the configuration's path."""
        folder = self.alpi / "profiles" / profile if profile else self.alpi
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "config.yaml"
        path.write_text(
            f'model: home/scripted\nworkspace: "{self.workspace}"\n'
            f'providers:\n  home: {{kind: {kind}, base_url: "{url}"}}\n{more}'
        )
        return path

    def call(self, *argv: str, environ: Mapping[str, str] | None = None) -> Finished:
        """Run a command line in this process, with standard output and error caught. Not for what is interrupted or piped into."""
        out, err = _Stream(), _Stream()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = main(list(argv), self.environ if environ is None else type(environ)({**self.environ, **environ}))
            except SystemExit as leaving:
                code = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
        return Finished(code, out.text(), err.text())

    def run(
        self,
        *argv: str,
        stdin: bytes | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        program: tuple[str, ...] = PROGRAM,
    ) -> Finished:
        """Run a command line as a process of its own. ``stdin`` is piped in; without it there is nothing to read."""
        done = subprocess.run(
            [*program, *argv],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env={**self.environ, **(environ or {})},
            cwd=cwd or self.workspace,
            timeout=50,
        )
        return Finished(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def start(self, *argv: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start a command line and leave it running."""
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environ = {**self.environ, **more.pop("environ", {})}
        return subprocess.Popen([*PROGRAM, *argv], **{**options, "env": environ, "cwd": self.workspace, **more})

    def sessions(self, profile: str = "") -> list[Path]:
        """The session files, oldest first by name."""
        folder = self.alpi / "profiles" / profile if profile else self.alpi
        return sorted((folder / "sessions").glob("*.jsonl"))

    def messages(self) -> list[dict[str, Any]]:
        """The messages of the one session there is, as they stand in its file."""
        (path,) = self.sessions()
        lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
        return [line for line in lines if line["record"] == "message"]


class _Stream(io.TextIOWrapper):
    """A standard stream that is kept, and is no terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode("utf-8")
