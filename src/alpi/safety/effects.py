"""Judging what is neither a path nor a command: memory, skills, peers, servers, the web. And any action in words."""

from __future__ import annotations

from .actions import (
    Action,
    ActOnPage,
    AskPeer,
    CallServer,
    ChangeMemory,
    ChangeSkill,
    Effect,
    ReadPath,
    RunCommand,
    RunSkill,
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
    if isinstance(action, RunSkill):
        if action.vouched:
            return Verdict(Tier.SAFE, f"{action.script} is as it was installed, and runs in the sandbox")
        return Verdict(
            Tier.CAUTION,
            f"{action.script} of the skill {action.skill} is a program that you have not been shown",
            scope=f"skill {action.skill} {action.script} {action.digest}",
            scope_text=f"{action.script} of {action.skill}, with any arguments, as long as the skill's files stay the same",
        )
    if isinstance(action, AskPeer):
        return Verdict(Tier.SAFE, f"{action.peer} is a pinned peer")
    if isinstance(action, CallServer):
        if action.declared:
            return _declared(action)
        return Verdict(
            Tier.CAUTION,
            f"a tool of the server {action.server} may do anything that server can",
            scope=f"mcp {action.server} {action.tool} {action.pin}",
            scope_text=f"the tool {action.tool} of {action.server}, with any arguments, as long as its description stays the same",
        )
    if action.secret:
        return Verdict(Tier.DANGEROUS, f"it holds {action.private}, which never leaves")
    if action.private:
        return Verdict(Tier.CAUTION, f"it holds {action.private}, which others would get to know")
    if isinstance(action, ActOnPage):
        return Verdict(
            Tier.CAUTION,
            f"{action.host} may do anything with what is typed or pressed there, in your name",
            scope=f"browser {action.host}",
            scope_text=f"typing and pressing on pages of {action.host}",
        )
    return Verdict(Tier.SAFE, "reading the web")


def _declared(action: CallServer) -> Verdict:
    """The verdict on a call of a tool that only reads, by the owner's word: what is asked is judged as a query to the web is, and no
    earlier yes covers what speaks against it."""
    if action.secret:
        return Verdict(Tier.DANGEROUS, f"it holds {action.private}, which never leaves")
    held = f"it holds {action.private}, which {action.server} would get to know" if action.private else ""
    against = " and ".join(filter(None, (held, action.doubt)))
    if against:
        return Verdict(Tier.CAUTION, f"you have said that {action.tool} of {action.server} only reads, but {against}")
    return Verdict(Tier.SAFE, f"you have said that {action.tool} of {action.server} only reads")


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
    if isinstance(action, RunSkill):
        return f"Run {action.script} of the skill {action.skill}", f"{action.script} {action.arguments}".strip() + (
            f"\n\n{action.shown}" if action.shown else ""
        )
    if isinstance(action, AskPeer):
        return f"Ask {action.peer}", action.text
    if isinstance(action, CallServer):
        return f"Call {action.tool} of the MCP server {action.server}", action.arguments
    if isinstance(action, ActOnPage):
        return f"On the page of {action.host}", action.what
    return "Fetch", action.url
