"""Links: the service answers, the list of peers can be read, the peers answer."""

from __future__ import annotations

import asyncio

from ..base.errors import AlpiError
from ..base.sizes import counted
from . import Finding, Links, Subject

PING_SECONDS = 6.0


def check_services(subject: Subject) -> list[Finding]:
    """Whether what is enabled runs, and has done something lately."""
    assert subject.links is not None
    alp = subject.settings.alp
    problem = subject.links.service_problem()
    if not alp.enabled:
        if problem is None:
            return [Finding("ok", "none is enabled")]
        return [Finding("warning", "a service runs, and none is enabled any more", "End it: alpi service uninstall")]
    if problem is None:
        hint = "Start it: alpi service install (or by hand: alpi serve)"
        return [Finding("failed", "answering peers is enabled, and alpi serve does not run", hint)]
    findings = [Finding("failed", problem, "Look into: alpi service logs")] if problem else [Finding("ok", "alp runs")]
    if subject.links.open_to_all():
        hint = "Unknown keys get no answer, but a private overlay is better: alpi config set alp.listen ADDRESS:PORT"
        findings.append(Finding("warning", f"{alp.listen} can be reached by strangers", hint))
    return findings


def check_peers(subject: Subject) -> list[Finding]:
    """Whether the list is in order and each peer answers. An answer also says that its clock and ours agree within two minutes."""
    assert subject.links is not None
    book = subject.links.book()
    if book.problem:
        return [Finding("failed", book.problem, "Mend the file; until then nobody is admitted and nobody is asked")]
    if not len(book):
        return [Finding("ok", "none is pinned")]
    return asyncio.run(_ping_all(subject.links, [peer.id for peer in book]))


async def _ping_all(links: Links, names: list[str]) -> list[Finding]:
    async def ping(name: str) -> Finding:
        try:
            async with asyncio.timeout(PING_SECONDS):
                return Finding("ok", await links.ping(name))
        except AlpiError as error:
            return Finding("failed", error.message, error.hint)
        except TimeoutError:
            return Finding(
                "failed", f"{name} did not answer within {PING_SECONDS:g} s", "Is that machine on, and in your network?"
            )

    try:
        found = await asyncio.gather(*(ping(name) for name in names))
    finally:
        await links.aclose()
    bad = [finding for finding in found if finding.state != "ok"]
    return bad or [Finding("ok", f"{counted(len(found), 'peer')} answer" + ("s" if len(found) == 1 else ""))]
