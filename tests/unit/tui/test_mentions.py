"""Files named with ``@``: which are found while typing, and what is handed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.base.errors import Refused, UsageError
from alpi.safety.paths import PathGuard
from alpi.tui.mentions import FileFinder, draft_of, mentioned

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "ws"
    for name, text in {
        "notes.md": "# Notes\nbuy milk",
        "my notes.md": "spaces",
        "src/notebook.py": "print(1)",
        "src/deep/note.txt": "deep",
        "other.txt": "x",
        ".env": "KEY=secret",
        "build/out.txt": "built",
        ".gitignore": "build/\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "cat.png").write_bytes(PICTURE)
    return folder


def guard(workspace: Path) -> PathGuard:
    home = workspace.parent / "home"
    (home / ".alpi").mkdir(parents=True, exist_ok=True)
    return PathGuard(workspace, home, home / ".alpi", home / ".alpi")


def test_names_that_begin_so_come_first(workspace: Path) -> None:
    found = FileFinder(guard(workspace), workspace).find("note")
    assert found == ["notes.md", "src/notebook.py", "src/deep/note.txt", "my notes.md"]


def test_letters_in_order_are_enough(workspace: Path) -> None:
    assert FileFinder(guard(workspace), workspace).find("sdn") == ["src/deep/note.txt"]


def test_folders_are_offered_and_ignored_or_secret_files_are_not(workspace: Path) -> None:
    finder = FileFinder(guard(workspace), workspace)
    assert "src/" in finder.find("src")
    assert finder.find("out.txt") == [] and finder.find(".env") == []


def test_what_names_a_file_is_a_mention_and_all_else_a_word(workspace: Path) -> None:
    text = 'look at @notes.md, and @"my notes.md". mail me@notes.md or @nobody; @src/notebook.py!'
    assert [name for name, _ in mentioned(text, workspace)] == ["notes.md", "my notes.md", "src/notebook.py"]


def test_text_goes_below_the_message(workspace: Path) -> None:
    draft = draft_of("what is in @notes.md?", [], guard(workspace), workspace, vision=False)
    assert draft.text.startswith("what is in @notes.md?\n\n")
    assert "buy milk" in draft.text


def test_a_picture_needs_a_model_that_sees(workspace: Path) -> None:
    draft = draft_of("what is @cat.png", [], guard(workspace), workspace, vision=True)
    assert draft.text == "what is @cat.png" and draft.images[0].name == "cat.png"
    with pytest.raises(UsageError, match="cannot see"):
        draft_of("what is @cat.png", [], guard(workspace), workspace, vision=False)


def test_a_credential_is_refused_however_it_is_named(workspace: Path) -> None:
    judge = guard(workspace)
    key = workspace.parent / "home" / ".ssh" / "id_ed25519"
    key.parent.mkdir()
    key.write_text("PRIVATE KEY")
    (workspace / "key.txt").symlink_to(key)
    with pytest.raises(Refused):
        draft_of("look at @key.txt", [], judge, workspace, vision=False)


def test_a_message_without_mentions_stays_as_it_is(workspace: Path) -> None:
    assert draft_of("hello @world", [], guard(workspace), workspace, vision=True).text == "hello @world"


def test_an_attachment_that_is_mentioned_too_goes_along_once(workspace: Path) -> None:
    draft = draft_of("see @notes.md", [workspace / "notes.md"], guard(workspace), workspace, vision=False)
    assert draft.text.count("buy milk") == 1
