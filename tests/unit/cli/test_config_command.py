"""alpi config: what is set is set, comments stay, and a wrong value leaves the file as it was."""

from __future__ import annotations

import multiprocessing
import os
import stat

import pytest
import yaml

from alpi.base.config import load_config
from alpi.base.reference import config_reference
from alpi.cli.main import main
from tests.support.program import Home

COMMENTED = """\
# my settings
model: a/b   # the good one

# bounds
limits:
  # not too many
  steps: 20  # per turn
  retries: 1
providers:
  home: {kind: openai, base_url: "http://127.0.0.1:18080/v1"}   # any server
fallback_models:
  - c/d # cheap
  - e/f
# the end
"""


def write(home: Home, text: str) -> None:
    home.alpi.mkdir(exist_ok=True)
    (home.alpi / "config.yaml").write_text(text)


def config(home: Home) -> str:
    return (home.alpi / "config.yaml").read_text()


def test_a_first_setting_makes_the_profile(home: Home) -> None:
    done = home.call("config", "set", "model", "ollama/qwen3")
    assert (done.code, done.out) == (0, "model is now ollama/qwen3\n")
    assert config(home) == "model: ollama/qwen3\n"
    assert stat.S_IMODE((home.alpi / "config.yaml").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.alpi.stat().st_mode) == 0o700
    assert not (home.alpi / "config.yaml.bak").exists()


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("model", "x/y", "model: a/b   # the good one", "model: x/y   # the good one"),
        ("model", "ollama/qwen3:8b", "model: a/b ", "model: ollama/qwen3:8b "),
        ("limits.steps", "30", "steps: 20  # per turn", "steps: 30  # per turn"),
        ("limits.retries", "2", "retries: 1", "retries: 2"),
        ("limits.output_chars", "2000", "  retries: 1\n", "  retries: 1\n  output_chars: 2000\n"),
        ("providers.home.base_url", "http://x/v1", '"http://127.0.0.1:18080/v1"', "'http://x/v1'"),
        ("providers.home.proxy", "http://p", '18080/v1"}', "18080/v1\", proxy: 'http://p'}"),
        ("providers.spare.kind", "anthropic", "# any server\n", "# any server\n  spare:\n    kind: anthropic\n"),
        ("fallback_models", "[x/y]", "fallback_models:\n  - c/d # cheap\n  - e/f\n", "fallback_models: [x/y]\n"),
        ("language", "Spanish", "  - e/f\n", "  - e/f\nlanguage: Spanish\n"),
        ("models.a/b.tools", "[read_file]", "  - e/f\n", "  - e/f\nmodels:\n  a/b:\n    tools: [read_file]\n"),
    ],
)
def test_one_value_changes_and_all_else_stays(home: Home, key: str, value: str, before: str, after: str) -> None:
    write(home, COMMENTED)
    assert home.call("config", "set", key, value).code == 0
    assert config(home) == COMMENTED.replace(before, after)
    assert (home.alpi / "config.yaml.bak").read_text() == COMMENTED


@pytest.mark.parametrize(
    ("text", "key", "value", "after"),
    [
        ("", "model", "a/b", "model: a/b\n"),
        ("# only a comment", "model", "a/b", "# only a comment\nmodel: a/b\n"),
        ("---\n# c\n", "model", "a/b", "---\n# c\nmodel: a/b\n"),
        ("model: a/b", "limits.steps", "3", "model: a/b\nlimits:\n  steps: 3\n"),
        ("{model: a/b}\n", "language", "x", "{model: a/b, language: x}\n"),
        ("{}\n", "limits.steps", "3", "{limits: {steps: 3}}\n"),
        ("{model: a/b, }\n", "language", "x", "{model: a/b, language: x}\n"),
        ("limits:\nmodel: a/b\n", "limits.steps", "3", "limits:\n  steps: 3\nmodel: a/b\n"),
        (
            "limits: # none yet\n  # steps: 5\nmodel: a/b\n",
            "limits.steps",
            "3",
            "limits: # none yet\n  steps: 3\n  # steps: 5\nmodel: a/b\n",
        ),
        ("limits:\n    steps: 1\n", "limits.retries", "2", "limits:\n    steps: 1\n    retries: 2\n"),
        ("language: >\n  long\n  text\n# c\nmodel: a/b\n", "language", "x", "language: x\n# c\nmodel: a/b\n"),
        ("language: 'a\n  b' # c\n", "language", "x", "language: x # c\n"),
        ("model: a/b\r\nlanguage: x\r\n", "model", "c/d", "model: c/d\r\nlanguage: x\r\n"),
        ("'model': a/b\n", "model", "c/d", "'model': c/d\n"),
        ("model : a/b\n", "model", "c/d", "model : c/d\n"),
        ("fallback_models: [a/b, # one\n  c/d] # two\n", "fallback_models", "[]", "fallback_models: [] # two\n"),
    ],
)
def test_in_whatever_way_the_file_is_written(home: Home, text: str, key: str, value: str, after: str) -> None:
    home.alpi.mkdir()
    (home.alpi / "config.yaml").write_bytes(text.encode())
    assert home.call("config", "set", key, value).code == 0
    assert (home.alpi / "config.yaml").read_bytes().decode() == after


@pytest.mark.parametrize(
    ("text", "key"), [("x: &m a/b\nmodel: *m\n", "model"), ("x: &l {steps: 3}\nlimits: *l\n", "limits.steps")]
)
def test_an_alias_is_left_to_the_person(home: Home, text: str, key: str) -> None:
    write(home, text)
    done = home.call("config", "set", key, "4")
    assert done.code == 2
    assert "is an alias" in done.err
    assert "Change it by hand" in done.err
    assert config(home) == text


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("limits.steps", "0", "limits.steps must be a whole number at least 1"),
        ("limits.steps", "many", "limits.steps must be a whole number"),
        ("model", "gpt-5", "model must be provider/model"),
        ("fallback_models", "a/b", "fallback_models must be a list"),
        ("models.a/b.temperature", "9", "models.a/b.temperature must be a number"),
        ("providers.x.kind", "openia", "providers.x.kind must be one of"),
        ("limits", "5", "limits must be made of"),
        ("modle", "a/b", "there is no setting modle"),
        ("limits.step", "3", "there is no setting limits.step"),
        ("nothing.at.all", "3", "there is no setting nothing.at.all"),
        ("", "3", "'' is no setting"),
        ("limits..steps", "3", "'limits..steps' is no setting"),
        ("model", "{a: [", "is not a YAML value"),
        ("language", "2026-13-45", "is not a YAML value"),
        ("language", "2026-01-01", "language must be text"),
        ("model.x", "y", "model is no group of settings"),
    ],
)
def test_a_wrong_value_leaves_the_file_untouched(home: Home, key: str, value: str, message: str) -> None:
    write(home, COMMENTED)
    done = home.call("config", "set", key, value)
    assert done.code == 2
    assert message in done.err
    assert config(home) == COMMENTED
    assert not (home.alpi / "config.yaml.bak").exists()


def test_a_file_that_is_wrong_already_is_not_written_over(home: Home) -> None:
    write(home, "model: [a\n")
    done = home.call("config", "set", "model", "a/b")
    assert done.code == 2
    assert "not valid YAML" in done.err
    assert config(home) == "model: [a\n"


def test_a_key_that_is_unknown_already_does_not_stand_in_the_way(home: Home) -> None:
    write(home, "modle: x\nfuture: {a: 1}\n")
    assert home.call("config", "set", "model", "a/b").code == 0
    assert config(home) == "modle: x\nfuture: {a: 1}\nmodel: a/b\n"


@pytest.mark.parametrize(
    "value",
    [
        "no",
        "yes",
        "on",
        "1:30",
        "0x10",
        "2026-01-01",
        "null",
        "~",
        "=",
        "a: b",
        "# x",
        "",
        "é",
        "1_000",
        "1e3",
        "'",
        "- a",
    ],
)
def test_text_that_yaml_would_read_as_something_else_stays_text(home: Home, value: str) -> None:
    quoted = yaml.safe_dump(value, default_style='"').strip()
    done = home.call("config", "set", "language", quoted)
    assert done.code == 0, done.err
    assert load_config(home.alpi / "config.yaml").config.language == value


def test_long_values_stay_on_their_line(home: Home) -> None:
    folder = "/" + " long name" * 30
    assert home.call("config", "set", "workspace", folder).code == 0
    assert config(home) == f"workspace: {folder}\n"


def test_names_of_models_may_hold_dots(home: Home) -> None:
    assert home.call("config", "set", "models.openai/gpt-4.1.temperature", "0.5").code == 0
    assert load_config(home.alpi / "config.yaml").config.models["openai/gpt-4.1"].temperature == 0.5
    assert home.call("config", "unset", "models.openai/gpt-4.1.temperature").code == 0
    assert load_config(home.alpi / "config.yaml").config.models == {}


@pytest.mark.parametrize(
    ("key", "gone"),
    [
        ("model", "model: a/b   # the good one\n"),
        ("limits.steps", "  steps: 20  # per turn\n"),
        ("limits", "limits:\n  # not too many\n  steps: 20  # per turn\n  retries: 1\n"),
        ("fallback_models", "fallback_models:\n  - c/d # cheap\n  - e/f\n"),
        ("language", ""),
        ("limits.nothing", ""),
        ("model.x", ""),
    ],
)
def test_taking_a_setting_out_leaves_all_else(home: Home, key: str, gone: str) -> None:
    write(home, COMMENTED)
    assert home.call("config", "unset", key).code == 0
    assert config(home) == COMMENTED.replace(gone, "")


def test_taking_the_last_setting_out_leaves_the_comments(home: Home) -> None:
    write(home, "# mine\nlimits:\n  steps: 3\n# end\n")
    assert home.call("config", "unset", "limits.steps").code == 0
    assert config(home) == "# mine\n# end\n"


def test_taking_a_setting_out_of_brackets(home: Home) -> None:
    write(home, "limits: {steps: 3, retries: 1} # both\n")
    assert home.call("config", "unset", "limits.steps").code == 0
    assert config(home) == "limits: {retries: 1} # both\n"


def set_steps(environ: dict[str, str], number: int) -> None:
    assert main(["config", "set", f"models.a/m{number}.temperature", "1"], environ) == 0


def test_settings_of_processes_at_once_are_all_there(home: Home) -> None:
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=set_steps, args=(home.environ, number)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert set(load_config(home.alpi / "config.yaml").config.models) == {f"a/m{number}" for number in range(6)}


# -- showing and checking ----------------------------------------------------------------------------------------------


def test_what_is_in_force_is_shown_without_secrets(home: Home) -> None:
    write(home, "model: a/b\nproviders: {x: {base_url: 'http://h/v1', headers: {K: hunter2-hunter2}}}\n")
    (home.alpi / ".env").write_text("KEY=hunter2-hunter2\nOTHER=abcdefgh\n")
    (home.alpi / ".env").chmod(0o600)
    done = home.call("config")
    assert done.code == 0
    assert "hunter2" not in done.out
    assert "abcdefgh" not in done.out
    assert "[secret KEY]" in done.out
    assert done.out.endswith(f"# keys in {home.alpi / '.env'}: KEY, OTHER\n")
    shown = yaml.safe_load(done.out)
    assert shown["model"] == "a/b"
    assert shown["limits"]["steps"] == 50
    assert home.call("config", "show").out == done.out


def test_where_the_settings_are(home: Home) -> None:
    assert home.call("config", "path").out == f"{home.alpi / 'config.yaml'}\n"
    assert "not there yet: these are the defaults" in home.call("config").out


def test_checking(home: Home) -> None:
    write(home, "model: ollama/x\n")
    assert home.call("config", "check").out == f"{home.alpi / 'config.yaml'} is in order\n"
    write(home, "model: ollama/x\nmodle: 1\n")
    done = home.call("config", "check")
    assert (done.code, done.out) == (0, f"{home.alpi / 'config.yaml'} is in order, with 1 warnings\n")
    assert "unknown key modle" in done.err
    for wrong in ("model: nobody/x\n", "limits: {steps: 0}\n", "model: ollama/x\nworkspace: /no/such\n", "model: ["):
        write(home, wrong)
        assert home.call("config", "check").code == 2, wrong
    write(home, "")
    (home.alpi / ".env").write_text("broken line\n")
    done = home.call("config", "check")
    assert done.code == 2
    assert f"{home.alpi / '.env'}, line 1: not NAME=value" in done.err


def test_the_reference(home: Home) -> None:
    assert home.call("config", "keys").out == config_reference()


def test_making_a_profile(home: Home) -> None:
    done = home.call("-p", "work", "config", "init")
    assert done.out == f"profile work: {home.alpi / 'profiles/work'}\n"
    assert home.call("-p", "work", "config", "init").out.endswith("(was there already)\n")
    for folder in (home.alpi, home.alpi / "profiles", home.alpi / "profiles" / "work"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_key_is_stored_and_not_shown(home: Home) -> None:
    done = home.run("config", "key", "OPENAI_API_KEY", stdin=b"  sk-very-secret \n")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"OPENAI_API_KEY is stored in {home.alpi / '.env'}\n"
    assert (home.alpi / ".env").read_text() == "OPENAI_API_KEY=sk-very-secret\n"
    assert stat.S_IMODE((home.alpi / ".env").stat().st_mode) == 0o600


@pytest.mark.parametrize("stdin", [b"", b"\n", b"a\x01b\n"])
def test_no_key_is_stored_where_none_was_given(home: Home, stdin: bytes) -> None:
    done = home.run("config", "key", "K", stdin=stdin)
    assert done.code == 2
    assert "is empty or has control characters" in done.err
    assert not (home.alpi / ".env").exists()


def test_the_key_itself_in_the_place_of_its_name_is_not_repeated_in_a_file(home: Home) -> None:
    assert home.run("config", "key", "sk-secret-key", stdin=b"x\n").code == 2
    assert not home.alpi.exists() or os.listdir(home.alpi) == []
