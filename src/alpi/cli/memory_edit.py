"""``alpi memory edit``: a memory file in the person's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import StorageError, UsageError
from ..base.files import private_dir, storage_errors, write_atomic

if TYPE_CHECKING:
    from ..state.memory import MemoryStore
    from .runtime import Runtime


def edit(runtime: Runtime, file: str) -> int:
    """Open a copy of the file, and keep what comes of it. What alpi notes meanwhile is kept, too, and it need not wait for the editor.

    Raises:
        UsageError: there is no editor.
        StorageError: the result cannot be kept; it stays in the copy, whose path is named.
    """
    from ..state.memory import FILES, Note, NotKept

    store = runtime.memory
    before = store.text(file)
    folder = Path(tempfile.mkdtemp(prefix="memory-", dir=private_dir(runtime.paths.run)))
    copy = folder / FILES[file]
    write_atomic(copy, before.encode())
    _open_editor(runtime, copy)
    try:
        with storage_errors(copy, "read"):
            text = copy.read_bytes().decode("utf-8")
        change = store.edited(file, before, text, Note(surface="alpi memory"))
    except UnicodeDecodeError as error:
        raise StorageError(
            f"{copy} is not UTF-8 text any more; nothing was changed", "Your text is still there"
        ) from error
    except NotKept as error:
        print(error.message)
        _remove(copy)
        return 0
    except StorageError as error:
        raise StorageError(error.message, f"Your text is still in {copy}") from error
    _remove(copy)
    print(f"kept; to take it back: alpi memory undo {change.id}")
    for line in _warnings(runtime, store, file):
        print(f"! {line}", file=sys.stderr)
    return 0


def _open_editor(runtime: Runtime, path: Path) -> None:
    command = runtime.environ.get("VISUAL") or runtime.environ.get("EDITOR") or "vi"
    try:
        done = subprocess.run([*shlex.split(command), str(path)], check=False, env=dict(runtime.environ))
    except (OSError, ValueError) as error:
        _remove(path)
        raise UsageError(
            f"the editor {command!r} cannot be started: {error}", "Set EDITOR, for example: EDITOR=nano"
        ) from error
    if done.returncode:
        _remove(path)
        raise UsageError(f"the editor {command!r} ended with {done.returncode}; nothing was changed")


def _warnings(runtime: Runtime, store: MemoryStore, file: str) -> list[str]:
    """What a person should know of what they wrote. It is kept all the same: it is their file."""
    from ..base.text import escaped
    from ..state.memory import FILES

    state = store.state(file)
    lines = [
        f"kept from the model: {escaped(held.words.splitlines()[0])} ({escaped(held.reason)})"
        for held in store.suspicious(file)
    ]
    if state.used > state.limit:
        lines.append(
            f"{FILES[file]} has {state.used:,} of {state.limit:,} characters; what is over is left out of conversations"
        )
    if runtime.redact(store.text(file)) != store.text(file):
        lines.append(
            f"{FILES[file]} holds a secret; models are shown a placeholder. Keys belong into .env: alpi config key"
        )
    return lines


def _remove(copy: Path) -> None:
    """Take the copy away, with what an editor has left beside it."""
    for path in copy.parent.iterdir():
        path.unlink()
    os.rmdir(copy.parent)
