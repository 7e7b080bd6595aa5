from __future__ import annotations

import os
from pathlib import Path

import pytest

from alpi.base.errors import ConfigError
from alpi.safety.policy import DEFAULT, Caps, Policy, parse_policy

WHOLE = """\
sandbox: workspace
tools: {deny: [terminal, "mcp_*"]}
hosts:
  allow: [example.com, "*.example.org", 10.0.0.0/8, "::1"]
  deny: [bad.example.org, 10.6.6.6]
models: {allow: ["ollama/*", local/tiny]}
budget: {usd_per_day: 2.5, tokens_per_day: 100000}
protected_paths: [/srv/secret, ~/private]
approvals: {always: false}
"""


def load(folder: Path, text: str | None = None) -> Policy:
    folder.chmod(0o755)
    path = folder / "policy.yaml"
    if text is not None:
        path.write_text(text)
        path.chmod(0o644)
    return Policy.load(path, owner=os.getuid())


def refuses_everything(policy: Policy) -> bool:
    return (
        all((policy.tool_refused("read_file"), policy.model_refused("a/b"), policy.host_refused("example.com")))
        and policy.sandbox_at_least("off") == "strict"
        and policy.budget_caps() == Caps(0, 0)
        and not policy.may_approve_always
    )


def test_without_a_file_nothing_is_restricted(tmp_path: Path) -> None:
    for policy in (load(tmp_path), Policy.load(tmp_path / "none" / "policy.yaml")):
        assert (policy.exists, policy.broken) == (False, "")
        assert policy.tool_refused("terminal") == policy.model_refused("a/b") == policy.host_refused("x") == ""
        assert [policy.sandbox_at_least(mode) for mode in ("off", "workspace", "strict")] == [
            "off",
            "workspace",
            "strict",
        ]
        assert policy.budget_caps() == Caps()
        assert policy.may_approve_always
        assert policy.describe() == []


def test_a_whole_policy(tmp_path: Path) -> None:
    policy = load(tmp_path, WHOLE)
    assert policy.broken == ""
    assert [bool(policy.tool_refused(name)) for name in ("terminal", "Terminal", "mcp_x_y", "read_file")] == [
        1,
        1,
        1,
        0,
    ]
    assert [bool(policy.model_refused(name)) for name in ("ollama/qwen3", "local/tiny", "openai/gpt", "xollama/q")] == [
        0, 0, 1, 1,
    ]  # fmt: skip
    assert [policy.sandbox_at_least(mode) for mode in ("off", "workspace", "strict", "?")] == [
        "workspace", "workspace", "strict", "strict",
    ]  # fmt: skip
    assert policy.budget_caps() == Caps(2.5, 100_000)
    assert policy.protected_paths(Path("/home/u")) == (Path("/srv/secret"), Path("/home/u/private"))
    assert not policy.may_approve_always
    assert len(policy.describe()) == 9
    assert str(tmp_path) in policy.tool_refused("terminal")


@pytest.mark.parametrize(
    ("host", "address", "refused"),
    [
        ("example.com", "", False),
        ("EXAMPLE.com.", "", False),
        ("www.example.com", "", True),
        ("www.example.org", "", False),
        ("example.org", "", True),
        ("notexample.org", "", True),
        ("bad.example.org", "", True),
        ("10.1.2.3", "", False),
        ("10.6.6.6", "", True),
        ("::ffff:10.6.6.6", "", True),
        ("[::1]", "", False),
        ("0:0:0:0:0:0:0:1", "", False),
        ("example.com", "10.6.6.6", True),
        ("example.com", "1.2.3.4", False),
        ("8.8.8.8", "", True),
        ("", "", True),
    ],
)
def test_hosts(tmp_path: Path, host: str, address: str, refused: bool) -> None:
    assert bool(load(tmp_path, WHOLE).host_refused(host, address)) is refused


def test_an_allow_list_refuses_all_else_and_an_empty_one_everything(tmp_path: Path) -> None:
    policy = load(tmp_path, "tools: {allow: [read_file, terminal], deny: [terminal]}\nhosts: {allow: []}\n")
    assert [bool(policy.tool_refused(name)) for name in ("read_file", "terminal", "write_file")] == [False, True, True]
    assert policy.host_refused("example.com")


def test_words_that_yaml_reads_as_something_else(tmp_path: Path) -> None:
    assert load(tmp_path, "sandbox: off\napprovals: {always: true}\n").broken == ""
    assert load(tmp_path, "sandbox: strict").sandbox_at_least("off") == "strict"
    assert load(tmp_path, "{}").broken == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no policy"),
        ("# all taken out\n", "holds no policy"),
        ("tools: {deny: [a]}\ntolls: {}\n", "line 2: unknown key tolls"),
        ("tools:\n  denied: [a]\n", "line 2: unknown key tools.denied"),
        ("tools: [terminal]\n", "line 1: tools must be a group"),
        ("tools:\n", "line 1: tools must be a group of `key: value`, not nothing"),
        ("tools: {deny: terminal}\n", "line 1: tools.deny must be a list, not 'terminal'"),
        ("tools: {deny: [[a]]}\n", "line 1: tools.deny must be text"),
        ('tools: {deny: [""]}\n', "tools.deny must be a list of plain texts"),
        ("sandbox: none\n", "line 1: sandbox must be one of off, workspace, strict, not 'none'"),
        ("sandbox: off\nsandbox: strict\n", "line 2: sandbox stands twice"),
        ("hosts: {deny: ['https://example.com']}\n", "hosts.deny must be a list of names"),
        ("hosts: {deny: ['example.com:80']}\n", "hosts.deny must be a list of names"),
        ("hosts: {deny: ['ex*mple.com']}\n", "hosts.deny must be a list of names"),
        ("budget: {usd_per_day: -1}\n", "budget.usd_per_day must be a number, at least 0, not '-1'"),
        ("budget: {tokens_per_day: 1.5}\n", "must be a whole number"),
        ("budget: {usd_per_day: .nan}\n", "must be a number"),
        ("protected_paths: [secret]\n", "must be a list of absolute paths"),
        ("protected_paths: [/a/../b]\n", "must be a list of absolute paths"),
        ("approvals: {always: nope}\n", "approvals.always must be true or false"),
        ("approvals: {always: [false]}\n", "approvals.always must be true or false"),
        ("- a\n", "the file must be a group"),
        ("tools: {deny: [a}\n", "not valid YAML"),
        ("a: b\n---\nc: d\n", "not valid YAML"),
        ("tools: &x {deny: *x}\n", ""),
        ("[" * 100_000, ""),
        ("tools: {deny: [" + "[" * 30 + "]" * 30 + "]}", "nested more than 10"),
        ("? [a]\n: b\n", "unknown key"),
    ],
)
def test_a_broken_policy_refuses_everything_and_says_where(tmp_path: Path, text: str, told: str) -> None:
    policy = load(tmp_path, text)
    assert told in policy.broken
    assert policy.broken
    assert refuses_everything(policy)
    assert policy.describe() == [policy.broken_reason()]
    with pytest.raises(ConfigError):
        parse_policy(text, Path("policy.yaml"))


def test_bytes_that_are_no_text_and_files_too_large(tmp_path: Path) -> None:
    load(tmp_path, "{}")
    path = tmp_path / "policy.yaml"
    for data in (b"\xff\xfe\x00", b"#" * 300_000, b"\0"):
        path.write_bytes(data)
        assert refuses_everything(Policy.load(path, owner=os.getuid()))


def test_a_file_that_others_may_change_is_broken(tmp_path: Path) -> None:
    load(tmp_path, "{}")
    path = tmp_path / "policy.yaml"
    for mode in (0o666, 0o664, 0o646):
        path.chmod(mode)
        policy = Policy.load(path, owner=os.getuid())
        assert "can be written by others" in policy.broken
        assert refuses_everything(policy)
    path.chmod(0o644)
    assert Policy.load(path, owner=os.getuid()).broken == ""
    assert "belongs to user" in Policy.load(path, owner=os.getuid() + 1).broken


def test_a_folder_that_others_may_change_is_broken_even_without_a_file(tmp_path: Path) -> None:
    policy = load(tmp_path, "{}")
    tmp_path.chmod(0o777)
    for _ in range(2):
        policy = Policy.load(tmp_path / "policy.yaml", owner=os.getuid())
        assert "can be written by others" in policy.broken
        policy.path.unlink(missing_ok=True)


def test_a_link_counts_as_where_it_leads(tmp_path: Path) -> None:
    lax = tmp_path / "lax"
    lax.mkdir()
    (lax / "real.yaml").write_text("{}")
    (lax / "real.yaml").chmod(0o644)
    lax.chmod(0o777)
    (tmp_path / "policy.yaml").symlink_to(lax / "real.yaml")
    assert "can be written by others" in load(tmp_path).broken
    lax.chmod(0o755)
    assert load(tmp_path).broken == ""
    (lax / "real.yaml").unlink()
    assert "leads nowhere" in load(tmp_path).broken


def test_what_is_no_file_is_broken_and_does_not_hang(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    os.mkfifo(path)
    assert refuses_everything(load(tmp_path))
    path.unlink()
    path.mkdir()
    assert refuses_everything(load(tmp_path))
    path.rmdir()
    path.write_text("{}")
    assert refuses_everything(Policy.load(path / "policy.yaml", owner=os.getuid()))


def test_no_variable_leads_to_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALPI_POLICY", "ALPI_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(tmp_path))
    assert Policy.load().path == DEFAULT == Path("/etc/alpi/policy.yaml")
