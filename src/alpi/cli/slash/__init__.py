"""The slash commands of the chat, one function each. Each gives Markdown to show, or a list to choose from."""

from __future__ import annotations

from ...tui.conversation import Choice
from . import changing, looking, talking
from .chat import Chat, Handler
from .table import COMMANDS

__all__ = ["COMMANDS", "Handler", "completions", "handlers"]


def handlers() -> dict[str, Handler]:
    """The function behind each command's name."""
    return {
        "/help": looking.show_help,
        "/new": talking.new,
        "/model": talking.model,
        "/memory": looking.memory,
        "/skills": looking.skills,
        "/status": looking.status,
        "/cost": looking.cost,
        "/sessions": talking.sessions,
        "/resume": talking.resume,
        "/compact": talking.compact,
        "/personality": changing.personality,
        "/tools": looking.tools,
        "/approvals": changing.approvals,
        "/undo": changing.undo,
        "/copy": talking.copy,
        "/export": talking.export,
        "/plain": talking.plain,
        "/exit": talking.leave,
        "/quit": talking.leave,
    }


def completions(chat: Chat, line: str) -> list[Choice]:
    """What a line that begins with a slash may become."""
    word, space, rest = line.partition(" ")
    if not space:
        return [
            Choice(f"{command.name} {command.takes}".strip(), command.name, command.summary)
            for command in COMMANDS
            if command.name.startswith(word)
        ]
    found: list[Choice] = []
    if word == "/model":
        found = [Choice(name, f"/model {name}") for name in talking.known_models(chat)]
    elif word == "/personality":
        found = [Choice(name, f"/personality {name}", summary) for name, summary in changing.personalities()]
    elif word == "/resume":
        found = talking.session_choices(chat)
    elif word == "/memory":
        found = [Choice(name, f"/memory {name}") for name in ("user", "memory", "personality")]
    wanted = rest.strip().casefold()
    return [choice for choice in found if wanted in choice.label.casefold() or wanted in choice.line.casefold()]
