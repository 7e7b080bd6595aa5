"""The agent log, ``logs/agent.log``: one JSON line for each turn and tool call, without a word of their content.

It is for finding out what was slow, failed or cost much. It must never be the reason why a turn fails: what cannot be written is left
out, and the caller is told so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..base.clock import Clock
from ..base.errors import AlpiError
from .rotation import RotatedFile, Rotation

LONGEST = 120
"""Characters of a name. A tool's or model's name comes from a model or a file and may be anything."""


class AgentLog:
    """The agent log of a profile. Several processes may write at once.

    Args:
        folder: ``<profile>/logs``.
        redact: takes out secrets from the names that are written.
    """

    def __init__(
        self, folder: Path, clock: Clock, redact: Callable[[str], str], rotation: Rotation | None = None
    ) -> None:
        self.path = folder / "agent.log"
        self._file = RotatedFile(self.path, folder.parent / "run" / "agent-log.lock", rotation or Rotation(keep=3))
        self._clock = clock
        self._redact = redact

    def turn(
        self,
        *,
        session: str,
        surface: str,
        model: str,
        ok: bool,
        stop: str,
        seconds: float,
        steps: int = 0,
        input_tokens: int = 0,
        cached_tokens: int = 0,
        output_tokens: int = 0,
    ) -> bool:
        """Note a turn that is over. ``stop`` tells why it ended. False: it could not be written; the caller says so once."""
        tokens = {"input": input_tokens, "cached": cached_tokens, "output": output_tokens}
        names = {"session": session, "surface": surface, "model": model, "stop": stop}
        return self._write("turn", names, {"ok": ok, "seconds": round(seconds, 3), "steps": steps, "tokens": tokens})

    def tool(
        self, *, session: str, surface: str, model: str, tool: str, ok: bool, refused: bool, seconds: float
    ) -> bool:
        """Note a tool call that is over. False: it could not be written; the caller says so once."""
        names = {"session": session, "surface": surface, "model": model, "tool": tool}
        return self._write("tool", names, {"ok": ok, "refused": refused, "seconds": round(seconds, 3)})

    def _write(self, event: str, names: dict[str, str], values: dict[str, Any]) -> bool:
        time = self._clock.now().isoformat(timespec="milliseconds")
        record = {"time": time, "event": event, **{key: self._clean(name) for key, name in names.items()}, **values}
        try:
            self._file.append(msgspec.json.encode(record) + b"\n")
        except (AlpiError, OSError):
            return False
        return True

    def _clean(self, text: str) -> str:
        return self._redact(text[: LONGEST * 4].encode("utf-8", "backslashreplace").decode())[:LONGEST]
