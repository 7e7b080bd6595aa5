"""alpi setup without a person: options for every choice, words where they are missing, and keys that are never shown."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from alpi.cli.main import build_parser, main
from tests.support.model_server import running
from tests.support.program import Home

COUNT = "one, two, three, four, five, six, seven, eight, nine, ten"
CALL = {"tool_calls": [{"name": "note", "arguments": {"word": "kestrel"}}]}


def settings(home: Home) -> Any:
    path = home.alpi / "config.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else None


@pytest.mark.parametrize("section", ["", "model", "workspace", "personality", "budget", "sandbox"])
def test_without_a_terminal_it_says_what_it_needs_and_does_not_hang(home: Home, section: str) -> None:
    done = home.run("setup", *filter(None, [section]))
    assert done.code == 2
    assert f"alpi setup {section}" in done.err
    assert not (home.alpi / "config.yaml").exists()


def test_the_line_of_the_manual(home: Home) -> None:
    with running(models=["qwen3:latest"]) as server:
        done = home.call(
            "setup", "model", "--provider", "ollama", "--model", "qwen3", environ={"OLLAMA_HOST": server.url[:-3]}
        )
        assert (done.code, done.out, done.err) == (0, "model is now ollama/qwen3\n", "")
        assert settings(home) == {"providers": {"ollama": {"base_url": server.url}}, "model": "ollama/qwen3"}
    assert home.call("setup", "--show").out.splitlines()[0] == "  model        ollama/qwen3"


def test_an_address_in_the_settings_stays(home: Home) -> None:
    with running(models=["qwen3"]) as server:
        home.alpi.mkdir()
        (home.alpi / "config.yaml").write_text(f"providers: {{ollama: {{base_url: '{server.url}'}}}}\n")
        assert home.call("setup", "model", "--provider", "ollama", "--model", "qwen3").code == 0
        assert settings(home) == {"providers": {"ollama": {"base_url": server.url}}, "model": "ollama/qwen3"}


def test_a_key_comes_from_a_pipe_or_a_file_and_is_checked(home: Home) -> None:
    argv = ["setup", "model", "--provider", "box", "--model", "m", "--base-url"]
    with running(models=["m"], key="sk-right") as server:
        wrong = home.run(*argv, server.url, "--key-stdin", stdin=b"sk-wrong\n")
        assert wrong.code == 1
        assert "The key is wrong" in wrong.err
        assert "sk-wrong" not in wrong.err + wrong.out
        assert settings(home) is None
        assert not (home.alpi / ".env").exists()
        done = home.run(*argv, server.url, "--key-stdin", stdin=b"sk-right\n")
        assert (done.code, done.out) == (0, f"model is now box/m; the key is in {home.alpi / '.env'}\n")
        assert (home.alpi / ".env").read_text() == "BOX_API_KEY=sk-right\n"
        assert stat.S_IMODE((home.alpi / ".env").stat().st_mode) == 0o600
        assert "sk-right" not in (home.alpi / "config.yaml").read_text()
        kept = home.folder / "key"
        kept.write_text("sk-other\n")
        assert home.call(*argv, server.url, "--key-file", str(kept), "--no-check").code == 0
        assert (home.alpi / ".env").read_text() == "BOX_API_KEY=sk-other\n"


def test_a_key_for_a_preset_goes_under_its_own_name(home: Home) -> None:
    done = home.run(
        "setup", "model", "--provider", "openai", "--model", "gpt-5", "--key-stdin", "--no-check", stdin=b"sk-1"
    )
    assert done.code == 0, done.err
    assert (home.alpi / ".env").read_text() == "OPENAI_API_KEY=sk-1\n"
    assert settings(home) == {"model": "openai/gpt-5"}


@pytest.mark.parametrize(
    "argv",
    [
        ["--provider", "ollama"],
        ["--model", "qwen3"],
        ["--provider", "openai", "--model", "m", "--base-url", "http://127.0.0.1:1/v1"],
        ["--provider", "x", "--model", "m", "--base-url", "ftp://x"],
        ["--provider", "X y", "--model", "m", "--base-url", "http://x/v1"],
        ["--provider", "nobody", "--model", "m"],
        ["--provider", "ollama", "--model", "m", "--key-file", "/nowhere"],
        ["--provider", "ollama", "--model", "m", "--no-check", "--context-window", "5"],
    ],
    ids=" ".join,
)
def test_what_does_not_fit_together_is_refused(home: Home, argv: list[str]) -> None:
    done = home.call("setup", "model", *argv)
    assert done.code == 2, done.err
    assert done.err.startswith("alpi: ")
    assert settings(home) is None


def test_an_empty_pipe_is_no_key(home: Home) -> None:
    done = home.run("setup", "model", "--provider", "openai", "--model", "m", "--key-stdin")
    assert done.code == 2
    assert "empty" in done.err


def test_a_server_that_is_not_there(home: Home) -> None:
    argv = ["setup", "model", "--provider", "box", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"]
    done = home.call(*argv)
    assert done.code == 1
    assert "nothing listens there" in done.err
    assert "--no-check" in done.err
    assert settings(home) is None
    assert home.call(*argv, "--no-check", "--context-window", "16384").code == 0
    assert settings(home)["models"] == {"box/m": {"context_window": 16384}}


def test_a_name_that_is_not_listed_is_kept_with_a_warning(home: Home) -> None:
    with running(models=["other"]) as server:
        done = home.call("setup", "model", "--provider", "box", "--model", "m", "--base-url", server.url)
    assert done.code == 0
    assert "box does not list m" in done.err


def test_the_probe_goes_along(home: Home) -> None:
    with running([COUNT, CALL, "red"], models=["m"]) as server:
        done = home.call("setup", "model", "--provider", "box", "--model", "m", "--base-url", server.url, "--probe")
    assert done.code == 0
    assert "sees pictures  yes" in done.out
    assert settings(home)["models"] == {"box/m": {"vision": True}}


def test_the_other_sections(home: Home) -> None:
    (home.folder / "site").mkdir()
    for argv, out in (
        (["workspace", "~/site"], f"workspace is now {home.folder / 'site'}\n"),
        (["personality", "coder"], "personality is now coder\n"),
        (
            ["budget", "--usd-per-day", "2", "--tokens-per-day", "1M"],
            "budget is now 2 USD a day and 1,000,000 tokens a day\n",
        ),
        (["budget", "--tokens-per-day", "none"], "budget is now 2 USD a day\n"),
        (["sandbox", "off"], "sandbox is now off\n"),
    ):
        done = home.call("setup", *argv)
        assert (done.code, done.out, done.err) == (0, out, "")
    assert settings(home) == {
        "workspace": str(home.folder / "site"),
        "budget": {"usd_per_day": 2},
        "sandbox": {"mode": "off"},
    }
    assert (home.alpi / "memory" / "PERSONALITY.md").read_text()
    shown = home.call("setup", "--show").out.splitlines()
    assert shown == [
        "! model        none yet",
        "  workspace    ~/site",
        "  personality  coder",
        "  budget       2 USD a day",
        "  sandbox      off",
        "  services     answers nobody",
        "  peers        none pinned",
        "  mcp          no server",
    ]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["workspace", "~"], 2),
        (["workspace", "/nowhere/at/all"], 2),
        (["workspace", "~/.ssh"], 3),
        (["personality", "pirate"], 2),
        (["budget", "--usd-per-day", "lots"], 2),
        (["sandbox", "loose"], 2),
    ],
    ids=str,
)
def test_wrong_choices_change_nothing(home: Home, argv: list[str], code: int) -> None:
    (home.folder / ".ssh").mkdir()
    done = home.call("setup", *argv)
    assert done.code == code, done.err
    assert not home.alpi.exists() or not list(home.alpi.glob("config.yaml"))


def test_an_unwise_workspace_takes_a_word_more(home: Home) -> None:
    assert home.call("setup", "workspace", "~", "--anyway").code == 0
    assert home.call("setup", "workspace", "~/new/one", "--create").code == 0
    assert (home.folder / "new" / "one").is_dir()


def test_another_profile_is_left_alone(home: Home) -> None:
    assert home.call("-p", "work", "config", "init").code == 0
    assert home.call("-p", "work", "setup", "budget", "--usd-per-day", "1").code == 0
    assert settings(home) is None
    assert (home.alpi / "profiles" / "work" / "config.yaml").read_text().endswith("budget:\n  usd_per_day: 1\n")


def test_probing_by_itself(home: Home) -> None:
    with running([COUNT, "I would rather talk.", "blue"]) as server:
        home.configure(server.url)
        done = home.call("models", "probe", "--json")
    assert done.code == 0
    assert [(event["ability"], event["state"]) for event in done.events] == [
        ("answers", "yes"), ("streams", "yes"), ("calls tools", "no"), ("sees pictures", "no"),
    ]  # fmt: skip
    spent = (home.alpi / "ledger.jsonl").read_text()
    assert spent.count("probe") >= 3, "it is charged"


def test_probing_a_model_that_does_not_answer(home: Home) -> None:
    with running([{"status": 404, "body": {"error": {"message": "model not found"}}}]) as server:
        home.configure(server.url)
        done = home.call("models", "probe", "home/other")
    assert done.code == 1
    assert done.out.startswith("answers        no: home does not know the model other")


def test_probing_stops_at_the_budget(home: Home) -> None:
    with running([COUNT]) as server:
        home.configure(server.url, more="budget: {tokens_per_day: 100}\n")
        assert home.call("models", "probe").code == 4
        assert server.model_calls == []


def test_keys_have_no_option_of_their_own(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["setup", "model", "--provider", "openai", "--model", "m", "--key", "sk-1"], home.environ)
    assert "sk-1" not in capsys.readouterr().out
    assert not Path(home.alpi / ".env").exists()


def test_a_missing_key_is_asked_for(home: Home) -> None:
    done = home.call("setup", "model", "--provider", "anthropic", "--model", "claude-sonnet-4-6")
    assert done.code == 1
    assert "There is no key yet" in done.err
    assert "--key-stdin" in done.err
    assert settings(home) is None


def test_the_local_model_needs_its_weights(home: Home) -> None:
    done = home.call("setup", "model", "--provider", "local", "--model", "qwen2.5-coder-1.5b")
    assert done.code == 2
    assert "alpi models fetch" in done.err
    assert settings(home) is None


@pytest.mark.parametrize(
    "argv", [["setup", "--plain", "model"], ["setup", "model", "--plain"], ["setup", "--plain"]], ids=" ".join
)
def test_plain_may_stand_before_or_after_the_section(argv: list[str]) -> None:
    assert build_parser().parse_args(argv).plain is True
    assert build_parser().parse_args(["setup", "model"]).plain is False
