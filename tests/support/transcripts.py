"""What providers demand of a transcript, checked message by message."""

from __future__ import annotations

from collections.abc import Sequence

from alpi.base.message import AssistantMessage, Message, ToolMessage


def is_well_formed(transcript: Sequence[Message]) -> bool:
    """Whether every call has its result right behind it, in the order of the calls, and no result stands alone."""
    waiting: list[str] = []
    for message in transcript:
        if isinstance(message, ToolMessage):
            if not waiting or message.call_id != waiting.pop(0):
                return False
        elif waiting:
            return False
        elif isinstance(message, AssistantMessage):
            waiting = [call.id for call in message.calls]
    return not waiting
