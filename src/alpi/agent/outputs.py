"""Long tool output: capped for the model, kept whole in a file that it can read on in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ..base.errors import StorageError
from ..base.files import private_dir, write_atomic

UNWANTED = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")

UNNAMABLE = re.compile(r"[^A-Za-z0-9_-]")


class OutputStore:
    """Keeps whole outputs of one session's tools.

    Args:
        folder: the session's folder; made when first needed (0700, files 0600).
        redact: takes out secrets.
        limit: characters that a model is shown of one output.
    """

    def __init__(self, folder: Path, redact: Callable[[str], str], limit: int) -> None:
        self._folder = folder
        self._redact = redact
        self._limit = limit

    def fit(self, call_id: str, tool: str, text: str, limit: int = 0) -> str:
        """The text for the model: without secrets and terminal codes; when too long, its head and tail and where the whole is.

        ``limit``: in characters, where this text may have another length than outputs have.
        """
        limit = limit or self._limit
        text = UNWANTED.sub("", self._redact(text).replace("\r\n", "\n"))
        if len(text) <= limit:
            return text
        head = text[: limit * 3 // 4]
        head = head[: head.rfind("\n") + 1] or head
        tail = text[-limit // 8 :]
        tail = tail[tail.find("\n") + 1 :] or tail
        left_out = len(text) - len(head) - len(tail)
        line = text.count("\n", 0, len(head)) + 1
        try:
            where = f"the whole is in {self._keep(call_id, tool, text)}: read_file reads on from line {line}"
        except StorageError as error:
            where = f"the whole could not be kept: {error.message}"
        note = f"[{left_out:,} characters left out here; {where}]"
        return "\n".join([head.removesuffix("\n"), note, tail])

    def keep_once(self, name: str, text: str) -> str:
        """Keep a text under a name that always means this text, unless it is there already. Says where it is, for the model."""
        path = self._folder / f"{UNNAMABLE.sub('', name)[-48:] or 'text'}.txt"
        if not path.exists():
            try:
                private_dir(self._folder)
                write_atomic(path, self._redact(text).encode("utf-8", "replace"))
            except StorageError as error:
                return f"the whole could not be kept: {error.message}"
        return f"the whole is in {path}"

    def _keep(self, call_id: str, tool: str, text: str) -> Path:
        name = f"{tool}-{UNNAMABLE.sub('', call_id)[-24:] or 'call'}"
        path = private_dir(self._folder) / f"{name}.txt"
        number = 1
        while path.exists():  # some servers use the same id again: what the model was told to read must stay
            number += 1
            path = path.with_name(f"{name}-{number}.txt")
        write_atomic(path, text.encode())
        return path
