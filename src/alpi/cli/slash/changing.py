"""Slash commands that change what stands on the disk, after showing it and asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.errors import AlpiError, UsageError
from ...base.text import escaped, one_line
from ...tui.conversation import Choice, Outcome
from .chat import Chat

if TYPE_CHECKING:
    from ...agent.surface import Surface

MOST_DIFF = 200


async def personality(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/personality [NAME]``"""
    from ...safety.actions import Answer, Question
    from ...state.memory import Note, preset

    store = chat.runtime.memory
    now = store.text("personality")
    if not rest:
        choices = tuple(
            Choice(name, f"/personality {name}", summary, current=preset(name) == now)
            for name, summary in personalities()
        )
        shown = f"The personality now:\n\n{escaped(now).strip()}\n\n" if now.strip() else ""
        return Outcome(f"{shown}Choose one to see it; nothing is installed without a yes.", choices=choices)
    text = preset(rest)
    if text == now:
        return Outcome(f"{rest} is your personality already.")
    why = (
        "it replaces the one that stands there, which is kept in the history"
        if now.strip()
        else "it becomes PERSONALITY.md"
    )
    question = Question(f"Make {rest} the personality", why, str(store.path("personality").parent), text)
    if not surface.attended or await surface.ask(question) is Answer.NO:
        return Outcome("Nothing was changed.")
    store.install_personality(rest, Note(chat.session.id, surface.name))
    chat.remember()
    return Outcome(f"{rest} is the personality from the next message on. To take it back: `alpi memory undo`")


def personalities() -> list[tuple[str, str]]:
    """The presets, each as (name, its first rule)."""
    from ...state.memory import preset, preset_names

    return [
        (name, next((line[2:] for line in preset(name).splitlines() if line.startswith("- ")), ""))
        for name in preset_names()
    ]


async def approvals(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/approvals [revoke NUMBER]``"""
    from ...state.approvals import ApprovalStore
    from ..mcptrust import reading_tools

    store = ApprovalStore(chat.runtime.paths.approvals, chat.runtime.clock, chat.runtime.redact_late)
    if store.problem:
        raise AlpiError(store.problem)
    word, _, number = rest.partition(" ")
    if word == "revoke":
        gone = store.revoke(number.split())
        return Outcome("\n".join(f"Taken back: {escaped(approval.text)}" for approval in gone))
    if word:
        raise UsageError(f"/approvals cannot {word}", "/approvals lists them, /approvals revoke 3 takes number 3 back")
    found, said = store.list(), reading_tools(chat.runtime.paths)
    more = "".join(f"\n- {line}" for line in said)
    if not found:
        nothing = "Nothing is allowed for always. What you allowed for this session ends with it."
        return Outcome(f"{nothing}\n{more}".strip())
    choices = tuple(
        Choice(
            f"{approval.number}  {escaped(approval.tool)}: {one_line(escaped(approval.text))}",
            f"/approvals revoke {approval.number}",
            f"since {approval.created.astimezone():%Y-%m-%d %H:%M}{', ran out' if store.expired(approval) else ''}",
        )
        for approval in found
    )
    return Outcome(f"{more}\n\nAllowed for always. Choose one to take it back:".strip(), choices=choices)


async def undo(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/undo``: shows the changes, asks, and puts back what stood there before."""
    from ...safety.actions import Answer, Question
    from ...state.undo import State, UndoStore
    from ..undo import writer

    store = UndoStore(chat.runtime.paths.undo, chat.runtime.clock)
    turn = store.newest(chat.session.id)
    if turn is None:
        return Outcome("No turn of this conversation has changed files, or all are taken back already.")
    plans = store.plan(turn)
    restorable = [plan for plan in plans if plan.state is State.RESTORABLE]
    stays = [
        f"- {escaped(str(plan.path))} stays: {plan.detail}"
        for plan in plans
        if plan.state not in (State.RESTORABLE, State.SAME)
    ]
    if not restorable:
        return Outcome("\n".join(["Nothing is put back.", "", *stays]))
    question = Question(
        what=f"put back {len(restorable)} file{'s' if len(restorable) > 1 else ''} as before the turn of {turn.started.astimezone():%H:%M}",
        why="this is what would change",
        folder=str(chat.workspace),
        preview="\n".join(_first_lines(plan.diff, MOST_DIFF) for plan in restorable),
    )
    if not surface.attended or await surface.ask(question) is Answer.NO:
        return Outcome("Nothing was changed.")
    result = store.restore(turn, writer(chat.guard, turn), frozenset())
    lines = [f"- put back {escaped(str(path))}" for path in result.files]
    lines += [f"- {escaped(str(path))} stays as it is: {escaped(why)}" for path, why in result.left]
    return Outcome(
        "\n".join([*lines, *stays, "", f"To take this back: `alpi undo {result.turn}`" if result.turn else ""])
    )


def _first_lines(text: str, most: int) -> str:
    lines = text.split("\n")
    return text if len(lines) <= most else "\n".join([*lines[:most], f"… {len(lines) - most} more lines"])
