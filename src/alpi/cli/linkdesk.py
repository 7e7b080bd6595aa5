"""Links for setup and doctor: the profile's card, its peers, its service. Implements ``setup.links.Desk`` and ``doctor.Links``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base.errors import AlpiError

if TYPE_CHECKING:
    from ..alp.core.peers import PeerBook
    from .runtime import Runtime


class LinkDesk:
    """The links of a profile as it is now."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def card(self) -> tuple[str, str]:
        """See ``Desk``."""
        from .id import card_of

        identity = self._runtime.links.identity()
        return str(card_of(self._runtime, identity, None, None)), identity.words

    def peers(self) -> Sequence[str]:
        """See ``Desk``."""
        from .peers import pinned

        return [f"{peer.label} on {peer.address or 'this machine'}" for peer in pinned(self._runtime.paths)[0]]

    def proposed(self, card: str, id: str, allow: Sequence[str]) -> list[str]:
        """See ``Desk``."""
        from .peers import lines_of, peer_of

        return lines_of(peer_of(self._runtime.paths, card, id, "", allow))

    def pin(self, card: str, id: str, allow: Sequence[str]) -> str:
        """See ``Desk``."""
        from ..alp.core.peerstext import with_peer
        from .peers import peer_of, pinned, rewrite

        peer = peer_of(self._runtime.paths, card, id, "", allow)
        path = pinned(self._runtime.paths)[1]
        rewrite(path, lambda text: with_peer(text, peer, path))
        return f"{peer.id} is pinned. The other side adds this profile's card to let it in there: alpi id --card"

    def address_problem(self, text: str) -> str:
        """See ``Desk``."""
        from ..alp.core.address import parse_address

        try:
            parse_address(text)
        except ValueError as error:
            return f"{error}; it is host:port, such as 100.64.0.7:7423"
        return ""

    def service(self) -> str:
        """See ``Desk``."""
        from .service import holder

        pid = holder(self._runtime)
        return f"running (process {pid})" if pid else "not running"

    def install(self) -> list[str]:
        """See ``Desk``."""
        from .runtime import Runtime
        from .service import install

        fresh = Runtime(self._runtime.paths.name, self._runtime.environ)
        try:
            return install(fresh, fresh.environ)
        except AlpiError as error:
            return [f"{error.message}. {error.hint}".strip()]

    # --- for doctor

    def book(self) -> PeerBook:
        """See ``Links``."""
        return self._runtime.links.book()

    async def ping(self, peer: str) -> str:
        """See ``Links``."""
        return await self._runtime.links.ping(peer)

    async def aclose(self) -> None:
        """See ``Links``."""
        await self._runtime.links.aclose()

    def service_problem(self) -> str | None:
        """See ``Links``."""
        from ..daemon.health import problem_of, read_report
        from .service import holder

        report = read_report(self._runtime.paths.run)
        if report is None or holder(self._runtime) != report.pid:
            return None
        now = self._runtime.clock.now()
        ill = [(service.name, problem_of(service, now, report.started)) for service in report.services]
        return "; ".join(f"{name}: {problem}" for name, problem in ill if problem)

    def open_to_all(self) -> bool:
        """See ``Links``."""
        import ipaddress

        from ..alp.core.address import parse_address

        alp = self._runtime.config.alp
        try:
            address = ipaddress.ip_address(parse_address(alp.listen).host) if alp.listen else None
        except ValueError:
            return False
        # The shared range of overlays (RFC 6598) is nobody's from outside.
        shared = ipaddress.ip_network("100.64.0.0/10")
        return address is not None and (address.is_unspecified or (address.is_global and address not in shared))
