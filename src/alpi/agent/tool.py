"""The Tool protocol: what the engine knows of a tool, what a tool is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import msgspec

from ..base.errors import AlpiError
from ..base.message import Image
from ..providers.types import ToolSpec
from ..safety.actions import Action
from ..safety.guarded import FileState, GuardedFiles

Args = TypeVar("Args", bound=msgspec.Struct, contravariant=True)


class ToolError(AlpiError):
    """A tool cannot do what it was asked, in words for the model: what is wrong, and what would work."""


class Result(msgspec.Struct, frozen=True):
    """What a tool gives back: ``text`` for the model, ``summary`` for the person (one line), ``diff`` where a file changed. ``ok`` is
    false where what it ran has failed, as a command with another exit status than 0. ``source``: ``text`` was written by others than
    the person and alpi, and where, in a few words (``the web page https://...``); it is fenced, and the conversation marked."""

    text: str
    summary: str = ""
    diff: str = ""
    images: tuple[Image, ...] = ()
    ok: bool = True
    source: str = ""


class ReadRecord:
    """Which files were read in this session, and in what state: an edit must not overwrite what nobody has seen."""

    def __init__(self) -> None:
        self._seen: dict[Path, FileState] = {}

    def note(self, real: Path, state: FileState) -> None:
        self._seen[real] = state

    def get(self, real: Path) -> FileState | None:
        return self._seen.get(real)


class ToolContext(msgspec.Struct, frozen=True):
    """What a tool is given for one call. ``files`` is its only way to the disk."""

    workspace: Path
    files: GuardedFiles
    seen: ReadRecord
    progress: Callable[[str], None]
    output_chars: int
    vision: bool

    def path(self, text: str) -> Path:
        """A path as the model wrote it: relative to the workspace, or with ``~``; absolute, links not resolved.

        Raises:
            ToolError: it cannot be a path.
        """
        if not text.strip() or "\0" in text:
            raise ToolError(f"{text!r} is not a path", "Give a path relative to the workspace")
        try:
            path = Path(text).expanduser()
        except RuntimeError as error:
            raise ToolError(f"{text!r}: there is no such home folder") from error
        return path if path.is_absolute() else self.workspace / path

    def shown(self, path: Path) -> str:
        """A path for people and models: relative where it lies in the workspace."""
        try:
            return str(path.relative_to(self.workspace))
        except ValueError:
            return str(path)


class Tool(Protocol[Args]):
    """One tool. ``parallel``: it only reads, so calls may run side by side."""

    name: ClassVar[str]
    description: ClassVar[str]
    parallel: ClassVar[bool]

    @property
    def Arguments(self) -> type[msgspec.Struct]:
        """The Struct that a call's arguments must fit."""
        ...

    def hint(self, args: Args) -> str:
        """What this call is about, in a few words."""
        ...

    def actions(self, args: Args, context: ToolContext) -> Sequence[Action]:
        """All that this call will do to the world, for the gate. Must not do any of it, nor fail on what the run will report."""
        ...

    async def run(self, args: Args, context: ToolContext) -> Result:
        """Do it. Blocking work belongs into a thread.

        Raises:
            AlpiError: it could not be done; the message goes to the model.
        """
        ...


@runtime_checkable
class OwnSchema(Protocol):
    """A tool whose arguments others have described: it brings its schema along, and reads a call's arguments itself."""

    spec: ToolSpec

    def parse(self, text: str) -> msgspec.Struct:
        """The arguments of a call, from JSON.

        Raises:
            AlpiError: they are not what the tool takes.
        """
        ...


def spec_of(tool: Tool[Any]) -> ToolSpec:
    """The tool as a model is told of it: its Struct as a JSON Schema, without the parts that cost tokens and say nothing."""
    if isinstance(tool, OwnSchema):
        return tool.spec
    schema = msgspec.json.schema(tool.Arguments)
    body = next(iter(schema.pop("$defs").values()))
    return ToolSpec(
        tool.name,
        tool.description,
        {
            "type": "object",
            "properties": {
                name: {k: v for k, v in field.items() if k != "default"} for name, field in body["properties"].items()
            },
            "required": body.get("required", []),
        },
    )
