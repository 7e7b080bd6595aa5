"""Builds an agent for one session. The only place that knows which concrete classes stand behind the agent's protocols."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.message import Message, UserMessage
from ..state.sessions import Session, new_id, well_formed

if TYPE_CHECKING:
    from ..agent.claims import DoneCall
    from ..agent.engine import Agent
    from ..providers.retry import ModelChain
    from ..state.memory import Note
    from .capped import Payer
    from .runtime import Runtime

NO_FURTHER = "this conversation was started by a peer, and goes no further than here: no other agent is asked in it"


def build_agent(
    runtime: Runtime,
    chain: ModelChain,
    session: Session,
    workspace: Path,
    *,
    accounts: Payer | None = None,
    peer: str = "",
) -> Agent:
    """An agent for one session.

    Args:
        accounts: who pays, where that is not the profile alone.
        peer: who has started the conversation, where that is a linked agent.
    """
    from ..agent.compaction import sources_of
    from ..agent.context import ContextRules
    from ..agent.dispatch import Toolbox
    from ..agent.engine import Agent
    from ..agent.outputs import OutputStore
    from ..agent.prompt import PromptBuilder
    from ..agent.todo import TodoList
    from ..agent.tool import spec_of
    from ..agent.turn import Parts
    from ..providers.textcalls import TextCalls
    from ..safety.untrusted import Marks
    from ..state.agentlog import AgentLog
    from ..tools import all_tools
    from .mcpwiring import mcp_tools
    from .skilling import Skilling
    from .webbing import WebTools, private_data

    limits, context = runtime.config.limits, runtime.config.context
    guard = runtime.guard(workspace)
    memory = runtime.memory
    snapshot = memory.snapshot()  # once: what is noted meanwhile stands in the transcript
    session.warnings += snapshot.notices
    todo = TodoList.from_messages(session.messages)
    marks = Marks(sources_of(session.active()), always=[f"requests of the peer {peer}"] if peer else [])
    commands, skilling = runtime.commands(guard), Skilling(runtime)
    tools = all_tools(
        commands,
        memory,
        lambda: note_of(session, bool(marks.sources)),
        todo,
        runtime.session_index,
        session.id,
        runtime.clock,
        runtime.links if runtime.links.peers() else None,
        NO_FURTHER if peer else "",
    )
    tools += (skilling.tool(commands),)
    asker = f"peer:{peer}" if peer else "person"
    tools += WebTools(runtime, chain, session, marks, workspace, guard, accounts, asker).tools()
    private = private_data(runtime, lambda: session.messages, marks)
    tools += () if peer else mcp_tools(runtime, guard, session.warnings.append, private, lambda: session.messages)
    toolbox = Toolbox(
        tools={tool.name: tool for tool in tools},
        gate=runtime.gate(guard, session),
        workspace=workspace,
        outputs=OutputStore(session.files, runtime.redact_late, limits.output_chars),
        clock=runtime.clock,
        output_chars=limits.output_chars,
        vision=chain.entries[0].settings.vision,
        marks=marks,
    )
    specs = tuple(spec_of(tool) for tool in tools)
    return Agent(
        Parts(
            model=chain,
            toolbox=toolbox,
            prompt=PromptBuilder(specs, runtime.config.language, memory=snapshot.text, skills=skilling.index()),
            clock=runtime.clock,
            new_id=new_id,
            steps=limits.steps,
            textcalls=lambda offered: TextCalls(offered, new_id),
            examples=examples_of,
            well_formed=lambda messages: well_formed(messages, runtime.clock.now()),
            log=AgentLog(runtime.paths.logs, runtime.clock, runtime.redact_late),
            accounts=accounts or runtime.accounts,
            todo=todo,
            unbacked=unbacked_claims,
            context=ContextRules(context.compact_at, context.keep_turns, context.window),
        )
    )


def note_of(session: Session, untrusted: bool) -> Note:
    """Where a change of memory comes from: the message that is being answered."""
    from ..agent.context import is_request
    from ..state.memory import Note

    asked = next((message for message in reversed(session.messages) if is_request(message)), None)
    surface = asked.surface if isinstance(asked, UserMessage) else session.surface
    return Note(session.id, surface, untrusted)


def unbacked_claims(text: str, calls: Sequence[DoneCall]) -> tuple[str, ...]:
    """What a reply claims and no call has done; the words to look for are loaded with the first reply."""
    from ..agent.claims import unbacked

    return unbacked(text, calls)


def examples_of(name: str, tools: Sequence[str]) -> Sequence[Message]:
    """The example exchanges of a set, as far as they need these tools; most models get none, and then nothing is loaded."""
    if not name:
        return ()
    from ..providers.examples import examples

    return examples(name, tools)
