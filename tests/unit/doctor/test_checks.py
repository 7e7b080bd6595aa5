"""Each check can pass and can fail, and every failure says what to do."""

from __future__ import annotations

import asyncio
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alpi.base.errors import ConfigError
from alpi.base.locks import FileLock
from alpi.base.paths import ProfilePaths
from alpi.base.schema import Config, ProviderConfig, SandboxConfig
from alpi.doctor import Finding, checks
from alpi.doctor.files import check_leftovers, check_permissions
from alpi.doctor.gate import check_gate
from alpi.doctor.journals import check_journals
from alpi.doctor.machine import check_clock, check_disk, compared, date_of, is_here
from alpi.doctor.memory import check_memory
from alpi.doctor.model import check_local
from alpi.doctor.money import check_budget, check_prices
from alpi.doctor.sandbox import check_sandbox
from alpi.doctor.settings import check_config, check_policy, check_workspace
from alpi.providers.prices import PriceBook
from alpi.safety.corpus import load
from alpi.safety.policy import Policy
from alpi.state.audit import AuditEntry, AuditLog
from alpi.state.budget import Cap
from alpi.state.ledger import Ledger
from alpi.state.memory import MemoryStore
from tests.support.fakes import FakeClock
from tests.support.model_server import running

from .subjects import states, subject

LIMITS = {"user": 300, "memory": 300, "personality": 300}


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    assert finding.state == "ok" or finding.hint, finding
    return finding


def test_every_check_has_a_name_a_limit_within_twenty_seconds_and_words() -> None:
    for name, check in checks().items():
        assert name.isidentifier() and check.about and 0 < check.seconds <= 20, name


def test_settings(tmp_path: Path) -> None:
    found = subject(tmp_path)
    assert only(check_config(found)).text.startswith("there is no")
    found.paths.config.write_text("model: a/b\n")
    found.paths.env.write_text("KEY=\n")
    assert "KEY" in only(check_config(found)).text
    found.paths.env.write_text("KEY=x\n")
    assert only(check_config(found)).state == "ok"
    broken = subject(tmp_path, config=None, problem=ConfigError("config.yaml, line 3: wrong", "Mend it"))
    assert only(check_config(broken)) == Finding("failed", "config.yaml, line 3: wrong", "Mend it")
    assert "mdoel" in only(check_config(subject(tmp_path, warnings=("unknown key mdoel",)))).text


def test_a_broken_env_file_is_told_without_its_content(tmp_path: Path) -> None:
    found = subject(tmp_path)
    found.paths.config.touch()
    found.paths.env.write_text("this is sk-secret\n")
    finding = only(check_config(found))
    assert finding.state == "failed" and "line 1" in finding.text and "sk-secret" not in finding.text


def test_workspace(tmp_path: Path) -> None:
    def look(setting: str) -> Finding:
        return only(check_workspace(subject(tmp_path, config=Config(workspace=setting))))

    assert look("").state == "warning"
    assert look("notes").state == look(str(tmp_path / "no")).state == look("~nobody-of-that-name/x").state == "failed"
    assert "whole home" in look(str(tmp_path)).text
    assert look("/").state == "warning"
    (tmp_path / "ws").mkdir()
    assert look(str(tmp_path / "ws")) == Finding("ok", str(tmp_path / "ws"))


def test_policy(tmp_path: Path) -> None:
    assert only(check_policy(subject(tmp_path))).state == "ok"
    broken = Policy(Path("/etc/alpi/policy.yaml"), exists=True, broken="line 2 is wrong")
    assert only(check_policy(subject(tmp_path, policy=broken))).state == "failed"
    assert "sandbox" in only(check_policy(subject(tmp_path, policy=Policy(exists=True, sandbox="strict")))).text


def test_permissions(tmp_path: Path) -> None:
    found = subject(tmp_path)
    (found.paths.home / "notes").touch(0o600)
    assert only(check_permissions(found)).state == "ok"
    (found.paths.home / "notes").chmod(0o644)
    assert only(check_permissions(found)).state == "warning"
    (found.paths.home / "notes").chmod(0o600)
    found.paths.env.write_text("A=b\n")
    found.paths.env.chmod(0o640)
    assert ".env" in only(check_permissions(found)).text and states(check_permissions(found)) == ["failed"]
    found.paths.env.chmod(0o600)
    found.paths.home.chmod(0o755)
    assert only(check_permissions(found)).state == "failed"


def test_another_profile_is_not_looked_at(tmp_path: Path) -> None:
    found = subject(tmp_path)
    other = found.paths.home / "profiles" / "work"
    other.mkdir(parents=True)
    (found.paths.home / "profiles").chmod(0o700)
    (other / "open").touch(0o666)
    assert only(check_permissions(found)).state == "ok"


def test_leftovers_are_told_and_removed_when_asked(tmp_path: Path) -> None:
    found = subject(tmp_path)
    home = found.paths.home
    old, young = home / ".config.yaml.0123456789ab.tmp", home / ".env.0123456789ab.tmp"
    dead, beside = home / ".work.4194999-0123456789ab.tmp", tmp_path / ".alpi-restore.4194999-0123456789ab.tmp"
    other = tmp_path / ".else.4194999-0123456789ab.tmp"
    for path in (old, young, other):
        path.touch()
    for path in (dead, beside):
        path.mkdir()
        (path / "x").touch()
    now = found.clock.now().timestamp()
    os.utime(old, (now - 3600, now - 3600))
    os.utime(young, (now, now))
    finding = only(check_leftovers(found))
    assert finding.state == "warning" and "--fix" in finding.hint
    assert all(str(path) in finding.text for path in (old, dead, beside))
    assert only(check_leftovers(subject(tmp_path, fix=True))).text.startswith("removed")
    assert [path.exists() for path in (old, dead, beside, young, other)] == [False, False, False, True, True]
    assert only(check_leftovers(found)) == Finding("ok", "none")


def test_locks_and_sockets_of_dead_processes_are_leftovers_and_those_of_living_ones_are_not(tmp_path: Path) -> None:
    found = subject(tmp_path, fix=True)
    sessions, run = found.paths.sessions, found.paths.run
    sessions.mkdir()
    run.mkdir()
    for name in ("dead.lock", "alive.lock"):
        (sessions / name).touch(0o600)
    (run / "ledger.lock").touch(0o600)
    gone, there = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    gone.bind(str(run / "gone.sock"))
    gone.close()
    there.bind(str(run / "there.sock"))
    there.listen()
    with FileLock(sessions / "alive.lock"), there:
        text = only(check_leftovers(found)).text
        assert "dead.lock" in text and "gone.sock" in text
        left = {path.name for path in (*sessions.iterdir(), *run.iterdir())}
        assert left == {"alive.lock", "ledger.lock", "there.sock"}


def test_disk(tmp_path: Path) -> None:
    found = subject(tmp_path)
    assert "free" in only(check_disk(found)).text
    assert list(found.paths.home.iterdir()) == [], "the probe leaves nothing"
    gone = subject(tmp_path, paths=ProfilePaths("x", tmp_path / "r", tmp_path / "r", tmp_path))
    assert only(check_disk(gone)).state == "warning"


def test_clock(tmp_path: Path) -> None:
    assert only(check_clock(subject(tmp_path))).state == "ok"
    lost = FakeClock(datetime(1970, 1, 1, tzinfo=UTC))
    assert only(check_clock(subject(tmp_path, clock=lost))).state == "failed"
    assert [compared("t", seconds).state for seconds in (0, -59, 100, -100, 301, -4000)] == [
        "ok", "ok", "warning", "warning", "failed", "failed",
    ]  # fmt: skip
    assert "behind" in compared("t", -100).text and "ahead of" in compared("t", 100).text
    assert is_here("http://127.0.0.1:8080/v1") and is_here("http://localhost/v1") and is_here("http://[::1]:1/v1")
    assert not is_here("https://api.openai.com/v1")


def test_the_time_of_a_server_is_read_without_a_key() -> None:
    async def serve(answer: bytes) -> tuple[datetime | None, bytes]:
        seen = b""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal seen
            seen = await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return await date_of(f"http://127.0.0.1:{port}/v1", 2.0), seen

    dated = b"HTTP/1.1 404 Not Found\r\ndate: Wed, 25 Nov 2026 10:00:00 GMT\r\ncontent-length: 0\r\n\r\n"
    found, request = asyncio.run(serve(dated))
    assert found == datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
    assert request.startswith(b"HEAD /v1 ") and b"authorization" not in request.lower()
    assert asyncio.run(serve(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"))[0] is None
    assert asyncio.run(serve(b"nonsense\r\n\r\n"))[0] is None
    assert asyncio.run(date_of("http://127.0.0.1:9/", 1.0)) is None


def test_journals(tmp_path: Path) -> None:
    found = subject(tmp_path)
    found.paths.sessions.mkdir()
    (found.paths.sessions / "1.jsonl").write_text('{"a": 1}\n{"b": 2}\n')
    finding = only(check_journals(found))
    assert finding.state == "ok" and "1 journal with 2 lines" in finding.text
    (found.paths.sessions / "2.jsonl").write_text('{"a": 1}\n{"tor')
    assert only(check_journals(found)).state == "warning"
    found.paths.ledger.write_text('{"a": 1}\nnot json\n{"b": 2}\n')
    findings = check_journals(found)
    assert sorted(states(findings)) == ["failed", "warning"]
    assert any("ledger.jsonl, line 2" in finding.text for finding in findings)


def test_a_tampered_audit_log_is_a_failure(tmp_path: Path) -> None:
    found = subject(tmp_path)
    log = AuditLog(found.paths.logs, FakeClock(), str)
    for number in range(3):
        log.record(AuditEntry("s", "chat", "person", "terminal", f"number {number}", "caution", "once"))
    assert only(check_journals(found)).state == "ok"
    log.path.write_bytes(log.path.read_bytes().replace(b"number 1", b"number 7"))
    assert "audit" in only(check_journals(found)).text and states(check_journals(found)) == ["failed"]


def test_memory(tmp_path: Path) -> None:
    found = subject(tmp_path)
    store = MemoryStore(found.paths.memory, LIMITS, FakeClock(), str, lambda text: "evil" if "EVIL" in text else "")
    found = subject(tmp_path, memory=store)
    assert only(check_memory(found)).state == "ok"
    found.paths.memory.mkdir(exist_ok=True)
    (found.paths.memory / "USER.md").write_text("- likes tea\n- EVIL words\n")
    findings = check_memory(found)
    assert "warning" in states(findings) and any("evil" in finding.text for finding in findings)
    assert all(finding.hint for finding in findings if finding.state != "ok")


def money(tmp_path: Path, *caps: Cap, known: bool = True) -> object:
    from alpi.base.schema import PriceConfig
    from alpi.doctor import Money
    from alpi.providers.catalog import custom

    own = {"a/b": PriceConfig(input=1.0, output=2.0)} if known else {}
    prices = PriceBook(tmp_path / "prices.json", own, lambda name: custom(name, "openai", "https://example.com/v1"))
    ledger = Ledger(tmp_path / "ledger.jsonl", FakeClock(), str)
    return Money(None, ledger, caps, prices)  # type: ignore[arg-type]


def test_prices(tmp_path: Path) -> None:
    config = Config(model="a/b")
    assert only(check_prices(subject(tmp_path))).text == "no model is set"
    assert only(check_prices(subject(tmp_path, config=config, money=money(tmp_path)))).state == "ok"
    unknown = only(check_prices(subject(tmp_path, config=config, money=money(tmp_path, known=False))))
    assert unknown.state == "warning" and "models.a/b.price.input" in unknown.hint


def test_budget(tmp_path: Path) -> None:
    def look(*caps: Cap) -> list[Finding]:
        return check_budget(subject(tmp_path, config=Config(model="a/b"), money=money(tmp_path, *caps)))

    assert only(look()).text.startswith("there is no daily budget")
    found = look(Cap(tokens=100_000, hint="change it"), Cap(usd=2.5, hint="change it"))
    assert states(found) == ["ok", "ok"] and "0% of 100,000 tokens" in found[0].text
    assert only(look(Cap(tokens=0, hint="change it"))) == Finding(
        "warning", "100% of 0 tokens a day used (0 tokens, 0.00 USD)", "change it"
    )


def test_calls_that_never_ended_are_told(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl", FakeClock(), str)
    ledger.reserve(
        model="a/b", surface="ask", asker="person", session="s", purpose="turn", tokens=500, usd=None, caps=()
    )
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(f'"pid":{os.getpid()}'.encode(), b'"pid":4194999'))
    found = check_budget(subject(tmp_path, config=Config(model="a/b"), money=money(tmp_path, Cap(tokens=1000))))
    assert states(found) == ["warning", "ok"] and "--release" in found[0].hint
    assert "50% of 1,000 tokens" in found[1].text


def test_the_local_model(tmp_path: Path) -> None:
    assert only(check_local(subject(tmp_path, config=Config(model="a/b")))).text == "not in use"
    finding = only(check_local(subject(tmp_path, config=Config(model="local/qwen2.5-coder-1.5b"))))
    assert finding.state == "failed" and finding.hint
    file = tmp_path / "m.gguf"
    config = Config(model="mine/m", providers={"mine": ProviderConfig(kind="local", model_file=str(file))})
    assert only(check_local(subject(tmp_path, config=config))).state == "failed"


def test_the_corpus_holds_on_this_machine(tmp_path: Path) -> None:
    finding = only(check_gate(subject(tmp_path)))
    assert finding.state == "ok" and str(len(load())) in finding.text


def test_an_approval_that_covers_an_attack_is_a_failure(tmp_path: Path) -> None:
    findings = check_gate(subject(tmp_path, approved=lambda scope: True))
    assert findings and set(states(findings)) == {"failed"}
    assert all("allowed for always" in finding.text for finding in findings)


def test_a_sandbox_that_is_switched_off_is_said(tmp_path: Path) -> None:
    off = subject(tmp_path, config=Config(sandbox=SandboxConfig(mode="off")), closely=True)
    assert any("switched off" in finding.text for finding in check_sandbox(off))


@pytest.mark.parametrize("closely", [True, False])
def test_the_limits_of_the_sandbox_are_listed_when_it_is_asked_for(tmp_path: Path, closely: bool) -> None:
    findings = check_sandbox(subject(tmp_path, closely=closely))
    assert "failed" not in states(findings), "bubblewrap is part of the test machine"
    assert ("warning" in states(findings)) is closely


def test_the_model_check_goes_through_the_chain(tmp_path: Path) -> None:
    from alpi.doctor.model import check_model
    from alpi.doctor.probe import TOOL
    from alpi.providers.build import http_provider
    from alpi.providers.catalog import custom
    from alpi.providers.retry import ChainEntry
    from alpi.providers.types import ModelSettings
    from tests.support.scripted import Reply

    call = Reply(tool_calls=[{"name": TOOL, "arguments": {"word": "ready"}}])
    with running([call]) as server:
        entries = [
            ChainEntry(http_provider(custom("home", "openai", server.url)), "scripted", ModelSettings()),
            ChainEntry(http_provider(custom("away", "openai", "http://127.0.0.1:9/v1")), "m", ModelSettings()),
        ]
        findings = check_model(subject(tmp_path, entries=lambda: entries))
    assert states(findings) == ["ok", "warning"]
    assert "home/scripted" in findings[0].text and "away" in findings[1].text
