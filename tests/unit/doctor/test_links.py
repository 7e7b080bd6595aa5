"""Doctor's look at links: the service, the list of peers, the peers themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from alpi.alp.core.errors import PeerOffline
from alpi.alp.core.identity import Identity
from alpi.alp.core.peers import Peer, PeerBook
from alpi.base.paths import ProfilePaths
from alpi.base.schema import AlpConfig, Config
from alpi.doctor import Subject, checks
from alpi.doctor.links import check_peers, check_services
from alpi.safety.policy import Policy
from tests.support.fakes import FakeClock


class Scripted:
    """Links of which everything is said beforehand. ``offline``: peers that do not answer."""

    def __init__(
        self,
        book: PeerBook | None = None,
        service: str | None = None,
        public: bool = False,
        offline: tuple[str, ...] = (),
    ) -> None:
        self._book = PeerBook() if book is None else book
        self._service = service
        self._public = public
        self._offline = offline
        self.closed = False

    def book(self) -> PeerBook:
        return self._book

    async def ping(self, peer: str) -> str:
        if peer in self._offline:
            raise PeerOffline(f"{peer} is not there", "Switch it on")
        return f"{peer} answers"

    async def aclose(self) -> None:
        self.closed = True

    def service_problem(self) -> str | None:
        return self._service

    def open_to_all(self) -> bool:
        return self._public


def subject(tmp_path: Path, links: Scripted, enabled: bool = False) -> Subject:
    paths = ProfilePaths("default", tmp_path, tmp_path, tmp_path / "cache")
    config = Config(alp=AlpConfig(enabled=enabled, listen="0.0.0.0:7423"))
    return Subject(
        paths=paths,
        home=tmp_path,
        policy=Policy(),
        clock=FakeClock(),
        approved=lambda scope: False,
        config=config,
        links=links,
    )


def book(*names: str) -> PeerBook:
    made = [Identity(bytes([number]) * 32) for number in range(1, len(names) + 1)]
    return PeerBook([Peer(name, one.public, one.noise_public) for name, one in zip(names, made, strict=True)])


@pytest.mark.parametrize(
    ("enabled", "service", "state"),
    [
        (False, None, "ok"),
        (True, "", "ok"),
        (True, None, "failed"),
        (True, "alp: the port is taken", "failed"),
        (False, "", "warning"),
    ],
)
def test_what_is_enabled_must_run(tmp_path: Path, enabled: bool, service: str | None, state: str) -> None:
    findings = check_services(subject(tmp_path, Scripted(service=service), enabled))
    assert [finding.state for finding in findings] == [state]
    assert all(finding.hint for finding in findings if finding.state != "ok")


def test_an_open_address_is_warned_about(tmp_path: Path) -> None:
    findings = check_services(subject(tmp_path, Scripted(service="", public=True), True))
    assert [finding.state for finding in findings] == ["ok", "warning"]
    assert "strangers" in findings[1].text


def test_every_peer_is_asked_and_the_silent_one_named(tmp_path: Path) -> None:
    links = Scripted(book("nas", "phone", "attic"), offline=("phone",))
    findings = check_peers(subject(tmp_path, links))
    assert [(finding.state, finding.text, finding.hint) for finding in findings] == [
        ("failed", "phone is not there", "Switch it on")
    ]
    assert links.closed


def test_all_is_well(tmp_path: Path) -> None:
    assert check_peers(subject(tmp_path, Scripted(book("nas", "attic"))))[0].text == "2 peers answer"
    assert check_peers(subject(tmp_path, Scripted(book("nas"))))[0].text == "1 peer answers"
    assert check_peers(subject(tmp_path, Scripted()))[0].text == "none is pinned"


def test_a_broken_list_is_a_failure(tmp_path: Path) -> None:
    findings = check_peers(subject(tmp_path, Scripted(PeerBook(problem="peers.yaml, line 3: nonsense"))))
    assert findings[0].state == "failed" and "line 3" in findings[0].text


def test_both_are_on_the_list() -> None:
    assert {"services", "peers"} <= set(checks())
    assert checks()["peers"].online and not checks()["services"].online
