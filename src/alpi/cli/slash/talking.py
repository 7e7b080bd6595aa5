"""Slash commands about the conversation itself: a new one, another one, another model, summing up, taking it along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import AlpiError, UsageError
from ...base.text import one_line
from ...tui.conversation import Choice, Outcome
from .chat import Chat

if TYPE_CHECKING:
    from ...agent.surface import Surface

MOST_SESSIONS = 30
MODELS_SECONDS = 6.0


async def new(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/new``"""
    await chat.open(chat.runtime.sessions.create("chat"))
    return Outcome("A new conversation. Its memory is as it stands now.", "fresh")


async def model(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/model [PROVIDER/MODEL]``"""
    now = chat.chain.entries[0].full_name
    if rest:
        await chat.use(rest)
        return Outcome(
            f"This conversation goes on with **{rest}**. To use it from now on everywhere: `alpi config set model {rest}`",
            "redraw",
        )
    names = await offered_models(chat)
    choices = tuple(Choice(name, f"/model {name}", current=name == now) for name in names)
    return Outcome(f"The model is **{now}**.", choices=choices)


async def sessions(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/sessions``"""
    choices = session_choices(chat)
    if not choices:
        return Outcome("There are no earlier conversations yet.")
    return Outcome("Earlier conversations, the last one first:", choices=tuple(choices))


async def resume(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/resume [ID]``"""
    if not rest:
        return await sessions(chat, rest, surface)
    session = chat.runtime.sessions.open(rest)
    await chat.open(session)
    notes = "".join(f"\n- {warning}" for warning in session.warnings)
    return Outcome(f"Going on with session {session.id} ({len(session.messages)} messages).{notes}", "redraw")


async def compact(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/compact``"""
    from ...agent import events

    told: list[str] = []
    async for event in chat.agent.compact(chat.session, surface):
        chat.note(event)
        if isinstance(event, events.Compacted):
            told.append(
                f"{event.turns} older turns are now a summary: {event.before:,} tokens became {event.after:,}. "
                f"All of it stays on the disk: `alpi sessions show {chat.session.id}`"
            )
        elif isinstance(event, events.Notice):
            told.append(event.text)
        elif isinstance(event, events.Failed):
            raise AlpiError(event.message, event.hint)
    return Outcome("\n\n".join(told) or "There was nothing to sum up.")


async def copy(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/copy``"""
    from ...base.message import AssistantMessage

    for message in reversed(chat.session.messages):
        if isinstance(message, AssistantMessage) and message.text.strip():
            return Outcome("The last reply is copied.", copy=message.text.strip())
    return Outcome("There is no reply to copy yet.")


async def export(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/export [FILE]``: into the workspace, unless the path says otherwise; what exists is not replaced."""
    return _export(chat, rest)


def _export(chat: Chat, rest: str) -> Outcome:
    from ...base.files import storage_errors
    from ...state.sessions import to_markdown

    if not chat.session.messages:
        return Outcome("There is nothing to write down yet.")
    path = chat.workspace / Path(rest or f"{chat.session.id}.md").expanduser()
    with storage_errors(path, "write"):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(to_markdown(chat.session))
        except FileExistsError as error:
            raise UsageError(f"{path} exists already", "Name another file: /export FILE") from error
    return Outcome(f"Written to `{path}`.")


async def plain(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/plain``"""
    return Outcome(follow="plain")


async def leave(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/exit``"""
    return Outcome(follow="leave")


def known_models(chat: Chat) -> list[str]:
    """The models that the configuration names, the one in use first. Nobody is asked."""
    config = chat.runtime.config
    names = [chat.chain.entries[0].full_name, config.model, *config.fallback_models, *config.models]
    return list(dict.fromkeys(name for name in names if name))


async def offered_models(chat: Chat) -> list[str]:
    """Those, and what the providers in use say that they have; one that does not answer soon is left out."""
    import asyncio

    from ...base.errors import ProviderError

    found = known_models(chat)
    try:
        async with asyncio.timeout(MODELS_SECONDS):
            found += await chat.chain.models()
    except (TimeoutError, ProviderError):
        pass  # the person still has those of the configuration, and may type any other
    return list(dict.fromkeys(found))


def session_choices(chat: Chat) -> list[Choice]:
    return [
        Choice(
            one_line(info.title, 70) or "(empty)",
            f"/resume {info.id}",
            f"{info.changed.astimezone():%Y-%m-%d %H:%M}  {info.surface}",
            info.id == chat.session.id,
        )
        for info in chat.runtime.sessions.recent(MOST_SESSIONS)
    ]
