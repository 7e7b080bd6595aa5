"""research: one worker with a context of its own looks into something and reports. It reads; it cannot write, run or send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Protocol

from msgspec import Meta, Struct

from ..agent.tool import Result, ToolContext, ToolError
from ..base.text import one_line
from ..providers.retry import ModelChain
from ..safety.actions import Action
from .text import plural

Depth = Literal["quick", "normal", "deep"]


class Bounds(Struct, frozen=True):
    """How far a worker may go: model calls, and tokens in all."""

    steps: int
    tokens: int


# Each step sends all that was read before it again (mostly cached), so the tokens grow with the square of the steps.
DEPTHS = MappingProxyType({"quick": Bounds(8, 150_000), "normal": Bounds(20, 600_000), "deep": Bounds(50, 2_500_000)})


class Report(Struct, frozen=True):
    """What a worker found. ``sources`` are the addresses and files that it read; ``outside``: some of them are others' text; ``whole`` is
    false where it had to stop before it was done; ``problem``: why it failed, or ``""``."""

    text: str
    sources: tuple[str, ...] = ()
    outside: bool = False
    whole: bool = True
    calls: int = 0
    problem: str = ""


class Worker(Protocol):
    """Does the work (cli/researching.py builds one for each brief)."""

    async def work(self, brief: str, bounds: Bounds, progress: Callable[[str], None]) -> Report:
        """Look into it. Cancelling stops it at once.

        Raises:
            AlpiError: it could not even begin.
        """
        ...

    @property
    def use(self) -> Callable[[ModelChain], None]:
        """Takes the model that is in use from now on."""
        ...


class Research:
    """Sends a worker out.

    Args:
        worker: does the work.
    """

    class Arguments(Struct, frozen=True):
        brief: Annotated[str, Meta(description="the question, what counts, what to leave out; it knows nothing else")]
        depth: Depth = "normal"

    name: ClassVar[str] = "research"
    description: ClassVar[str] = (
        "Have a worker read the web, files and earlier conversations and report with sources. For questions of many pages."
    )
    parallel: ClassVar[bool] = False

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def use(self, model: ModelChain) -> None:
        """See ``Toolbox.use``."""
        self._worker.use(model)

    def hint(self, args: Arguments) -> str:
        return f"{args.depth}: {one_line(args.brief, 80)}"

    def actions(self, args: Arguments, context: ToolContext) -> Sequence[Action]:
        return ()  # each of the worker's own calls passes the gate, with nobody to ask

    async def run(self, args: Arguments, context: ToolContext) -> Result:
        if not args.brief.strip():
            raise ToolError("brief is empty", "Say what is to be found out")
        report = await self._worker.work(args.brief, DEPTHS[args.depth], context.progress)
        text = report.text.strip() or f"(the worker has nothing to report{': ' * bool(report.problem)}{report.problem})"
        missing = [source for source in report.sources if source not in text]
        if missing:
            text += "\n\nRead for this:\n" + "\n".join(f"- {source}" for source in missing)
        if report.text.strip() and not report.whole:
            text += "\n\n(The worker had to stop before it was done; this is what it had.)"
        read = plural(len(report.sources), "source")
        source = f"research over {read}" if report.outside else ""
        return Result(text, f"{read}, {plural(report.calls, 'call')}", ok=bool(report.text.strip()), source=source)
