"""The MCP servers: each that is enabled connects, and offers what was approved."""

from __future__ import annotations

from . import Finding, Subject


def check_mcp(subject: Subject) -> list[Finding]:
    """Connect to the servers, each within its own limit."""
    if subject.servers is None or not subject.settings.mcp.servers:
        return [Finding("ok", "no server is configured")]
    return subject.servers() or [Finding("ok", "all servers are switched off")]
