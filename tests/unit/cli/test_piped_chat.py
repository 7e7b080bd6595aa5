"""The chat without a terminal: each line that is piped in is a message, and the answers come out bare."""

from __future__ import annotations

from tests.support.model_server import Reply, running
from tests.support.program import Home


def test_each_line_is_a_message_of_one_conversation(home: Home) -> None:
    with running(["one", "two"]) as server:
        home.configure(server.url)
        done = home.run(stdin=b"first\n\nsecond\n")
        assert done.code == 0, done.err
        assert [line for line in done.out.splitlines() if line in ("one", "two")] == ["one", "two"]
        assert [m["content"].split("\n")[0] for m in server.model_calls[1].body["messages"] if m["role"] == "user"] == [
            "first",
            "second",
        ]
        assert len(home.sessions()) == 1


def test_bytes_that_are_no_text_do_not_end_it(home: Home) -> None:
    with running(["one", "two"]) as server:
        home.configure(server.url)
        done = home.run(stdin=b"caf\xe9\nsecond \xff\n")
        assert done.code == 0, done.err
        assert "Traceback" not in done.err
        assert "internal error" not in done.err
        assert len(server.model_calls) == 2


def test_commands_are_carried_out_and_not_sent(home: Home) -> None:
    with running(["one", "two"]) as server:
        home.configure(server.url)
        done = home.run(stdin=b"/help\n/status\nhi\n/new\nagain\n/nonsense\n/exit\nnever\n")
        assert done.code == 0, done.err
        assert "/exit" in done.out
        assert "there is no command /nonsense" in done.out
        assert len(server.model_calls) == 2
        assert len(home.sessions()) == 2


def test_a_failure_is_its_exit_code(home: Home) -> None:
    with running([Reply(status=401)]) as server:
        home.configure(server.url, more="limits: {retries: 0}\n")
        assert home.run(stdin=b"hi\n").code == 1
        assert home.run(stdin=b"").code == 0
        (home.alpi / "config.yaml").write_text("")
        assert home.run(stdin=b"hi\n").code == 2
