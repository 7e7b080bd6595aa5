"""Files that a person hands over with a message: text goes into it, pictures go with it. Judged like any other reading."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from ..agent.turn import Draft
from ..base.errors import Refused, UsageError
from ..base.message import Image
from ..safety.guarded import GuardedFiles
from ..safety.paths import PathGuard
from ..tools.read_file import LARGEST_PICTURE, picture_type
from ..tools.text import decode, is_binary

LARGEST_TEXT = 200_000


def draft_with(text: str, files: Sequence[str], guard: PathGuard, vision: bool) -> Draft:
    """A message with files attached.

    The person named each file, so one that only needs a yes is taken; one that is never read is refused here as well.

    Raises:
        UsageError: one is missing, too large, or of a kind that cannot be handed over.
        Refused: one holds secrets.
    """
    parts, images = [text] if text else [], []
    opened = GuardedFiles(guard, lambda path, access: access == "read")
    for name in files:
        try:
            data, real, state = opened.read(Path(name).expanduser().absolute(), max(LARGEST_PICTURE, LARGEST_TEXT) + 1)
        except Refused as error:
            raise Refused(f"{name} cannot be attached: {error.message}") from error
        except OSError as error:
            raise UsageError(f"{name} cannot be attached: {error.strerror or error}", "Check the path") from error
        kind = picture_type(data)
        if kind:
            if not vision:
                raise UsageError(
                    f"{name} is a picture and this model cannot see",
                    "Choose a model that sees, or set vision: true for it",
                )
            if state.size > LARGEST_PICTURE:
                raise UsageError(f"{name} is larger than {LARGEST_PICTURE >> 20} MB", "Make the picture smaller")
            images.append(Image(kind, base64.b64encode(data).decode(), real.name))
        elif is_binary(data):
            raise UsageError(f"{name} is a binary file", "Text and pictures can be attached")
        elif state.size > LARGEST_TEXT:
            raise UsageError(
                f"{name} is larger than {LARGEST_TEXT // 1000} kB of text",
                "Put it into the workspace and ask about it by name",
            )
        else:
            fence = "```"
            content = decode(data).text
            while fence in content:
                fence += "`"
            parts.append(f"{name}:\n{fence}\n{content.rstrip()}\n{fence}")
    return Draft("\n\n".join(parts), tuple(images))
