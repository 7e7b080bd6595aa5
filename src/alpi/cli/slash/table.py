"""The names of the slash commands and what each does, in the order of ``/help``."""

from __future__ import annotations

from ...tui.conversation import Command

COMMANDS: tuple[Command, ...] = (
    Command("/help", "commands and keys"),
    Command("/new", "start a new conversation"),
    Command("/model", "show or change the model of this conversation", "[PROVIDER/MODEL]"),
    Command("/memory", "what alpi remembers", "[user|memory|personality]"),
    Command("/skills", "the skills of this profile"),
    Command("/status", "what is in use, and what fills each request"),
    Command("/cost", "what was used today", "[DAYS]"),
    Command("/sessions", "earlier conversations, to choose from"),
    Command("/resume", "go on with an earlier conversation", "[ID]"),
    Command("/compact", "sum up older turns now, to make room"),
    Command("/personality", "how alpi talks: personal, coder, ops, research", "[NAME]"),
    Command("/tools", "what the model can call"),
    Command("/approvals", "what you allowed for always", "[revoke NUMBER]"),
    Command("/undo", "take back what the last turn did to your files"),
    Command("/copy", "copy the last reply"),
    Command("/export", "write this conversation to a Markdown file", "[FILE]"),
    Command("/plain", "go on in the plain interface"),
    Command("/exit", "leave"),
)
