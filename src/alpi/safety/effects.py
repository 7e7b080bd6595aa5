"""Judging what is neither a path nor a command: memory, skills, peers, servers, the web. And any action in words."""

from __future__ import annotations

from .actions import (
    Action,
    AskPeer,
    CallServer,
    ChangeMemory,
    ChangeSkill,
    Effect,
    ReadPath,
    RunCommand,
    Verdict,
    WritePath,
)
from .tiers import Tier


def judge_effect(action: Effect) -> Verdict:
    """The verdict on an effect, in a conversation that has read nothing untrusted."""
    if isinstance(action, ChangeMemory):
        return Verdict(Tier.SAFE, f"{action.file} is changed; alpi memory undo takes it back")
    if isinstance(action, ChangeSkill):
        return Verdict(Tier.SAFE, f"the skill {action.skill} is changed; what it replaces is kept")
    if isinstance(action, AskPeer):
        return Verdict(Tier.SAFE, f"{action.peer} is a pinned peer")
    if isinstance(action, CallServer):
        return Verdict(
            Tier.CAUTION,
            f"a tool of the server {action.server} may do anything that server can",
            scope=f"mcp {action.server} {action.tool} {action.pin}",
            scope_text=f"the tool {action.tool} of {action.server}, with any arguments, as long as its description stays the same",
        )
    if action.private:
        return Verdict(Tier.CAUTION, f"the address holds {action.private}, which its owner would get to know")
    return Verdict(Tier.SAFE, "reading the web")


def described(action: Action) -> tuple[str, str]:
    """What an action is, for a person: one line, and the whole of what would happen (``""`` where the line says it)."""
    if isinstance(action, RunCommand):
        return ("Run in the background" if action.background else "Run"), action.command
    if isinstance(action, ReadPath):
        return f"Read {action.path}", ""
    if isinstance(action, WritePath):
        return f"Write {action.path}", action.preview
    if isinstance(action, ChangeMemory):
        return f"Change {action.file}", action.text
    if isinstance(action, ChangeSkill):
        return f"Change the skill {action.skill}", action.text
    if isinstance(action, AskPeer):
        return f"Ask {action.peer}", action.text
    if isinstance(action, CallServer):
        return f"Call {action.tool} of the MCP server {action.server}", action.arguments
    return "Fetch", action.url
