"""alpi profile: names, copies, removal with an archive, export without secrets; and nothing makes a profile by a slip of the finger."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from alpi.state.presence import Presence
from tests.support.model_server import running
from tests.support.program import Home
from tests.support.scripted import Reply

SECRET = "sk-not-a-real-key-0123456789abcdef"


def profiles(home: Home) -> list[str]:
    return [json.loads(line)["name"] for line in home.call("profile", "list", "--json").out.splitlines()]


def test_create_says_the_next_step(home: Home) -> None:
    done = home.call("profile", "create", "work")
    assert (done.code, done.out.splitlines()[-1]) == (0, "next: alpi -p work setup")
    assert profiles(home) == ["default", "work"]
    assert home.call("-p", "work", "config", "set", "model", "ollama/qwen3").code == 0
    assert "# model: anthropic" in (home.alpi / "profiles/work/config.yaml").read_text(), "its comments stay"
    assert home.call("profile", "create", "work").code == 2


@pytest.mark.parametrize("name", ["Work", "..", "a b", "x" * 33, "-x", "a/b", ""])
def test_names_that_are_none(home: Home, name: str) -> None:
    assert home.call("profile", "create", "--", name).code == 2
    assert not (home.alpi / "profiles").exists()


def test_default_stays(home: Home) -> None:
    for command in (("create", "default"), ("rename", "default", "x"), ("remove", "default", "--yes")):
        done = home.call("profile", *command)
        assert done.code == 2 and "default profile" in done.err, command
    home.call("profile", "create", "work")
    assert home.call("profile", "rename", "work", "default").code == 2


@pytest.mark.parametrize(
    "command", [("config", "set", "model", "a/b"), ("config", "key", "SOME_KEY"), ("ask", "hi"), ("doctor", "config")]
)
def test_a_slip_of_the_finger_makes_no_profile(home: Home, command: tuple[str, ...]) -> None:
    home.call("profile", "create", "work")
    done = home.call("-p", "wrok", *command)
    assert done.code == 2
    assert "Did you mean work?" in done.err and "alpi profile create wrok" in done.err
    assert profiles(home) == ["default", "work"]


def test_a_copy_has_settings_but_neither_keys_nor_memory_unless_asked_for(home: Home) -> None:
    home.alpi.mkdir(mode=0o700)
    (home.alpi / "config.yaml").write_text("model: anthropic/claude-sonnet-4-6  # the good one\n")
    (home.alpi / ".env").write_text(f"ANTHROPIC_API_KEY={SECRET}\n")
    (home.alpi / "memory").mkdir()
    (home.alpi / "memory/USER.md").write_text("- likes tea\n")
    done = home.call("profile", "create", "lab", "--from", "default")
    assert done.code == 0 and "alpi -p lab config key ANTHROPIC_API_KEY" in done.out
    lab = home.alpi / "profiles/lab"
    assert [path.name for path in lab.iterdir()] == ["config.yaml"]
    assert "# the good one" in (lab / "config.yaml").read_text()
    done = home.call("profile", "create", "lab2", "--from", "default", "--with-keys", "--with-memory")
    assert "config key" not in done.out and SECRET not in done.out
    assert (home.alpi / "profiles/lab2/.env").read_text() == (home.alpi / ".env").read_text()
    assert (home.alpi / "profiles/lab2/.env").stat().st_mode & 0o777 == 0o600
    assert (home.alpi / "profiles/lab2/memory/USER.md").read_text() == "- likes tea\n"
    assert home.call("profile", "create", "lab3", "--with-keys").code == 2
    (home.alpi / "config.yaml").write_text("model: [\n")
    assert home.call("profile", "create", "lab4", "--from", "default").code == 2
    assert "lab4" not in profiles(home)


def test_rename_and_its_refusal_while_in_use(home: Home) -> None:
    home.call("profile", "create", "work")
    here = Presence(home.alpi / "profiles/work/run")
    done = home.call("profile", "rename", "work", "office")
    assert done.code == 2 and "in use" in done.err
    here.release()
    assert home.call("profile", "rename", "work", "office").code == 0
    assert profiles(home) == ["default", "office"]


def test_a_conversation_shows_that_its_profile_is_in_use(home: Home) -> None:
    from alpi.cli.runtime import Runtime

    with running() as server:
        home.configure(server.url, profile="work")
        runtime = Runtime("work", home.environ)
        runtime.session(resume=False, id=None, surface="chat")
        assert home.call("profile", "remove", "work", "--yes").code == 2
        assert profiles(home) == ["default", "work"]
        del runtime
        assert home.call("profile", "remove", "work", "--yes").code == 0


def test_remove_asks_says_what_is_lost_and_where_it_is(home: Home) -> None:
    home.call("profile", "create", "work")
    refused = home.call("profile", "remove", "work")
    assert refused.code == 2 and "--yes" in refused.err and profiles(home) == ["default", "work"]
    done = home.call("profile", "remove", "work", "--yes")
    assert done.code == 0 and "0 sessions" in done.out
    (archive,) = (home.alpi / "removed").iterdir()
    assert f"alpi restore {archive}" in done.out and f"rm {archive}" in done.out
    assert profiles(home) == ["default"]
    assert home.call("restore", str(archive)).code == 0
    assert profiles(home) == ["default", "work"]
    assert home.call("restore", str(archive)).code == 2, "never over what is there"
    assert home.call("restore", str(archive), "--as", "other").code == 0
    assert profiles(home) == ["default", "other", "work"]


def test_a_profile_whose_files_are_broken_is_listed_shown_and_removed(home: Home) -> None:
    home.call("profile", "create", "work")
    (home.alpi / "profiles/work/config.yaml").write_text("model: [\n")
    (home.alpi / "profiles/work/.env").write_text("what is this\n")
    assert "config.yaml is wrong" in home.call("profile", "list").out
    done = home.call("profile", "remove", "work", "--yes")
    assert done.code == 0 and "line 1" in done.err


def test_export_is_readable_and_has_no_secret(home: Home, tmp_path: Path) -> None:
    with running([Reply(text=f"your key is {SECRET}")]) as server:
        home.configure(server.url, profile="work")
        folder = home.alpi / "profiles/work"
        (folder / ".env").write_text(f"SOME_KEY={SECRET}\n")
        assert home.call("-p", "work", "ask", f"is {SECRET} mine?").code == 0
    for name, text in {"memory/USER.md": "- likes tea\n", "skills/a/SKILL.md": "# a\n", "alp/key": SECRET}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "skills/a/link").symlink_to(folder / ".env")
    target = tmp_path / "out"
    done = home.call("profile", "export", "work", str(target))
    assert done.code == 0 and "left out: keys" in done.out
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    (session,) = (Path(name).stem for name in found if name.endswith(".md") and name.startswith("sessions/"))
    assert set(found) == {
        "README.txt", "keys.txt", "config.yaml", "memory/USER.md", "skills/a/SKILL.md",
        f"sessions/{session}.md", f"sessions/{session}.jsonl",
    }  # fmt: skip
    assert not any(SECRET.encode() in data for data in found.values())
    assert found["keys.txt"] == b"SOME_KEY\n" and b"your key is" in found[f"sessions/{session}.md"]
    assert home.call("profile", "export", "work", str(target)).code == 2, "never over what is there"
    assert home.call("profile", "export", "work", str(tmp_path / "out.tar.gz")).code == 0
    with tarfile.open(tmp_path / "out.tar.gz") as tar:
        assert f"alpi-work/sessions/{session}.md" in tar.getnames()


def test_show_and_list_mark_the_one_in_use(home: Home) -> None:
    home.call("profile", "create", "work")
    assert [line[0] for line in home.call("-p", "work", "profile").out.splitlines()] == [" ", "*"]
    shown = json.loads(home.call("profile", "show", "work", "--json").out)
    assert (shown["name"], shown["keys"], shown["sessions"], shown["model"]) == ("work", [], 0, "")
    assert "work" in home.call("profile", "show", "work").out
    assert home.call("profile", "show", "nobody").code == 2
