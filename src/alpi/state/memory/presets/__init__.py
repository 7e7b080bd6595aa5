"""Personalities that come with alpi: short texts that say how to talk and what to mind. Files, so that a person can read them first."""

from __future__ import annotations

from pathlib import Path

from ....base.errors import UsageError
from ....base.files import storage_errors


def preset_names() -> tuple[str, ...]:
    """The presets that there are."""
    return tuple(sorted(path.stem for path in Path(__file__).parent.glob("*.md")))


def preset(name: str) -> str:
    """A preset's text.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in preset_names():
        raise UsageError(f"there is no personality {name!r}", f"There are: {', '.join(preset_names())}")
    path = Path(__file__).with_name(f"{name}.md")
    with storage_errors(path, "read"):
        return path.read_text(encoding="utf-8")
