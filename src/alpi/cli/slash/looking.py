"""Slash commands that show something and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.errors import UsageError
from ...base.text import escaped
from ...tui.conversation import Header, Outcome
from .chat import Chat
from .table import COMMANDS

if TYPE_CHECKING:
    from ...agent.surface import Surface

COST_COLUMNS = 76


async def show_help(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/help``"""
    rows = [
        f"| `{command.name}{' ' + command.takes if command.takes else ''}` | {command.summary} |"
        for command in COMMANDS
    ]
    keys = (
        "Type a message and press Enter; while alpi works you can type the next one. `@name` hands over a file. "
        "A line that ends in `\\` goes on in the next one. Esc or Ctrl-C stops what alpi is doing; Ctrl-D leaves. "
        "`//text` sends text that begins with a slash."
    )
    # In a table the bar of user|memory would be a column.
    table = "\n".join(
        ["| command | what it does |", "|---|---|", *(row.replace("user|memory|", "user\\|memory\\|") for row in rows)]
    )
    return Outcome(f"{table}\n\n{keys}")


async def memory(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/memory [FILE]``"""
    from ...state.memory import FILES

    if rest and rest not in FILES:
        raise UsageError(f"there is no memory file {rest!r}", f"There is: {', '.join(FILES)}")
    store = chat.runtime.memory
    lines: list[str] = []
    for file in [rest] if rest else FILES:
        state = store.state(file)
        bad = {held.words: held.reason for held in store.suspicious(file)}
        lines += [f"**{FILES[file]}** {state.used:,} of {state.limit:,} characters", ""]
        for words in state.entries:
            lines.append("- " + escaped(words).replace("\n", "\n  "))
            if words in bad:
                lines.append(f"  - kept from the model: {escaped(bad[words])}")
        lines += [] if state.entries else ["(empty)"]
        lines.append("")
    lines.append(f"Plain files in `{store.path('memory').parent}`. Changes: `alpi memory log`, `why`, `undo`, `edit`")
    return Outcome("\n".join(lines))


async def skills(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/skills``"""
    from ..skilling import Skilling

    skilling = Skilling(chat.runtime)
    found = list(skilling.store.found())
    if not found:
        return Outcome(f"There are no skills in `{skilling.folder}`. `alpi skills install` brings some in.")
    return Outcome(
        "\n".join(
            f"- `{skill.full_name}` {escaped(skill.description)}"
            if skill is not None
            else f"- not usable: {escaped(problem)}"
            for skill, problem in found
        )
    )


async def status(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/status``"""
    from ...base.message import AssistantMessage
    from ...tui.terminal import tilde

    header, paths = chat.header(), chat.runtime.paths
    used = (
        f"{header.context:,} of {header.window:,} tokens" if header.context else f"window of {header.window:,} tokens"
    )
    rows = [
        ("model", header.model),
        ("workspace", tilde(str(chat.workspace))),
        ("profile", f"{paths.name} ({tilde(str(paths.home))})"),
        ("session", f"{chat.session.id}, {len(chat.session.messages)} messages"),
        ("context", used),
        ("others' text", _read_of_others(chat)),
        ("today", _spent(header)),
    ]
    usage = [
        message.usage for message in chat.session.messages if isinstance(message, AssistantMessage) and message.usage
    ]
    if usage:
        last = usage[-1]
        fresh = last.input - last.cached
        rows.append(("last call", f"{last.cached:,} cached and {fresh:,} fresh tokens in, {last.output:,} out"))
    sizes = chat.agent.prompt_sizes()
    lines = ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows), ""]
    lines += [
        f"Every request begins with about {sum(count for _, count in sizes):,} tokens:",
        "",
        "| part | tokens |",
        "|---|---:|",
    ]
    lines += [f"| {name} | {count:,} |" for name, count in sizes]
    return Outcome("\n".join(lines))


def _read_of_others(chat: Chat) -> str:
    """Whose texts the conversation has read: what has effects in it is asked about."""
    from ...safety.untrusted import named

    sources = chat.agent.toolbox.marks.sources
    return escaped(named(sources)).replace("|", "\\|") if sources else "none was read"


def _spent(header: Header) -> str:
    """What was used today, in words."""
    cost = (
        "of unknown price" if header.cost_today is None else f"{header.cost_today:.4f} USD".replace(".0000 USD", " USD")
    )
    return f"{cost}{f', {header.budget}' if header.budget else ''}"


async def cost(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/cost [DAYS]``"""
    from datetime import timedelta

    from ...tui.terminal import Style
    from ..cost import gather, render

    if rest and not (rest.isdigit() and 0 < int(rest) <= 366):
        raise UsageError(f"{rest!r} is no number of days", "For example: /cost 7")
    accounts = chat.runtime.accounts
    today = accounts.ledger.date_of(chat.runtime.clock.now())
    view = gather(accounts, today - timedelta(days=int(rest or 1) - 1), today, today, None)
    lines = render(view, chat.runtime.clock.now(), COST_COLUMNS, False, Style(False))
    return Outcome("```\n" + "\n".join(lines) + "\n```")


async def tools(chat: Chat, rest: str, surface: Surface) -> Outcome:
    """``/tools``"""
    from ...agent.prompt import estimate_tokens, schema_text
    from ...agent.tool import spec_of

    offered = {name for name, _ in chat.agent.prompt_sizes()}
    rows = []
    for tool in chat.agent.toolbox.tools.values():
        tokens = estimate_tokens(schema_text(spec_of(tool)))
        shown = "" if tool.name in offered else " (not offered to this model)"
        unasked = getattr(tool, "unasked", "")
        shown += f" ({escaped(unasked)})" if unasked else ""
        rows.append(f"| `{tool.name}` | {tokens} | {tool.description.split('. ')[0].rstrip('.')}{shown} |")
    return Outcome("\n".join(["| tool | tokens | what it does |", "|---|---:|---|", *rows]))
