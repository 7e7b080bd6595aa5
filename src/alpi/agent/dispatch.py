"""A tool call on its way: validate the arguments, let the gate judge, run the tool, fit its output. In this order, for all."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ..base.clock import Clock
from ..base.errors import AlpiError, Refused
from ..base.message import Image, ToolCall
from ..base.text import encodable, one_line
from ..providers.retry import ModelChain
from ..safety.actions import Asker, Decision
from ..safety.gate import Gate
from ..safety.guarded import GuardedFiles
from ..safety.paths import OUTSIDE
from ..safety.tiers import Tier
from ..safety.untrusted import Marks, fence
from .context import CHARS_PER_TOKEN, chars_within
from .outputs import OutputStore
from .tool import OwnSchema, ReadRecord, Tool, ToolContext

# What the lines around untrusted text take, about.
FENCE_CHARS = 300


class Outcome(msgspec.Struct, frozen=True):
    """A tool call that is over, in the form that the transcript and the surfaces need."""

    ok: bool
    text: str
    summary: str
    seconds: float = 0.0
    refused: bool = False
    diff: str = ""
    images: tuple[Image, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Toolbox:
    """The tools of one session and what they work with. ``tools`` is by name, in the order in which they are offered."""

    tools: Mapping[str, Tool[Any]]
    gate: Gate
    workspace: Path
    outputs: OutputStore
    clock: Clock
    output_chars: int
    vision: bool = False
    seen: ReadRecord = field(default_factory=ReadRecord)
    marks: Marks = field(default_factory=Marks)

    def prepare(self) -> None:
        """Let tools begin in the background what takes its time, as connecting to a server. Needs a running event loop."""
        for tool in self.tools.values():
            prepare = getattr(tool, "prepare", None)
            if prepare is not None:
                prepare()

    def use(self, model: ModelChain) -> None:
        """Another model answers from now on; tools that ask one ask this one."""
        for tool in self.tools.values():
            use = getattr(tool, "use", None)
            if use is not None:
                use(model)

    async def aclose(self) -> None:
        """End what tools have left running."""
        for tool in self.tools.values():
            close = getattr(tool, "aclose", None)
            if close is not None:
                await close()

    def parallel(self, call: ToolCall) -> bool:
        """Whether a call may run beside others."""
        tool = self.tools.get(call.name)
        return tool is not None and tool.parallel

    def hint(self, call: ToolCall) -> str:
        """What a call is about, in a few words; ``""`` where its arguments are wrong."""
        tool = self.tools.get(call.name)
        try:
            return tool.hint(parse_arguments(tool, call)) if tool is not None else ""
        except AlpiError:
            return ""

    async def run(
        self,
        call: ToolCall,
        offered: frozenset[str],
        asker: Asker,
        turn: str,
        progress: Callable[[str], None],
        tokens: int = 0,
    ) -> Outcome:
        """Carry out one call. Never raises but for cancellation: what goes wrong is an outcome that the model can act on.

        ``offered`` are the tools that the model was told of, ``turn`` is what an undo of the call's changes is found by, ``tokens``
        bounds what the model is shown of its output (0: only ``output_chars`` does).
        """
        started = self.clock.monotonic()
        chars = min(self.output_chars, tokens * CHARS_PER_TOKEN) if tokens else self.output_chars
        outcome = await self._run(call, offered, asker, turn, progress, chars)
        within = chars_within(outcome.text, tokens) if tokens else len(outcome.text)
        if within < len(outcome.text):
            chars = min(chars, within)
        # Names of files may hold bytes that are no text; neither a request nor an event can.
        text = encodable(outcome.text)
        if outcome.source:
            self.marks.add(outcome.source)
            text = fence(
                self.outputs.fit(call.id, call.name + OUTSIDE, text, max(200, chars - FENCE_CHARS)),
                outcome.source,
                _boundary,
            )
        else:
            text = self.outputs.fit(call.id, call.name, text, chars)
        return msgspec.structs.replace(
            outcome,
            seconds=round(self.clock.monotonic() - started, 3),
            text=text,
            summary=encodable(outcome.summary),
            diff=encodable(outcome.diff),
        )

    async def _run(
        self,
        call: ToolCall,
        offered: frozenset[str],
        asker: Asker,
        turn: str,
        progress: Callable[[str], None],
        chars: int,
    ) -> Outcome:
        tool = self.tools.get(call.name) if call.name in offered else None
        if tool is None:
            close = difflib.get_close_matches(call.name, offered, 1)
            meant = f" Did you mean {close[0]}?" if close else ""
            return Outcome(
                False,
                f"There is no tool {call.name!r}.{meant} The tools are: {', '.join(sorted(offered))}.",
                "unknown tool",
            )
        try:
            args = parse_arguments(tool, call)
            context = self._context(GuardedFiles(self.gate.guard, lambda path, access: False), progress, chars)
            actions = tool.actions(args, context)
            decision = await self.gate.permit(tool.name, actions, asker, self.workspace, self.marks.sources)
        except AlpiError as error:
            return Outcome(False, f"Error: {error}", error.message)
        if not decision.allowed:
            return _refusal(decision)
        return await run_tool(tool, args, self._context(self.gate.files(decision, tool.name, turn), progress, chars))

    def _context(self, files: GuardedFiles, progress: Callable[[str], None], chars: int) -> ToolContext:
        return ToolContext(self.workspace, files, self.seen, progress, chars, self.vision)


async def run_tool(tool: Tool[Any], args: Any, context: ToolContext) -> Outcome:
    """Run a tool that the gate has let through, and turn whatever comes of it into an outcome."""
    try:
        result = await tool.run(args, context)
    except Refused as error:
        lifted = error.hint or "Nothing lifts this"
        return Outcome(False, f"refused: {error.message}. {lifted}", error.message, refused=True)
    except AlpiError as error:
        return Outcome(False, f"Error: {error}", error.message)
    except OSError as error:
        where = f" {one_line(str(error.filename))}" if error.filename else ""
        return Outcome(False, f"Error: {error.strerror or error}{where}", f"{error.strerror or error}{where}")
    except Exception as error:  # noqa: BLE001 - a bug in one tool must not take the conversation with it
        return Outcome(
            False,
            f"Error: the tool {tool.name} itself failed: {type(error).__name__}: {error}",
            f"internal error: {error!r}",
        )
    return Outcome(result.ok, result.text, result.summary, diff=result.diff, images=result.images, source=result.source)


def parse_arguments(tool: Tool[Any], call: ToolCall) -> Any:
    """The arguments of a call as the tool's own Struct. Numbers and booleans written as text are understood.

    Raises:
        AlpiError: not JSON, or not what the tool takes; the message shows what it takes.
    """
    if isinstance(tool, OwnSchema):
        return tool.parse(call.arguments)
    takes = ", ".join(
        f"{name}{'' if info.required else ' (optional)'}"
        for name, info in ((f.name, f) for f in msgspec.structs.fields(tool.Arguments))
    )
    try:
        data = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        shown = call.arguments if len(call.arguments) <= 200 else call.arguments[:200] + "…"
        raise AlpiError(
            f"the arguments of {call.name} are not valid JSON ({error}): {shown}", f"It takes: {takes}"
        ) from error
    if not isinstance(data, dict):
        raise AlpiError(f"the arguments of {call.name} must be a JSON object", f"It takes: {takes}")
    # Many models fill in every argument; null and "" stand for one that they do not mean to give.
    left_out = {f.name for f in msgspec.structs.fields(tool.Arguments) if not f.required}
    unknown = set(data) - {f.name for f in msgspec.structs.fields(tool.Arguments)}
    if unknown:
        raise AlpiError(f"{call.name} has no argument {', '.join(sorted(unknown))}", f"It takes: {takes}")
    try:
        return msgspec.convert(
            {k: v for k, v in data.items() if k not in left_out or v not in (None, "")}, tool.Arguments, strict=False
        )
    except msgspec.ValidationError as error:
        raise AlpiError(f"the arguments of {call.name} are wrong: {error}", f"It takes: {takes}") from error


def _refusal(decision: Decision) -> Outcome:
    summary = "refused" if decision.tier is Tier.DANGEROUS else "not allowed"
    return Outcome(False, decision.reason, summary, refused=True)


def _boundary() -> str:
    """A word that no text can know beforehand."""
    return secrets.token_hex(6)
