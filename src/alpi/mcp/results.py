"""What a server answers to a call, for a model: text in order, pictures for models that see, all else named. Never trusted."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from ..agent.tool import Result
from ..base.message import Image
from ..base.text import one_line

if TYPE_CHECKING:
    from mcp_types import CallToolResult

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
LARGEST_PICTURE = 4 << 20
MOST_PICTURES = 4
MOST_PARTS = 1000


def source_of(server: str) -> str:
    """How the marks of untrusted text name a server."""
    return f"the MCP server {server}"


def result_of(
    answer: CallToolResult, server: str, vision: bool, redact: Callable[[str], str] = lambda text: text
) -> Result:
    """The result of a call. ``vision``: the model can be shown pictures. ``redact`` takes secrets out of it, before the line for the
    person is cut from it: half a secret could not be found any more."""
    lines: list[str] = []
    images: list[Image] = []
    for part in answer.content[:MOST_PARTS]:
        text, image = _part(part, vision and len(images) < MOST_PICTURES)
        lines.append(text)
        images += [image] if image is not None else []
    if len(answer.content) > MOST_PARTS:
        lines.append(f"[{len(answer.content) - MOST_PARTS} more parts left out]")
    if answer.structured_content is not None and not any(part.type == "text" for part in answer.content):
        lines.append(msgspec.json.encode(answer.structured_content).decode())
    text = redact("\n".join(lines)) or "(no output)"
    failed = bool(answer.is_error)
    summary = f"failed: {one_line(text, 100)}" if failed else _summary(text, images)
    return Result(text, summary, images=tuple(images), ok=not failed, source=source_of(server))


def _summary(text: str, images: list[Image]) -> str:
    lines = text.count("\n") + 1
    what = one_line(text, 80) if lines == 1 else f"{lines} lines"
    return f"{what}, {len(images)} picture{'s' * (len(images) > 1)}" if images else what


def _part(part: Any, vision: bool) -> tuple[str, Image | None]:
    if part.type == "text":
        return part.text, None
    if part.type == "image":
        return _picture(part.data, part.mime_type, vision)
    if part.type == "audio":
        return f"[sound, {one_line(part.mime_type, 50)}, {_size(part.data)}: it cannot be heard here]", None
    if part.type == "resource_link":
        words = " ".join(filter(None, (part.title or part.name, part.description)))
        return f"[resource {one_line(part.uri, 500)}: {one_line(words, 500)}]", None
    if part.type == "resource":
        return _resource(part.resource, vision)
    return f"[a part of the kind {one_line(str(part.type), 50)}: not shown]", None


def _resource(resource: Any, vision: bool) -> tuple[str, Image | None]:
    name = one_line(resource.uri, 500)
    text = getattr(resource, "text", None)
    if text is not None:
        return f"[resource {name}]\n{text}", None
    kind = resource.mime_type or "unknown kind"
    if kind in PICTURES:
        return _picture(resource.blob, kind, vision)
    return f"[resource {name}: {one_line(kind, 50)}, {_size(resource.blob)}, not text]", None


def _picture(data: str, kind: str, vision: bool) -> tuple[str, Image | None]:
    about = f"[picture, {one_line(kind, 50)}, {_size(data)}"
    if kind not in PICTURES:
        return f"{about}: no kind that can be shown]", None
    if len(data) * 3 // 4 > LARGEST_PICTURE:
        return f"{about}: larger than {LARGEST_PICTURE >> 20} MB, not shown]", None
    if not vision:
        return f"{about}: not shown, because this model cannot see, or there are more than {MOST_PICTURES}]", None
    try:
        clean = base64.b64encode(base64.b64decode(data, validate=True)).decode()
    except (binascii.Error, ValueError):
        return f"{about}: broken]", None
    return f"{about}]", Image(kind, clean, "picture")


def _size(data: str) -> str:
    return f"{len(data) * 3 // 4 / 1000:,.1f} kB"
