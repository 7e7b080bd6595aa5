"""Why something is not kept in memory, in words for the model and the person."""

from __future__ import annotations

from typing import Literal

from ...base.errors import AlpiError

Kind = Literal["duplicate", "full", "suspicious", "secret", "missing", "unclear", "form", "stands"]


class NotKept(AlpiError):
    """A change to memory that is not made. ``kind`` says why: a ``duplicate``; the file is ``full``; the text is ``suspicious`` or holds a
    ``secret``; the entry that is meant is ``missing`` or it is ``unclear`` which one; the text has the wrong ``form``; or something
    ``stands`` in the way of an undo."""

    def __init__(self, kind: Kind, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.kind = kind
