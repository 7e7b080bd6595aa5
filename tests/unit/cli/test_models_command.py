"""alpi models: what is in use and on offer."""

from __future__ import annotations

from tests.support.model_server import running
from tests.support.program import Home


def test_what_the_configured_provider_offers(home: Home, kind: str) -> None:
    with running([], models=["one", "two/three"]) as server:
        home.configure(server.url, kind, "fallback_models: [ollama/x]\n")
        done = home.call("models")
        assert (done.code, done.out) == (0, "home/one\nhome/two/three\n")
        assert done.err == "# in use: home/scripted, then ollama/x\n"
        assert home.call("models", "list", "home").out == done.out
        assert server.model_calls == []


def test_a_provider_that_does_not_answer(home: Home) -> None:
    with running([], key="right") as server:
        home.configure(server.url)
        done = home.call("models", "list")
        assert done.code == 1
        assert "home" in done.err


def test_all_providers_with_the_state_of_their_keys(home: Home) -> None:
    with running([]) as server:
        home.configure(server.url)
        done = home.call("models", "providers", environ={"GROQ_API_KEY": "gsk-x"})
        assert done.code == 0
        lines = {line.split()[0]: line for line in done.out.splitlines()}
        assert "no key needed" in lines["home"]
        assert "GROQ_API_KEY is set" in lines["groq"]
        assert "needs ANTHROPIC_API_KEY" in lines["anthropic"]
        assert "gsk-x" not in done.out
        assert server.requests == []
