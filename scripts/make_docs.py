"""Writes the pages that are generated from the code. ``make docs`` runs this; tests/test_repository.py checks that they are current."""

from __future__ import annotations

from pathlib import Path

from alpi.base.reference import config_reference

DOCS = Path(__file__).resolve().parent.parent / "docs"


def pages() -> dict[str, str]:
    """File name to content."""
    return {"CONFIG.md": config_reference()}


def main() -> None:
    """Write them."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
