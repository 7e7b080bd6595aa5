"""The scenes that the snapshots show, each played by keys over a made-up conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from alpi.agent import events
from alpi.agent.surface import Surface
from alpi.base.message import AssistantMessage, Reasoning, ToolCall, ToolMessage, UserMessage
from alpi.safety.actions import Question
from alpi.tui.conversation import Choice, Outcome
from tests.support.chats import Chat
from tests.support.made_up import HEADER, Step, Talk, ended, pause

WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ANSWER = """\
Almost. **Food is 80 euros short**: your notes say 60 a day for five days, see https://example.org/lisbon.

| item | notes | budget |
|---|---|---:|
| food | 300 | **220** |
| hotel | four nights | 540 |

```python
def total(items: list[int]) -> int:
    \"\"\"All of it.\"\"\"
    return sum(item for item in items if item > 0)  # refunds stay out
```

1. change `food` in *budget.csv*
2. book the tram
   - before the 20th
"""
DIFF = "--- a/budget.csv\n+++ b/budget.csv\n@@ -1,4 +1,4 @@\n item,planned\n flights,318\n-food,220\n+food,300\n tram tour,46\n"
LONG_DIFF = DIFF + "".join(f"@@ -{n} +{n} @@\n-row {n},{n}\n+row {n},{n + 1}\n" for n in range(10, 24))
RUN = Question(
    "Run a command in the workspace",
    "it installs code of others, which may do anything that you can do",
    "/home/ada/travel",
    "pip install geopy && python route.py --from lisbon --to sintra",
    "pip install geopy in /home/ada/travel",
    always=True,
)
CHANGE = Question("Change /home/ada/calendar/june.txt", "it is outside of the workspace", "/home/ada/travel", LONG_DIFF)


def asking(question: Question) -> Callable[[Surface], Awaitable[object]]:
    """A step that asks and waits for the answer, or until the turn is stopped."""

    async def step(surface: Surface) -> object:
        return await surface.ask(question)

    return step


TOOLS: tuple[Step, ...] = (
    events.TurnStarted("s-0923", HEADER.model),
    events.Thinking("The notes first, then the sums."),
    events.ToolStarted("1", "read_file", "lisbon.md"),
    events.ToolFinished("1", "read_file", True, "6 lines", "# Lisbon\n\nFood: 60 euros a day", 0.02),
    events.ToolStarted("2", "search_files", "flights"),
    events.ToolFinished("2", "search_files", True, "3 matches in 2 files", "budget.csv:2: flights,318", 1.5),
)
WHOLE: tuple[Step, ...] = (
    *TOOLS,
    events.ToolStarted("3", "edit_file", "budget.csv"),
    events.ToolFinished("3", "edit_file", True, "changed 1 line", "changed budget.csv", 0.01, diff=DIFF),
    events.ToolStarted("4", "shell", "curl https://example.org"),
    events.ToolFinished("4", "shell", False, "refused", "You said no.", 0.01, refused=True),
    events.Text(ANSWER),
    events.NotDone(("I have sent the mail",)),
    ended(ANSWER),
)
OLD = (
    UserMessage("1", WHEN, "What is in the notes?", surface="chat"),
    AssistantMessage(
        "2",
        WHEN,
        "",
        calls=(ToolCall("c1", "read_file", '{"path": "notes.md"}'),),
        reasoning=(Reasoning("I have to look."),),
        stop="tools",
    ),
    ToolMessage("3", WHEN, "c1", "read_file", "dentist\nThursday\n9:30"),
    AssistantMessage("4", WHEN, "The dentist, **Thursday 9:30**."),
    UserMessage("5", WHEN, "You said that it is done, but no tool did it.", surface="check"),
    AssistantMessage("6", WHEN, "Then it is not.", stop="interrupted"),
)
MODELS = (
    Choice("anthropic/claude-sonnet-4-6", "/model anthropic/claude-sonnet-4-6", "200k, sees pictures", current=True),
    Choice("ollama/qwen3", "/model ollama/qwen3", "runs here"),
    Choice("local/qwen2.5-coder-1.5b", "/model local/qwen2.5-coder-1.5b", "built in"),
)


@dataclass(frozen=True)
class Scene:
    """A conversation, and what a person does in it."""

    talk: Callable[[], Talk]
    play: Callable[[Chat], Awaitable[None]]
    size: int = 30
    options: Mapping[str, object] = field(default_factory=dict)


async def nothing(chat: Chat) -> None:
    """Just look."""


async def whole(chat: Chat) -> None:
    await chat.send("Does the Lisbon budget agree with my notes?")
    await chat.until_idle()


async def opened(chat: Chat) -> None:
    await whole(chat)
    await chat.press("tab", "up", "up", "up", "up", "enter", "down", "enter")


async def running(chat: Chat) -> None:
    await chat.send("Does the Lisbon budget agree with my notes?")
    await chat.until_seen("compiling")
    await chat.send("And book the tram, please")
    await chat.type("a second line\nof what comes next")


async def asked(chat: Chat) -> None:
    await chat.send("Go on, plan the route")
    await chat.until(lambda: len(chat.app.screen_stack) == 2)


async def picking(chat: Chat) -> None:
    await chat.send("/model")
    await chat.until_seen("Which model")


async def commands(chat: Chat) -> None:
    await chat.type("/m")


async def files(chat: Chat) -> None:
    await chat.type("Compare @b")
    await chat.until(lambda: "budget.csv" in chat.bars()["list"])


async def troubled(chat: Chat) -> None:
    await chat.send("Hello?")
    await chat.until_idle()
    await chat.send("/nonsense")
    await chat.until_seen("There is no")


async def helped(chat: Chat) -> None:
    await chat.send("/help")
    await chat.until_seen("leave")


def failing() -> list[Step]:
    return [
        events.TurnStarted("s-0923", HEADER.model),
        events.Retrying("anthropic is overloaded", 4, ""),
        events.Compacting(),
        events.Compacted(7, 61_000, 9_400),
        events.Notice("The log could not be written: the disk is full"),
        events.Failed(
            "No model could be reached", "Check the connection, or choose another one with /model", "timed out"
        ),
        ended(stop="failed", seconds=31),
    ]


HELP = """\
| command | what it does |
|---|---|
| `/new` | begin a new conversation |
| `/model [NAME]` | use another model |
| `/exit` | leave |

Everything else goes to the model. `//` sends a message that begins with a slash.
"""

SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        "empty": Scene(lambda: Talk(notes=["No workspace is set: this folder is used"]), nothing, 20),
        "turn": Scene(lambda: Talk([WHOLE]), whole, 50),
        "cards": Scene(lambda: Talk([WHOLE]), opened, 30),
        "running": Scene(
            lambda: Talk(
                [
                    [
                        *TOOLS,
                        events.ToolStarted("9", "shell", "make all"),
                        events.ToolProgress("9", "cc main.c\ncompiling"),
                        pause(60),
                    ]
                ]
            ),
            running,
        ),
        "question": Scene(lambda: Talk([[*TOOLS, asking(RUN)]]), asked),
        "change": Scene(lambda: Talk([[*TOOLS, asking(CHANGE)]]), asked),
        "pick": Scene(lambda: Talk(outcomes={"/model": Outcome("Which model?", choices=MODELS)}), picking, 24),
        "commands": Scene(Talk, commands, 20),
        "files": Scene(Talk, files, 20),
        "trouble": Scene(lambda: Talk([failing()], head=replace(HEADER, profile="work", cost_today=None)), troubled),
        "help": Scene(lambda: Talk(outcomes={"/help": Outcome(HELP)}), helped, 24),
        "resumed": Scene(lambda: Talk(messages=OLD, head=replace(HEADER, workspace=Path("/srv/site"))), nothing),
    }
)
